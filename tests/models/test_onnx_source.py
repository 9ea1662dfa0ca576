from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, input_x_gradient, occlusion
from modelaudit.language import registry
from modelaudit.language.errors import AttributionError, ModelError
from modelaudit.language.sample import Preprocessing
from modelaudit.models import frozen_on, open_model, runs_code

onnx = pytest.importorskip("onnx", reason="the optional extra 'onnx' is not installed")
TensorProto, helper, numpy_helper = onnx.TensorProto, onnx.helper, onnx.numpy_helper

IMAGENET = "mean=0.485,0.456,0.406&std=0.229,0.224,0.225"
SIZE = 16


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.second, self.head = nn.Conv2d(8, 6, 3, stride=2), nn.Linear(6, 4)
        for parameter in self.parameters():
            parameter.requires_grad_(False).copy_(torch.rand(parameter.shape, generator=generator) - 0.5)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.norm(self.conv(x)).relu(), 2)
        return self.head(self.second(x).relu().mean((2, 3)))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real export: any number of images, weights in a file beside the graph."""
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    batch = torch.export.Dim("batch", min=1, max=256)
    torch.onnx.export(
        Net(), (torch.rand(2, 3, SIZE, SIZE),), path, dynamic_shapes=({0: batch},), external_data=True, verbose=False
    )
    assert path.with_name("net.onnx.data").is_file()
    return path


def pixels(count: int = 5) -> Tensor:
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


WEIGHTS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def graph(
    path: Path,
    shape: list[int | str],
    *,
    kind: int = TensorProto.FLOAT,
    outputs: tuple[str, ...] = ("logits",),
    weights: np.ndarray = WEIGHTS,
    domain: str = "",
) -> Path:
    """The channels' means over the image times a matrix, as a file; "features" has rank 4, "map" too."""
    axes = [1, 2] if shape[3] == 3 else [2, 3]
    nodes = [
        helper.make_node("Cast", ["images"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["cast", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["logits"], domain=domain),
        helper.make_node("Mul", ["logits", "logits"], ["squares"]),
        helper.make_node("Identity", ["cast"], ["features"]),
    ]
    ranks = {"logits": ["batch", 4], "squares": ["batch", 4], "features": [None] * 4}
    made = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("images", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ranks[name]) for name in outputs],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array(axes), "axes")],
    )
    opsets = [helper.make_opsetid("", 18), *([helper.make_opsetid(domain, 1)] if domain else [])]
    onnx.save(helper.make_model(made, opset_imports=opsets, ir_version=9), path)
    return path


def opened(path: Path, options: str = "", **given: object):  # type: ignore[no-untyped-def]
    return open_model(f"onnx:{path.name}?resize={SIZE}&crop={SIZE}{options}", root=path.parent, **given)


def test_an_exported_network_gives_the_logits_of_the_network(exported: Path) -> None:
    loaded = opened(exported, f"&{IMAGENET}")
    assert loaded.outputs == 4 and loaded.input_size == (SIZE, SIZE) and loaded.parameters == 0
    assert not loaded.differentiable
    assert loaded.preprocessing == Preprocessing(SIZE, SIZE, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    plain = open_model(Net(), root=Path(), preprocessing=loaded.preprocessing)
    for count in (1, 5):
        with frozen_on(loaded, "cpu") as ours, frozen_on(plain, "cpu") as theirs:
            torch.testing.assert_close(ours(pixels(count)), theirs(pixels(count)), rtol=0, atol=1e-5)
    assert loaded.probe_digest == plain.probe_digest


def test_occlusion_maps_are_those_of_the_network(exported: Path) -> None:
    loaded = opened(exported)
    plain = open_model(Net(), root=Path(), preprocessing=loaded.preprocessing)
    maps = []
    for one in (loaded, plain):
        with frozen_on(one, "cpu") as model, torch.no_grad():
            selector = torch.eye(4)[[0, 1, 2, 3, 0]]
            asked = AttributionInput(model, pixels(), selector, (model(pixels()) * selector).sum(1), rows=8)
            maps.append(registry.entry_of(occlusion()).function(occlusion(), asked).values)
    assert float(maps[1].abs().max()) > 1e-3
    torch.testing.assert_close(maps[0], maps[1], rtol=0, atol=1e-5)


def test_gradient_methods_are_refused(exported: Path) -> None:
    with frozen_on(opened(exported), "cpu") as model:
        asked = AttributionInput(model, pixels(1), torch.eye(4)[:1], torch.zeros(1))
        with pytest.raises(AttributionError, match="no gradient leads"):
            registry.entry_of(input_x_gradient()).function(input_x_gradient(), asked)


def test_the_fingerprint_covers_the_graph_and_the_weights_next_to_it(exported: Path, tmp_path: Path) -> None:
    def copied(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for file in exported.parent.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        return folder / exported.name

    same, moved = opened(copied("same")), copied("weights")
    assert same.fingerprint == opened(exported).fingerprint  # wherever the file lies
    weights = moved.with_name("net.onnx.data")
    content = bytearray(weights.read_bytes())
    content[1] ^= 1  # the last bits of a mantissa: the coarse digest of the output does not see it
    weights.write_bytes(content)
    changed = opened(moved)
    assert changed.fingerprint != same.fingerprint and changed.probe_digest == same.probe_digest
    other = copied("graph")
    model = onnx.load(other, load_external_data=False)
    model.producer_version = "2"
    other.write_bytes(model.SerializeToString())
    assert opened(other).fingerprint != same.fingerprint


@pytest.mark.parametrize(
    ("kind", "scale"),
    [
        (TensorProto.FLOAT, 1.0),
        (TensorProto.DOUBLE, 1.0),
        (TensorProto.FLOAT16, 1.0),
        (TensorProto.UINT8, 255.0),
    ],
)
@pytest.mark.parametrize("shape", [["b", 3, SIZE, SIZE], ["b", SIZE, SIZE, 3], ["b", 3, "h", "w"], [2, 3, None, None]])
def test_layout_type_size_and_batch_are_read_off_the_graph(
    tmp_path: Path, shape: list[int | str], kind: int, scale: float
) -> None:
    loaded = opened(graph(tmp_path / "net.onnx", shape, kind=kind))
    expected = pixels().mean((2, 3)) * scale @ torch.from_numpy(WEIGHTS)
    found = loaded.pixel_model(pixels())
    assert found.dtype == torch.float32 and found.shape == (5, 4)
    coarse = {TensorProto.UINT8: 0.3, TensorProto.FLOAT16: 1e-3}.get(kind, 1e-5)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=coarse)


def test_a_graph_that_leaves_its_layout_open_needs_the_option(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", ["b", "c", "h", "w"])
    with pytest.raises(ModelError, match=r"leaves open where the channels are; add \?layout=NCHW"):
        opened(path)
    assert opened(path, "&layout=NCHW").outputs == 4
    with pytest.raises(ModelError, match="did you mean 'NCHW'"):
        opened(path, "&layout=NCHV")


def test_the_first_output_of_rank_two_is_taken_or_the_one_that_is_named(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", ["b", 3, SIZE, SIZE], outputs=("features", "logits", "squares"))
    logits = opened(path).pixel_model(pixels())
    torch.testing.assert_close(opened(path, "&output=squares").pixel_model(pixels()), logits**2)
    with pytest.raises(ModelError, match="no output 'square'; did you mean 'squares'"):
        opened(path, "&output=square")
    with pytest.raises(ModelError, match=r"output 'features': 1 images gave scores of shape \[1, 3, 16, 16\]"):
        opened(path, "&output=features")
    only = graph(tmp_path / "map.onnx", ["b", 3, SIZE, SIZE], outputs=("features",))
    with pytest.raises(ModelError, match=r"no output is \[images, classes\] \(tensors: features of rank 4\)"):
        opened(only)


def test_a_graph_of_other_images_is_refused(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", ["b", 4, SIZE, SIZE], weights=np.ones((4, 4), dtype=np.float32))
    with pytest.raises(ModelError, match="is not that of RGB or grey images in any layout"):
        opened(path)
    with pytest.raises(ModelError, match="is not that of RGB or grey images NCHW"):
        opened(path, "&layout=NCHW")


def test_a_graph_of_grey_images_brings_its_channel(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", ["b", 1, SIZE, SIZE], weights=np.ones((1, 4), dtype=np.float32))
    loaded = opened(path, "&mean=0.5&std=0.25")
    assert (loaded.preprocessing.channels, loaded.preprocessing.mean) == (1, (0.5,))
    grey = (pixels(2) * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1).mean((1, 2))
    torch.testing.assert_close(loaded.pixel_model(pixels(2)), ((grey - 0.5) / 0.25)[:, None].expand(-1, 4))
    with pytest.raises(ModelError, match="3 values for one channel"):
        opened(path, f"&{IMAGENET}")


def test_another_size_than_the_graph_takes_is_an_error_that_names_both(tmp_path: Path) -> None:
    graph(tmp_path / "net.onnx", ["b", 3, SIZE, SIZE])
    with pytest.raises(ModelError, match=r"takes images of 16 x 16, not 24 x 24; say so with Preprocessing"):
        open_model("onnx:net.onnx?resize=24", root=tmp_path)
    small = graph(tmp_path / "small.onnx", ["b", 3, 32, 32])
    assert open_model(f"onnx:{small.name}", root=tmp_path, preprocessing=Preprocessing()).input_size == (32, 32)


def test_preprocessing_comes_from_the_reference_or_from_the_audit_and_must_come(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", ["b", 3, "h", "w"])
    assert path.is_file()
    loaded = open_model("onnx:net.onnx?resize=20x24&std=0.5&interpolation=bicubic", root=tmp_path)
    assert loaded.preprocessing == Preprocessing((20, 24), None, std=(0.5, 0.5, 0.5), interpolation="bicubic")
    with pytest.raises(ModelError, match="nothing says how its input is prepared"):
        open_model("onnx:net.onnx", root=tmp_path)
    assert open_model("onnx:net.onnx", root=tmp_path, preprocessing=Preprocessing(16)).input_size == (16, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("resize=large", "write e.g. resize=224"),
        ("crop=1x2x3", "write e.g. crop=224"),
        ("resize=0", "write e.g. resize=224"),
        ("mean=a", "mean=0.485,0.456,0.406"),
        ("mean=0.5,0.5", "three, one a channel"),
        ("outputs=3", "unknown option 'outputs'; did you mean 'output'"),
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path: Path, options: str, message: str) -> None:
    graph(tmp_path / "net.onnx", ["b", 3, SIZE, SIZE])
    with pytest.raises(ModelError, match=message):
        open_model(f"onnx:net.onnx?{options}", root=tmp_path)


def test_uint8_graphs_refuse_normalisation(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", ["b", 3, SIZE, SIZE], kind=TensorProto.UINT8)
    with pytest.raises(ModelError, match="uint8 images are pixel values"):
        opened(path, f"&{IMAGENET}")


def test_files_that_are_no_graph_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no file .*none\.onnx"):
        open_model("onnx:none.onnx", root=tmp_path)
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(ModelError, match=r"text\.onnx: "):
        open_model("onnx:text.onnx", root=tmp_path)


def test_operators_of_other_libraries_are_refused(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", ["b", 3, SIZE, SIZE], domain="com.example")
    with pytest.raises(ModelError, match="standard operators only"):
        opened(path)


def test_weights_that_are_elsewhere_or_missing_are_refused(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "net.onnx").write_bytes(exported.read_bytes())
    with pytest.raises(ModelError, match=r"'net.onnx.data' are missing next to it; copy net.onnx.data"):
        opened(folder / "net.onnx")
    (tmp_path / "net.onnx.data").write_bytes(exported.with_name("net.onnx.data").read_bytes())
    model = onnx.load(exported, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "../net.onnx.data"
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="outside its folder"):
        opened(folder / "net.onnx")


@pytest.mark.parametrize("place", ["function", "attribute"])
def test_weights_of_functions_and_sparse_constants_are_looked_at_too(tmp_path: Path, place: str) -> None:
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    if place == "attribute":
        tensor = onnx.SparseTensorProto(values=tensor, indices=onnx.helper.make_tensor("i", 7, [1], [0]), dims=[1])
    node = onnx.helper.make_node("Constant", [], ["w"], **{"value" if place == "function" else "sparse_value": tensor})
    graph = onnx.helper.make_graph([node] if place == "attribute" else [], "g", [], [])
    opset = [onnx.helper.make_opsetid("", 17)]
    inner = onnx.helper.make_function("d", "f", [], ["w"], [node], opset)
    model = onnx.helper.make_model(graph, functions=[inner] if place == "function" else [])
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="outside its folder"):
        opened(tmp_path / "net.onnx")


@pytest.mark.parametrize("name", ["onnxruntime", "onnx"])
def test_a_missing_library_is_an_error_that_says_what_to_install(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph(tmp_path / "net.onnx", ["b", 3, SIZE, SIZE])
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModelError, match=rf"need {name}: pip install 'pytest-modelaudit\[onnx\]'"):
        opened(tmp_path / "net.onnx")


def test_a_graph_is_data_so_a_yaml_audit_may_name_it(exported: Path) -> None:
    assert not runs_code(f"onnx:{exported}")
    assert opened(exported, allow_code=False).outputs == 4


def test_a_copy_gives_the_same_and_a_file_that_changes_under_it_is_found_out(exported: Path, tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx", ["b", 3, SIZE, SIZE])
    module = opened(path).module
    assert torch.equal(copy.deepcopy(module)(pixels()), module(pixels()))
    graph(path, ["b", 3, SIZE, SIZE], weights=2 * WEIGHTS)
    with pytest.raises(ModelError, match="changed while it was in use"):
        module._session(torch.device("cuda", 0))  # type: ignore[operator]


def ending(path: Path, last: str, columns: int = 4, *, outputs: tuple[str, ...] = ("scores",)) -> Path:
    """The channels' means times a matrix, a bias, and `last` at the end; "wide" has twice as many columns."""
    weights = WEIGHTS[:, :columns] * 5
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["means"], keepdims=0),
        helper.make_node("Gemm", ["means", "weights"], ["z"]),
        helper.make_node("Concat", ["z", "z"], ["wide"], axis=1),
        helper.make_node(last, ["z"], ["scores"], **({"axis": 1} if last == "Softmax" else {})),
    ]
    made = helper.make_graph(
        nodes,
        "ending",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", None]) for name in outputs],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array([2, 3]), "axes")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def means(columns: int) -> torch.Tensor:
    return pixels(5).mean((2, 3)) @ torch.from_numpy(WEIGHTS[:, :columns] * 5)


@pytest.mark.parametrize(("last", "columns"), [("Softmax", 4), ("Identity", 4), ("Sigmoid", 1), ("Identity", 1)])
def test_what_stands_before_a_softmax_or_sigmoid_of_the_graph_is_read(tmp_path: Path, last: str, columns: int) -> None:
    found = opened(ending(tmp_path / "net.onnx", last, columns)).pixel_model(pixels(5))
    z = means(columns)
    torch.testing.assert_close(found, z if columns > 1 else torch.cat([-z / 2, z / 2], 1), rtol=0, atol=1e-5)


def test_of_several_outputs_of_a_graph_the_one_of_as_many_columns_as_classes_is_read(tmp_path: Path) -> None:
    path = ending(tmp_path / "net.onnx", "Softmax", outputs=("wide", "scores"))
    loaded = opened(path, classes=list("abcd"))
    torch.testing.assert_close(loaded.pixel_model(pixels(5)), means(4), rtol=0, atol=1e-5)
    assert "'scores' [1, 4] is read" in loaded.notes[1]
    with pytest.raises(ModelError, match=r"Audit\(output='wide'\); its outputs are 'wide' \[1, 8\], 'scores' \[1, 4\]"):
        opened(path)
    assert opened(path, "&output=wide").outputs == 8

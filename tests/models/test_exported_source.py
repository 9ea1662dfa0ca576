from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, input_x_gradient
from modelaudit.language import registry
from modelaudit.language.errors import AttributionError, ModelError
from modelaudit.language.sample import Preprocessing
from modelaudit.models import frozen_on, module_named, open_model, resolve_layer, runs_code, spatial_layer

SMALL = Preprocessing(resize=16, crop=16, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.drop = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Dropout(0.5)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.norm(self.conv(x)).relu().mean((2, 3))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, net = tmp_path_factory.mktemp("programs"), Net().eval()
    one, two = torch.rand(1, 3, 16, 16), torch.rand(2, 3, 16, 16)
    torch.export.save(torch.export.export(net, (one,)), root / "one.pt2")
    torch.export.save(torch.export.export(net, (torch.rand(3, 3, 16, 16),)), root / "three.pt2")
    dynamic = ({0: torch.export.Dim("batch")},)
    torch.export.save(torch.export.export(net, (two,), dynamic_shapes=dynamic), root / "any.pt2")
    torch.export.save(torch.export.export(Net().train(), (two,)), root / "training.pt2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(net), root / "script.ts")
        torch.jit.save(torch.jit.trace(net, one), root / "trace.ts")
        torch.jit.save(torch.jit.freeze(torch.jit.script(net)), root / "frozen.ts")
    return root


PROGRAMS = ["export:one.pt2", "export:three.pt2", "export:any.pt2"]
SCRIPTS = ["torchscript:script.ts", "torchscript:trace.ts", "torchscript:frozen.ts", "torchscript:trace.ts?batch=1"]


@pytest.mark.parametrize("reference", PROGRAMS + SCRIPTS)
def test_a_program_answers_and_explains_like_the_module_that_it_was_made_from(folder: Path, reference: str) -> None:
    loaded = open_model(reference, root=folder, preprocessing=SMALL, allow_code=True)
    original = open_model(Net(), root=folder, preprocessing=SMALL)
    assert loaded.differentiable and loaded.outputs == 4
    pixels = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    selector = nn.functional.one_hot(torch.arange(5) % 4, 4).float()
    method, maps = input_x_gradient(), []
    for one in (loaded, original):
        with frozen_on(one, "cpu") as model:
            with torch.no_grad():
                logits = model(pixels)
            question = AttributionInput(model, pixels, selector, (logits * selector).sum(1))
            maps.append((logits, registry.entry_of(method).function(method, question).values))
    torch.testing.assert_close(maps[0], maps[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("reference", PROGRAMS + SCRIPTS)
def test_a_program_is_restored_after_it_was_frozen(folder: Path, reference: str) -> None:
    loaded = open_model(reference, root=folder, preprocessing=SMALL, allow_code=True)
    before = [(parameter.requires_grad, parameter.data_ptr()) for parameter in loaded.module.parameters()]
    with frozen_on(loaded, "cpu") as model:
        assert not any(parameter.requires_grad for parameter in model.parameters())
        model(torch.rand(2, 3, 16, 16))
    assert [(parameter.requires_grad, parameter.data_ptr()) for parameter in loaded.module.parameters()] == before


@pytest.mark.parametrize("reference", PROGRAMS + SCRIPTS)
def test_methods_that_read_a_layer_are_refused_with_the_reason(folder: Path, reference: str) -> None:
    loaded = open_model(reference, root=folder, preprocessing=SMALL, allow_code=True)
    for ask in (lambda: spatial_layer(loaded, (16, 16)), lambda: resolve_layer(loaded, "program.conv", (16, 16))):
        with pytest.raises(AttributionError, match=r"layers cannot be hooked.*integrated_gradients"):
            ask()
    with pytest.raises(AttributionError, match="layers cannot be hooked"):
        module_named(loaded, "program.conv")


@pytest.mark.parametrize("wrap", [lambda script: script, nn.Sequential])
def test_torchscript_that_a_factory_returns_is_no_place_for_hooks_either(folder: Path, wrap: type[nn.Module]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = wrap(torch.jit.load(str(folder / "script.ts")))
    with pytest.raises(AttributionError, match=r"TorchScript|no spatial layer"):
        spatial_layer(module, (16, 16))


@pytest.mark.parametrize("reference", [*PROGRAMS, *SCRIPTS])
def test_a_program_is_opened_only_where_code_is_allowed(folder: Path, reference: str) -> None:
    assert runs_code(reference)
    with pytest.raises(ModelError, match="--audit-allow-code"):
        open_model(reference, root=folder, preprocessing=SMALL)


@pytest.mark.parametrize("reference", ["torchvision:resnet18@untrained", "onnx:net.onnx", "nothing:x", 12, Net()])
def test_what_is_data_or_an_object_of_the_user_asks_for_no_permission(reference: object) -> None:
    assert not runs_code(reference)


def test_the_fingerprint_knows_the_code_of_a_program(folder: Path, tmp_path: Path) -> None:
    class Other(Net):
        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.norm(self.conv(x)).sigmoid().mean((2, 3)))

    torch.export.save(torch.export.export(Other().eval(), (torch.rand(1, 3, 16, 16),)), tmp_path / "one.pt2")
    prints = {
        open_model("export:one.pt2", root=root, preprocessing=SMALL, allow_code=True).fingerprint
        for root in (folder, tmp_path)
    }
    assert len(prints) == 2


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("export:training.pt2", "exported in training mode"),
        ("export:none.pt2", "no file"),
        ("export:script.ts", "cannot be loaded .* torch.export.save"),
        ("torchscript:one.pt2", "cannot be loaded .* torch.jit.save"),
        ("torchscript:script.ts?batch=none", "must be an integer"),
        ("torchscript:script.ts?rows=1", "unknown option 'rows'"),
        ("one.pt2", "write export:one.pt2"),
        ("script.ts", "write torchscript:script.ts"),
        ("net.onnx", "write onnx:net.onnx"),
    ],
)
def test_a_wrong_file_says_what_to_do(folder: Path, reference: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_model(reference, root=folder, preprocessing=SMALL, allow_code=True)


class OneAtATime(nn.Module):
    """A trace keeps the sizes that Python computed."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(48, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(nn.functional.avg_pool2d(x, 4).reshape(int(x.shape[0]), -1)[:, :48])


def test_a_trace_for_one_image_is_an_error_until_that_is_said(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(OneAtATime(), torch.rand(1, 3, 16, 16)), tmp_path / "trace.ts")
    wrong = open_model("torchscript:trace.ts", root=tmp_path, preprocessing=SMALL, allow_code=True)
    with pytest.raises(ModelError, match=r"add \?batch=1"):
        wrong.pixel_model(torch.rand(2, 3, 16, 16))
    right = open_model("torchscript:trace.ts?batch=1", root=tmp_path, preprocessing=SMALL, allow_code=True)
    assert right.pixel_model(torch.rand(2, 3, 16, 16)).shape == (2, 4)

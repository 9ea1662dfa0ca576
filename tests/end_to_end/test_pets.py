"""A real model on real photos: what the run record says is what torchvision and captum say without modelaudit.

The plain computation below uses none of modelaudit's rooms. Its photometry and geometry are those that the record
claims, its layer is the one that the record names, and its formulas are written out from their definitions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from captum.attr import LayerGradCam, Saliency
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision import transforms

pytestmark = pytest.mark.assets
METHODS = ("gradcam", "saliency")
WEIGHTS = "models/squeezenet1_0-imagenet1k.safetensors"
QUICK = 6

AUDIT = """
from modelaudit import Audit
from modelaudit.contexts import swap_background
from modelaudit.measures import accuracy, background_dependence

# also the one photo of whose animal the crop leaves less than half
pets = Audit(model={model!r}, data={data!r}, object_kept=0)
names_the_breed = pets.expect(accuracy > 0.6)
looks_at_the_animal = pets.expect(background_dependence("gradcam", "saliency") < 0.4, clause="pets 2")
"""
SWAPPED = """
keeps_naming_it = pets.expect(accuracy - accuracy.under(swap_background("other_class")) < 0.9)
"""


@dataclass(frozen=True)
class Audited:
    """A finished run: how pytest ended, and the record as plain JSON."""

    exit_status: int
    output: str
    folder: Path
    record: dict[str, Any]

    def column(self, measure: str) -> NDArray[np.float64]:
        (found,) = [column for column in self.record["tables"][0]["columns"] if column["measure"] == measure]
        assert found["missing"] == {}
        return np.array(found["values"], dtype=np.float64)

    @property
    def ids(self) -> list[str]:
        return [sample["id"] for sample in self.record["tables"][0]["samples"]]


@dataclass(frozen=True)
class Plain:
    """What torchvision and captum give for the photos, in the order of the ids."""

    right: NDArray[np.float64]
    areas: NDArray[np.float64]
    dependence: dict[str, NDArray[np.float64]]


def audited(folder: Path, text: str, *options: str) -> Audited:
    """Run an audit file in a process of its own, as its user would."""
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "audit_pets.py").write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        "audit_pets.py",
        "--audit-checks=off",
        *options,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    results = folder / "audit-results" / "latest"
    assert (results / "run.json").is_file(), done.stdout + done.stderr
    record = json.loads((results / "run.json").read_text(encoding="utf-8"))
    return Audited(done.returncode, done.stdout + done.stderr, results, record)


@pytest.fixture(scope="module")
def run(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """All photos, by folders and masks."""
    model, data = f"torchvision:squeezenet1_0?checkpoint={assets / WEIGHTS}", f"folder:{assets / 'pets'}"
    return audited(tmp_path_factory.mktemp("pets"), AUDIT.format(model=model, data=data))


@pytest.fixture(scope="module")
def quick(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """A quick look at the same photos, by their COCO annotations, also on other surroundings."""
    data = f"coco:{assets / 'pets' / 'annotations.coco.json'}"
    model = f"torchvision:squeezenet1_0?checkpoint={assets / WEIGHTS}"
    text = AUDIT.format(model=model, data=data) + SWAPPED
    return audited(tmp_path_factory.mktemp("quick"), text, "--audit-limit", str(QUICK))


class Normalised(nn.Module):
    """(x - mean) / std per channel, on pixel values in [0, 1]."""

    def __init__(self, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.mean, self.std = (torch.tensor(part).view(1, 3, 1, 1) for part in (mean, std))

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.std


@pytest.fixture(scope="module")
def plain(assets: Path, run: Audited) -> Plain:
    (model_record,) = run.record["models"]
    claimed = model_record["preprocessing"]
    assert claimed["interpolation"] == "bilinear" and claimed["antialias"] is True
    module = torchvision.models.squeezenet1_0()
    module.load_state_dict(load_file(assets / WEIGHTS), strict=True)
    model = nn.Sequential(Normalised(claimed["mean"], claimed["std"]), module).eval()
    layer = module.get_submodule(model_record["spatial_layer"]["name"])
    crop = transforms.CenterCrop(claimed["crop"])
    on_images = transforms.Compose([transforms.Resize(claimed["resize"]), crop, transforms.ToTensor()])
    on_masks = transforms.Compose(
        [transforms.Resize(claimed["resize"], transforms.InterpolationMode.NEAREST), crop, transforms.PILToTensor()]
    )
    right, areas = [], []
    dependence: dict[str, list[Tensor]] = {method: [] for method in METHODS}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for first in range(0, len(run.ids), 25):
            names = run.ids[first : first + 25]
            pixels = torch.stack([on_images(photo(assets, name)) for name in names])
            masks = torch.cat([on_masks(mask(assets, name)) for name in names])
            labels = torch.tensor([int(name.split("_")[0]) for name in names])
            with torch.no_grad():
                predicted = model(pixels).argmax(1)
            right.append((predicted == labels).double())
            areas.append(share_of_the_object(masks))
            grads = Saliency(model).attribute(pixels.clone().requires_grad_(), target=predicted, abs=True)
            dependence["saliency"].append(background_dependence(grads.sum(1), masks))
            cams = LayerGradCam(model, layer).attribute(pixels, target=predicted, relu_attributions=True)
            full = interpolate(cams, pixels.shape[2:], mode="bilinear", align_corners=False)
            dependence["gradcam"].append(background_dependence(full[:, 0].detach(), masks))
    finally:
        torch.set_num_threads(threads)
    joined = {method: torch.cat(parts).numpy() for method, parts in dependence.items()}
    return Plain(torch.cat(right).numpy(), torch.cat(areas).numpy(), joined)


def photo(assets: Path, name: str) -> Image.Image:
    return Image.open(assets / "pets" / "images" / name).convert("RGB")


def mask(assets: Path, name: str) -> Image.Image:
    return Image.open((assets / "pets" / "masks" / name).with_suffix(".png"))


def share_of_the_object(masks: Tensor) -> Tensor:
    return (masks == 1).flatten(1).sum(1).double() / (masks != 255).flatten(1).sum(1)


def background_dependence(maps: Tensor, masks: Tensor) -> Tensor:
    """d_b / (d_b + d_o) of the positive part, the densities over the pixels that are not ignored."""
    positive = maps.double().clamp_min(0)
    background, animal = (masks == 0), (masks == 1)
    d_b, d_o = ((positive * part).flatten(1).sum(1) / part.flatten(1).sum(1) for part in (background, animal))
    return d_b / (d_b + d_o)


def test_the_run_passes_and_covers_every_photo(run: Audited) -> None:
    assert run.exit_status == 0, run.output
    assert run.record["overall"] == "PASS" and not run.record["partial"]
    assert len(run.ids) == len(set(run.ids)) == 125
    (data,) = run.record["data"]
    assert (data["available"], data["images"], data["mask_kinds"], data["unusable"]) == (125, 125, {"mask": 125}, [])
    # logits and both methods from one forward and one backward pass; 125 images are eight micro-batches of 16
    passes = {name: count for name, count in run.record["passes"].items() if name != "seconds"}
    assert passes == {"decoded": 125, "forward": 128, "backward": 128, "values": 375, "stored": 0}


def test_accuracy_is_exactly_that_of_torchvision(run: Audited, plain: Plain) -> None:
    assert np.array_equal(run.column("accuracy"), plain.right)
    assert 0.7 < plain.right.mean() < 0.8
    assert case(run, "names_the_breed")["decision"]["estimate"] == pytest.approx(plain.right.mean(), abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_background_dependence_is_that_of_captum(run: Audited, plain: Plain, method: str) -> None:
    measured, expected = run.column(f"background_dependence({method})"), plain.dependence[method]
    assert np.abs(measured - expected).max() <= 1e-3
    assert measured.mean() == pytest.approx(expected.mean(), abs=1e-4)
    assert expected.std() > 0.05  # the photos differ, so agreement on each of them says something
    (part,) = [part for part in case(run, "looks_at_the_animal")["decision"]["parts"] if part["method"] == method]
    assert part["estimate"] == pytest.approx(expected.mean(), abs=1e-4)


def test_the_photos_of_the_report_are_the_worst_and_the_best(run: Audited, plain: Plain) -> None:
    worst_method = np.maximum(*(plain.dependence[method] for method in METHODS))
    rows = case(run, "looks_at_the_animal")["gallery"]
    by_rank = {rank: [row for row in rows if row["rank"] == rank] for rank in ("worst", "typical", "best")}
    order = [run.ids[at] for at in np.argsort(worst_method)]
    for rank, expected in (("worst", order[::-1]), ("best", order)):
        assert {row["sample"] for row in by_rank[rank]} == set(expected[: len(by_rank[rank])])
    assert by_rank["typical"]
    for row in rows:
        assert row["value"] == pytest.approx(worst_method[run.ids.index(row["sample"])], abs=1e-3)
        assert [panel["kind"] for panel in row["panels"]] == ["original", "attribution", "attribution"]
        for panel in row["panels"]:
            with Image.open(run.folder / panel["file"]) as picture:
                assert (picture.format, picture.size) == ("WEBP", (224, 224))


def test_the_areas_are_those_of_the_masks(run: Audited, plain: Plain) -> None:
    areas = [sample["object_area"] for sample in run.record["tables"][0]["samples"]]
    assert areas == pytest.approx(plain.areas.tolist(), abs=1e-12)


def test_coco_annotations_give_the_same_photos_and_answers(run: Audited, quick: Audited) -> None:
    assert len(quick.ids) == QUICK and set(quick.ids) < set(run.ids)
    (data,) = quick.record["data"]
    assert (data["available"], data["images"], data["mask_kinds"]) == (125, QUICK, {"polygon": 125})
    at = [run.ids.index(name) for name in quick.ids]
    assert np.array_equal(quick.column("accuracy"), run.column("accuracy")[at])
    for method in METHODS:  # polygons follow the masks to a few pixels, and have no ring to ignore
        name = f"background_dependence({method})"
        assert np.abs(quick.column(name) - run.column(name)[at]).max() < 0.1


def test_a_quick_look_decides_nothing(quick: Audited) -> None:
    assert quick.record["overall"] == "QUICK_LOOK" and quick.record["quick_look"] == QUICK
    assert f"quick look at {QUICK} images: decides nothing" in quick.output
    swapped = quick.column("accuracy.under(swap_background(other_class))")
    assert len(swapped) == QUICK
    # the pictures of the swap are other pictures, with the same animal
    rows = case(quick, "keeps_naming_it")["gallery"]
    for row in rows:
        before, after = (
            next(panel["file"] for panel in row["panels"] if panel["kind"] == kind) for kind in ("original", "context")
        )
        assert before != after


def case(run: Audited, name: str) -> dict[str, Any]:
    (found,) = [one for one in run.record["cases"] if one["name"] == name]
    return found  # type: ignore[no-any-return]

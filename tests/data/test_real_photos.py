"""Real photos: 125 pets, as folders with masks and as COCO annotations."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from torchvision.models import SqueezeNet1_0_Weights

from modelaudit.data import Decoded, class_indices, decode, fingerprint, open_data
from modelaudit.language.sample import Sample

_BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "assets"
ASSETS = Path(os.environ.get("MODELAUDIT_ASSETS", _BESIDE))
pytestmark = [
    pytest.mark.assets,
    pytest.mark.skipif(not (ASSETS / "pets").is_dir(), reason="no photos (MODELAUDIT_ASSETS/pets)"),
]
CLASSES = SqueezeNet1_0_Weights.IMAGENET1K_V1.meta["categories"]


@pytest.fixture(scope="module")
def folder() -> list[tuple[Sample, Decoded]]:
    samples = open_data("folder:pets", root=ASSETS).samples
    return [(sample, decode(sample)) for sample in samples]


@pytest.fixture(scope="module")
def coco() -> list[tuple[Sample, Decoded]]:
    samples = open_data("coco:pets/annotations.coco.json?images=images", root=ASSETS).samples
    return [(sample, decode(sample)) for sample in samples]


def test_all_photos_are_read_with_masks_of_plausible_size(folder: list[tuple[Sample, Decoded]]) -> None:
    assert len(folder) == 125
    assert len({sample.label for sample, _ in folder}) == 25
    shares = {value: [] for value in (0, 1, 255)}  # type: dict[int, list[float]]
    for _, decoded in folder:
        assert decoded.mask is not None
        for value, share in shares.items():
            share.append(float((decoded.mask == value).mean()))
    assert np.mean(shares[1]) == pytest.approx(0.28, abs=0.02)
    assert np.mean(shares[255]) == pytest.approx(0.06, abs=0.02)
    assert min(shares[1]) > 0 and min(shares[0]) > 0


def test_real_annotations_contradict_nothing(coco: list[tuple[Sample, Decoded]]) -> None:
    assert not [sample.contradictions for sample, _ in coco if sample.contradictions]


def test_annotations_agree_with_the_masks(
    folder: list[tuple[Sample, Decoded]], coco: list[tuple[Sample, Decoded]]
) -> None:
    agreement = []
    for (one, own), (other, drawn) in zip(folder, coco, strict=True):
        assert one.id == other.id and other.mask_kind == "polygon"
        assert np.array_equal(own.image, drawn.image)
        assert own.mask is not None and drawn.mask is not None
        valid, ours, theirs = own.mask != 255, own.mask == 1, drawn.mask == 1
        agreement.append((ours & theirs & valid).sum() / ((ours | theirs) & valid).sum())
    assert min(agreement) > 0.9 and np.mean(agreement) > 0.97


def test_labels_of_both_forms_meet_the_same_classes(
    folder: list[tuple[Sample, Decoded]], coco: list[tuple[Sample, Decoded]]
) -> None:
    by_folder = class_indices([one.label for one, _ in folder], classes=CLASSES, outputs=1000, mapping=None)
    by_coco = class_indices([one.label for one, _ in coco], classes=CLASSES, outputs=1000, mapping=None)
    for (one, _), (other, _) in zip(folder, coco, strict=True):
        assert by_folder[one.label] == by_coco[other.label]
    assert by_folder["151_chihuahua"] == 151 == CLASSES.index("Chihuahua")


def test_the_fingerprint_is_that_of_these_photos(folder: list[tuple[Sample, Decoded]]) -> None:
    digests = {sample.id: decoded.digest for sample, decoded in folder}
    assert len(set(digests.values())) == 125
    again = {sample.id: decode(sample).digest for sample, _ in folder[:3]}
    assert fingerprint({**digests, **again}) == fingerprint(digests)

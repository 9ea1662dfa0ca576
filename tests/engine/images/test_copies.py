"""Copies of one picture in an audit: they count as one image, whatever files, order and chunks they come from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cli.photos import photo
from data.frames import fixed_camera, nearly
from engine.small_audits import CLASSES, Net, asked, audit, groups_of, measured, results, sample, settings
from PIL import Image
from torch import Tensor, nn

from modelaudit.contexts import swap_background
from modelaudit.data.copies import Copies
from modelaudit.engine.assembly import measure
from modelaudit.engine.decision.case_table import CaseTable
from modelaudit.engine.images.copies import notes_on
from modelaudit.engine.planning.plan import plan
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.store.store import Store
from modelaudit.language import AuditCase, Sample
from modelaudit.language.progress import Silent
from modelaudit.measures import accuracy
from modelaudit.statistics import Verdict


def pictured(number: int, picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], **changes: object) -> Sample:
    """A sample of a picture of 96 x 72."""
    mask = np.zeros(picture.shape[:2], dtype=np.uint8)
    mask[20:50, 30:60] = 1
    return sample(number, image=picture, mask=mask, **changes)


def mixed() -> list[Sample]:
    """12 samples: 0 and 5 of equal pixels, 2 a near copy of 7, and others."""
    pictures = [photo(at) for at in range(12)]
    pictures[5], pictures[2] = pictures[0].copy(), nearly(pictures[7])
    return [pictured(at, picture) for at, picture in enumerate(pictures)]


EXPECTED = {"000.png": "000.png", "005.png": "000.png", "002.png": "002.png", "007.png": "002.png"}


def copy_of(found: Measured) -> dict[str, str]:
    return {one.id: one.copy_of for one in found.samples if one.copy_of is not None}


def right(data: Sequence[Sample], **options: object) -> dict[str, AuditCase]:
    return {"right": audit(Net(), data, **options).expect(accuracy > 0.2)}


@pytest.mark.parametrize("micro_batch", [1, 4, 64])
def test_equal_and_near_images_are_one_picture_whatever_the_chunks_and_the_order(
    tmp_path: Path, micro_batch: int
) -> None:
    for data in (mixed(), mixed()[::-1]):
        assert copy_of(measured(tmp_path, {"micro_batch": micro_batch}, **right(data))) == EXPECTED


def test_labels_masks_and_formats_play_no_part(tmp_path: Path) -> None:
    """One picture as PNG, BMP and TIFF, of two labels, with a mask and without one."""
    for number, ending in enumerate(("png", "bmp", "tif")):
        Image.fromarray(photo(1)).save(tmp_path / f"{number}.{ending}")
    files = [tmp_path / name for name in ("0.png", "1.bmp", "2.tif")]
    data = [sample(at, at % 2, image=file, mask=None, mask_kind="none") for at, file in enumerate(files)]
    data += [pictured(3, photo(1)), pictured(4, photo(2))]
    found = measured(tmp_path, **right(data))
    assert copy_of(found) == {f"{at:03}.png": "000.png" for at in range(4)}


def test_an_unchanged_run_compares_nothing_again(tmp_path: Path) -> None:
    (group,) = groups_of(**right(in_files(tmp_path, mixed())))
    runs = []
    for _ in range(2):
        store = Store(tmp_path / "store")
        runs.append(measure(group, settings(tmp_path), Silent(), store))
        store.close()
    assert runs[0].passes.decoded == 12 + 2  # one likely pair is decoded again
    assert runs[1].passes.decoded == 0
    assert copy_of(runs[0]) == copy_of(runs[1]) == EXPECTED
    assert runs[0].data == runs[1].data


def in_files(folder: Path, data: Sequence[Sample]) -> list[Sample]:
    """The samples as files that are old enough to be trusted."""
    found = []
    for one in data:
        path = folder / "data" / one.id
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.asarray(one.image)).save(path)
        os.utime(path, (1e9, 1e9))
        found.append(replace(one, image=path))
    return found


def test_the_copies_of_a_quick_look_are_those_among_its_images(tmp_path: Path) -> None:
    found = measured(tmp_path, {"limit": 6}, **right(mixed()))
    names = {one.id for one in found.samples}
    groups = [{"000.png", "005.png"} & names, {"002.png", "007.png"} & names]
    assert set(copy_of(found)) == {name for group in groups if len(group) == 2 for name in group}


def test_a_sample_that_cannot_be_read_is_no_copy(tmp_path: Path) -> None:
    data = mixed()
    data[5] = replace(data[5], image=b"no picture")
    assert set(copy_of(measured(tmp_path, **right(data)))) == {"002.png", "007.png"}


def test_two_pictures_under_three_hundred_names_decide_nothing(tmp_path: Path) -> None:
    data = [pictured(at, photo(at % 2), label=at % 2) for at in range(300)]
    result = results(tmp_path, right=audit(Net(), data, checks="off").expect(accuracy >= 0))["right"]
    decision = result.decision
    assert decision is not None and decision.verdict is Verdict.INCONCLUSIVE
    assert "2 different pictures" in decision.note
    (note,) = measured(tmp_path / "again", **right(data)).data.notes  # type: ignore[union-attr]
    assert note.startswith(
        "pictures: 2 different ones among 300 images; 300 images have copies, e.g. '000.png' and '002.png'"
    )


class Brightest(nn.Module):
    """Names the brightest channel."""

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(60.0))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.sharpness * pixels.mean((2, 3))


def bright(number: int, picture: int | None = None) -> Sample:
    """A picture that is brightest in the channel of its label."""
    shown = number if picture is None else picture
    pixels = np.random.default_rng(shown).integers(0, 60, (16, 16, 3)).astype(np.uint8)
    pixels[..., shown % 3] += 120
    return sample(number, CLASSES[shown % 3], image=pixels)


def test_a_few_copies_among_many_images_leave_the_verdict(tmp_path: Path) -> None:
    """Three pairs among a hundred: decided over 97 pictures."""
    data = [bright(at, at - 40 if at in (50, 60, 70) else at) for at in range(100)]
    cases = {"right": audit(Brightest(), data, checks="off").expect(accuracy > 0.9)}
    result, found = results(tmp_path, **cases)["right"], measured(tmp_path / "again", **cases)
    assert result.verdict is Verdict.PASS and result.decision is not None and result.decision.estimate == 1.0
    assert found.data is not None and found.data.notes[0].startswith(
        "pictures: 97 different ones among 100 images; 6 images"
    )


def test_copies_bring_an_audit_that_stops_early_no_further(tmp_path: Path) -> None:
    """40 pictures under 10 names each: it stops after as many pictures as where each picture has one name."""
    many = [bright(at, at % 40) for at in range(400)]
    looked = {}
    for name, data in (("many", many), ("each", [bright(at) for at in range(400)])):
        found = measured(tmp_path / name, right=audit(Brightest(), data, stop="early").expect(accuracy > 0.8))
        looked[name] = len({one.copy_of or one.id for one in found.samples})
        assert len(found.samples) < 400
    assert looked["many"] == pytest.approx(looked["each"], rel=0.15)


def test_donors_that_are_copies_are_one_donor(tmp_path: Path) -> None:
    data = [bright(at, at % 3 if at < 30 else at) for at in range(60)]
    cases = {"swapped": audit(Brightest(), data).expect(accuracy.under(swap_background("other_class")) > 0.2)}
    found = measured(tmp_path, **cases)
    (group,) = plan(asked(**cases))
    (measure_,) = cases["swapped"].expectation.expression.measures()
    shared = {one.name: one.codes for one in CaseTable(group.cases[0], found).clusterings(measure_)}
    (shown,) = found.shown
    pictures = {one.id: one.copy_of or one.id for one in found.samples}
    assert len({pictures[donor] for donor in shown.donors if donor}) == len(set(shared["donor"].tolist()))
    assert len(set(shared["donor"].tolist())) < len(set(shown.donors))
    assert len(set(shared["copies"].tolist())) == 3 + 1  # -1: on its own


def test_a_pool_of_two_pictures_under_forty_names_has_two_donors(tmp_path: Path) -> None:
    for at in range(40):
        path = tmp_path / "pool" / f"{at:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(photo(at % 2, 64, 64)).save(path)
    one = audit(Brightest(), [bright(at) for at in range(40)])
    found = measured(tmp_path, swapped=one.expect(accuracy.under(swap_background("photos:pool")) > 0.2))
    assert not found.failures
    assert set(found.shown[0].donors) == {"photos:pool: 00.png", "photos:pool: 01.png"}


def test_what_resembles_is_a_note_that_names_the_way_out(tmp_path: Path) -> None:
    frames = fixed_camera(30)
    data = [pictured(at, frame) for at, frame in enumerate(frames)] + [pictured(at, photo(at)) for at in range(50, 60)]
    found = measured(tmp_path, **right(data))
    assert copy_of(found) == {} and found.data is not None
    (note,) = found.data.notes
    assert note.endswith("if they depend on each other, say so with ?cluster=")
    assert 10 <= int(note.removeprefix("pictures: ").split(" of 40 images resemble")[0]) <= 30


def test_images_of_one_cluster_may_resemble_each_other() -> None:
    alike = Copies({}, 3, (("000.png", "001.png"),))
    data = [sample(at, cluster=cluster) for at, cluster in enumerate("aab")]
    assert list(notes_on(alike, data)) == []
    for clusters in ("abb", (None, "a", "b"), (None, None, "b")):
        data = [sample(at, cluster=cluster) for at, cluster in enumerate(clusters)]
        assert len(list(notes_on(alike, data))) == 1
    assert "12 pairs" in next(notes_on(Copies({}, 3, unchecked=12), data))

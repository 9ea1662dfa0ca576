"""The same photos by folders of masks and by COCO polygons, under contexts of every family: the same verdicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from end_to_end.test_pets import WEIGHTS, Audited, audited, case
from numpy.typing import NDArray

pytestmark = [pytest.mark.assets, pytest.mark.nightly]

AUDIT = """
from modelaudit import Audit
from modelaudit.contexts import fade, gaussian_noise, paste_back, remove_object, rotation, swap_background
from modelaudit.measures import accuracy, background_dependence

pets = Audit(model={model!r}, data={data!r}, known_bad=["model"], checks="off")  # tried in test_everyday_claims
another = swap_background("other_class")
fading = accuracy.under(fade(each=[0, 0.5, 1]))

survives_another_background = pets.expect(accuracy - accuracy.under(another) < 0.30)
fails_without_the_animal = pets.expect(accuracy.under(remove_object()) > 0.50, must_fail=True)
looks_at_the_animal = pets.expect(background_dependence("gradcam").under(another) < 0.50)
survives_a_turn = pets.expect(accuracy.under(rotation(5)) > 0.50)
the_seam_costs_nothing = pets.expect(accuracy - accuracy.under(paste_back()) < 0.10)
"""
#: what the folder alone is audited for
MORE = """
survives_noise_around_it = pets.expect(accuracy.under(gaussian_noise(3)) > 0.40)
survives_fading = pets.expect(fading > 0.40)
fading_costs_little = pets.expect(fading.slope() > -0.40)
"""
NAMES = tuple(line.partition(" = ")[0] for line in AUDIT.splitlines() if "pets.expect(" in line)


@pytest.fixture(scope="module")
def by_folder(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    model = f"torchvision:squeezenet1_0?checkpoint={assets / WEIGHTS}"
    return audited(
        tmp_path_factory.mktemp("folder"), (AUDIT + MORE).format(model=model, data=f"folder:{assets / 'pets'}")
    )


@pytest.fixture(scope="module")
def by_coco(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    model = f"torchvision:squeezenet1_0?checkpoint={assets / WEIGHTS}"
    data = f"coco:{assets / 'pets' / 'annotations.coco.json'}"
    return audited(tmp_path_factory.mktemp("coco"), AUDIT.format(model=model, data=data))


def values(run: Audited, measure: str) -> NDArray[np.float64]:
    """[n], NaN where an image has no value."""
    (found,) = [column for column in run.record["tables"][0]["columns"] if column["measure"] == measure]
    return np.array(found["values"], dtype=np.float64)


@pytest.mark.parametrize("name", NAMES)
def test_both_sources_end_in_the_same_verdict(by_folder: Audited, by_coco: Audited, name: str) -> None:
    one, other = case(by_folder, name), case(by_coco, name)
    assert one["verdict"] == other["verdict"] in ("PASS", "FAIL"), (one["decision"], other["decision"])
    # polygons follow the masks to a few pixels and know no ring
    assert one["decision"]["estimate"] == pytest.approx(other["decision"]["estimate"], abs=0.16)
    assert one["decision"]["counts"]["by_reason"] == other["decision"]["counts"]["by_reason"]


def test_what_needs_no_mask_is_equal_to_the_bit(by_folder: Audited, by_coco: Audited) -> None:
    assert by_folder.ids == by_coco.ids and len(by_folder.ids) == 125
    for column in ("accuracy", "accuracy.under(rotation(5))"):
        assert np.array_equal(by_folder.column(column), by_coco.column(column)), column
    for column in ("accuracy.under(fade(0))", "accuracy.under(paste_back)"):
        seen = ~np.isnan(values(by_folder, column))
        assert np.array_equal(by_folder.column("accuracy")[seen], values(by_folder, column)[seen]), column
        assert seen.sum() == 124


def test_the_photo_whose_animal_the_crop_cuts_off_is_named(by_folder: Audited, by_coco: Audited) -> None:
    for run in (by_folder, by_coco):
        (model,) = run.record["models"]
        assert model["crop"]["below"] == 1 and model["crop"]["worst"].endswith("scottish_terrier_10.jpg")
        assert 0.05 < model["crop"]["mean_lost"] < 0.2 and 0.5 < model["crop"]["worst_lost"] < 0.6


def test_a_curve_is_told_dose_by_dose(by_folder: Audited) -> None:
    parts = case(by_folder, "survives_fading")["decision"]["parts"]
    assert [part["dose"] for part in parts] == [0, 0.5, 1]
    heights = [np.nanmean(values(by_folder, f"accuracy.under(fade({dose}))")) for dose in ("0", "0.5", "1")]
    assert [part["estimate"] for part in parts] == pytest.approx(heights)
    slope = case(by_folder, "fading_costs_little")["decision"]["estimate"]
    assert slope == pytest.approx(np.polyfit([0, 0.5, 1], heights, 1)[0])


def test_the_run_is_told_in_the_report(by_folder: Audited) -> None:
    page = (by_folder.folder / "report.html").read_text(encoding="utf-8")
    for text in ("the background is faded", "the slope of the accuracy over strengths from 0 to 1", "strength 0.5"):
        assert text in page

"""Objects that the model's crop cuts off: undefined where masks are needed, counted, stored, and told of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine.small_audits import audit, column, groups_of, measured, sample, settings

from modelaudit.contexts import gaussian_noise, lighting
from modelaudit.engine.assembly import measure
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.store.store import Store
from modelaudit.language import Audit, AuditCase, Missing, Preprocessing, Sample
from modelaudit.language.errors import ExpressionError
from modelaudit.language.progress import Silent
from modelaudit.measures import accuracy, background_share

WIDE = Preprocessing(crop=12)


def frames() -> list[Sample]:
    """24 x 12 pixels, cropped to the middle 12 columns; the object 4 columns wide, further and further to the left."""
    found = []
    for number, left in enumerate((10, 6, 5, 4, 3, 0)):  # 4, 4, 3, 2, 1, 0 of its 4 columns are left
        mask = np.zeros((12, 24), dtype=np.uint8)
        mask[4:8, left : left + 4] = 1
        image = np.random.default_rng(number).integers(0, 256, (12, 24, 3)).astype(np.uint8)
        found.append(sample(number, image=image, mask=mask))
    return found


def cases(one: Audit) -> dict[str, AuditCase]:
    return {
        "plain": one.expect(accuracy > 0.1),
        "lit": one.expect(accuracy.under(lighting(2)) > 0.1),
        "noisy": one.expect(accuracy.under(gaussian_noise(2)) > 0.1),
        "map": one.expect(background_share("saliency") < 0.9),
    }


def cropped(found: Measured, key: str) -> list[int]:
    return [at for at, reason in column(found, key).missing.items() if reason is Missing.OBJECT_CROPPED]


def test_only_what_needs_a_mask_is_undefined(tmp_path: Path) -> None:
    found = measured(tmp_path, **cases(audit(data=frames(), preprocessing=WIDE)))
    assert cropped(found, "accuracy.under(gaussian_noise(2))") == cropped(found, "background_share(saliency)") == [4, 5]
    assert not column(found, "accuracy").missing and not column(found, "accuracy.under(lighting(2))").missing


@pytest.mark.parametrize(("limit", "below"), [(0.0, []), (0.25, [5]), (0.6, [3, 4, 5]), (1.0, [2, 3, 4, 5])])
def test_the_limit_is_the_audits(tmp_path: Path, limit: float, below: list[int]) -> None:
    found = measured(tmp_path, **cases(audit(data=frames(), preprocessing=WIDE, object_kept=limit)))
    assert cropped(found, "background_share(saliency)") == below


def test_what_was_cut_off_is_told_of_the_model(tmp_path: Path) -> None:
    (model,) = measured(tmp_path, **cases(audit(data=frames(), preprocessing=WIDE))).models
    assert model.crop is not None
    assert model.crop.mean_lost == pytest.approx((0 + 0 + 1 + 2 + 3 + 4) / 4 / 6, abs=1e-4)
    assert (model.crop.worst_lost, model.crop.worst, model.crop.below, model.crop.limit) == (1.0, "005.png", 2, 0.5)


def test_a_crop_that_cuts_no_object_is_not_told(tmp_path: Path) -> None:
    (model,) = measured(tmp_path, **cases(audit(data=frames()[:2], preprocessing=WIDE))).models
    assert model.crop is None


def test_stored_values_know_it_too_and_another_limit_asks_anew(tmp_path: Path) -> None:
    def run(limit: float) -> Measured:
        one = audit(data=frames(), preprocessing=WIDE, object_kept=limit)
        (group,) = groups_of(**cases(one))
        store = Store(tmp_path / "store")
        try:
            return measure(group, settings(tmp_path), Silent(), store)
        finally:
            store.close()

    first, again, other = run(0.5), run(0.5), run(0.25)
    assert again.passes.forward == 0 and again.columns == first.columns
    assert again.models[0].crop == first.models[0].crop is not None
    assert cropped(other, "background_share(saliency)") == [5]


@pytest.mark.parametrize("limit", [-0.1, 1.1, float("nan"), "half", True])
def test_a_limit_that_is_no_share_is_refused(limit: object) -> None:
    with pytest.raises(ExpressionError, match="object_kept"):
        audit(object_kept=limit)

"""What pasting the own background back does to a measure: over the images that the measure is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine.small_audits import audit, column, measured, results, samples

from modelaudit import CheckSettings, label
from modelaudit.contexts import swap_background
from modelaudit.measures import accuracy

ONLY = CheckSettings(masks=0, noise=0, blind=0, seams=64, sensitivity=0, sanity=0, agreement=0)
ON: dict[str, Any] = {"checks": ONLY}
SWAP = swap_background("random", feather=1)


def test_the_seam_of_a_class_is_measured_on_its_images(tmp_path: Path) -> None:
    data = samples(24)
    one = data[0].label
    line = audit(data=data)
    cases = {
        "class": line.expect(accuracy.under(SWAP).where(label(str(one))) > 0.5),
        "all": line.expect(accuracy.under(SWAP) > 0.5),
        "plain": line.expect(accuracy > 0.5),
    }
    found = results(tmp_path / "a", ON, **cases)
    (seam,) = found["class"].checks.seams  # type: ignore[union-attr]
    (whole,) = found["all"].checks.seams  # type: ignore[union-attr]
    values = column(measured(tmp_path / "b", ON, **cases), "accuracy").values
    own = [value for sample, value in zip(data, values, strict=True) if sample.label == one]
    assert seam.original == pytest.approx(sum(own) / len(own))
    assert whole.original == pytest.approx(sum(values) / len(values))
    assert seam.original != whole.original

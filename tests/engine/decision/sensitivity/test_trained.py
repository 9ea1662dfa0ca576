"""What is told of copies is called rough where networks trained with a shortcut say otherwise, or were never asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelaudit.contexts import lighting, swap_background
from modelaudit.engine.decision.sensitivity.trained import TABLE, compared
from modelaudit.measures import background_dependence, background_share

SWAP = swap_background("other_class")
DOCS = Path(__file__).parents[4] / "docs" / "validation" / "limits.md"
NAMES = {"gradcam": "Grad-CAM", "integrated_gradients": "Integrated Gradients"}


@pytest.mark.parametrize(
    ("expectation", "method", "rough", "told"),
    [
        (background_dependence("gradcam").under(SWAP) < 0.4, "gradcam", False, None),
        (background_dependence("gradcam").under(SWAP) < 0.42, "gradcam(layer='features')", False, None),
        (background_dependence("integrated_gradients") < 0.4, "integrated_gradients", True, (0.8, 0.8)),
        (background_dependence("saliency").under(SWAP) < 0.4, "saliency", True, None),
        (background_share("gradcam").under(SWAP) < 0.4, "gradcam", True, None),
        (background_dependence("gradcam").under(lighting(2)) < 0.4, "gradcam", True, None),
        (background_dependence("gradcam").under(SWAP) < 0.9, "gradcam", True, None),
        (background_dependence("gradcam").under(SWAP) - background_dependence("gradcam") < 0.3, "gradcam", True, None),
    ],
    ids=str,
)
def test_rough_is_what_trained_networks_contradict_or_were_never_asked(
    expectation: Any, method: str, rough: bool, told: object
) -> None:
    assert compared(expectation, [method]) == (rough, told)


def test_of_several_methods_the_roughest_is_told() -> None:
    both = background_dependence("gradcam", "integrated_gradients") < 0.4
    assert compared(both, ["gradcam", "integrated_gradients"]) == (True, (0.8, 0.8))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.swapped} {row.limit}")
def test_the_table_is_that_of_the_docs(row: Any) -> None:
    place = "swapped" if row.swapped else "originals"
    text = (
        f"| {NAMES[row.method]} | {place} | {row.limit:g} | {row.lowest:.2f} to {row.highest:.2f} | {row.copies:.2f} |"
    )
    assert text in DOCS.read_text(encoding="utf-8")

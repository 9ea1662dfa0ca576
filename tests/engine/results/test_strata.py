"""Strata: who is in, who is out, and of whom it cannot be told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.engine.results.strata import Facts, membership
from modelaudit.language import ExpressionError, correct, label, misclassified, object_area
from modelaudit.language.strata import Both, Either, Not, Stratum

NAN = float("nan")
FACTS = Facts(
    labels=("n01", "n01", "n02", "n02", "n02"),
    indices=np.array([0, 0, 1, 1, 1]),
    correct=np.array([1.0, 0.0, 1.0, NAN, 1.0]),
    areas=np.array([0.1, 0.5, NAN, 0.2, 0.3]),
    classes=("tench", "goldfish"),
    known_labels=frozenset({"n01", "n02", "n03"}),
)


@pytest.mark.parametrize(
    ("stratum", "inside", "unknown"),
    [
        (correct, [0, 2, 4], [3]),
        (misclassified, [1], [3]),
        (label("n01"), [0, 1], []),
        (label("goldfish"), [2, 3, 4], []),
        (label(1), [2, 3, 4], []),
        (label("n03"), [], []),
        (object_area < 0.3, [0, 3], [2]),
        (object_area <= 0.3, [0, 3, 4], [2]),
        (object_area > 0.3, [1], [2]),
        (object_area >= 0.3, [1, 4], [2]),
        (correct & (object_area < 0.4), [0, 4], [2, 3]),
        (misclassified & (object_area < 0.4), [], [3]),
        (label("n01") & correct & (object_area < 0.4), [0], []),
        (~label("n01"), [2, 3, 4], []),
        (~correct, [1], [3]),
        (~(object_area < 0.3), [1, 4], [2]),
        (label("n01") | (object_area < 0.3), [0, 1, 3], [2]),
        (~(label("n01") | correct), [], [3]),
        (~(correct & (object_area < 0.4)), [1], [2, 3]),
        ((object_area < 0.3) | ~(object_area < 0.3), [0, 1, 3, 4], [2]),
    ],
)
def test_membership(stratum: Stratum, inside: list[int], unknown: list[int]) -> None:
    found, open_ = membership(stratum, FACTS)
    assert np.flatnonzero(found).tolist() == inside
    assert np.flatnonzero(open_).tolist() == unknown


@pytest.mark.parametrize("wanted", ["n04", "tenhc"])
def test_a_class_that_nobody_knows_is_an_error_that_names_the_nearest(wanted: str) -> None:
    with pytest.raises(ExpressionError, match=r"neither the data nor the model.*did you mean"):
        membership(label(wanted), FACTS)


tri = st.sampled_from([0.0, 1.0, NAN])
SIMPLE = (correct, label("a"), object_area < 0.5)
combined = st.recursive(
    st.sampled_from(SIMPLE),
    lambda parts: (
        st.builds(lambda one, other: one & other, parts, parts)
        | st.builds(lambda one, other: one | other, parts, parts)
        | st.builds(lambda one: ~one, parts)
    ),
    max_leaves=6,
)


@given(
    combined,
    st.lists(st.tuples(tri, st.sampled_from([0.1, 0.9, NAN]), st.sampled_from(["a", "b"])), min_size=1, max_size=9),
)
def test_an_image_of_joined_strata_is_in_out_or_unknown_as_three_valued_logic_says(
    stratum: Stratum, rows: list[Any]
) -> None:
    facts = Facts(
        [name for _, _, name in rows],
        np.array([int(name == "b") for _, _, name in rows]),
        np.array([right for right, _, _ in rows]),
        np.array([area for _, area, _ in rows]),
        None,
        frozenset("ab"),
    )
    inside, unknown = membership(stratum, facts)
    for at, (right, area, name) in enumerate(rows):
        known = [None if np.isnan(right) else right == 1, name == "a", None if np.isnan(area) else area < 0.5]
        expected = kleene(stratum, known)
        assert (bool(inside[at]), bool(unknown[at])) == (expected is True, expected is None)


def kleene(stratum: Stratum, known: list[bool | None]) -> bool | None:
    """The truth of a stratum for one image, from those of `SIMPLE`, by Kleene's three-valued logic."""
    if isinstance(stratum, Not):
        inner = kleene(stratum.stratum, known)
        return None if inner is None else not inner
    if isinstance(stratum, Both | Either):
        parts = [kleene(part, known) for part in stratum.parts]
        settles = isinstance(stratum, Either)
        return settles if settles in parts else None if None in parts else not settles
    if stratum in SIMPLE:
        return known[SIMPLE.index(stratum)]
    inner = kleene(~stratum, known)
    return None if inner is None else not inner

"""Images that an expectation is not about: it is decided as if they were not there, and they are counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_tables import Values, column, named

from modelaudit import label
from modelaudit.language.composite import Extreme
from modelaudit.language.expression import Expectation
from modelaudit.statistics import Clustering, Column, Membership, decide

A, B = named("a"), named("b")
LEAST = Extreme("minimum", (A.where(label("x")), A.where(label("y"))), ("x", "y"), 0.0, 1.0)
EXPRESSIONS: dict[str, Any] = {
    "a mean": A,
    "a difference": A - B,
    "a ratio": A / B,
    "a stratum": A.where(label("x")),
    "two strata": A.where(label("x")) - A.where(label("y")),
    "a product": A * B,
    "a worst group": LEAST,
}


def table(values: list[tuple[float, float, bool, bool]], kept: np.ndarray[Any, Any], *, dropped: bool) -> Values:
    """The columns a and b, with images that are not applicable, or without these."""
    rows = np.array(values, dtype=float)
    chosen = kept if dropped else np.ones_like(kept)
    a, b = (column(rows[chosen, at]) for at in (0, 1))
    inside, lot = rows[chosen, 2] == 1, rows[chosen, 3].astype(np.int64)
    unknown = np.zeros_like(inside)
    strata = {"label(x)": Membership(inside, unknown), "label(y)": Membership(~inside, unknown)}
    shared = (Clustering("copies", np.where(lot == 1, 0, -1)),)
    columns: dict[str, Column] = {"a": a, "b": b}
    if not dropped:
        columns = {name: replace(one, applicable=kept) for name, one in columns.items()}
    return Values(columns, strata, {"*": shared})


unit = st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan])
row = st.tuples(unit, st.sampled_from([0.5, 0.75, 1.0]), st.booleans(), st.booleans())


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(EXPRESSIONS)), st.lists(st.tuples(row, st.booleans()), min_size=8, max_size=24))
def test_the_decision_is_that_without_these_images(name: str, images: list[tuple[Any, bool]]) -> None:
    values, kept = [one for one, _ in images], np.array([there for _, there in images])
    if not kept.any():
        return
    expectation = Expectation(EXPRESSIONS[name], "<", 0.6)
    whole, without = (
        decide(expectation, table(values, kept, dropped=dropped), confidence=0.95, about="process")
        for dropped in (False, True)
    )
    assert without.counts.without_object == 0
    assert replace(whole.counts, without_object=0) == without.counts
    assert (whole.verdict, whole.reason, whole.rule) == (without.verdict, without.reason, without.rule)
    for field in ("estimate", "lower", "upper"):
        assert getattr(whole, field) == pytest.approx(getattr(without, field), nan_ok=True), field


def test_images_that_would_be_of_the_stratum_are_counted() -> None:
    values = [(0.5, 1.0, at < 6, False) for at in range(10)]
    kept = np.array([at not in (0, 1, 9) for at in range(10)])
    found = {
        name: decide(
            Expectation(EXPRESSIONS[name], "<", 0.6),
            table(values, kept, dropped=False),
            confidence=0.95,
            about="process",
        ).counts.without_object
        for name in ("a mean", "a stratum", "a worst group")
    }
    assert found == {"a mean": 3, "a stratum": 2, "a worst group": 3}

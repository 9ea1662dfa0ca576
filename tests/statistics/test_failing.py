"""Asking only for FAIL gives what the whole decision gives."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statistics_tables import Values, column, mapped, named

from modelaudit.language import correct
from modelaudit.language.composite import Extreme
from modelaudit.language.expression import Expectation, Expression
from modelaudit.statistics import Clustering, Membership, Verdict, decide
from modelaudit.statistics.failing import fails

RIGHT, SHOWN, SHARE, MARGIN = named("right"), named("shown"), named("share"), named("margin")
LEFT: dict[str, Expression] = {
    "proportion": RIGHT,
    "drop": RIGHT - SHOWN,
    "mean": SHARE,
    "difference of means": SHARE - named("other"),
    "ratio": SHOWN / RIGHT,
    "ratio of means": (SHARE - named("other")) / SHARE,
    "negative divisor": SHOWN / (SHARE - 1.5),
    "product": RIGHT * SHARE,
    "methods": mapped("gradcam", "saliency"),
    "two strata": RIGHT.where(correct) - SHOWN,
    "stratum": SHARE.where(correct),
    "unbounded": MARGIN,
    "least of several": Extreme("minimum", (RIGHT.where(correct), SHOWN + 0.2)),
}
ERRORS = st.sampled_from([0.0, 0.0, 0.0, 0.1, 1.0])


def table(seed: int, n: int, level: float, missing: float, clusters: int) -> Values:
    draw = np.random.default_rng(seed)

    def means(shift: float) -> Any:
        values = np.clip(draw.normal(level + shift, 0.15, n), 0, 1)
        return np.where(draw.random(n) < missing, np.nan, values)

    def flags(share: float) -> Any:
        return np.where(draw.random(n) < missing, np.nan, (draw.random(n) < share).astype(float))

    names = {"right": column(flags(level), "proportion"), "shown": column(flags(level / 2), "proportion")}
    names |= {name: column(means(0.1 * at)) for at, name in enumerate(("share", "other", "gradcam", "saliency"))}
    names["margin"] = column(draw.normal(level, 1, n), low=None, high=None)
    inside = draw.random(n) < 0.8
    shared = {"*": (Clustering("cluster", draw.integers(0, clusters, n)),)} if clusters else {}
    return Values(names, {"correct": Membership(inside, np.zeros(n, bool))}, shared)


@pytest.mark.parametrize("name", LEFT)
@given(
    seed=st.integers(0, 10**6),
    n=st.sampled_from([1, 5, 30, 120, 260]),
    level=st.floats(0.05, 0.95),
    missing=ERRORS,
    clusters=st.sampled_from([0, 0, 5, 15]),
    op=st.sampled_from(["<", "<=", ">", ">="]),
    threshold=st.floats(-1, 1),
    confidence=st.sampled_from([0.9, 0.95]),
    about=st.sampled_from(["process", "process", "this_set"]),
    further=st.sampled_from([None, None, 0, 40]),
)
def test_it_fails_where_the_decision_is_fail(
    name: str,
    seed: int,
    n: int,
    level: float,
    missing: float,
    clusters: int,
    op: Any,
    threshold: float,
    confidence: float,
    about: Literal["process", "this_set"],
    further: int | None,
) -> None:
    values, expectation = table(seed, n, level, missing, clusters), Expectation(LEFT[name], op, threshold)
    looks = None if further is None else n + further
    whole = decide(expectation, values, confidence=confidence, about=about, sequential=looks, brief=True)
    failed = fails(expectation, values, confidence=confidence, about=about, sequential=looks)
    assert failed == (whole.verdict is Verdict.FAIL)


@pytest.mark.parametrize("name", [name for name in LEFT if name != "unbounded"])
def test_both_answers_come_up(name: str) -> None:
    values = table(0, 260, 0.5, 0.0, 0)
    answers = {
        fails(Expectation(LEFT[name], "<", threshold), values, confidence=0.95, about="process")
        for threshold in (-2.0, 2.0)
    }
    assert answers == {True, False}

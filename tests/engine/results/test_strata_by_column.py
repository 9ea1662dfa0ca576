"""Strata by group and by column, from the samples to the verdict."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.small_audits import Net, audit, measured, results, sample, values

from modelaudit.engine.results.strata import MOST, Facts, Known, divided_by, membership
from modelaudit.language import ExpressionError, Sample, column, correct, group
from modelaudit.language.strata import ColumnIs, Group, Stratum
from modelaudit.measures import accuracy, confidence, worst_group_accuracy

HTML = "<b>&'\"鉄"


def data() -> list[Sample]:
    """Groups a and b by turns; a camera for all but the last; the exposure is the number, once no number."""
    return [
        sample(
            at,
            group="ab"[at % 2],
            attributes={
                "exposure": "dark" if at == 5 else str(at),
                "unasked": "u",
                **({} if at == 11 else {HTML: "x" * 300 if at < 6 else HTML}),
            },
        )
        for at in range(12)
    ]


def test_strata_choose_the_images_and_only_named_columns_travel(tmp_path: Path) -> None:
    one = audit(Net(2), data(), about="this_set")
    strata: dict[str, Stratum] = {
        "group": group("b"),
        "text": column(HTML) == HTML,
        "number": column("exposure") < 8,
        "both": group("a") & (column("exposure") >= 4),
    }
    inside = {
        "group": [1, 3, 5, 7, 9, 11],
        "text": [6, 7, 8, 9, 10],
        "number": [0, 1, 2, 3, 4, 6, 7],
        "both": [4, 6, 8, 10],
    }
    cases = {name: one.expect(confidence.where(stratum) >= 0) for name, stratum in strata.items()}
    found, plain = results(tmp_path, **cases), measured(tmp_path / "plain", **cases)
    value = values(plain, "confidence")
    for name, at in inside.items():
        decision = found[name].decision
        assert decision is not None and decision.counts.measured == len(at)
        if name in ("group", "both"):
            assert decision.estimate == pytest.approx(value[at].mean(), abs=1e-12)
            assert {row.sample for row in found[name].gallery} <= {f"{number:03d}.png" for number in at}
    assert {name for each in plain.samples for name in each.columns} == {"exposure", HTML}
    assert plain.data is not None and plain.data.columns == sorted(["exposure", "unasked", HTML])


@pytest.mark.parametrize(("by", "parts"), [("group", 2), (HTML, 2)])
def test_the_worst_group_is_the_least_of_the_means(tmp_path: Path, by: str, parts: int) -> None:
    one = audit(Net(2), data(), about="this_set")
    cases = {"worst": one.expect(worst_group_accuracy(by=by) >= 0)}
    plain = measured(tmp_path / "plain", **cases)
    right, at = values(plain, "accuracy"), np.arange(12)
    first = at % 2 == 0 if by == "group" else at < 6
    decision = results(tmp_path, **cases)["worst"].decision
    assert len(divided_by(by, plain)) == parts
    assert decision is not None
    if by == "group":
        assert decision.estimate == pytest.approx(min(right[first].mean(), right[~first].mean()))


@pytest.mark.parametrize(
    ("stratum", "told"),
    [
        (group("aa"), r"group.*did you mean 'a'.*'b'"),
        (column("exposur") < 3, r"no image has that column.*did you mean 'exposure'.*'unasked'"),
        (column("unasked") == "v", r"no image has that.*'u'"),
        (column("unasked") < 3, "holds no number.*'u'"),
    ],
)
def test_a_name_that_no_sample_has_names_the_nearest_and_what_there_is(
    tmp_path: Path, stratum: Stratum, told: str
) -> None:
    found: Any = results(tmp_path, a=audit(Net(2), data()).expect(accuracy.where(stratum) > 0))["a"]
    assert found.decision is None
    assert re.search(told, found.message, re.DOTALL), found.message


def test_parts_that_were_not_looked_at_stay_and_too_many_are_refused(tmp_path: Path) -> None:
    case = audit(Net(2), data()).expect(worst_group_accuracy(by=HTML) > 0)
    whole = measured(tmp_path, a=case)
    early = whole.model_copy(update={"samples": whole.samples[:1], "looks": 1})
    assert divided_by(HTML, early) == divided_by(HTML, whole) == (ColumnIs(HTML, HTML), ColumnIs(HTML, "x" * 300))
    assert divided_by("group", early) == (Group("a"), Group("b"))
    many = [one.model_copy(update={"columns": {"id": str(at)}}) for at, one in enumerate([*whole.samples] * 20)]
    with pytest.raises(ExpressionError, match=f"more than {MOST}"):
        divided_by("id", whole.model_copy(update={"samples": many}))


@pytest.mark.parametrize("cell", ["", "nan", "inf", "1_0", "3 cm", None])
def test_what_is_no_finite_number_is_unknown(cell: str | None) -> None:
    known = Known((), ("x",), {"x": ["1"]}, MOST)
    one = np.array([0])
    facts = Facts(["a"], one, None, one * 0.5, None, frozenset("a"), [None], {"x": [cell]}, known)
    inside, unknown = membership(column("x") < 99, facts)
    assert not inside.any() and unknown.all()


def test_what_cannot_be_a_stratum_is_refused() -> None:
    for wrong in (
        lambda: column("x") < float("nan"),
        lambda: column("x") == 0.5,
        lambda: column(""),
        lambda: group(""),
    ):
        with pytest.raises(ExpressionError):
            wrong()
    with pytest.raises(TypeError):
        hash(column("x"))
    assert str(correct & (column("x") < 3)) == "correct & (column(x) < 3)"

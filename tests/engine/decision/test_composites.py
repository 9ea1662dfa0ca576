"""Composites through the engine: measured, decided, ranked, and put into words as any other expression."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.small_audits import CLASSES, Net, asked, audit, measured, results, samples, values

from modelaudit.contexts import fade, gaussian_noise
from modelaudit.engine.results.per_image import worst_per_image
from modelaudit.evidence.build import Place, declared_case, with_result
from modelaudit.evidence.record import CaseRecord
from modelaudit.language import Expectation, Measure, correct, parse
from modelaudit.language.expression import Expression
from modelaudit.measures import (
    accuracy,
    margin,
    mean_corruption_error,
    relative_foreground_sensitivity,
    top_k_accuracy,
    worst_group_accuracy,
)
from modelaudit.report.sentences import headline, parts_of, sentence
from modelaudit.report.words import words_of
from modelaudit.statistics import Reason, Verdict

ON_OBJECT, BEHIND = gaussian_noise(5, region="object"), gaussian_noise(5)


def recorded(name: str, folder: Path, expectation: Expectation, **options: Any) -> CaseRecord:
    case = audit(**options).expect(expectation)
    (item,) = asked(**{name: case})
    result = results(folder, **{name: case})[name]
    return with_result(declared_case(item, Place(name, "audit_x.py", 1)), result, reproduce="")


def accuracies(folder: Path, *contexts: Any, data: Any) -> list[np.ndarray[Any, Any]]:
    """Per image, of each context."""
    one = audit(data=data)
    cases = {f"a{at}": one.expect(accuracy.under(context) > 0.5) for at, context in enumerate(contexts)}
    found = measured(folder, **cases)
    return [values(found, str(accuracy.under(context))) for context in contexts]


def test_the_worst_group_is_the_least_of_labels_and_contexts(tmp_path: Path) -> None:
    data = samples(30)
    case = recorded("w", tmp_path / "a", worst_group_accuracy(fade(0), BEHIND) > 0.2, data=data)
    labels = np.array([str(one.label) for one in data])
    found = accuracies(tmp_path / "b", fade(0), BEHIND, data=data)
    by_context = dict(zip(("fade(0)", "gaussian_noise(5)"), found, strict=True))
    expected = {
        f"label({label}) under {context}": float(right[labels == label].mean())
        for label in CLASSES
        for context, right in by_context.items()
    }
    assert case.decision is not None
    assert {part.group: part.estimate for part in case.decision.parts} == pytest.approx(expected)
    assert case.decision.estimate == pytest.approx(min(expected.values()))
    assert case.decision.group is not None and expected[case.decision.group] == case.decision.estimate
    assert case.decision.counts.asked == 30 and case.worst and case.gallery
    assert [part.group for part in parts_of(case)][:1] == [None] and len(parts_of(case)) == 7
    assert headline(case) == [case.decision]


def test_foreground_sensitivity_follows_its_formula_and_ranks_images(tmp_path: Path) -> None:
    data = samples(30)
    expectation = relative_foreground_sensitivity(ON_OBJECT, BEHIND) > 0.1
    case = recorded("r", tmp_path / "a", expectation, data=data)
    front, back = (right.mean() for right in accuracies(tmp_path / "b", ON_OBJECT, BEHIND, data=data))
    mean = (front + back) / 2
    assert case.decision is not None and case.decision.estimate == pytest.approx(
        (back - front) / (2 * min(mean, 1 - mean))
    )
    assert case.decision.lower is not None and case.decision.upper is not None
    assert -1 <= case.decision.lower <= case.decision.estimate <= case.decision.upper <= 1

    def leaf(one: Measure) -> np.ndarray[Any, Any]:
        return np.array([0.0, 1.0, 0.0, 1.0, np.nan] if one.context == ON_OBJECT else [1.0, 0.0, 0.0, 1.0, 1.0])

    np.testing.assert_equal(worst_per_image(expectation, leaf), [1, -1, 0, 0, np.nan])


@pytest.mark.parametrize("baseline", [None, "old"])
def test_corruption_errors_are_those_of_the_columns(tmp_path: Path, baseline: str | None) -> None:
    chosen: dict[str, Any] = {"corruptions": ["brightness", "gaussian_noise"], "baseline": baseline}
    if baseline:
        chosen["severities"] = [1, 5]
    expectation = parse(str(mean_corruption_error(**chosen).of("new") < 1))
    one = audit({"new": Net(0), "old": Net(1)}, samples(12))
    case = one.expect(expectation)
    found, result = measured(tmp_path / "a", m=case), results(tmp_path / "b", m=case)["m"]
    errors: dict[str, dict[str, list[float]]] = {"new": {}, "old": {}}
    for column in found.columns:
        name = column.key.removeprefix("accuracy.under(").partition("(")[0]
        model = column.model.removeprefix("model:")
        errors[model].setdefault(name, []).append(1 - float(np.mean(column.values)))
    base = {"brightness": 0.564592, "gaussian_noise": 0.886428}
    ratios = [
        sum(errors["new"][name]) / (sum(errors["old"][name]) if baseline else 5 * base[name])
        for name in ("brightness", "gaussian_noise")
    ]
    assert result.decision is not None and result.decision.estimate == pytest.approx(sum(ratios) / 2)
    assert result.gallery and result.worst
    assert len(result.models) == (2 if baseline else 1)


def test_composites_stand_in_larger_expressions_and_on_strata(tmp_path: Path) -> None:
    one, data = audit(data=samples(40)), 40
    cases = {
        "gap": one.expect(worst_group_accuracy().where(correct) - accuracy >= -1),
        "product": one.expect(relative_foreground_sensitivity(ON_OBJECT, BEHIND) * accuracy <= 1),
        "curve": one.expect(worst_group_accuracy(fade(each=[0, 1])) > 0.99),
    }
    found = results(tmp_path, **cases)
    assert found["gap"].verdict is Verdict.PASS and found["product"].verdict is Verdict.PASS
    assert found["curve"].decision is not None
    assert {part.group for part in found["curve"].decision.parts} == {
        f"label({label}) under fade({dose})" for label in CLASSES for dose in (0, 1)
    }
    assert found["gap"].decision is not None and found["gap"].decision.counts.asked == data


def test_groups_that_the_data_do_not_have_are_an_error_of_this_case_alone(tmp_path: Path) -> None:
    one = audit()
    cases = {"a": one.expect(worst_group_accuracy(by="nowhere") > 0.1), "b": one.expect(accuracy > 0.01)}
    found = results(tmp_path, **cases)
    assert found["a"].verdict is Verdict.ERROR and "nowhere" in found["a"].message
    assert found["b"].verdict is not Verdict.ERROR


def test_top_k_and_margin_are_read_off_the_same_pass(tmp_path: Path) -> None:
    one = audit(data=samples(12))
    cases = {"k": one.expect(top_k_accuracy(3) > 0.5), "m": one.expect(margin > 0), "a": one.expect(accuracy > 0)}
    found = measured(tmp_path, **cases)
    assert found.passes.forward == 12
    assert values(found, "top_k_accuracy(3)").tolist() == [1.0] * 12
    assert ((values(found, "margin") > 0) == (values(found, "accuracy") == 1)).all()


def test_a_sensitivity_without_a_denominator_decides_nothing(tmp_path: Path) -> None:
    nothing_changes = relative_foreground_sensitivity(fade(0), fade(0, to="black")).where(correct) > 0.1
    found = results(tmp_path, c=audit(data=samples(60)).expect(nothing_changes))["c"]
    assert found.verdict is Verdict.INCONCLUSIVE and found.reason is Reason.UNDEFINED_VALUES
    assert found.decision is not None and found.decision.estimate == 0 and found.decision.more_images is None


@pytest.mark.parametrize(
    ("left", "limit", "says"),
    [
        (
            worst_group_accuracy(),
            0.5,
            r"The accuracy of the worst group \(by class\) is [\d.]+% \(of class “\w+”\); mor",
        ),
        (
            worst_group_accuracy(fade(0), BEHIND, by="label"),
            0.5,
            r"The accuracy of the worst group \(by class\) over these contexts: .*background.*, is [\d.]+% \(of class",
        ),
        (
            relative_foreground_sensitivity(ON_OBJECT, BEHIND),
            0.1,
            r"The relative foreground sensitivity, .* against .*, is",
        ),
        (
            mean_corruption_error(["fog"], [2, 3], baseline="old").of("new").where(correct),
            0.9,
            r"With model “new”, among the images classified correctly on the original, the mean corruption error "
            r"\(relative to model “old”, 1 corruption\) is",
        ),
    ],
)
def test_the_report_puts_them_into_words(tmp_path: Path, left: Expression, limit: float, says: str) -> None:
    model = {"new": Net(0), "old": Net(1)} if ".of(" in str(left) else Net(0)
    case = recorded("c", tmp_path, left > limit, model=model, data=samples(24))
    assert re.match(says, sentence(case, words_of("en"))), sentence(case, words_of("en"))
    assert "{" not in sentence(case, words_of("ja"))

"""`Audit.no_worse_than`: one case a requirement, on the same data and on the same terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelaudit import Audit
from modelaudit.contexts import lighting, swap_background
from modelaudit.language.audit import AuditCase
from modelaudit.language.errors import ExpressionError
from modelaudit.language.no_worse import NoWorse, reference_of
from modelaudit.measures import accuracy, background_dependence


def line(**arguments: Any) -> Audit:
    return Audit("demo:sound", "demo:?images=40", **arguments)


def texts(stated: NoWorse) -> list[str]:
    return [str(case.expectation) for case in stated.cases]


def test_each_requirement_is_compared_in_its_own_direction() -> None:
    audit = line()
    other = swap_background("other_class")
    audit.expect(accuracy > 0.9)
    audit.expect(accuracy - accuracy.under(other) < 0.05)
    audit.expect(background_dependence("gradcam").under(other) <= 0.4)
    assert texts(audit.no_worse_than("baselines/v1", margin=0.02)) == [
        "accuracy.of(candidate) - accuracy.of(baseline) > -0.02",
        "accuracy.of(candidate) - accuracy.under(swap_background(other_class)).of(candidate)"
        " - (accuracy.of(baseline) - accuracy.under(swap_background(other_class)).of(baseline)) < 0.02",
        "background_dependence(gradcam).under(swap_background(other_class)).of(candidate)"
        " - background_dependence(gradcam).under(swap_background(other_class)).of(baseline) < 0.02",
    ]


def test_the_terms_of_each_requirement_are_kept_unless_others_are_given() -> None:
    audit = line(confidence=0.9)
    audit.expect(accuracy > 0.9, clause="4.1", importance="critical")
    audit.expect(accuracy.under(lighting(3)) > 0.9, clause="4.2", confidence=0.99, importance="advisory")

    def terms(stated: NoWorse) -> list[tuple[Any, ...]]:
        return [(case.clause, case.confidence, case.importance) for case in stated.cases]

    assert terms(audit.no_worse_than("baselines/v1", margin=0.1)) == [
        ("4.1", 0.9, "critical"),
        ("4.2", 0.99, "advisory"),
    ]
    given = audit.no_worse_than("baselines/v1", margin=0.1, clause="5", confidence=0.8, importance="major")
    assert terms(given) == [("5", 0.8, "major")] * 2


def test_the_audit_is_the_same_but_for_its_models() -> None:
    samples: list[Any] = []
    audit = Audit(
        "demo:sound",
        samples,
        classes=["nut", "bolt"],
        scores="logits",
        seed=3,
        object_kept=0.7,
        without_object=["good"],
        pools={"night": "photos:night"},
        bounds="guaranteed",
    )
    audit.expect(accuracy > 0.9)
    (case,) = audit.no_worse_than("baselines/v1", margin=0.02).cases
    compared = case.audit
    assert dict(compared.models) == {"candidate": "demo:sound", "baseline": "run:baselines/v1"}
    assert compared.data is audit.data  # one data set is measured, not two
    assert compared.option_of("classes", "candidate") == ["nut", "bolt"]
    assert compared.option_of("classes", "baseline") is None  # a stored run has its own
    assert compared.scores_of("candidate").scores == "logits"
    for name in ("seed", "object_kept", "without_object", "pools", "bounds", "checks", "about"):
        assert getattr(compared, name) == getattr(audit, name)


def test_a_baseline_that_is_run_has_the_classes_and_the_preprocessing_of_the_model() -> None:
    audit = line(classes=["nut", "bolt"])
    audit.expect(accuracy > 0.9)
    (case,) = audit.no_worse_than("demo:shortcut", margin=0.02).cases
    assert dict(case.audit.models) == {"candidate": "demo:sound", "baseline": "demo:shortcut"}
    assert case.audit.option_of("classes", "baseline") == ["nut", "bolt"]


def test_of_several_models_one_is_named_and_comparisons_between_them_are_left_out() -> None:
    audit = Audit({"new": "demo:sound", "old": "demo:shortcut"}, "demo:")
    audit.expect(accuracy > 0.9)
    audit.expect(accuracy.of("new") > 0.8)
    audit.expect(accuracy.of("old") > 0.8)
    audit.expect(accuracy.of("new") - accuracy.of("old") > 0.1)
    with pytest.raises(ExpressionError, match=r"the models new, old; say which one .* of='new'"):
        audit.no_worse_than("baselines/v1", margin=0.02)
    with pytest.raises(ExpressionError, match="of='nwe': no such model; did you mean 'new'"):
        audit.no_worse_than("baselines/v1", margin=0.02, of="nwe")
    stated = audit.no_worse_than("baselines/v1", margin=0.02, of="new")
    assert texts(stated) == ["accuracy.of(candidate) - accuracy.of(baseline) > -0.02"] * 2
    assert stated.cases[0].audit.models["candidate"] == "demo:sound"


def test_what_must_fail_is_not_compared() -> None:
    audit = line()
    audit.expect(accuracy > 0.9, must_fail=True)
    with pytest.raises(ExpressionError, match="there are none about this model alone"):
        audit.no_worse_than("baselines/v1", margin=0.02)


@pytest.mark.parametrize(
    ("margin", "says"),
    [
        (0, "must be a number above 0"),
        (-0.02, "must be a number above 0"),
        (True, "must be a number above 0"),
        (float("inf"), "must be a number above 0"),
        ("2%", "must be a number above 0"),
        (2, r"no model can be that much worse.*between 0 and 1; did you mean 0\.02\?"),
        (1, "no model can be that much worse"),
    ],
)
def test_a_margin_that_nothing_could_exceed_is_refused(margin: Any, says: str) -> None:
    audit = line()
    audit.expect(accuracy > 0.9)
    with pytest.raises(ExpressionError, match=says):
        audit.no_worse_than("baselines/v1", margin=margin)


def test_nothing_is_stated_before() -> None:
    with pytest.raises(ExpressionError, match="state them first"):
        line().no_worse_than("baselines/v1", margin=0.02)


def test_what_is_written_for_a_baseline() -> None:
    assert reference_of("audit-results/latest") == "run:audit-results/latest"
    assert reference_of(Path("baselines") / "v1") == "run:baselines/v1"
    assert reference_of("run:baselines/v1?unpaired=0.1") == "run:baselines/v1?unpaired=0.1"
    assert reference_of("models/net.py:build") == "models/net.py:build"
    assert reference_of(line) is line
    with pytest.raises(ExpressionError, match="names nothing"):
        reference_of(" ")


def test_items_are_named_after_the_requirements() -> None:
    audit = line()
    right = audit.expect(accuracy > 0.9)
    audit.expect(accuracy.under(lighting(3)) > 0.9)
    stated = audit.no_worse_than("baselines/v1", margin=0.02)
    names: dict[AuditCase, str] = {right: "right"}
    assert [name for name, _ in stated.named("no_worse", names)] == ["no_worse[right]", "no_worse[2]"]

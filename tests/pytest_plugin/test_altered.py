"""A case is decided as its file states it, or it is an error: whatever other code of the process does to it."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import Line

#: what a conftest.py does to the item of a case that would FAIL, so that it would not; and what the message names
CHANGES: dict[str, tuple[str, str]] = {
    "threshold": ("set_(item.expectation, 'threshold', 2.0)", "'accuracy < 2'"),
    "comparison": ("set_(item.expectation, 'op', '>')", "'accuracy > 0.5'"),
    "another expectation": (
        "item.expectation = Expectation(item.expectation.expression, '>', 0.1)",
        "'accuracy > 0.1'",
    ),
    "the case's expectation": (
        "set_(item.case, 'expectation', Expectation(item.expectation.expression, '>', 0.1))",
        "'accuracy > 0.1'",
    ),
    "must_fail": ("set_(item.case, 'must_fail', True)", "must_fail: 'True' would be decided"),
    "confidence": ("set_(item.case, 'confidence', 0.6)", "confidence: '0.6' would be decided"),
    "confidence of the case": ("set_(item.case, 'confidence', 0.99)", "confidence: '0.99' would be decided"),
    "about": ("set_(item.case.audit, 'about', 'this_set')", "about: "),
    "seed": ("set_(item.case.audit, 'seed', 3)", "seed: "),
    "another model": ("set_(item.case.audit, 'model', Blind())", "the models: "),
    "fewer images": ("set_(item.case.audit, 'data', samples(2))", "data: "),
    "a case of its own": ("item.case = replace(item.case, must_fail=True)", "was not stated by Audit.expect(...)"),
}

CONFTEST = """
from dataclasses import replace
from line import *
from modelaudit.language.expression import Expectation

set_ = object.__setattr__

def change(item):
    if item.name == "wrong":
        {change}

def {hook}
"""
HOOKS = {
    "when it is collected": "pytest_collection_modifyitems(items):\n    [change(item) for item in items]",
    "when it is run": "pytest_runtest_setup(item):\n    change(item)",
}


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
@pytest.mark.parametrize(("change", "says"), CHANGES.values(), ids=CHANGES)
def test_a_case_that_other_code_changes_is_an_error_that_says_what_was_changed(
    line: Line, change: str, says: str, hook: str
) -> None:
    line.audit(
        """
        audit = Audit(**told())
        right = audit.expect(accuracy > 0.5)
        wrong = Audit(**told()).expect(accuracy < 0.5)
        """
    )
    line.write("conftest.py", CONFTEST.format(change=change, hook=hook))
    result = line.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    cases = line.cases()
    assert (cases["right"].verdict, cases["wrong"].verdict) == ("PASS", "ERROR")
    assert says in cases["wrong"].message, cases["wrong"].message
    assert "change the audit file" in cases["wrong"].message
    assert cases["wrong"].decision is None
    assert line.record().overall == "ERROR"


def test_a_case_of_several_models_is_decided_as_it_is_stated(line: Line) -> None:
    line.audit(
        """
        two = Audit(**told() | {"model": {"one": Colour(), "other": Colour()}})
        right = two.expect(accuracy > 0.5)
        same = two.expect(accuracy.of("one") - accuracy.of("other") > -0.2)
        """
    )
    assert line.run().ret == pytest.ExitCode.OK

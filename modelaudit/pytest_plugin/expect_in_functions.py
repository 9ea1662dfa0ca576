"""Reports expectations stated inside functions, which nothing would measure: pytest collects names of modules."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import pytest

from ..language.plain_text import plain

if TYPE_CHECKING:
    from ..language.audit import AuditCase


#: the fixture of `modelaudit.testing` that exempts a test
EXEMPTS = "allow_expect"
_STATED_BEFORE = pytest.StashKey[int]()
_SHOWN = 3


class StatedInFunctions:
    """Makes an item an error where its test, or a fixture of it, called ``expect``."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        item.stash[_STATED_BEFORE] = len(_stated())
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "teardown" and EXEMPTS not in getattr(item, "fixturenames", ()):
            stated = _stated()[item.stash.get(_STATED_BEFORE, 0) :]
            if stated:
                _make_error(report, _complaint(stated))
                report.__dict__["modelaudit_stated"] = [f"line {case.line}: {case.expectation}" for case in stated]
        return report


def _stated() -> Sequence[AuditCase]:
    """All cases that were stated in functions: none where nothing has loaded the language yet."""
    language = sys.modules.get("modelaudit.language.stated_cases")
    return () if language is None else language.stated_in_functions()


def _make_error(report: pytest.TestReport, complaint: str) -> None:
    """Make the teardown an error, whatever the marks of the test are."""
    report.longrepr = f"{report.longreprtext}\n{complaint}" if report.failed else complaint
    report.outcome = "failed"
    report.__dict__.pop("wasxfail", None)


def _complaint(stated: Sequence[AuditCase]) -> str:
    lines = [
        "expect() was called inside a function, where nothing measures what it states:",
        *(f"  {case.origin}:{case.line}: {case.expectation}" for case in stated[:_SHOWN]),
    ]
    if len(stated) > _SHOWN:
        lines.append(f"  and {len(stated) - _SHOWN} more")
    lines += [
        "Bind it to a module-level name of an audit file (audit_*.py), which becomes the name of its item:",
        f"  name_of_the_requirement = audit.expect({stated[0].expectation})",
        f"(A test of code that writes audits uses the fixture {EXEMPTS} of modelaudit.testing.)",
    ]
    return "\n".join(map(plain, lines))

"""The pytest item of an expectation: how it ends, and what it prints."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from _pytest._code.code import ReprFileLocation, TerminalRepr
from _pytest._io import TerminalWriter
from _pytest.outcomes import Failed

from ..evidence.states import is_exception
from ..language.audit import AuditCase
from ..language.expression import Expectation
from .stash import SESSION

if TYPE_CHECKING:
    from ..evidence.record import CaseRecord
    from .options import Options


class Decides(Protocol):
    """What an item needs of the session: ``ran`` are the items whose own ``runtest`` was called."""

    ran: set[str]

    @property
    def options(self) -> Options:
        """The options of the run."""
        ...

    @property
    def report_path(self) -> str:
        """Where the report will be."""
        ...

    def decide(self, item: AuditItem) -> CaseRecord:
        """The case's record with its verdict."""
        ...

    def cut_short(self, item: AuditItem, why: str) -> CaseRecord:
        """The case's record as an ERROR where measuring was stopped from outside."""
        ...


class AuditWarning(pytest.PytestWarning):
    """An audit case that was INCONCLUSIVE under ``--audit-inconclusive=warn``."""


class AuditFailed(AssertionError):
    """Raised where an audit case does not end as required, with the paragraph that its item prints.

    An ``AssertionError`` is what reports that tell a failed product from a broken test go by.
    """


class AuditErrored(Exception):
    """Raised in setup where an audit case cannot be measured or decided, so that pytest counts an error."""


for _raised in (AuditFailed, AuditErrored):
    _raised.__module__ = "builtins"  # as pytest does with its own outcomes: nothing prints a module


class AuditItem(pytest.Item):
    """One expectation on one audit, with its model resolved."""

    def __init__(
        self, *, case: AuditCase, expectation: Expectation, label: str, line: int | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.case = case
        self.expectation = expectation
        self.label = label
        self.line = line
        for mark in case.marks:
            self.add_marker(mark)

    @property
    def references(self) -> list[str]:
        """What its audit opens by name: data and models."""
        audit = self.case.audit
        return [one for one in (audit.data, *audit.models.values()) if isinstance(one, str)]

    def setup(self) -> None:
        """Measure and decide; what cannot be measured is an error of the item and not a failure."""
        state: Decides = self.config.stash[SESSION]
        try:
            record = state.decide(self)
        except Failed as stopped:  # by the timer of pytest-timeout: none from code under audit leaves `decide`
            record = state.cut_short(self, str(stopped))
        if record.verdict == "ERROR" and not is_exception(record):
            raise AuditErrored(_paragraph(state, record))

    def runtest(self) -> None:
        state: Decides = self.config.stash[SESSION]
        state.ran.add(self.nodeid)
        record = state.decide(self)
        if record.must_fail and record.verdict != "FAIL":
            raise AuditFailed(_paragraph(state, record))
        if record.must_fail or record.verdict == "PASS" or is_exception(record):
            return  # see outcome.disclaim
        if record.verdict == "INCONCLUSIVE" and state.options.inconclusive == "warn":  # see outcome.disclaim
            warnings.warn(AuditWarning(_paragraph(state, record)), stacklevel=1)
            return
        raise AuditFailed(_paragraph(state, record))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """The paragraph of an audit that did not end well; pytest's own form for anything else."""
        if isinstance(excinfo.value, AuditFailed | AuditErrored):
            from ..evidence.record_texts import recorded_text

            shown = recorded_text(str(excinfo.value), self.config.rootpath, self.references)
            head, *rest = shown.split("\n")
            # of what could not be measured the summary and JUnit say why at once
            why = f": {rest[1].strip()}" if isinstance(excinfo.value, AuditErrored) and len(rest) > 1 else ""
            return _Paragraph(str(excinfo.value), shown, f"{head}{why}", str(self.path), self.line or 0)
        return super().repr_failure(excinfo, style)

    def _initrequest(self) -> None:
        """Nothing to reset: a case has no fixtures. pytest-retry calls this of every item that it runs again."""

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None if self.line is None else self.line - 1, self.name


class _Paragraph(TerminalRepr):
    """A failure's text, with the one-line message that pytest's summary and JUnit show.

    JUnit takes the text as a string, and that is without the machine's folders; a terminal shows them.
    """

    def __init__(self, text: str, shown: str, message: str, path: str, line: int) -> None:
        self.text, self.shown = text, shown
        self.reprcrash = ReprFileLocation(path, line, message)

    def __str__(self) -> str:
        return self.shown

    def toterminal(self, tw: TerminalWriter) -> None:
        tw.line(self.text)


def _paragraph(state: Decides, record: CaseRecord) -> str:
    """What a failed item prints."""
    from ..report.paragraph import paragraph
    from ..report.words import words_of

    return paragraph(record, state.report_path, words_of(state.options.language), limit=state.options.limit)

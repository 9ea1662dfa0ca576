"""The whole of a run in one process: every declared expectation, and what keeps it from being run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

import pytest

from ..evidence.record import Absence, AbsentFile, CaseRecord
from ..evidence.states import AbsentBy
from .folders import audit_files, roots
from .selection import last_failed, left_out
from .typed import Typed

if TYPE_CHECKING:
    from ..language.audit import AuditCase
    from .collect import AuditItem

REMOVED = "left out by a conftest.py, a plugin, or an option that was not typed (addopts, PYTEST_ADDOPTS, ini)"


class Whole:
    """What the audit files declare, and which of it the session is about to run.

    ``left_out``: by typed arguments. ``removed``: by anything else. ``broken``: files that could not be collected.
    ``unmeasured``: what test functions of a file state, by the file.
    """

    def __init__(self, config: pytest.Config, typed: Typed) -> None:
        self.config = config
        self.typed = typed
        self.declared: dict[str, CaseRecord] = {}
        self.items: list[AuditItem] = []
        self.left_out: dict[str, str] = {}
        self.removed: set[str] = set()
        self.collected: set[str] = set()
        self.broken: dict[str, tuple[AbsentBy, str]] = {}
        self.unmeasured: dict[str, list[str]] = {}

    @property
    def expected(self) -> list[str]:
        """The node ids of what the user selected."""
        return [name for name in self.declared if name not in self.left_out]

    @property
    def cases(self) -> list[AuditCase]:
        """The cases of every file collected so far."""
        return list(dict.fromkeys(item.case for item in self.items))

    def declare(self, path: Path, items: Sequence[AuditItem], records: Sequence[CaseRecord]) -> None:
        """The expectations of a file, whether or not they are selected."""
        self.collected.add(os.path.realpath(path))
        self.items += items
        self.declared |= {record.id: record for record in records}

    def made(self, item: pytest.Item) -> bool:
        """Whether an item is one of those that a collected file declared, and not one put in its place."""
        return any(item is one for one in self.items)

    def fail(self, path: Path, error: BaseException) -> None:
        """A file whose expectations are not known, since collecting it ended early."""
        skipped = isinstance(error, pytest.skip.Exception | SkipTest)
        text = str(error).strip() or type(error).__name__
        why = text.splitlines()[-1 if not skipped else 0].removeprefix("E ").strip()  # as pytest marks a traceback
        self.broken[os.path.realpath(path)] = (
            ("skip", f"the module is skipped: {why}") if skipped else ("error", f"collection error: {why}")
        )

    def stated_in_functions(self, file: str, stated: Sequence[str]) -> None:
        """Expectations that a test function of an audit file states, where nothing measures them."""
        self.unmeasured.setdefault(file, []).extend(stated)

    def choose(self, items: Sequence[pytest.Item], order: Sequence[str], splittable: Sequence[pytest.Item]) -> None:
        """Compare what the session is about to run with what the user selected; see :func:`selection.left_out`."""
        about_to_run = {item.nodeid for item in items if self.made(item)}
        declared = list({item.nodeid: item for item in self.items}.values())
        self.left_out = left_out(self.typed, self.config, declared, order, splittable)
        for name in about_to_run:
            self.left_out.pop(name, None)
        self.removed = {name for name in self.expected if name not in about_to_run}

    def absence(self, name: str, *, stopped: str | None) -> Absence:
        """Why a declared case was not run. ``stopped``: what ended the session early, where that is known."""
        if name in self.left_out:
            return Absence(by="selection", why=f"not selected ({self.left_out[name]})")
        if name in self.removed:
            return Absence(by="removed", why=REMOVED)
        if stopped is not None and (self.typed.max_failures or self.typed.stepwise):
            return Absence(by="selection", why=stopped)
        return Absence(by="interrupted", why=stopped or "the run ended before it, or something else ran in its place")

    def absent_files(self) -> list[AbsentFile]:
        """The audit files below the folders of the run whose expectations are not known."""
        unmeasured = {
            file: f"stated inside a function, where nothing measures it: {'; '.join(stated)}"
            for file, stated in self.unmeasured.items()
        }
        found = [AbsentFile(file=file, by="error", why=why) for file, why in unmeasured.items()]
        for path in audit_files(roots(self.config, self.typed)):
            why = self._why_absent(path)
            if why is not None:
                found.append(AbsentFile(file=self._relative(path), by=why[0], why=why[1]))
        if not self.declared and not any(self.typed.selections()):
            empty = {self._relative(Path(name)) for name in self.collected} - unmeasured.keys()
            found += [AbsentFile(file=file, by="error", why="states no expectation") for file in sorted(empty)]
        return found

    def data(self) -> dict[str, Any]:
        """What a worker of pytest-xdist hands to its controller."""
        return {
            "declared": [record.model_dump_json() for record in self.declared.values()],
            "left_out": dict(self.left_out),
            "removed": sorted(self.removed),
            "collected": sorted(self.collected),
            "broken": {name: list(why) for name, why in self.broken.items()},
        }

    def adopt(self, found: dict[str, Any]) -> None:
        """What a worker handed over; what one worker has collected, the controller need not."""
        for text in found["declared"]:
            record = CaseRecord.model_validate_json(text)
            self.declared.setdefault(record.id, record)
        self.left_out |= found["left_out"]
        self.removed |= set(found["removed"])
        self.collected |= set(found["collected"])
        self.broken |= {name: (by, why) for name, (by, why) in found["broken"].items()}

    def _why_absent(self, path: Path) -> tuple[AbsentBy, str] | None:
        real = os.path.realpath(path)
        if real in self.collected:
            return None
        if real in self.broken:
            return self.broken[real]
        typed = self.typed.leaves_out(path)
        if typed is not None:
            return "selection", f"not collected ({typed})"
        failed = last_failed(self.typed, self.config)
        if failed is not None and self._relative(path) not in {name.split("::")[0] for name in failed}:
            return "selection", "not collected (--lf: nothing in it failed last)"
        return "removed", f"not collected: {REMOVED}"

    def _relative(self, path: Path) -> str:
        return Path(os.path.relpath(path, self.config.rootpath)).as_posix()

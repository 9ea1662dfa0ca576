"""What a run declares, what the typed arguments leave out, and what keeps the rest from being run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

import pytest

from ..evidence.record import Absence, AbsentFile, CaseRecord
from ..evidence.states import AbsentBy
from .audit_files import audit_files, run_folders
from .typed_arguments import TypedArguments

if TYPE_CHECKING:
    from ..language.audit import AuditCase
    from .items import AuditItem


from collections.abc import Callable, Iterator
from types import SimpleNamespace

from _pytest.mark import deselect_by_keyword, deselect_by_mark

NO_EXPECTATION = (
    "states no expectation, and test functions alone give no verdict; add one: AUDIT.expect(accuracy > 0.90)"
)
#: failed test functions of a file, named in the record
_NAMED = 5
REMOVED = "left out by a conftest.py, a plugin, or an option that was not typed (addopts, PYTEST_ADDOPTS, ini)"


class Completeness:
    """What the audit files declare, and which of it the session is about to run.

    ``left_out``: by typed arguments. ``removed``: by anything else. ``broken``: files that could not be collected.
    ``unmeasured``: what test functions of a file state, by the file. ``failed``: items of a file that failed and bring
    no case, by the file.
    """

    def __init__(self, config: pytest.Config, typed: TypedArguments) -> None:
        self.config = config
        self.typed = typed
        self.declared: dict[str, CaseRecord] = {}
        self.items: list[AuditItem] = []
        self.left_out: dict[str, str] = {}
        self.removed: set[str] = set()
        self.collected: set[str] = set()
        self.broken: dict[str, tuple[AbsentBy, str]] = {}
        self.unmeasured: dict[str, list[str]] = {}
        self.failed: dict[str, list[str]] = {}

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

    def is_declared(self, item: pytest.Item) -> bool:
        """Whether an item is one of those that a collected file declared, and not one put in its place."""
        return any(item is one for one in self.items)

    def fail(self, path: Path, error: BaseException) -> None:
        """Note a file whose expectations are unknown because its collection ended early."""
        skipped = isinstance(error, pytest.skip.Exception | SkipTest)
        text = str(error).strip() or type(error).__name__
        why = text.splitlines()[-1 if not skipped else 0].removeprefix("E ").strip()  # as pytest marks a traceback
        self.broken[os.path.realpath(path)] = (
            ("skip", f"the module is skipped: {why}") if skipped else ("error", f"collection error: {why}")
        )

    def stated_in_functions(self, file: str, stated: Sequence[str]) -> None:
        """Expectations that a test function of an audit file states, where nothing measures them."""
        self.unmeasured.setdefault(file, []).extend(stated)

    def item_failed(self, file: str, name: str) -> None:
        """An item of an audit file whose report says that it failed, in whatever phase."""
        self.failed.setdefault(file, []).append(name)

    def compare(self, items: Sequence[pytest.Item], order: Sequence[str], splittable: Sequence[pytest.Item]) -> None:
        """Compare what the session is about to run with what the user selected; see :func:`left_out`."""
        about_to_run = {item.nodeid for item in items if self.is_declared(item)}
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
        found += [one for one in self._failed_functions() if one.file not in unmeasured]
        for path in audit_files(run_folders(self.config, self.typed)):
            why = self._why_absent(path)
            if why is not None:
                found.append(AbsentFile(file=self._relative(path), by=why[0], why=why[1]))
        if not self.declared and not any(self.typed.selections()):
            empty = {self._relative(Path(name)) for name in self.collected} - {one.file for one in found}
            found += [AbsentFile(file=file, by="empty", why=NO_EXPECTATION) for file in sorted(empty)]
        return found

    def _failed_functions(self) -> Iterator[AbsentFile]:
        """The audit files of which a test function failed: the run is then no verdict on the whole."""
        for file, items in self.failed.items():
            names = [name.partition("::")[2] for name in dict.fromkeys(items)]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            yield AbsentFile(file=file, by="failed", why=f"failed: {', '.join(names[:_NAMED])}{more}")

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
        """Take over what a worker collected."""
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


def left_out(
    typed: TypedArguments,
    config: pytest.Config,
    declared: Sequence[pytest.Item],
    order: Sequence[str],
    splittable: Sequence[Any],
) -> dict[str, str]:
    """The node ids that the user left out, each with the argument that does it.

    Recomputed by the selectors' own rules, since anybody may take items away: a conftest, a plugin, an option in
    ``addopts``. What is missing and was not left out here makes the run partial.

    Args:
        declared: the items of every declared expectation, selected or not.
        order: the node ids of all collected items, ordinary tests too, before anything was deselected.
        splittable: the items that pytest-split divided.
    """
    found: dict[str, str] = {}
    selectors = _Selectors(typed, config, order, splittable)
    for rule in selectors.rules():
        rest = [item for item in declared if item.nodeid not in found]
        for name, why in rule(rest):
            found.setdefault(name, why)
    return found


def last_failed(typed: TypedArguments, config: Any) -> set[str] | None:
    """The node ids that failed last, where ``--lf`` was typed and chooses by them; else None."""
    if not typed.last_failed or getattr(config, "cache", None) is None:
        return None
    failed = set(config.cache.get("cache/lastfailed", {}))
    return failed if failed or typed.no_failures == "none" else None


Found = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class _Selectors:
    """Every selector of pytest and its plugins, as a rule that yields the items it leaves out, and why."""

    typed: TypedArguments
    config: Any
    order: Sequence[str]
    splittable: Sequence[Any]

    def rules(self) -> tuple[Callable[[Sequence[pytest.Item]], Found], ...]:
        """The rules in the order in which pytest applies them."""
        return (
            self._by_path,
            self._by_deselect,
            self._by_keyword,
            self._by_marker,
            self._by_last_failed,
            self._by_stepwise,
            self._by_split,
        )

    def _by_path(self, items: Sequence[pytest.Item]) -> Found:
        places = self.typed.places
        for item in items:
            if places and not any(place.takes(item.path, item.name) for place in places):
                yield item.nodeid, "not below the paths that were typed"

    def _by_deselect(self, items: Sequence[pytest.Item]) -> Found:
        for item in items:
            for prefix in self.typed.deselect:
                if item.nodeid.startswith(prefix):
                    yield item.nodeid, f"--deselect={prefix}"

    def _by_keyword(self, items: Sequence[pytest.Item]) -> Found:
        keyword = self.typed.keyword
        yield from self._by_pytest(deselect_by_keyword, items, f"-k {keyword!r}", keyword=keyword)

    def _by_marker(self, items: Sequence[pytest.Item]) -> Found:
        markers = self.typed.markers
        yield from self._by_pytest(deselect_by_mark, items, f"-m {markers!r}", markexpr=markers)

    def _by_pytest(
        self, rule: Callable[[list[pytest.Item], Any], None], items: Sequence[pytest.Item], why: str, **option: str
    ) -> Found:
        """Applies pytest's own rule to what was typed alone."""
        taken: list[pytest.Item] = []
        typed_config = SimpleNamespace(
            option=SimpleNamespace(**option),
            hook=SimpleNamespace(pytest_deselected=lambda items: taken.extend(items)),
            getini=self.config.getini,
            _iter_registered_markers=getattr(self.config, "_iter_registered_markers", None),
        )
        rule(list(items), typed_config)
        yield from ((item.nodeid, why) for item in taken)

    def _by_last_failed(self, items: Sequence[pytest.Item]) -> Found:
        failed = last_failed(self.typed, self.config)
        if failed is None:
            return
        if failed and not any(_failed(name, failed) for name in self.order):  # pytest then runs all that was collected
            return
        yield from ((item.nodeid, "--lf") for item in items if not _failed(item.nodeid, failed))

    def _by_stepwise(self, items: Sequence[pytest.Item]) -> Found:
        if not self.typed.stepwise or getattr(self.config, "cache", None) is None:
            return
        kept = self.config.cache.get("cache/stepwise", None)
        last = kept.get("last_failed") if isinstance(kept, dict) else kept
        if last in self.order:
            before = set(self.order[: self.order.index(last)])
            yield from ((item.nodeid, "--sw") for item in items if item.nodeid in before)

    def _by_split(self, items: Sequence[pytest.Item]) -> Found:
        splits, number = self.typed.splits, self.typed.group
        plugin = self.config.pluginmanager.get_plugin("pytestsplitplugin")
        if not splits or not number or plugin is None:
            return
        from pytest_split import algorithms

        divide: Any = algorithms.Algorithms[self.config.option.splitting_algorithm].value
        group = divide(splits, list(self.splittable), plugin.cached_durations)[number - 1]
        other, why = {item.nodeid for item in group.deselected}, f"--splits {splits} --group {number}"
        yield from ((item.nodeid, why) for item in items if item.nodeid in other)


def _failed(name: str, failed: set[str]) -> bool:
    """Whether an item failed last, or collecting its file did."""
    return name in failed or name.split("::")[0] in failed

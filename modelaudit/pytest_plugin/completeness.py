"""What a run declares, what the typed arguments leave out, and what keeps the rest from being run."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
    from .collect import AuditItem


from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

from _pytest.mark import deselect_by_keyword, deselect_by_mark

REMOVED = "left out by a conftest.py, a plugin, or an option that was not typed (addopts, PYTEST_ADDOPTS, ini)"


class Completeness:
    """What the audit files declare, and which of it the session is about to run.

    ``left_out``: by typed arguments. ``removed``: by anything else. ``broken``: files that could not be collected.
    ``unmeasured``: what test functions of a file state, by the file.
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
        for path in audit_files(run_folders(self.config, self.typed)):
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

    Args:
        declared: the items of every declared expectation, selected or not.
        order: the node ids of all collected items, ordinary tests too, before anything was deselected.
        splittable: the items that pytest-split divided.
    """
    found: dict[str, str] = {}
    rules = (_by_path, _by_deselect, _by_keyword, _by_marker, _by_last_failed, _by_stepwise, _by_split)
    for rule in rules:
        rest = [item for item in declared if item.nodeid not in found]
        for name, why in rule(typed, config, rest, order, splittable):
            found.setdefault(name, why)
    return found


Found = Iterator[tuple[str, str]]


def _by_path(typed: TypedArguments, config: Any, items: Sequence[pytest.Item], order: Any, splittable: Any) -> Found:
    places = typed.places
    for item in items:
        if places and not any(place.takes(item.path, item.name) for place in places):
            yield item.nodeid, "not below the paths that were typed"


def _by_deselect(
    typed: TypedArguments, config: Any, items: Sequence[pytest.Item], order: Any, splittable: Any
) -> Found:
    for item in items:
        for prefix in typed.deselect:
            if item.nodeid.startswith(prefix):
                yield item.nodeid, f"--deselect={prefix}"


def _by_keyword(typed: TypedArguments, config: Any, items: Sequence[pytest.Item], order: Any, splittable: Any) -> Found:
    yield from _by_pytest(deselect_by_keyword, config, items, f"-k {typed.keyword!r}", keyword=typed.keyword)


def _by_marker(typed: TypedArguments, config: Any, items: Sequence[pytest.Item], order: Any, splittable: Any) -> Found:
    yield from _by_pytest(deselect_by_mark, config, items, f"-m {typed.markers!r}", markexpr=typed.markers)


def _by_pytest(
    rule: Callable[[list[pytest.Item], Any], None], config: Any, items: Iterable[pytest.Item], why: str, **option: str
) -> Found:
    """Applies pytest's own rule to what was typed alone."""
    taken: list[pytest.Item] = []
    typed_config = SimpleNamespace(
        option=SimpleNamespace(**option),
        hook=SimpleNamespace(pytest_deselected=lambda items: taken.extend(items)),
        getini=config.getini,
        _iter_registered_markers=getattr(config, "_iter_registered_markers", None),
    )
    rule(list(items), typed_config)
    yield from ((item.nodeid, why) for item in taken)


def _by_last_failed(
    typed: TypedArguments, config: Any, items: Sequence[pytest.Item], order: Sequence[str], _: Any
) -> Found:
    failed = last_failed(typed, config)
    if failed is None:
        return
    if failed and not any(_failed(name, failed) for name in order):  # pytest then runs everything that was collected
        return
    yield from ((item.nodeid, "--lf") for item in items if not _failed(item.nodeid, failed))


def _failed(name: str, failed: set[str]) -> bool:
    """Whether an item failed last, or collecting its file did."""
    return name in failed or name.split("::")[0] in failed


def last_failed(typed: TypedArguments, config: Any) -> set[str] | None:
    """The node ids that failed last, where ``--lf`` was typed and chooses by them; else None."""
    if not typed.last_failed or getattr(config, "cache", None) is None:
        return None
    failed = set(config.cache.get("cache/lastfailed", {}))
    return failed if failed or typed.no_failures == "none" else None


def _by_stepwise(
    typed: TypedArguments, config: Any, items: Sequence[pytest.Item], order: Sequence[str], _: Any
) -> Found:
    if not typed.stepwise or getattr(config, "cache", None) is None:
        return
    kept = config.cache.get("cache/stepwise", None)
    last = kept.get("last_failed") if isinstance(kept, dict) else kept
    if last in order:
        before = set(order[: order.index(last)])
        yield from ((item.nodeid, "--sw") for item in items if item.nodeid in before)


def _by_split(
    typed: TypedArguments, config: Any, items: Sequence[pytest.Item], _: Any, splittable: Sequence[Any]
) -> Found:
    plugin = config.pluginmanager.get_plugin("pytestsplitplugin")
    if not typed.splits or not typed.group or plugin is None:
        return
    from pytest_split import algorithms

    divide: Any = algorithms.Algorithms[config.option.splitting_algorithm].value
    group = divide(typed.splits, list(splittable), plugin.cached_durations)[typed.group - 1]
    other, why = {item.nodeid for item in group.deselected}, f"--splits {typed.splits} --group {typed.group}"
    yield from ((item.nodeid, why) for item in items if item.nodeid in other)

"""Which declared expectations the typed arguments leave out, by the selectors' own rules.

Recomputed, since anybody may take items away: a conftest, a plugin, an option in ``addopts``. What is missing and was
not left out here makes the run partial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from _pytest.mark import deselect_by_keyword, deselect_by_mark

from .typed import Typed


def left_out(
    typed: Typed,
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


def _by_path(typed: Typed, config: Any, items: Sequence[pytest.Item], order: Any, splittable: Any) -> Found:
    places = typed.places
    for item in items:
        if places and not any(place.takes(item.path, item.name) for place in places):
            yield item.nodeid, "not below the paths that were typed"


def _by_deselect(typed: Typed, config: Any, items: Sequence[pytest.Item], order: Any, splittable: Any) -> Found:
    for item in items:
        for prefix in typed.deselect:
            if item.nodeid.startswith(prefix):
                yield item.nodeid, f"--deselect={prefix}"


def _by_keyword(typed: Typed, config: Any, items: Sequence[pytest.Item], order: Any, splittable: Any) -> Found:
    yield from _by_pytest(deselect_by_keyword, config, items, f"-k {typed.keyword!r}", keyword=typed.keyword)


def _by_marker(typed: Typed, config: Any, items: Sequence[pytest.Item], order: Any, splittable: Any) -> Found:
    yield from _by_pytest(deselect_by_mark, config, items, f"-m {typed.markers!r}", markexpr=typed.markers)


def _by_pytest(
    rule: Callable[[list[pytest.Item], Any], None], config: Any, items: Iterable[pytest.Item], why: str, **option: str
) -> Found:
    """pytest's own rule, told nothing but what was typed."""
    taken: list[pytest.Item] = []
    told = SimpleNamespace(
        option=SimpleNamespace(**option),
        hook=SimpleNamespace(pytest_deselected=lambda items: taken.extend(items)),
        getini=config.getini,
        _iter_registered_markers=getattr(config, "_iter_registered_markers", None),
    )
    rule(list(items), told)
    yield from ((item.nodeid, why) for item in taken)


def _by_last_failed(typed: Typed, config: Any, items: Sequence[pytest.Item], order: Sequence[str], _: Any) -> Found:
    failed = last_failed(typed, config)
    if failed is None:
        return
    if failed and not any(_failed(name, failed) for name in order):  # pytest then runs everything that was collected
        return
    yield from ((item.nodeid, "--lf") for item in items if not _failed(item.nodeid, failed))


def _failed(name: str, failed: set[str]) -> bool:
    """Whether an item failed last, or collecting its file did."""
    return name in failed or name.split("::")[0] in failed


def last_failed(typed: Typed, config: Any) -> set[str] | None:
    """The node ids that failed last, where ``--lf`` was typed and chooses by them; else None."""
    if not typed.last_failed or getattr(config, "cache", None) is None:
        return None
    failed = set(config.cache.get("cache/lastfailed", {}))
    return failed if failed or typed.no_failures == "none" else None


def _by_stepwise(typed: Typed, config: Any, items: Sequence[pytest.Item], order: Sequence[str], _: Any) -> Found:
    if not typed.stepwise or getattr(config, "cache", None) is None:
        return
    kept = config.cache.get("cache/stepwise", None)
    last = kept.get("last_failed") if isinstance(kept, dict) else kept
    if last in order:
        before = set(order[: order.index(last)])
        yield from ((item.nodeid, "--sw") for item in items if item.nodeid in before)


def _by_split(typed: Typed, config: Any, items: Sequence[pytest.Item], _: Any, splittable: Sequence[Any]) -> Found:
    plugin = config.pluginmanager.get_plugin("pytestsplitplugin")
    if not typed.splits or not typed.group or plugin is None:
        return
    from pytest_split import algorithms

    divide: Any = algorithms.Algorithms[config.option.splitting_algorithm].value
    group = divide(typed.splits, list(splittable), plugin.cached_durations)[typed.group - 1]
    other, why = {item.nodeid for item in group.deselected}, f"--splits {typed.splits} --group {typed.group}"
    yield from ((item.nodeid, why) for item in items if item.nodeid in other)

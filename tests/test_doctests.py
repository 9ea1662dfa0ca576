"""The examples in public docstrings run, and every public name has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

import pytest

import modelaudit
from modelaudit import statistics
from modelaudit.language import registry
from modelaudit.statistics import intervals

ROOMS = ("language", "contexts", "attribution", "measures", "statistics")
#: errors are raised and not made, and cases are made by audits
WITHOUT = {"AuditCase", *(name for name in modelaudit.__all__ if name.endswith("Error"))}


def _modules() -> Iterator[ModuleType]:
    yield modelaudit
    for room in ROOMS:
        package = importlib.import_module(f"modelaudit.{room}")
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


@cache
def _examples() -> dict[str, list[doctest.DocTest]]:
    """The docstrings with examples, by module."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {module.__name__: [test for test in finder.find(module) if test.examples] for module in _modules()}
    return {name: tests for name, tests in found.items() if tests}


@pytest.mark.parametrize("name", sorted(_examples()))
def test_examples_in_docstrings_are_true(name: str) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    report: list[str] = []
    for test in _examples()[name]:
        runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_every_public_name_has_an_example() -> None:
    names = [name for name in modelaudit.__all__ if not name.startswith("_") and name not in WITHOUT]
    assert not [name for name in names if not _has_example(getattr(modelaudit, name))]


def test_every_bound_has_an_example() -> None:
    public = [getattr(statistics, name) for name in statistics.__all__]
    bounds = [thing for thing in public if getattr(thing, "__module__", "") == intervals.__name__]
    assert len(bounds) >= 7
    assert not [bound.__name__ for bound in bounds if not _has_example(bound)]


@pytest.mark.parametrize(("room", "kinds"), [("measures", ("measure", "composite")), ("attribution", ("attribution",))])
def test_every_measure_and_method_has_an_example(room: str, kinds: tuple[str, ...]) -> None:
    package = importlib.import_module(f"modelaudit.{room}")
    names = [name for kind in kinds for name in registry.names(kind)]
    assert not [name for name in names if not _has_example(getattr(package, name))]


def _has_example(thing: object) -> bool:
    described = thing if inspect.isclass(thing) or inspect.isfunction(thing) else type(thing)
    return ">>>" in (inspect.getdoc(described) or "")

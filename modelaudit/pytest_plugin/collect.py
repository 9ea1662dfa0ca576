"""Collecting audit files: every expectation is one item under the name its user gave it."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from _pytest.outcomes import OutcomeException
from _pytest.pathlib import bestrelpath

from ..language.audit import AuditCase
from ..language.boundary import contained, described, signals_watched
from ..language.errors import AuditError, AuditFileError
from ..language.known_bad import complaints, never_tried
from ..language.no_worse import NoWorse
from ..language.plain_text import plain
from ..language.stated_cases import collected, created_in, names_of
from .audit_files import PYTHON_PATTERN
from .fixtures import provide
from .hypothesis_profile import hypothesis_profile
from .items import AuditItem
from .session import AuditSession, audit_session

OTHER_DISTRIBUTION = "modelaudit"


class AuditModule(pytest.Module):
    """An ``audit_*.py`` file: a test module in which expectations are items too."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        with _declaring(self) as state:
            refuse_other_distribution()
            self._require_import()
            provide(self)
            found = list(super().collect())
            cases = list(_named(self.path, self.obj.__dict__))
            made = [item for item in found if isinstance(item, AuditItem)]
            for name, case in cases:  # what a hook or `__test__` kept from being an item is declared all the same
                if not any(item.case is case for item in made):
                    made += _variants(self, name, case, case.line)
            _refuse_both_kinds(state, [case for _, case in cases])
            state.declare(self.path, made)
        return found

    def _require_import(self) -> None:
        """Import the file; one that would end the run (``sys.exit``) is an error of its own, and others are collected.

        pytest's outcomes mean here what they mean in every module.
        """
        with signals_watched(), hypothesis_profile(self):
            try:
                _ = self.obj
            except AuditError as error:
                raise self.CollectError(_where_stated(self, error)) from error
            except (Exception, OutcomeException):
                raise
            except BaseException as raised:
                raise self.CollectError(
                    plain(f"importing {self.path} raised {described(contained(raised))}")
                ) from raised


class AuditYamlFile(pytest.File):
    """An ``*.audit.yaml`` (or ``.audit.yml``) file."""

    def collect(self) -> Iterable[pytest.Item]:
        with _declaring(self) as state:
            refuse_other_distribution()
            from ..language.yaml_file import load_audit_file

            try:
                named = load_audit_file(self.path, allow_code=state.options.allow_code)
            except AuditFileError as error:
                raise self.CollectError(str(error)) from error
            for one in named:
                collected(one.case)
            items = [item for one in named for item in _variants(self, one.name, one.case, one.line)]
            _refuse_both_kinds(state, [one.case for one in named])
            state.declare(self.path, items)
        return items


@contextmanager
def _declaring(collector: pytest.File) -> Iterator[AuditSession]:
    """Whatever ends the collection of a file early stands in the record: its expectations are then not known."""
    state = audit_session(collector.config)
    state.files.collected(collector.path)
    try:
        yield state
    except BaseException as error:
        state.completeness.fail(collector.path, error)
        raise


def _refuse_both_kinds(state: AuditSession, cases: Sequence[AuditCase]) -> None:
    """Refuse a model that must be caught and is under test as well, unless its audit declares it known-bad.

    Raises:
        pytest.Collector.CollectError: it does not, or a model declared known-bad has nothing that must catch it.
    """
    found = [f"line {case.line}: {text}" for case, text in complaints([*state.completeness.cases, *cases])]
    for audit in dict.fromkeys(case.audit for case in cases):
        for name in never_tried(audit):
            found.append(
                f"known_bad names {name!r}, and no expectation on it has must_fail=True: add one, or remove it"
            )
    if found:
        raise pytest.Collector.CollectError("\n".join(map(plain, found)))


def _where_stated(collector: AuditModule, error: AuditError) -> str:
    """The error below the lines of the user's own files that led to it, the outermost first."""
    own = Path(__file__).parents[1]
    frames = traceback.extract_tb(error.__traceback__)
    start = next((number for number, frame in enumerate(frames) if Path(frame.filename) == collector.path), 0)
    shown = []
    for frame in frames[start:]:
        path = Path(frame.filename)
        if path.is_file() and own not in path.parents:
            place = bestrelpath(collector.config.invocation_params.dir, path)
            shown.append(plain(f"{place}:{frame.lineno}: in {frame.name}"))
            shown.append(plain(f"    {frame.line}"))
    return "\n".join([*shown, str(error)])


def items_of(collector: AuditModule, name: str, stated: AuditCase | NoWorse) -> list[pytest.Item]:
    """The items of a module-level name; none for cases that another audit file stated.

    Raises:
        CollectError: they were stated in a module that is not collected.
    """
    return [item for one, case in _cases_of(name, stated) for item in _items_of(collector, one, case)]


def _items_of(collector: AuditModule, name: str, case: AuditCase) -> list[pytest.Item]:
    """The items of a case.

    Raises:
        CollectError: it was stated in a module that is not collected.
    """
    if case.namespace != id(collector.obj.__dict__):
        if not Path(case.origin).match(PYTHON_PATTERN):
            raise collector.CollectError(
                f"{collector.path}: {name} is an expectation that {case.origin}:{case.line} states, and only audit "
                f"files ({PYTHON_PATTERN}) are measured: state it in this file"
            )
        return []
    return list(_variants(collector, name, case, case.line))


def _cases_of(name: str, stated: AuditCase | NoWorse) -> list[tuple[str, AuditCase]]:
    """The cases that a module-level name stands for, each with the name of its item."""
    if isinstance(stated, AuditCase):
        return [(name, stated)]
    return stated.named(name, names_of(original for original, _ in stated.pairs))


def refuse_elsewhere(collector: pytest.Collector, name: str, stated: AuditCase | NoWorse) -> None:
    """Refuse an expectation at the top level of an ordinary test module, where nothing would measure it.

    Raises:
        CollectError: the module states the case itself.
    """
    _, case = _cases_of(name, stated)[0]
    if isinstance(collector, pytest.Module) and case.namespace == id(collector.obj.__dict__):
        better = f"audit_{collector.path.stem.removeprefix('test_')}.py"
        raise collector.CollectError(
            f"{collector.path}:{case.line}: {name} is an expectation, and only audit files ({PYTHON_PATTERN}) are "
            f"measured: rename the file, or move the expectation to {better}"
        )


def refuse_other_distribution() -> None:
    """Refuse another project's distribution that overwrites the files of this package.

    Raises:
        AuditFileError: it is installed too.
    """
    try:
        found = distribution(OTHER_DISTRIBUTION)
    except PackageNotFoundError:
        return
    raise pytest.Collector.CollectError(
        f"the distribution 'modelaudit' {found.version} is installed together with 'pytest-modelaudit': another "
        "project, and both write into the package folder 'modelaudit'. Run: pip uninstall modelaudit && "
        "pip install --force-reinstall pytest-modelaudit"
    )


def _variants(parent: pytest.Collector, name: str, case: AuditCase, line: int | None) -> Iterator[AuditItem]:
    for model, expectation in case.variants():
        label = plain(name if model is None else f"{name}[{model}]")
        yield AuditItem.from_parent(parent, name=label, case=case, expectation=expectation, label=name, line=line)


def _named(path: Path, namespace: dict[str, Any]) -> Iterator[tuple[str, AuditCase]]:
    """The cases that a module states, each with the module-level name that it is bound to.

    Raises:
        pytest.Collector.CollectError: one is bound to none, or to several.
    """
    lost = []
    bound: dict[AuditCase, list[str]] = {}
    for name, value in namespace.items():
        for one, case in _cases_of(name, value) if isinstance(value, AuditCase | NoWorse) else ():
            bound.setdefault(case, []).append(one)
    for case in created_in(namespace):
        names = bound.get(case, [])
        if len(names) == 1:
            yield names[0], case
        elif not names:
            lost.append(
                f"{path}:{case.line}: the expectation '{case.expectation}' has no name of its own (rebound, or kept "
                "only in a list): bind it to a module-level name, which becomes the name of its item"
            )
        else:
            lost.append(
                f"{path}:{case.line}: the expectation '{case.expectation}' has {len(names)} names "
                f"({', '.join(names)}); keep one"
            )
    if lost:
        raise pytest.Collector.CollectError("\n".join(map(plain, lost)))

"""The typed arguments that select expectations, without what ini files or the environment add."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from .stash import handed_over

_ONLY_TELL = ("collectonly", "help", "version", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")
_KEY = pytest.StashKey["TypedArguments"]()


@dataclass(frozen=True)
class TypedPath:
    """A path as typed, made absolute, with the names after ``::``."""

    path: Path
    names: tuple[str, ...]

    def holds(self, file: Path) -> bool:
        """Whether the file, or a part of it, is asked for."""
        return file == self.path or self.path in file.parents

    def takes(self, file: Path, name: str) -> bool:
        """Whether the item of that name in the file is asked for; ``name`` without brackets takes all of its models."""
        if not self.holds(file) or len(self.names) > 1:
            return False
        return not self.names or self.names[0] in (name, name.split("[")[0])


@dataclass(frozen=True)
class TypedArguments:
    """The typed arguments that select, and ``--audit-partial``.

    ``folder`` is where pytest was started. ``only_tells``: to run nothing was asked (``--collect-only``, ``--help``).
    """

    folder: str
    paths: tuple[str, ...] = ()
    keyword: str = ""
    markers: str = ""
    last_failed: bool = False
    no_failures: str = "all"
    stepwise: bool = False
    deselect: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    ignore_glob: tuple[str, ...] = ()
    splits: int | None = None
    group: int | None = None
    max_failures: int = 0
    allow_partial: bool = False
    only_tells: bool = False

    @property
    def places(self) -> tuple[TypedPath, ...]:
        """The paths, absolute."""
        return tuple(self._place(text) for text in self.paths)

    def leaves_out(self, file: Path) -> str | None:
        """The typed argument that leaves a whole file out, or None."""
        if self.places and not any(place.holds(file) for place in self.places):
            return "not below the paths that were typed"
        parts = (file, *file.parents)
        for text in self.ignore:
            if self._absolute(text) in parts:
                return f"--ignore={text}"
        for text in self.ignore_glob:
            pattern = str(self._absolute(text))
            if any(_glob(str(part), pattern) for part in parts):
                return f"--ignore-glob={text}"
        return None

    def selections(self) -> Iterator[str]:
        """What was typed that selects, as a user writes it; a folder selects nothing, it says where the whole is."""
        for text, place in zip(self.paths, self.places, strict=True):
            if place.names or place.path.is_file():
                yield text
        given = {"-k": self.keyword, "-m": self.markers, "--lf": self.last_failed, "--sw": self.stepwise}
        given |= {"--splits": self.splits, "--group": self.group}
        for name, value in given.items():
            if value:
                yield name if value is True else f"{name} {value}"
        for name, values in (("deselect", self.deselect), ("ignore", self.ignore), ("ignore-glob", self.ignore_glob)):
            yield from (f"--{name}={value}" for value in values)

    def data(self) -> dict[str, Any]:
        """As plain data for the workers of pytest-xdist, which get no typed arguments of their own."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def of_data(cls, data: dict[str, Any]) -> TypedArguments:
        """What :meth:`data` gave."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return cls(**fields)

    def _place(self, text: str) -> TypedPath:
        base, bracket, rest = text.partition("[")
        path, *names = base.split("::")
        if bracket and names:
            names[-1] += bracket + rest
        elif bracket:
            path += bracket + rest
        return TypedPath(self._absolute(path), tuple(names))

    def _absolute(self, text: str) -> Path:
        return Path(os.path.abspath(os.path.join(self.folder, text)))  # noqa: PTH100, PTH118 (keeps links, as pytest does)


def typed_arguments(config: pytest.Config) -> TypedArguments:
    """The typed arguments of a session; in a worker of pytest-xdist those of its controller."""
    if _KEY not in config.stash:
        handed = handed_over(config)
        config.stash[_KEY] = _parsed(config) if handed is None else TypedArguments.of_data(handed["modelaudit_typed"])
    return config.stash[_KEY]


def _parsed(config: pytest.Config) -> TypedArguments:
    """Parse the typed arguments with pytest's own parser, without ini files and environment."""
    given = config.invocation_params
    if getattr(config.option, "help", False):  # before pytest 8.4 its parser raises where it sees the option again
        return TypedArguments(folder=str(given.dir), only_tells=True)
    found = config._parser.parse_known_args([os.fspath(argument) for argument in given.args])

    def texts(name: str) -> tuple[str, ...]:
        return tuple(str(value) for value in getattr(found, name, None) or ())

    return TypedArguments(
        folder=str(given.dir),
        paths=texts("file_or_dir"),
        keyword=str(getattr(found, "keyword", "") or "").strip(),
        markers=str(getattr(found, "markexpr", "") or "").strip(),
        last_failed=bool(getattr(found, "lf", False)),
        no_failures=str(getattr(found, "last_failed_no_failures", "all") or "all"),
        stepwise=bool(getattr(found, "stepwise", False) or getattr(found, "stepwise_skip", False)),
        deselect=texts("deselect"),
        ignore=texts("ignore"),
        ignore_glob=texts("ignore_glob"),
        splits=getattr(found, "splits", None),
        group=getattr(found, "group", None),
        max_failures=int(getattr(found, "maxfail", 0) or 0),
        allow_partial=bool(getattr(found, "audit_partial", False)),
        only_tells=any(getattr(found, name, False) for name in _ONLY_TELL),
    )


def _glob(text: str, pattern: str) -> bool:
    from fnmatch import fnmatch

    return fnmatch(text, pattern)

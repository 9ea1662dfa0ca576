"""``modelaudit store``: inspects and prunes the store."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from typing import Any

from ..language.errors import ResultsError
from .terminal import say


def add(commands: Any) -> None:
    """Adds the command and its steps."""
    store = commands.add_parser("store", help="the per-image values that earlier runs left behind")
    steps = store.add_subparsers(required=True, metavar="STEP")
    for name, run, text in (
        ("info", _info, "where it is, how large, and what it holds"),
        ("prune", _prune, "remove what was used longest ago"),
        ("clear", _clear, "remove all of it"),
    ):
        step = steps.add_parser(name, help=text)
        step.add_argument(
            "--store", type=Path, metavar="DIR", help="its folder (default: the nearest .modelaudit, upwards from here)"
        )
        step.set_defaults(run=run)
        if name == "prune":
            step.add_argument("--older-than", metavar="TIME", help="what was not used for so long, e.g. 30d or 4w")
            step.add_argument("--keep-size", metavar="SIZE", help="the oldest until so much is left, e.g. 500M or 1G")
        if name == "clear":
            step.add_argument("--yes", action="store_true", help="do not ask")


def _info(given: argparse.Namespace) -> int:
    from ..engine.store.upkeep import contents_of, located

    found = contents_of(located(given.store))
    say(f"{found.file}: {_readable(found.size)}")
    say(f"{found.values} values, {found.pictures} pictures, digests of {found.files} files")
    for one in found.holdings:
        say(
            f"{one.model} under {one.context} on {one.data}: {one.images} images, {one.values} values "
            f"(since {_date(one.created)}, last used {_date(one.used)})"
        )
    return 0


def _prune(given: argparse.Namespace) -> int:
    from ..engine.store.upkeep import bytes_of, days_of, located, prune

    if given.older_than is None and given.keep_size is None:
        raise ResultsError("specify what to remove: --older-than 30d, --keep-size 1G, or both")
    folder = located(given.store)
    before, after = prune(
        folder,
        older_than=None if given.older_than is None else days_of(given.older_than),
        keep_size=None if given.keep_size is None else bytes_of(given.keep_size),
    )
    say(f"{folder}: {_readable(before)} before, {_readable(after)} now")
    return 0


def _clear(given: argparse.Namespace) -> int:
    from ..engine.store.upkeep import clear, contents_of, located

    folder = located(given.store)
    if not given.yes:
        if not sys.stdin.isatty():
            raise ResultsError(f"{folder} would be removed; give --yes where nobody can be asked")
        answer = input(f"remove {folder} ({_readable(contents_of(folder).size)})? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            say("nothing was removed")
            return 0
    say(f"{folder}: {_readable(clear(folder))} removed")
    return 0


def _readable(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if unit != "bytes" else f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"


def _date(day: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()

"""``modelaudit store``: inspects and prunes the store."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from typing import Any

from ..language.errors import ResultsError
from .command_help import Example, add_command
from .terminal import configured, say

_ABOUT = (
    "The per-image values that earlier runs left behind, so that a run computes only what is new. pytest keeps them in "
    ".modelaudit below its rootdir, or where --audit-store says."
)


def add(commands: Any) -> None:
    """Adds the command and its steps."""
    info = Example("the store of the project that you are in", "modelaudit store info")
    prune = Example("keep a month, and at most a gigabyte", "modelaudit store prune --older-than 30d --keep-size 1G")
    clear = Example("without a question, in a script", "modelaudit store clear --yes")
    store = add_command(
        commands, "store", "the per-image values that earlier runs left behind", info, prune, clear, description=_ABOUT
    )
    steps = store.add_subparsers(required=True, metavar="STEP")
    for name, run, text, example in (
        ("info", _info, "where it is, how large, and what it holds", info),
        ("prune", _prune, "remove what was used longest ago", prune),
        ("clear", _clear, "remove all of it", clear),
    ):
        step = add_command(steps, name, text, example)
        step.add_argument(
            "--store",
            type=Path,
            metavar="DIR",
            help="its folder (default: audit_store in pytest's configuration, else the nearest .modelaudit, upwards "
            "from here)",
        )
        step.set_defaults(run=run)
        if name == "prune":
            step.add_argument("--older-than", metavar="TIME", help="what was not used for so long, e.g. 30d or 4w")
            step.add_argument("--keep-size", metavar="SIZE", help="the oldest until so much is left, e.g. 500M or 1G")
        if name == "clear":
            step.add_argument("--yes", action="store_true", help="do not ask")


def _place(given: argparse.Namespace) -> Path | None:
    """The folder that was typed, else that of ``audit_store`` in pytest's configuration.

    Raises:
        ResultsError: nothing is kept there.
    """
    if given.store is not None:
        return Path(given.store)
    asked, file = configured("audit_store")
    if not asked or file is None:
        return None
    if asked == "off":
        raise ResultsError(f"{file}: audit_store = off, so nothing is kept; give the folder of a store by --store")
    return (file.parent / Path(asked).expanduser()).resolve()


def _info(given: argparse.Namespace) -> int:
    from ..engine.store.upkeep import contents_of, located

    found = contents_of(located(_place(given)))
    say(f"{found.file}: {_readable(found.size)}")
    say(f"{found.values} values, {found.pictures} pictures, digests of {found.files} files")
    count, size = found.aside
    if count:
        say(f"{count} damaged, moved aside by a run: {_readable(size)} (modelaudit store clear removes them too)")
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
    folder = located(_place(given))
    before, after = prune(
        folder,
        older_than=None if given.older_than is None else days_of(given.older_than),
        keep_size=None if given.keep_size is None else bytes_of(given.keep_size),
    )
    say(f"{folder}: {_readable(before)} before, {_readable(after)} now")
    return 0


def _clear(given: argparse.Namespace) -> int:
    from ..engine.store.upkeep import bytes_in, clear, located

    folder = located(_place(given))
    if not given.yes:
        if not sys.stdin.isatty():
            raise ResultsError(f"{folder} would be removed; give --yes where nobody can be asked")
        answer = input(f"remove {folder} ({_readable(bytes_in(folder))})? [y/N] ")
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

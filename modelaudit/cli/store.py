"""``modelaudit store``: inspects and prunes the store."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import ResultsError
from .command_help import Example, add_command
from .terminal import add_language, configured, say

if TYPE_CHECKING:
    from ..report.words import Words

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
        add_language(step, "the terminal")
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
    from .words import command_words

    words = command_words(given.language)
    found = contents_of(located(_place(given)))
    counts = {name: words.count(getattr(found, name)) for name in ("values", "pictures", "files")}
    say(words._("store_size", file=found.file, size=readable(found.size, words)))
    say(words._("store_contents", **counts))
    count, size = found.aside
    if count:
        say(words._("store_aside", n=words.count(count), size=readable(size, words)))
    for one in found.holdings:
        where = {"model": one.model, "context": one.context, "data": one.data}
        counts = {"images": words.count(one.images), "values": words.count(one.values)}
        say(words._("store_holding", **where, **counts, created=_date(one.created), used=_date(one.used)))
    return 0


def _prune(given: argparse.Namespace) -> int:
    from ..engine.store.upkeep import bytes_of, days_of, located, prune
    from .words import command_words

    if given.older_than is None and given.keep_size is None:
        raise ResultsError("specify what to remove: --older-than 30d, --keep-size 1G, or both")
    folder = located(_place(given))
    before, after = prune(
        folder,
        older_than=None if given.older_than is None else days_of(given.older_than),
        keep_size=None if given.keep_size is None else bytes_of(given.keep_size),
    )
    words = command_words(given.language)
    say(words._("store_pruned", folder=folder, before=readable(before, words), after=readable(after, words)))
    return 0


def _clear(given: argparse.Namespace) -> int:
    from ..engine.store.upkeep import bytes_in, clear, located
    from .words import command_words

    words = command_words(given.language)
    folder = located(_place(given))
    if not given.yes:
        if not sys.stdin.isatty():
            raise ResultsError(f"{folder} would be removed; give --yes where nobody can be asked")
        answer = input(words._("store_ask", folder=folder, size=readable(bytes_in(folder), words)))
        if answer.strip().lower() not in ("y", "yes"):
            say(words._("store_kept"))
            return 0
    say(words._("store_cleared", folder=folder, size=readable(clear(folder), words)))
    return 0


def readable(size: float, words: Words) -> str:
    if size < 1024:
        return words._("size_bytes", n=f"{size:.0f}")
    for unit in ("KiB", "MiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.3g} {unit}"
    size /= 1024
    return f"{size:.3g} GiB"


def _date(day: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()

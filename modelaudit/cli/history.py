"""``modelaudit history``: every requirement over the runs that are kept, and which of them may be removed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import ResultsError, nearest
from ..language.text_layout import columns_of, padded
from .command_help import Example, add_command
from .terminal import WIDTH, add_language, at_least, say, table, wrapped

if TYPE_CHECKING:
    from ..evidence.record import RequirementPoint
    from ..releases.history import RequirementOverRuns
    from ..releases.kept_runs import KeptRun, KeptRuns
    from ..releases.retention import Retention
    from ..report.words import Words

_BARS = "▁▂▃▄▅▆▇█"
_NOTES = """A run of other images, another seed or another definition is not of one line
with the latest: it is shown as ·, and an error as ×. Below, ▲ is another model
and ◆ are other images. Quick looks, shards of a merged run, and runs that a
review superseded are left out.

--keep never removes the run that "latest" points at, one that is signed, has
reviews or waivers, or that a baseline was made from, or a folder without a
readable record. A run that was killed before its evidence was written is in
the list, and does not count among the N."""


def add(commands: Any) -> None:
    """Add the command to those of ``modelaudit``."""
    command = add_command(
        commands,
        "history",
        "each requirement over the runs that are kept, and which of them may be removed",
        Example("the runs of this project", "modelaudit history"),
        Example(
            "one requirement, run by run, of the last ten",
            "modelaudit history --requirement survives_lighting --last 10",
        ),
        Example("what would go if fifty runs stayed", "modelaudit history --keep 50 --dry-run"),
        Example("for another program", "modelaudit history audit-results --json"),
        description="Reads the records of the results folder and of the baselines, and shows how the value of every "
        "requirement moved, with its range and verdict, and where the model or the images changed.",
        notes=_NOTES,
        status="0 done, 2 a wrong call, no such folder or requirement, or a run that cannot be removed",
    )
    command.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("audit-results"),
        metavar="FOLDER",
        help="the results folder (default: audit-results)",
    )
    command.add_argument(
        "--baselines",
        type=Path,
        default=Path("baselines"),
        metavar="DIR",
        help="folder of the baselines, read where it exists (default: baselines)",
    )
    command.add_argument("--requirement", metavar="ID", help="this one alone, run by run: its id or its name")
    command.add_argument("--last", type=at_least(1, "--last"), metavar="N", help="the last N runs alone")
    command.add_argument("--keep", type=at_least(1, "--keep"), metavar="N", help="remove all runs but the last N")
    command.add_argument("--dry-run", action="store_true", help="with --keep: say what would go, and remove nothing")
    command.add_argument("--json", action="store_true", help="print JSON")
    add_language(command, "the terminal")
    command.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    from ..releases.kept_runs import kept_runs, without_superseded
    from .words import command_words

    _refuse(given)
    kept = kept_runs(given.folder, given.baselines if given.baselines.is_dir() else None)
    words = command_words(given.language)
    if given.keep is not None:
        _prune(given, kept, words)
        return 0
    runs = list(without_superseded(kept.runs))
    runs = runs[-given.last :] if given.last else runs
    if given.json:
        print(json.dumps(_document(given, kept, runs), indent=2, ensure_ascii=False))
        return 0
    say(_heading(given.folder, runs, words))
    say(*_left_out(kept, runs if not given.last else [], words))
    if given.requirement is not None:
        say("", *_one(_chosen(runs, given.requirement), runs, words))
        return 0
    say(*_runs(runs, kept, words))
    for one in _requirements(runs):
        say("", *_lines(one, words))
    return 0


def _refuse(given: argparse.Namespace) -> None:
    if given.keep is None and given.dry_run:
        raise ResultsError("--dry-run says what --keep N would remove; give --keep too")
    if given.keep is not None and (given.requirement is not None or given.last is not None):
        raise ResultsError("--keep is about whole runs; leave --requirement and --last out")


def _heading(folder: Path, runs: Sequence[KeptRun], words: Words) -> str:
    """The folder, its runs, and apart from them the baselines that stand for runs that it does not keep."""
    baselines = sum(one.baseline is not None for one in runs)
    own = len(runs) - baselines
    counts = [words.ngettext("history_runs", own) if own else words._("history_no_run")]
    if baselines:
        counts.append(words.ngettext("history_baselines", baselines))
    return words._("history_head", folder=folder, runs=words._("comma").join(counts))


def _requirements(runs: Sequence[KeptRun]) -> list[RequirementOverRuns]:
    from ..releases.history import requirements_of

    return list(requirements_of(runs))


def _chosen(runs: Sequence[KeptRun], asked: str) -> RequirementOverRuns:
    """The requirement of that id, else the only one of that name.

    Raises:
        ResultsError: none, or several.
    """
    known = _requirements(runs)
    found = [one for one in known if one.case.id == asked] or [one for one in known if one.case.name == asked]
    if not found:
        names = [text for one in known for text in (one.case.name, one.case.id)]
        raise ResultsError(f"--requirement {asked}: no run has it{nearest(asked, names)}")
    if len(found) > 1:
        ids = ", ".join(one.case.id for one in found)
        raise ResultsError(f"--requirement {asked}: {len(found)} requirements have this name; give the id: {ids}")
    return found[0]


def _runs(runs: Sequence[KeptRun], kept: KeptRuns, words: Words) -> list[str]:
    """One line a run: its moment, its state, the commit, the baselines made from it, and whether it was killed."""
    if not runs:
        return []
    rows = []
    for one in runs:
        record = one.record
        names = [words._("history_baseline", name=name) for name in kept.baselines.get(one.sha256, ())]
        names += [] if one.ended else [words._("history_not_ended")]
        commit = (record.provenance.git_commit or "–")[:8]
        said = words._("comma").join(names)
        rows.append((record.id, words.named("state", record.overall), record.started[:10], commit, said))
    head = ("run", "history_state", "date", "commit", "note")
    return _noted([words._(name) for name in head], rows)


def _noted(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table whose last column are notes; one that does not fit in its line follows in lines of its own."""
    lines = table(head[:-1], [row[:-1] for row in rows], numbers=False)
    width = max(map(columns_of, lines))
    shown = []
    for line, note in zip(lines, [head[-1], *(row[-1] for row in rows)], strict=True):
        beside = f"{padded(line, width)}  {note}".rstrip()
        shown += [beside] if columns_of(beside) <= WIDTH else [line, *wrapped(note, indent=6, first=" " * 6)]
    return shown


def _left_out(kept: KeptRuns, runs: Sequence[KeptRun], words: Words) -> Iterator[str]:
    """What is in the folder and not among the runs; each unreadable record in a line."""
    from ..report.history import unread_text

    if runs:
        shown = {one.record.id for one in runs}
        left = [one for one in kept.runs if one.record.id not in shown]
        if quick := sum(one.record.quick_look is not None for one in left):
            yield "  " + words.ngettext("history_quick_looks", quick)
        if more := len(left) - quick:
            yield "  " + words.ngettext("history_superseded", more)
    for one in kept.unread:
        yield from wrapped(unread_text(one, words), first="  ")


def _lines(one: RequirementOverRuns, words: Words) -> list[str]:
    """A requirement: what it demands, its trend, its latest value, and how that stands against the run before."""
    points = one.history.points
    said = [_ending(points[-1], one, words), _value(points[-1], one, words, ranged=True)]
    if one.history.since:
        said.append(words.named("since", one.history.since))
    trend, marks = _trend(points), _marks(points)
    demand = wrapped(f"{one.case.name}  {one.case.expectation}", indent=2, first="")
    lines = [*demand, f"  {trend}  {'  '.join(filter(None, said))}"]
    return [*lines, f"  {marks}"] if marks.strip() else lines


def _trend(points: Sequence[RequirementPoint]) -> str:
    """One character a run: the height between the smallest and the largest value of one line."""
    values = [point.estimate for point in points if point.estimate is not None and not point.apart]
    low, span = min(values, default=0.0), max(values, default=0.0) - min(values, default=0.0)

    def drawn(point: RequirementPoint) -> str:
        if point.estimate is None:
            return "×"
        if point.apart:
            return "·"
        return _BARS[round((point.estimate - low) / span * (len(_BARS) - 1))] if span else _BARS[0]

    return "".join(map(drawn, points))[-(WIDTH // 2) :]


def _marks(points: Sequence[RequirementPoint]) -> str:
    return "".join("▲" if one.new_model else "◆" if one.new_data else " " for one in points)[-(WIDTH // 2) :]


def _value(point: RequirementPoint, one: RequirementOverRuns, words: Words, *, ranged: bool) -> str:
    from ..evidence.leaves import unit_of
    from ..report.words import digits_for

    if point.estimate is None:
        return "–"
    unit = unit_of(one.case.left)
    known = [value for value in (point.estimate, point.lower, point.upper) if value is not None]
    digits = digits_for(known, point.threshold, unit)
    text = words.quantity(point.estimate, unit, digits)
    if not ranged:
        return text
    low, high = ("–" if bound is None else words.tick(bound, unit, digits) for bound in (point.lower, point.upper))
    return text if low == high == "–" else f"{text} ({words._('range_short', lower=low, upper=high)})"


def _ending(point: RequirementPoint, one: RequirementOverRuns, words: Words) -> str:
    """The verdict; a known-bad model is caught or not."""
    if one.case.must_fail and point.verdict != "ERROR":
        return words.named("verdict", "CAUGHT" if point.verdict == "FAIL" else "MISSED")
    return words.named("verdict", point.verdict)


def _one(one: RequirementOverRuns, runs: Sequence[KeptRun], words: Words) -> list[str]:
    """A requirement run by run."""
    rows = []
    for point in one.history.points:
        notes = [words.named("apart", why) for why in point.apart]
        notes += [words.named("history_mark", "model")] if point.new_model else []
        notes += [words.named("history_mark", "data")] if point.new_data and "data" not in point.apart else []
        value = _value(point, one, words, ranged=True)
        said = words._("comma").join(notes)
        rows.append((runs[point.run].record.id, _ending(point, one, words), value, said))
    head = [words._(name) for name in ("run", "verdict", "measured", "note")]
    demand = wrapped(f"{one.case.name}  {one.case.expectation}", indent=2, first="")
    return [*demand, *_noted(head, rows)]


def _prune(given: argparse.Namespace, kept: KeptRuns, words: Words) -> None:
    from ..releases.kept_runs import latest_run
    from ..releases.retention import remove, retention

    found = retention(kept, given.keep, latest_run(given.folder))
    for one in found.removed if not given.dry_run else ():
        remove(one)
    if given.json:
        print(json.dumps(_pruned(found, given.folder, dry=given.dry_run), indent=2, ensure_ascii=False))
        return
    for one in found.removed:
        going = (
            words._("history_would_go", run=one.folder) if given.dry_run else words._("history_gone", run=one.folder)
        )
        say(going)
    for one, why in found.held:
        reasons = words._("comma").join(words.named("held", each) for each in why)
        say(*wrapped(words._("history_stays", run=one.folder, why=reasons), first=""))
    for unread in found.unread:
        reason = words.named("unread", unread.why).rstrip(".。")
        say(*wrapped(words._("history_stays", run=given.folder / unread.name, why=reason), first=""))
    n = len(found.removed)
    say(words.ngettext("history_total_dry", n) if given.dry_run else words.ngettext("history_total", n))


def _pruned(found: Retention, folder: Path, *, dry: bool) -> dict[str, object]:
    return {
        "dry_run": dry,
        "removed": [str(one.folder) for one in found.removed],
        "held": [
            *({"run": str(one.folder), "why": list(why)} for one, why in found.held),
            *({"run": str(folder / one.name), "why": [one.why]} for one in found.unread),
        ],
    }


def _document(given: argparse.Namespace, kept: KeptRuns, runs: Sequence[KeptRun]) -> dict[str, object]:
    """The history as JSON; values are those of the records, none of an ERROR."""
    from ..releases.history import earlier_run

    requirements = [_chosen(runs, given.requirement)] if given.requirement is not None else _requirements(runs)
    return {
        "folder": str(given.folder),
        "runs": [
            earlier_run(one).model_dump() | {"baselines": list(kept.baselines.get(one.sha256, ())), "ended": one.ended}
            for one in runs
        ],
        "requirements": [
            {"name": one.case.name, "expectation": one.case.expectation, "must_fail": one.case.must_fail}
            | one.history.model_dump()
            for one in requirements
        ],
        "unread": [one.model_dump() for one in kept.unread],
    }

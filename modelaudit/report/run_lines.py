"""What a run came to, in lines for a terminal: its state, the counts, what is missing, and what weakens it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ..evidence.record import Absence, CaseRecord, RunRecord, Weakening
from ..evidence.states import counted_as
from ..language.plain_text import plain
from .checks import WEAK_LIMIT

#: what is missing is listed up to this many lines
_LISTED = 40


WEAKENED: dict[Weakening, str] = {
    "checks_off": "no checks (the audit says checks='off')",
    "checks_off_run": "no checks (--audit-checks off)",
    "checks_left_out": "some checks are left out (the audit says checks=...)",
    "these_clusters": "holds for these clusters alone (claim='these_clusters')",
    "not_deterministic": "another run may come to another verdict (black_box(..., deterministic=False))",
    "tolerated": "tolerated (--audit-inconclusive=warn)",
}


def run_lines(record: RunRecord) -> list[str]:
    """The state of the run, the counts, what is missing from it, and what weakens it."""
    lines = [f"{_state(record)}: {_tally(record.cases)}", *_not_whole(record)]
    for name, text in WEAKENED.items():
        if count := sum(name in case.weakened and case.verdict is not None for case in record.cases):
            lines.append(f"{count} of {len(record.cases)} verdicts weakened: {text}")
    lines += [*_stopped(record.cases), *_without_object(record), *_holm(record.cases), *weak_limits(record.cases)]
    return [plain(line) for line in lines]


def _state(record: RunRecord) -> str:
    selected = " of a selection" if record.overall == "PASS" and not record.whole else ""
    return record.overall.replace("_", " ") + selected


def _not_whole(record: RunRecord) -> Iterator[str]:
    """Why the run is no verdict on the whole, and everything that is missing and that the user did not leave out."""
    if record.quick_look is not None:
        yield f"quick look at {record.quick_look} images: decides nothing"
    if record.missing is not None:
        yield f"{'partial' if record.partial else 'not the whole'}: {record.missing}"
    missing = [(case.id, case.absence) for case in record.cases if case.absence is not None]
    missing += [(file.file, Absence(by=file.by, why=file.why)) for file in record.absent_files]
    listed = [f"  {name}: {absence.why}" for name, absence in missing if absence.by != "selection"]
    yield from listed[:_LISTED]
    if len(listed) > _LISTED:
        yield f"  and {len(listed) - _LISTED} more, in run.json"
    for case in record.cases:
        if counted_as(case) not in (None, "PASS") and case.outcome in ("passed", "skipped", "xpassed", "quick_look"):
            yield f"  {case.id}: {case.verdict} all the same, though its item is reported as {case.outcome}"
    if record.allow_partial and record.overall == "PARTIAL" and record.exit_status == 0:
        yield "--audit-partial: skips and xfails do not change the exit status; no verdict on the whole"


def _stopped(cases: Sequence[CaseRecord]) -> Iterator[str]:
    """How far every audit looked that stopped early."""
    found = {case.data: case.checks.stopped for case in cases if case.checks is not None and case.checks.stopped}
    for data, one in found.items():
        if one.looked < one.available:
            yield (
                f"{str(data).removeprefix('data:')}: looked at {one.looked} of {one.available} images, then everything "
                "was decided"
            )


def _without_object(record: RunRecord) -> Iterator[str]:
    """How many images of each data set are declared to have no object."""
    for data in record.data:
        if data.without_object:
            labels, count = ", ".join(data.without_object), sum(data.without_object.values())
            yield (
                f"{data.key.removeprefix('data:')}: {count} of {data.images} images are declared to have no object "
                f"({labels}), and leave what needs masks"
            )


def _holm(cases: Sequence[CaseRecord]) -> Iterator[str]:
    """How many FAILs would not stand as findings by themselves among so many expectations."""
    found = [case.checks.holm for case in cases if case.checks is not None and case.checks.holm is not None]
    weak = sum(not one.rejected for one in found)
    if weak:
        yield (
            f"{weak} of {len(found)} FAIL could be chance among {found[0].declared} declared expectations (Holm); "
            "no verdict changes"
        )


def _tally(cases: Sequence[CaseRecord]) -> str:
    """Requirements by verdict, and apart from them the known-bad models, whose FAIL is no bad news."""
    counts = Counter(_standing(case) for case in cases if not case.must_fail)
    names = {"not_run": "not run", "xfail": "marked xfail"}
    order = ("ERROR", "FAIL", "INCONCLUSIVE", "PASS", "xfail", "not_run")
    parts = [f"{counts[name]} {names.get(name, name)}" for name in order if counts[name]]
    return ", ".join([*parts, *_known_bad(cases)]) or "nothing was run"


def _standing(case: CaseRecord) -> str:
    return str(case.verdict) if case.standing == "counted" else case.standing


def _known_bad(cases: Sequence[CaseRecord]) -> Iterator[str]:
    """Every known-bad model: it is caught where all expectations that must fail on it do."""
    caught: dict[str, bool] = {}
    for case in cases:
        for name in case.known_bad:
            caught[name] = caught.get(name, True) and case.standing == "counted" and case.verdict == "FAIL"
    if caught:
        names = ", ".join(name if found else f"{name} (NOT caught)" for name, found in caught.items())
        noun = "model" if len(caught) == 1 else "models"
        yield f"{sum(caught.values())} of {len(caught)} known-bad {noun} caught: {names}"


def weak_limits(cases: Iterable[CaseRecord]) -> Iterator[str]:
    """Limits on heat maps that a model would meet whose background decides nearly all of its answers."""
    for case in cases:
        sensitivity = None if case.checks is None else case.checks.sensitivity
        if case.verdict != "PASS" or sensitivity is None or sensitivity.why_not:
            continue
        if sensitivity.share is None or sensitivity.share >= WEAK_LIMIT:
            yield f"{case.name}: a model that follows the background nearly always could pass this limit"

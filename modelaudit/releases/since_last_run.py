"""What a run says of the runs before it: a function of its record and of the results folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..evidence.record import RunRecord, read_record
from ..evidence.since_last_run import RequirementHistory, SinceLastRun, UnreadRun
from ..language.errors import AuditError
from ..language.machine_paths import without_machine_paths
from .comparison import MARGIN, compare
from .comparison_record import RequirementComparison
from .history import Reading, earlier_run, history_of, is_same, readings_of
from .kept_runs import KeptRun, ReadRecord, fault_of, kept_runs, without_superseded

#: so many earlier runs are shown, and so many folders are read to find them
MOST_RUNS, MOST_FOLDERS = 20, 200
_SAME = {"since": "same", "change": 0.0}


def with_history(record: RunRecord, results: Path, baselines: Path) -> RunRecord:
    """A run that has just ended, with what the runs before it found.

    Whatever stands in the folder, the run is written: it vouches for nothing there, so what goes wrong is a note.
    """
    try:
        found = since_last_run(record, results, baselines)
    except Exception as error:
        note = f"the earlier runs were not read: {type(error).__name__}: {without_machine_paths(str(error))}"
        return record.model_copy(update={"notes": [*record.notes, note]})
    return record.model_copy(update={"since_last_run": found})


def since_last_run(record: RunRecord, results: Path, baselines: Path | None = None) -> SinceLastRun | None:
    """What the earlier runs found for the requirements of a run, and how it stands against the last of them.

    A quick look is compared with nothing, and no run with one. Of a merged run its shards are not earlier ones.

    Args:
        results: the results folder; the folder of the run itself may be in it.
        baselines: the folder of the baselines.

    Returns:
        None of a quick look, and where nothing is kept.
    """
    if record.quick_look is not None or not results.is_dir():
        return None
    present = ReadRecord.model_validate(record)
    kept = kept_runs(results, baselines, most=MOST_FOLDERS)
    before = [one for one in without_superseded(kept.runs) if _is_before(one, present)]
    wanted = [case for case in present.cases if case.verdict is not None]
    taken = frozenset(case.id for case in present.cases)
    common = [run for run in before if any(readings_of(case, [run], taken) for case in wanted)][-MOST_RUNS:]
    unread = [one for one in kept.unread if one.name != record.id]
    if not common and not unread:
        return None
    found = [(Reading(len(common), present, case), readings_of(case, common, taken)) for case in wanted]
    histories = [history_of(one, readings) for one, readings in found if readings]
    last = _last(histories, len(common))
    same = {one.case.id for one, readings in found if any(r.run == last and is_same(r, one) for r in readings)}
    histories = [one.model_copy(update=_SAME) if one.case in same else one for one in histories]
    shown = SinceLastRun(runs=[earlier_run(run) for run in common], requirements=histories, last=last, unread=unread)
    return shown if last is None or len(same) == len(histories) else _compared(shown, record, common[last])


def _stands(compared: RequirementComparison, history: RequirementHistory, last: int | None) -> bool:
    """Whether the last run has the requirement, and its comparison an outcome."""
    return compared.outcome is not None and any(point.run == last for point in history.points)


def _is_before(run: KeptRun, present: ReadRecord) -> bool:
    """Whether a run began before the present one, or in the same second; it has ended, since it has a record."""
    record = run.record
    if record.id == present.id or run.sha256 == present.parent or record.id in {one.id for one in present.merged}:
        return False
    return record.start <= present.start


def _last(histories: Sequence[RequirementHistory], runs: int) -> int | None:
    """The last run that has most of the requirements with values of one line; None where none has any.

    So a run of one requirement, between runs of all, is not what all are compared with.
    """
    of_one_line = [sum(any(p.run == at and not p.apart for p in one.points) for one in histories) for at in range(runs)]
    best = max(of_one_line, default=0)
    return max(at for at in range(runs) if of_one_line[at] == best) if best else None


def _compared(shown: SinceLastRun, record: RunRecord, last: KeptRun) -> SinceLastRun:
    """With the outcome of each requirement; where the two runs cannot be compared, with the reason."""
    fault = fault_of(last.file)
    if fault is not None:  # its evidence names it, as that of a run of a version that decided otherwise
        return _uncompared(shown, last, fault)
    try:
        found = compare(read_record(last.file), record, margin=MARGIN, brief=True)
    except AuditError as error:
        return _uncompared(shown, last, str(error).split("\n")[0])
    by_id = {one.id: one for one in found.requirements}
    requirements = []
    for one in shown.requirements:
        compared = by_id.get(one.case)
        if one.since is None and compared is not None and _stands(compared, one, shown.last):
            changes = {
                "since": compared.outcome,
                "change": compared.change,
                "lower": compared.lower_diff,
                "upper": compared.upper_diff,
            }
            one = one.model_copy(update=changes)
        requirements.append(one)
    return shown.model_copy(update={"requirements": requirements, "margin": found.margin})


def _uncompared(shown: SinceLastRun, last: KeptRun, why: str) -> SinceLastRun:
    unread = [*shown.unread, UnreadRun(name=last.record.id, why="not_compared", why_not=why)]
    return shown.model_copy(update={"unread": unread})

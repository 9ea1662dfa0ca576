"""The history of each requirement over runs: which values are of one line, and where the model or the data changed.

Pure functions of what was read. A value is of one line with another where the images (by the fingerprint of the data),
the seed and what is measured (the long form without its limit) are the same; else it stands apart, with the reason. The
limit may change: it is drawn as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..evidence.since_last_run import Apart, EarlierRun, RequirementHistory, RequirementPoint
from .kept_runs import KeptRun, ReadCase, ReadDecision, ReadRecord

_NOTHING = ReadDecision(estimate=None, lower=None, upper=None)


@dataclass(frozen=True)
class Reading:
    """What one run found for one requirement. ``run``: the position of the run."""

    run: int
    record: ReadRecord
    case: ReadCase


@dataclass(frozen=True)
class RequirementOverRuns:
    """A requirement over all runs, oldest first, with the name and text that it has in the last of them."""

    case: ReadCase
    history: RequirementHistory


def readings_of(case: ReadCase, runs: Sequence[KeptRun], taken: Collection[str] = ()) -> list[Reading]:
    """What runs found for a requirement: by its id, else by its name where only one measures the same under it.

    A file of audits may be renamed; runs in which the requirement was not run are left out.

    Args:
        taken: the ids that other requirements of the same run have.
    """
    found = ((at, run.record, _same(case, run.record, taken)) for at, run in enumerate(runs))
    return [Reading(at, record, same) for at, record, same in found if same is not None and same.verdict is not None]


def _same(case: ReadCase, record: ReadRecord, taken: Collection[str]) -> ReadCase | None:
    by_id = next((one for one in record.cases if one.id == case.id), None)
    if by_id is not None:
        return by_id
    named = [one for one in record.cases if one.name == case.name and one.id not in taken]
    alike = [one for one in named if one.quantity == case.quantity]
    return alike[0] if len(alike) == 1 else None


def apart(old: Reading, new: Reading) -> list[Apart]:
    """Why two values are not of one line; nothing where they are. Data without a fingerprint are not known to be the
    same."""
    before, after = old.record.data_of(old.case), new.record.data_of(new.case)
    reasons: list[Apart] = []
    if before is not None or after is not None:  # where neither was read there is no value either
        known = before is not None and after is not None and before.fingerprint is not None
        if not (known and before and after and before.fingerprint == after.fingerprint):
            reasons.append("data")
    if old.record.seed_of(old.case) != new.record.seed_of(new.case):
        reasons.append("seed")
    kept = (None if one is None else one.object_kept for one in (before, after))
    if old.case.quantity != new.case.quantity or len(set(kept)) > 1:
        reasons.append("definition")
    return reasons


def is_same(old: Reading, new: Reading) -> bool:
    """Whether the same models were measured on the same images, with the same value and bounds: then the difference is
    none, however few the images are."""
    models = old.record.models_of(old.case)
    same = bool(models) and models == new.record.models_of(new.case) and not apart(old, new)
    return same and old.case.decision is not None and old.case.decision == new.case.decision


def history_of(present: Reading, earlier: Sequence[Reading]) -> RequirementHistory:
    """A requirement in the earlier runs, as the present one sees them."""
    line = [*earlier, present]
    marks = [(False, False), *(_new(before, after) for before, after in pairwise(line))]
    points = [_point(one, present, *marks[at]) for at, one in enumerate(earlier)]
    return RequirementHistory(
        case=present.case.id, points=points, new_model=marks[-1][0], new_data=bool(earlier) and marks[-1][1]
    )


def _point(one: Reading, present: Reading, new_model: bool, new_data: bool) -> RequirementPoint:
    case = one.case
    assert case.verdict is not None  # readings without one are left out
    found = case.decision if case.decision is not None and case.verdict != "ERROR" else _NOTHING
    return RequirementPoint(
        run=one.run,
        verdict=case.verdict,
        estimate=found.estimate,
        lower=found.lower,
        upper=found.upper,
        threshold=case.threshold,
        apart=apart(one, present),
        new_model=new_model,
        new_data=new_data,
    )


def _new(before: Reading, after: Reading) -> tuple[bool, bool]:
    """Whether the models, and the data, of a requirement are other ones than a run before."""
    data = [
        None if found is None else found.fingerprint
        for found in (one.record.data_of(one.case) for one in (before, after))
    ]
    return _new_model(before, after), data[0] != data[1] and all(data)


def _new_model(before: Reading, after: Reading) -> bool:
    """Whether a model is another one, whatever the models that were not loaded would have been."""
    old, new = (one.record.models_of(one.case) for one in (before, after))
    unknown = [sum(key not in one.record.fingerprints for key in one.case.models) for one in (before, after)]
    return bool(old and new) and (len(old - new) > unknown[1] or len(new - old) > unknown[0])


def earlier_run(run: KeptRun) -> EarlierRun:
    """A run, as the record of a later one names it."""
    record = run.record
    return EarlierRun(
        id=record.id,
        sha256=run.sha256,
        started=record.started,
        finished=record.finished,
        overall=record.overall,
        git_commit=record.provenance.git_commit,
        baseline=run.baseline,
    )


def requirements_of(runs: Sequence[KeptRun]) -> Iterator[RequirementOverRuns]:
    """Every requirement that any of the runs has, in the order of the latest that has it; of each its whole history,
    the last point the latest run in which it was run."""
    told: set[str] = set()
    for run in reversed(runs):
        for case in run.record.cases:
            if case.id in told or case.verdict is None:
                continue
            found = readings_of(case, runs, {one.id for one in run.record.cases})
            told.update(one.case.id for one in found)
            yield RequirementOverRuns(case, _whole(found, run.record))


def _whole(found: Sequence[Reading], record: ReadRecord) -> RequirementHistory:
    """The history with the latest run as its last point, and what that run says of it since the run before."""
    history = history_of(found[-1], found[:-1])
    last = _point(found[-1], found[-1], history.new_model, history.new_data)
    said = record.since(found[-1].case.id)
    changes: Mapping[str, object] = (
        {} if said is None else said.model_dump(include={"since", "change", "lower", "upper"})
    )
    return history.model_copy(update={"points": [*history.points, last], **changes})

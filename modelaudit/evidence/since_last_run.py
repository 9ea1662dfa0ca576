"""What earlier runs of the same project found, as far as a run's report shows it.

Nothing in a verdict depends on it, and nobody can check it from the record alone: the earlier runs are named by the
sha256 of their ``run.json``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Literal

from pydantic import Field

from .case_record import VerdictName
from .part import Part
from .states import RunState

#: why a value does not belong to one line with another: "definition" is that of the left side, or how it is bounded
Apart = Literal["data", "seed", "definition"]
#: how a requirement stands against the run before: releases/comparison_record.py; "same": the models and the images are
#: the same, and the value with its bounds is too
Since = Literal["better", "worse", "equivalent", "same", "cannot_tell", "not_comparable"]
#: why nothing is shown of something that is in the results folder
Unread = Literal["unreadable", "not_a_run", "other_version", "altered", "contradicts", "redacted", "not_compared"]


class EarlierRun(Part):
    """An earlier run. ``baseline``: the name of the baseline that its values were read from, where it is not kept."""

    id: str
    sha256: str
    started: str
    finished: str
    overall: RunState
    git_commit: str | None = None
    baseline: str | None = None


class UnreadRun(Part):
    """Something in the results folder that is not among the earlier runs, or is and was not compared.

    ``why_not``: details, for "not_compared": one of the other reasons, or a message.
    """

    name: str
    why: Unread
    why_not: str = ""


class RequirementPoint(Part):
    """What an earlier run found for a requirement, with one-sided bounds. ``run``: its position in the list of runs.

    ``apart``: why its values are not of one line with those of the present run; empty where they are. ``new_model``,
    ``new_data``: the requirement's models, or data, are other ones than at the point before.
    """

    run: Annotated[int, Field(ge=0)]
    verdict: VerdictName
    estimate: float | None
    lower: float | None
    upper: float | None
    threshold: float
    apart: list[Apart] = []
    new_model: bool = False
    new_data: bool = False


class RequirementHistory(Part):
    """A requirement in the earlier runs, by its id, oldest first; runs without it are left out.

    ``new_model``, ``new_data``: of the present run, against the last point. ``since``: how it stands against the last
    run, on the images that both have; None where that run does not have it. ``change``: new minus old, with the bounds
    that decided ``since``, one-sided at the confidence of the comparison.
    """

    case: str
    points: list[RequirementPoint]
    new_model: bool = False
    new_data: bool = False
    since: Since | None = None
    change: float | None = None
    lower: float | None = None
    upper: float | None = None


class SinceLastRun(Part):
    """The earlier runs of the results folder, oldest first, and the requirements in them.

    ``last``: the position of the run that ``since`` compares with. ``margin``: of equivalence; None where nothing was
    compared.
    """

    runs: list[EarlierRun]
    requirements: list[RequirementHistory]
    last: int | None = None
    margin: float | None = None
    unread: list[UnreadRun] = []


def faults_of(shown: SinceLastRun, cases: Collection[str], run_id: str) -> Iterator[tuple[str, object, object]]:
    """What cannot be so in it: the field, what stands there, and what must.

    Args:
        cases: the ids of the cases of the run.
        run_id: of the run itself.
    """
    ids = [one.id for one in shown.runs]
    if run_id in ids or len(set(ids)) < len(ids):
        yield "runs", ids, "every earlier run once"
    if shown.last is not None and not 0 <= shown.last < len(ids):
        yield "last", shown.last, f"the position of one of {len(ids)} runs"
    for one in shown.requirements:
        if one.case not in cases:
            yield "requirements", one.case, "a case of the run"
        at = [point.run for point in one.points]
        if at != sorted(set(at)) or any(position >= len(ids) for position in at):
            yield f"points of {one.case}", at, f"positions of {len(ids)} runs, oldest first"
        if one.since is not None and (shown.last is None or shown.last not in at):
            yield f"since of {one.case}", one.since, "nothing: the last run does not have it"

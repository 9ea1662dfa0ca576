"""What earlier runs of the same project found, as far as a run's report shows it.

Nothing in a verdict depends on it, and nobody can check it from the record alone: the earlier runs are named by the
sha256 of their ``run.json``.
"""

from __future__ import annotations

from typing import Literal

from .case_record import VerdictName
from .part import Part
from .states import RunState


class EarlierRun(Part):
    """An earlier run. ``new_model``, ``new_data``: other models, or other data, than in the run before it.

    ``apart``: why its values do not belong to one line with those of the present run; empty where they do.
    """

    id: str
    sha256: str
    finished: str
    overall: RunState
    new_model: bool = False
    new_data: bool = False
    apart: list[Literal["data", "definition", "options"]] = []


class RequirementPoint(Part):
    """What an earlier run found for a requirement, with one-sided bounds. ``run``: its position in the list of runs."""

    run: int
    verdict: VerdictName | None
    estimate: float | None
    lower: float | None
    upper: float | None
    apart: bool = False


class RequirementHistory(Part):
    """A requirement in the earlier runs, by its id, oldest first; runs without it are left out.

    ``since``: how it stands against the last run that is comparable: see
    :data:`~modelaudit.releases.comparison_record.Outcome`; None where there is none. ``change``: new minus old.
    """

    case: str
    points: list[RequirementPoint]
    since: Literal["better", "worse", "equivalent", "cannot_tell", "not_comparable"] | None = None
    change: float | None = None


class SinceLastRun(Part):
    """The earlier runs of the results folder, oldest first, and the requirements in them.

    ``last``: the position of the run that ``since`` compares with. ``margin``: of equivalence.
    """

    runs: list[EarlierRun]
    requirements: list[RequirementHistory]
    last: int | None = None
    margin: float | None = None

"""Compares two runs: a pure function of their records.

Requirement by requirement the change of the left side is better, worse, equivalent, or cannot be told
(:mod:`~modelaudit.releases.change`), on the images that both runs have in common; image by image it is known which
answers are newly wrong and which have recovered (:mod:`~modelaudit.releases.answers`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from .. import __version__
from ..evidence.leaves import unit_of
from ..evidence.record import CaseRecord, RunRecord, WordingRecord, record_digest
from ..language.errors import ExpressionError
from .answers import compare_answers
from .comparison_record import (
    AnswerComparison,
    ChangedImage,
    ComparedRun,
    ComparisonNote,
    ComparisonRecord,
    ImagesCompared,
    RenamedImage,
    RunDifference,
)
from .joined_table import PairedImages, Side
from .requirements import compare_requirements, overall
from .run_differences import differences_of_runs, donors_that_moved
from .two_runs import TwoRuns

MARGIN = 0.02


def compare(
    old: RunRecord,
    new: RunRecord,
    *,
    margin: float = MARGIN,
    confidence: float = 0.95,
    old_name: str = "",
    new_name: str = "",
    brief: bool = False,
    created: datetime | None = None,
) -> ComparisonRecord:
    """Compare two runs.

    Requirements are the same by their id, else by name and expectation; images by what they hold. Better and worse are
    of the model: up for ``>``, down for ``<``.

    Args:
        margin: the change that does not matter, in the unit of each left side: 0.02 are two points of a share.
        confidence: of each family of claims: see :func:`~modelaudit.releases.change.settle`.
        old_name, new_name: the runs as readers know them; else their ids.
        brief: without answers image by image, and without the number of images that would settle what is open.
        created: the moment of the comparison; None: now.

    Raises:
        ExpressionError: a margin or a confidence outside its range.
    """
    if not 0 < margin < float("inf"):
        raise ExpressionError(f"margin={margin!r} must be positive: the change that does not matter, 0.02 for 2 points")
    if margin >= 1 and any(unit_of(case.left) != "number" for case in new.cases):
        meant = f"; did you mean {margin / 100:g}?" if 1 < margin < 100 else ""
        raise ExpressionError(f"margin={margin!r}: no share can change by that much; 0.02 are two points{meant}")
    if not 0.5 < confidence < 1:
        raise ExpressionError(f"confidence={confidence!r} must be between 0.5 and 1; 0.95 is usual")
    runs = TwoRuns(Side(old), Side(new))
    requirements = compare_requirements(runs, margin, confidence, brief=brief)
    return ComparisonRecord(
        created=created or datetime.now(UTC),
        version=__version__,
        margin=margin,
        confidence=confidence,
        old=_run(old, old_name),
        new=_run(new, new_name),
        outcome=overall(requirements),
        requirements=requirements,
        answers=[] if brief else _answers(runs, margin, confidence),
        images=[_images_compared(runs.images(*data), data) for data in runs.data()],
        differences=_differences(runs),
        notes=_notes(runs),
        wording=_wording([*old.cases, *new.cases]),
    )


def _answers(runs: TwoRuns, margin: float, confidence: float) -> list[AnswerComparison]:
    """Every pair of models on every pair of data sets, under every context in both. Masks play no part in them."""
    return [
        found
        for data in runs.data()
        for found in compare_answers(
            runs.images(*data, masks=False),
            (runs.old.values[data[0]], runs.new.values[data[1]]),
            runs.models(data),
            margin,
            confidence,
        )
    ]


def _differences(runs: TwoRuns) -> list[RunDifference]:
    """What is not the same in the two runs as a whole."""
    facts = [{one.key: one for one in side.record.data} for side in (runs.old, runs.new)]
    data = [(facts[0][one], facts[1][other]) for one, other in runs.data() if one in facts[0] and other in facts[1]]
    models = [(pair.old, pair.new) for pair in runs.models()]
    found = differences_of_runs(runs.old.record, runs.new.record, models, data)
    for one in runs.data():
        images = runs.images(*one)
        found += donors_that_moved(images.old, images.new, images.pairing)
    return list({one.model_dump_json(): one for one in found}.values())


def _notes(runs: TwoRuns) -> list[ComparisonNote]:
    old, new, models = runs.old.record, runs.new.record, runs.models()
    of: dict[ComparisonNote, bool] = {
        "paired_by_id": any(runs.images(*data).by_id for data in runs.data()),
        "same_models": bool(models) and all(pair.old.fingerprint == pair.new.fingerprint for pair in models),
        "quick_look_old": old.quick_look is not None,
        "quick_look_new": new.quick_look is not None,
        "partial_old": old.partial,
        "partial_new": new.partial,
    }
    return [note for note, holds in of.items() if holds]


def _images_compared(images: PairedImages, data: tuple[str, str]) -> ImagesCompared:
    pairing = images.pairing
    old, new = images.old.samples, images.new.samples
    return ImagesCompared(
        data_old=data[0],
        data_new=data[1],
        common=len(pairing.pairs),
        new=[new[at].id for at in pairing.new],
        missing=[old[at].id for at in pairing.missing],
        changed=[
            ChangedImage(
                id=new[one.new].id,
                what=list(one.what),
                label_old=old[one.old].label if "label" in one.what else None,
                label_new=new[one.new].label if "label" in one.what else None,
            )
            for one in pairing.changed
        ],
        renamed=[RenamedImage(old=old[one].id, new=new[other].id) for one, other in pairing.renamed],
        doubled_old=[old[at].id for at in pairing.doubled_old],
        doubled_new=[new[at].id for at in pairing.doubled_new],
    )


def _run(record: RunRecord, name: str) -> ComparedRun:
    return ComparedRun(
        name=name or record.id,
        id=record.id,
        sha256=record.baseline_of or record_digest(record),
        started=record.started,
        finished=record.finished,
        overall=record.overall,
        git_commit=record.provenance.git_commit,
        models=list(dict.fromkeys(name for model in record.models for name in model.names)),
        images=sum(len(table.samples) for table in record.tables),
    )


def _wording(cases: Sequence[CaseRecord]) -> WordingRecord:
    """The words of both runs for what their requirements name; those of the new one go first."""
    kinds: dict[str, dict[str, object]] = {kind: {} for kind in WordingRecord.model_fields}
    for case in cases:
        for kind, merged in kinds.items():
            merged.update(getattr(case.wording, kind))
    return WordingRecord.model_validate(kinds)

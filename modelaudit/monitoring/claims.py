"""The audited claims, and what each needs to be measured again on images of the line."""

from __future__ import annotations

from collections.abc import Iterable

from ..evidence.leaves import leaves_of
from ..evidence.record import CaseRecord, MeasureNode, RunRecord
from ..language import registry
from ..language.errors import UnknownNameError
from .monitor_file import AuditedClaim, Need

#: measures that compare the model with itself, or count its answers
_OF_PREDICTIONS = ("flip_rate", "predicted")
#: in the text of a stratum: images are chosen by their labels
_STRATA_OF_LABELS = ("correct", "misclassified", "label(")


def audited_claims(record: RunRecord, model_keys: Iterable[str]) -> list[AuditedClaim]:
    """Every declared case of a run that is about these models, or that was not run."""
    keys = set(model_keys)
    return [_claim(case) for case in record.cases if not case.models or keys & set(case.models)]


def needs_of(case: CaseRecord) -> list[Need]:
    """What the images must have for the case to be measured on them.

    Labels where a measure compares predictions with them, an attribution explains the label, images are chosen by
    label, or backgrounds come from images of another class. A measure that is not known here needs them too.
    """
    nodes = leaves_of(case.left)
    needs: list[Need] = ["labels"] if any(map(_needs_labels, nodes)) else []
    return [*needs, "masks"] if case.needs_masks else needs


def _claim(case: CaseRecord) -> AuditedClaim:
    return AuditedClaim(
        node_id=case.id,
        text=case.expectation,
        says=case.says,
        clause=case.clause,
        verdict=case.verdict,
        estimate=None if case.decision is None else case.decision.estimate,
        threshold=case.threshold,
        must_fail=case.must_fail,
        needs=needs_of(case),
    )


def _needs_labels(node: MeasureNode) -> bool:
    if node.stratum is not None and any(name in node.stratum for name in _STRATA_OF_LABELS):
        return True
    contexts = [*node.contexts, *(context for dose in node.doses for context in dose.contexts)]
    if any("class" in str(value) for context in contexts for value in context.arguments.values()):
        return True
    try:
        declares = registry.find("measure", node.measure).declares
    except UnknownNameError:
        return True
    if declares.needs_attribution:
        return node.target == "label"
    return node.measure not in _OF_PREDICTIONS

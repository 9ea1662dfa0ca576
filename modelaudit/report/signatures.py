"""What the parties sign: the decision rule with its risk in the words of a contract, and who signs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..evidence.record import RunRecord
from .words import Words


@dataclass(frozen=True)
class SignaturesView:
    """``rule``: the sentences above the lines. ``parties``: each one's role and its name, where the
    run states it; of an agreement its name and its role."""

    rule: str
    parties: tuple[tuple[str, str], ...]


def signatures_view(record: RunRecord, words: Words) -> SignaturesView:
    """The decision rule of a run's requirements, and the lines to sign: of the parties that the agreement names."""
    parties = [(one.name, one.role) for one in record.agreement.parties if one.signs] if record.agreement else []
    if not parties:
        issuer, customer = (None, None) if record.about is None else (record.about.issuer, record.about.customer)
        parties = [(words._("issuer"), issuer), (words._("customer"), customer)]
    return SignaturesView(
        words.in_a_row(_rule(record, words)),
        tuple((words.own(first), words.own(then or "")) for first, then in parties),
    )


def _rule(record: RunRecord, words: Words) -> Iterator[str]:
    """What the report relates to, when a requirement is met, and what either party risks."""
    yield words._("relates_only_to_the_images")
    cases = [case for case in record.cases if not case.must_fail]
    sampled = [case.confidence for case in cases if case.about == "process"]
    if sampled:
        confidence = words.limit(min(sampled), "percent")
        if len({*sampled}) > 1:
            confidence = words._("range", low=confidence, high=words.limit(max(sampled), "percent"))
        yield words._("decision_rule", confidence=confidence)
        yield words._("decision_risk", risk=words.limit(round(1 - min(sampled), 6), "percent"))
        if any(case.claim is not None for case in cases):
            yield words._("this_is_said_of_the")
    if len(sampled) < len(cases):
        yield words._("decision_rule_this_set")

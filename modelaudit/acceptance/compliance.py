"""Where the audits, or a run, do not keep to an agreement; and what the record says about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..evidence.agreed import AgreedCosts, AgreedParty, AgreementRecord, CostRange, UnmetTerm
from ..evidence.costs import Costs
from ..evidence.record import CaseRecord, DecisionRecord, MeasureNode, RunRecord
from .agreement import AgreementTerms, agreement_digest
from .operating_domain import coverage, samples_of_record


@dataclass(frozen=True)
class DeclaredExpectation:
    """An expectation as the audits declare it.

    Args:
        name: with the model in brackets, where it is one for each of several.
        images: the number of images that it is, or will be, decided on; None if unknown.
    """

    name: str
    file: str
    confidence: float
    about: Literal["process", "this_set"]
    must_fail: bool = False
    images: int | None = None


def is_called(named: str, name: str, file: str) -> bool:
    """Whether a clause means an expectation by NAME or FILE::NAME; of several models, without the one in brackets.

    >>> is_called("audit_a.py::right", "right[new]", "audits/audit_a.py")
    True
    """
    path, _, called = named.rpartition("::")
    return called in (name, name.partition("[")[0]) and (not path or path == file or file.endswith(f"/{path}"))


def unmet_terms(
    terms: AgreementTerms,
    declared: Sequence[DeclaredExpectation],
    *,
    inconclusive: Literal["fail", "warn"] | None = None,
    complete: bool = True,
) -> list[UnmetTerm]:
    """Everything that is not as agreed. Known-bad models need no clause and no number of images.

    Args:
        inconclusive: how the run counts INCONCLUSIVE; None before a run.
        complete: whether all expectations are known; else one that a clause names may be among the others.
    """
    return list(_unmet(terms, declared, inconclusive, complete))


def _unmet(
    terms: AgreementTerms, declared: Sequence[DeclaredExpectation], inconclusive: str | None, complete: bool
) -> Iterator[UnmetTerm]:
    decision = terms.decision
    if inconclusive is not None and decision.inconclusive not in (None, inconclusive):
        yield UnmetTerm(kind="counts_inconclusive", agreed=decision.inconclusive, found=inconclusive)
    named = [(clause, name) for clause, fields in terms.clauses.items() for name in fields.expectations]
    for clause, name in named:
        if complete and not any(is_called(name, one.name, one.file) for one in declared):
            yield UnmetTerm(kind="clause_without_expectation", clause=clause, expectation=name)
    for one in declared:
        if one.must_fail:
            continue
        first = next((number for number, name in named if is_called(name, one.name, one.file)), None)
        if first is None:
            yield UnmetTerm(kind="expectation_without_clause", expectation=one.name)
        if decision.confidence is not None:
            if one.about == "this_set":
                yield UnmetTerm(kind="this_set_alone", expectation=one.name, clause=first, agreed=decision.confidence)
            elif one.confidence < decision.confidence:
                yield UnmetTerm(
                    kind="lower_confidence",
                    expectation=one.name,
                    clause=first,
                    agreed=decision.confidence,
                    found=one.confidence,
                )
        few = decision.images is not None and one.images is not None and one.images < decision.images
        if few:
            yield UnmetTerm(
                kind="fewer_images", expectation=one.name, clause=first, agreed=decision.images, found=one.images
            )


def agreement_record(terms: AgreementTerms, record: RunRecord) -> AgreementRecord:
    """What the record of a run says about its agreement; a quick look says nothing about numbers of images."""
    declared = [_declared(case, record) for case in record.cases]
    quick = record.quick_look is not None
    return AgreementRecord(
        sha256=agreement_digest(terms),
        title=terms.title,
        number=terms.number,
        parties=[
            AgreedParty(key=key, name=party.name, role=party.role, signs=key in terms.signs)
            for key, party in terms.parties.items()
        ],
        clauses=len(terms.clauses),
        costs=None if terms.costs is None else agreed_costs(terms.costs, record),
        domain=None if terms.domain is None or quick else coverage(terms.domain, samples_of_record(record)),
        unmet=unmet_terms(terms, declared, inconclusive=record.inconclusive, complete=not record.absent_files),
    )


def _declared(case: CaseRecord, record: RunRecord) -> DeclaredExpectation:
    measured = case.decision is not None and record.quick_look is None
    images = case.decision.counts.asked if measured and case.decision is not None else None
    return DeclaredExpectation(case.name, case.file, case.confidence, case.about, case.must_fail, images)


def agreed_costs(costs: Costs, record: RunRecord | None = None) -> AgreedCosts:
    """The costs, and what 1,000 parts are expected to cost where the run has both rates on the original images."""
    known = record is not None and None not in (costs.defect_share, costs.missed_defect, costs.false_alarm)
    expected = list(_expected(costs, record)) if record is not None and known else []
    return AgreedCosts(
        missed_defect=costs.missed_defect,
        false_alarm=costs.false_alarm,
        currency=costs.currency,
        per=costs.per,
        defect_share=costs.defect_share,
        expected=expected,
    )


def _expected(costs: Costs, record: RunRecord) -> Iterator[CostRange]:
    """Of every model with both rates; with the bounds of both, each at the confidence of its expectation."""
    rates: dict[str, dict[str, DecisionRecord]] = {}
    for case in record.cases:
        rate = _rate(case)
        if rate and case.decision is not None and case.decision.estimate is not None and not case.must_fail:
            rates.setdefault(case.models[0], {}).setdefault(rate, case.decision)
    defective = (costs.defect_share or 0.0) / 100
    missed_defect, false_alarm = costs.missed_defect or 0.0, costs.false_alarm or 0.0

    def cost(missed: float, alarms: float) -> float:
        return 1000 * (defective * missed * missed_defect + (1 - defective) * alarms * false_alarm)

    for model, found in rates.items():
        if len(found) == 2:
            missed, alarms = found["miss_rate"], found["false_alarm_rate"]
            yield CostRange(
                model=model,
                expected=cost(missed.estimate or 0.0, alarms.estimate or 0.0),
                low=None if missed.lower is None or alarms.lower is None else cost(missed.lower, alarms.lower),
                high=None if missed.upper is None or alarms.upper is None else cost(missed.upper, alarms.upper),
            )


def _rate(case: CaseRecord) -> str:
    """The rate that a case measures on all original images of its kind; empty where it measures another."""
    left = case.left
    if not isinstance(left, MeasureNode) or left.contexts or left.doses or len(case.models) != 1:
        return ""
    narrowed = left.stratum is None or "&" in left.stratum
    return left.measure if left.measure in ("miss_rate", "false_alarm_rate") and not narrowed else ""

"""Data that can be counted before anything runs, and what so few images could never show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...data import lists_names, open_data
from ...language.boundary import contained
from ...language.errors import AuditError
from ...language.sample import DataSet, Sample
from ...language.strata import Label, Stratum
from ...language.without_object import left_out
from ...statistics import Clustering
from ...statistics.clusters import integer_codes
from ...statistics.feasibility import Infeasible, best_case
from ..results.measured import MeasuredSample
from ..results.strata import may_hold
from .plan import PlanGroup, PlannedCase


class Listings:
    """The data of groups that were listed when the audits were collected; the run takes them over.

    Only data whose names alone are read (:func:`~modelaudit.data.lists_names`): no image, no mask, nothing from afar.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found: dict[str, DataSet] = {}

    def listed(self, group: PlanGroup) -> DataSet | None:
        """The data; None where they cannot be listed so cheaply, or not at all: the run will say why."""
        if group.key not in self._found and lists_names(group.reference, self._root):
            try:
                self._found[group.key] = open_data(group.reference, root=self._root, quiet=True)
            except BaseException as error:
                contained(error)
                return None
        return self._found.get(group.key)

    def take(self, group: PlanGroup) -> DataSet | None:
        """The data where they were listed; they are given up here."""
        return self._found.pop(group.key, None)


def foreseen(groups: Iterable[PlanGroup], listings: Listings) -> dict[str, Infeasible]:
    """By case: why it could not pass. Known-bad models are not judged: they are not to pass."""
    found = {}
    for group in groups:
        data = listings.listed(group)
        if data is None:
            continue
        for case in group.cases:
            infeasible = impossible(case, data.samples)
            if infeasible is not None:
                found[case.asked.id] = infeasible
    return found


def impossible(case: PlannedCase, samples: Sequence[Sample | MeasuredSample]) -> Infeasible | None:
    """Why a case could not pass with images of these labels and clusters; None where it could, or nothing is known.

    Of strata only labels are known beforehand . With ``stop="early"`` the rule for one look is asked:
    the sequences are wider, and need no fewer images.
    """
    asked, audit = case.asked, case.asked.case.audit
    if asked.case.must_fail:
        return None
    declared = left_out(asked.expectation.expression, tuple(audit.without_object))
    samples = [sample for sample in samples if str(sample.label) not in declared]
    labels = [str(sample.label) for sample in samples]
    counts, clusters = Counter(labels), [sample.cluster for sample in samples]
    known = audit.claim is None and any(one is not None for one in clusters)

    def size_of(stratum: Stratum) -> int:
        return int(may_hold(stratum, labels).sum())

    def divided(by: str) -> tuple[Stratum, ...]:
        return tuple(map(Label, sorted(counts))) if by == "label" else ()

    try:
        return best_case(
            asked.expectation,
            len(labels),
            confidence=asked.case.confidence,
            about=audit.about,
            bounds=audit.bounds,
            shared=(Clustering("cluster", integer_codes(clusters)),) if known else (),
            size_of=size_of,
            divided=divided,
        )
    except AuditError:  # an expression without a value: the decision says so
        return None

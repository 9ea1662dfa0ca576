"""What a run did not test and could have missed: values without a number, limits, and changes not asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ..advice.kinds import KINDS, kinds_of
from ..evidence.record import CaseRecord, RunRecord
from .checks import OWN_LEVEL
from .naming import short_name
from .sentences import digits_of, unit_of
from .words import Words


@dataclass(frozen=True)
class Ledger:
    """Values, one an image and requirement: those asked for, and what became of them."""

    asked: int = 0
    measured: int = 0
    not_applicable: int = 0
    undefined: int = 0
    errored: int = 0
    not_run: int = 0

    def __add__(self, other: Ledger) -> Ledger:
        return Ledger(*(one + more for one, more in zip(self.counts, other.counts, strict=True)))

    @property
    def counts(self) -> tuple[int, ...]:
        """Asked, measured, not applicable, undefined, with errors, not run."""
        return (self.asked, self.measured, self.not_applicable, self.undefined, self.errored, self.not_run)

    @property
    def complete(self) -> bool:
        """Whether every value that was asked for was measured."""
        return self.measured == self.asked

    def text(self, words: Words) -> str:
        """*1,200 asked = 1,150 measured + 30 not applicable + …*"""
        named = zip(self.__dataclass_fields__, map(words.count, self.counts), strict=True)
        return words._("ledger", **dict(named))


@dataclass(frozen=True)
class CoverageRow:
    """One requirement: its values, and what its limit or its images would catch."""

    name: str
    ledger: Ledger
    caught: tuple[str, ...]


def ledger_of(case: CaseRecord, record: RunRecord) -> Ledger:
    """The values of one requirement; all zero where it was not run and its images are not known."""
    if case.decision is None:
        images = _images_of(case, record)
        return Ledger(asked=images, errored=images) if case.verdict == "ERROR" else Ledger(asked=images, not_run=images)
    counts, stopped = case.decision.counts, None if case.checks is None else case.checks.stopped
    unseen = 0 if stopped is None else max(0, stopped.available - stopped.looked)
    return Ledger(
        asked=counts.asked + counts.without_object + counts.unpaired + unseen,
        measured=counts.measured,
        not_applicable=counts.without_object + counts.unpaired,
        undefined=counts.undefined,
        errored=counts.errored,
        not_run=unseen,
    )


def _images_of(case: CaseRecord, record: RunRecord) -> int:
    """Of a requirement without a decision: the images of its data, or of the only data that there are."""
    by_key = {data.key: data.images for data in record.data}
    if case.data in by_key:
        return by_key[str(case.data)]
    return next(iter(by_key.values())) if len(by_key) == 1 else 0


def total_ledger(record: RunRecord) -> Ledger:
    """The values of all requirements, known-bad models included."""
    return sum((ledger_of(case, record) for case in record.cases), Ledger())


def not_asked_for(record: RunRecord) -> list[str]:
    """The kinds of changes that no requirement asks for, those of known-bad models aside."""
    asked = {kind for case in record.cases if not case.must_fail for kind in kinds_of(case)}
    return [kind for kind in KINDS if kind not in asked]


def weakest_limit(record: RunRecord) -> tuple[CaseRecord, float] | None:
    """The requirement that could miss most, and how much: a share of the answers, or of the images.

    Of a limit on heat maps that is the share of the answers that the background may decide without its failing; of a
    claim on behaviour how far beyond its limit a model must be to fail in 8 of 10 audits. Only requirements that are
    met or undecided can have missed something.
    """
    found = [
        (case, missed)
        for case in record.cases
        if not case.must_fail and case.verdict in ("PASS", "INCONCLUSIVE")
        for missed in [_missed(case)]
        if missed is not None
    ]
    return max(found, key=lambda one: one[1], default=None)


def _missed(case: CaseRecord) -> float | None:
    checks = case.checks
    if checks is None:
        return None
    sensitivity = checks.sensitivity
    if sensitivity is not None and not sensitivity.why_not:
        share = 1.0 if sensitivity.share is None else sensitivity.share
        return share if share >= OWN_LEVEL else None
    if checks.smallest_effect is not None and unit_of(case.left) in ("percent", "points"):
        return abs(checks.smallest_effect - case.threshold)
    return None


def weakest_text(case: CaseRecord, words: Words) -> str:
    """What the weakest limit could miss, in a sentence."""
    checks = case.checks
    assert checks is not None
    sensitivity = checks.sensitivity
    if sensitivity is not None and not sensitivity.why_not:
        if sensitivity.share is None:
            return words._("could_miss_any_dependence", name=short_name(case.name))
        share = words.quantity(sensitivity.share, "percent", 0)
        return words._("could_miss_dependence", name=short_name(case.name), share=share)
    assert checks.smallest_effect is not None
    unit = unit_of(case.left)
    return words._(
        "could_miss_effect",
        name=short_name(case.name),
        limit=words.limit(case.threshold, unit),
        value=words.quantity(checks.smallest_effect, unit, digits_of(case)),
    )

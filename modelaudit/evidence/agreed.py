"""What the record says of the agreement of a run: who agreed, what of it the run does not keep to, and how far the test
set covers the operating domain."""

from __future__ import annotations

from typing import Literal

from .part import Part

#: a text of the parties: one, or one for each language
AgreedText = str | dict[str, str]

#: how a value of the operating domain stands in the test set
DomainStanding = Literal["covered", "missing", "off", "too_few_to_tell", "unforeseen"]
#: how a combination of values does; "few": fewer images than agreed, "impossible": agreed not to occur, and it does
CombinationStanding = DomainStanding | Literal["few", "impossible"]

#: in what a run, or the audits, do not keep to the agreement
UnmetKind = Literal[
    "expectation_without_clause",
    "clause_without_expectation",
    "lower_confidence",
    "this_set_alone",
    "fewer_images",
    "counts_inconclusive",
]


class AgreedParty(Part):
    """A party by its key in the agreement; ``signs``: it signs the agreement and the report."""

    key: str
    name: AgreedText
    role: AgreedText | None = None
    signs: bool = False


class UnmetTerm(Part):
    """One thing that is not as the agreement has it; ``agreed`` and ``found`` are numbers or names, by ``kind``."""

    kind: UnmetKind
    expectation: str | None = None
    clause: str | None = None
    agreed: float | str | None = None
    found: float | str | None = None


class DomainValue(Part):
    """A value of an attribute: how many images have it, and the expected share in per cent, where one is agreed."""

    value: str
    images: int
    expected: float | None = None
    standing: DomainStanding


class DomainAttribute(Part):
    """An attribute of the operating domain. ``unknown``: the number of images whose value the data do not give."""

    attribute: str
    says: AgreedText | None = None
    values: list[DomainValue]
    unknown: int = 0


class CombinedValues(Part):
    """A combination: its values in the order of the attributes, how many images have it, and the expected share."""

    values: list[str]
    images: int
    expected: float | None = None
    standing: CombinationStanding


class DomainCombination(Part):
    """Attributes whose values must occur together, in ``least`` images of each combination that can occur.

    Every image is in one of ``values``, or in ``unknown``: the data do not say one of its attributes.
    """

    attributes: list[str]
    least: int
    values: list[CombinedValues]
    unknown: int = 0


class DomainCoverage(Part):
    """The test set against the operating domain.

    ``images``: how many there are, and ``clusters`` how many that do not depend on each other, where that is fewer.
    ``tolerance``: by how many points a share may differ.
    """

    images: int
    clusters: int | None = None
    tolerance: float | None = None
    attributes: list[DomainAttribute]
    combinations: list[DomainCombination] = []


class CostRange(Part):
    """What 1,000 parts of one model are expected to cost at the rates that were measured, and at their bounds."""

    model: str
    expected: float
    low: float | None = None
    high: float | None = None


class AgreedCosts(Part):
    """What a mistake costs, in ``currency``; ``defect_share`` is the share of defective parts in per cent."""

    missed_defect: float | None = None
    false_alarm: float | None = None
    currency: str
    per: AgreedText | None = None
    defect_share: float | None = None
    expected: list[CostRange] = []


class AgreementRecord(Part):
    """The agreement of a run. ``sha256``: of its canonical JSON; ``domain``: none in a quick look."""

    sha256: str
    title: AgreedText | None = None
    number: str | None = None
    parties: list[AgreedParty] = []
    clauses: int = 0
    costs: AgreedCosts | None = None
    domain: DomainCoverage | None = None
    unmet: list[UnmetTerm] = []

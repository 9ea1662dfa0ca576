"""The test set against the operating domain that the parties agreed on.

**Covered.** A value that no image has is missing, however few images there are: nothing was measured there. A value
that the agreement does not name is unforeseen, and images of which the data do not say the attribute are counted.

**Combinations.** The same of values together: each that can occur must be in as many images as agreed, and one that was
agreed to be impossible must not. Images with an unknown attribute are not counted in any combination.

**Shares.** A share is *off* where two things hold: it differs from the expected one by more than the tolerance, and
chance does not explain it. For chance an exact one-sided binomial test asks how probable the count, or one further out,
is where the true share is the expected one plus (or minus) the whole tolerance; it is off at 5 % divided by the number
of shares that are agreed on, so that a domain of many values is not blamed for one of them. A small set outside of the
tolerance is thus *too few to tell*. Where images depend on each other (clusters: lots, scenes), the test counts
clusters: a share of 40 images in 4 lots is one of 4. Their number then stands for that of images in the binomial tail,
which for numbers that are not integers is the regularised incomplete beta function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ..evidence.agreed import (
    CombinationStanding,
    CombinedValues,
    DomainAttribute,
    DomainCombination,
    DomainCoverage,
    DomainStanding,
    DomainValue,
)
from ..evidence.record import RunRecord, SampleRecord
from ..language.sample import Sample
from .agreement import AttributeFields, DomainFields
from .combinations import CombinationFields, possible

_RISK = 0.05
_ROUNDING = 1e-9
#: attributes that every sample has a place of its own for
_OWN: dict[str, Callable[[SampleRecord], str | None]] = {
    "label": lambda sample: sample.label,
    "group": lambda sample: sample.group,
}


def coverage(domain: DomainFields, samples: Sequence[SampleRecord]) -> DomainCoverage:
    """The test set against the operating domain.

    Args:
        samples: each image once.
    """
    clusters = {sample.id if sample.cluster is None else f"cluster {sample.cluster}" for sample in samples}
    together = [(one, possible(one, domain.values())) for one in domain.combinations or []]
    shares = sum(len(one.values) for one in domain.attributes.values() if isinstance(one.values, dict))
    shares += sum(len(expected) for one, expected in together if one.shares is not None)
    tolerance, risk = domain.tolerance or 0.0, _RISK / max(1, shares)
    found = [
        _attribute(name, attribute, samples, len(clusters), tolerance, risk)
        for name, attribute in domain.attributes.items()
    ]
    return DomainCoverage(
        images=len(samples),
        clusters=len(clusters) if len(clusters) < len(samples) else None,
        tolerance=domain.tolerance,
        attributes=found,
        combinations=[
            _combination(one, expected, samples, len(clusters), tolerance, risk) for one, expected in together
        ],
    )


def samples_of_record(record: RunRecord) -> list[SampleRecord]:
    """The images of a run, each once: several audits may read the same data."""
    references = {data.key: data.reference for data in record.data}
    found = {
        (references.get(table.data, table.data), sample.id): sample
        for table in record.tables
        for sample in table.samples
    }
    return list(found.values())


def samples_of_data(samples: Sequence[Sample]) -> list[SampleRecord]:
    """The images of a data set as a record has them, with all of their attributes."""
    return [
        SampleRecord(
            id=one.id,
            label=str(one.label),
            group=one.group,
            columns={name: value for name, value in one.attributes.items() if value},
            cluster=one.cluster,
        )
        for one in samples
    ]


def columns_of(domain: DomainFields | None) -> tuple[str, ...]:
    """The attributes of samples that a run must record for its operating domain."""
    return () if domain is None else tuple(name for name in domain.attributes if name not in _OWN)


def _attribute(
    name: str, agreed: AttributeFields, samples: Sequence[SampleRecord], clusters: int, tolerance: float, risk: float
) -> DomainAttribute:
    counts = Counter(value for sample in samples if (value := _value(sample, name)))
    known = counts.total()
    expected = agreed.values if isinstance(agreed.values, dict) else dict.fromkeys(agreed.values)
    independent = known * clusters / len(samples) if samples else 0.0
    values = [
        DomainValue(
            value=value,
            images=counts[value],
            expected=share,
            standing=_standing(counts[value], known, independent, share, tolerance, risk),
        )
        for value, share in expected.items()
    ]
    values += [
        DomainValue(value=value, images=count, standing="unforeseen")
        for value, count in sorted(counts.items())
        if value not in expected
    ]
    return DomainAttribute(attribute=name, says=agreed.says, values=values, unknown=len(samples) - known)


def _value(sample: SampleRecord, attribute: str) -> str | None:
    own = _OWN.get(attribute)
    return sample.columns.get(attribute) if own is None else own(sample)


def _combination(
    agreed: CombinationFields,
    expected: Mapping[tuple[str, ...], float | None],
    samples: Sequence[SampleRecord],
    clusters: int,
    tolerance: float,
    risk: float,
) -> DomainCombination:
    every = [tuple(_value(sample, name) or "" for name in agreed.of) for sample in samples]
    counts = Counter(values for values in every if all(values))
    known = counts.total()
    independent = known * clusters / len(samples) if samples else 0.0
    impossible = {tuple(one) for one in agreed.impossible}

    def standing(values: tuple[str, ...], share: float | None) -> CombinationStanding:
        found = _standing(counts[values], known, independent, share, tolerance, risk)
        return "few" if found != "missing" and counts[values] < agreed.least else found

    values = [
        CombinedValues(values=list(one), images=counts[one], expected=share, standing=standing(one, share))
        for one, share in expected.items()
    ]
    values += [
        CombinedValues(values=list(one), images=count, standing="impossible" if one in impossible else "unforeseen")
        for one, count in sorted(counts.items())
        if one not in expected
    ]
    return DomainCombination(attributes=agreed.of, least=agreed.least, values=values, unknown=len(samples) - known)


def _standing(
    count: int, known: int, independent: float, expected: float | None, tolerance: float, risk: float
) -> DomainStanding:
    """How a value stands, of which `count` of the images have it that are `known`; shares and tolerance in per cent."""
    if count == 0:
        return "missing"
    if expected is None:
        return "covered"
    share = 100 * count / known
    if abs(share - expected) <= tolerance + _ROUNDING:
        return "covered"
    bound = expected + tolerance if share > expected else expected - tolerance
    tail = _tail(share / 100, independent, bound / 100, above=share > expected)
    return "off" if tail <= risk else "too_few_to_tell"


def _tail(share: float, number: float, true: float, *, above: bool) -> float:
    """How probable so large (`above`) or so small a share of `number` is where the true one is `true`."""
    from scipy.special import betainc  # what reads agreements need not wait for it

    hits = share * number
    if above:
        return float(betainc(hits, number - hits + 1, true))
    return float(betainc(number - hits, hits + 1, 1 - true)) if number > hits else 1.0

"""Which agreed conditions a data set does not cover, and how many photos of what would cover them, before any model.

A value that is short of its expected share is to have as many images as bring it there beside the images that the
values with enough of them have: of those, c images stand for expected shares of p in sum, so all images are to be c / p
in number, and a value with share s needs s c / p of them. Where none has enough, c / p is the largest of any value. A
value without an expected share needs at least as many as an audit can decide on (:data:`.sample.LEAST_CLUSTERS`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from ..evidence.agreed import CombinedValues, DomainAttribute, DomainCombination, DomainCoverage, DomainValue
from ..language.findings import Item, Kind, SampleFacts
from ..language.sample import LEAST_CLUSTERS, Sample
from .agreement import AgreementTerms
from .operating_domain import coverage, samples_of_data

_ROUNDING = 1e-9
_Key = TypeVar("_Key")


def uncovered(
    terms: AgreementTerms, samples: Sequence[Sample], facts: Sequence[SampleFacts]
) -> Iterator[tuple[Kind, Item]]:
    """What the data lack of what was agreed, one item each.

    Args:
        facts: of the samples: images that cannot be read cover nothing, and equal pictures count once.
    """
    counted = _pictures(facts)
    chosen = [one for one in samples if one.id in counted]
    least = terms.decision.images
    if least is not None and len(chosen) < least:
        yield _missing(f"{len(chosen)} different images that can be read, {least} agreed", least - len(chosen))
    if terms.domain is None:
        return
    found = coverage(terms.domain, samples_of_data(chosen))
    for attribute in found.attributes:
        yield from _of_attribute(attribute, found)
    unknown = {one.attribute for one in found.attributes if one.unknown == found.images}
    for together in found.combinations:
        if unknown.isdisjoint(together.attributes):  # else nothing can be said of it but what was said
            yield from _of_combination(together, found)


def _pictures(facts: Iterable[SampleFacts]) -> set[str]:
    """The first sample of every picture that can be read."""
    first: dict[str, str] = {}
    for one in facts:
        if one.digest:
            first.setdefault(one.digest, one.id)
    return set(first.values())


def _of_attribute(one: DomainAttribute, domain: DomainCoverage) -> Iterator[tuple[Kind, Item]]:
    if one.unknown == domain.images:
        yield Kind.NOT_COVERED, Item((), f"{one.attribute}: the data do not say it of any image")
        return
    if one.unknown:
        text = f"{one.attribute}: the data do not say it of {one.unknown} of {domain.images} images"
        yield Kind.COVERAGE_UNCLEAR, Item((), text)
    wanted = _wanted({value.value: value for value in one.values})
    for value in one.values:
        yield from _of_value(f"{one.attribute}={value.value}", value, wanted.get(value.value), one.values, 1)


def _of_combination(together: DomainCombination, domain: DomainCoverage) -> Iterator[tuple[Kind, Item]]:
    wanted = _wanted({tuple(one.values): one for one in together.values})
    missing = {
        (one.attribute, value.value) for one in domain.attributes for value in one.values if value.standing == "missing"
    }
    for one in together.values:
        pairs = list(zip(together.attributes, one.values, strict=True))
        if one.standing == "unforeseen" or (one.standing == "missing" and missing.intersection(pairs)):
            continue  # said of the attribute
        name = ", ".join(f"{attribute}={value}" for attribute, value in pairs)
        yield from _of_value(name, one, wanted.get(tuple(one.values)), together.values, together.least)


def _of_value(
    name: str,
    value: DomainValue | CombinedValues,
    wanted: int | None,
    values: Sequence[DomainValue | CombinedValues],
    least: int,
) -> Iterator[tuple[Kind, Item]]:
    """What is said of a value or combination."""
    wanted = max(wanted or 0, least)
    known = sum(one.images for one in values)
    expected = f"{value.images / max(known, 1):.0%} of the images, {(value.expected or 0) / 100:.0%} expected"
    match value.standing:
        case "missing":
            yield _missing(f"{name}: no image", max(wanted, LEAST_CLUSTERS if value.expected is None else 1))
        case "few":
            yield _missing(f"{name}: {value.images} of {least} images", wanted - value.images)
        case "off" if wanted > value.images:
            yield _missing(f"{name}: {expected}", wanted - value.images)
        case "off":
            yield Kind.NOT_COVERED, Item((), f"{name}: {expected}; more than agreed")
        case "unforeseen":
            yield Kind.NOT_COVERED, Item((), f"{name}: {value.images} images, which the agreement does not foresee")
        case "impossible":
            yield Kind.NOT_COVERED, Item((), f"{name}: {value.images} images, agreed to be impossible")
        case "too_few_to_tell":
            yield Kind.COVERAGE_UNCLEAR, Item((), f"{name}: {expected}; too few to tell")


def _missing(what: str, more: int) -> tuple[Kind, Item]:
    return Kind.NOT_COVERED, Item((), f"{what}; photograph {more} more")


def _wanted(values: Mapping[_Key, DomainValue | CombinedValues]) -> dict[_Key, int]:
    """How many images each value with an expected share should have; see the module."""
    shares = {key: one.expected / 100 for key, one in values.items() if one.expected is not None}
    if not shares:
        return {}
    enough = [key for key in shares if values[key].standing in ("covered", "too_few_to_tell")]
    if enough:
        total = sum(values[key].images for key in enough) / sum(shares[key] for key in enough)
    else:
        total = max(values[key].images / share for key, share in shares.items())
    return {key: math.ceil(share * total - _ROUNDING) for key, share in shares.items()}

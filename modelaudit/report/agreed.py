"""What page one says of the agreement: who agreed, what is not as agreed, the operating domain, and costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from ..evidence.record import (
    AgreedCosts,
    AgreementRecord,
    CombinationStanding,
    CombinedValues,
    DomainAttribute,
    DomainCombination,
    DomainCoverage,
    DomainStanding,
    DomainValue,
    RunRecord,
    UnmetTerm,
)
from .costs import rounded, rounded_money, stated_costs
from .words import Words

#: so many names stand in a line
_NAMED = 3
_DIGEST = 12
#: standings that speak against the test set
AGAINST: tuple[CombinationStanding, ...] = ("missing", "few", "impossible", "unforeseen", "off")


@dataclass(frozen=True)
class AgreedLine:
    """A line; ``unmet``: it says that something is not as agreed."""

    text: str
    unmet: bool = False


def agreement_lines(record: RunRecord, words: Words) -> tuple[AgreedLine, ...]:
    """What page one says of the agreement; nothing of a run without one."""
    agreement = record.agreement
    if agreement is None:
        return ()
    lines = [AgreedLine(_head(agreement, words))]
    if agreement.domain is not None:
        lines += domain_lines(agreement.domain, words)
    lines += unmet_lines(agreement.unmet, words)
    if agreement.costs is not None and record.costs is None:  # else the next steps say what mistakes cost
        lines += [AgreedLine(text) for text in cost_lines(agreement.costs, words)]
    return tuple(lines)


def _head(agreement: AgreementRecord, words: Words) -> str:
    title = words._("two_words", first=words.own(agreement.title or ""), second=agreement.number or "").strip()
    parties = words._("comma").join(words.own(party.name) for party in agreement.parties)
    clauses, digest = words.ngettext("agreed_clauses", agreement.clauses), agreement.sha256[:_DIGEST]
    if not parties:
        return words._("agreed_head_redacted", title=title, clauses=clauses, digest=digest).strip()
    return words._("agreed_head", title=title, parties=parties, clauses=clauses, digest=digest)


def party_names(record: RunRecord, words: Words) -> dict[str, str]:
    """The names of the parties by their keys in the agreement."""
    return {} if record.agreement is None else {one.key: words.own(one.name) for one in record.agreement.parties}


def unmet_lines(unmet: Sequence[UnmetTerm], words: Words) -> list[AgreedLine]:
    """One line for each kind of thing that is not as agreed, with the names that it is said of."""
    grouped: dict[tuple[object, ...], list[UnmetTerm]] = {}
    for term in unmet:
        grouped.setdefault((term.kind, term.agreed, term.found), []).append(term)
    return [AgreedLine(_unmet(terms, words), unmet=True) for terms in grouped.values()]


def _unmet(terms: Sequence[UnmetTerm], words: Words) -> str:
    first = terms[0]
    if first.kind == "clause_without_expectation":
        names = [words._("agreed_in_clause", name=term.expectation, clause=term.clause) for term in terms]
    else:
        names = [term.expectation or "" for term in terms]
    values = {
        name: _amount(value, first.kind, words) for name, value in (("agreed", first.agreed), ("found", first.found))
    }
    return words._(f"unmet.{first.kind}", names=named(names, words), **values)


def _amount(value: float | str | None, kind: str, words: Words) -> str:
    if isinstance(value, str):
        return words.named("agreed_inconclusive", value)
    if value is None:
        return ""
    return words.count(round(value)) if kind == "fewer_images" else words.limit(value, "percent")


def named(names: Sequence[str], words: Words) -> str:
    """The first names, and how many more there are."""
    text = words._("comma").join(names[:_NAMED])
    return words.ngettext("agreed_and_more", len(names) - _NAMED, names=text) if len(names) > _NAMED else text


def domain_lines(domain: DomainCoverage, words: Words) -> Iterator[AgreedLine]:
    """How far the test set covers the operating domain, and what of it it does not."""
    agreed = [value for one in domain.attributes for value in one.values if value.standing != "unforeseen"]
    covered = sum(value.images > 0 for value in agreed)
    counts = {"covered": words.count(covered), "all": words.count(len(agreed))}
    if missing := named(_values(domain, "missing", words), words):
        yield AgreedLine(words._("domain_covered_none_of", missing=missing, **counts), unmet=True)
    elif covered == len(agreed):
        yield AgreedLine(words.ngettext("domain_covered", len(agreed)))
    tolerance = words.limit((domain.tolerance or 0) / 100, "points")
    for standing in ("unforeseen", "off", "too_few_to_tell"):
        if found := _values(domain, standing, words):
            text = words._(f"domain.{standing}", values=named(found, words), tolerance=tolerance)
            yield AgreedLine(text, unmet=standing in AGAINST)
    nowhere = set()
    for one in domain.attributes:
        if one.unknown:
            attribute = attribute_name(one, words)
            text = words.ngettext("domain_unknown", one.unknown, attribute=attribute, all=words.count(domain.images))
            yield AgreedLine(text, unmet=one.unknown == domain.images)
            nowhere |= {one.attribute} if one.unknown == domain.images else set()
    for together in domain.combinations:
        if nowhere.isdisjoint(together.attributes):  # else nothing can be said of it but what was said
            yield from _combination_lines(together, domain, words)


def _combination_lines(together: DomainCombination, domain: DomainCoverage, words: Words) -> Iterator[AgreedLine]:
    """How far the test set covers the combinations of some attributes. What no attribute's values foresee was said."""
    agreed = [one for one in together.values if one.standing not in ("unforeseen", "impossible")]
    called = {one.attribute: attribute_name(one, words) for one in domain.attributes}
    names = combined_names([called[name] for name in together.attributes], words)
    found = {
        standing: named(
            [_combined(one, together, called, words) for one in together.values if one.standing == standing], words
        )
        for standing in ("missing", "few", "impossible", "off", "too_few_to_tell")
    }
    if found["missing"]:
        covered, of = (words.count(number) for number in (sum(one.images > 0 for one in agreed), len(agreed)))
        counts = {"covered": covered, "all": of, "missing": found["missing"]}
        yield AgreedLine(words._("domain_combinations_none_of", names=names, **counts), unmet=True)
    elif not found["few"]:
        if together.least == 1:
            text = words.ngettext("domain_combinations", len(agreed), names=names)
        else:
            least = words.count(together.least)
            text = words.ngettext("domain_combinations_least", len(agreed), names=names, least=least)
        yield AgreedLine(text)
    tolerance = words.limit((domain.tolerance or 0) / 100, "points")
    for standing in ("few", "impossible", "off", "too_few_to_tell"):
        if values := found[standing]:
            text = words._(f"domain.{standing}", values=values, tolerance=tolerance)
            yield AgreedLine(text, unmet=standing in AGAINST)


def _combined(one: CombinedValues, together: DomainCombination, called: Mapping[str, str], words: Words) -> str:
    pairs = zip(together.attributes, one.values, strict=True)
    name = combined_values([words._("domain_value", attribute=called[of], value=value) for of, value in pairs], words)
    if one.standing == "few":
        return words.ngettext("domain_value_few", one.images, name=name, least=words.count(together.least))
    if one.standing == "impossible":
        return words.ngettext("domain_value_images", one.images, name=name)
    if one.standing in ("off", "too_few_to_tell") and one.expected is not None:
        return _with_shares(name, one.images / sum(other.images for other in together.values), one.expected, words)
    return name


def combined_names(names: Sequence[str], words: Words) -> str:
    """Attributes that are looked at together."""
    return reduce(lambda first, second: words._("combined_names", first=first, second=second), names)


def combined_values(values: Sequence[str], words: Words) -> str:
    """Values that occur together."""
    return reduce(lambda first, second: words._("combined_values", first=first, second=second), values)


def attribute_name(attribute: DomainAttribute, words: Words) -> str:
    """How readers call an attribute."""
    return words.own(attribute.says) if attribute.says else words.named("domain_attribute", attribute.attribute)


def _values(domain: DomainCoverage, standing: DomainStanding, words: Words) -> list[str]:
    return [
        _value(value, one, words)
        for one in domain.attributes
        for value in one.values
        if value.standing == standing
        # where no image has the attribute at all, that is said once
        and not (standing == "missing" and one.unknown == domain.images)
    ]


def _value(value: DomainValue, attribute: DomainAttribute, words: Words) -> str:
    name = words._("domain_value", attribute=attribute_name(attribute, words), value=value.value)
    if value.standing == "unforeseen":
        return words.ngettext("domain_value_images", value.images, name=name)
    if value.standing in ("off", "too_few_to_tell") and value.expected is not None:
        return _with_shares(name, value.images / sum(one.images for one in attribute.values), value.expected, words)
    return name


def _with_shares(name: str, share: float, expected: float, words: Words) -> str:
    shares = {"share": words.quantity(share, "percent", 0), "expected": words.limit(expected / 100, "percent")}
    return words._("domain_value_share", name=name, **shares)


def cost_lines(costs: AgreedCosts, words: Words) -> Iterator[str]:
    """What mistakes cost, and what is expected of 1,000 images at the rates that were measured."""
    yield from stated_costs(costs.model_copy(update={"defect_share": None}), words)
    for one in costs.expected:
        share = words.limit((costs.defect_share or 0) / 100, "percent")
        cost = rounded_money(one.expected, costs.currency, words)
        if one.low is None or one.high is None:
            yield words._("expected_cost", share=share, cost=cost)
        else:
            low, high = words.count(round(rounded(one.low))), rounded_money(one.high, costs.currency, words)
            yield words._("expected_cost_range", share=share, cost=cost, low=low, high=high)

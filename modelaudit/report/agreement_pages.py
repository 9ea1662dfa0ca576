"""The document that the parties sign, as HTML and as Markdown, each in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ..acceptance.agreement import AgreementTerms, DomainFields
from ..acceptance.agreement_document import AgreementDocument
from ..acceptance.combinations import CombinationFields, possible
from ..evidence.record import Costs
from .agreed import combined_names, combined_values
from .costs import cost_at_the_limit, decision_threshold, stated_costs
from .render import filled, spoken, templates
from .sentences import own_words
from .words import LANGUAGES, Words, words_of


@dataclass(frozen=True)
class ClauseView:
    """A clause; of each expectation its name, the user's words, its canonical text, and confidence and fingerprint;
    the last two are empty where no audit declares it."""

    number: str
    text: str
    expectations: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True)
class DocumentView:
    """One language of the document; ``domain``: of each attribute its name and values."""

    title: str
    domain_text: str
    domain: tuple[tuple[str, str], ...]
    costs: tuple[str, ...]
    clauses: tuple[ClauseView, ...]
    decision: tuple[str, ...]


def agreement_html(document: AgreementDocument, *, language: str = "en", templates_dir: Path | None = None) -> str:
    """The document as one HTML file that needs no other; it prints on A4.

    Args:
        language: the one that stands first.

    Raises:
        ResultsError: an unknown language, or a template that cannot be rendered.
    """
    environment = templates(templates_dir, escape=True)
    order = [language, *(each for each in LANGUAGES if each != language)]
    bodies = {
        each: Markup(filled(environment, "agreement_terms.html.j2", **_values(document, words_of(each))))
        for each in order
    }
    styles = Markup(filled(environment, "agreement.css", digest=document.digest))
    title = words_of(language).own(document.terms.title)
    return filled(environment, "agreement.html.j2", bodies=bodies, styles=styles, language=language, title=title)


def agreement_markdown(document: AgreementDocument, *, language: str = "en", templates_dir: Path | None = None) -> str:
    """The same as Markdown."""
    environment = templates(templates_dir, escape=False)
    order = [language, *(each for each in LANGUAGES if each != language)]
    parts = [filled(environment, "agreement.md.j2", **_values(document, words_of(each))).strip() for each in order]
    return "\n\n---\n\n".join(parts) + "\n"


def _values(document: AgreementDocument, words: Words) -> dict[str, Any]:
    return {"document": document, "terms": document.terms, "view": _view(document, words), **spoken(words.language)}


def _view(document: AgreementDocument, words: Words) -> DocumentView:
    terms = document.terms
    return DocumentView(
        words.own(terms.title),
        _domain_text(terms, words),
        tuple(_domain(terms, words)),
        () if terms.costs is None else tuple(_costs(document, terms.costs, words)),
        tuple(_clauses(document, words)),
        tuple(_decision(terms, words)) or (words._("agreement_decision_open"),),
    )


def _domain_text(terms: AgreementTerms, words: Words) -> str:
    if terms.domain is None or terms.domain.tolerance is None:
        return words._("agreement_domain_text")
    tolerance = words.limit(terms.domain.tolerance / 100, "points")
    return words._("agreement_domain_tolerance", tolerance=tolerance)


def _domain(terms: AgreementTerms, words: Words) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if terms.domain is None:
        return rows
    for name, attribute in terms.domain.attributes.items():
        values = list(attribute.values)
        if isinstance(attribute.values, dict):
            shares = {value: words.limit(share / 100, "percent") for value, share in attribute.values.items()}
            values = [words._("agreement_value_share", value=value, share=share) for value, share in shares.items()]
        rows.append((_called(terms.domain, name, words), words._("comma").join(values)))
    for together in terms.domain.combinations or ():
        names = combined_names([_called(terms.domain, name, words) for name in together.of], words)
        rows.append((words._("agreement_combination", names=names), _combination(terms.domain, together, words)))
    return rows


def _called(domain: DomainFields, name: str, words: Words) -> str:
    says = domain.attributes[name].says
    return words.own(says) if says else words.named("domain_attribute", name)


def _combination(domain: DomainFields, together: CombinationFields, words: Words) -> str:
    """How many images of every combination, which cannot occur, and the expected shares."""
    said = [words.ngettext("agreement_combination_every", together.least)]
    if together.impossible:
        values = words._("comma").join(combined_values(one, words) for one in together.impossible)
        said.append(words._("agreement_combination_impossible", values=values))
    if together.shares is not None:
        shares = [
            words._(
                "agreement_value_share", value=combined_values(one, words), share=words.limit(share / 100, "percent")
            )
            for one, share in possible(together, domain.values()).items()
            if share is not None
        ]
        said.append(words._("agreement_combination_shares", values=words._("comma").join(shares)))
    return words.in_a_row(said)


def _costs(document: AgreementDocument, costs: Costs, words: Words) -> list[str]:
    """What is stated, and what follows from it: what mistakes cost at the limits, and where a part is best rejected."""
    said = list(stated_costs(costs, words))
    cases = {case.id: case for clause in document.clauses for one in clause.expectations for case in one.cases}
    said += filter(None, (cost_at_the_limit(case, costs, words) for case in cases.values() if not case.must_fail))
    return [*said, *filter(None, [decision_threshold(costs, words)])]


def _clauses(document: AgreementDocument, words: Words) -> list[ClauseView]:
    found = []
    for clause in document.clauses:
        lines = [
            (
                case.name,
                own_words(case, words),
                case.expectation,
                words._(
                    "agreement_terms_of",
                    confidence=words.limit(case.confidence, "percent"),
                    fingerprint=case.fingerprint[:16],
                ),
            )
            for one in clause.expectations
            for case in one.cases
        ]
        lines += [
            (words._("agreement_not_declared", name=one.name), "", "", "")
            for one in clause.expectations
            if not one.cases
        ]
        found.append(ClauseView(clause.number, words.own(clause.text), tuple(lines)))
    return found


def _decision(terms: AgreementTerms, words: Words) -> list[str]:
    decision, said = terms.decision, []
    if decision.confidence is not None:
        said.append(words._("agreement_decision_confidence", confidence=words.limit(decision.confidence, "percent")))
    if decision.images is not None:
        said.append(words.ngettext("agreement_decision_images", decision.images))
    if decision.inconclusive == "fail":
        said.append(words._("agreement_decision_fail"))
    if decision.inconclusive == "warn":
        said.append(words._("agreement_decision_warn"))
    if terms.review is not None and terms.review.pictures is not None:
        said.append(words.ngettext("agreement_review", terms.review.pictures))
    if terms.reviewers:
        names = words._("comma").join(one.name for one in terms.reviewers)
        said.append(words._("agreement_reviewers", names=names))
    if terms.waivers is not None:
        party = words.own(terms.parties[terms.waivers.signed_by].name)
        said.append(words._("agreement_waivers", party=party))
    return said

"""The content of the document that the parties sign: the terms, with what the audits declare for each clause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..evidence.record import CaseRecord
from .agreement import AgreementTerms, agreement_digest
from .compliance import is_called


@dataclass(frozen=True)
class DocumentedExpectation:
    """An expectation that a clause names, with its declarations; empty if no audit declares it."""

    name: str
    cases: tuple[CaseRecord, ...]


@dataclass(frozen=True)
class DocumentedClause:
    """A clause with the expectations that stand for it."""

    number: str
    text: str | dict[str, str]
    expectations: tuple[DocumentedExpectation, ...]


@dataclass(frozen=True)
class AgreementDocument:
    """Everything that stands in the document. ``digest``: of the terms, see :func:`.agreement.agreement_digest`."""

    terms: AgreementTerms
    digest: str
    clauses: tuple[DocumentedClause, ...]


def agreement_document(terms: AgreementTerms, cases: Sequence[CaseRecord]) -> AgreementDocument:
    """The document of an agreement.

    Args:
        cases: what the audits declare.
    """
    clauses = tuple(
        DocumentedClause(
            number,
            clause.text or "",
            tuple(
                DocumentedExpectation(name, tuple(case for case in cases if is_called(name, case.name, case.file)))
                for name in clause.expectations
            ),
        )
        for number, clause in terms.clauses.items()
    )
    return AgreementDocument(terms, agreement_digest(terms), clauses)

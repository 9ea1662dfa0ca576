"""Known-bad models: those that an audit must catch (``must_fail``), as opposed to models under test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .audit import Audit, AuditCase, caught_by, model_text, models_of


def complaints(cases: Iterable[AuditCase]) -> Iterator[tuple[AuditCase, str]]:
    """Cases whose model has expectations of both kinds though nobody declares it known-bad, and what to do about it."""
    bad: dict[Any, AuditCase] = {}
    usual: dict[Any, tuple[AuditCase, str]] = {}
    for case in cases:
        for _, expectation in case.variants():
            for name in caught_by(case, expectation):
                bad.setdefault(_identity(case.audit.models[name]), case)
            for name in () if case.must_fail else models_of(case.audit, expectation):
                if name not in case.audit.known_bad:
                    usual.setdefault(_identity(case.audit.models[name]), (case, name))
    for identity, (case, name) in usual.items():
        if identity in bad:
            yield (
                case,
                f"the model '{model_text(case.audit, name)}' has expectations with must_fail=True "
                f"('{bad[identity].expectation}') and without ('{case.expectation}'): a known-bad model must be "
                "caught, a model under test must pass. Where both are meant, declare it: "
                f"Audit(..., known_bad=[{name!r}])",
            )


def never_tried(audit: Audit) -> tuple[str, ...]:
    """The models that an audit declares known-bad and that no expectation must catch."""
    tried = {name for case in audit.cases for _, one in case.variants() for name in caught_by(case, one)}
    return tuple(name for name in audit.known_bad if name not in tried)


def _identity(reference: Any) -> Any:
    return reference if isinstance(reference, str) else id(reference)

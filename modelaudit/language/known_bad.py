"""Known-bad models: those that an audit must catch (``must_fail``), as opposed to models under test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .errors import ExpressionError, nearest
from .expression import Expectation

if TYPE_CHECKING:
    from .audit import Audit, AuditCase


def models_of(audit: Audit, expectation: Expectation) -> tuple[str, ...]:
    """The names of the models that an expectation measures."""
    first = next(iter(audit.models))
    names = (measure.model or first for measure in expectation.expression.measures())
    return tuple(dict.fromkeys(names))


def caught_by(case: AuditCase, expectation: Expectation) -> tuple[str, ...]:
    """The models that `expectation`, one of the case's variants, must catch; none without ``must_fail``.

    Of several models these are the ones that the audit declares known-bad, or all where it declares none of them.
    """
    if not case.must_fail:
        return ()
    names = models_of(case.audit, expectation)
    return tuple(name for name in names if name in case.audit.known_bad) or names


def model_text(audit: Audit, name: str) -> str:
    """The name of a model for readers: among several its own, else its reference, or that of its class or factory."""
    if isinstance(audit.model, Mapping):
        return name
    reference = audit.models[name]
    return reference if isinstance(reference, str) else str(getattr(reference, "__name__", type(reference).__name__))


def checked_known_bad(names: Any, models: Mapping[str, Any]) -> tuple[str, ...]:
    """The argument ``known_bad`` of an audit.

    Raises:
        ExpressionError: not a list of names of the audit's models.
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ExpressionError(f"known_bad must be a list of model names, got {names!r}; write e.g. ['shortcut']")
    found = tuple(names)
    for name in found:
        if name not in models:
            raise ExpressionError(f"known_bad: no model {name!r}{nearest(str(name), models)}")
    return found


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

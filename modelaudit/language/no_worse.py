"""No worse than before: every requirement of an audit compared with the same requirement of a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from .errors import ExpressionError, nearest
from .expression import Expectation, Expression
from .ranges import range_of
from .reference import parse_reference
from .spec import number_text

#: those of audit.py, which imports this module
Audit = Any
AuditCase = Any

CANDIDATE, BASELINE = "candidate", "baseline"
#: arguments of an audit that may differ from model to model
_BY_MODEL = ("classes", "preprocessing", "scores", "output", "score_threshold")
#: what the new audit has in another form
_OWN = ("model", "known_bad", "cases", *_BY_MODEL)


@dataclass(frozen=True, eq=False)
class NoWorse:
    """The cases that :meth:`Audit.no_worse_than` states, each with the case that it was made from.

    Bound to a module-level name, it gives one pytest item a requirement: ``no_worse[survives_lighting]``.
    """

    pairs: tuple[tuple[AuditCase, AuditCase], ...]

    @property
    def cases(self) -> tuple[AuditCase, ...]:
        """Those stated here, in the order of the requirements."""
        return tuple(case for _, case in self.pairs)

    def named(self, name: str, names: Mapping[AuditCase, str]) -> list[tuple[str, AuditCase]]:
        """The cases with the names of their items.

        Args:
            name: that this is bound to.
            names: those of the requirements; one that has none is told apart by its place.
        """
        return [
            (f"{name}[{names.get(original, str(at))}]", case) for at, (original, case) in enumerate(self.pairs, start=1)
        ]


def reference_of(baseline: Any) -> Any:
    """What users write for a baseline as a model: a path alone is a stored run.

    >>> reference_of("baselines/v1"), reference_of("torchvision:resnet18@IMAGENET1K_V1")
    ('run:baselines/v1', 'torchvision:resnet18@IMAGENET1K_V1')
    """
    if isinstance(baseline, Path):
        return f"run:{baseline.as_posix()}"
    if not isinstance(baseline, str):
        return baseline
    if not baseline.strip():
        raise ExpressionError(f"baseline={baseline!r} names nothing; write e.g. 'baselines/v1'")
    reference = parse_reference(baseline)
    return baseline if reference.scheme or ".py:" in baseline else f"run:{baseline}"


def comparison(expectation: Expectation, margin: float) -> Expectation:
    """The candidate's left side minus the baseline's, at most `margin` on the worse side.

    >>> from modelaudit.measures import accuracy, background_dependence
    >>> str(comparison(accuracy > 0.9, 0.02))
    'accuracy.of(candidate) - accuracy.of(baseline) > -0.02'
    >>> str(comparison(background_dependence("gradcam") < 0.4, 0.02))
    'background_dependence(gradcam).of(candidate) - background_dependence(gradcam).of(baseline) < 0.02'
    """

    def of(name: str) -> Expression:
        return expectation.expression._refined(lambda measure: replace(measure, model=name))

    difference = of(CANDIDATE) - of(BASELINE)
    return difference < margin if expectation.wants_low else difference > -margin


def checked_margin(margin: Any, requirements: list[Expectation]) -> float:
    """A margin that each of these comparisons could fail by.

    Raises:
        ExpressionError: it is not a positive number, or so large that no model could be worse by it.
    """
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 < margin < float("inf"):
        raise ExpressionError(f"margin={margin!r} must be a number above 0, in the unit of the requirement: 0.02")
    for expectation in requirements:
        low, high = range_of(expectation.expression)
        if margin >= high - low:
            share = margin / 100
            meant = f"; did you mean {share:.2f}?" if margin > 1 and share < high - low else ""
            raise ExpressionError(
                f"margin={margin!r}: no model can be that much worse, since '{expectation.expression}' lies between "
                f"{number_text(low)} and {number_text(high)}{meant}"
            )
    return float(margin)


def compared_audit(audit: Audit, model: str, baseline: Any) -> Audit:
    """The audit of one of the models and the baseline, on the same data and on the same terms.

    What the audit says of the model's classes, preprocessing and scores holds for a baseline that is run, too.
    """
    reference = reference_of(baseline)
    stored = isinstance(reference, str) and reference.startswith("run:")
    both = (CANDIDATE,) if stored else (CANDIDATE, BASELINE)
    kept = {part.name: getattr(audit, part.name) for part in fields(audit) if part.name not in _OWN}
    for name in _BY_MODEL:
        given = _given(audit, name, model)
        kept[name] = None if given is None else dict.fromkeys(both, given)
    if kept["score_threshold"] is None:
        del kept["score_threshold"]
    return type(audit)(model={CANDIDATE: audit.models[model], BASELINE: reference}, **kept)


def _given(audit: Audit, name: str, model: str) -> Any:
    value = getattr(audit, name)
    several = isinstance(audit.model, Mapping)
    return value.get(model) if several and isinstance(value, Mapping) else value


def model_compared(audit: Audit, of: str | None) -> str:
    """The name of the model that is compared.

    Raises:
        ExpressionError: there is no such model, or there are several and none is named.
    """
    names: tuple[str, ...] = tuple(audit.models)
    if of is not None:
        if of not in names:
            raise ExpressionError(f"of={of!r}: no such model{nearest(of, names)}")
        return of
    if len(names) > 1:
        raise ExpressionError(
            f"the audit has the models {', '.join(names)}; say which one is compared: "
            f"no_worse_than(..., of={names[0]!r})"
        )
    return names[0]


def requirements_of(audit: Audit, model: str) -> list[AuditCase]:
    """The cases that are about that model alone and that it is meant to meet.

    Raises:
        ExpressionError: there are none.
    """
    found = [case for case in audit.cases if not case.must_fail and _is_about(case, model)]
    if not found:
        raise ExpressionError(
            "no_worse_than(...) compares the requirements that are stated before it, and there are none about this "
            "model alone: state them first, with expect(...)"
        )
    return found


def _is_about(case: AuditCase, model: str) -> bool:
    """Whether every measure reads that model, or names none."""
    return all(measure.model in (None, model) for measure in case.expectation.expression.measures())

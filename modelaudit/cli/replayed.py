"""Tries a stored counterexample by the engine that runs measure with, so that it means the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..counterexamples.stored_case import StoredCase
from ..engine.results.counterexamples import ReplayState
from ..evidence.record import ChangeRecord
from ..language.audit import Audit, model_text
from ..language.errors import AuditFileError, nearest
from .plan import cases_of_file

#: a class and its probability
Answer = tuple[str, float | None]


@dataclass(frozen=True)
class Replayed:
    """What came of a stored case on one model. ``why``: empty where it was tried; answers: where the model gave any."""

    state: ReplayState
    why: str = ""
    model: str = ""
    before: Answer | None = None
    after: Answer | None = None


def audits_of(file: Path, name: str, model: str | None, data: str | None) -> list[Audit]:
    """Audits of one model each, for the models that a case of an audit file compares, or for the one that is given.

    Args:
        name: that of the case, as pytest writes it behind ``::``.
        model: a reference that takes the place of the audit's.
        data: likewise.

    Raises:
        AuditFileError: no such case there.
    """
    variants = {
        called if variant is None else f"{called}[{variant}]": (case.audit, expectation)
        for called, case in cases_of_file(file)
        for variant, expectation in case.variants()
    }
    if name not in variants:
        raise AuditFileError(f"{file}: no case is called {name!r}{nearest(name, variants)}")
    audit, expectation = variants[name]
    first = next(iter(audit.models))
    names = list(dict.fromkeys(leaf.model or first for leaf in expectation.expression.measures()))
    return [_of_model(audit, one, model, data) for one in (names if model is None else names[:1])]


def replayed(case: StoredCase, file: Path, audit: Audit, root: Path, device: str) -> Replayed:
    """Try a case on the model of an audit.

    Args:
        file: of the case.
        root: what relative paths are relative to.
    """
    from ..engine.assembly import measure
    from ..engine.planning.plan import Asked, column_key, plan
    from ..engine.results.counterexamples import KnownCase
    from ..engine.results.settings import Settings
    from ..language.parser import parse_context
    from ..language.progress import Silent
    from ..measures import flip_rate
    from ..measures.worst_change import worst_change

    context = parse_context(case.change.context)
    one_change = worst_change(search=_only(context), calls=1)
    asked = [
        Asked(name, audit.expect(expression < 1), (expression < 1))
        for name, expression in (("search", one_change), ("answers", flip_rate.under(context)))
    ]
    (group,) = plan(asked)
    image, key = case.image, column_key(one_change.spec, None)
    known = KnownCase(
        str(file), key, image.sample, image.image, image.mask, image.donor, case.change.context, case.seed
    )
    with TemporaryDirectory(prefix="modelaudit-replay-") as folder:
        settings = Settings(
            root,
            Path(folder),
            device=device,
            seed=case.seed,
            samples=frozenset([image.sample]),
            counterexamples=(known,),
        )
        found = measure(group, settings, Silent())
    model = next(iter(audit.models.values()))
    shown = model_text(audit, next(iter(audit.models))) if not isinstance(model, str) else model
    facts = next((one for one in found.replays if one.file == str(file)), None)
    if facts is None:
        why = next(iter(found.failures.values()), "the search did not try it").split("\n")[0]
        return Replayed("cannot_replay", why, shown)
    pictures = [picture for row in found.galleries.get("answers", [])[:1] for picture in row.pictures]
    answers: dict[str, Answer] = {
        one.kind: (one.prediction, one.probability) for one in pictures if one.prediction is not None
    }
    return Replayed(facts.state, facts.why, shown, answers.get("original"), answers.get("context"))


def change_record_of(text: str) -> ChangeRecord | None:
    """How a change reads; None for one that this installation does not know."""
    from ..evidence.build import change_records

    return change_records([text]).get(text)


def _only(context: Any) -> Any:
    """The space in which there is one change."""
    from ..contexts import surroundings

    return surroundings(colours=(), donors=None, stops=0, kelvin=(), contexts=(context,))


def _of_model(audit: Audit, name: str, model: str | None, data: str | None) -> Audit:
    scores = audit.scores_of(name)
    options: Mapping[str, Any] = {
        "classes": audit.option_of("classes", name),
        "preprocessing": audit.option_of("preprocessing", name),
        "scores": scores.scores,
        "output": scores.output,
        "score_threshold": scores.threshold,
        "labels": audit.labels,
        "object_kept": audit.object_kept,
        "seed": audit.seed,
        "pools": audit.pools,
        "without_object": audit.without_object,
        "allow_code": audit.allow_code,
        "checks": "off",
    }
    return Audit(model=model or audit.models[name], data=data or audit.data, **options)

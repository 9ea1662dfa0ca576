"""The plan: what all selected cases need, with everything asked twice removed.

One group a (data set, labels, seed); in it one decode an image, one transform per (image, context, geometry), one
forward pass per (model, image, context), one attribution per (model, image, context, method, target), and every
measure read off these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from ...language import registry
from ...language.audit import Audit, AuditCase, _Replayed
from ...language.checks import CheckSettings
from ...language.expression import Expectation, Measure
from ...language.sample import Preprocessing
from ...language.spec import Context, MeasureSpec, Method, as_context
from ...language.strata import Both, Correct, Misclassified, Stratum
from ...models import runs_code


@dataclass(frozen=True)
class Asked:
    """A selected case: its id (the pytest node id) and what it expects, models resolved."""

    id: str
    case: AuditCase
    expectation: Expectation


@dataclass(frozen=True)
class ModelAsk:
    """A model to be opened once. ``key`` names it in records; it is the same in every process of a run."""

    key: str
    reference: Any
    preprocessing: Preprocessing | None
    classes: tuple[str, ...] | None
    allow_code: bool


@dataclass(frozen=True)
class MapAsk:
    """One attribution of one pass."""

    method: Method
    target: str | int

    @property
    def text(self) -> str:
        """The method's canonical text, with its target where that is not the prediction."""
        return str(self.method) if self.target == "prediction" else f"{self.method} of {self.target}"


@dataclass(frozen=True)
class ColumnAsk:
    """One measure of one pass; `map` is the attribution that it reads."""

    key: str
    spec: MeasureSpec
    map: MapAsk | None


@dataclass(frozen=True)
class PassAsk:
    """One forward pass per image, and all that is read off it."""

    model: str
    context: Context
    columns: tuple[ColumnAsk, ...]

    @property
    def maps(self) -> tuple[MapAsk, ...]:
        """The distinct attributions that its columns read."""
        return tuple(dict.fromkeys(column.map for column in self.columns if column.map is not None))


@dataclass(frozen=True)
class PlannedCase:
    """A case of a group; `models` maps the names its expectation uses to model keys."""

    asked: Asked
    models: Mapping[str | None, str]


@dataclass(frozen=True)
class PlanGroup:
    """All that is asked of one data set; `pools` lend backgrounds from outside of it.

    ``stop`` and ``checks`` are the audits'; audits that differ in them measure apart.
    """

    key: str
    reference: Any
    labels: Mapping[str | int, Any] | str | None
    seed: int | None
    object_kept: float
    pools: Mapping[str, Any]
    stop: str | None
    checks: CheckSettings | None
    models: Mapping[str, ModelAsk]
    passes: tuple[PassAsk, ...]
    cases: tuple[PlannedCase, ...]

    @property
    def digest(self) -> str:
        """A file name for what this group measures, the same in every process of a run."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:16]


def plan(asked: Iterable[Asked]) -> tuple[PlanGroup, ...]:
    """Gather the cases into groups and remove what is asked twice."""
    planner = _Planner()
    for one in asked:
        planner.add(one)
    return planner.groups()


def column_key(spec: MeasureSpec, context: Context | None) -> str:
    """The canonical text of a measure of one method under its context: the name of a column."""
    return str(Measure(spec, None if context == original_context() else context))


def single_method(spec: MeasureSpec) -> tuple[tuple[MeasureSpec, Method | None], ...]:
    """The spec once for each of its methods; once, with None, for a measure of behaviour."""
    if not spec.methods:
        return ((spec, None),)
    several: Any = spec
    return tuple((replace(several, methods=(method,)), method) for method in spec.methods)


def original_context() -> Context:
    """The context that changes nothing."""
    return as_context("original")


def strata_of(stratum: Stratum | None) -> Iterator[Stratum]:
    """The simple strata that a stratum is made of."""
    if isinstance(stratum, Both):
        for part in stratum.parts:
            yield from strata_of(part)
    elif stratum is not None:
        yield stratum


class _Planner:
    """Collects asks in order of appearance, so that every process of a run arrives at the same plan."""

    def __init__(self) -> None:
        self._keys: dict[Any, str] = {}
        self._groups: dict[str, dict[str, Any]] = {}

    def add(self, asked: Asked) -> None:
        audit = asked.case.audit
        group = self._group(audit)
        names = {measure.model for measure in asked.expectation.expression.measures()}
        models = {name: self._model(audit, name, group) for name in sorted(names, key=str)}
        group["cases"].append(PlannedCase(asked, models))
        for measure in asked.expectation.expression.measures():
            self._measure(measure, models[measure.model], group)

    def groups(self) -> tuple[PlanGroup, ...]:
        return tuple(
            PlanGroup(
                key,
                found["reference"],
                found["labels"],
                found["seed"],
                found["object_kept"],
                found["pools"],
                found["stop"],
                found["checks"],
                found["models"],
                tuple(_passes(found["passes"])),
                tuple(found["cases"]),
            )
            for key, found in self._groups.items()
        )

    def _group(self, audit: Audit) -> dict[str, Any]:
        labels = audit.labels if isinstance(audit.labels, str | None) else repr(sorted(audit.labels.items(), key=str))
        pools = tuple(sorted((name, _identity(pool)) for name, pool in audit.pools.items()))
        identity = (
            "data",
            _identity(audit.data),
            labels,
            audit.seed,
            audit.object_kept,
            pools,
            audit.stop,
            audit.checks,
        )
        text = audit.data if isinstance(audit.data, str) else "samples"
        key = self._key(identity, text)
        empty: dict[str, Any] = {"reference": audit.data, "labels": audit.labels, "seed": audit.seed}
        empty |= {"object_kept": audit.object_kept, "stop": audit.stop, "checks": audit.checks}
        return self._groups.setdefault(key, {**empty, "pools": audit.pools, "models": {}, "passes": {}, "cases": []})

    def _model(self, audit: Audit, name: str | None, group: dict[str, Any]) -> str:
        chosen = name if name is not None else next(iter(audit.models))
        reference = audit.models[chosen]
        preprocessing = audit.option_of("preprocessing", chosen)
        classes = audit.option_of("classes", chosen)
        classes = None if classes is None else tuple(str(part) for part in classes)
        allow_code = audit.allow_code and runs_code(reference)
        identity = ("model", _identity(reference), preprocessing, classes, allow_code)
        text = reference if isinstance(reference, str) else chosen if name is not None else _name_of(reference)
        key = self._key(identity, text)
        group["models"].setdefault(key, ModelAsk(key, reference, preprocessing, classes, allow_code))
        return key

    def _measure(self, measure: Measure, model: str, group: dict[str, Any]) -> None:
        context = measure.context if measure.context is not None else original_context()
        if getattr(registry.entry_of(measure.spec).declares, "needs_original", False):
            group["passes"].setdefault((model, original_context()), {})
        if any(isinstance(part, Correct | Misclassified) for part in strata_of(measure.stratum)):
            accuracy = registry.find("measure", "accuracy").spec
            assert accuracy is not None
            self._column(accuracy(), None, model, original_context(), group)
        for spec, method in single_method(measure.spec):
            target = getattr(spec, "target", "prediction")
            self._column(spec, None if method is None else MapAsk(method, target), model, context, group)

    def _column(
        self, spec: MeasureSpec, ask: MapAsk | None, model: str, context: Context, group: dict[str, Any]
    ) -> None:
        columns = group["passes"].setdefault((model, context), {})
        key = column_key(spec, context)
        columns[key] = ColumnAsk(key, spec, ask)

    def _key(self, identity: Any, text: str) -> str:
        """A readable key, numbered where another thing has the same text."""
        if identity not in self._keys:
            taken = set(self._keys.values())
            kind = identity[0]
            key, number = f"{kind}:{text}", 2
            while key in taken:
                key, number = f"{kind}:{text}#{number}", number + 1
            self._keys[identity] = key
        return self._keys[identity]


def _name_of(reference: Any) -> str:
    """A factory by its own name, an object by its class's."""
    return str(getattr(reference, "__name__", type(reference).__name__))


def _identity(reference: Any) -> Any:
    if isinstance(reference, str):
        return reference
    return id(reference.origin) if isinstance(reference, _Replayed) else id(reference)


def _passes(found: Mapping[tuple[str, Context], Mapping[str, ColumnAsk]]) -> Iterator[PassAsk]:
    """The original of each model first: flips and strata are judged on it."""
    models: Sequence[str] = list(dict.fromkeys(model for model, _ in found))
    for model in models:
        contexts = [context for owner, context in found if owner == model]
        first = [context for context in contexts if context == original_context()]
        rest = [context for context in contexts if context != original_context()]
        for context in chain(first, rest):
            yield PassAsk(model, context, tuple(found[model, context].values()))

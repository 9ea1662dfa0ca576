"""The plan: what all selected cases need, with everything asked twice removed.

One group a (data set, labels, seed); in it one decode an image, one transform per (image, context, geometry), one
forward pass per (model, image, context), one attribution per (model, image, context, method, target), and every
measure read off these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from ...language import registry
from ...language.audit import Audit, AuditCase, _Replayed
from ...language.checks import CheckSettings
from ...language.expression import Expectation, Measure, expanded
from ...language.recorded_models import is_recorded
from ...language.sample import Preprocessing
from ...language.scores import UNSAID, ScoreSettings
from ...language.spec import Context, MeasureSpec, Method, as_context
from ...language.strata import ColumnIs, ColumnNumber, Correct, Misclassified, Stratum, strata_of
from ...measures.base import MeasureDeclaration
from ...measures.predictions import PredictedClass
from ...models import runs_code

#: the name of a pass: its model and its context
Place = tuple[str, str]
#: the column of the classes that a model predicts on the original images
PREDICTED_CLASS = "predicted_class"


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
    preprocessing: Any
    classes: tuple[str, ...] | None
    allow_code: bool
    scores: ScoreSettings = UNSAID

    @property
    def recorded(self) -> bool:
        """Whether its values are those of an earlier run, so that nothing is opened or run."""
        return is_recorded(self.reference)


@dataclass(frozen=True)
class MapAsk:
    """One attribution of one pass."""

    method: Method
    target: str | int
    #: the method's definition, asked for once
    entry: registry.Entry = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "entry", registry.entry_of(self.method))

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
    #: the measure's definition, asked for once
    entry: registry.Entry = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "entry", registry.entry_of(self.spec))

    @property
    def declares(self) -> MeasureDeclaration:
        """What the measure declares."""
        declares: MeasureDeclaration = self.entry.declares
        return declares


@dataclass(frozen=True)
class PassAsk:
    """One forward pass per image, and all that is read off it."""

    model: str
    context: Context
    columns: tuple[ColumnAsk, ...]

    @property
    def place(self) -> Place:
        """The name of the pass: its model and its context."""
        return (self.model, str(self.context))

    @property
    def maps(self) -> tuple[MapAsk, ...]:
        """The distinct attributions that its columns read."""
        return tuple(dict.fromkeys(column.map for column in self.columns if column.map is not None))


@dataclass(frozen=True)
class PlannedCase:
    """A case of a group; `models` maps the names its expectation uses to model keys."""

    asked: Asked
    models: Mapping[str | None, str]

    @property
    def recorded(self) -> frozenset[str | None]:
        """The names of those of its models whose values are those of an earlier run."""
        models = self.asked.case.audit.models
        return frozenset(
            name for name in self.models if is_recorded(models[next(iter(models)) if name is None else name])
        )


@dataclass(frozen=True)
class PlanGroup:
    """All that is asked of one data set; `pools` lend backgrounds from outside of it.

    ``stop``, ``checks`` and ``without_object`` are the audits'; audits that differ in them measure apart.
    """

    key: str
    reference: Any
    labels: Mapping[str | int, Any] | str | None
    seed: int | None
    object_kept: float
    pools: Mapping[str, Any]
    stop: str | None
    checks: CheckSettings | None
    without_object: tuple[str, ...]
    models: Mapping[str, ModelAsk]
    passes: tuple[PassAsk, ...]
    cases: tuple[PlannedCase, ...]

    @property
    def run_passes(self) -> tuple[PassAsk, ...]:
        """The passes of models that are run; the others' values are those of an earlier run."""
        return tuple(ask for ask in self.passes if not self.models[ask.model].recorded)

    @property
    def digest(self) -> str:
        """A file name for what this group measures, the same in every process of a run."""
        return group_digest(self.key)


def group_digest(key: str) -> str:
    """The file name of a group by its key; a run has its groups in the order of these names."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def plan(asked: Iterable[Asked], declared: Iterable[Asked] = ()) -> tuple[PlanGroup, ...]:
    """Gather the cases into groups and remove what is asked twice.

    Args:
        declared: all cases that there are; keys are numbered among these, so that a run of some of them names data and
            models as a run of all does.
    """
    planner = _Planner()
    for one in declared:
        planner.name(one)
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


@dataclass
class _Draft:
    """A group while cases are added to it: models by key, columns by (model, context) and by their own key."""

    key: str
    audit: Audit
    models: dict[str, ModelAsk] = field(default_factory=dict)
    columns: dict[tuple[str, Context], dict[str, ColumnAsk]] = field(default_factory=dict)
    cases: list[PlannedCase] = field(default_factory=list)

    def planned(self) -> PlanGroup:
        """The group with all that was added."""
        return PlanGroup(
            self.key,
            self.audit.data,
            self.audit.labels,
            self.audit.seed,
            self.audit.object_kept,
            self.audit.pools,
            self.audit.stop,
            self.audit.checks if isinstance(self.audit.checks, CheckSettings) else None,
            tuple(self.audit.without_object),
            self.models,
            tuple(_passes(self.columns)),
            tuple(self.cases),
        )


class _Planner:
    """Collects asks in order of appearance, so that every process of a run arrives at the same plan."""

    def __init__(self) -> None:
        self._keys: dict[tuple[Hashable, ...], str] = {}
        self._drafts: dict[str, _Draft] = {}

    def add(self, asked: Asked) -> None:
        audit, measures = asked.case.audit, list(asked.expectation.expression.measures())
        draft = self._draft(audit)
        names = dict.fromkeys(measure.model for measure in measures)  # of a comparison the one that is looked at first
        models = {name: self._model(audit, name, draft) for name in names}
        draft.cases.append(PlannedCase(asked, models))
        for measure in measures:
            _add_measure(measure, models[measure.model], draft)
            if asked.case.reviewed_by is not None and measure.context not in (None, original_context()):
                _add_answers(measure.context, models[measure.model], draft)

    def groups(self) -> tuple[PlanGroup, ...]:
        return tuple(draft.planned() for draft in self._drafts.values())

    def name(self, asked: Asked) -> None:
        """Give the data and the models of a case their keys, whether or not it is added."""
        audit = asked.case.audit
        self._data_key(audit)
        for name in sorted({measure.model for measure in asked.expectation.expression.measures()}, key=str):
            self._model_ask(audit, name)

    def _draft(self, audit: Audit) -> _Draft:
        key = self._data_key(audit)
        return self._drafts.setdefault(key, _Draft(key, audit))

    def _data_key(self, audit: Audit) -> str:
        labels = audit.labels if isinstance(audit.labels, str | None) else repr(sorted(audit.labels.items(), key=str))
        pools = tuple(sorted((name, _identity(pool)) for name, pool in audit.pools.items()))
        same = (labels, audit.seed, audit.object_kept, pools, audit.stop, audit.checks, tuple(audit.without_object))
        text = audit.data if isinstance(audit.data, str) else "samples"
        return self._key(("data", _identity(audit.data), *same), text)

    def _model(self, audit: Audit, name: str | None, draft: _Draft) -> str:
        ask = self._model_ask(audit, name)
        draft.models.setdefault(ask.key, ask)
        return ask.key

    def _model_ask(self, audit: Audit, name: str | None) -> ModelAsk:
        chosen = name if name is not None else next(iter(audit.models))
        reference = audit.models[chosen]
        preprocessing = audit.option_of("preprocessing", chosen)
        classes = audit.option_of("classes", chosen)
        classes = None if classes is None else tuple(str(part) for part in classes)
        allow_code = audit.allow_code and runs_code(reference)
        prepared = preprocessing if isinstance(preprocessing, Preprocessing | None) else id(preprocessing)
        scores = audit.scores_of(chosen)
        identity = ("model", _identity(reference), prepared, classes, allow_code, scores)
        text = reference if isinstance(reference, str) else chosen if name is not None else _name_of(reference)
        key = self._key(identity, text)
        return ModelAsk(key, reference, preprocessing, classes, allow_code, scores)

    def _key(self, identity: tuple[Hashable, ...], text: str) -> str:
        """A readable key, numbered where another thing has the same text."""
        if identity not in self._keys:
            taken = set(self._keys.values())
            key, number = f"{identity[0]}:{text}", 2
            while key in taken:
                key, number = f"{identity[0]}:{text}#{number}", number + 1
            self._keys[identity] = key
        return self._keys[identity]


def _add_measure(measure: Measure, model: str, draft: _Draft) -> None:
    """The columns that a measure reads, and the columns that these need."""
    context = measure.context if measure.context is not None else original_context()
    if getattr(registry.entry_of(measure.spec).declares, "needs_original", False):
        draft.columns.setdefault((model, original_context()), {})
    if any(isinstance(part, Correct | Misclassified) for part in strata_of(measure.stratum)):
        _add_column(accuracy_column(None), model, original_context(), draft)
    for spec, method in single_method(measure.spec):
        ask = None if method is None else MapAsk(method, getattr(spec, "target", "prediction"))
        _add_column(ColumnAsk(column_key(spec, context), spec, ask), model, context, draft)


def _add_answers(context: Context, model: str, draft: _Draft) -> None:
    """Whether the answer is right on the original and under a context: pictures for review are drawn by it."""
    for one in (original_context(), context):
        _add_column(accuracy_column(one), model, one, draft)


def accuracy_column(context: Context | None) -> ColumnAsk:
    """Whether each answer is right under a context, None for the original."""
    accuracy = registry.find("measure", "accuracy").spec
    assert accuracy is not None
    return ColumnAsk(column_key(accuracy(), context), accuracy(), None)


def _add_column(column: ColumnAsk, model: str, context: Context, draft: _Draft) -> None:
    draft.columns.setdefault((model, context), {})[column.key] = column


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


def with_predicted_class(ask: PassAsk) -> PassAsk:
    """A pass on the original images, with the column of what the model predicts there; others as they are."""
    if ask.context != original_context():
        return ask
    return replace(ask, columns=(*ask.columns, ColumnAsk(PREDICTED_CLASS, PredictedClass(), None)))


def columns_named(cases: Iterable[PlannedCase]) -> tuple[str, ...]:
    """The columns that strata and ``by=`` of these cases name; whether the data have them is judged later."""
    return tuple(dict.fromkeys(name for case in cases for name in _named(case)))


def _named(case: PlannedCase) -> Iterator[str]:
    expression = case.asked.expectation.expression
    by: list[str] = []

    def divided(name: str) -> tuple[Stratum, ...]:
        by.append(name)
        return ()

    whole = expanded(expression, divided)
    for measure in (*expression.measures(), *whole.measures()):
        for part in strata_of(measure.stratum):
            if isinstance(part, ColumnIs | ColumnNumber):
                yield part.name
    yield from (name for name in by if name not in ("label", "group"))

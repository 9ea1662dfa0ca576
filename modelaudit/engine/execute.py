"""Measuring a group: samples stream in chunks, every pass runs once, numbers and a few pictures stay."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..contexts import exempt
from ..data import class_indices, fingerprint, open_data
from ..language import registry
from ..language.errors import AuditError, ContextError
from ..language.reasons import Missing
from ..language.sample import DataSet, Sample
from ..models import borrowed, open_model
from .donors import limited
from .explaining import what_went_wrong
from .galleries import Galleries
from .measured import ColumnData, DataFacts, LayerFacts, Measured, ModelFacts, Passes, SampleFacts
from .models import RunningModel
from .pictures import store
from .plan import ColumnAsk, Group, PassAsk, original_context
from .progress import Progress
from .reading import ChunkValues, read_pass
from .scenes import Chunk, Stage
from .settings import Settings


def measure(group: Group, settings: Settings, progress: Progress) -> Measured:
    """Measure all that a group asks.

    What cannot be measured at all (data that cannot be opened, a model that cannot be loaded, a context that has no
    meaning on these data) is a failure with its message, and takes down only the cases that need it.
    """
    passes = Passes()
    try:
        device = settings.resolved_device()
        data = open_data(group.reference, root=settings.root)
    except AuditError as error:
        return _failed(group, str(error), passes)
    seed = settings.seed if group.seed is None else group.seed
    chosen = limited(data.samples, settings.limit, seed)
    failures: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(Stage(data.samples, seed=seed, device=device, passes=passes))
        models = _open_models(group, data, settings, passes, failures, stack)
        labels = frozenset(str(sample.label) for sample in data.samples)
        run = _Run(group, chosen, labels, stage, models, failures)
        with progress.task(group.key.removeprefix("data:"), len(chosen)) as advance:
            for first in range(0, len(chosen), settings.resolved_micro_batch()):
                part = chosen[first : first + settings.resolved_micro_batch()]
                run.step(part, first)
                advance(len(part))
        run.finish()
    return Measured(
        group=group.key,
        data=_data_facts(group, data, stage),
        samples=[SampleFacts(id=one.id, label=str(one.label), group=one.group) for one in chosen],
        models=[_model_facts(key, model, run) for key, model in models.items()],
        columns=[column.data() for column in run.columns.values()],
        galleries=run.galleries.rows(lambda picture: store(settings.folder, picture)),
        failures=failures,
        passes=passes,
    )


@dataclass
class _Column:
    """One column while it fills."""

    model: str
    ask: ColumnAsk
    values: NDArray[np.float64]
    missing: dict[int, Missing] = field(default_factory=dict)

    def data(self) -> ColumnData:
        values = [None if at in self.missing else float(value) for at, value in enumerate(self.values)]
        return ColumnData(
            model=self.model,
            key=self.ask.key,
            scale=registry.entry_of(self.ask.spec).declares.scale,
            values=values,
            missing=dict(sorted(self.missing.items())),
        )


class _Run:
    """The state of one group's measurement between chunks."""

    def __init__(
        self,
        group: Group,
        samples: Sequence[Sample],
        labels: frozenset[str],
        stage: Stage,
        models: Mapping[str, RunningModel],
        failures: dict[str, str],
    ) -> None:
        self.samples = samples
        self.stage = stage
        self.models = models
        self.failures = failures
        self.passes = [ask for ask in group.passes if ask.model in models]
        self.columns = {
            (ask.model, column.key): _Column(ask.model, column, np.full(len(samples), np.nan))
            for ask in self.passes
            for column in ask.columns
        }
        self.areas = {key: np.full(len(samples), np.nan) for key in models}
        self.galleries = Galleries(group, models, labels)
        self._changed: dict[tuple[str, str], tuple[int, int]] = {}

    def step(self, samples: Sequence[Sample], first: int) -> None:
        """One chunk through every pass."""
        chunk = self.stage.chunk(samples, first)
        readable = set(chunk.positions)
        for at, sample in enumerate(samples, start=first):
            if at not in readable:
                self._miss(at, self.stage.unusable[sample.id][0])
        if not chunk.samples:
            return
        seen: dict[tuple[str, str], ChunkValues] = {}
        for model in self.models.values():
            model.original = None
        for ask in list(self.passes):
            if ask not in self.passes:
                continue
            try:
                seen[ask.model, str(ask.context)] = self._pass(ask, chunk)
            except Exception as error:  # recorded in full: the cases that need this pass are errors, others go on
                self._fail(ask, what_went_wrong(error))
        self.galleries.offer(chunk, seen, self.stage)

    def finish(self) -> None:
        """A context that should change pixels and changed none in the whole run is an error."""
        for ask in list(self.passes):
            tried, changed = self._changed.get((ask.model, str(ask.context)), (0, 0))
            if tried and not changed and not exempt(ask.context):
                message = (
                    f"'{ask.context}' changed no pixel of any of {tried} images; check the masks"
                    " (is there a background?) and the context's arguments"
                )
                self._fail(ask, str(ContextError(message)))

    def _pass(self, ask: PassAsk, chunk: Chunk) -> ChunkValues:
        model = self.models[ask.model]
        preprocessing = model.loaded.preprocessing
        shown = self.stage.show(chunk, ask.context, preprocessing)
        found = read_pass(ask, model, chunk, shown)
        self._give_up(ask, found.failed)
        if not np.isfinite(self.areas[ask.model][list(chunk.positions)]).any():
            self.areas[ask.model][list(chunk.positions)] = found.areas
        if not exempt(ask.context):
            tried, changed = self._changed.get((ask.model, str(ask.context)), (0, 0))
            asked = ~shown.without_mask  # what is impossible on every image changes none of them either
            self._changed[ask.model, str(ask.context)] = (
                tried + int(asked.sum()),
                changed + int((shown.changed & asked & ~shown.impossible).sum()),
            )
        for key, (values, missing) in found.columns.items():
            column = self.columns[ask.model, key]
            for row, at in enumerate(chunk.positions):
                if row in missing:
                    column.missing[at] = missing[row]
                else:
                    column.values[at] = values[row]
        return found

    def _miss(self, at: int, reason: Missing) -> None:
        for column in self.columns.values():
            column.missing[at] = reason

    def _give_up(self, ask: PassAsk, failed: Mapping[str, str]) -> None:
        """Ask no more for columns that cannot be computed; the rest of the pass goes on."""
        if failed:
            self.failures.update({f"{ask.model}|{key}": message for key, message in failed.items()})
            kept = tuple(column for column in ask.columns if column.key not in failed)
            self.passes[self.passes.index(ask)] = replace(ask, columns=kept)

    def _fail(self, ask: PassAsk, message: str) -> None:
        """Give a pass up; without its originals a model's flips and strata mean nothing, so all of it goes."""
        whole_model = ask.context == original_context()
        for one in [
            one for one in self.passes if one.model == ask.model and (whole_model or one.context == ask.context)
        ]:
            self.passes.remove(one)
            self.failures.update({f"{one.model}|{column.key}": message for column in one.columns})


def _open_models(
    group: Group,
    data: DataSet,
    settings: Settings,
    passes: Passes,
    failures: dict[str, str],
    stack: contextlib.ExitStack,
) -> dict[str, RunningModel]:
    models: dict[str, RunningModel] = {}
    device, batch = settings.resolved_device(), settings.resolved_micro_batch()
    for key, ask in group.models.items():
        try:
            loaded = open_model(
                ask.reference,
                root=settings.root,
                preprocessing=ask.preprocessing,
                classes=ask.classes,
                allow_code=ask.allow_code,
            )
            indices = class_indices(
                (sample.label for sample in data.samples),
                classes=loaded.classes,
                outputs=loaded.outputs,
                mapping=group.labels,
            )
            stack.enter_context(borrowed(loaded, device))
        except Exception as error:  # whatever a third party's source raises: the other models go on
            failures[f"model:{key}"] = what_went_wrong(error)
            continue
        models[key] = RunningModel(loaded, device, indices, batch, passes)
    return models


def _failed(group: Group, message: str, passes: Passes) -> Measured:
    return Measured(
        group=group.key,
        data=None,
        samples=[],
        models=[],
        columns=[],
        galleries={},
        failures={"data": message},
        passes=passes,
    )


def _data_facts(group: Group, data: DataSet, stage: Stage) -> DataFacts:
    reference = group.reference if isinstance(group.reference, str) else group.key.removeprefix("data:")
    return DataFacts(
        key=group.key,
        reference=reference,
        available=len(data.samples),
        labels=sorted({str(sample.label) for sample in data.samples}),
        mask_kinds=dict(Counter(sample.mask_kind if sample.mask is not None else "none" for sample in data.samples)),
        fingerprint=fingerprint(stage.digests),
        notes=list(data.notes),
        unusable=dict(sorted(stage.unusable.items())),
    )


def _model_facts(key: str, model: RunningModel, run: _Run) -> ModelFacts:
    loaded, layer = model.loaded, model.layer
    return ModelFacts(
        key=key,
        reference=loaded.ref,
        architecture=loaded.architecture,
        parameters=loaded.parameters,
        outputs=loaded.outputs,
        classes=None if loaded.classes is None else list(loaded.classes),
        preprocessing=asdict(loaded.preprocessing),
        fingerprint=loaded.fingerprint,
        probe_digest=loaded.probe_digest,
        layer=None
        if layer is None
        else LayerFacts(name=layer.name, channels=layer.channels, height=layer.height, width=layer.width),
        notes=list(loaded.notes),
        indices=[model.indices[sample.label] for sample in run.samples],
        areas=[None if np.isnan(area) else float(area) for area in run.areas[key]],
    )

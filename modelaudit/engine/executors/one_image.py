"""What a model of an audit answers to one image under one context, on the path of every measurement."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import torch

from ...data import declare_without_object, open_data
from ...language.audit import Audit, AuditCase, of_model
from ...language.errors import ContextError, DataError, ModelError
from ...language.parser import parse
from ...language.reasons import Missing
from ...language.sample import DataSet, Sample
from ...language.spec import Context, as_context
from ...models.loaded import LoadedModel
from ..assembly import open_models
from ..images.batches import BatchBuilder, Chunk
from ..images.contents import SampleContents
from ..images.donor_ranking import look_order
from ..inference.running_model import RunningModel
from ..inference.values import labels_of, pass_wide
from ..planning.feasibility import Listings
from ..planning.plan import Asked, PlanGroup, original_context, plan
from ..results.measured import PassCounts
from ..results.settings import Settings


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer of a model to one image; two are equal where they mean the same class.

    Outputs that mean one label are one class, and so are all that mean none. Two answers of a multilabel model are
    equal where the label was found on both images or on none.

    Args:
        label: the name of the predicted class, its index where names are unknown; of a multilabel model the label.
        probability: of that class; None where stored answers do not hold it.
        right: whether it is the label of the data.
        probabilities, logits: by class index; empty where stored answers do not hold them all.
        meaning: what is compared: the class as the data's labels merge them; of a multilabel model whether the label
            was found.
    """

    label: str
    probability: float | None
    right: bool
    probabilities: tuple[float, ...]
    logits: tuple[float, ...]
    meaning: int

    def __eq__(self, other: object) -> bool:
        return self.meaning == other.meaning if isinstance(other, Prediction) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.meaning)

    def __repr__(self) -> str:
        sure = "" if self.probability is None else f"probability {self.probability:.3g}, "
        return f"<{self.label!r}, {sure}{'right' if self.right else 'wrong'}>"


class NoValueUnder(ContextError):
    """The context has no meaning for the image, or changes none of its pixels: an audit counts it as undefined.

    ``of_context``: whether another context may have a value for the same image.
    """

    def __init__(self, text: str, *, of_context: bool) -> None:
        super().__init__(text)
        self.of_context = of_context


class OneImagePredictor:
    """A model of an audit, opened and frozen, and the data whose images lend it their backgrounds.

    Every image goes the way that it goes when the audit is measured: decoded, put through the model's geometry, shown
    by :class:`~modelaudit.engine.images.batches.BatchBuilder`, and run by
    :class:`~modelaudit.engine.inference.running_model.RunningModel` in a full micro-batch, in float32.

    Args:
        model: its name among the audit's models.

    Raises:
        AuditError: data or a model that cannot be opened, or a model of which only the values of a run are known.
    """

    def __init__(self, audit: Audit, model: str, settings: Settings) -> None:
        group = group_of(audit, model)
        ((key, ask),) = group.models.items()
        if ask.recorded:
            raise ModelError(f"{ask.reference}: holds the values of an earlier run, and no model that could be run")
        device = settings.resolved_device()
        data = declare_without_object(open_data(group.reference, root=settings.root, quiet=True), group.without_object)
        seed = settings.seed if group.seed is None else group.seed
        counts = PassCounts()
        self._samples = eligible(data, audit, seed)
        with contextlib.ExitStack() as stack:
            self._builder = stack.enter_context(
                BatchBuilder(
                    data.samples,
                    seed=seed,
                    device=device,
                    passes=counts,
                    contents=SampleContents(None),
                    pools=group.pools,
                    root=settings.root,
                    object_kept=group.object_kept,
                )
            )
            failures: dict[str, str] = {}
            models = open_models(group, data, settings, seed, counts, failures, stack)
            if not models:
                raise ModelError(next(iter(failures.values())))
            self._model = models[key]
            self._opened = stack.pop_all()
        self._builder.prepare_for([self._model.loaded.preprocessing])
        self._tried = False
        self._decoded: tuple[Sample, Chunk] | None = None
        self._originals: dict[int, tuple[Sample, Prediction]] = {}

    @property
    def loaded(self) -> LoadedModel:
        """The model; frozen and on its device until :meth:`close`."""
        return self._model.loaded

    def sample_at(self, place: int | str) -> Sample | None:
        """A sample by its place in the fixed random order, None where there are fewer; or by its id.

        Raises:
            DataError: there is no sample of that id.
        """
        if isinstance(place, int):
            return self._samples[place] if place < len(self._samples) else None
        found = next((sample for sample in self._builder.samples if sample.id == place), None)
        if found is None:
            raise DataError(f"the data have no sample {place!r}")
        return found

    def close(self) -> None:
        """Give the model back as it was."""
        self._opened.close()

    def predict(self, sample: Sample, context: Context | type[Context] | str | None = None) -> Prediction:
        """The answer to a sample under a context, None for the original image; that of an original is kept.

        Raises:
            DataError: the sample cannot be decoded, or the model has no class for its label.
            ModelError: the forward pass failed, or gives logits that are not finite or not a function of the image.
            NoValueUnder: the image has no value under the context.
        """
        asked = original_context() if context is None else as_context(context)
        if asked != original_context():
            return self._answer(sample, asked)
        if id(sample) not in self._originals:
            self._originals[id(sample)] = (sample, self._answer(sample, asked))
        return self._originals[id(sample)][1]

    def _answer(self, sample: Sample, context: Context) -> Prediction:
        model, builder = self._model, self._builder
        if sample.label not in model.indices:
            raise DataError(f"{sample.id}: {model.loaded.ref} has no class for the label {sample.label!r}")
        chunk = replace(self._chunk(sample), shown={})  # which would keep what every context makes of it
        preprocessing = model.loaded.preprocessing
        shown = builder.show(chunk, context, preprocessing)
        reason = next((reason for reason, flags in pass_wide(context, shown) if bool(flags.any())), None)
        if reason is not None:
            raise NoValueUnder(
                f"{sample.id} has no value under {context}: {reason}",
                of_context=reason in (Missing.CONTEXT_IMPOSSIBLE, Missing.CONTEXT_UNCHANGED),
            )
        labels = labels_of(model, [sample], shown.pixels.device)
        logits = model.run(shown.pixels, labels, (), [sample.id], shown.origins).logits[0]
        if not self._tried and model.stored is None:
            model.check_repeatable(builder.scene(chunk, preprocessing).pixels)
            self._tried = True
        return _prediction(model, sample, logits)

    def _chunk(self, sample: Sample) -> Chunk:
        if self._decoded is None or self._decoded[0] is not sample:
            chunk = self._builder.chunk([sample], 0)
            if not chunk.samples:
                raise DataError(f"{sample.id}: {self._builder.unusable[sample.id][1]}")
            self._decoded = (sample, chunk)
        return self._decoded[1]


def _prediction(model: RunningModel, sample: Sample, logits: torch.Tensor) -> Prediction:
    if not bool(torch.isfinite(logits).all()):
        raise ModelError(f"{model.loaded.ref}: the logits of {sample.id} are not finite")
    output, probability = model.answer(logits, sample.label)
    right = model.is_right(sample.label, output, probability)
    held = model.loaded.answers
    whole = held is None or held.kind == "scores"
    chances = logits.softmax(0) if model.threshold is None else logits.sigmoid()
    if model.threshold is not None:
        meaning = int(right)
    else:
        meaning = output if model.labels.merged is None else model.labels.merged[output]
    return Prediction(
        label=model.class_name(output),
        probability=probability,
        right=right,
        probabilities=tuple(chances.tolist()) if whole else (),
        logits=tuple(logits.tolist()) if whole else (),
        meaning=meaning,
    )


def group_of(audit: Audit, model: str) -> PlanGroup:
    """The group of a plan that asks for one model of an audit, and for nothing of it but its answers."""
    expectation = of_model(parse("accuracy > 0.5"), model)
    case = AuditCase(audit, expectation, None, None, audit.confidence, False, "major", None, (), "", 0, None)
    (group,) = plan([Asked("predict", case, expectation)])
    return group


def listed_samples(audit: Audit, settings: Settings) -> tuple[Sample, ...] | None:
    """The samples in the order in which a few of them are taken; None where their names cannot be listed cheaply."""
    group = group_of(audit, next(iter(audit.models)))
    data = Listings(settings.root).listed(group)
    return None if data is None else eligible(data, audit, settings.seed if group.seed is None else group.seed)


def eligible(data: DataSet, audit: Audit, seed: int) -> tuple[Sample, ...]:
    """The samples that may have an object, in the fixed random order of the seed."""
    declared = tuple(audit.without_object)
    return tuple(sample for sample in look_order(data.samples, seed) if str(sample.label) not in declared)

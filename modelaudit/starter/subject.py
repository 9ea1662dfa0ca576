"""What data and model are, as far as a first audit depends on it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from ..data import label_map, open_data
from ..language.audit import Audit
from ..language.errors import AttributionError, DataError, ModelError, after
from ..language.sample import DataSet
from ..models import LoadedModel, frozen_on, open_model, spatial_layer
from .preparing import ModelOptions

Objects = Literal["mask", "box", "none"]
Method = Literal["gradcam", "integrated_gradients", "occlusion"]
#: from this share of images with a mask on, expectations that need one are stated
_MOSTLY = 0.5
_TIMED, _ROUNDS = 4, 3
_NOTHING_SAID = ModelOptions()


@dataclass(frozen=True)
class Subject:
    """Data and a model, as an audit states them, and what a first audit depends on.

    Args:
        data, model: references.
        options: what the user said about the model.
        labels: images by label.
        objects: by what most objects are known: outlines, boxes alone, or nothing.
        without_object: labels of which no image has a mask, where those of all other labels have one.
        groups: how many groups of images there are.
        outputs: the number of the model's outputs.
        method: the attribution that a first look can afford: Grad-CAM, one pass an image, where the model has a spatial
            layer; integrated gradients, dozens of passes, elsewhere; occlusion where no gradient leads through.
    """

    data: str
    model: str
    options: ModelOptions
    labels: Mapping[str, int]
    objects: Objects
    without_object: tuple[str, ...]
    groups: int
    outputs: int
    method: Method

    @property
    def images(self) -> int:
        """How many there are."""
        return sum(self.labels.values())

    def audit(self) -> Audit:
        """The audit of it, without expectations."""
        said = self.options
        return Audit(
            model=self.model,
            data=self.data,
            classes=said.classes,
            preprocessing=said.preprocessing,
            scores=said.scores,
            output=said.output,
            without_object=self.without_object,
        )


@dataclass(frozen=True)
class Opened:
    """A subject with the data and the model that were opened for it."""

    subject: Subject
    data: DataSet = field(repr=False)
    model: LoadedModel = field(repr=False)


def look_at(
    data: str,
    model: str,
    *,
    root: Path,
    options: ModelOptions = _NOTHING_SAID,
    prefix: str = "--",
) -> Opened:
    """Open data and model, and check that every label means an output.

    Args:
        data, model: references; relative paths start at `root`.
        prefix: how the options begin that answer what is left open: ``--`` or ``--audit-``.

    Raises:
        DataError, ModelError: what cannot be opened or does not fit together, and the option that answers it.
    """
    opened = open_data(data, root=root)
    labels = Counter(str(sample.label) for sample in opened.samples)
    named = ",".join(sorted(labels)[:_TIMED]) + (",..." if len(labels) > _TIMED else "")
    try:
        loaded = open_model(
            model,
            root=root,
            preprocessing=options.preprocessing,
            classes=options.classes,
            allow_code=True,
            scores=options.score_settings,
            labels=len(labels),
        )
    except ModelError as error:
        raise ModelError(*after("", str(error)), *_option_for(str(error), prefix, named)) from error
    try:
        label_map(opened, classes=loaded.classes, outputs=loaded.outputs, given=None)
    except DataError as error:
        raise DataError(
            *after("", str(error)),
            f"The model has {loaded.outputs} outputs. Give their names in the order of the outputs, as they "
            f"were when the model was trained: {prefix}classes {named}",
        ) from error
    subject = Subject(
        data=data,
        model=model,
        options=options,
        labels=dict(sorted(labels.items())),
        objects=_objects(opened),
        without_object=_without_object(opened),
        groups=len({sample.group for sample in opened.samples if sample.group is not None}),
        outputs=loaded.outputs,
        method=_method_for(loaded),
    )
    return Opened(subject, opened, loaded)


def seconds_of_a_pass(model: LoadedModel, device: str = "cpu") -> float:
    """How long a forward pass of one image takes, of a few at a time; the shortest of several, on a machine that may
    be busy with other things."""
    height, width = model.input_size
    pixels = torch.rand(_TIMED, 3, height, width, device=device)
    seconds = []
    with frozen_on(model, device) as ready, torch.no_grad():
        ready(pixels)
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            ready(pixels)
            seconds.append(time.perf_counter() - began)
    return min(seconds) / _TIMED


def _option_for(message: str, prefix: str, labels: str) -> Iterator[str]:
    """The option of the command that does what a message asks for in the words of Python."""
    if "Preprocessing(" in message or "preprocessing" in message:
        yield f"Here: {prefix}preprocessing 256,224,imagenet (or whatever the model was trained with)"
    elif "scores=" in message or "output=" in message:
        yield f"Here: {prefix}scores, {prefix}output"
    elif "class" in message:
        yield f"Here: {prefix}classes {labels}, in the order of the outputs"


def _method_for(model: LoadedModel) -> Method:
    if not model.differentiable:
        return "occlusion"
    try:
        with frozen_on(model, "cpu"):
            spatial_layer(model, model.input_size)
    except AttributionError:
        return "integrated_gradients"
    return "gradcam"


def _objects(data: DataSet) -> Objects:
    kinds = Counter(sample.mask_kind for sample in data.samples if sample.mask is not None)
    if kinds.total() < _MOSTLY * len(data.samples) and not _without_object(data):
        return "none"
    return "box" if kinds["box"] > kinds.total() / 2 else "mask"


def _without_object(data: DataSet) -> tuple[str, ...]:
    """Labels that never have a mask, where every other image has one (good parts among defective ones)."""
    with_mask, without = Counter[str](), Counter[str]()
    for sample in data.samples:
        (without if sample.mask is None else with_mask)[str(sample.label)] += 1
    bare = tuple(sorted(label for label in without if label not in with_mask))
    return bare if with_mask and set(without) == set(bare) else ()

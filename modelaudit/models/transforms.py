"""Transforms of other libraries as a `Preprocessing`: read off their steps, and proven on random pictures."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..language.boundary import contained, described
from ..language.errors import ModelError, after
from ..language.registry import Entry, register
from ..language.resizing import as_tensor
from ..language.sample import BuiltModel, Preprocessing
from .hugging_face_source import preprocessing_of as processor_preprocessing
from .input_trials import GREY_IN_THREE, written
from .transform_steps import Side, Steps, comes_from, steps_of
from .trial_images import levels_apart, normalised, random_picture, shown

#: (height, width, noise): noise tells interpolations apart; where a library rounds a side to another pixel, it would
#: tell nothing else, so the other pictures are soft
_PICTURES = ((320, 320, 60.0), (300, 420, 0.0), (512, 390, 0.0), (240, 700, 0.0))
#: in steps of 1/255: libraries resize in whole steps, in fixed point, or in floats
_MEAN, _MOST = 0.75, 3.0
#: how often a transform is repeated on one picture, to see whether it draws at random
_REPEATS = 12
Prepare = Callable[[Image.Image], Tensor]


def preprocessing_from(transform: Any) -> Preprocessing:
    """The resize, centre crop and normalisation that a transform does.

    Its steps are read, and both are run on four random pictures of different sizes and proportions: they must agree to
    about one step of 1/255.

    Args:
        transform: of torchvision (v1, v2, ``weights.transforms()``), timm, albumentations, a weights entry of
            torchvision, an image processor of Hugging Face, or a function of a PIL image.

    Raises:
        ModelError: it does something else; the message names the step and the nearest `Preprocessing`.
    """
    if isinstance(transform, Preprocessing):
        return transform
    if callable(getattr(transform, "transforms", None)):  # an entry of torchvision's weights
        transform = transform.transforms()
    if comes_from(transform, "transformers"):
        return _of_processor(transform)
    if not callable(transform):
        raise ModelError(
            f"preprocessing={transform!r} is neither a Preprocessing nor a transform; write e.g. "
            "Preprocessing(resize=256, crop=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))"
        )
    steps = steps_of(transform)
    if steps.random:
        raise _refused(steps, f"random steps ({', '.join(steps.random)}); give the transform of the evaluation")
    with _own_chance():
        return _proven(transform, steps)


def with_preprocessing(text: str, built: BuiltModel, given: Any) -> tuple[BuiltModel, Preprocessing | None]:
    """A model, and the audit's preprocessing, each with a `Preprocessing` where a transform was given.

    Raises:
        ModelError: a transform that cannot be written so; the message begins with the model's name.
    """
    try:
        if built.preprocessing is not None and given is None:
            built = replace(built, preprocessing=preprocessing_from(built.preprocessing))
        return built, None if given is None else preprocessing_from(given)
    except ModelError as error:
        raise ModelError(*after(f"{text}: ", str(error))) from error


def _of_processor(processor: Any) -> Preprocessing:
    found = processor_preprocessing(processor)
    if found is None:
        raise ModelError(
            f"preprocessing: {type(processor).__name__} does what a resize, a centre crop and a normalisation do not; "
            "write the nearest Preprocessing(...)"
        )
    return found


def _proven(transform: Any, steps: Steps) -> Preprocessing:
    pictures = [
        random_picture(height, width, noise=noise, seed=seed) for seed, (height, width, noise) in enumerate(_PICTURES)
    ]
    prepare = _way_to_call(transform, pictures[0], steps)
    wanted = [prepare(picture) for picture in pictures]
    if any(not torch.equal(prepare(pictures[0]), wanted[0]) for _ in range(_REPEATS)):
        raise _refused(steps, "it gives the same picture other values each time; give the transform of the evaluation")
    if steps.grey == 3 and wanted[0].shape[0] == 3:
        raise _refused(
            steps,
            f"it makes three equal channels of grey; give channels=1, and a module before yours:\n{GREY_IN_THREE}\n",
        )
    apart = float("inf")
    for candidate in _candidates(steps, pictures, wanted):
        made = [normalised(shown(picture, candidate), candidate) for picture in pictures]
        found = [levels_apart(one, other, candidate.std) for one, other in zip(made, wanted, strict=True)]
        if all(mean <= _MEAN and most <= _MOST for mean, most in found):
            return candidate
        apart = min(apart, max(most for _, most in found))
    named = [f"of its steps {', '.join(steps.unknown)} may stand in the way"] if steps.unknown else []
    raise _refused(steps, "; ".join([_difference(apart, wanted), *named]))


def _difference(apart: float, wanted: list[Tensor]) -> str:
    if apart == float("inf"):
        sizes = ", ".join(f"{image.shape[1]} x {image.shape[2]}" for image in wanted)
        return f"of pictures of four sizes it makes {sizes}"
    return f"its images differ by {apart:.0f} of 255 and more"


def _candidates(steps: Steps, pictures: list[Image.Image], wanted: list[Tensor]) -> Iterator[Preprocessing]:
    """The geometry of the steps, with and without antialiasing; the photometry of the steps, and as it was fitted."""
    channels = wanted[0].shape[0]
    if channels not in (1, 3):
        raise _refused(steps, f"it gives {channels} channels; a Preprocessing has 3 (RGB) or 1 (grey)")
    kind: Any = steps.interpolation
    for (resize, crop), antialias in product(_geometries(steps, wanted), (steps.antialias, not steps.antialias)):
        plain = Preprocessing(resize, crop, interpolation=kind, antialias=antialias, channels=channels)
        numbers: list[tuple[Any, Any]] = (
            [(0.0, 1.0), (0.0, 1 / 255)] if steps.mean is None else [(steps.mean, steps.std)]
        )
        for mean, std in [*numbers, *_fitted(plain, pictures[0], wanted[0])]:
            try:
                yield replace(plain, mean=mean, std=std)
            except ModelError:  # in other units than ours; the fitted numbers follow
                continue


def _geometries(steps: Steps, wanted: list[Tensor]) -> list[tuple[Side | None, Side | None]]:
    """(resize, crop) as the steps say; of a function that makes images of one size, the usual ways to that size."""
    sizes = {(image.shape[1], image.shape[2]) for image in wanted}
    if steps.resize is not None or steps.crop is not None or len(sizes) > 1:
        return [(steps.resize, steps.crop)]
    ((height, width),) = sizes
    return [((height, width), None), (height, (height, width)), (round(height * 256 / 224), (height, width))]


def _fitted(plain: Preprocessing, picture: Image.Image, wanted: Tensor) -> Iterator[tuple[Any, Any]]:
    """Mean and std of the straight line from our pixels to the transform's values, channel by channel."""
    ours = shown(picture, plain)
    if ours.shape != wanted.shape:
        return
    lines = [
        np.polyfit(x.flatten().numpy(), y.flatten().numpy(), 1) for x, y in zip(ours, wanted.double(), strict=True)
    ]
    if all(slope > 0 for slope, _ in lines):
        yield (
            tuple(round(-offset / slope, 4) + 0.0 for slope, offset in lines),
            tuple(float(f"{1 / slope:.4g}") for slope, _ in lines),
        )


def _way_to_call(transform: Any, picture: Image.Image, steps: Steps) -> Prepare:
    """A function from a picture to what the transform makes of it, [C, H, W]."""
    failures: list[Exception] = []
    for call in (
        (_with_keyword,) if comes_from(transform, "albumentations") else (_with_picture, _with_tensor, _with_array)
    ):
        try:
            made = call(transform, picture)
        except BaseException as error:  # whatever the user's code raises
            failures.append(contained(error))
            continue
        return partial(_checked, partial(call, transform), _layout(made, steps))
    raise _refused(steps, f"it raised {described(failures[0])}")


def _checked(call: Callable[[Image.Image], Any], channels_last: bool, picture: Image.Image) -> Tensor:
    made = torch.as_tensor(call(picture)).detach().float()
    return made.permute(2, 0, 1) if channels_last else made


def _layout(made: Any, steps: Steps) -> bool:
    """Whether channels come last.

    Raises:
        ModelError: it is not an image of floats.
    """
    if isinstance(made, Image.Image):
        raise _refused(steps, "it ends in a PIL image; add what makes the model's tensor of it: ToTensor()")
    if not isinstance(made, Tensor | np.ndarray) or made.ndim != 3:
        raise _refused(steps, f"it gives {type(made).__name__} of shape {getattr(made, 'shape', '?')}, not one image")
    if not torch.as_tensor(made).is_floating_point():
        raise _refused(
            steps,
            f"it ends in {made.dtype}, and does not say how the model's input is scaled; add ToDtype(torch.float32, "
            "scale=True), or Normalize in albumentations",
        )
    return made.shape[0] not in (1, 3) and made.shape[2] in (1, 3)


def _with_picture(transform: Any, picture: Image.Image) -> Any:
    return transform(picture)


def _with_tensor(transform: Any, picture: Image.Image) -> Any:
    return transform(as_tensor(picture))


def _with_array(transform: Any, picture: Image.Image) -> Any:
    return transform(np.array(picture))


def _with_keyword(transform: Any, picture: Image.Image) -> Any:
    return transform(image=np.array(picture))["image"]


def _refused(steps: Steps, reason: str) -> ModelError:
    kind: Any = steps.interpolation
    plain = Preprocessing(steps.resize, steps.crop, interpolation=kind, channels=1 if steps.grey else None)
    try:
        near = replace(plain, mean=steps.mean or plain.mean, std=steps.std or plain.std)
    except ModelError:
        near = plain
    start = (
        "preprocessing: the transform is not a resize, a centre crop and a normalisation, the same for every image: "
    )
    return ModelError(*after(start, f"{reason}; or write what comes nearest, e.g. {written(near)}"))


@contextmanager
def _own_chance() -> Iterator[None]:
    """Leaves the global random generators as they were."""
    before = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])


register(Entry("transform", "preprocessing", None, preprocessing_from))

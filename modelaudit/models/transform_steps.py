"""Reads the steps of torchvision's, timm's and albumentations' transforms by their names; nothing is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

Side = int | tuple[int, int]
#: albumentations numbers interpolations as OpenCV does
_OPENCV = {0: "nearest", 1: "bilinear", 2: "bicubic"}
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
#: steps that a resize, a centre crop and a normalisation account for
_KNOWN = (
    *("Resize", "SmallestMaxSize", "CenterCrop", "Normalize", "Grayscale", "ToGray", "ImageClassification"),
    *(
        "ToTensor",
        "ToImage",
        "ToPILImage",
        "PILToTensor",
        "ConvertImageDtype",
        "ConvertDtype",
        "ToDtype",
        "ToPureTensor",
    ),
    *("MaybeToTensor", "MaybePILToTensor", "ToNumpy", "ToTensorV2", "ToFloat", "ToRGB", "RGB", "Identity"),
)
_RANDOM = ("Random", "AutoAugment", "TrivialAugment", "AugMix", "RandAugment", "ColorJitter", "ElasticTransform")


@dataclass(frozen=True)
class Steps:
    """What the steps of a transform say.

    Args:
        random: names of steps that draw at random.
        unknown: names of steps that are not known here.
        grey: how many channels a step makes of the luminance; None without one.
    """

    resize: Side | None = None
    crop: Side | None = None
    interpolation: str = "bilinear"
    antialias: bool = True
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    grey: int | None = None
    random: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def steps_of(transform: Any) -> Steps:
    """The steps of a transform, composed or single; of two of a kind the last one."""
    said: dict[str, Any] = {}
    random, unknown = [], []
    for step in _flat(transform):
        name = type(step).__name__ if not _is_function(step) else str(step.__name__)
        if _is_random(step, name):
            random.append(name)
        elif name not in _KNOWN:
            unknown.append(name)
        else:
            said |= _read(step, name)
            unknown += _other_interpolation(step, name)
    return Steps(**said, random=tuple(random), unknown=tuple(unknown))


def comes_from(transform: Any, library: str) -> bool:
    """Whether its class, or one that it inherits from, is a library's."""
    return any(kind.__module__.partition(".")[0] == library for kind in type(transform).__mro__)


def _flat(transform: Any) -> Iterator[Any]:
    parts = getattr(transform, "transforms", None)
    if isinstance(transform, nn.Sequential | list | tuple):
        parts = list(transform)
    if isinstance(parts, Iterable) and type(transform).__name__ in (
        "Compose",
        "Sequential",
        "ReplayCompose",
        "list",
        "tuple",
    ):
        for part in parts:
            yield from _flat(part)
    else:
        yield transform


def _is_function(step: Any) -> bool:
    return hasattr(step, "__name__") and not isinstance(step, type)


def _is_random(step: Any, name: str) -> bool:
    chance = getattr(step, "p", None)
    drawn = isinstance(chance, float) and 0 < chance < 1
    return drawn or name.startswith(_RANDOM)


def _read(step: Any, name: str) -> Mapping[str, Any]:
    if name == "ImageClassification":
        numbers = {"mean": _numbers(step.mean), "std": _numbers(step.std)}
        return {"resize": _side(step.resize_size), "crop": _side(step.crop_size), **numbers, **_sampling(step)}
    if name == "Resize":
        both = (step.height, step.width) if hasattr(step, "height") else step.size
        return {"resize": _side(both), **_sampling(step)}
    if name == "SmallestMaxSize":
        return {"resize": _side(step.max_size), **_sampling(step)}
    if name == "CenterCrop":
        both = (step.height, step.width) if hasattr(step, "height") else step.size
        crop = _side(both)
        return {"crop": crop[0] if isinstance(crop, tuple) and crop[0] == crop[1] else crop}
    if name == "Normalize" and hasattr(step, "mean"):
        return {"mean": _numbers(step.mean), "std": _numbers(step.std)}
    if name in ("Grayscale", "ToGray"):
        return {"grey": int(step.num_output_channels)}
    return {}


def _sampling(step: Any) -> Mapping[str, Any]:
    given = getattr(step, "interpolation", None)
    name = _OPENCV.get(given, "other") if isinstance(given, int) else str(getattr(given, "value", given))
    antialias = not isinstance(given, int) and getattr(step, "antialias", True) is not False
    return {"interpolation": name if name in _INTERPOLATIONS else "bilinear", "antialias": antialias}


def _other_interpolation(step: Any, name: str) -> list[str]:
    given = getattr(step, "interpolation", None)
    known = given is None or given in _OPENCV or getattr(given, "value", given) in _INTERPOLATIONS
    return [] if known else [f"{name}(interpolation={getattr(given, 'value', given)})"]


def _numbers(value: Any) -> tuple[float, ...] | None:
    if value is None:
        return None
    values = value.flatten().tolist() if hasattr(value, "flatten") else value
    numbers = tuple(float(part) for part in (values if isinstance(values, Iterable) else (values,)))
    return tuple(round(number, 7) for number in numbers)


def _side(size: Any) -> Side | None:
    sides = [size] if isinstance(size, int) else list(size)
    if not sides or any(not isinstance(side, int) for side in sides):
        return None
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])

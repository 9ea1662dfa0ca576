"""Types shared between rooms: samples, preprocessing, and models as their sources hand them over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from . import registry
from .calls import CheckedCall
from .contradictions import ContradictedFact
from .errors import ModelError, after
from .spec import is_finite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    Pixels = NDArray[np.uint8]

ImageSource = "Path | bytes | Pixels | Callable[[], Pixels]"
MaskKind = Literal["mask", "polygon", "rle", "box", "machine", "none"]
OBJECT, BACKGROUND, IGNORE = 1, 0, 255
#: how notes on copies and on pictures of one scene begin: whoever runs the audit sees them
ON_PICTURES = "pictures: "
#: with images of fewer clusters nothing is decided
LEAST_CLUSTERS = 10


@dataclass(frozen=True)
class Sample(metaclass=CheckedCall):
    """One image of a data set, not yet decoded.

    Args:
        id: stable name, unique in the data set: a relative path in NFC with ``/`` where there is one.
        image: a path, the bytes of an image file, an RGB array [H, W, 3] of uint8, or a callable that returns one.
        label: the class as the data names it (text) or as the model indexes it (int).
        mask: the object mask: a path, an array [H, W] (1 object, 0 background, 255 ignore; bool is accepted), or a
            callable that returns one; None when there is none. It has the image's size *before* any geometry.
        group: a way to read the results (camera, line, exposure), when known; it changes no bound.
        mask_kind: what the mask was made from; a box is a coarse mask, one that a program guessed is "machine", and the
            record says so.
        stored: other pictures of the same sample in the data, by name (the variants of ImageNet-9, the same
            part photographed on another line); sources as `image` has them.
        attributes: what else the data say of it, as text by name (a column, a part of the path, a field of EXIF); what
            is not known is left out. Strata name them: ``column("exposure") < 3``.
        cluster: what images share that makes them depend on each other (scene, lot, burst), when known: bounds are
            over clusters.
        without_object: the image is declared to have no object (``Audit(without_object=[...])`` sets it by label).
        contradictions: what the data state twice and differently about it; its mask cannot be used then.
        stated_size: (height, width) as the data state it, where nothing else holds the image to it.

    >>> Sample(id="cam1/0001.png", image=Path("0001.png"), label="bolt", cluster="lot 7").cluster
    'lot 7'
    """

    example: ClassVar[str] = 'Sample(id="0001", image=Path("0001.png"), label="bolt")'

    id: str
    image: Path | bytes | Pixels | Callable[[], Pixels]
    label: str | int
    mask: Path | Pixels | Callable[[], Pixels] | None = None
    group: str | None = None
    mask_kind: MaskKind = "mask"
    stored: Mapping[str, Path | bytes | Pixels | Callable[[], Pixels]] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    cluster: str | None = None
    without_object: bool = False
    contradictions: tuple[ContradictedFact, ...] = ()
    stated_size: tuple[int, int] | None = None

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Without its pixels, for Hypothesis, which prints the arguments of a failing example by it."""
        printer.text(f"Sample({self.id!r}, label={self.label!r})")


@dataclass(frozen=True)
class DataSet(metaclass=CheckedCall):
    """What a data source hands over: the samples, and remarks that belong into the record.

    Args:
        label_map: the model's class indices that mean each label, where the data set defines them (ImageNet-9); an
            audit's own ``labels`` come before it. Indices that no label has are "none of these".
        outputs: how many outputs a model must have for `label_map` to be about it.
        contradictions: those that are about no sample (labels without an image).

    >>> DataSet((Sample("0001", Path("0001.png"), "bolt"),), notes=("one photo",)).notes
    ('one photo',)
    """

    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    label_map: Mapping[str | int, tuple[int, ...]] | None = None
    outputs: int | None = None
    contradictions: tuple[ContradictedFact, ...] = ()


#: ITU-R 601: what red, green and blue contribute to the luminance of a pixel, as in Pillow's mode "L"
LUMINANCE = (0.299, 0.587, 0.114)
#: a mean or std above this is in units of 0 to 255
_BEYOND = 2.0
_WIDEN = """\
    class Widen(nn.Module):
        def forward(self, x): return {made}
    Audit(model=nn.Sequential(Widen(), net), ...)"""


@dataclass(frozen=True, repr=False)
class Preprocessing(metaclass=CheckedCall):
    """The geometry (image and mask alike) and the photometry (image only) of a model's input.

    Args:
        resize: shorter side in pixels (int), exact (height, width), or None to leave the size.
        crop: side of the centre crop (int), (height, width), or None.
        mean, std: per channel, in pixel values [0, 1]; a single number is taken for every channel. A model that takes
            values from 0 to 255 has ``std=1 / 255``.
        interpolation: "bilinear" or "bicubic" or "nearest", for the image; masks are always nearest.
        antialias: as torchvision's.
        channels: 3 (RGB) or 1 (grey: the luminance 0.299 R + 0.587 G + 0.114 B of ITU-R 601, as Pillow's "L"). None
            takes as many as mean and std have: 1 for ``mean=(0.5,)``, else 3.

    >>> Preprocessing(resize=256, crop=224, mean=(0.5, 0.5, 0.5)).std
    (1.0, 1.0, 1.0)
    >>> Preprocessing(crop=28, mean=(0.1307,), std=(0.3081,)).channels
    1
    """

    example: ClassVar[str] = "Preprocessing(resize=256, crop=224)"

    resize: int | tuple[int, int] | None = None
    crop: int | tuple[int, int] | None = None
    mean: Any = (0.0, 0.0, 0.0)
    std: Any = (1.0, 1.0, 1.0)
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    antialias: bool = True
    channels: int | None = None

    def __post_init__(self) -> None:
        for name in ("resize", "crop"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
            _check_side(name, getattr(self, name))
        if self.interpolation not in ("bilinear", "bicubic", "nearest"):
            raise ModelError(f"preprocessing: interpolation={self.interpolation!r}; use bilinear, bicubic or nearest")
        channels = self.channels
        if channels is None:
            channels = 1 if any(_one_channel(value) for value in (self.mean, self.std)) else 3
        if isinstance(channels, bool) or channels not in (1, 3):
            start = f"preprocessing: channels={channels!r} must be 3 (RGB) or 1 (grey); "
            raise ModelError(*after(start, widening(channels)))
        object.__setattr__(self, "channels", channels)
        for name in ("mean", "std"):
            object.__setattr__(self, name, _per_channel(name, getattr(self, name), channels))
        if min(self.std) <= 0:
            raise ModelError(f"preprocessing: std={self.std} must be positive")
        _check_unit(self.mean, self.std)

    def __repr__(self) -> str:
        """As it enters fingerprints: the channels are left out where they are three."""
        shown = [part.name for part in fields(self) if part.name != "channels" or self.channels != 3]
        return f"Preprocessing({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    @classmethod
    def from_transform(cls, transform: Any) -> Preprocessing:
        """What a transform of torchvision, timm or albumentations does, read off its steps and proven on pictures.

        Raises:
            ModelError: it does more than a resize, a centre crop and a normalisation; names the step, and the nearest.

        >>> import torch
        >>> from torchvision.transforms import v2
        >>> steps = [v2.Resize(64), v2.CenterCrop(56), v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
        >>> Preprocessing.from_transform(v2.Compose(steps)).crop
        56
        """
        found: Preprocessing = registry.find("transform", "preprocessing").function(transform)
        return found

    def geometry(self) -> tuple[Any, ...]:
        """The key of the geometry: equal geometries share decoded and transformed images."""
        return (self.resize, self.crop, self.interpolation, self.antialias)


def widening(channels: Any) -> str:
    """The lines that make another number of channels of those that a `Preprocessing` gives."""
    more = channels - 3 if isinstance(channels, int) and channels > 3 else 1
    made = (
        f"torch.cat([x, torch.ones_like(x[:, :{more}])], dim=1)  # RGB, and what your model had in its other channels"
    )
    if more > 3:
        made = "torch.cat([x, ...], dim=1)  # RGB, and what your model had in its other channels"
    return f"for another number put a module before the model that makes them of RGB:\n{_WIDEN.format(made=made)}"


def _check_side(name: str, value: Any) -> None:
    sides = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    if value is not None and not all(
        isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in sides
    ):
        raise ModelError(f"preprocessing: {name}={value!r}; give pixels, e.g. 224 or (height, width), or None")


def _one_channel(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 1


def _per_channel(name: str, value: Any, channels: int) -> tuple[float, ...]:
    """A mean or std with one number a channel; a single number, or one that all have, is taken for each."""
    given = value if isinstance(value, tuple | list) else (value,)
    numbers = tuple(float(part) for part in given if isinstance(part, int | float) and is_finite(part))
    if not numbers or len(numbers) < len(given):
        raise ModelError(f"preprocessing: {name}={value!r} must be finite numbers, one a channel")
    if len(numbers) in (1, 3) and len(set(numbers)) == 1:
        return numbers[:1] * channels
    if len(numbers) == channels:
        return numbers
    if channels == 1:
        raise ModelError(
            f"preprocessing: {name}={numbers} has {len(numbers)} values for one channel (channels=1); give the one "
            "that grey images are normalised with"
        )
    start = (
        f"preprocessing: {name}={numbers} has {len(numbers)} values; give three, one a channel, or one with channels=1 "
        "for a model of grey images; "
    )
    raise ModelError(*after(start, widening(len(numbers))))


def _check_unit(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Refuse numbers that were meant for pixel values from 0 to 255."""
    if max(*map(abs, mean), *std) <= _BEYOND:
        return
    unit = [tuple(round(number / 255, 6) for number in numbers) for numbers in (mean, std)]
    raise ModelError(
        f"preprocessing: mean={mean} and std={std} are in units of 0 to 255, and pixel values are in [0, 1]; write "
        f"mean={unit[0]}, std={unit[1]}"
    )


@dataclass(frozen=True)
class BuiltModel(metaclass=CheckedCall):
    """What a model source hands over.

    ``classes`` are the names by index, None when unknown. ``notes`` are assumptions that belong into the record
    ("preprocessing taken from the torchvision default weights").

    >>> import torch
    >>> BuiltModel(torch.nn.Identity(), Preprocessing(crop=64), classes=("bolt", "nut")).classes
    ('bolt', 'nut')
    """

    module: nn.Module
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

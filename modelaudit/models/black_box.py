"""Models known only by their scores: a function from images to numbers."""

from __future__ import annotations

import copy
import functools
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ..language.errors import ModelError, nearest
from ..language.sample import BuiltModel, Preprocessing
from .outputs import as_columns

Layout = Literal["NCHW", "NHWC"]
LAYOUTS: tuple[Layout, ...] = ("NCHW", "NHWC")
DTYPES = ("float32", "uint8")
LIBRARIES = ("numpy", "torch")
#: what the record says of a model without gradients
SCORES_ONLY = "gradients: none lead through it, so only methods that see scores alone can explain it"


#: what the record says of a model that may answer otherwise each time
NOT_DETERMINISTIC = "answers: declared as not deterministic, so that another run may come to another verdict"


#: the key of an output that has no name
_ONLY = ""


class ScoresOnly(nn.Module):
    """A module whose scores come from outside torch: no gradient, no parameters, nothing that moves to a device.

    Args:
        batch: how many images go through at once; the last are filled up with copies of the last image. None for any
            number.
        outputs: how many scores an image has; None where nobody said.

    `deterministic` is False where the same image may get other scores, as `declare` says it is stated.
    """

    deterministic: bool = True
    declare: ClassVar[str] = ""

    def __init__(self, batch: int | None = None, outputs: int | None = None) -> None:
        super().__init__()
        self.batch, self.outputs = batch, outputs

    def forward(self, pixels: Tensor) -> Tensor | dict[str, Tensor]:
        """What `scores` gives, on the pixels' device: [B, C], [B], or several of these by index or key.

        Raises:
            ModelError: they are not numbers of every image.
        """
        with torch.inference_mode(False), torch.no_grad():
            given = pixels.detach()
            size = self.batch or len(given)
            parts = [self._part(given[first : first + size], size) for first in range(0, len(given), size)]
            joined = {name: torch.cat([part[name] for part in parts]).to(pixels.device) for name in parts[0]}
        return joined.get(_ONLY, joined)

    def asked_anew(self, time: int) -> AbstractContextManager[None]:
        """For the length of a ``with`` block no score is one that was kept from another `time` (0, 1, ...)."""
        return nullcontext()

    @abstractmethod
    def scores(self, images: Tensor) -> Any:
        """The scores [B, C] or [B] of images [B, 3, H, W] as preprocessing leaves them; or several, by index or key."""

    def _part(self, images: Tensor, size: int) -> dict[str, Tensor]:
        """The outputs of some images, by index or key; the only one under :data:`_ONLY`."""
        count = len(images)
        if self.batch is not None and count < size:
            images = torch.cat([images, images[-1:].expand(size - count, *images.shape[1:])])
        returned = self.scores(images)
        outputs: Mapping[Any, Any] = {_ONLY: returned}
        if isinstance(returned, Mapping):
            outputs = returned
        elif isinstance(returned, tuple) and all(isinstance(part, Tensor | np.ndarray) for part in returned):
            outputs = dict(enumerate(returned))
        numbers = {str(name): self._numbers(part) for name, part in outputs.items()}
        if len(numbers) == 1:
            self._check(next(iter(numbers.values())), len(images))
        return {name: part[:count] for name, part in numbers.items() if part.shape[:1] == (len(images),)}

    def _numbers(self, output: Any) -> Tensor:
        try:
            values = output.detach().cpu() if isinstance(output, Tensor) else torch.tensor(np.asarray(output))
        except (TypeError, ValueError) as error:
            raise ModelError(f"{self._name()}: must return scores, got {type(output).__name__} ({error})") from error
        return values if values.dtype == torch.float64 or values.is_complex() else values.float()

    def _check(self, values: Tensor, images: int) -> None:
        columns = as_columns(values, images) if values.ndim else None
        fits = columns is not None and self.outputs in (None, columns.shape[1])
        if not fits or values.shape[0] != images or values.is_complex():
            raise ModelError(
                f"{self._name()}: {images} images gave scores of shape {list(values.shape)} and {values.dtype}; "
                f"return numbers [images, {self.outputs or 'classes'}], for yes or no [images]"
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """What stands behind it (a session, a connection) is shared: it has no state that a copy could change."""
        return copy.copy(self)

    def _name(self) -> str:
        return type(self).__name__


class BlackBox(ScoresOnly):
    """A user's function as a module."""

    declare = "black_box(..., deterministic=False)"

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        outputs: int | None,
        layout: Layout,
        dtype: str,
        library: str,
        batch: int | None,
        version: str,
        deterministic: bool,
    ) -> None:
        super().__init__(batch, outputs)
        self.deterministic = deterministic
        self.function = function
        self.layout, self.dtype, self.library, self.version = layout, dtype, library, version

    def scores(self, images: Tensor) -> Any:
        given = laid_out(images, self.layout, self.dtype, self._name()).cpu()
        return self.function(given if self.library == "torch" else given.numpy())

    def extra_repr(self) -> str:
        """Everything that enters the fingerprint besides the function's code."""
        text = f"{self._name()}, layout={self.layout}, dtype={self.dtype}"
        text = f"{text}, library={self.library}, batch={self.batch}, version={self.version!r}"
        return text if self.deterministic else f"{text}, deterministic=False"

    def _name(self) -> str:
        function = inner(self.function)
        of = function if hasattr(function, "__qualname__") else type(function)
        return f"{of.__module__}.{of.__qualname__}"


def black_box(
    function: Callable[[Any], Any],
    *,
    preprocessing: Preprocessing | None = None,
    classes: Sequence[str] | None = None,
    outputs: int | None = None,
    layout: Layout = "NCHW",
    dtype: Literal["float32", "uint8"] = "float32",
    library: Literal["numpy", "torch"] = "numpy",
    batch: int | None = None,
    version: str = "",
    deterministic: bool = True,
) -> BuiltModel:
    """A model of which only a function from images to scores is known: ``Audit(model=black_box(predict, ...))``.

    Args:
        function: images to scores [B, C], or [B] for yes or no, an array or a tensor (a tuple or dict of them where
            there are several outputs); logits where there is a choice. A score must depend on its image alone, and on
            no chance: each image is scored many times, in different batches. That is tested.
        preprocessing: size and normalisation, as for any model; Audit(preprocessing=...) may say it too. Without mean
            and std the function gets pixel values in [0, 1].
        classes: names by index.
        outputs: the number of scores an image, checked on every call.
        layout: "NCHW" for images [B, 3, H, W], "NHWC" for [B, H, W, 3]; RGB.
        dtype: "float32", or "uint8" for round(255 x) of pixel values (then no mean and std).
        library: what the images are: a "numpy" array, or a "torch" tensor on the CPU.
        batch: how many images the function takes at once; None for any number.
        version: of what stands behind the function. Its code and this are all that the fingerprint knows: change it
            whenever the answers change.
        deterministic: False where the same image may get other scores. That is not tested then, and is stated with
            every verdict.

    Raises:
        ModelError: an argument that cannot mean anything.
    """
    if not callable(function) or isinstance(function, nn.Module):
        raise ModelError(
            f"black_box needs a function from images to scores, got {type(function).__name__}; an nn.Module is given "
            "to Audit(model=...) as it is"
        )
    for name, value, known in (("layout", layout, LAYOUTS), ("dtype", dtype, DTYPES), ("library", library, LIBRARIES)):
        if value not in known:
            raise ModelError(f"black_box: {name}={value!r} is not possible{nearest(str(value), known)}")
    for name, number, least in (("outputs", outputs, 1), ("batch", batch, 1)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < least):
            raise ModelError(f"black_box: {name} must be an integer of at least {least}, got {number!r}")
    if not isinstance(deterministic, bool):
        raise ModelError(f"black_box: deterministic must be True or False, got {deterministic!r}")
    if dtype == "uint8" and preprocessing is not None:
        check_unnormalised(preprocessing, "black_box")
    module = BlackBox(
        function,
        outputs=outputs,
        layout=layout,
        dtype=dtype,
        library=library,
        batch=batch,
        version=version,
        deterministic=deterministic,
    )
    names = None if classes is None else tuple(classes)
    return BuiltModel(module, preprocessing, names, (SCORES_ONLY, *(() if deterministic else (NOT_DETERMINISTIC,))))


def check_unnormalised(preprocessing: Preprocessing, name: str) -> None:
    """Whether pixel values stay what they are, as uint8 needs.

    Raises:
        ModelError: they are normalised.
    """
    if preprocessing.mean != (0.0, 0.0, 0.0) or preprocessing.std != (1.0, 1.0, 1.0):
        raise ModelError(
            f"{name}: uint8 images are pixel values, so mean={preprocessing.mean} and std={preprocessing.std} cannot "
            "be applied; leave them out of Preprocessing(...), or take float32"
        )


def laid_out(images: Tensor, layout: Layout, dtype: str, name: str) -> Tensor:
    """Images [B, 3, H, W] in another layout and dtype (a name of torch's), contiguous.

    Raises:
        ModelError: uint8 needs pixel values in [0, 1], and these are not.
    """
    if dtype == "uint8":
        low, high = (float(bound) for bound in images.aminmax())
        if low < -1e-3 or high > 1 + 1e-3:
            raise ModelError(
                f"{name}: takes uint8 images, but preprocessing leaves values from {low:.3g} to {high:.3g}; leave mean "
                "and std out of Preprocessing(...)"
            )
        images = (images * 255).round().clamp(0, 255)
    values = images.to(getattr(torch, dtype))
    return (values if layout == "NCHW" else values.permute(0, 2, 3, 1)).contiguous()


def inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself, where some of its arguments have been fixed."""
    while isinstance(function, functools.partial):
        function = function.func
    return function

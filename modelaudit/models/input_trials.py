"""What a model takes that refused an RGB image: other inputs are tried, so that the message can name the cure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..language.boundary import contained
from ..language.sample import Preprocessing, widening
from .fingerprint import probe_pixels
from .loaded import PixelModel

Size = tuple[int, int]
_CHANNELS_LAST = """\
    class ChannelsLast(nn.Module):
        def forward(self, x): return x.permute(0, 2, 3, 1)
    Audit(model=nn.Sequential(ChannelsLast(), net), ...)"""
GREY_IN_THREE = """\
    class Widen(nn.Module):
        def forward(self, x): return x.expand(-1, 3, -1, -1)
    Audit(model=nn.Sequential(Widen(), net), ...)"""
_BYTES = """\
    def predict(images): return net(torch.from_numpy(images)).detach()
    Audit(model=black_box(predict, dtype="uint8", preprocessing=...), ...)"""


def way_out(module: nn.Module, preprocessing: Preprocessing, sizes: Sequence[Size], others: Sequence[Size]) -> str:
    """What would make a module take its input, by trial; called where it raised on all of `sizes`.

    Args:
        module: in eval mode, on the CPU.
        others: further sizes to try.
    """
    model = PixelModel(module, preprocessing)
    for channels in _channels_to_try(module, preprocessing):
        size = _first_size(module, model, (*sizes, *others), _with_channels(channels))
        if size is not None:
            return _other_channels(channels, preprocessing, None if size in sizes else size)
    for change, said in ((_channels_last, _of_channels_last(preprocessing)), (_as_bytes, _of_bytes())):
        if _first_size(module, model, sizes, change) is not None:
            return said
    size = _first_size(module, model, others, _unchanged)
    if size is not None:
        return f"it takes images of {_text(size)}: {written(preprocessing, size)}"
    return "say the size it takes with Preprocessing(resize=..., crop=...)"


def _other_channels(channels: int, preprocessing: Preprocessing, size: Size | None) -> str:
    if channels == 1:
        return (
            f"it takes images of one channel, and was given RGB; give {written(_grey(preprocessing), size)}, with the "
            "mean and std of one channel that it was trained with"
        )
    if channels == 3:
        return (
            f"it takes RGB, and was given one channel (channels=1); leave channels=1 out, or, where it was trained on "
            f"grey images in three equal channels:\n{GREY_IN_THREE}"
        )
    return f"it takes images of {channels} channels, and was given {preprocessing.channels}; {widening(channels)}"


def _of_channels_last(preprocessing: Preprocessing) -> str:
    return f"it takes channels last, [B, H, W, {preprocessing.channels}]; put a module before it:\n{_CHANNELS_LAST}"


def _of_bytes() -> str:
    return (
        "it takes uint8 images of 0 to 255, through which no gradient leads; let it convert floats (x * 255) itself, "
        f"or audit its scores:\n{_BYTES}"
    )


def _grey(preprocessing: Preprocessing) -> Preprocessing:
    """The same for one channel; of means that differ nobody knows the one to take."""
    mean, std = (values if len(set(values)) == 1 else 0.5 for values in (preprocessing.mean, preprocessing.std))
    return replace(preprocessing, channels=1, mean=mean, std=std)


def written(preprocessing: Preprocessing, size: Size | None = None) -> str:
    """A preprocessing as a user would write it: what differs from the defaults."""
    if size is not None:
        side = size[0] if size[0] == size[1] else size
        preprocessing = replace(preprocessing, resize=side, crop=side)
    usual = Preprocessing(channels=preprocessing.channels)
    shown = [
        f"{name}={_short(getattr(preprocessing, name))}"
        for name in ("channels", "resize", "crop", "mean", "std", "interpolation", "antialias")
        if getattr(preprocessing, name) != getattr(usual, name) or (name == "channels" and usual.channels == 1)
    ]
    return f"Preprocessing({', '.join(shown)})"


def _short(value: object) -> str:
    return repr(value[0]) if isinstance(value, tuple) and len(value) == 1 else repr(value)


def _text(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


def _channels_to_try(module: nn.Module, preprocessing: Preprocessing) -> Iterator[int]:
    """The input channels of the first convolution, or the usual numbers where no convolution is seen."""
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    for channels in (1, 3, 4, 2, 6) if first is None else (first.in_channels,):
        if channels != preprocessing.channels:
            yield channels


def _first_size(
    module: nn.Module, model: PixelModel, sizes: Iterable[Size], change: Callable[[Tensor], Tensor]
) -> Size | None:
    """The first size of which the module takes the changed input."""
    for size in sizes:
        try:
            with torch.no_grad():
                module(change(model.normalised(probe_pixels(size))))
        except BaseException as error:  # whatever the user's forward raises
            contained(error)
            continue
        return size
    return None


def _with_channels(channels: int) -> Callable[[Tensor], Tensor]:
    return lambda image: image[:, :1].expand(-1, channels, -1, -1).contiguous()


def _channels_last(image: Tensor) -> Tensor:
    return image.permute(0, 2, 3, 1).contiguous()


def _as_bytes(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)


def _unchanged(image: Tensor) -> Tensor:
    return image

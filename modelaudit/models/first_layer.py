"""The first convolution of an architecture: how many channels its images have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


def stored_channels(plan: nn.Module, state: Mapping[str, Tensor]) -> int | None:
    """The channels of the images that a checkpoint was trained on, where these are others than the plan's."""
    name, first = _first(plan)
    if first is None or (stored := state.get(f"{name}.weight")) is None or stored.ndim != 4 or first.groups != 1:
        return None
    own = first.weight
    same = stored.shape[0] == own.shape[0] and stored.shape[2:] == own.shape[2:]
    return stored.shape[1] if same and stored.shape[1] != own.shape[1] else None


def with_channels(module: nn.Module, channels: int) -> nn.Module:
    """The module, its first convolution replaced by a new one that takes `channels`."""
    name, first = _first(module)
    assert first is not None
    mode: Any = first.padding_mode
    padding: Any = first.padding
    size, stride, dilation = (_pair(value) for value in (first.kernel_size, first.stride, first.dilation))
    replaced = nn.Conv2d(
        channels, first.out_channels, size, stride, padding, dilation, 1, first.bias is not None, padding_mode=mode
    )
    owner, _, last = name.rpartition(".")
    setattr(module.get_submodule(owner), last, replaced)
    return module


def no_preprocessing(channels: int) -> str:
    """The note of a source whose usual preprocessing is of RGB."""
    if channels == 1:
        return "preprocessing: it takes one channel, and the usual mean and std are of three, so it has channels=1"
    return f"preprocessing: it takes {channels} channels, and the usual mean and std are of three"


def _first(module: nn.Module) -> tuple[str, nn.Conv2d | None]:
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d):
            return name, part
    return "", None


def _pair(sides: tuple[int, ...]) -> tuple[int, int]:
    return sides[0], sides[1]

"""Running a caller's module without changing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .loaded import LoadedModel, PixelModel


@contextmanager
def borrowed(loaded: LoadedModel, device: torch.device | str) -> Iterator[PixelModel]:
    """The model on pixel values, in eval mode, frozen and on `device`, for the length of a ``with`` block.

    Afterwards, also after an exception, every training flag, ``requires_grad``, ``.grad``, buffer and device of the
    caller's module is as it was, and its parameters are the very same objects. One borrower at a time.
    """
    with borrowed_module(loaded.module, device):
        yield loaded.pixel_model


@contextmanager
def borrowed_module(module: nn.Module, device: torch.device | str) -> Iterator[nn.Module]:
    """As :func:`borrowed`, for a bare module."""
    state = _State.of(module)
    try:
        with torch.inference_mode(False):
            module.to(device)
            module.eval()
            for part in module.modules():
                part.training = False  # a train() of the user's own may keep some parts in training mode
            for parameter in module.parameters():
                parameter.grad = None
                parameter.requires_grad_(False)
        yield module
    finally:
        with torch.inference_mode(False):
            state.restore()


@dataclass(frozen=True)
class _Parameter:
    owner: nn.Module
    name: str
    parameter: nn.Parameter
    data: Tensor
    requires_grad: bool
    grad: Tensor | None


@dataclass(frozen=True)
class _Buffer:
    owner: nn.Module
    name: str
    buffer: Tensor
    before: Tensor


@dataclass(frozen=True)
class _State:
    """What is put back. Parameters are kept by reference (nothing writes into them while they are frozen), buffers
    also by value, since a forward pass may write into them."""

    training: tuple[tuple[nn.Module, bool], ...]
    parameters: tuple[_Parameter, ...]
    buffers: tuple[_Buffer, ...]

    @classmethod
    def of(cls, module: nn.Module) -> _State:
        parts = tuple(module.modules())
        return cls(
            tuple((part, part.training) for part in parts),
            tuple(
                _Parameter(part, name, value, value.data, value.requires_grad, value.grad)
                for part in parts
                for name, value in part._parameters.items()
                if value is not None
            ),
            tuple(
                _Buffer(part, name, value, value.detach().clone())
                for part in parts
                for name, value in part._buffers.items()
                if value is not None
            ),
        )

    def restore(self) -> None:
        for kept in self.parameters:
            if kept.owner._parameters[kept.name] is not kept.parameter:
                kept.owner._parameters[kept.name] = kept.parameter
            kept.parameter.grad = None
            kept.parameter.data = kept.data
            kept.parameter.requires_grad_(kept.requires_grad)
            kept.parameter.grad = kept.grad
        for saved in self.buffers:
            if not torch.equal(saved.buffer, saved.before):
                with torch.no_grad():
                    saved.buffer.copy_(saved.before)
            if saved.owner._buffers[saved.name] is not saved.buffer:
                saved.owner._buffers[saved.name] = saved.buffer
        for part, training in self.training:
            part.training = training

"""Attention rollout: where the tokens that a transformer decides on have their information from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import AttributionError
from ..language.spatial import SpatialLayer
from ..language.spec import Method
from .attention import Attention, Attentions
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .passes import gradients_wanted, name_of, no_gradient

_INSTEAD = "take another method, e.g. gradcam or integrated_gradients"
_ROUNDING = 1e-3


@dataclass(frozen=True)
class AttentionRollout(Method):
    """r A_L ... A_1 at the spatial tokens, A_l = (W_l + 1) / 2, W_l a block's attention (Abnar and Zuidema 2020).

    W_l [N, N] is the mean over the heads. r is the mean over the tokens whose last attention the logits depend on, as a
    gradient tells: the class token where there is one, the spatial tokens where their mean is taken. The map hardly
    depends on the target: it shows where the model looks, not for which class.

    Only for transformers in which every block attends from all tokens to all: windows (Swin, MaxViT), grids that
    shrink, and class or pooling attention have no such product.
    """


_DECLARES = MethodDeclaration(cost=lambda spec: Cost(forward=1, backward=1), spatial_layer=True)


@attribution("attention_rollout", AttentionRollout, _DECLARES.named("Attention Rollout"))
def attention_rollout_maps(spec: AttentionRollout, question: AttributionInput) -> Maps:
    """Maps >= 0 on the grid of tokens, brought to the image's size bilinearly with align_corners=False.

    Raises:
        AttributionError: no tokens; or not every attention of the model was seen, or one is not [B, N, N] over all
            tokens with rows that sum to 1; or no gradient leads back to the last of them.
    """
    spatial = question.spatial
    if spatial is None or spatial.layout != "tokens":
        found = "no layer of tokens was found" if spatial is None else f"{spatial.name!r} holds no tokens"
        raise AttributionError(f"{spec}: {found}, so there is no attention to roll out; {_INSTEAD}")
    count = len(question.pixels)
    rows = question.rows or count
    maps = []
    for first in range(0, count, rows):
        chosen = torch.arange(first, first + rows, device=question.pixels.device).clamp_max(count - 1)
        part = _rolled_out(question, spatial, question.pixels[chosen], question.selector[chosen])
        maps.append(part[: count - first])
    return Maps.on_grid(torch.cat(maps), (question.pixels.shape[2], question.pixels.shape[3]))


def _rolled_out(question: AttributionInput, spatial: SpatialLayer, pixels: Tensor, selector: Tensor) -> Tensor:
    name = name_of(question.model)
    attentions = Attentions()
    with gradients_wanted(), torch.autocast(pixels.device.type, enabled=False):
        with attentions.watching(question.model):
            logits = question.model(pixels.detach().clone())
        _require_all(attentions, spatial, len(pixels), name)
        last = attentions.found[-1]
        value = (logits * selector.detach().clone()).sum()
        (gradient,) = torch.autograd.grad(value, last.result, allow_unused=True) if value.requires_grad else (None,)
    if gradient is None or not bool(gradient.any()):
        raise AttributionError(no_gradient(name, "its last attention"))
    row = _product(last.read(gradient), attentions.found)
    return row[:, spatial.prefix :].reshape(len(row), spatial.height, spatial.width)


def _product(read: Tensor, attentions: list[Attention]) -> Tensor:
    """[B, N], the mean row of the tokens that are read of the product of all (W + 1) / 2; sums to 1."""
    row = read.to(attentions[0].matrix.dtype)
    row = row / row.sum(1, keepdim=True)
    for attention in reversed(attentions):
        row = (row + (row.unsqueeze(2) * attention.matrix).sum(1)) / 2
    return row


def _require_all(attentions: Attentions, spatial: SpatialLayer, images: int, name: str) -> None:
    if attentions.missed:
        raise AttributionError(f"attention_rollout: in {name} {attentions.missed[0]}; {_INSTEAD}")
    if not attentions.found:
        raise AttributionError(
            f"attention_rollout: no attention ran in {name}, or in code that is compiled; {_INSTEAD}"
        )
    tokens = spatial.prefix + spatial.height * spatial.width
    for number, attention in enumerate(attentions.found, 1):
        shape = tuple(attention.matrix.shape)
        if shape != (images, tokens, tokens):
            raise AttributionError(
                f"attention_rollout: attention {number} of {len(attentions.found)} in {name} is {list(shape)}, not "
                f"[{images}, {tokens}, {tokens}] from each token to each (windows, other grids, pooling?); {_INSTEAD}"
            )
    off = torch.stack([(part.matrix.sum(2) - 1).abs().max() for part in attentions.found]).max()
    if bool(off > _ROUNDING):  # not where they are not a number: such images are invalid, the model is not
        raise AttributionError(f"attention_rollout: rows of attention in {name} do not sum to 1; {_INSTEAD}")

"""Attention rollout, and the attention of a transformer recorded block by block while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..language.errors import AttributionError
from ..language.spatial import SpatialLayer
from ..language.spec import Method
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .passes import gradients_wanted, name_of, no_gradient


@dataclass(frozen=True)
class Attention:
    """One attention as it ran.

    Args:
        matrix: [B, N, M], from each of N tokens to each of M; the mean over the heads.
        result: what it gave, as the model goes on with it; a graph begins here.
        tokens: the axis of `result` along which the N tokens lie.
        images: the axis along which the images lie.
    """

    matrix: Tensor
    result: Tensor
    tokens: int
    images: int

    def read(self, gradient: Tensor) -> Tensor:
        """[B, N] bool: the tokens of `result` that something with this gradient at it depends on."""
        return (gradient != 0).movedim((self.images, self.tokens), (0, 1)).flatten(2).any(2)


@dataclass
class _Call:
    """One call of a module that is an attention by the name of its class."""

    name: str
    own: int = 0
    all: int = 0
    without: list[str] = field(default_factory=list)


class Attentions(TorchFunctionMode):
    """What attends in a pass; inside the ``with``, and of this thread only. Nothing that runs is changed by it.

    Seen are ``scaled_dot_product_attention``, ``nn.MultiheadAttention`` and a softmax over the last axis of
    [B, heads, N, N], which is how timm, torchvision and Hugging Face write it. Every module whose class is called an
    attention must hold one of them, and each of them must be in such a module: `missed` says where that is not so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Attention] = []
        self.missed: list[str] = []
        self._calls: list[_Call] = []

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """Count the calls of the attention modules of a model, and look at the functions that it calls."""
        with ExitStack() as stack:
            for name, part in model.named_modules():
                if any(word in type(part).__name__.lower() for word in ("attention", "attn")):
                    stack.callback(part.register_forward_pre_hook(self._enter(name)).remove)
                    stack.callback(part.register_forward_hook(self._leave).remove)
            with self:
                yield

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named: dict[str, Any] = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name == "multi_head_attention_forward":
            return self._multi_head(func, args, named)
        output = func(*args, **named)
        if name == "scaled_dot_product_attention" and output.ndim == 4:
            return self._keep(_probabilities(*args, **named).mean(1), output, tokens=2, images=0)
        if name == "softmax" and _is_attention(output, args, named):
            return self._keep(output.detach().mean(1), output, tokens=2, images=0)
        return output

    def _multi_head(self, func: Any, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
        """As it was called, but with the weights, which it does not give everybody."""
        wanted, mean = named.get("need_weights", True), named.get("average_attn_weights", True)
        output, weights = func(*args, **{**named, "need_weights": True})
        if output.ndim == 3:
            output = self._keep(weights.detach() if mean else weights.detach().mean(1), output, tokens=0, images=1)
        return output, weights if wanted else None

    def _keep(self, matrix: Tensor, output: Tensor, *, tokens: int, images: int) -> Tensor:
        if self._calls:
            self._calls[-1].own += 1
        else:
            self.missed.append("an attention runs outside of every module that is called one")
        output = output.detach().requires_grad_()
        self.found.append(Attention(matrix, output, tokens, images))
        return output.clone()

    def _enter(self, name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any) -> None:
            self._calls.append(_Call(name))

        return hook

    def _leave(self, part: nn.Module, _: Any, __: Any) -> None:
        call = self._calls.pop()
        call.all += call.own
        if call.own > 1:
            self.missed.append(f"{call.name!r} attends {call.own} times in a call")
        if call.own == 0:  # parts of an attention may be called one too; parts of a mere container must be one
            self.missed.extend(call.without)
        said = f"no attention matrix was seen in {call.name!r} ({type(part).__name__})"
        if self._calls:
            self._calls[-1].all += call.all
            self._calls[-1].without.extend([said] if call.all == 0 else [])
        elif call.all == 0:
            self.missed.append(said)


def _is_attention(output: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    axis = named.get("dim", args[1] if len(args) > 1 else None)
    return (
        isinstance(output, Tensor) and output.ndim == 4 and axis in (-1, 3) and output.shape[2] == output.shape[3] > 1
    )


def _probabilities(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """[B, heads, N, M], what the fused kernel does not tell: softmax(Q K^T scale + mask)."""
    with torch.no_grad():
        if enable_gqa:
            key = key.repeat_interleave(query.shape[1] // key.shape[1], 1)
        dtype = torch.promote_types(query.dtype, torch.float32)
        scores = query.to(dtype) @ key.to(dtype).mT * (query.shape[-1] ** -0.5 if scale is None else scale)
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attn_mask, -torch.inf)
        elif attn_mask is not None:
            scores = scores + attn_mask
        return scores.softmax(-1)


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

    >>> str(AttentionRollout())
    'attention_rollout'
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

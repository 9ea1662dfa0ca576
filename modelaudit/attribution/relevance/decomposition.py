"""RuleSet operations, written in those that the relevance methods have rules for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...language.errors import AttributionError


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``scaled_dot_product_attention``: softmax(Q K^T scale + mask) V."""
    if dropout_p or enable_gqa:
        raise AttributionError("attention with dropout or grouped queries has no rule here; take integrated_gradients")
    scores = torch.matmul(query, key.transpose(-2, -1)) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        allowed = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~allowed, -torch.inf)
    elif attn_mask is not None:
        boolean = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, -torch.inf) if boolean else scores + attn_mask
    return torch.matmul(torch.softmax(scores, -1), value)


def multi_head_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    **options: Any,
) -> tuple[Tensor, None]:
    """``multi_head_attention_forward`` on [length, batch, channels], without masks, added tokens and returned weights.

    Inside, the batch comes first, as everywhere else in a model of images.
    """
    unusual = [bias_k, bias_v, options.get("key_padding_mask"), options.get("attn_mask"), options.get("static_k")]
    if in_proj_weight is None or add_zero_attn or query.dim() != 3 or any(part is not None for part in unusual):
        raise AttributionError(
            "nn.MultiheadAttention with masks, added tokens, unbatched input or keys of another size has no rule here; "
            "take integrated_gradients"
        )
    weights = in_proj_weight.chunk(3)
    biases = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)

    def heads(tensor: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        projected = functional.linear(tensor.transpose(0, 1), weight, bias)
        return projected.reshape(*projected.shape[:2], num_heads, -1).transpose(1, 2)

    queries, keys, values = (heads(*given) for given in zip((query, key, value), weights, biases, strict=True))
    mixed = attention(queries, keys, values).transpose(1, 2).flatten(2)
    return functional.linear(mixed, out_proj_weight, out_proj_bias).transpose(0, 1), None


def normalize(input: Tensor, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12) -> Tensor:
    """x / max(|x|, eps), with the Euclidean norm."""
    if p != 2:
        raise AttributionError(f"normalize with p={p} has no rule here; take integrated_gradients")
    return input * torch.rsqrt(torch.clamp((input * input).sum(dim, keepdim=True), min=eps * eps))


def vector_norm(input: Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False, **options: Any) -> Tensor:
    """The Euclidean norm."""
    p = options.pop("ord", p)
    if p not in (2, "fro", None) or any(value is not None for value in options.values()):
        raise AttributionError(f"a norm with p={p} has no rule here; take integrated_gradients")
    dims = tuple(range(input.dim())) if dim is None else dim
    return torch.sqrt((input * input).sum(dims, keepdim=keepdim))


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last axes."""
    normal = _standardised(input, tuple(range(-len(normalized_shape), 0)), eps)
    return _scaled(normal, weight, bias)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """The same over the channels of a group and all places."""
    grouped = input.reshape(len(input), num_groups, -1)
    normal = _standardised(grouped, (2,), eps).reshape(input.shape)
    shape = (-1, *[1] * (input.dim() - 2))
    parts = (None if part is None else part.view(shape) for part in (weight, bias))
    return _scaled(normal, *parts)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """x / sqrt(mean of x^2 + eps) * weight over the last axes."""
    dims = tuple(range(-len(normalized_shape), 0))
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    return _scaled(input * torch.rsqrt((input * input).mean(dims, keepdim=True) + eps), weight, None)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a * sigmoid(b)."""
    signal, gate = input.chunk(2, dim)
    return signal * torch.sigmoid(gate)


def _standardised(values: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    centred = values - values.mean(dims, keepdim=True)
    return centred * torch.rsqrt((centred * centred).mean(dims, keepdim=True) + eps)


def _scaled(values: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    values = values if weight is None else values * weight
    return values if bias is None else values + bias

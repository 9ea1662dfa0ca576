"""Which rule of LRP passes an operation that is not a weighted layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import decomposition
from .linear import names

#: passed by their gradient: the largest value of a window takes all, and relu hands on what it lets through
BY_GRADIENT = names(
    "relu leaky_relu prelu abs max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d "
    "adaptive_max_pool3d amax amin"
)
#: f(0) = 0: the input is as relevant as the output
IDENTITY = names(
    "gelu silu mish tanh relu6 hardswish hardtanh elu selu celu softsign tanhshrink hardshrink softshrink erf"
)
#: only ever factors: the other factor of their product takes all the relevance
GATES = names(
    "sigmoid hardsigmoid softplus exp rsqrt sqrt reciprocal rdiv rpow pow square norm vector_norm clamp clamp_min "
    "clamp_max var std log logsumexp"
)
PRODUCTS = frozenset({"mul", "matmul", "mm", "bmm", "einsum"})
WEIGHTED = frozenset({"conv1d", "conv2d", "conv3d", "linear"})
#: rewritten in operations that have rules; a norm so becomes the centred values times a gate
DECOMPOSED: dict[str, Callable[..., Any]] = {
    "scaled_dot_product_attention": decomposition.attention,
    "multi_head_attention_forward": decomposition.multi_head_attention,
    "layer_norm": decomposition.layer_norm,
    "group_norm": decomposition.group_norm,
    "rms_norm": decomposition.rms_norm,
    "normalize": decomposition.normalize,
    "glu": decomposition.glu,
}
#: affine operations that may add what does not depend on the pixels
WITH_CONSTANT = names(
    "add sub rsub cat stack hstack vstack pad where masked_fill lerp addmm baddbmm addcmul conv_transpose1d "
    "conv_transpose2d conv_transpose3d"
)

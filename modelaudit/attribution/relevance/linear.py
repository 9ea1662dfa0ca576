"""Which operations are linear in the tensors that depend on the pixels, so that their gradient is their rule."""

from __future__ import annotations

from .operations import Operation, refusal

#: linear or affine in all their tensors together; the gradient hands a change, or a relevance, on exactly
AFFINE = frozenset(
    "add sub rsub neg sum mean cat stack hstack vstack pad where masked_fill batch_norm conv_transpose1d conv_transpose2d "
    "conv_transpose3d native_channel_shuffle avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
    "adaptive_avg_pool3d interpolate upsample pixel_shuffle pixel_unshuffle channel_shuffle unfold fold lerp "
    "positive cumsum".split()
)
#: the same values in another shape or place
STRUCTURAL = frozenset(
    "view view_as reshape reshape_as flatten unflatten ravel permute transpose swapaxes swapdims movedim moveaxis t T mT "
    "H mH contiguous squeeze unsqueeze expand expand_as broadcast_to repeat repeat_interleave tile split chunk unbind iter "
    "tensor_split narrow select index_select getitem gather take_along_dim roll flip rot90 diagonal to float double type "
    "type_as clone real split_with_sizes unsafe_chunk unsafe_split requires_grad".split()
)
#: linear in each of their tensors for itself
MULTILINEAR = frozenset("mul matmul mm bmm einsum linear conv1d conv2d conv3d addmm baddbmm addcmul bilinear".split())
DROPOUT = frozenset("dropout dropout1d dropout2d dropout3d feature_dropout alpha_dropout feature_alpha_dropout".split())
#: give new tensors that hold nothing of those they are given
FRESH = frozenset(
    "zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full new_empty new_tensor "
    "finfo".split()
)


def refuse_training(method: str, operation: Operation) -> None:
    """Dropout and batch norm are linear in eval mode only.

    Raises:
        AttributionError: the operation runs as in training.
    """
    place = 5 if operation.name == "batch_norm" else 2
    default = operation.name != "batch_norm"
    checked = operation.name == "batch_norm" or operation.name in DROPOUT
    if checked and operation.argument("training", place, operation.kwargs.get("train", default)):
        raise refusal(method, operation, "which runs as in training, so that images of a batch or random draws mix in")

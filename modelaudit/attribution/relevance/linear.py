"""Which operations are linear in the tensors that depend on the pixels, so that their gradient is their rule."""

from __future__ import annotations

from .operations import Operation, refusal


def names(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


#: linear or affine in all their tensors together; the gradient hands a change, or a relevance, on exactly
AFFINE = names(
    "add sub rsub neg positive sum mean cumsum cat stack hstack vstack pad where masked_fill lerp batch_norm "
    "conv_transpose1d conv_transpose2d conv_transpose3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
    "adaptive_avg_pool2d adaptive_avg_pool3d interpolate upsample pixel_shuffle pixel_unshuffle channel_shuffle "
    "native_channel_shuffle unfold fold"
)
#: the same values in another shape or place
STRUCTURAL = names(
    "view view_as reshape reshape_as flatten unflatten ravel permute transpose swapaxes swapdims movedim moveaxis t T "
    "mT H mH contiguous squeeze unsqueeze expand expand_as broadcast_to repeat repeat_interleave tile split chunk "
    "split_with_sizes unsafe_chunk unsafe_split unbind iter tensor_split narrow select index_select getitem gather "
    "take_along_dim roll flip rot90 diagonal to float double type type_as clone real requires_grad"
)
#: linear in each of their tensors for itself
MULTILINEAR = names("mul matmul mm bmm einsum linear conv1d conv2d conv3d addmm baddbmm addcmul bilinear")
DROPOUT = names("dropout dropout1d dropout2d dropout3d feature_dropout alpha_dropout feature_alpha_dropout")
#: give new tensors that hold nothing of those they are given
FRESH = names(
    "zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full new_empty new_tensor "
    "finfo"
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

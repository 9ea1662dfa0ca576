"""Guided backpropagation and deconvolution: gradients that go back through a ReLU by another rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..language.errors import AttributionError
from ..language.spec import Method
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .cam import GradCam, gradcam_maps
from .layer_grid import OnLayer
from .passes import gradients_wanted, name_of, no_gradient

#: nodes of autograd's graph that are a ReLU if the bound that the attribute holds is 0
_RELUS = {
    "Relu": None,
    "Threshold": "_saved_threshold",
    "ClampMin": "_saved_min",
    "Clamp": "_saved_min",
    "Hardtanh": "_saved_min_val",
}
#: nodes that are linear at inference, normalise, or pool: their own gradient is part of the methods' definitions
_KEEP = re.compile(
    r"Addmm|Addmv|AdaptiveAvgPool\dD|AdaptiveMaxPool\dD|Add|Alias|Amax|AsStrided|AvgPool\dD|Bmm|Cat|Clone|ConstantPadNd"
    r"|Convolution|CopyBackwards|CudnnBatchNorm|Div|Expand|Flip|Im2Col|Index|IndexSelect|Max|MaxPool\dDWithIndices"
    r"|Mean|MiopenBatchNorm|MkldnnConvolution|Mm|Mul|NativeBatchNorm|NativeGroupNorm|NativeLayerNorm|Neg|Permute"
    r"|PixelShuffle|PixelUnshuffle|ReflectionPad\dD|Repeat|ReplicationPad\dD|ReshapeAlias|Reshape|Roll|Rsub|Select|Slice|Split"
    r"|SplitWithSizes|Squeeze|Stack|Sub|Sum|T|ToCopy|Transpose|Unbind|UnsafeSplit|UnsafeView|Unsqueeze|Upsample\w+|View"
)
_PRODUCTS = ("Mul", "Div", "Mm", "Bmm")
_WAY_OUT = "take another method, e.g. saliency, smoothgrad or integrated_gradients"
_Rule = Callable[[tuple[Any, ...], tuple[Any, ...]], tuple[Any, ...]]


@dataclass(frozen=True)
class GuidedBackprop(Method):
    """Sum over channels of |R|, R the gradient of f at the pixels, negative parts dropped behind every ReLU.

    A ReLU y = max(x, 0) passes back ``(x > 0) * relu(dy)`` (Springenberg et al. 2015). A clipped one, as the ReLU6 of
    MobileNet, is a ReLU that is flat above: ``(0 < x < 6) * relu(dy)``. Every ReLU of the pass counts, whether it is a
    module, a function, in place or used twice, and nothing but ReLUs may bend the function: a network with other
    activations, gates or attention is refused, since there the result would be the plain gradient, or a mixture.

    >>> str(GuidedBackprop())
    'guided_backprop'
    """


@dataclass(frozen=True)
class Deconvolution(Method):
    """Sum over channels of |R|, R the gradient of f at the pixels, where every ReLU passes back ``relu(dy)`` alone.

    What was clipped forward does not matter, at a ReLU6 at neither end (Zeiler and Fergus 2014). Refused where
    guided_backprop is.

    >>> str(Deconvolution())
    'deconvolution'
    """


@dataclass(frozen=True)
class GuidedGradCam(OnLayer):
    """guided_backprop times gradcam brought to the image's size bilinearly (Selvaraju et al. 2017); values >= 0.

    >>> str(GuidedGradCam(layer="layer4"))
    'guided_gradcam(layer=layer4)'

    Args:
        layer: as of gradcam.

    Raises:
        ExpressionError: the layer is not a name.
    """


_ONE_PASS = MethodDeclaration(cost=lambda spec: Cost(forward=1, backward=1))
_WITH_LAYER = MethodDeclaration(
    cost=lambda spec: Cost(forward=2, backward=2), tensors=("layer_activation", "layer_gradient"), spatial_layer=True
)


@attribution("guided_backprop", GuidedBackprop, _ONE_PASS.named("Guided Backpropagation"))
def guided_backprop_maps(spec: GuidedBackprop, question: AttributionInput) -> Maps:
    """[B, H, W] of values >= 0.

    Raises:
        AttributionError: no ReLU lies between image and logits, or something else that is not linear does.
    """
    return Maps(_through_relus("guided_backprop", question, _guided).abs().sum(1))


@attribution("deconvolution", Deconvolution, _ONE_PASS.named("Deconvolution"))
def deconvolution_maps(spec: Deconvolution, question: AttributionInput) -> Maps:
    """[B, H, W] of values >= 0.

    Raises:
        AttributionError: no ReLU lies between image and logits, or something else that is not linear does.
    """
    return Maps(_through_relus("deconvolution", question, _deconvolved).abs().sum(1))


@attribution("guided_gradcam", GuidedGradCam, _WITH_LAYER.named("Guided Grad-CAM"))
def guided_gradcam_maps(spec: GuidedGradCam, question: AttributionInput) -> Maps:
    """[B, H, W] of values >= 0.

    Raises:
        AttributionError: what guided_backprop or gradcam refuses.
    """
    cams = gradcam_maps(GradCam(spec.layer), question)
    return Maps(cams.values * _through_relus("guided_gradcam", question, _guided).abs().sum(1))


def _guided(inner: tuple[Any, ...], outer: tuple[Any, ...]) -> tuple[Any, ...]:
    return (inner[0].relu(), *inner[1:])


def _deconvolved(inner: tuple[Any, ...], outer: tuple[Any, ...]) -> tuple[Any, ...]:
    return (outer[0].relu(), *inner[1:])


def _through_relus(name: str, question: AttributionInput, rule: _Rule) -> Tensor:
    """[B, 3, H, W], the gradient at the pixels under another rule of ReLUs.

    The rule is put on the nodes of the pass's own graph, so no way of writing a ReLU escapes it, nothing is left on
    the model, and what else the pass went through is known by name.
    """
    if any(isinstance(part, torch.jit.ScriptModule) for part in question.model.modules()):
        raise AttributionError(
            f"{name}: TorchScript merges its ReLUs into blocks that no rule can reach; export the model with "
            f"torch.export instead, or {_WAY_OUT}"
        )
    model = name_of(question.model)
    with gradients_wanted(), ExitStack() as stack:
        pixels = question.pixels.detach().clone().requires_grad_()
        value = (question.model(pixels) * question.selector.detach().clone()).sum()
        if not value.requires_grad:
            raise AttributionError(no_gradient(model, "the image"))
        for node in _relus(name, value):
            stack.callback(node.register_hook(rule).remove)
        (gradient,) = torch.autograd.grad(value, pixels, allow_unused=True)
    if gradient is None:
        raise AttributionError(no_gradient(model, "the image"))
    return gradient


def _relus(name: str, value: Tensor) -> list[Any]:
    """The nodes of all ReLUs behind `value`.

    Raises:
        AttributionError: no ReLU, or another non-linearity as well.
    """
    relus, others = [], Counter[str]()
    for node in _nodes(value):
        kind = re.sub(r"Backward\d*\Z", "", node.name())
        if kind in _RELUS and _is_relu(node, _RELUS[kind]):
            relus.append(node)
        elif not _keeps_its_gradient(node, kind):
            others[kind] += 1
    if others:
        named = ", ".join(f"{kind} ({count} times)" for kind, count in sorted(others.items()))
        raise AttributionError(
            f"{name} is defined for networks whose only non-linearities are ReLU and pooling; this one also goes "
            f"through {named}: {_WAY_OUT}"
        )
    if not relus:
        raise AttributionError(f"{name}: no ReLU lies between the image and the logits: {_WAY_OUT}")
    return relus


def count_relus(name: str, question: AttributionInput) -> tuple[int, int]:
    """How often modules of type ``nn.ReLU`` run in a pass, and how many ReLUs the pass goes through in all.

    Raises:
        AttributionError: no ReLU, or another non-linearity as well.
    """
    runs = 0

    def count(*_: object) -> None:
        nonlocal runs
        runs += 1

    with gradients_wanted(), ExitStack() as stack:
        for part in question.model.modules():
            if isinstance(part, torch.nn.ReLU):
                stack.callback(part.register_forward_hook(count).remove)
        pixels = question.pixels[:1].detach().clone().requires_grad_()
        value = question.model(pixels).sum()
        if not value.requires_grad:
            raise AttributionError(no_gradient(name_of(question.model), "the image"))
        return runs, len(_relus(name, value))


def _is_relu(node: Any, bound: str | None) -> bool:
    low = 0 if bound is None else getattr(node, bound, None)
    return low is not None and not (isinstance(low, Tensor) and low.numel() > 1) and float(low) == 0


def _keeps_its_gradient(node: Any, kind: str) -> bool:
    if kind == "torch::autograd::AccumulateGrad":
        return True
    if kind in _PRODUCTS and all(source is not None for source, _ in node.next_functions):
        return False  # a product of two values that both depend on the image: a gate, attention
    return _KEEP.fullmatch(kind) is not None


def _nodes(value: Tensor) -> Iterator[Any]:
    """Every node of the graph behind `value`, once."""
    waiting: list[Any] = [value.grad_fn]
    seen: set[Any] = set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting.extend(source for source, _ in node.next_functions)
            yield node

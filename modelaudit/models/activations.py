"""The values inside a model: one forward pass recorded, and the grids that a value's shape allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge

from ..language.spatial import Layout, SpatialLayer, lies_over
from .fingerprint import probe_pixels
from .loaded import device_of

PROBES = 2
Run = Callable[[Tensor], Tensor]
Side = Literal["output", "input"]


@dataclass(frozen=True)
class HookPoint:
    """Where a value can be hooked: what a module returned, or what it was given first.

    ``single``: the module returned one tensor, or was given one by position; a hook can read and replace only that.
    """

    name: str
    module: nn.Module
    side: Side
    single: bool

    def within(self, other: HookPoint) -> bool:
        """Whether this module is a part of the other."""
        return self.name.startswith(f"{other.name}.")


@dataclass(frozen=True)
class TracedValue:
    """A tensor and every place where it was seen. Equal `identity`: the very same values in the same memory."""

    tensor: Tensor
    edge: GradientEdge
    identity: tuple[Any, ...]
    uses: list[HookPoint] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape)


class Trace:
    """A forward pass of two fixed images, with its graph. Parameters are frozen, so the graph is the image's alone.

    Args:
        values: in the order in which they were first seen.
        times: how often each module ran.
    """

    def __init__(self, module: nn.Module, run: Run, size: tuple[int, int]) -> None:
        self.values: list[TracedValue] = []
        self.times: Counter[str] = Counter()
        self._known: dict[tuple[Any, ...], TracedValue] = {}
        with torch.enable_grad(), ExitStack() as stack:
            for name, part in module.named_modules():
                if name and not isinstance(part, torch.jit.ScriptModule):  # it takes no hooks
                    stack.enter_context(_hooked(part, self._before(name, part), self._after(name, part)))
            pixels = probe_pixels(size, PROBES).to(device_of(module)).requires_grad_()
            self.logits = run(pixels.clone())
        self._count_ways(get_gradient_edge(pixels).node)

    def of(self, module: nn.Module, side: Side) -> list[tuple[TracedValue, HookPoint]]:
        """The values that one module returned or was given."""
        return [(value, use) for value in self.values for use in value.uses if (use.module, use.side) == (module, side)]

    def reaches(self, value: TracedValue) -> bool:
        """Whether the logits depend on the value at all."""
        return self._ways_to[_key(value.edge)] > 0

    def carries_all(self, value: TracedValue) -> bool:
        """Whether the logits depend on the image through this value alone: no way in the graph leads past it."""
        node = value.edge.node
        return self._ways_to[_key(value.edge)] * self._ways_on[node] == self._ways_on[self.logits.grad_fn] > 0

    def gradient(self, value: TracedValue, weights: Tensor | None = None) -> Tensor | None:
        """d sum(weights * logits) / d value; None where the logits do not depend on it.

        By default the weights differ from logit to logit: a plain sum cancels where the rows of a head add up to zero.
        """
        if not self.logits.requires_grad:
            return None
        if weights is None:
            weights = torch.cos(torch.arange(self.logits.shape[1], device=self.logits.device))
        with torch.enable_grad():
            total = (self.logits * weights.to(self.logits)).sum()
        (found,) = torch.autograd.grad(total, [value.edge], retain_graph=True, allow_unused=True)
        return found

    def _count_ways(self, image: Node) -> None:
        """How many ways lead from the logits to each edge, and from each node on to the image; exact, however many."""
        order = _backwards(self.logits.grad_fn)
        self._ways_on: Counter[Node | None] = Counter({image: 1})
        for node in reversed(order):
            self._ways_on[node] += sum(self._ways_on[following] for following, _ in node.next_functions)
        self._ways_to: Counter[tuple[Node, int]] = Counter()
        ways: Counter[Node] = Counter(order[:1])
        for node in order:
            for following, index in node.next_functions:
                if following is not None:
                    ways[following] += ways[node]
                    self._ways_to[following, index] += ways[node]

    def _before(self, name: str, part: nn.Module) -> Callable[..., None]:
        def hook(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            self.times[name] += 1
            single = bool(given) and isinstance(given[0], Tensor)
            self._see((*given, *named.values()), HookPoint(name, part, "input", single))

        return hook

    def _after(self, name: str, part: nn.Module) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, ___: Any, output: Any) -> None:
            self._see(_tensors(output), HookPoint(name, part, "output", isinstance(output, Tensor)))

        return hook

    def _see(self, found: tuple[Any, ...], use: HookPoint) -> None:
        """The first tensor counts. It is kept, so that no two share memory by chance; its version tells an activation
        in place from what it was applied to."""
        first = next((value for value in found if isinstance(value, Tensor)), None)
        if first is None or not first.requires_grad:
            return
        identity = (first.data_ptr(), first._version, tuple(first.shape), first.stride())
        if identity not in self._known:
            self._known[identity] = TracedValue(first, get_gradient_edge(first), identity)
            self.values.append(self._known[identity])
        self._known[identity].uses.append(use)


def _key(edge: GradientEdge) -> tuple[Node, int]:
    return edge.node, edge.output_nr


def _backwards(root: Node | None) -> list[Node]:
    """Every node of a graph, each before those that it leads to."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [(root, False)] if root is not None else []
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((following, False) for following, _ in node.next_functions if following is not None)
    return order[::-1]


def _tensors(output: Any) -> tuple[Any, ...]:
    if isinstance(output, Mapping):
        return tuple(output.values())
    return tuple(output) if isinstance(output, tuple | list) else (output,)


@contextmanager
def _hooked(part: nn.Module, before: Callable[..., None], after: Callable[..., None]) -> Iterator[None]:
    handles = [
        part.register_forward_pre_hook(before, with_kwargs=True),
        part.register_forward_hook(after, with_kwargs=True),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


#: class, distillation and register tokens; no published classifier has more in front of its patches
MOST_PREFIX_TOKENS = 16


@dataclass(frozen=True)
class Arrangement:
    """One reading of a value [B, ...]: a grid of height x width cells of `channels` values, and tokens before it."""

    layout: Layout
    channels: int
    height: int
    width: int
    prefix: int = 0

    def cells(self, values: Tensor) -> Tensor:
        """[B, channels, height, width]"""
        return self.spatial("", "output").grid(values)

    def spatial(self, name: str, side: Literal["output", "input"]) -> SpatialLayer:
        """The layer of that name, read so."""
        return SpatialLayer(name, self.channels, self.height, self.width, self.layout, self.prefix, side)


def arrangements(shape: Sequence[int], image: tuple[int, int], batch: int) -> list[Arrangement]:
    """All readings that the arithmetic allows, the likelier first: [B, C, h, w], [B, h, w, C], [B, prefix + h w, C].

    Of tokens, those with the fewest before the grid come first; there may be 16, and no more than cells. One channel is
    no feature.
    """
    if not shape or shape[0] != batch:
        return []
    if len(shape) == 4:
        found = []
        if lies_over((shape[2], shape[3]), image):
            found.append(Arrangement("NCHW", shape[1], shape[2], shape[3]))
        if lies_over((shape[1], shape[2]), image):
            found.append(Arrangement("NHWC", shape[3], shape[1], shape[2]))
        return found
    if len(shape) == 3 and shape[2] > 1:
        return _of_tokens(shape[1], shape[2], image)
    return []


def has_many_tokens(shape: Sequence[int], batch: int) -> bool:
    """Whether a value could be [B, tokens, channels] with enough tokens for a grid."""
    return len(shape) == 3 and shape[0] == batch and shape[1] >= 4 and shape[2] > 1


def _of_tokens(tokens: int, channels: int, image: tuple[int, int]) -> list[Arrangement]:
    found = []
    for prefix in range(min(MOST_PREFIX_TOKENS, tokens // 2) + 1):
        for rows in _rows(tokens - prefix, image):
            found.append(Arrangement("tokens", channels, rows, (tokens - prefix) // rows, prefix))
    return found


def _rows(cells: int, image: tuple[int, int]) -> list[int]:
    """The numbers of rows with which so many cells lie over the image, the closest to its proportion first."""
    height, width = image
    rows = [
        count for count in range(2, cells // 2 + 1) if cells % count == 0 and lies_over((count, cells // count), image)
    ]
    return sorted(rows, key=lambda count: abs(count * width - cells // count * height))

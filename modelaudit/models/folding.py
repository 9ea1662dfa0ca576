"""Batch norms folded into the convolution or linear layer before them: found by watching, proven in float64."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

from ..language.errors import first_line
from .score_reading import LOGITS, ScoreReading

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_LAYERS = (*_CONVOLUTIONS, *_TRANSPOSED, nn.Linear)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
#: relative, in float64: rounding gives 1e-13 or so, a wrong fold the size of the values themselves
_TOLERANCE = 1e-9
#: how much further from float64 the folded model may be than the model itself
_ROUNDING = 10.0
_Address = tuple[int, int]


@dataclass(frozen=True)
class Folded:
    """A module whose batch norms are folded where that is exact.

    Args:
        module: a copy with the same names, which shares every parameter and buffer that folding does not change; the
            very module that was given where nothing is folded.
        pairs: the names (layer, batch norm) that were folded; the batch norm is now an identity, with what a fused
            kind does after normalising.
        changed: names of modules whose output is now the batch norm's: the layers, and containers that return their
            output. Their own values cannot be read off `module`.
        note: why nothing is folded though there are batch norms; else empty.
    """

    module: nn.Module
    pairs: tuple[tuple[str, str], ...] = ()
    changed: frozenset[str] = frozenset()
    note: str = ""


def folded(module: nn.Module, probe: Tensor, *, keep: Collection[str] = (), reading: ScoreReading = LOGITS) -> Folded:
    """Folds ``y = (Wx + b - mean) / sqrt(var + eps) * weight + bias`` into one W and b wherever that changes nothing.

    A batch norm is folded if the tensor it is given is the very output of a convolution or linear layer, if both run
    once a pass, and if neither carries a hook, a parametrisation or code of its own. Then it is proven: on `probe`, in
    float64, the outputs of all other modules, the logits and their gradient at the input agree to 1e-9. In the
    module's own precision the logits stay as close to float64 as they were, up to a factor of 10.

    Args:
        module: in eval mode, of float32 or float64; it is not changed.
        probe: what `module` is run on, [B, 3, H, W]; two images are enough.
        keep: names of modules whose own output must stay readable; what would change it is left as it is.
        reading: how logits are read off what `module` returns.
    """
    if not any(_plain(part) or _fused(part) for part in module.modules()):
        return Folded(module)
    with torch.inference_mode(False):
        try:
            return _folded(module, probe.detach(), frozenset(keep), reading)
        except _NotFolded as refusal:
            return Folded(module, note=f"batch norms are not folded: {refusal}")


class _NotFolded(Exception):
    """The reason why a module stays as it is."""


def _folded(module: nn.Module, probe: Tensor, keep: frozenset[str], reading: ScoreReading) -> Folded:
    candidate = _copied(module)  # watched too: a forward that leads back to the original's parts is seen here
    pairs = _pairs(candidate, probe, keep, reading)
    if not pairs:
        return Folded(module)
    changed = frozenset().union(*(pair.returned_by for pair in pairs))
    exact = _double(module)
    expected = _Trace.of(exact, probe.double(), reading)
    _fold(exact, pairs)
    _require_same(expected, _Trace.of(exact, probe.double(), reading), changed)
    _fold(candidate, pairs)
    _require_no_noise(module, candidate, probe, expected.logits, reading)
    return Folded(candidate, tuple((pair.layer_name, pair.norm_name) for pair in pairs), changed)


# --------------------------------------------------------------------------------------------------- what can be folded


@dataclass(frozen=True)
class _Pair:
    """A layer and the batch norm that alone reads its output; `returned_by` are all modules that return it."""

    layer_name: str
    norm_name: str
    norm: nn.Module
    returned_by: frozenset[str]


@dataclass
class _Watch:
    """One pass, as seen from its modules: who returns and who reads what a foldable layer made.

    Those tensors are kept, so that no two share an identity by chance.
    """

    calls: Counter[str] = field(default_factory=Counter)
    made: dict[_Address, Tensor] = field(default_factory=dict)
    returned_by: dict[_Address, list[str]] = field(default_factory=dict)
    read_by: dict[_Address, list[str]] = field(default_factory=dict)

    def before(self, name: str, part: nn.Module, given: tuple[Any, ...], options: dict[str, Any]) -> None:
        if next(part.children(), None) is not None and not _fused(part):
            return  # a container hands on what it is given
        for value in (*given, *options.values()):
            if isinstance(value, Tensor) and _address(value) in self.made:
                self.read_by[_address(value)].append(name)

    def after(self, name: str, part: nn.Module, output: Any) -> None:
        self.calls[name] += 1
        if not isinstance(output, Tensor):
            return
        address = _address(output)
        if address in self.made:
            self.returned_by[address].append(name)
        elif isinstance(part, _LAYERS):
            self.made[address], self.returned_by[address], self.read_by[address] = output, [name], []


def _address(value: Tensor) -> _Address:
    """The tensor and its state: an activation in place makes another value of the same tensor."""
    return id(value), value._version


def _pairs(module: nn.Module, probe: Tensor, keep: frozenset[str], reading: ScoreReading) -> list[_Pair]:
    watch, parts = _Watch(), dict(module.named_modules())
    with _hooked(parts, before=watch.before, after=watch.after):
        _run(module, probe, reading)
    found: list[_Pair] = []
    for address, returned_by in watch.returned_by.items():
        layer_name, readers = returned_by[0], watch.read_by[address]
        if len(readers) != 1:
            continue
        pair = _Pair(layer_name, readers[0], parts[readers[0]], frozenset(returned_by))
        once = watch.calls[layer_name] == 1 and watch.calls[pair.norm_name] == 1
        kept = bool(keep & {*returned_by, pair.norm_name})
        if once and not kept and _fits(parts[layer_name], pair.norm, watch.made[address]):
            found.append(pair)
    return found


def _fits(layer: nn.Module, norm: nn.Module, output: Tensor) -> bool:
    """Exact types of layers only: a subclass (padding of its own, standardised weights) may compute otherwise."""
    if type(layer) not in _LAYERS or not (_plain(norm) or _fused(norm)) or norm.training:
        return False
    if _has_hooks(layer) or _has_hooks(norm) or norm.running_mean is None or norm.running_var is None:
        return False
    if (isinstance(layer, _TRANSPOSED) and layer.groups > 1) or (isinstance(layer, nn.Linear) and output.ndim != 2):
        return False
    tensors = (layer.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var)
    dtypes = {layer.weight.dtype, *(value.dtype for value in tensors if isinstance(value, Tensor))}
    # the weights of half precision would be rounded once more
    return len(dtypes) == 1 and bool(dtypes & {torch.float32, torch.float64})


def _plain(part: nn.Module) -> bool:
    return type(part) in _BATCH_NORMS


def _fused(part: nn.Module) -> bool:
    """A batch norm with drop-out and activation as children, as in timm: what they do comes after normalising."""
    return isinstance(part, _BatchNorm) and type(part) not in _BATCH_NORMS and any(True for _ in part.children())


def _has_hooks(part: nn.Module) -> bool:
    return any(getattr(part, name, None) for name in _HOOKS)


# ----------------------------------------------------------------------------------------------------------- folding it


def _copied(module: nn.Module) -> nn.Module:
    """A copy of the structure alone: parameters and buffers are the given module's own."""
    shared = [*module.parameters(), *module.buffers()]
    return _deepcopied(module, {id(value): value for value in shared})


def _double(module: nn.Module) -> nn.Module:
    return _deepcopied(module, {}).double()


def _deepcopied(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    try:
        return copy.deepcopy(module, memo)
    except Exception as error:  # a lock, an open file, a tensor with a graph: whatever a user keeps in a module
        raise _NotFolded(
            f"{type(module).__name__} cannot be copied ({type(error).__name__}: {first_line(error)})"
        ) from error


def _fold(module: nn.Module, pairs: list[_Pair]) -> None:
    parts = dict(module.named_modules())
    replaced: dict[int, nn.Module] = {}
    for pair in pairs:
        layer, norm = parts[pair.layer_name], parts[pair.norm_name]
        weight, bias = _weights(layer, norm)
        layer.weight = nn.Parameter(weight, requires_grad=False)
        layer.bias = nn.Parameter(bias, requires_grad=False)
        replaced[id(norm)] = _rest(norm)
    for owner in list(module.modules()):  # one module may have several owners
        for name, child in list(owner._modules.items()):
            if id(child) in replaced:
                owner._modules[name] = replaced[id(child)]


def _weights(layer: nn.Module, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """The arithmetic in float64, so that folding rounds each weight once."""

    def wide(value: Any) -> Any:
        return value.detach().double() if isinstance(value, Tensor) else None

    mean, variance = wide(norm.running_mean), wide(norm.running_var)
    scale, shift = wide(norm.weight), wide(norm.bias)
    scale = torch.ones_like(mean) if scale is None else scale
    shift = torch.zeros_like(mean) if shift is None else shift
    own: Tensor = layer.weight  # type: ignore[assignment]
    given = (wide(own), wide(layer.bias), mean, variance, float(norm.eps), scale, shift)  # type: ignore[arg-type]
    if isinstance(layer, nn.Linear):
        weight, bias = fuse_linear_bn_weights(*given)
    else:
        weight, bias = fuse_conv_bn_weights(*given, transpose=isinstance(layer, _TRANSPOSED))
    return weight.detach().to(own.dtype), bias.detach().to(own.dtype)


def _rest(norm: nn.Module) -> nn.Module:
    """The replacement of a folded batch norm: identity, or what a fused kind does afterwards, under the same names."""
    children = dict(norm.named_children())
    rest: nn.Module = nn.Identity()
    if children:
        rest = nn.Sequential()
        for name, child in children.items():
            rest.add_module(name, child)
    rest.training = False
    return rest


# ----------------------------------------------------------------------------------------------------------- proving it


@dataclass(frozen=True)
class _Trace:
    """One pass in float64: the logits, their gradient at the input, and of every module's output sum and norm."""

    logits: Tensor
    gradient: Tensor | None
    outputs: dict[str, list[tuple[float, float]]]

    @classmethod
    def of(cls, module: nn.Module, probe: Tensor, reading: ScoreReading) -> _Trace:
        seen: dict[str, list[tuple[float, float]]] = {}

        def after(name: str, _: nn.Module, output: Any) -> None:
            if isinstance(output, Tensor) and output.is_floating_point():
                values = output.detach()
                seen.setdefault(name, []).append((float(values.sum()), float(torch.linalg.vector_norm(values))))

        leaf = probe.clone().requires_grad_()
        with _hooked(dict(module.named_modules()), after=after), torch.enable_grad():
            logits = _run(module, leaf, reading)
        gradient = None
        if logits.requires_grad:
            # weights that differ from logit to logit: a plain sum cancels where the rows of a head add up to zero
            weights = torch.cos(torch.arange(logits.shape[-1], device=logits.device, dtype=logits.dtype))
            (gradient,) = torch.autograd.grad((logits * weights).sum(), leaf, allow_unused=True)
        return cls(logits.detach(), gradient, seen)


def _require_same(expected: _Trace, found: _Trace, changed: frozenset[str]) -> None:
    if not _agree(expected.logits, found.logits):
        raise _NotFolded("that would change the logits; perhaps a folded layer's own output is used elsewhere too")
    if (expected.gradient is None) != (found.gradient is None):
        raise _NotFolded("that would change whether there is a gradient at the input")
    if expected.gradient is not None and not _agree(expected.gradient, found.gradient):
        raise _NotFolded("that would change the gradient at the input")
    for name, values in expected.outputs.items():
        if name not in changed and not _agree(_double_of(values), _double_of(found.outputs.get(name, []))):
            raise _NotFolded(f"that would change the output of {name!r}")


def _double_of(values: list[tuple[float, float]]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _agree(expected: Tensor, found: Tensor | None) -> bool:
    if found is None or expected.shape != found.shape:
        return False
    return bool(((found - expected).abs() <= _TOLERANCE * expected.abs().max()).all())


def _require_no_noise(
    module: nn.Module, candidate: nn.Module, probe: Tensor, exact: Tensor, reading: ScoreReading
) -> None:
    """Rounding in the module's own precision may not grow much: batch norms of tiny variance make large weights."""
    own = float((_run(module, probe, reading).double() - exact).abs().max())
    new = float((_run(candidate, probe, reading).double() - exact).abs().max())
    if not new <= _ROUNDING * own + 1e-5 * float(exact.abs().max()):
        raise _NotFolded(f"in {probe.dtype} the logits would be {new:.2g} from those in float64 instead of {own:.2g}")


def _run(module: nn.Module, probe: Tensor, reading: ScoreReading) -> Tensor:
    try:
        with torch.set_grad_enabled(probe.requires_grad):
            return reading.run(module, probe)
    except Exception as error:
        raise _NotFolded(
            f"{type(module).__name__} does not run on a probe of {probe.dtype} ({type(error).__name__}: "
            f"{first_line(error)})"
        ) from error


@contextmanager
def _hooked(
    parts: dict[str, nn.Module],
    *,
    after: Callable[[str, nn.Module, Any], None],
    before: Callable[[str, nn.Module, tuple[Any, ...], dict[str, Any]], None] | None = None,
) -> Iterator[None]:
    handles = []

    def watch(name: str, part: nn.Module) -> None:
        handles.append(part.register_forward_hook(lambda _, __, output: after(name, part, output)))
        if before is not None:
            pre = part.register_forward_pre_hook(
                lambda _, given, options: before(name, part, given, options), with_kwargs=True
            )
            handles.append(pre)

    try:
        for name, part in parts.items():
            if name and not isinstance(part, torch.jit.ScriptModule):
                watch(name, part)
        yield
    finally:
        for handle in handles:
            handle.remove()

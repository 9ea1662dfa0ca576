"""Model parameter randomisation tests: maps of a model and of a copy with redrawn weights are compared.

MPRT is the model parameter randomisation test of Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018; sMPRT
and eMPRT are those of Hedstroem et al., Sanity Checks Revisited, 2024.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .agreement import spearman

Values = NDArray[np.float64]
#: a model to its maps [n, H, W] of the images that the caller has in mind
Explain = Callable[[nn.Module], Tensor]
#: a model and images [n, 3, H, W] to maps [n, H, W]
ExplainOn = Callable[[nn.Module, Tensor], Tensor]
#: of the histogram whose entropy eMPRT reads, as in its paper
BINS = 100


@dataclass(frozen=True)
class CascadeStage:
    """One stage of the cascade: the layer that was drawn last, and what the maps have in common with the first ones.

    ``correlation``: [n] Spearman's.
    """

    layer: str
    correlation: Values


def layers(module: nn.Module) -> list[str]:
    """The names of the parts that hold parameters of their own, from the last to the first as they were declared."""
    names = [name for name, part in module.named_modules() if any(True for _ in part.parameters(recurse=False))]
    return names[::-1]


def randomised(module: nn.Module, seed: int) -> nn.Module:
    """A copy in which every parameter is drawn anew; the module itself, and global random state, stay as they are.

    A layer with a ``reset_parameters`` of its own is drawn by it: for batch norm that also puts the running mean and
    variance back to 0 and 1, since those of the trained weights would shift what random weights give by a constant
    that drowns the image. Parameters that it leaves as they were, or that no layer resets, are drawn from a normal of
    their own mean and deviation. Buffers that nobody resets stay. Parameters that are shared stay shared.

    >>> layer = nn.Linear(2, 2)
    >>> bool((randomised(layer, seed=0).weight != layer.weight).any())
    True

    Raises:
        Exception: whatever copying the module raises.
    """
    copied = copied_for_drawing(module)
    for name in layers(copied):
        redraw(copied, name, seed)
    return copied


def cascade(module: nn.Module, seed: int) -> Iterator[tuple[str, nn.Module]]:
    """Copies in which the last 1, 2, 3, ... layers are drawn anew, each with the name of the layer drawn last.

    One copy is handed on and drawn further: use it before you ask for the next. The last one is `randomised`.
    """
    copied = copied_for_drawing(module)
    for name in layers(copied):
        redraw(copied, name, seed)
        yield name, copied


def copied_for_drawing(module: nn.Module) -> nn.Module:
    """A copy of its own, in eval mode and frozen as an audit's models are."""
    with torch.inference_mode(False), torch.no_grad():
        copied = copy.deepcopy(module)
    for part in copied.modules():
        part.training = False
    return copied.requires_grad_(False)


def redraw(module: nn.Module, name: str, seed: int) -> None:
    """Draw the parameters of one part anew, in place; (seed, name) decides every number, on every device."""
    part = module.get_submodule(name)
    own = {key: one for key, one in part.named_parameters(recurse=False) if one.is_floating_point() and one.numel()}
    device = next(part.parameters(recurse=False)).device
    generator = torch.Generator().manual_seed(_seed_of(seed, name))
    with torch.inference_mode(False), torch.no_grad():
        part._apply(lambda values: values.cpu(), recurse=False)  # type: ignore[no-untyped-call]  # the same numbers on every device
        before = {key: one.detach().clone() for key, one in own.items()}
        resets = _reset(part, generator)
        for key, one in own.items():
            if torch.equal(one, before[key]) and not (resets and _constant(one)):
                one.copy_(_drawn_like(before[key], generator))
        part._apply(lambda values: values.to(device), recurse=False)  # type: ignore[no-untyped-call]


def _reset(part: nn.Module, generator: torch.Generator) -> bool:
    """By the layer's own rule, where it has one; it draws from torch's global generator, which is put back."""
    reset = getattr(part, "reset_parameters", None)
    if not callable(reset):
        return False
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(generator.get_state())
        reset()
        generator.set_state(torch.get_rng_state())
    return True


def _constant(values: Tensor) -> bool:
    """As the gains and shifts of a norm are after a reset: there is nothing learnt in them."""
    return bool((values == values.flatten()[:1].squeeze()).all())


def _drawn_like(values: Tensor, generator: torch.Generator) -> Tensor:
    """Normal numbers of the same mean and deviation; of a constant, around it with its size (1 for a 0)."""
    double = values.double().cpu()
    mean, deviation = float(double.mean()), float(double.std(unbiased=False))
    if deviation == 0:
        deviation = abs(mean) or 1.0
    drawn = torch.randn(values.shape, generator=generator, dtype=torch.float64) * deviation + mean
    return drawn.to(values.device, values.dtype)


def _seed_of(seed: int, name: str) -> int:
    text = f"{seed}\0randomised\0{name}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def mprt(module: nn.Module, explain: Explain, seed: int) -> list[CascadeStage]:
    """Spearman's correlation of the maps before and after, stage by stage of the :func:`cascade`; low is sane."""
    before = explain(module)
    return [CascadeStage(name, correlations(before, explain(copied))) for name, copied in cascade(module, seed)]


def smprt(
    module: nn.Module, explain: ExplainOn, pixels: Tensor, seed: int, *, samples: int = 50, noise: float = 0.2
) -> list[CascadeStage]:
    """:func:`mprt` of maps that are averaged over `samples` noisy copies of the images [n, 3, H, W]; low is sane.

    The noise is normal, its deviation `noise` times the range (max - min) of each image; every stage has the same.
    """

    def smoothed(model: nn.Module) -> Tensor:
        generator = torch.Generator().manual_seed(_seed_of(seed, "noise"))
        flat = pixels.flatten(1)
        scale = (noise * (flat.amax(1) - flat.amin(1))).view(-1, 1, 1, 1)
        total: Tensor | None = None
        for _ in range(samples):
            drawn = torch.randn(pixels.shape, generator=generator, dtype=torch.float32).to(pixels)
            maps = explain(model, pixels + scale * drawn)
            total = maps.double() if total is None else total + maps
        assert total is not None, "samples must be at least 1"
        return total / samples

    return mprt(module, smoothed, seed)


def emprt(module: nn.Module, explain: Explain, seed: int, *, bins: int = BINS) -> Values:
    """[n] ``(H' - H) / H``: by how much a map's entropy rises under full randomisation; high is sane.

    H is :func:`entropies` before, H' after. NaN where H is 0 or no number.
    """
    return risen(entropies(explain(module), bins), entropies(explain(randomised(module, seed)), bins))


def risen(before: Values, after: Values) -> Values:
    """[n] the relative rise; NaN where there is nothing to be relative to."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = (after - before) / before
    return np.where(before > 0, rise, np.nan)


def entropies(maps: Tensor, bins: int = BINS) -> Values:
    """[n] in nats: the entropy of the histogram of each map's values, `bins` of one width from its least to its
    largest; NaN where a map is not finite.

    >>> entropies(torch.tensor([[[0.0, 1.0]]]), bins=2).round(3).tolist()
    [0.693]
    """
    found = [_entropy(one, bins) for one in _flat(maps)]
    return np.array(found, dtype=np.float64)


def _entropy(values: Values, bins: int) -> float:
    if not np.isfinite(values).all():
        return float("nan")
    counts, _ = np.histogram(values, bins=bins)
    shares = counts[counts > 0] / values.size
    return float(-(shares * np.log(shares)).sum()) + 0.0


def correlations(first: Tensor, second: Tensor) -> Values:
    """[n] Spearman's rank correlation of two maps [n, H, W] of each image.

    NaN where the first map is constant or one of them is not finite. A second map that is constant has no order that
    it could share with the first: 0.
    """
    values = _flat(spearman(first, second)[:, None])[:, 0]
    after = _flat(second)
    defined = np.isfinite(_flat(first)).all(1) & (np.ptp(_flat(first), axis=1) > 0)
    values[defined & np.isfinite(after).all(1) & (np.ptp(after, axis=1) == 0)] = 0.0
    return values


def _flat(maps: Tensor) -> Values:
    """[n, pixels]."""
    return np.asarray(maps.detach().double().cpu().flatten(1).numpy(), dtype=np.float64).copy()

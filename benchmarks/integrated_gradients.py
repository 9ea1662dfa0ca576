"""Integrated Gradients against captum at equal completeness.

captum gets the smallest fixed n_steps of 8, 16, 32, 64 and 128 with which the 95th percentile of the completeness error
over the images is within the tolerance that our ``steps="auto"`` holds on every image; finding it is not timed. Both
give the map and its error, from black, of the predicted class, in batches of one size.

    python benchmarks/integrated_gradients.py --quick
"""

from __future__ import annotations

import time
from collections.abc import Callable

import captum.attr
import torch
from side_by_side import MEAN, STD, Options, built, dependence, drawn, machine, options, rendered, table
from torch import Tensor, nn
from torchvision.transforms import Normalize

from modelaudit.attribution import AttributionInput, integrated_gradients
from modelaudit.attribution.base import COMPLETENESS_LIMIT
from modelaudit.contexts import original
from modelaudit.language import registry
from modelaudit.language.sample import Preprocessing
from modelaudit.models import PixelModel, PreparedModel, precision_context, prepare_model

STEPS = (8, 16, 32, 64, 128)
AUTO = integrated_gradients()
Explained = tuple[Tensor, Tensor, Tensor]


def captums(plain: nn.Module, pixels: Tensor, steps: int, batch: int) -> Explained:
    """Maps [n, H, W], completeness errors [n], and the steps of each."""
    method = captum.attr.IntegratedGradients(plain)
    maps, errors = [], []
    for part in pixels.split(batch):
        with torch.no_grad():
            logits = plain(part)
            target = logits.argmax(1)
        shares, delta = method.attribute(
            part, 0.0, target, n_steps=steps, internal_batch_size=batch, return_convergence_delta=True
        )
        total = shares.double().flatten(1)
        change = total.sum(1) - delta.double()
        scale = torch.maximum(change.abs(), 0.01 * total.abs().sum(1))
        maps.append(shares.sum(1).detach())
        errors.append((delta.double().abs() / scale).detach())
    return torch.cat(maps), torch.cat(errors), torch.full((len(pixels),), steps)


def ours(prepared: PreparedModel, pixels: Tensor, batch: int) -> Explained:
    """The same by ``steps="auto"``; as the engine asks, in passes of one size."""
    function = registry.entry_of(AUTO).function
    maps, errors, steps = [], [], []
    for part in pixels.split(batch):
        with torch.no_grad():
            logits = prepared.model(part)
        selector = nn.functional.one_hot(logits.argmax(1), logits.shape[1]).to(logits.dtype)
        found = function(AUTO, AttributionInput(prepared.model, part, selector, (logits * selector).sum(1), rows=batch))
        assert found.completeness is not None and found.steps is not None
        maps.append(found.values)
        errors.append(found.completeness)
        steps.append(found.steps)
    return torch.cat(maps), torch.cat(errors), torch.cat(steps)


def high(errors: Tensor) -> float:
    """The 95th percentile."""
    return float(errors.double().quantile(0.95))


def enough(run: Callable[[int], Explained]) -> int:
    """The smallest number of steps that is complete enough, else the largest."""
    for steps in STEPS:
        if high(run(steps)[1]) <= COMPLETENESS_LIMIT:
            return steps
    return STEPS[-1]


def compared(name: str, given: Options) -> list[str]:
    """A row of the table."""
    clock, size = given.clock(), (given.side, given.side)
    module = built(name).to(given.device).requires_grad_(False)
    (scene,) = rendered(drawn(given.images, given.side), (original(),), given.side, given.device)
    plain = nn.Sequential(Normalize(MEAN, STD), module)
    prepared = prepare_model(PixelModel(module, Preprocessing(*size, MEAN, STD)), size)
    steps = enough(lambda count: captums(plain, scene.pixels, count, given.batch))
    for _ in range(given.rounds):
        with clock.timed("captum", given.images):
            theirs = captums(plain, scene.pixels, steps, given.batch)
        with clock.timed("modelaudit", given.images), precision_context(prepared.precision):
            mine = ours(prepared, scene.pixels, given.batch)
    shares = [dependence(found[0], scene.mask) for found in (theirs, mine)]
    return [
        name,
        f"{steps}, {high(theirs[1]):.3f}",
        f"{float(mine[2].double().mean()):.1f}, {high(mine[1]):.3f}",
        f"{clock.median('captum') * 1000:.0f}",
        f"{clock.median('modelaudit') * 1000:.0f}",
        f"{clock.ratio('captum', 'modelaudit'):.2f}",
        f"{float((shares[0] - shares[1]).abs().max()):.1e}",
    ]


def main() -> None:
    """Run from the command line."""
    given = options(__doc__, quick=(8, 8, 1), full=(16, 16, 3))
    begun = time.perf_counter()
    rows = [compared(name, given) for name in given.models]
    print(machine(given) + "\n")
    head = ["model", "captum: steps, 95th percentile of the error", "modelaudit: mean steps, 95th percentile"]
    times = ["captum, ms an image", "modelaudit", "captum / modelaudit", "dependence apart by at most"]
    print(table([*head, *times], rows))
    print(f"\n{time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    main()

"""Steps, completeness and processor time of ``integrated_gradients()`` on trained networks and photos of pets.

Two versions side by side: run it with each on PYTHONPATH. EfficientNet-Lite0 needs `efficientnet_lite_pytorch`.

    python benchmarks/integrated_gradients_on_photos.py --photos 24 --reference 4
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch
from swaps import networks, photos
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, Maps, integrated_gradients
from modelaudit.language import registry

#: nodes of the quadrature that stands for the truth
FINE = 300
BATCH = 8


def explained(model: nn.Module, pixels: Tensor, method: integrated_gradients) -> Maps:
    """The maps of the predicted classes, in passes of 8 images."""
    function, found = registry.entry_of(method).function, list[Maps]()
    for part in pixels.split(BATCH):
        with torch.no_grad():
            logits = model(part)
        selector = nn.functional.one_hot(logits.argmax(1), logits.shape[1]).to(logits.dtype)
        found.append(function(method, AttributionInput(model, part, selector, (logits * selector).sum(1), rows=BATCH)))
    columns = ([getattr(maps, name) for maps in found] for name in ("values", "completeness", "steps"))
    return Maps(*(None if column[0] is None else torch.cat(column) for column in columns))  # type: ignore[arg-type]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--reference", type=int, default=0, help=f"photos compared with {FINE} nodes")
    given = parser.parse_args()
    torch.set_num_threads(1)
    assets = Path(os.environ["MODELAUDIT_ASSETS"])
    pixels = photos(assets).pixels
    pixels = pixels[:: max(1, len(pixels) // given.photos)][: given.photos].contiguous()
    for name, model in networks(assets).items():
        model.requires_grad_(False)
        begun = time.process_time()
        maps = explained(model, pixels, integrated_gradients())
        spent = (time.process_time() - begun) / len(pixels)
        assert maps.steps is not None and maps.completeness is not None
        steps, errors = maps.steps.double(), maps.completeness.double()
        print(
            f"{name}: {steps.mean():.1f} steps (at most {steps.max():.0f}), 95th percentile of the error "
            f"{errors.quantile(0.95):.3f}, beyond 0.05 {int((errors > 0.05).sum())} of {len(errors)}, {spent:.2f} s",
            flush=True,
        )
        if given.reference:
            some = slice(0, given.reference)
            fine = explained(model, pixels[some], integrated_gradients(steps=FINE)).values
            apart = (maps.values[some] - fine).abs().sum((1, 2)) / fine.abs().sum((1, 2))
            print(f"  apart from {FINE} nodes: {[round(one, 2) for one in apart.tolist()]}", flush=True)


if __name__ == "__main__":
    main()

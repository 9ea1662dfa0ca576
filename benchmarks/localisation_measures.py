"""Grad-CAM against pytorch-grad-cam, and the localisation measures against Quantus, on the same images and maps.

pytorch-grad-cam goes backwards through all parameters, and fails on a frozen model. Quantus's relevance mass accuracy
on |A| is 1 - background share.

    python benchmarks/localisation_measures.py --quick
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import pytorch_grad_cam
import quantus
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from side_by_side import MEAN, STD, ContextOutput, Options, built, drawn, frozen, machine, options, rendered, table
from torch import Tensor, nn
from torchvision.transforms import Normalize

from modelaudit.attribution import AttributionInput, gradcam, saliency
from modelaudit.contexts import original
from modelaudit.language import registry
from modelaudit.language.sample import Preprocessing
from modelaudit.measures import background_share
from modelaudit.measures.base import MeasureInput
from modelaudit.models import PixelModel, PreparedModel, precision_context, prepare_model, spatial_layer

CONVOLUTIONAL = ("resnet50", "squeezenet1_0")


class Unused(nn.Module):
    """Quantus asks for a model and never runs it for these measures."""

    def forward(self, pixels: Tensor) -> Tensor:
        raise AssertionError("a measure of maps must not run the model")


def theirs_cam(cam: Any, plain: nn.Module, pixels: Tensor, batch: int) -> Tensor:
    """[n, H, W] in [0, 1]: pytorch-grad-cam scales every map by its extremes."""
    found = []
    for part in pixels.split(batch):
        with torch.no_grad():
            target = plain(part).argmax(1)
        found.append(torch.from_numpy(cam(part, [ClassifierOutputTarget(int(index)) for index in target])))
    return torch.cat(found)


def our_cam(prepared: PreparedModel, layer: nn.Module, pixels: Tensor, batch: int) -> Tensor:
    """[n, H, W]."""
    function = registry.entry_of(gradcam()).function
    found = []
    for part in pixels.split(batch):
        with torch.no_grad():
            logits = prepared.model(part)
        selector = nn.functional.one_hot(logits.argmax(1), logits.shape[1]).to(logits.dtype)
        question = AttributionInput(prepared.model, part, selector, (logits * selector).sum(1), layer)
        found.append(function(gradcam(), question).values)
    return torch.cat(found)


def scaled(maps: Tensor) -> Tensor:
    """Each map by its extremes, as pytorch-grad-cam has it."""
    low = maps.flatten(1).min(1).values[:, None, None]
    shifted = maps - low
    return shifted / (1e-7 + shifted.flatten(1).max(1).values[:, None, None])


def cams(name: str, given: Options) -> list[str]:
    """A row for Grad-CAM of one model."""
    clock, size = given.clock(), (given.side, given.side)
    module = built(name).to(given.device)
    (scene,) = rendered(drawn(given.images, given.side), (original(),), given.side, given.device)
    plain = nn.Sequential(Normalize(MEAN, STD), module)
    pixel_model = PixelModel(module, Preprocessing(*size, MEAN, STD))
    layer = spatial_layer(pixel_model, size).name
    with frozen(module):
        prepared = prepare_model(pixel_model, size)
    with pytorch_grad_cam.GradCAM(plain, [dict(module.named_modules())[layer]]) as cam:
        cam.batch_size = given.batch
        for _ in range(given.rounds):
            with clock.timed("theirs", given.images):
                theirs = theirs_cam(cam, plain, scene.pixels, given.batch)
            with clock.timed("ours", given.images), frozen(module), precision_context(prepared.precision):
                mine = our_cam(prepared, dict(prepared.model.module.named_modules())[layer], scene.pixels, given.batch)
    difference = float((scaled(mine).cpu() - theirs).abs().max())
    return [
        f"Grad-CAM, {name}",
        "pytorch-grad-cam",
        f"{clock.median('theirs') * 1000:.1f}",
        f"{clock.median('ours') * 1000:.1f}",
        f"{clock.ratio('theirs', 'ours'):.1f}",
        f"{difference:.1e} of the maximum",
    ]


def shares(given: Options) -> list[str]:
    """A row for the mass inside the mask."""
    clock, count = given.clock(), 4 * given.images
    (scene,) = rendered(drawn(count, given.side), (original(),), given.side, given.device)
    maps = torch.rand(count, given.side, given.side, generator=torch.Generator().manual_seed(0)).to(given.device)
    score = quantus.RelevanceMassAccuracy(abs=True, normalise=False, display_progressbar=False, disable_warnings=True)
    for _ in range(given.rounds):
        with clock.timed("theirs", count):
            theirs = quantus_values(score, scene, maps)
        with clock.timed("ours", count):
            mine = our_values(scene, maps)
    return [
        "share of a map",
        "Quantus",
        f"{clock.median('theirs') * 1000:.2f}",
        f"{clock.median('ours') * 1000:.2f}",
        f"{clock.ratio('theirs', 'ours'):.1f}",
        f"{float(np.abs(1 - mine.numpy() - theirs).max()):.1e}",
    ]


def quantus_values(score: Any, scene: ContextOutput, maps: Tensor) -> np.ndarray[Any, Any]:
    """[n], from numpy as Quantus wants it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = score(
            model=Unused(),
            x_batch=scene.pixels.cpu().numpy(),
            y_batch=np.zeros(len(maps), dtype=int),
            a_batch=maps[:, None].cpu().numpy(),
            s_batch=(scene.mask == 1)[:, None].cpu().numpy(),
            channel_first=True,
            device="cpu",
        )
    return np.asarray(found, dtype=np.float64)


def our_values(scene: ContextOutput, maps: Tensor) -> Tensor:
    """[n] background shares."""
    spec = background_share(saliency()).spec
    seen = MeasureInput(
        torch.zeros(len(maps), 2, device=maps.device),
        torch.zeros(len(maps), dtype=torch.long, device=maps.device),
        attribution=maps,
        mask=scene.mask,
    )
    values: Tensor = registry.entry_of(spec).function(spec, seen).values
    return values.cpu()


def main() -> None:
    """Run from the command line."""
    given = options(__doc__, quick=(8, 8, 1), full=(16, 32, 3))
    begun = time.perf_counter()
    rows = [cams(name, given) for name in given.models if name in CONVOLUTIONAL]
    rows.append(shares(given))
    print(machine(given) + f", grad-cam {_version('grad-cam')}, quantus {_version('quantus')}\n")
    print(table(["what", "peer", "peer, ms an image", "modelaudit", "peer / modelaudit", "values apart by"], rows))
    print(f"\n{time.perf_counter() - begun:.0f} s in all")


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


if __name__ == "__main__":
    main()

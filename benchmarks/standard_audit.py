"""The standard audit against captum and against the bare passes.

Logits, saliency, input x gradient, Grad-CAM and the background dependence by each, on original images, on other
backgrounds and under noise. Three ways, in turn, on the same images in batches of one size:

- captum: predictions, Saliency, InputXGradient and LayerGradCam on ``Sequential(Normalize, model)``; the images under
  their contexts are given to it ready made;
- modelaudit: the engine as pytest runs it, from decoded images on: contexts, maps, measures; without the start (opening
  the model, proving what is fast, the first chunk), which is printed beside;
- bare: as many forward and backward passes of the same folded model in the same memory format, and nothing else.

    python benchmarks/standard_audit.py --quick
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from side_by_side import (
    CLASSES,
    MEAN,
    METHODS,
    STD,
    CaptumLoop,
    Clock,
    ContextOutput,
    Laps,
    Options,
    apart,
    bare_pass,
    built,
    drawn,
    frozen,
    machine,
    options,
    rendered,
    table,
)
from torch import Tensor, nn

from modelaudit import Audit, AuditCase
from modelaudit.contexts import gaussian_noise, original, swap_background
from modelaudit.engine.assembly import measure
from modelaudit.engine.planning.plan import Asked, plan
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.results.settings import Settings
from modelaudit.language.sample import Preprocessing, Sample
from modelaudit.measures import accuracy, background_dependence
from modelaudit.models import PixelModel, precision_context, prepare_model

CONTEXTS = (original(), swap_background("other_class"), gaussian_noise(3))


@dataclass(frozen=True)
class Standard:
    """One model and what is asked of it."""

    module: nn.Module
    samples: list[Sample]
    given: Options

    @property
    def preprocessing(self) -> Preprocessing:
        """Nothing is resized: the images have their final size."""
        return Preprocessing(self.given.side, self.given.side, MEAN, STD)

    def audit(self) -> Audit:
        """The model on the samples."""
        names = [str(index) for index in range(CLASSES)]
        return Audit(self.module, self.samples, preprocessing=self.preprocessing, classes=names)

    def cases(self) -> list[AuditCase]:
        """What the standard audit expects."""
        audit, depends = self.audit(), background_dependence(*METHODS)
        expected = [(accuracy.under(context) >= 0, depends.under(context) <= 1) for context in CONTEXTS]
        return [audit.expect(one) for pair in expected for one in pair]

    def measured(self, cases: Sequence[AuditCase], progress: Laps) -> Measured:
        """The engine's values, as a pytest run gets them."""
        asked = [
            Asked(str(number), case, expectation)
            for number, case in enumerate(cases)
            for _, expectation in case.variants()
        ]
        (group,) = plan(asked)
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(Path(folder), Path(folder), device=self.given.device, micro_batch=self.given.batch)
            found = measure(group, settings, progress)
        if found.failures:
            raise SystemExit(f"the engine failed: {found.failures}")
        return found


def values(found: Measured) -> dict[str, Tensor]:
    """Background dependence by context and method, as the engine has it."""
    columns = {column.key: np.array(column.values, dtype=np.float64) for column in found.columns}
    kept = {}
    for context in CONTEXTS:
        for method in METHODS:
            measured = background_dependence(method)
            key = str(measured if context == original() else measured.under(context))
            kept[f"{method} under {context}"] = torch.from_numpy(columns[key])
    return kept


def compared(name: str, given: Options) -> list[str]:
    """A row of the table."""
    clock, laps = given.clock(), Laps(given.clock())
    module = built(name).to(given.device)
    samples = drawn(given.images + given.batch, given.side)  # the first chunk is the engine's start
    standard = Standard(module, samples, given)
    scenes = rendered(samples, CONTEXTS, given.side, given.device)
    rest = [ContextOutput(one.context, one.pixels[given.batch :], one.mask[given.batch :]) for one in scenes]
    captums = CaptumLoop(module, given.batch, (given.side, given.side))
    captums(scenes[0].pixels[:1], scenes[0].mask[:1])
    starts, found, theirs = [], {}, {}
    for _ in range(given.rounds):
        with clock.timed("captum", given.images):
            parts = [captums(scene.pixels, scene.mask) for scene in rest]
        theirs = {
            f"{method} under {scene.context}": part[method]
            for scene, part in zip(rest, parts, strict=True)
            for method in METHODS
        }
        start = clock.now()
        found = values(standard.measured(standard.cases(), laps))
        starts.append(laps.laps[0][0] - start)
        clock.note("modelaudit", laps.seconds_an_image)
        bare(standard, rest, clock, given)
    ours = {key: one[given.batch :] for key, one in found.items()}
    worst = apart(ours, theirs)
    key = max(worst, key=lambda one: worst[one])
    return [
        name,
        *(f"{clock.median(way) * 1000:.0f}" for way in ("captum", "modelaudit", "bare")),
        f"{clock.ratio('captum', 'modelaudit'):.2f}",
        f"{100 * (clock.ratio('modelaudit', 'bare') - 1):+.0f} %",
        f"{min(starts):.1f} s",
        f"{worst[key]:.1e} ({key})",
    ]


def bare(standard: Standard, scenes: list[ContextOutput], clock: Clock, given: Options) -> None:
    """Time the passes alone, on a prepared model."""
    prepared = prepare_model(PixelModel(standard.module, standard.preprocessing), (given.side, given.side))
    ready = [scene.pixels.contiguous(memory_format=prepared.memory_format) for scene in scenes]
    with frozen(standard.module), precision_context(prepared.precision):
        bare_pass(prepared.model, ready[0][: given.batch])
        with clock.timed("bare", given.images):
            for pixels in ready:
                for first in range(0, len(pixels), given.batch):
                    bare_pass(prepared.model, pixels[first : first + given.batch])


def main() -> None:
    """Run from the command line."""
    given = options(__doc__, quick=(4, 4, 1), full=(16, 16, 3))
    begun = time.perf_counter()
    rows = [compared(name, given) for name in given.models]
    print(machine(given) + "\n")
    head = ("model", "captum, ms an image", "modelaudit", "bare passes", "captum / modelaudit", "over the bare passes")
    print(table([*head, "start", "values apart by at most"], rows))
    print(f"\n{time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    main()

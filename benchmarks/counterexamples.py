"""The search for the smallest change: how near it comes to a planted cue, with how many calls, and how fast.

    python benchmarks/counterexamples.py

- *cues*: a model that reads the class off the object alone, and answers another class where a patch of one colour, of
  a known size, lies on the background (at one place, or anywhere). The size that is found is divided by the cue's.
  Ten images a row; every image has its own noise, object and search draws.
- *demo*: the two networks of the demo, what is found in their images, and that all of it flips by the plain path.
- *speed*: calls a second of searches beside the same network on ready batches, in seconds of one core. What is done
  once an image (decoding, donors without their objects) is taken out: it is the time that more calls take.

Everything but the speed is seeded.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from side_by_side import table
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.contexts import surroundings
from modelaudit.contexts.surroundings import colour_of
from modelaudit.data import label_map, open_data
from modelaudit.engine.assembly import measure
from modelaudit.engine.inference.running_model import RunningModel
from modelaudit.engine.planning.plan import Asked, plan
from modelaudit.engine.results.measured import Measured, PassCounts
from modelaudit.engine.results.settings import Settings
from modelaudit.language import Audit, Expectation, Preprocessing, Sample
from modelaudit.language.progress import Silent
from modelaudit.measures import accuracy, worst_change
from modelaudit.models import open_model

SIDE, CLASSES, BATCH = 64, ("bolt", "nut", "washer"), 16
CUES = (("grey", (6, 6)), ("blue", (8, 8)), ("white", (4, 16)), ("red", (12, 6)), ("green", (16, 16)))
#: a patch is looked for at a place where no object lies
PLACE = (3, 40)


class Cued(nn.Module):
    """The class by the object's grey; the next class where a patch of the colour is on the background."""

    def __init__(self, colour: str, size: tuple[int, int], place: tuple[int, int] | None) -> None:
        super().__init__()
        self.register_buffer("colour", torch.tensor(colour_of(colour))[None, :, None, None])
        self.size, self.place = size, place

    def forward(self, pixels: Tensor) -> Tensor:
        codes = (pixels * 255).round()
        counts = torch.stack([(codes == 5 + k).all(dim=1).flatten(1).sum(dim=1) for k in range(3)], dim=1)
        near = ((pixels - self.colour).abs().amax(dim=1, keepdim=True) <= 0.05).float()
        full = functional.avg_pool2d(near, self.size, stride=1) > 0.999
        if self.place is not None:
            full = full[:, :, self.place[0] : self.place[0] + 1, self.place[1] : self.place[1] + 1]
        answers = (counts.argmax(dim=1) + full.flatten(1).any(dim=1).long()) % 3
        return 4.0 * functional.one_hot(answers, 3).float()


def image(number: int) -> Sample:
    """Noise with an object of 16 x 16 in the lower left."""
    draw = np.random.default_rng(number)
    pixels = (90 + draw.integers(-30, 31, (SIDE, SIDE, 3))).astype(np.uint8)
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    top, left = int(draw.integers(24, 40)), int(draw.integers(4, 24))
    mask[top - 1 : top + 17, left - 1 : left + 17] = 255
    mask[top : top + 16, left : left + 16] = 1
    pixels[mask == 1] = 5 + number % 3
    return Sample(id=f"{number:03d}", image=pixels, label=CLASSES[number % 3], mask=mask)


def measured(audit: Audit, expectation: Expectation, limit: int | None = None) -> Measured:
    case = audit.expect(expectation)
    (group,) = plan([Asked("case", case, one) for _, one in case.variants()])
    folder = Path(tempfile.mkdtemp())
    return measure(group, Settings(folder, folder / "run", "cpu", limit=limit, micro_batch=BATCH), Silent())


def cues(calls: int) -> Iterator[tuple[str, ...]]:
    data = [image(number) for number in range(10)]
    backgrounds = {one.id: int((np.asarray(one.mask) == 0).sum()) for one in data}
    for colour, size in CUES:
        for place in (PLACE, None):
            audit = Audit(Cued(colour, size, place), data, preprocessing=Preprocessing(resize=SIDE), classes=CLASSES)
            found = measured(audit, worst_change(calls=calls) < 0.5)
            ratios = sorted(one.size * backgrounds[one.sample] / (size[0] * size[1]) for one in found.counterexamples)
            near = sum(ratio <= 2 for ratio in ratios)
            where = "anywhere" if place is None else "at one place"
            used = statistics.mean(one.calls for one in found.counterexamples) if ratios else float("nan")
            middle = f"{statistics.median(ratios):.2f}" if ratios else "-"
            worst = f"{ratios[-1]:.2f}" if ratios else "-"
            yield (
                f"{colour} {size[0]} x {size[1]}",
                where,
                f"{len(ratios)}/10",
                middle,
                worst,
                f"{near}/10",
                f"{used:.0f}",
            )


def demo(calls: int, images: int) -> Iterator[tuple[str, ...]]:
    for name in ("sound", "shortcut"):
        found = measured(Audit(f"demo:{name}", "demo:"), worst_change(calls=calls) < 0.5, images)
        (facts,) = found.searches
        sizes = sorted(one.size for one in found.counterexamples)
        again = 0
        for one in found.counterexamples:
            audit = Audit(f"demo:{name}", "demo:")
            plain = measured(audit, accuracy.under(one.context) > 0.5, images)
            (column,) = (part for part in plain.columns if part.key == str(accuracy.under(one.context)))
            again += column.values[[sample.id for sample in plain.samples].index(one.sample)] == 0
        yield (
            name,
            str(facts.images),
            str(facts.flipped),
            f"{again}/{facts.flipped}",
            f"{sizes[0]:.2%}",
            f"{statistics.median(sizes):.1%}",
            f"{facts.calls / facts.images:.0f}",
        )


def speed(calls: int, repeats: int) -> Iterator[tuple[str, ...]]:
    """Pairs of a search and as many plain passes of ready batches, alternating, in seconds of one core."""
    loaded = open_model("demo:sound", root=Path())
    data = open_data("demo:", root=Path())
    labels_of_demo = label_map(data, classes=loaded.classes, outputs=loaded.outputs, given=None)
    model = RunningModel(loaded, "cpu", labels_of_demo, BATCH, PassCounts())
    batches, ids = [torch.rand(BATCH, 3, SIDE, SIDE) for _ in range(64)], [str(at) for at in range(BATCH)]
    labels = torch.zeros(BATCH, dtype=torch.long)
    for name, search in (
        ("patches of colours", surroundings(donors=None, stops=0, kelvin=())),
        ("all kinds", surroundings()),
    ):
        ratios, rates = [], []
        for _ in range(repeats):
            spent: list[tuple[int, float]] = []
            for most in (calls // 4, calls):
                began = time.process_time()
                found = measured(Audit("demo:sound", "demo:"), worst_change(search, calls=most) < 0.5, 32)
                spent.append((found.searches[0].calls, time.process_time() - began))
            passes, taken = spent[1][0] - spent[0][0], spent[1][1] - spent[0][1]
            began = time.process_time()
            for at in range(passes // BATCH):
                model.run(batches[at % len(batches)], labels, (), ids)
            plain = time.process_time() - began
            rates.append(passes / taken)
            ratios.append(plain / taken)
        yield name, f"{statistics.median(rates):.0f}", f"{statistics.median(ratios):.2f}", f"{max(ratios):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=("cues", "demo", "speed"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.only in (None, "cues"):
        header = ("cue (px of 64 x 64)", "where", "found", "median size / cue", "worst", "at most twice", "calls")
        print(table(header, list(cues(asked.calls))), "\n")
    if asked.only in (None, "demo"):
        header = ("demo network", "searched", "flipped", "flip by the plain path", "smallest", "median size", "calls")
        print(table(header, list(demo(asked.calls, asked.images))), "\n")
    if asked.only in (None, "speed"):
        header = ("search", "calls a second of a core", "beside plain passes (median)", "(best)")
        print(table(header, list(speed(asked.calls, asked.repeats))), "\n")


if __name__ == "__main__":
    main()

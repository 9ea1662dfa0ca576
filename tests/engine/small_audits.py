"""Small audits that run in a moment: a tiny network, a few drawn images, and the engine in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from modelaudit.engine.assembly import measure
from modelaudit.engine.decision.case import Result
from modelaudit.engine.executors.run import Run
from modelaudit.engine.planning.plan import Asked, PlanGroup, plan
from modelaudit.engine.results.measured import Measured, MeasuredColumn
from modelaudit.engine.results.settings import Settings
from modelaudit.language import Audit, AuditCase, Preprocessing, Sample, registry
from modelaudit.language.progress import Silent

SIDE = 16
AS_IT_IS = Preprocessing(resize=SIDE)
CLASSES = ("bolt", "nut", "washer")
MICRO_BATCH = 4


class Net(nn.Module):
    """Two convolutions and a head, untrained: answers that depend on every pixel."""

    def __init__(self, seed: int = 0, outputs: int = 3) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.features = nn.Sequential(
                nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()
            )
            self.head = nn.Linear(8, outputs)
            with torch.no_grad():  # without this all images would get one answer
                colours = torch.rand(256, 3, 1, 1).expand(-1, -1, 4, 4)
                maps = self.features(colours).mean((2, 3))
                self.head.weight *= 20
                self.head.bias.copy_(-self.head.weight @ maps.mean(0))

    def forward(self, pixels: Tensor) -> Tensor:
        maps: Tensor = self.features(pixels)
        logits: Tensor = self.head(maps.mean((2, 3)))
        return logits


class Broken(Net):
    """Runs on the probe's single image, and raises on a batch."""

    def forward(self, pixels: Tensor) -> Tensor:
        if len(pixels) > 1:
            raise ZeroDivisionError("the belt stands still")
        return super().forward(pixels)


def sample(number: int, label: str | int | None = None, *, side: int = SIDE, **changes: Any) -> Sample:
    """A noisy image of one colour with a square object, all of it a function of `number`."""
    draw = np.random.default_rng(number)
    colours = draw.integers(0, 256, 3) + draw.integers(-60, 61, (side, side, 3))
    pixels = colours.clip(0, 255).astype(np.uint8)
    mask = np.zeros((side, side), dtype=np.uint8)
    size = 3 + number % 4
    mask[4 : 4 + size, 4 : 4 + size] = 1
    kind: str | int = CLASSES[number % 3] if label is None else label
    fields: dict[str, Any] = {"id": f"{number:03d}.png", "image": pixels, "label": kind, "mask": mask}
    return Sample(**{**fields, **changes})


def samples(count: int = 10) -> list[Sample]:
    return [sample(number) for number in range(count)]


def audit(model: Any = None, data: Any = None, **options: Any) -> Audit:
    """An audit of a tiny network on drawn images."""
    model, data = Net() if model is None else model, samples() if data is None else data
    return Audit(model, data, **{"preprocessing": AS_IT_IS, "classes": CLASSES, **options})


def asked(**cases: AuditCase) -> list[Asked]:
    """The items of the cases, under their names."""
    return [
        Asked(name if model is None else f"{name}[{model}]", case, expectation)
        for name, case in cases.items()
        for model, expectation in case.variants()
    ]


def settings(folder: Path, **options: Any) -> Settings:
    given: dict[str, Any] = {"device": "cpu", "micro_batch": MICRO_BATCH, **options}
    return Settings(root=folder, folder=folder / "run", **given)


def groups_of(**cases: AuditCase) -> tuple[PlanGroup, ...]:
    return plan(asked(**cases))


def measured(folder: Path, options: dict[str, Any] | None = None, **cases: AuditCase) -> Measured:
    """What measuring the one group of these cases finds."""
    (group,) = groups_of(**cases)
    return measure(group, settings(folder, **(options or {})), Silent())


def results(folder: Path, options: dict[str, Any] | None = None, **cases: AuditCase) -> dict[str, Result]:
    """The cases, measured and decided as a pytest run does it."""
    run = Run(settings(folder, **(options or {})), Silent())
    items = asked(**cases)
    run.select(items)
    return {item.id: run.result(item.id) for item in items}


def column(found: Measured, key: str, model: str | None = None) -> MeasuredColumn:
    (one,) = [one for one in found.columns if one.key == key and model in (None, one.model)]
    return one


def values(found: Measured, key: str, model: str | None = None) -> NDArray[np.float64]:
    """[n] values, NaN where missing."""
    return np.array([np.nan if value is None else value for value in column(found, key, model).values])


@contextmanager
def registered(register: Any) -> Iterator[Any]:
    """Whatever `register()` adds to the registry, for the length of a ``with`` block."""
    known = registry._registry
    entries, by_spec = dict(known.entries), dict(known.by_spec)
    try:
        yield register()
    finally:
        for kept, before in ((known.entries, entries), (known.by_spec, by_spec)):
            kept.clear()
            kept.update(before)  # type: ignore[arg-type]

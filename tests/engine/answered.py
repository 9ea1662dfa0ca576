"""A closed box for tests: what an audit shows is written down by name, a network answers it, and answers are files."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from engine.small_audits import AS_IT_IS, CLASSES, Net, audit, measured, samples
from torch import Tensor

from modelaudit.language import AuditCase
from modelaudit.language.picture_origin import PictureOrigin
from modelaudit.language.sample import BuiltModel, Preprocessing
from modelaudit.models.named_pictures import NamedPictures
from modelaudit.models.predictions.manifest import ManifestHeader, RenderedPicture, manifest_text

SHA = "ab" * 32


class Rendering(NamedPictures):
    """Runs a network, and writes down every picture that it is shown."""

    def __init__(self, net: torch.nn.Module, outputs: int) -> None:
        super().__init__(outputs)
        self.net = net.eval()
        self.origins: dict[str, PictureOrigin] = {}
        self.logits: dict[str, list[float]] = {}
        self.pixels: dict[str, Tensor] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Rendering:
        return self

    def scores(self, images: Tensor) -> Tensor:
        return super().scores(images) if self._shown.pictures else self.net(images)

    def scores_of(self, pictures: Sequence[PictureOrigin], images: Tensor) -> Tensor:
        logits: Tensor = self.net(images)
        for origin, pixels, row in zip(pictures, images, logits.tolist(), strict=True):
            self.pixels[origin.name] = pixels.clone()
            self.origins[origin.name] = origin
            self.logits.setdefault(origin.name, row)
        return logits


@dataclass(frozen=True)
class Box:
    """A rendered folder and what the network answered to its pictures."""

    folder: Path
    logits: Mapping[str, list[float]]
    origins: Mapping[str, PictureOrigin]
    pixels: Mapping[str, Tensor] = field(default_factory=dict)
    classes: tuple[str, ...] = CLASSES

    def names(self) -> list[str]:
        return sorted(self.logits)

    def label(self, name: str) -> str:
        return self.ranked(name)[0]

    def ranked(self, name: str) -> list[str]:
        row = self.logits[name]
        return [self.classes[at] for at in sorted(range(len(row)), key=lambda at: (-row[at], at))]

    def probabilities(self, name: str) -> list[float]:
        return torch.tensor(self.logits[name]).double().softmax(0).tolist()

    def write(self, text: str, name: str = "answers.csv") -> str:
        """A file of answers, and the reference to it."""
        (self.folder / name).write_text(text, encoding="utf-8", newline="\n")
        return f"predictions:{self.folder / name}"

    def table(self, columns: Sequence[str], rows: Mapping[str, Sequence[Any]], name: str = "answers.csv") -> str:
        with (self.folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["picture", *columns])
            writer.writerows([picture, *row] for picture, row in rows.items())
        return f"predictions:{self.folder / name}"

    def scores(self) -> str:
        return self.table(self.classes, self.logits)

    def labels(self) -> str:
        return self.table(["label"], {name: [self.label(name)] for name in self.logits})

    def top(self, count: int, *, scored: bool = False) -> str:
        columns = [
            f"{kind}{rank}" for rank in range(1, count + 1) for kind in (("top", "score") if scored else ("top",))
        ]
        rows = {}
        for name in self.logits:
            chance = dict(zip(self.classes, self.probabilities(name), strict=True))
            pairs = [(label, chance[label]) for label in self.ranked(name)[:count]]
            rows[name] = [part for label, share in pairs for part in ((label, share) if scored else (label,))]
        return self.table(columns, rows)

    def lines(self) -> str:
        rows = [
            {"picture": name, "scores": dict(zip(self.classes, row, strict=True))} for name, row in self.logits.items()
        ]
        return self.write("".join(json.dumps(row) + "\n" for row in rows), "answers.jsonl")


def header(preprocessing: Preprocessing = AS_IT_IS, classes: tuple[str, ...] = CLASSES) -> ManifestHeader:
    kept = json.loads(json.dumps(asdict(preprocessing)))
    return ManifestHeader(
        pictures="png", data="", audit="", preprocessing=kept, classes=tuple(sorted(classes)), made_with="0"
    )


def write_manifest(folder: Path, origins: Mapping[str, PictureOrigin], **others: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [RenderedPicture.of(one, one.context, SHA) for one in origins.values()]
    path = folder / "manifest.jsonl"
    path.write_text(manifest_text(header(**others), pictures), encoding="utf-8", newline="\n")
    return path


def box(
    folder: Path,
    expectations: Mapping[str, Any],
    data: Any = None,
    net: torch.nn.Module | None = None,
    options: dict[str, Any] | None = None,
) -> Box:
    """What the audit of some expectations shows, with a network's answers to it."""
    model = Rendering(Net() if net is None else net, len(CLASSES))
    small = audit(BuiltModel(model, AS_IT_IS, CLASSES), samples(12) if data is None else data)
    cases: dict[str, AuditCase] = {name: small.expect(one) for name, one in expectations.items()}
    measured(folder / "rendering", options, **cases)
    write_manifest(folder, model.origins)
    return Box(folder, model.logits, model.origins, model.pixels)

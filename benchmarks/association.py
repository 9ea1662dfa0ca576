"""How often ``modelaudit data check`` calls the class tied to something, where it is and where it is not.

Prints the tables of docs/validation/association.md: ``python benchmarks/association.py [--seeds 40] [--sets 200]``
(``--pets DIR`` takes photos with masks, one folder a class, for the sets of photos). About 40 minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelaudit.data import DataSet, Sample, open_data
from modelaudit.data.checking import check
from modelaudit.demo import PARTS, InspectionLine
from modelaudit.language.associations import ERROR_RATE, Association
from modelaudit.language.findings import DataFacts, SampleFacts
from modelaudit.preview.associations import SurroundingsSeen, associations

COUPLINGS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
IMAGES = 200


def tested(data: DataSet, seed: int = 0) -> tuple[Association, ...]:
    """Everything that the class of a data set of arrays is tested against, as ``data check`` tests it."""
    seen = SurroundingsSeen(data)
    for sample in data.samples:
        seen(sample, sample.image, sample.mask)  # type: ignore[arg-type]
    return associations(data, facts_of(data), seen.places, seed=seed)


@cache
def _nothing() -> DataFacts:
    return check(DataSet(()), "benchmark")


def facts_of(data: DataSet) -> DataFacts:
    """The facts of readable images of which no two are alike."""
    facts = [
        SampleFacts(sample.id, str(sample.label), sample.group, sample.cluster, "mask", (), format="array")
        for sample in data.samples
    ]
    return replace(_nothing(), samples=tuple(facts))


def demo(coupling: float, seed: int, images: int = IMAGES) -> DataSet:
    """The frames of ``demo:?coupling=...&seed=...``, drawn at once."""
    frames = InspectionLine(coupling, seed).draw(range(images))
    return DataSet(
        tuple(Sample(f"{at}", frames.pixels[at], PARTS[frames.parts[at]], frames.masks[at]) for at in range(images))
    )


def rising(seeds: int) -> Iterator[tuple[float, float, float, float, float]]:
    """By coupling: mean V, mean accuracy, mean V that chance reaches, share of the seeds with a finding."""
    for coupling in COUPLINGS:
        found = [tested(demo(coupling, seed), seed)[0] for seed in range(seeds)]
        numbers = [(one.v or 0.0, one.accuracy or 0.0, one.chance or 0.0, float(one.found)) for one in found]
        v, accuracy, chance, share = np.mean(numbers, axis=0).tolist()
        yield coupling, v, accuracy, chance, share


def fixed_camera(rng: np.random.Generator, images: int = 120) -> DataSet:
    """One scene under changing light, with parts whose size is that of their class: tied to nothing."""
    side = 80
    grid = np.indices((side, side)) / side
    waves = rng.normal(size=(6, 3)) * 9
    scene = np.sin(waves[:, :1, None] * grid[0] + waves[:, 1:2, None] * grid[1] + waves[:, 2:, None]).sum(axis=0)
    scene = (scene - scene.min()) / np.ptp(scene)
    samples = []
    for number in range(images):
        size = (12, 26, 40)[number % 3]
        top, left = rng.integers(10, side - size - 9, 2)
        mask = np.zeros((side, side), dtype=np.uint8)
        mask[top : top + size, left : left + size] = 1
        levels = scene * rng.uniform(0.6, 1) + rng.normal(0, 0.02, scene.shape)
        levels = np.where(mask == 1, rng.uniform(0.2, 0.9), levels)
        pixels = np.repeat((np.clip(levels, 0, 1) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
        samples.append(Sample(f"{number}", pixels, "SML"[number % 3], mask))
    return DataSet(tuple(samples))


def columns(rng: np.random.Generator, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The samples with a group and five attributes that have nothing to do with the class."""
    count = len(samples)
    drawn = {
        "shift": rng.integers(0, 2, count),
        "lens": rng.integers(0, 12, count),
        "rare": (rng.random(count) < 0.04).astype(int),
        "exposure": rng.gamma(2, 1, count).round(4),
        "day": rng.permutation(np.arange(count) * 6 // count),
    }
    groups = rng.integers(0, 3, count)
    return tuple(
        replace(
            sample,
            group=f"camera {groups[at]}",
            attributes={name: str(values[at]) for name, values in drawn.items()},
        )
        for at, sample in enumerate(samples)
    )


class Photos:
    """Photos whose surroundings are measured once and labelled anew every time."""

    def __init__(self, folder: Path) -> None:
        self.data = open_data(f"folder:{folder}", root=Path.cwd())
        seen = SurroundingsSeen(self.data)
        check(self.data, "photos", seen=seen)
        self.places: Mapping[str, NDArray[np.float32]] = seen.places

    def tested(self, labels: Sequence[str], clusters: Sequence[str] | None, seed: int) -> tuple[Association, ...]:
        """With other labels, and clusters where some are given."""
        rng = np.random.default_rng([seed, 7])
        samples = columns(rng, self.data.samples)
        samples = tuple(
            replace(sample, label=label, cluster=None if clusters is None else clusters[at])
            for at, (sample, label) in enumerate(zip(samples, labels, strict=True))
        )
        data = replace(self.data, samples=samples)
        return associations(data, facts_of(data), self.places, seed=seed)

    def random_labels(self, seed: int) -> tuple[Association, ...]:
        """Five classes drawn at random, uneven."""
        drawn = np.random.default_rng(seed).choice(5, len(self.data.samples), p=[0.4, 0.3, 0.15, 0.1, 0.05])
        return self.tested([f"class {one}" for one in drawn], None, seed)

    def labels_of_clusters(self, seed: int) -> tuple[Association, ...]:
        """Clusters of one breed each, and one of two classes drawn for each cluster."""
        rng = np.random.default_rng(seed)
        breeds = [str(sample.label) for sample in self.data.samples]
        of_breed = {breed: f"class {rng.integers(2)}" for breed in sorted(set(breeds))}
        return self.tested([of_breed[breed] for breed in breeds], breeds, seed)

    def labels_in_clusters(self, seed: int) -> tuple[Association, ...]:
        """Clusters of one breed each, and classes drawn for each image, most of a cluster of one class."""
        rng = np.random.default_rng(seed)
        breeds = [str(sample.label) for sample in self.data.samples]
        share = {breed: rng.uniform() for breed in sorted(set(breeds))}
        return self.tested([f"class {int(rng.random() < share[breed])}" for breed in breeds], breeds, seed)


def with_columns(data: DataSet, seed: int) -> DataSet:
    """The data with columns that have nothing to do with the class."""
    return replace(data, samples=columns(np.random.default_rng([seed, 7]), data.samples))


def settings(pets: Path | None) -> Iterator[tuple[str, Callable[[int], tuple[Association, ...]]]]:
    """Data in which the class is tied to nothing, by seed."""
    yield "demo, coupling 0, 200 images", lambda seed: tested(with_columns(demo(0.0, seed), seed), seed)
    yield "demo, coupling 0, 60 images", lambda seed: tested(with_columns(demo(0.0, 9_000 + seed, 60), seed), seed)
    yield (
        "one scene, parts of three sizes",
        lambda seed: tested(with_columns(fixed_camera(np.random.default_rng(seed)), seed), seed),
    )
    if pets is not None:
        photos = Photos(pets)
        yield "125 photos, random labels", photos.random_labels
        yield "125 photos in 25 clusters, a label each", photos.labels_of_clusters
        yield "125 photos in 25 clusters of mixed labels", photos.labels_in_clusters


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--pets", type=Path)
    given = parser.parse_args()
    if given.seeds:
        print("| coupling | V | V by chance up to | class shown by the surroundings, % | called tied, % of the seeds |")
        print("|---|---|---|---|---|")
        for coupling, v, accuracy, chance, share in rising(given.seeds):
            print(f"| {coupling:g} | {v:.2f} | {chance:.2f} | {accuracy:.0%} | {share:.0%} |", flush=True)
    print("\n| data | sets | p at most .05, surroundings, % | any p at most .05 after Holm, % | any finding, % |")
    print("|---|---|---|---|---|")
    for name, made in settings(given.pets):
        found = [made(seed) for seed in range(given.sets)]
        alone = np.mean([(every[0].p or 1.0) <= ERROR_RATE for every in found])
        any_p = np.mean([any((one.adjusted or 1.0) <= ERROR_RATE for one in every) for every in found])
        findings = np.mean([any(one.found for one in every) for every in found])
        print(f"| {name} | {given.sets} | {alone:.1%} | {any_p:.1%} | {findings:.1%} |", flush=True)


if __name__ == "__main__":
    main()

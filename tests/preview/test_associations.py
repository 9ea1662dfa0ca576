"""What the class is tied to: found where it is, not found where it is not, and said where it cannot be tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cli.photos import photo
from data.frames import recompressed
from numpy.typing import NDArray

from modelaudit.data import DataSet, Sample
from modelaudit.data.checking import check
from modelaudit.demo import PARTS, InspectionLine
from modelaudit.language.associations import Association
from modelaudit.language.findings import DataFacts, Kind
from modelaudit.preview import associations as module
from modelaudit.preview.associations import ModelView, SurroundingsSeen, associations, tied

GREY = np.full((12, 12, 3), 90, dtype=np.uint8)


def associated(data: DataSet, view: ModelView | None = None) -> tuple[dict[str, Association], DataFacts]:
    """By the name of the column; surroundings and model by that."""
    seen = SurroundingsSeen(data)
    facts = check(data, "test", seen=seen)
    found = associations(data, facts, seen.places, view=view)
    facts = replace(facts, associations=found).with_findings(tied(found, facts))
    return {one.name if one.about == "column" else one.about: one for one in found}, facts


def demo(coupling: float, seed: int, images: int = 100) -> DataSet:
    frames = InspectionLine(coupling, seed).draw(range(images))
    return DataSet(
        tuple(Sample(f"{at:03d}", frames.pixels[at], PARTS[frames.parts[at]], frames.masks[at]) for at in range(images))
    )


def table(
    labels: list[str], columns: dict[str, list[str | None]] | None = None, clusters: list[str] | None = None
) -> DataSet:
    """Images of different shades without masks."""
    samples = []
    for at, label in enumerate(labels):
        pixels = np.random.default_rng(at).integers(0, 256, GREY.shape, dtype=np.uint8)
        named = {name: values[at] for name, values in (columns or {}).items()}
        attributes = {name: value for name, value in named.items() if value is not None}
        cluster = None if clusters is None else clusters[at]
        samples.append(Sample(f"{at}.png", pixels, label, attributes=attributes, cluster=cluster))
    return DataSet(tuple(samples))


def test_the_association_with_the_surroundings_rises_with_the_coupling() -> None:
    found = [associated(demo(coupling, 1))[0]["surroundings"] for coupling in (0.0, 0.4, 0.7, 1.0)]
    v = [one.v or 0.0 for one in found]
    assert [one.found for one in found] == [False, True, True, True]
    assert v == sorted(v)
    assert v[0] < 0.15
    assert v[-1] > 0.97
    assert found[0].ties == ()


def test_a_tie_names_the_classes_and_images_that_show_it() -> None:
    found, facts = associated(demo(0.9, 2))
    ties = found["surroundings"].ties
    by_id = {one.id: one.label for one in facts.samples}
    assert {tie.label for tie in ties} == set(PARTS)
    assert all(by_id[name] == tie.label for tie in ties for name in tie.ids)
    assert all(len(tie.ids) == 6 and tie.share > tie.usual == 0.25 for tie in ties)
    (finding,) = [one for one in facts.findings if one.kind == Kind.CLASS_TIED]
    assert finding.count == 1
    assert not finding.kind.problem


def test_of_data_in_which_the_class_is_tied_to_nothing_few_have_a_finding() -> None:
    """24 sets with parts of other sizes for every class, before one scene and on the demo's surroundings, with three
    columns each; at a rate of 1 in 20 more than 5 have a probability of 0.1 %."""
    names = []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        data = scene(rng) if seed % 2 else demo(0.0, 100 + seed, 60)
        drawn = {"lens": rng.integers(0, 5, 60), "shift": rng.integers(0, 2, 60), "exposure": rng.gamma(2, 1, 60)}
        samples = [
            replace(sample, attributes={name: str(values[at]) for name, values in drawn.items()})
            for at, sample in enumerate(data.samples)
        ]
        names += [one.name for one in associated(DataSet(tuple(samples)))[0].values() if one.found]
    assert len(names) <= 5


def scene(rng: np.random.Generator) -> DataSet:
    """One scene under changing light, and objects whose size is that of their class."""
    side = 64
    across = np.indices((side, side)) / side
    still = 0.5 + 0.2 * np.sin(9 * across[0]) + 0.2 * np.sin(14 * across[1])
    samples = []
    for at in range(60):
        size = (10, 20, 30)[at % 3]
        top, left = rng.integers(6, side - size - 5, 2)
        mask = np.zeros((side, side), dtype=np.uint8)
        mask[top : top + size, left : left + size] = 1
        levels = np.where(mask == 1, rng.uniform(), still * rng.uniform(0.6, 1) + rng.normal(0, 0.02, still.shape))
        pixels = np.repeat((levels.clip(0, 1) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
        samples.append(Sample(f"{at}", pixels, "SML"[at % 3], mask))
    return DataSet(tuple(samples))


def test_without_masks_the_surroundings_are_not_tested_and_columns_are() -> None:
    labels = ["bolt", "nut"] * 20
    cameras: list[str | None] = ["1" if label == "bolt" else str(at % 3) for at, label in enumerate(labels)]
    found, facts = associated(table(labels, {"camera": cameras}))
    assert found["surroundings"].reason == "no_masks"
    assert found["camera"].found
    first = found["camera"].ties[0]
    assert (first.label, first.value, first.share) == ("bolt", "1", 1.0)
    (finding,) = [one for one in facts.findings if one.kind == Kind.CLASS_TIED]
    assert [one.detail for one in finding.items] == [f"camera: V {found['camera'].v:.2f}"]


@pytest.mark.parametrize(
    ("labels", "column", "reason"),
    [
        (["bolt"] * 40, ["a", "b"] * 20, "one_class"),
        ([f"class {at}" for at in range(60)], ["a", "b"] * 30, "few_images"),
        (["bolt", "nut"] * 20, [f"{at}.png" for at in range(40)], "own_value_each"),
        (["bolt", "nut"] * 20, ["a"] * 40, "one_value"),
        (["bolt", "nut"] * 20, ["bolt", "nut"] * 20, "same_as_class"),
        (["bolt", "nut"] * 5, ["a", "a", "b", "b", "a"] * 2, "few_images"),
    ],
)
def test_what_cannot_be_tested_says_why(labels: list[str], column: list[str | None], reason: str) -> None:
    found, _ = associated(table(labels, {"column": column}))
    assert found["column"].reason == reason
    assert found["column"].v is None
    assert found["surroundings"].reason == ("one_class" if reason == "one_class" else "no_masks")


def test_a_thousand_classes_of_one_image_are_no_evidence() -> None:
    samples = [replace(one, label=f"class {at}") for at, one in enumerate(demo(1.0, 3, 24).samples)]
    many = [replace(samples[at % 24], id=f"{at}", label=f"class {at}") for at in range(1000)]
    found = associations(DataSet(tuple(many)), facts_without_pixels(many), places_of(samples, 1000))
    assert [one.reason for one in found] == ["few_images"]


def facts_without_pixels(samples: list[Sample]) -> DataFacts:
    one = check(DataSet(tuple(samples[:1])), "test")
    return replace(
        one,
        samples=tuple(replace(one.samples[0], id=sample.id, label=str(sample.label)) for sample in samples),
        findings=(),
    )


def places_of(samples: list[Sample], count: int) -> dict[str, NDArray[np.float32]]:
    seen = SurroundingsSeen(DataSet(tuple(samples)))
    for sample in samples:
        seen(sample, sample.image, sample.mask)  # type: ignore[arg-type]
    return {f"{at}": seen.places[samples[at % len(samples)].id] for at in range(count)}


def test_clusters_of_one_class_each_are_exchanged_as_a_whole() -> None:
    """12 scenes of 10 frames, each scene with a camera of its own: 120 images would find it, 12 scenes cannot tell."""
    clusters = [f"scene {at // 10:02d}" for at in range(120)]
    labels = ["bolt" if at // 10 % 2 else "nut" for at in range(120)]
    cameras: list[str | None] = [str(at // 10 % 3) for at in range(120)]
    found, facts = associated(table(labels, {"camera": cameras}, clusters))
    assert found["cluster"].reason == "clusters_are_exchanged"
    assert found["camera"].units == 12
    assert not found["camera"].found
    assert Kind.CLASS_IN_ONE_CLUSTER not in {one.kind for one in facts.findings}
    alone, _ = associated(table(labels, {"camera": ["1" if label == "nut" else "2" for label in labels]}, clusters))
    assert alone["camera"].found


def test_a_class_of_one_cluster_is_a_remark() -> None:
    labels = ["bolt"] * 10 + ["nut"] * 30
    clusters = ["scene 0"] * 10 + [f"scene {at % 11}" for at in range(30)]
    _, facts = associated(table(labels, {}, clusters))
    (finding,) = [one for one in facts.findings if one.kind == Kind.CLASS_IN_ONE_CLUSTER]
    assert [one.detail for one in finding.items] == ["bolt: scene 0"]
    assert finding.count == 10


def test_copies_of_pictures_are_exchanged_as_a_whole() -> None:
    pictures = [photo(at + 20) for at in range(12)]
    samples = tuple(
        Sample(
            f"{at}.png",
            recompressed(pictures[at % 12], 60 + at) if at >= 12 else pictures[at],
            ["bolt", "nut"][at % 12 % 2],
            attributes={"camera": str(at % 12 % 3)},
        )
        for at in range(48)
    )
    found, _ = associated(DataSet(samples))
    assert found["camera"].units == 12


def test_numbers_of_many_values_are_put_into_ranges() -> None:
    rng = np.random.default_rng(6)
    labels = ["bolt" if at % 2 else "nut" for at in range(100)]
    seconds: list[str | None] = [f"{rng.normal(1 if label == 'bolt' else 2, 0.4):.5f}" for label in labels]
    found, _ = associated(table(labels, {"seconds": seconds}))
    assert found["seconds"].found
    assert " to " in found["seconds"].ties[0].value


def test_columns_that_divide_the_images_alike_are_tested_once() -> None:
    labels = ["bolt", "nut"] * 30
    values: list[str | None] = [str(at % 3) for at in range(60)]
    found, _ = associated(table(labels, {"camera": values, "lens": [f"lens {value}" for value in values]}))
    assert found["camera"].p is not None
    assert (found["lens"].reason, found["lens"].detail) == ("same_as_column", "camera")


def test_images_without_a_value_are_left_out() -> None:
    labels = ["bolt", "nut"] * 30
    values = ["a" if at % 4 < 2 else "b" for at in range(60)]
    some: list[str | None] = [None if at < 20 else value for at, value in enumerate(values)]
    found, _ = associated(table(labels, {"line": some}))
    assert found["line"].images == 40


def test_a_view_of_a_model_is_tested_beside_the_pixels() -> None:
    data = demo(0.0, 4, 60)
    rng = np.random.default_rng(7)
    features = {
        sample.id: np.append(rng.normal(size=3), PARTS.index(str(sample.label))).astype(np.float32)[:, None, None]
        for sample in data.samples
    }
    found, facts = associated(data, ModelView("file:net.py", features))
    assert found["model"].name == "file:net.py"
    assert found["model"].found
    assert not found["surroundings"].found
    assert len([one for one in facts.findings if one.kind == Kind.CLASS_TIED]) == 1


def test_of_more_images_those_first_in_a_seeded_order_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_IMAGES", 30)
    data = demo(0.9, 8, 60)
    one, other = SurroundingsSeen(data), SurroundingsSeen(DataSet(tuple(reversed(data.samples))))
    for sample in data.samples:
        for seen in (one, other):
            seen(sample, sample.image, sample.mask)  # type: ignore[arg-type]
    assert len(one.places) == 30
    assert one.places.keys() == other.places.keys()

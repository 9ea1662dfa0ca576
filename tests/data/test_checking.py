"""The check of a data set: each fault is found, and only that."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli.photos import HEIGHT, WIDTH, blob, image, line, mask, photo
from PIL import Image

from modelaudit.data import open_data
from modelaudit.data.check_findings import match_labels
from modelaudit.data.checking import check
from modelaudit.language.findings import PROBLEMS, DataFacts, Finding, Kind, LabelMatches
from modelaudit.language.sample import DataSet, Preprocessing, Sample

NOTHING = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)


def checked(root: Path, **options: object) -> DataFacts:
    return check(open_data(f"folder:{root}", root=root), f"folder:{root}", **options)  # type: ignore[arg-type]


def crumbs() -> np.ndarray:
    found = NOTHING.copy()
    for at in range(4):
        found[20 : 20 + 8, 10 + 20 * at : 18 + 20 * at] = 1
    return found


def cut_off(root: Path) -> None:
    content = (root / "images/nut/1.png").read_bytes()
    (root / "images/nut/1.png").write_bytes(content[: len(content) // 2])


def twice(root: Path, label: str) -> None:
    image(root, f"{label}/copy.png", photo(10))  # the picture of nut/0
    mask(root, f"{label}/copy.png", blob())


def scaled(root: Path, label: str) -> None:
    image(root, f"{label}/copy.png", np.asarray(Image.fromarray(photo(10)).resize((WIDTH // 2, HEIGHT // 2))))
    mask(root, f"{label}/copy.png", np.ascontiguousarray(blob()[::2, ::2]))


CASES: list[tuple[Kind, Callable[[Path], object], list[tuple[str, ...]]]] = [
    (Kind.UNREADABLE_IMAGE, cut_off, [("nut/1.png",)]),
    (Kind.UNREADABLE_MASK, lambda root: mask(root, "nut/1.png", blob() * np.uint8(7)), [("nut/1.png",)]),
    (Kind.MASK_SIZE, lambda root: mask(root, "nut/1.png", blob()[:-1]), [("nut/1.png",)]),
    (Kind.NO_MASK, lambda root: (root / "masks/nut/1.png").unlink(), [("nut/1.png",)]),
    (Kind.EMPTY_MASK, lambda root: mask(root, "nut/1.png", NOTHING), [("nut/1.png",)]),
    (Kind.FULL_MASK, lambda root: mask(root, "nut/1.png", NOTHING + 1), [("nut/1.png",)]),
    (Kind.SAME_ACROSS_CLASSES, lambda root: twice(root, "bolt"), [("bolt/copy.png", "nut/0.png")]),
    (Kind.SAME, lambda root: twice(root, "nut"), [("nut/0.png", "nut/copy.png")]),
    (Kind.ALIKE_ACROSS_CLASSES, lambda root: scaled(root, "bolt"), [("bolt/copy.png", "nut/0.png")]),
    (Kind.ALIKE, lambda root: scaled(root, "nut"), [("nut/0.png", "nut/copy.png")]),
    (Kind.TINY_OBJECT, lambda root: mask(root, "nut/1.png", blob(wide=5, high=5)), [("nut/1.png",)]),
    (Kind.MANY_PIECES, lambda root: mask(root, "nut/1.png", crumbs()), [("nut/1.png",)]),
]


@pytest.mark.parametrize(("kind", "spoil", "items"), CASES, ids=[kind for kind, _, _ in CASES])
def test_each_fault_is_found_alone(
    tmp_path: Path, kind: Kind, spoil: Callable[[Path], object], items: list[tuple[str, ...]]
) -> None:
    line(tmp_path)
    assert checked(tmp_path).findings == ()
    spoil(tmp_path)
    (found,) = checked(tmp_path).findings
    assert (found.kind, found.count, [item.ids for item in found.items]) == (kind, len(items[0]), items)
    assert found.kind.problem == (kind in PROBLEMS)


def test_problems_come_before_remarks() -> None:
    kinds = list(Kind)
    assert [kind.problem for kind in kinds] == sorted((kind.problem for kind in kinds), reverse=True)


def test_a_message_names_the_file_and_the_fault(tmp_path: Path) -> None:
    line(tmp_path)
    mask(tmp_path, "nut/1.png", blob()[:-1])
    (found,) = checked(tmp_path).findings
    assert f"{tmp_path}/masks/nut/1.png is 96 x 71, the image 96 x 72" in found.items[0].detail


def test_an_image_whose_mask_is_at_fault_is_still_a_picture(tmp_path: Path) -> None:
    """So a copy of it is found, and its size is counted."""
    line(tmp_path)
    twice(tmp_path, "bolt")
    mask(tmp_path, "bolt/copy.png", blob()[:-1])
    facts = checked(tmp_path)
    assert [one.kind for one in facts.findings] == [Kind.MASK_SIZE, Kind.SAME_ACROSS_CLASSES]
    assert facts.sizes == {"96 x 72": 7}


def test_no_masks_at_all_are_a_remark(tmp_path: Path) -> None:
    line(tmp_path, masks=False)
    (found,) = checked(tmp_path).findings
    assert (found.kind, found.count, found.kind.problem) == (Kind.NO_MASKS, 6, False)


def test_what_is_there_is_counted(tmp_path: Path) -> None:
    line(tmp_path, ("bolt", "nut"), 2)
    image(tmp_path, "nut/2.jpg", photo(99, 40, 30))
    ringed = blob(10, 10, 10, 10)[:30, :40]
    ringed[9, 9:21] = 255
    mask(tmp_path, "nut/2.png", ringed)
    facts = checked(tmp_path)
    assert facts.sizes == {"96 x 72": 4, "40 x 30": 1}
    assert facts.formats == {"PNG": 4, "JPEG": 1}
    assert facts.modes == {"RGB": 5}
    assert facts.mask_kinds == {"mask": 5}
    assert facts.mask_values == {"0": 5, "1": 5, "255": 1}
    assert facts.labels["nut"].images == facts.labels["nut"].masks == 3
    assert facts.labels["bolt"].share == pytest.approx(900 / (WIDTH * HEIGHT))
    assert facts.shares is not None
    assert facts.shares.least == pytest.approx(100 / (40 * 30 - 12))  # the ring is in no share
    assert facts.histogram == (1, 4, 0, 0, 0, 0, 0, 0, 0, 0)
    assert facts.touching == 0


def test_an_image_that_exif_turns_is_counted_upright(tmp_path: Path) -> None:
    line(tmp_path)
    picture = Image.fromarray(photo(99))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "images/nut/9.jpg", exif=exif)
    mask(tmp_path, "nut/9.png", np.ascontiguousarray(blob().T))
    facts = checked(tmp_path)
    assert facts.turned == 1
    assert facts.sizes == {"96 x 72": 6, "72 x 96": 1}
    assert facts.findings == ()


def test_the_share_that_a_crop_leaves_is_reported_and_below_half_a_problem(tmp_path: Path) -> None:
    line(tmp_path)
    mask(tmp_path, "nut/1.png", blob(left=2, wide=20))  # columns 2 to 21; the crop begins at 12
    geometry = Preprocessing(resize=HEIGHT, crop=HEIGHT)
    facts = checked(tmp_path, preprocessing=geometry)
    by_id = {one.id: one for one in facts.samples}
    assert by_id["nut/1.png"].kept == pytest.approx(0.5)
    assert by_id["nut/0.png"].kept == 1
    assert facts.findings == () and facts.geometry == "resize 72, crop 72"
    mask(tmp_path, "nut/1.png", blob(left=1, wide=20))
    (found,) = checked(tmp_path, preprocessing=geometry).findings
    assert (found.kind, found.items[0].detail) == (Kind.OBJECT_CROPPED, "45% of the object is left")


def test_clusters_that_share_a_picture_are_reported(tmp_path: Path) -> None:
    line(tmp_path)
    scaled(tmp_path, "nut")
    data = open_data(f"folder:{tmp_path}", root=tmp_path)

    def checked(cluster: Callable[[Sample], str | None]) -> DataFacts:
        return check(DataSet(tuple(replace(one, cluster=cluster(one)) for one in data.samples)), "clustered")

    apart = checked(lambda one: "new" if "copy" in one.id else "old")
    assert [one.kind for one in apart.findings] == [Kind.ALIKE, Kind.ALIKE_ACROSS_CLUSTERS, Kind.FEW_CLUSTERS]
    assert {name: tally.images for name, tally in apart.clusters.items()} == {"new": 1, "old": 6}
    half = checked(lambda one: "new" if "copy" in one.id else None)
    assert [one.kind for one in half.findings] == [Kind.ALIKE, Kind.FEW_CLUSTERS]
    # what is said to be one cluster may look alike
    together = checked(lambda one: one.id.split("/")[0])
    assert [one.kind for one in together.findings] == [Kind.FEW_CLUSTERS]


@pytest.mark.parametrize(("clusters", "few"), [(9, True), (10, False)])
def test_fewer_than_ten_clusters_are_reported(tmp_path: Path, clusters: int, few: bool) -> None:
    data = open_data(f"folder:{line(tmp_path, each=10)}", root=tmp_path)
    lots = tuple(replace(one, cluster=f"lot {at % clusters}") for at, one in enumerate(data.samples))
    facts = check(DataSet(lots), "lots")
    assert len(facts.clusters) == clusters
    assert [(one.kind, one.count) for one in facts.findings] == ([(Kind.FEW_CLUSTERS, 9)] if few else [])


def test_boxes_and_machine_masks_are_remarks(tmp_path: Path) -> None:
    line(tmp_path, each=1)
    one, other = open_data(f"folder:{tmp_path}", root=tmp_path).samples
    facts = check(DataSet((replace(one, mask_kind="box"), replace(other, mask_kind="machine"))), "two")
    assert [(found.kind, found.items[0].ids) for found in facts.findings] == [
        (Kind.COARSE_MASK, ("bolt/0.png",)),
        (Kind.MACHINE_MASK, ("nut/0.png",)),
    ]


def test_samples_from_arrays_are_looked_at_as_well() -> None:
    samples = tuple(Sample(f"{at}", photo(at), "bolt", blob()) for at in range(3))
    facts = check(DataSet(samples), "arrays")
    assert facts.formats == {"array": 3} and facts.findings == ()
    assert facts.samples[0].files == ()


def met(labels: list[str | int], classes: list[str], **options: object) -> LabelMatches:
    data = DataSet(tuple(Sample(str(at), photo(at), label) for at, label in enumerate(labels)))
    return match_labels(data, source="x", classes=classes, outputs=len(classes), **options)  # type: ignore[arg-type]


def test_labels_meet_classes_one_by_one() -> None:
    found = met(["bolt", "screw", "nut"], ["Nut", "Bolt", "washer"])
    assert found.met == {"bolt": (1,), "nut": (0,)}
    assert found.names == {0: "Nut", 1: "Bolt"}
    assert list(found.unmet) == ["screw"] and "'screw'" in found.unmet["screw"]
    assert found.without_label == 1


def test_a_leading_index_confirmed_by_others_matches_although_another_fails() -> None:
    found = met(["0_tench", "1_koi", "zebra"], ["tench", "goldfish"])
    assert found.met == {"0_tench": (0,), "1_koi": (1,)}
    assert list(found.unmet) == ["zebra"]


def test_a_label_map_may_give_a_label_several_classes() -> None:
    found = met(["dog"], ["pug", "beagle", "tabby"], given={"dog": ["pug", "beagle"]})
    assert found.met == {"dog": (0, 1)} and found.without_label == 1


def test_labels_without_class_and_classes_without_label_are_found(tmp_path: Path) -> None:
    line(tmp_path)
    data = open_data(f"folder:{tmp_path}", root=tmp_path)
    classes = match_labels(data, source="file", classes=["nut", "washer", "ring"], outputs=3)
    facts = check(data, "x", classes=classes)
    assert [(one.kind, one.count) for one in facts.findings] == [
        (Kind.LABEL_WITHOUT_CLASS, 1),
        (Kind.CLASS_WITHOUT_LABEL, 2),
    ]
    assert facts.findings[0].items[0].ids == ("bolt/0.png", "bolt/1.png", "bolt/2.png")


def test_samples_keep_their_order_and_progress_is_reported(tmp_path: Path) -> None:
    line(tmp_path, each=12)
    steps: list[None] = []
    facts = checked(tmp_path, progress=lambda: steps.append(None))
    data = open_data(f"folder:{tmp_path}", root=tmp_path)
    assert [one.id for one in facts.samples] == [one.id for one in data.samples]
    assert len(steps) == 24


def finding(facts: DataFacts, kind: Kind) -> Finding:
    return next(one for one in facts.findings if one.kind == kind)


def test_how_near_is_near_can_be_said(tmp_path: Path) -> None:
    line(tmp_path)
    noisy = photo(10).astype(int) + np.random.default_rng(0).integers(-25, 26, photo(10).shape)
    image(tmp_path, "nut/copy.png", noisy.clip(0, 255).astype(np.uint8))
    mask(tmp_path, "nut/copy.png", blob())
    assert finding(checked(tmp_path), Kind.ALIKE).items[0].ids == ("nut/0.png", "nut/copy.png")
    assert checked(tmp_path, near=0).findings == ()


def test_what_the_crop_cuts_off_is_a_note_with_its_cure(tmp_path: Path) -> None:
    line(tmp_path)
    mask(tmp_path, "nut/1.png", blob(left=0, wide=24))  # a crop to the square in the middle leaves half of it
    geometry = Preprocessing(resize=HEIGHT, crop=HEIGHT)
    (note,) = checked(tmp_path, preprocessing=geometry).notes
    assert note.startswith("the crop (resize 72, crop 72) cuts into 1 of 6 objects (50% of them is left in the median")
    assert "of 0)" in note
    assert note.endswith("Preprocessing(resize=(72, 72)) cuts nothing, Audit(object_kept=...) sets the limit")
    (note,) = checked(tmp_path, preprocessing=Preprocessing(resize=(72, 72))).notes or ("",)
    assert note == ""


def test_what_the_usual_crop_would_cut_off_is_said_and_no_problem(tmp_path: Path) -> None:
    line(tmp_path)
    assert checked(tmp_path).notes == ()
    mask(tmp_path, "nut/1.png", blob(left=0, wide=20))
    facts = checked(tmp_path)
    assert "a model that crops as usual (resize 256, crop 224) cuts into 1 of 6 objects" in facts.notes[0]
    assert "--preprocessing" in facts.notes[0] and facts.findings == ()
    (note,) = checked(tmp_path, preprocessing=Preprocessing(resize=72, crop=70)).notes
    assert note.startswith("the crop (resize 72, crop 70) cuts into 1")

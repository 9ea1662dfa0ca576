"""Leakage from training to test data: what is found, and what an honest data set is not blamed for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli.photos import photo
from data.frames import Pixels, posed, recompressed
from PIL import Image

from modelaudit.data.checking import facts_of_samples
from modelaudit.data.leakage import MiniaturesSeen, leaks, read_training, shared_lots
from modelaudit.demo.line import InspectionLine
from modelaudit.language.errors import DataError
from modelaudit.language.findings import Item, Kind
from modelaudit.language.sample import DataSet, Sample

PHOTOS = 12


def data(images: Sequence[Pixels], masks: Sequence[Pixels] | None = None, label: str = "bolt") -> DataSet:
    return DataSet(
        tuple(
            Sample(f"{at:03}", image, label, None if masks is None else masks[at] == 1)
            for at, image in enumerate(images)
        )
    )


def found(test: DataSet, training: DataSet) -> list[tuple[Kind, Item]]:
    pictures = MiniaturesSeen()
    facts = list(facts_of_samples(test.samples, None, lambda: None, pictures))
    return list(leaks(facts, pictures.of, read_training(training, "folder:train")))


def photos(first: int = 0, count: int = PHOTOS) -> list[Pixels]:
    return [photo(first + at, 160, 120) for at in range(count)]


def resized(image: Pixels, share: float) -> Pixels:
    size = (round(image.shape[1] * share), round(image.shape[0] * share))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def stamped(image: Pixels) -> Pixels:
    image, (height, width) = image.copy(), image.shape[:2]
    image[: height // 10, : width // 3] = (255, 255, 0)
    return image


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG": lambda image: recompressed(image, 50),
    "half the size": lambda image: resized(image, 0.5),
    "larger": lambda image: resized(image, 1.4),
    "brighter": lambda image: np.clip(image * 1.3, 0, 255).astype(np.uint8),
    "another gamma": lambda image: (255 * (image / 255) ** 1.5).astype(np.uint8),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "turned": lambda image: np.ascontiguousarray(np.rot90(image)),
    "cropped": lambda image: np.ascontiguousarray(image[6:-3, 4:-11]),
    "all of it": lambda image: recompressed(np.ascontiguousarray(image[3:-4, -5:6:-1] // 8 * 7), 60),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_copies_of_photos_are_found(change: Callable[[Pixels], Pixels]) -> None:
    training = photos()
    test = [*photos(100, 2), *map(change, training[:4])]
    expected = [(Kind.LEAKED_NEAR, (f"{2 + at:03}",), (f"{at:03}",)) for at in range(4)]
    assert [(kind, item.ids, item.training) for kind, item in found(data(test), data(training))] == expected


def test_equal_pixels_are_said_first_and_once() -> None:
    training = [*photos(), photo(0, 160, 120)]
    (one,) = found(data([photo(0, 160, 120)]), data(training, label="nut"))
    assert one == (Kind.LEAKED_SAME, Item(("000",), "labelled 'nut' there and 'bolt' here", ("000", f"{PHOTOS:03}")))


def test_photos_of_other_things_are_none() -> None:
    assert found(data(photos(100)), data(photos())) == []


def frames(stream: str, count: int) -> DataSet:
    drawn = InspectionLine(0.95, 0, stream).draw(range(count))  # type: ignore[arg-type]
    return data(list(drawn.pixels), list(drawn.masks))


def test_the_training_frames_of_the_demo_are_not_in_its_audit_frames() -> None:
    leaked = [one for one in found(frames("audit", 24), frames("training", 60)) if one[0].problem]
    assert leaked == []


@pytest.mark.parametrize(("part", "noise"), [(12, 2.0), (30, 2.0), (30, 0.0)])
def test_frames_of_a_fixed_camera_are_not_leaks_of_one_another(part: int, noise: float) -> None:
    """Sixty frames with the part elsewhere and turned, every second one for training."""
    every = posed(60, part=part, noise=noise)
    assert [one for one in found(data(every[::2]), data(every[1::2])) if one[0].problem] == []


def test_frames_of_an_empty_scene_are_not_leaks_of_one_another() -> None:
    draw = np.random.default_rng(0)
    scene = photo(3, 160, 120).astype(np.float64)
    every = [np.clip(scene + draw.normal(0, 2, scene.shape), 0, 255).astype(np.uint8) for _ in range(24)]
    assert found(data(every[::2]), data(every[1::2])) == []


@pytest.mark.parametrize("change", ["JPEG", "mirrored", "cropped"])
def test_a_changed_copy_is_found_among_frames_of_its_camera(change: str) -> None:
    every = posed(40, part=30)
    near = [item for kind, item in found(data(list(map(CHANGES[change], every[:4]))), data(every)) if kind.problem]
    assert len(near) >= 3 and all(item.training == item.ids for item in near)


def test_a_stamp_does_not_hide_a_copy_whose_object_is_known() -> None:
    training, mask = photos(), np.zeros((120, 160), dtype=np.uint8)
    mask[50:100, 60:120] = 1
    test = [stamped(image) for image in training[:4]]
    without = found(data(test), data(training))
    assert [kind for kind, _ in without] == [Kind.RESEMBLES_TRAINING] * 4
    known = found(data(test, [mask] * 4), data(training))
    assert [kind for kind, _ in known] == [Kind.LEAKED_NEAR] * 4


def test_a_data_set_that_was_augmented_before_it_was_split_leaks() -> None:
    draw = np.random.default_rng(0)

    def version(image: Pixels) -> Pixels:
        top, bottom, left, right = draw.integers(1, 6, 4)
        part = np.ascontiguousarray(image[top:-bottom, left:-right])
        return recompressed(part[:, ::-1] if draw.random() < 0.5 else part, 85)

    every = photos()
    training = [version(image) for image in every for _ in range(8)]
    test = [version(image) for image in every]
    leaked = [item for kind, item in found(data(test), data(training)) if kind.problem]
    assert len(leaked) >= PHOTOS - 2
    assert all(int(item.training[0]) // 8 == int(item.ids[0]) for item in leaked)


def test_lots_that_both_hold_are_named() -> None:
    def lots(*names: str | None) -> DataSet:
        plain = data(photos(0, len(names)))
        chosen = [
            replace(one, cluster=name, attributes={"serial": str(at)})
            for at, (one, name) in enumerate(zip(plain.samples, names, strict=True))
        ]
        return DataSet(tuple(chosen))

    test, training = lots("lot 1", "lot 2", None, "lot 2"), lots(None, "lot 2", "lot 3")
    lot = (Kind.LEAKED_LOT, Item(("001", "003"), "cluster 'lot 2'", ("001",)))
    assert list(shared_lots(test, training, ())) == [lot]
    serials = [item.detail for _, item in shared_lots(test, training, ["serial"])][1:]
    assert serials == ["serial '0'", "serial '1'", "serial '2'"]
    with pytest.raises(DataError, match=r"--apart seriol: no image of the test data .* did you mean 'serial'"):
        list(shared_lots(test, training, ["seriol"]))


def test_several_samples_of_one_image_state_no_lot() -> None:
    """With ``?objects=each`` the name of the image is the cluster, and names repeat between data sets."""
    each = DataSet((Sample("0001.jpg#bolt", photo(0), "bolt", cluster="0001.jpg"),))
    assert list(shared_lots(each, each, ())) == []


def test_training_data_without_a_readable_image_are_an_error(tmp_path: Path) -> None:
    broken = DataSet((Sample("1", tmp_path / "1.png", "bolt"),))
    with pytest.raises(DataError, match="none of the 1 images can be read"):
        read_training(broken, "folder:train")

"""Masks made by a machine: which are written, which stay, and how they are marked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.photos import HEIGHT, WIDTH, blob, line, photo
from data.pictures import save
from numpy.typing import NDArray
from PIL import Image

from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.data.machine_masks import FILE, read_made_masks
from modelaudit.data.mask_making import Maker, Policy, grabcut, make_masks
from modelaudit.language.errors import DataError
from modelaudit.language.findings import MaskMade
from modelaudit.language.sample import DataSet, Sample

cv2 = pytest.importorskip("cv2")


def scene(height: int = 90, width: int = 120, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A red disc on green, both noisy, and its true mask."""
    rows, columns = np.mgrid[:height, :width]
    disc = ((rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (height / 4) ** 2).astype(np.uint8)
    noise = np.random.default_rng(seed).normal(0, 14, (height, width, 3))
    colours = np.where(disc[:, :, None] == 1, (190, 40, 40), (40, 140, 60)) + noise
    return colours.clip(0, 255).astype(np.uint8), disc


def boxed(mask: NDArray[np.uint8], margin: int = 6) -> NDArray[np.uint8]:
    rows, columns = np.nonzero(mask)
    box = np.zeros_like(mask)
    box[rows.min() - margin : rows.max() + margin, columns.min() - margin : columns.max() + margin] = 1
    return box


def overlap(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_it_finds_the_object_and_stays_in_the_box() -> None:
    image, disc = scene()
    found = grabcut(image, boxed(disc))
    assert found.dtype == np.uint8 and set(np.unique(found)) == {0, 1}
    assert overlap(found, disc) > 0.95
    assert not (found & ~boxed(disc)).any()


def test_two_boxes_give_both_objects() -> None:
    image, disc = scene()
    image, disc = np.concatenate([image, image], axis=1), np.concatenate([disc, disc], axis=1)
    half = np.zeros_like(disc)
    half[:, :120] = disc[:, :120]
    both = boxed(half) | boxed(disc - half)
    assert overlap(grabcut(image, both), disc) > 0.95


def test_colours_are_not_swapped_on_the_way() -> None:
    """OpenCV reads BGR: blue and red must not change places, so a mask follows the image when channels do."""
    image, disc = scene()
    expected = grabcut(image, boxed(disc))
    assert overlap(grabcut(np.ascontiguousarray(image[:, :, [2, 1, 0]]), boxed(disc)), expected) > 0.99


def test_the_same_image_gives_the_same_mask_whatever_was_cut_before() -> None:
    image, disc = scene()
    first = grabcut(image, boxed(disc))
    other, other_disc = scene(seed=5)
    grabcut(other, boxed(other_disc))
    cv2.setRNGSeed(77)
    assert np.array_equal(grabcut(image, boxed(disc)), first)


def test_a_large_image_gets_a_mask_of_its_own_size() -> None:
    image, disc = scene(900, 1500)
    found = grabcut(image, boxed(disc, 60))
    assert found.shape == (900, 1500)
    assert overlap(found, disc) > 0.95


@pytest.mark.parametrize(
    ("boxes", "message"), [("none", "the image has none"), ("empty", "the image has none"), ("full", "draw it closer")]
)
def test_without_a_box_or_without_a_background_it_says_so(boxes: str, message: str) -> None:
    image, disc = scene()
    given = {"none": None, "empty": np.zeros_like(disc), "full": np.ones_like(disc)}[boxes]
    with pytest.raises(UnusableSample, match=message):
        grabcut(image, given)


STAMP = {"date": "2026-11-23", "modelaudit": "0"}


def cut(image: Any, boxes: Any, label: Any) -> Any:
    """The same rectangle for all."""
    return blob() == 1


def made(
    root: Path, function: Callable[..., Any] = cut, *, reference: str = "folder:line", **policy: bool
) -> dict[str, MaskMade]:
    data = open_data(reference, root=root)
    maker = Maker("test", "1", function)
    found = make_masks(data, maker, root / "made", policy=Policy(**policy), stamp=STAMP)
    return {one.id: one for one in found}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    line(tmp_path / "line", masks=False)
    return tmp_path


def test_the_folder_source_reads_them_back_as_made_by_a_machine(bare: Path) -> None:
    found = made(bare)
    assert {one.outcome for one in found.values()} == {"made"} and len(found) == 6
    data = open_data("folder:line?masks=made", root=bare)
    assert {one.mask_kind for one in data.samples} == {"machine"}
    for sample in data.samples:
        assert np.array_equal(decode(sample).mask, blob())


def test_the_mark_says_by_whom_when_and_of_which_bytes(bare: Path) -> None:
    made(bare)
    document = json.loads((bare / "made" / FILE).read_text())
    assert document["makers"] == [{"by": "test", "version": "1", **STAMP}]
    assert set(document["files"]) == {f"{label}/{at}.png" for label in ("bolt", "nut") for at in range(3)}


def test_facts_of_a_mask_are_reported(bare: Path) -> None:
    found = made(bare)["nut/0.png"]
    assert found.mask is not None and found.remarks == ()
    assert found.mask.share == pytest.approx(900 / (WIDTH * HEIGHT))


@pytest.mark.parametrize(
    ("mask", "remarks"),
    [
        (np.zeros((HEIGHT, WIDTH), bool), ("empty",)),
        (np.ones((HEIGHT, WIDTH), bool), ("full", "touches_border")),
        (blob(wide=3, high=3), ("tiny",)),
        (blob(left=0), ("touches_border",)),
        (sum((blob(left=20 * at + 5, wide=12) for at in range(4)), blob() * 0), ("many_pieces",)),
    ],
)
def test_what_a_person_should_look_at_is_remarked(bare: Path, mask: Any, remarks: tuple[str, ...]) -> None:
    assert made(bare, lambda image, boxes, label: mask)["nut/0.png"].remarks == remarks


def test_ignored_pixels_are_kept(bare: Path) -> None:
    ringed = blob()
    ringed[19, 30:60] = 255
    made(bare, lambda image, boxes, label: ringed)
    sample = open_data("folder:line?masks=made", root=bare).samples[0]
    assert np.array_equal(decode(sample).mask, ringed)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (blob()[:-1], "differs in size: 96 x 71, the image 96 x 72"),
        (blob() * 7, "has the values 7"),
        (blob() * 255, "is 255 the object"),
        (None, "has shape"),
        (ZeroDivisionError("by the belt"), "ZeroDivisionError: by the belt"),
    ],
)
def test_an_invalid_mask_is_named_and_not_written(bare: Path, returned: Any, message: str) -> None:
    def function(image: Any, boxes: Any, label: str) -> Any:
        if label == "bolt":
            return blob()
        if isinstance(returned, Exception):
            raise returned
        return returned

    found = made(bare, function)
    assert {one.outcome for name, one in found.items() if name.startswith("nut")} == {"failed"}
    assert message in found["nut/0.png"].message
    assert sorted(path.name for path in (bare / "made").iterdir()) == ["bolt", FILE]


def test_an_image_that_cannot_be_read_is_named(bare: Path) -> None:
    (bare / "line/images/nut/0.png").write_bytes(b"no picture")
    found = made(bare)
    assert found["nut/0.png"].outcome == "failed" and "nut/0.png is not a PNG" in found["nut/0.png"].message
    assert found["nut/1.png"].outcome == "made"


def test_masks_of_people_are_not_asked_for(tmp_path: Path) -> None:
    line(tmp_path / "line")
    (tmp_path / "line/masks/nut/1.png").unlink()
    assert list(made(tmp_path)) == ["nut/1.png"]


def test_the_boxes_reach_the_maker_and_only_those(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}
    boxed = Sample("boxed.png", photo(1), "a", blob(), mask_kind="box")
    unknown = Sample("bare.png", photo(2), "b", mask_kind="none")

    def function(image: Any, boxes: Any, label: str) -> Any:
        seen[label] = boxes
        return blob()

    data = DataSet((boxed, unknown))
    list(make_masks(data, Maker("test", "1", function), tmp_path, policy=Policy(), stamp=STAMP))
    assert np.array_equal(seen["a"], blob()) and seen["b"] is None


def test_masks_that_are_there_stay(bare: Path) -> None:
    made(bare)
    before = (bare / "made/nut/0.png").read_bytes()
    found = made(bare, lambda image, boxes, label: blob(left=1))
    assert {one.outcome for one in found.values()} == {"kept"}
    assert found["nut/0.png"].mask is not None and found["nut/0.png"].mask.pieces == 1
    assert (bare / "made/nut/0.png").read_bytes() == before


def edited(bare: Path) -> Path:
    path = bare / "made/nut/0.png"
    save(path, blob(left=11))
    return path


def test_overwriting_takes_those_of_a_machine_and_leaves_what_a_person_edited(bare: Path) -> None:
    made(bare)
    edited(bare)
    found = made(bare, lambda image, boxes, label: blob(left=1), machine=True)
    assert [name for name, one in found.items() if one.outcome == "kept"] == ["nut/0.png"]
    data = open_data("folder:line?masks=made", root=bare)
    assert {one.id: one.mask_kind for one in data.samples}["nut/0.png"] == "mask"
    assert np.array_equal(np.asarray(Image.open(bare / "made/nut/0.png")), blob(left=11))
    assert np.array_equal(np.asarray(Image.open(bare / "made/nut/1.png")), blob(left=1))


def test_edited_ones_go_only_where_that_is_said(bare: Path) -> None:
    made(bare)
    edited(bare)
    made(bare, lambda image, boxes, label: blob(left=1), machine=True, edited=True)
    assert np.array_equal(np.asarray(Image.open(bare / "made/nut/0.png")), blob(left=1))
    kinds = {one.mask_kind for one in open_data("folder:line?masks=made", root=bare).samples}
    assert kinds == {"machine"}


def test_a_mask_with_another_ending_is_a_mask_that_is_there(bare: Path) -> None:
    save(bare / "made/nut/0.tif", blob(left=5))
    assert made(bare)["nut/0.png"].outcome == "kept"
    made(bare, edited=True)
    assert not (bare / "made/nut/0.tif").exists()
    assert open_data("folder:line?masks=made", root=bare).samples  # two masks of one image would be refused


def test_what_was_made_before_an_interruption_is_there_and_marked(bare: Path) -> None:
    done: list[str] = []

    def function(image: Any, boxes: Any, label: str) -> Any:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(label)
        return blob()

    with pytest.raises(KeyboardInterrupt):
        made(bare, function)
    written = sorted(str(path.relative_to(bare / "made")) for path in (bare / "made").rglob("*.png"))
    marks = read_made_masks(bare / "made")
    assert len(written) == 4 and marks is not None
    assert all(marks.maker_of(bare / "made" / name) == "test" for name in written)
    assert [one.outcome for one in made(bare).values()].count("made") == 2


def test_no_mask_is_there_before_its_mark(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the two, a run leaves marks without masks, and never the other way round."""
    made(bare)
    old = (bare / "made/nut/0.png").read_bytes()
    replace = Path.replace

    def killed(self: Path, target: Any) -> Path:
        if str(target).endswith(".png"):
            raise OSError(28, "No space left on device", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(DataError, match="No space left on device"):
        made(bare, lambda image, boxes, label: blob(left=1), machine=True)
    monkeypatch.undo()
    assert old not in [path.read_bytes() for path in (bare / "made").rglob("*.png")]
    data = open_data("folder:line", root=bare)
    marks = read_made_masks(bare / "made")
    assert marks is not None and len(marks.files) == len(data.samples)


def test_images_that_would_share_a_mask_are_refused(bare: Path) -> None:
    save(bare / "line/images/nut/0.jpg", photo(50))
    with pytest.raises(DataError, match=r"'nut/0.jpg' and 'nut/0.png' would share one mask"):
        made(bare)


def test_an_id_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    data = DataSet((Sample("../out.png", photo(1), "a", mask_kind="none"),))
    with pytest.raises(DataError, match="outside"):
        list(make_masks(data, Maker("test", "1", cut), tmp_path / "made", policy=Policy(), stamp=STAMP))
    assert not (tmp_path / "out.png").exists()

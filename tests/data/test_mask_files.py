"""Where masks are found: beside the images, with suffixes and prefixes, in folders of many names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from data.pictures import save
from numpy.typing import NDArray
from PIL import Image

from modelaudit.data import decode, open_data
from modelaudit.language.errors import DataError
from modelaudit.language.sample import DataSet

HEIGHT, WIDTH = 40, 50


def photo(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(40, 200, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def mask(number: int) -> NDArray[np.uint8]:
    """An object of 255 whose place names its image."""
    found = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    found[5 + number : 20 + number, 8 + number : 30] = 255
    return found


def write(root: Path, images: str, masks: str | None = None) -> Path:
    """Four images of two labels, ``{l}`` and ``{i}`` in their paths."""
    for number in range(4):
        parts = {"l": "ab"[number % 2], "i": number}
        save(root / images.format(**parts), photo(number))
        if masks is not None:
            save(root / masks.format(**parts), mask(number))
    return root


def opened(root: Path, options: str = "") -> DataSet:
    return open_data(f"folder:{root}{options}", root=Path("/nowhere"))


def assert_each_has_its_own(data: DataSet) -> None:
    """All four images, none of the masks, and each mask to the pixel."""
    assert sorted(Path(sample.id).stem for sample in data.samples) == ["0", "1", "2", "3"]
    assert {sample.label for sample in data.samples} == {"a", "b"}
    for sample in data.samples:
        found = decode(sample).mask
        assert found is not None and np.array_equal(found == 1, mask(int(Path(sample.id).stem)) == 255)


BESIDE = [
    ("{l}/{i}.jpg", "{l}/{i}.png", "named as the images"),
    ("{l}/{i}.png", "{l}/{i}.bmp", "named as the images"),
    ("{l}/{i}.bmp", "{l}/{i}.png", "named as the images"),
    ("{l}/cam 1/{i}.tif", "{l}/cam 1/{i}.webp", "named as the images"),
    *(("{l}/{i}.png", f"{{l}}/{{i}}{end}.png", f"<name>{end}") for end in ("_mask", "_GT", "-mask", "_seg", "_label")),
    *(("{l}/{i}.png", f"{{l}}/{{i}}{end}.png", f"<name>{end}") for end in (".mask", " Mask", "_ground_truth")),
    *(("{l}/{i}.jpg", f"{{l}}/{start}{{i}}.png", f"{start}<name>") for start in ("mask_", "GT_", "seg-")),
]
IN_TREES = [
    *(("images/{l}/{i}.jpg", f"{name}/{{l}}/{{i}}.png") for name in ("mask", "ground_truth", "GT", "labels")),
    *(("images/{l}/{i}.jpg", f"{name}/{{l}}/{{i}}.png") for name in ("Annotations", "SegmentationClass")),
    ("img/{l}/{i}.jpg", "mask/{l}/{i}.png"),
    ("photos/{l}/{i}.jpg", "segmentation/{l}/{i}_seg.png"),
    ("{l}/{i}.jpg", "masks/{l}/{i}.png"),
    ("{l}/{i}.jpg", "ground_truth/{l}/{i}_mask.png"),
    ("{l}/{i}.jpg", "{l}/masks/{i}.png"),
    ("{l}/images/{i}.jpg", "{l}/labels/{i}.png"),
    ("{l}/{i}.jpg", "masks/{i}.png"),
    ("images/{l}/{i}.jpg", "gt/gt_{i}.png"),
]


@pytest.mark.parametrize(("images", "masks", "named"), BESIDE)
def test_masks_beside_the_images_are_found_and_said(tmp_path: Path, images: str, masks: str, named: str) -> None:
    options = {"lossless": True} if masks.endswith("webp") else {}
    write(tmp_path, images, None if options else masks)
    if options:
        for number in range(4):
            save(tmp_path / masks.format(l="ab"[number % 2], i=number), mask(number), **options)
    data = opened(tmp_path)
    assert_each_has_its_own(data)
    (note,) = (note for note in data.notes if note.startswith("masks beside"))
    assert named in note and "4 of 4 images have one" in note


@pytest.mark.parametrize(("images", "masks"), IN_TREES)
def test_masks_in_a_parallel_tree_are_found_and_said(tmp_path: Path, images: str, masks: str) -> None:
    data = opened(write(tmp_path, images, masks))
    assert_each_has_its_own(data)
    assert any(note.startswith("masks in '") and "4 of 4 images have one" in note for note in data.notes)


@pytest.mark.parametrize(
    ("images", "masks", "below"),
    [
        ("test/{l}/{i}.png", "ground_truth/{l}/{i}_mask.png", "test"),
        ("images/{l}/{i}.png", "masks/{l}/{i}.png", "images"),
        ("images/train/{l}/{i}.png", "masks/train/{l}/{i}.png", "images/train"),
    ],
)
def test_masks_next_to_the_folder_that_was_named_are_found(tmp_path: Path, images: str, masks: str, below: str) -> None:
    write(tmp_path / "set", images, masks)
    data = opened(tmp_path / "set" / below)
    assert_each_has_its_own(data)
    assert any("masks in '../" in note for note in data.notes)


@pytest.mark.parametrize(
    ("images", "masks", "options"),
    [
        ("{l}/{i}.jpg", "{l}/{i}.png", "?masks=beside"),
        ("{l}/{i}.jpg", "{l}/{i}.png", "?masks=."),
        ("{l}/{i}.png", "{l}/{i}_zz.png", "?mask_suffix=_zz"),
        ("{l}/{i}.png", "{l}/o-{i}.png", "?mask_prefix=o-"),
        ("{l}/{i}.png", "drawn/{l}/{i}_zz.png", "?masks=drawn&mask_suffix=_zz"),
        ("{l}/{i}.png", "{l}/masks/{i}.png", "?masks=masks"),
        ("{l}/{i}.png", "{l}/drawn/{i}.png", "?masks=drawn"),
    ],
)
def test_options_say_where_masks_are(tmp_path: Path, images: str, masks: str, options: str) -> None:
    assert_each_has_its_own(opened(write(tmp_path, images, masks), options))


def test_several_conventions_are_asked_and_each_option_settles_it(tmp_path: Path) -> None:
    write(tmp_path, "{l}/{i}.jpg", "{l}/{i}.png")
    for number in range(4):
        save(tmp_path / f"{'ab'[number % 2]}/{number}_mask.png", mask(number))
    with pytest.raises(DataError, match=r"several conventions.*mask_suffix=_mask.*masks=beside&mask_suffix="):
        opened(tmp_path)
    for options in ("?mask_suffix=_mask", "?masks=beside&mask_suffix="):
        data = opened(tmp_path, options)
        assert_each_has_its_own(data)
        assert any("4 files that look like masks were left out" in note for note in data.notes)


def test_two_photos_of_one_name_are_photos(tmp_path: Path) -> None:
    write(tmp_path, "{l}/{i}.jpg")
    for number in range(4):
        save(tmp_path / f"{'ab'[number % 2]}/{number}.png", photo(9 + number))
        save(tmp_path / f"{'ab'[number % 2]}/{number}_label.png", photo(19 + number))
    data = opened(tmp_path)
    assert len(data.samples) == 12 and all(sample.mask is None for sample in data.samples)


def test_one_mask_among_pairs_of_photos_is_no_photo(tmp_path: Path) -> None:
    for number in range(20):
        save(tmp_path / f"a/{number:02}.jpg", photo(number))
        save(tmp_path / f"a/{number:02}.png", photo(99 - number) if number != 7 else mask(1))
    data = opened(tmp_path)
    assert len(data.samples) == 39 and "a/07.png" not in {sample.id for sample in data.samples}


@pytest.mark.parametrize(("option", "photos", "masks"), [("?masks=none", 8, 0), ("?masks=beside", 4, 4)])
def test_what_may_be_a_mask_or_a_photo_is_asked(tmp_path: Path, option: str, photos: int, masks: int) -> None:
    write(tmp_path, "{l}/{i}.jpg")
    for number in range(4):
        Image.new("RGB", (WIDTH, HEIGHT), (80, 90, 100)).save(tmp_path / f"{'ab'[number % 2]}/{number}.tif")
    with pytest.raises(DataError, match=r"0\.tif a mask or a photo\?.*masks=beside.*masks=none"):
        opened(tmp_path)
    if option == "?masks=none":
        assert len(opened(tmp_path, option).samples) == photos
    else:  # then they must be masks that can be read
        with pytest.raises(DataError, match="which values of the masks are the object"):
            opened(tmp_path, option)


def test_without_masks_clear_ones_are_left_out_all_the_same(tmp_path: Path) -> None:
    data = opened(write(tmp_path, "{l}/{i}.jpg", "{l}/{i}.png"), "?masks=none")
    assert [sample.id for sample in data.samples] == ["a/0.jpg", "a/2.jpg", "b/1.jpg", "b/3.jpg"]
    assert all(sample.mask is None for sample in data.samples)
    assert "4 files that look like masks were left out" in data.notes[0]


def test_masks_without_their_images_are_no_photos(tmp_path: Path) -> None:
    write(tmp_path, "{l}/{i}.jpg", "{l}/{i}_mask.png")
    save(tmp_path / "a/9_mask.png", mask(3))
    data = opened(tmp_path)
    assert_each_has_its_own(data)
    assert "1 masks belong to no image" in data.notes


def test_masks_of_other_names_are_an_error_and_no_class(tmp_path: Path) -> None:
    write(tmp_path, "{l}/{i}.jpg", "masks/drawn-{i}.png")
    with pytest.raises(DataError, match=r"no mask in 'masks' belongs to an image.*masks=none"):
        opened(tmp_path)
    assert {sample.label for sample in opened(tmp_path, "?masks=none").samples} == {"a", "b"}


def test_a_class_that_is_called_mask_is_a_class(tmp_path: Path) -> None:
    for label in ("mask", "no_mask"):
        for number in range(3):
            save(tmp_path / label / f"{number}.jpg", photo(number + len(label)))
    assert {sample.label for sample in opened(tmp_path).samples} == {"mask", "no_mask"}


@pytest.mark.parametrize("how", ["same file", "hard link", "copy", "other format"])
def test_an_image_is_never_its_own_mask(tmp_path: Path, how: str) -> None:
    write(tmp_path / "set", "images/{l}/{i}.bmp")
    for number in range(4):
        name = f"{'ab'[number % 2]}/{number}"
        source, target = tmp_path / f"set/images/{name}.bmp", tmp_path / f"m/{name}.bmp"
        target.parent.mkdir(parents=True, exist_ok=True)
        if how == "hard link":
            os.link(source, target)
        elif how == "copy":
            target.write_bytes(source.read_bytes())
        elif how == "other format":
            Image.open(source).save(target.with_suffix(".png"))
    where = "set/images" if how == "same file" else "m"
    for options in ("", "&mask_threshold=128"):
        with pytest.raises(DataError, match=r"own mask|no mask beside the images"):
            open_data(f"folder:set?masks={where}{options}", root=tmp_path)


@pytest.mark.parametrize(
    ("images", "option"),
    [
        ("train/{l}/{i}.png", "train"),
        ("images/val/{l}/{i}.png", "images/val"),
        ("test/{l}/{i}.png", "test"),
    ],
)
def test_splits_in_place_of_labels_are_said(tmp_path: Path, images: str, option: str) -> None:
    write(tmp_path, images)
    with pytest.raises(DataError, match=rf"splits and not labels; name the one to be audited, e\.g\. .*/{option}$"):
        opened(tmp_path)
    assert {sample.label for sample in opened(tmp_path / option).samples} == {"a", "b"}


def test_stray_files_are_named_and_passed_over_or_ignored(tmp_path: Path) -> None:
    write(tmp_path, "{l}/{i}.jpg", "{l}/{i}.png")
    save(tmp_path / "dataset.jpg", photo(99))
    for name in ("Thumbs.db", "README.md", "a/._0.jpg", "__MACOSX/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    data = opened(tmp_path)
    assert_each_has_its_own(data)
    notes = " ".join(data.notes)
    assert all(name in notes for name in ("dataset.jpg", "Thumbs.db", "README.md", "._0.jpg", "__MACOSX"))
    ignored = opened(tmp_path, "?ignore=*.db,README*,dataset.jpg,0.*")
    assert [sample.id for sample in ignored.samples] == ["a/2.jpg", "b/1.jpg", "b/3.jpg"]
    assert any(note.startswith("files left out by ignore=: 5") for note in ignored.notes)


def test_photos_that_lend_backgrounds_are_no_masks(tmp_path: Path) -> None:
    write(tmp_path, "{l}/{i}.jpg", "{l}/{i}_mask.png")
    data = open_data("photos:.?ignore=3.*", root=tmp_path)
    assert [sample.id for sample in data.samples] == ["a/0.jpg", "a/2.jpg", "b/1.jpg"]
    assert "4 masks were left out" in data.notes
    with pytest.raises(DataError, match="photos have no masks"):
        open_data("photos:.?masks=drawn", root=tmp_path)


def cut_outs(root: Path, soft: bool = False) -> None:
    for number in range(4):
        alpha = np.where(mask(number) > 0, 255, 100 if soft else 0).astype(np.uint8)
        save(root / f"{'ab'[number % 2]}/{number}.png", np.dstack([photo(number), alpha]))


@pytest.mark.parametrize("soft", [False, True])
def test_the_alpha_channel_is_the_mask_and_the_colours_stay(tmp_path: Path, soft: bool) -> None:
    cut_outs(tmp_path, soft)
    plain = opened(tmp_path)
    assert plain.samples[0].mask is None and "masks=alpha" in plain.notes[0]
    data = opened(tmp_path, "?masks=alpha")
    assert_each_has_its_own(data)
    assert np.array_equal(decode(data.samples[0]).image, photo(0))
    if soft:
        everything = decode(opened(tmp_path, "?masks=alpha&mask_threshold=90").samples[0]).mask
        assert everything is not None and everything.all()


def test_images_without_an_alpha_channel_have_no_such_mask(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image has an alpha channel"):
        opened(write(tmp_path, "{l}/{i}.png"), "?masks=alpha")


def test_a_tree_on_a_url_is_read_by_the_same_conventions(tmp_path: Path) -> None:
    write(tmp_path / "line", "{l}/{i}.jpg", "{l}/{i}.png")
    data = open_data(f"folder:file://{tmp_path}/line?masks=beside", root=tmp_path, quiet=True)
    assert_each_has_its_own(data)


def test_a_broken_file_keeps_the_part_that_its_ending_has(tmp_path: Path) -> None:
    write(tmp_path, "{l}/{i}.jpg", "{l}/{i}.png")
    (tmp_path / "a/0.png").write_bytes(b"")
    data = opened(tmp_path)
    assert [sample.id for sample in data.samples] == ["a/0.jpg", "a/2.jpg", "b/1.jpg", "b/3.jpg"]
    assert all(sample.mask is not None for sample in data.samples)

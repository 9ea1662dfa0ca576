"""The folder sources: what is an image, which mask and stored pictures are its own, and what is refused."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from data.pictures import encoded, image_array, line, mask_array, save
from PIL import Image

from modelaudit.data import UnusableSample, class_indices, decode, open_data
from modelaudit.language import Sample
from modelaudit.language.errors import DataError


def test_labels_ids_and_masks_come_from_the_folders(tmp_path: Path) -> None:
    line(tmp_path / "line_a")
    data = open_data("folder:line_a", root=tmp_path)
    assert [(one.id, one.label) for one in data.samples] == [
        ("bolt/0.png", "bolt"),
        ("bolt/1.png", "bolt"),
        ("nut/0.png", "nut"),
        ("nut/1.png", "nut"),
    ]
    assert data.notes == ()
    for sample in data.samples:
        decoded = decode(sample)
        assert decoded.mask is not None
        assert np.array_equal(decoded.mask, mask_array())


def test_labels_directly_below_with_masks_elsewhere(tmp_path: Path) -> None:
    line(tmp_path / "raw")
    (tmp_path / "line").mkdir()
    (tmp_path / "raw" / "images" / "bolt").rename(tmp_path / "line" / "bolt")
    (tmp_path / "raw" / "masks").rename(tmp_path / "elsewhere")
    data = open_data("folder:line?masks=elsewhere", root=tmp_path)
    assert [one.id for one in data.samples] == ["bolt/0.png", "bolt/1.png"]
    assert all(one.mask is not None for one in data.samples)
    assert "2 masks belong to no image" in data.notes


def test_a_mask_folder_inside_is_no_label(tmp_path: Path) -> None:
    line(tmp_path / "raw", labels=("bolt",))
    (tmp_path / "raw" / "images" / "bolt").rename(tmp_path / "raw" / "bolt")
    (tmp_path / "raw" / "images").rmdir()
    data = open_data("folder:raw?masks=masks", root=tmp_path)
    assert {one.label for one in data.samples} == {"bolt"}
    assert all(one.mask is not None for one in data.samples)


def test_folders_below_the_label_and_other_endings(tmp_path: Path) -> None:
    mask = mask_array()
    formats = {"a.JPG": "m.PNG", "b.webp": "b.tiff", "c.bmp": "c.bmp", "d.TIF": "d.webp", "e.jpeg": "e.tif"}
    for image in formats:
        save(tmp_path / "images" / "bolt" / "cam 1" / image, image_array(mask))
    for image, ending in zip(formats, (".PNG", ".tiff", ".bmp", ".webp", ".tif"), strict=True):
        options = {"lossless": True, "exact": True} if ending == ".webp" else {}
        save(tmp_path / "masks" / "bolt" / "cam 1" / (image.split(".")[0] + ending), mask, **options)
    data = open_data(f"folder:{tmp_path}", root=Path("/nowhere"))
    assert [one.id for one in data.samples] == [f"bolt/cam 1/{name}" for name in sorted(formats)]
    for sample in data.samples:
        assert sample.label == "bolt"
        decoded = decode(sample)
        assert decoded.mask is not None
        assert np.array_equal(decoded.mask, mask)


def test_ids_are_in_nfc_and_masks_are_found_in_either_form(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Träger") for form in ("NFC", "NFD"))
    save(tmp_path / "images" / decomposed / "1.png", image_array(mask_array()))
    save(tmp_path / "masks" / composed / "1.png", mask_array())
    (sample,) = open_data(f"folder:{tmp_path}", root=tmp_path).samples
    assert sample.id == f"{composed}/1.png" and sample.label == composed
    assert sample.mask is not None


def test_two_names_that_are_one_in_nfc_are_refused(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        save(tmp_path / "images" / "bolt" / f"{unicodedata.normalize(form, 'ü')}.png", image_array(mask_array()))
    if len(list((tmp_path / "images" / "bolt").iterdir())) == 1:
        pytest.skip("this file system does not tell the two forms apart")
    with pytest.raises(DataError, match="NFC"):
        open_data(f"folder:{tmp_path}", root=tmp_path)


def test_images_without_masks_and_files_passed_over_are_counted(tmp_path: Path) -> None:
    line(tmp_path)
    (tmp_path / "masks" / "nut" / "1.png").unlink()
    (tmp_path / "images" / "nut" / "notes.txt").write_text("hello")
    (tmp_path / "images" / "nut" / ".DS_Store").write_text("hidden")
    data = open_data(f"folder:{tmp_path}", root=tmp_path)
    assert [one.mask_kind for one in data.samples] == ["mask", "mask", "mask", "none"]
    assert decode(data.samples[3]).mask is None
    assert data.notes == (
        "files without the ending of an image were skipped: nut/notes.txt",
        "hidden files and folders were skipped: .DS_Store",
        "1 of 4 images have no mask",
    )


def test_without_masks_a_note_says_so(tmp_path: Path) -> None:
    save(tmp_path / "bolt" / "1.png", image_array(mask_array()))
    data = open_data(f"folder:{tmp_path}", root=tmp_path)
    assert data.samples[0].mask is None
    assert "no masks" in data.notes[0]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("folder:nowhere", "no folder at .*nowhere"),
        ("folder:line?masks=nowhere", "masks=nowhere"),
        ("folder:line?mask=masks", "did you mean 'masks'"),
        ("folder:line?mask_255=objekt", "object"),
        ("folder:empty", "no image in"),
    ],
)
def test_a_reference_that_leads_nowhere_says_where_it_looked(tmp_path: Path, reference: str, message: str) -> None:
    line(tmp_path / "line")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        open_data(reference, root=tmp_path)


def test_images_without_a_label_folder_are_named_and_passed_over(tmp_path: Path) -> None:
    line(tmp_path)
    save(tmp_path / "images" / "stray.png", image_array(mask_array()))
    data = open_data(f"folder:{tmp_path}", root=tmp_path)
    assert len(data.samples) == 4
    assert data.notes == ("images without a folder of a label were passed over: stray.png",)


def test_images_that_all_have_no_label_folder_are_refused_with_the_way_out(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(tmp_path / name, image_array(mask_array()))
    with pytest.raises(DataError, match=r"a\.png: make a folder for each class.*csv:.*photos:"):
        open_data(f"folder:{tmp_path}", root=tmp_path)


def test_two_masks_for_one_image_and_two_images_for_one_mask_are_refused(tmp_path: Path) -> None:
    line(tmp_path / "a")
    save(tmp_path / "a" / "masks" / "nut" / "1.bmp", mask_array())
    with pytest.raises(DataError, match="several masks"):
        open_data("folder:a", root=tmp_path)
    line(tmp_path / "b")
    save(tmp_path / "b" / "images" / "nut" / "1.jpg", image_array(mask_array()))
    with pytest.raises(DataError, match="share the mask"):
        open_data("folder:b", root=tmp_path)


def test_masks_that_belong_to_no_image_at_all_are_an_error(tmp_path: Path) -> None:
    line(tmp_path)
    (tmp_path / "masks" / "nut").rename(tmp_path / "masks" / "nuts")
    (tmp_path / "masks" / "bolt").rename(tmp_path / "masks" / "bolts")
    with pytest.raises(DataError, match=r"no mask.*bolt/0\.png.*bolts/0"):
        open_data(f"folder:{tmp_path}", root=tmp_path)


def binary_line(root: Path) -> Path:
    line(root)
    for path in (root / "masks").rglob("*.png"):
        save(path, ((mask_array() == 1) * 255).astype(np.uint8))
    return root


def test_masks_of_0_and_255_alone_hold_the_object_and_a_note_says_so(tmp_path: Path) -> None:
    binary_line(tmp_path)
    data = open_data(f"folder:{tmp_path}", root=tmp_path)
    assert data.notes == ("masks of 0 and 255 alone: 255 is the object (mask_255=object)",)
    for sample in data.samples:
        mask = decode(sample).mask
        assert mask is not None and np.array_equal(mask, mask_array() == 1)


def test_one_mask_of_0_and_255_among_those_with_a_1_is_not_guessed(tmp_path: Path) -> None:
    line(tmp_path)
    save(tmp_path / "masks" / "nut" / "1.png", ((mask_array() == 1) * 255).astype(np.uint8))
    data = open_data(f"folder:{tmp_path}", root=tmp_path)
    with pytest.raises(UnusableSample, match=r"nut/1\.png has no 1.*mask_255=object"):
        decode(data.samples[3])


def test_a_1_among_masks_of_0_and_255_is_an_error_of_that_mask(tmp_path: Path) -> None:
    binary_line(tmp_path)
    save(tmp_path / "masks" / "nut" / "1.png", mask_array())
    data = open_data(f"folder:{tmp_path}", root=tmp_path)
    with pytest.raises(UnusableSample, match=r"nut/1\.png has both 1 and 255"):
        decode(data.samples[3])


def test_masks_of_0_and_255_are_read_as_the_reference_says(tmp_path: Path) -> None:
    binary_line(tmp_path)
    objects = decode(open_data(f"folder:{tmp_path}?mask_255=object", root=tmp_path).samples[0])
    ignored = decode(open_data(f"folder:{tmp_path}?mask_255=ignore", root=tmp_path).samples[0])
    assert objects.mask is not None and ignored.mask is not None
    assert np.array_equal(objects.mask, (mask_array() == 1).astype(np.uint8))
    assert set(np.unique(ignored.mask)) == {0, 255}
    assert objects.digest != ignored.digest


def link(at: Path, to: Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    try:
        at.symlink_to(to)
    except OSError as error:
        pytest.skip(f"links cannot be made here: {error}")


@pytest.mark.parametrize("what", ["file", "label folder", "images folder", "mask"])
def test_a_link_that_leaves_the_data_is_refused(tmp_path: Path, what: str) -> None:
    outside = line(tmp_path / "outside")
    root = line(tmp_path / "line")
    if what == "file":
        link(root / "images" / "nut" / "9.png", outside / "images" / "nut" / "0.png")
    elif what == "label folder":
        link(root / "images" / "screw", outside / "images" / "nut")
    elif what == "mask":
        (root / "masks" / "nut" / "0.png").unlink()
        link(root / "masks" / "nut" / "0.png", outside / "masks" / "nut" / "0.png")
    else:
        (root / "images").rename(tmp_path / "moved")
        link(root / "images", tmp_path / "moved")
    with pytest.raises(DataError, match="outside"):
        open_data("folder:line", root=tmp_path)


def test_a_link_inside_the_data_is_followed_for_files_and_refused_for_folders(tmp_path: Path) -> None:
    root = line(tmp_path / "line")
    link(root / "images" / "nut" / "9.png", root / "images" / "nut" / "0.png")
    assert len(open_data("folder:line", root=tmp_path).samples) == 5
    link(root / "images" / "again", root / "images" / "nut")
    with pytest.raises(DataError, match="twice"):
        open_data("folder:line", root=tmp_path)


def test_broken_images_stay_samples(tmp_path: Path) -> None:
    line(tmp_path)
    content = encoded(Image.fromarray(image_array(mask_array())))
    (tmp_path / "images" / "nut" / "0.png").write_bytes(content[: len(content) // 2])
    assert len(open_data(f"folder:{tmp_path}", root=tmp_path).samples) == 4


def other_line(root: Path, *names: str) -> Path:
    for name in names:
        save(root / name, image_array(mask_array()))
    return root


def test_pictures_of_the_same_samples_come_from_parallel_trees(tmp_path: Path) -> None:
    line(tmp_path / "line_a")
    other_line(tmp_path / "line_b", "images/bolt/0.jpg", "images/nut/1.bmp")
    other_line(tmp_path / "line_a" / "night", *(f"{label}/{at}.png" for label in ("bolt", "nut") for at in (0, 1)))
    data = open_data("folder:line_a?stored.line_b=line_b&stored.night shift=night", root=tmp_path)
    night, line_b = tmp_path / "line_a" / "night", tmp_path / "line_b" / "images"
    assert {one.id: dict(one.stored) for one in data.samples} == {
        "bolt/0.png": {"line_b": line_b / "bolt" / "0.jpg", "night shift": night / "bolt" / "0.png"},
        "bolt/1.png": {"night shift": night / "bolt" / "1.png"},
        "nut/0.png": {"night shift": night / "nut" / "0.png"},
        "nut/1.png": {"line_b": line_b / "nut" / "1.bmp", "night shift": night / "nut" / "1.png"},
    }
    assert "2 of 4 images have no picture 'line_b'" in data.notes


def test_a_tree_inside_the_images_is_no_label(tmp_path: Path) -> None:
    other_line(tmp_path, "bolt/0.png", "other/bolt/0.png", "other/bolt/5.png")
    data = open_data("folder:.?stored.b=other", root=tmp_path)
    assert [one.id for one in data.samples] == ["bolt/0.png"]
    assert "1 pictures 'b' belong to no image" in data.notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("stored.b=nowhere", "stored.b=nowhere: no folder at"),
        ("stored.b=empty", r"no picture in .*empty belongs to an image; looked e.g. for bolt/0.png"),
        ("stored.b=twice", r"has several pictures 'b': .*0.jpg, .*0.png; keep one"),
        ("stored=twice", "unknown option 'stored'; did you mean 'stored.NAME'"),
        ("stored.=twice", r"unknown option 'stored.'; did you mean 'stored.NAME'"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, options: str, message: str) -> None:
    line(tmp_path / "line_a")
    other_line(tmp_path / "twice", "bolt/0.png", "bolt/0.jpg")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        open_data(f"folder:line_a?{options}", root=tmp_path)


def test_relative_paths_of_samples_start_at_the_root(tmp_path: Path) -> None:
    one = Sample("a", Path("a.png"), "bolt", stored={"b": Path("b.png"), "c": tmp_path / "c.png"})
    (found,) = open_data([one], root=tmp_path).samples
    assert found.stored == {"b": tmp_path / "b.png", "c": tmp_path / "c.png"}


def test_all_images_below_are_read_whatever_the_layout(tmp_path: Path) -> None:
    for name in ("a.png", "deep/er/b.JPG", "cam 1/c.webp"):
        save(tmp_path / "photos" / name, image_array(mask_array()))
    (tmp_path / "photos" / "notes.txt").write_text("hello")
    (tmp_path / "photos" / ".hidden.png").write_text("hello")
    data = open_data("photos:photos", root=tmp_path)
    assert [one.id for one in data.samples] == ["a.png", "cam 1/c.webp", "deep/er/b.JPG"]
    assert all(one.mask is None and one.mask_kind == "none" for one in data.samples)
    assert decode(data.samples[0]).image.shape == (24, 32, 3)
    assert data.notes == (
        "files without the ending of an image were skipped: notes.txt",
        "hidden files and folders were skipped: .hidden.png",
    )


def test_as_the_data_of_an_audit_they_are_an_error_that_says_why(tmp_path: Path) -> None:
    save(tmp_path / "a.png", image_array(mask_array()))
    labels = [sample.label for sample in open_data(f"photos:{tmp_path}", root=tmp_path).samples]
    for mapping in (None, {"": 0}):
        with pytest.raises(DataError, match=r"without a label.*photos:.*use folder:"):
            class_indices(labels, classes=["bolt", "nut"], outputs=2, mapping=mapping)


@pytest.mark.parametrize(
    ("reference", "message"),
    [("photos:nowhere", "no folder"), ("photos:empty", "no image"), ("photos:empty?label=x", "unknown option")],
)
def test_nothing_to_read_is_an_error(tmp_path: Path, reference: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        open_data(reference, root=tmp_path)

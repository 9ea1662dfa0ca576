"""ImageNet-9: the layout of the download, whose foreground a picture shows, masks in numpy files, the nine classes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import image_array, mask_array, save
from numpy.typing import NDArray

from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.data.imagenet9 import IN9_CLASSES, VARIANTS, foreground
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing

PLAIN = ("original", "only_fg", "no_fg", "only_bg_b", "only_bg_t")
DOG, FISH = "n02085936_1234", "n01440764_77"
OBJECT: NDArray[np.bool_] = mask_array(ring=False) == 1


def mask(root: Path, label: str, stem: str, values: Any = OBJECT) -> Path:
    path = root / "fg_mask" / "val" / label / f"{stem}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)
    return path


def in9(root: Path, images: Iterable[tuple[str, str]] = (("00_dog", DOG), ("08_fish", FISH))) -> Path:
    """A tree as the download unpacks, every picture of a shade of its own."""
    shade = 0
    for label, stem in images:
        for variant in VARIANTS:
            shade += 1
            name = stem if variant in PLAIN else f"fg_{stem}_bg_n02999410_{shade}"
            pixels = image_array(mask_array()) + np.uint8(shade)
            save(root / variant / "val" / label / f"{name}.JPEG", pixels, quality=95)
        mask(root, label, stem)
    return root


def test_images_masks_labels_and_variants_come_from_the_tree(tmp_path: Path) -> None:
    root = in9(tmp_path / "bg_challenge")
    data = open_data("imagenet9:bg_challenge", root=tmp_path)
    assert [(one.id, one.label) for one in data.samples] == [
        (f"00_dog/{DOG}.JPEG", "00_dog"),
        (f"08_fish/{FISH}.JPEG", "08_fish"),
    ]
    for sample in data.samples:
        assert sample.image == root / "original" / "val" / sample.id
        decoded = decode(sample)
        assert decoded.mask is not None and np.array_equal(decoded.mask, OBJECT)
        assert set(sample.stored) == set(VARIANTS) - {"original"}
        for variant, picture in sample.stored.items():
            assert isinstance(picture, Path)
            assert picture.parent == root / variant / "val" / str(sample.label)
            assert sample.id.split("/")[1].removesuffix(".JPEG") in picture.name


def test_the_map_has_370_of_the_1000_classes_and_630_mean_none(tmp_path: Path) -> None:
    in9(tmp_path)
    data = open_data(f"imagenet9:{tmp_path}", root=tmp_path)
    assert data.outputs == 1000 and data.label_map is not None
    mapped = [index for indices in data.label_map.values() for index in indices]
    assert len(mapped) == len(set(mapped)) == 370 and len(set(range(1000)) - set(mapped)) == 630
    sizes = [len(data.label_map[label]) for label in sorted(map(str, data.label_map))]
    assert sizes == [116, 52, 42, 36, 35, 27, 26, 20, 16]


def test_the_map_agrees_with_the_names_of_torchvisions_outputs() -> None:
    from torchvision.models import ResNet50_Weights

    names = ResNet50_Weights.IMAGENET1K_V1.meta["categories"]
    meant = {names[index]: label for label, indices in IN9_CLASSES.items() for index in indices}
    known = {
        "Chihuahua": "00_dog",
        "Mexican hairless": "00_dog",
        "goldfinch": "01_bird",
        "ambulance": "02_wheeled vehicle",
        "loggerhead": "03_reptile",
        "timber wolf": "04_carnivore",
        "ladybug": "05_insect",
        "accordion": "06_musical instrument",
        "gibbon": "07_primate",
        "tench": "08_fish",
    }
    assert {name: meant[name] for name in known} == known
    assert not meant.keys() & {"whippet", "tabby", "airliner", "scorpion", "toilet tissue"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_any_variant_can_be_the_images(tmp_path: Path, variant: str) -> None:
    root = in9(tmp_path)
    data = open_data(f"imagenet9:{tmp_path}?variant={variant}", root=tmp_path)
    assert len(data.samples) == 2
    for sample in data.samples:
        assert sample.image == root / variant / "val" / sample.id
        assert set(sample.stored) == set(VARIANTS) - {variant}
        assert decode(sample).mask is not None


def test_the_original_alone_is_enough(tmp_path: Path) -> None:
    save(tmp_path / "original" / "val" / "05_insect" / "a.JPEG", image_array(mask_array()))
    data = open_data(f"imagenet9:{tmp_path}", root=tmp_path)
    assert data.samples[0].mask is None and not data.samples[0].stored
    assert data.notes == (
        "1 images have no mask, e.g. 05_insect/a.JPEG",
        f"variants that are not there: {', '.join(VARIANTS[1:])}",
        "original has 1 of the 9 classes",
    )


def test_a_missing_picture_or_mask_is_counted_with_its_name(tmp_path: Path) -> None:
    root = in9(tmp_path)
    (root / "fg_mask" / "val" / "00_dog" / f"{DOG}.npy").unlink()
    (root / "only_bg_t" / "val" / "08_fish" / f"{FISH}.JPEG").unlink()
    save(root / "only_bg_t" / "val" / "08_fish" / "another.JPEG", image_array(mask_array()))
    data = open_data(f"imagenet9:{tmp_path}", root=tmp_path)
    dog, fish = data.samples
    assert dog.mask is None and dog.mask_kind == "none" and fish.mask is not None
    assert "only_bg_t" in dog.stored and "only_bg_t" not in fish.stored
    assert f"1 images have no mask, e.g. 00_dog/{DOG}.JPEG" in data.notes
    assert f"1 images have no picture in only_bg_t, e.g. 08_fish/{FISH}.JPEG" in data.notes


def test_two_pictures_of_one_foreground_are_ambiguous_and_left_out(tmp_path: Path) -> None:
    root = in9(tmp_path)
    save(root / "mixed_rand" / "val" / "00_dog" / f"fg_{DOG}_bg_other.JPEG", image_array(mask_array()))
    data = open_data(f"imagenet9:{tmp_path}", root=tmp_path)
    assert "mixed_rand" not in data.samples[0].stored and "mixed_rand" in data.samples[1].stored
    assert f"1 images have several pictures in mixed_rand, e.g. 00_dog/{DOG}.JPEG" in data.notes


def test_a_stem_that_begins_like_another_does_not_get_its_pictures(tmp_path: Path) -> None:
    longer = f"{DOG}5"
    root = in9(tmp_path, (("00_dog", DOG), ("00_dog", longer)))
    for picture in (root / "mixed_same" / "val" / "00_dog").glob(f"fg_{DOG}_*"):
        picture.unlink()
    data = open_data(f"imagenet9:{tmp_path}", root=tmp_path)
    assert "mixed_same" not in data.samples[0].stored and "mixed_same" in data.samples[1].stored


def test_the_foreground_of_a_mixed_name() -> None:
    known = {("00_dog", stem) for stem in ("n1_1", "n1_12", "a", "a_b", "c")}

    def stem(name: str) -> str | None:
        found = foreground("mixed_next", ("00_dog", name), known)
        return None if found is None else found[1]

    assert stem("fg_n1_1_bg_n2_5") == "n1_1"
    assert stem("fg_n1_12_bg_n1_1") == "n1_12"
    assert stem("fg_c") == "c" and stem("fg_c_with_n1_1") == "c"
    assert stem("fg_a_b_bg_c") == "a_b" and stem("fg_a_bg_b") == "a"
    assert stem("fg_a_b") == "a_b"  # all of what stands after fg_
    assert stem("fg_a_b_1") is None  # of a, or of a_b
    assert stem("c_bg_a") is None and stem("fg_unknown_bg_c") is None


@pytest.mark.parametrize(
    "values",
    [
        OBJECT,
        OBJECT[:, :, None],
        OBJECT.astype(np.uint8),
        OBJECT.astype(np.uint8) * 255,
        OBJECT.astype(np.float64),
        OBJECT.astype(np.int64)[:, :, None],
        np.asfortranarray(OBJECT),
    ],
    ids=["bool", "bool, third axis", "0 and 1", "0 and 255", "float", "int64, third axis", "by column"],
)
def test_masks_of_any_number_type_mean_the_same(tmp_path: Path, values: NDArray[Any]) -> None:
    mask(in9(tmp_path), "00_dog", DOG, values)
    decoded = decode(open_data(f"imagenet9:{tmp_path}", root=tmp_path).samples[0])
    assert decoded.mask is not None and decoded.mask.dtype == np.uint8
    assert np.array_equal(decoded.mask, OBJECT)


class Trap:
    """Whoever unpickles it has lost."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was loaded",))


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Trap()], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def announcing(shape: str) -> bytes:
    """A file of a few bytes whose header says that it is large."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + b"\x00" * 8


@pytest.mark.parametrize(
    ("content", "reason", "message"),
    [
        (np.zeros((24, 32, 3)), Missing.UNREADABLE_MASK, r"shape \(24, 32, 3\)"),
        (np.zeros(24 * 32), Missing.UNREADABLE_MASK, "shape"),
        (np.zeros((12, 16)), Missing.MASK_SIZE, "16 x 12"),
        (np.full((24, 32), 7), Missing.UNREADABLE_MASK, "values 7"),
        (np.full((24, 32), np.nan), Missing.UNREADABLE_MASK, "values nan"),
        (np.full((24, 32), 0.5), Missing.UNREADABLE_MASK, "values 0.5"),
        (np.zeros((24, 32), dtype=complex), Missing.UNREADABLE_MASK, "holds complex"),
        (pickled(), Missing.UNREADABLE_MASK, "holds object"),
        (announcing("(100000, 100000)"), Missing.UNREADABLE_MASK, "announces 10000000000 bytes"),
        (announcing("(-4, 2)"), Missing.UNREADABLE_MASK, "announces"),
        (b"", Missing.UNREADABLE_MASK, "empty"),
        (b"\x93NUMPY\x01\x00", Missing.UNREADABLE_MASK, "not a .npy file"),
        (b"hello, hello, hello", Missing.UNREADABLE_MASK, "not a .npy file"),
    ],
    ids=range(13),
)
def test_an_invalid_mask_costs_one_named_sample(
    tmp_path: Path, content: bytes | NDArray[Any], reason: Missing, message: str
) -> None:
    path = mask(in9(tmp_path), "00_dog", DOG)
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    data = open_data(f"imagenet9:{tmp_path}", root=tmp_path)
    with pytest.raises(UnusableSample, match=message) as caught:
        decode(data.samples[0])
    assert caught.value.reason is reason and DOG in str(caught.value)
    assert decode(data.samples[1]).mask is not None


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("imagenet9:nowhere", "no folder at .*nowhere"),
        ("imagenet9:in9?variant=mixed_random", "did you mean 'mixed_rand'"),
        ("imagenet9:in9?variants=original", "did you mean 'variant'"),
        ("imagenet9:above", r"looked for <variant>/val/<class>/\*\.JPEG; write imagenet9:.*bg_challenge"),
        ("imagenet9:empty", "no image in"),
        ("imagenet9:other", "ImageNet-9 has no class 'n02085936'.*looked for"),
        ("imagenet9:flat", r"ImageNet-9 has no class 'dog\.JPEG'"),
        ("imagenet9:typo", "did you mean '00_dog'"),
    ],
)
def test_a_tree_of_another_layout_says_what_was_looked_for(tmp_path: Path, reference: str, message: str) -> None:
    in9(tmp_path / "in9")
    in9(tmp_path / "above" / "bg_challenge")
    (tmp_path / "empty" / "original" / "val").mkdir(parents=True)
    save(tmp_path / "other" / "original" / "val" / "n02085936" / "1.JPEG", image_array(mask_array()))
    save(tmp_path / "flat" / "original" / "val" / "dog.JPEG", image_array(mask_array()))
    save(tmp_path / "typo" / "original" / "val" / "0_dog" / "1.JPEG", image_array(mask_array()))
    with pytest.raises(DataError, match=message):
        open_data(reference, root=tmp_path)


def test_a_link_that_leaves_the_data_is_refused(tmp_path: Path) -> None:
    root = in9(tmp_path / "in9")
    save(tmp_path / "outside.JPEG", image_array(mask_array()))
    (root / "original" / "val" / "00_dog" / "9.JPEG").symlink_to(tmp_path / "outside.JPEG")
    with pytest.raises(DataError, match="outside"):
        open_data("imagenet9:in9", root=tmp_path)


def test_a_truncated_image_stays_a_sample(tmp_path: Path) -> None:
    path = in9(tmp_path) / "original" / "val" / "00_dog" / f"{DOG}.JPEG"
    path.write_bytes(path.read_bytes()[:200])
    data = open_data(f"imagenet9:{tmp_path}", root=tmp_path)
    assert len(data.samples) == 2
    with pytest.raises(UnusableSample, match=DOG):
        decode(data.samples[0])

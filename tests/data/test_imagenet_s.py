"""ImageNet-S: masks by class ids in two channels, ids by sorted folders, and the way to a model's outputs."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from data.pictures import image_array, mask_array, save
from numpy.typing import NDArray
from PIL import Image

from modelaudit.data import UnusableSample, class_indices, decode, open_data
from modelaudit.data.imagenet_s import MERGED, VARIANTS, imagenet_wnids
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing

OBJECT = mask_array() == 1
RING = mask_array() == 255


@lru_cache
def wnids(count: int) -> tuple[str, ...]:
    """As many classes of ImageNet as a variant has; those of S919 are without the merged ones."""
    return tuple([wnid for wnid in imagenet_wnids() if wnid not in MERGED][:count])


def segmentation(own: int, other: int = 0) -> NDArray[np.uint8]:
    """[H, W, 3] of R + 256 G: the object of a class with a ring of 1000, and a stripe of another class."""
    ids = np.where(OBJECT, own, np.where(RING, 1000, 0))
    ids[-3:] = other
    return np.stack([ids % 256, ids // 256, np.zeros_like(ids)], axis=-1).astype(np.uint8)


def tree(root: Path, count: int = 50) -> Path:
    for folder in ("validation", "validation-segmentation"):
        for wnid in wnids(count):
            (root / folder / wnid).mkdir(parents=True)
    return root


def add(root: Path, number: int, mask: NDArray[np.uint8] | None, count: int = 50) -> str:
    """An image of the class with that id; its wnid."""
    wnid = wnids(count)[number - 1]
    save(root / "validation" / wnid / f"ILSVRC2012_val_{number:08d}.JPEG", image_array(mask_array()))
    if mask is not None:
        save(root / "validation-segmentation" / wnid / f"ILSVRC2012_val_{number:08d}.png", mask)
    return wnid


@pytest.mark.parametrize(("count", "number"), [(50, 1), (50, 50), (300, 255), (300, 256), (300, 257), (919, 512)])
def test_the_mask_is_the_objects_of_the_images_own_class(tmp_path: Path, count: int, number: int) -> None:
    root = tree(tmp_path, count)
    wnid = add(root, number, segmentation(number, other=1 + number % count), count)
    (sample,) = open_data(f"imagenet_s:{root}", root=tmp_path).samples
    assert (sample.id, sample.label) == (f"{wnid}/ILSVRC2012_val_{number:08d}.JPEG", wnid)
    decoded = decode(sample)
    assert decoded.mask is not None
    assert np.array_equal(decoded.mask, np.where(OBJECT, 1, np.where(RING, 255, 0)))


@pytest.mark.parametrize("number", [256, 512, 768])
def test_ids_whose_low_byte_is_zero_keep_their_mask(tmp_path: Path, number: int) -> None:
    root = tree(tmp_path, 919)
    add(root, number, segmentation(number), 919)
    decoded = decode(open_data(f"imagenet_s:{root}", root=tmp_path).samples[0])
    assert decoded.mask is not None
    assert (decoded.mask == 1).sum() == OBJECT.sum() > 0


def test_ignored_pixels_are_no_object(tmp_path: Path) -> None:
    root = tree(tmp_path)
    add(root, 7, segmentation(7))
    decoded = decode(open_data(f"imagenet_s:{root}", root=tmp_path).samples[0])
    assert decoded.mask is not None
    assert np.array_equal(decoded.mask == 255, RING)


def test_an_image_whose_mask_lacks_its_class_has_an_empty_mask(tmp_path: Path) -> None:
    root = tree(tmp_path)
    add(root, 7, segmentation(8))
    decoded = decode(open_data(f"imagenet_s:{root}", root=tmp_path).samples[0])
    assert decoded.mask is not None and not (decoded.mask == 1).any()


def test_images_without_masks_and_masks_without_images_are_counted(tmp_path: Path) -> None:
    root = tree(tmp_path)
    wnid = add(root, 3, None)
    add(root, 4, segmentation(4))
    save(root / "validation-segmentation" / wnids(50)[8] / "stray.png", segmentation(9))
    data = open_data(f"imagenet_s:{root}", root=tmp_path)
    assert [one.mask_kind for one in data.samples] == ["none", "mask"]
    assert f"1 of 2 images have no mask, e.g. {wnid}/ILSVRC2012_val_00000003.JPEG" in data.notes
    assert f"1 masks belong to no image, e.g. {wnids(50)[8]}/stray.png" in data.notes


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (Image.fromarray(mask_array()), "colour mode L"),
        (segmentation(51), r"ids \[51\].*go up to 50"),
        (segmentation(3) + np.array([0, 0, 1], dtype=np.uint8), "blue channel"),
    ],
    ids=["grey", "no such id", "blue"],
)
def test_a_mask_of_another_kind_costs_one_named_sample(
    tmp_path: Path, mask: NDArray[np.uint8] | Image.Image, message: str
) -> None:
    root = tree(tmp_path)
    wnid = add(root, 3, segmentation(3))
    save(root / "validation-segmentation" / wnid / "ILSVRC2012_val_00000003.png", mask)
    with pytest.raises(UnusableSample, match=message) as caught:
        decode(open_data(f"imagenet_s:{root}", root=tmp_path).samples[0])
    assert caught.value.reason is Missing.UNREADABLE_MASK


def test_a_mask_of_another_size_costs_one_named_sample(tmp_path: Path) -> None:
    root = tree(tmp_path)
    add(root, 3, segmentation(3)[1:])
    with pytest.raises(UnusableSample, match="32 x 23") as caught:
        decode(open_data(f"imagenet_s:{root}", root=tmp_path).samples[0])
    assert caught.value.reason is Missing.MASK_SIZE


def test_the_list_of_imagenets_classes_is_in_the_order_of_torchvisions_outputs() -> None:
    listed = imagenet_wnids()
    assert len(listed) == len(set(listed)) == 1000 and listed == sorted(listed)
    # tench, Chihuahua, ambulance, toilet tissue: by torchvision's categories 0, 151, 407 and 999
    known = {0: "n01440764", 151: "n02085620", 407: "n02701002", 999: "n15075141"}
    assert {index: listed[index] for index in known} == known


def test_the_list_is_that_of_timm() -> None:
    ImageNetInfo = pytest.importorskip("timm.data").ImageNetInfo

    assert list(ImageNetInfo("imagenet-1k").label_names()) == imagenet_wnids()


def test_labels_meet_a_model_by_the_order_of_wnids_or_by_their_names(tmp_path: Path) -> None:
    root = tree(tmp_path)
    wnid = add(root, 4, segmentation(4))
    data = open_data(f"imagenet_s:{root}", root=tmp_path)
    assert data.outputs == 1000 and data.label_map is not None
    assert data.label_map[wnid] == (imagenet_wnids().index(wnid),)
    assert len(data.label_map) == 50 and all(len(several) == 1 for several in data.label_map.values())
    assert class_indices([wnid], classes=wnids(50), outputs=50, mapping=None) == {wnid: 3}


def test_classes_that_s919_merges_mean_the_one_they_were_put_into(tmp_path: Path) -> None:
    root = tree(tmp_path, 919)
    # the real folders of S919 hold the five that others were put into
    for folder in ("validation", "validation-segmentation"):
        for gone, kept in zip(wnids(919)[:5], MERGED.values(), strict=True):
            (root / folder / kept).mkdir(exist_ok=True)
            if len(list((root / folder).iterdir())) > 919:
                (root / folder / gone).rmdir()
    save(root / "validation" / "n04355933" / "1.JPEG", image_array(mask_array()))
    data = open_data(f"imagenet_s:{root}?variant=S919", root=tmp_path)
    listed = imagenet_wnids()
    assert data.label_map is not None
    for one, other in MERGED.items():
        assert data.label_map[other] == tuple(sorted((listed.index(one), listed.index(other))))
    meant = [index for several in data.label_map.values() for index in several]
    assert len(meant) == len(set(meant)) == 924


def test_another_order_of_outputs_comes_from_a_file(tmp_path: Path) -> None:
    root = tree(tmp_path)
    wnid = add(root, 4, segmentation(4))
    lines = [f"{one} a name, another" for one in reversed(wnids(50))]
    (tmp_path / "order.txt").write_text("\n".join(lines) + "\n")
    data = open_data(f"imagenet_s:{root}?wnids=order.txt", root=tmp_path)
    assert data.outputs == 50 and data.label_map is not None
    assert data.label_map[wnid] == (46,)
    assert any("order.txt" in note for note in data.notes)


def test_every_variant_is_known_by_its_number_of_classes(tmp_path: Path) -> None:
    for variant, count in VARIANTS.items():
        root = tree(tmp_path / variant, count)
        add(root, 1, segmentation(1), count)
        open_data(f"imagenet_s:{root}?variant={variant}", root=tmp_path)
        assert open_data(f"imagenet_s:{root}", root=tmp_path).samples[0].label == wnids(count)[0]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("imagenet_s:nowhere", "no folder at"),
        ("imagenet_s:.", r"no folder .*validation; looked for validation/<wnid>/\*\.JPEG and validation-segmentation"),
        ("imagenet_s:s50?variant=S919", "50 folders of classes.*not 919.*keep empty folders"),
        ("imagenet_s:s50?variant=S90", "did you mean .*'S919'"),
        ("imagenet_s:some", "3 folders of classes.*not 50 or 300 or 919"),
        ("imagenet_s:s50?wnids=nowhere.txt", "a wnid a line"),
        ("imagenet_s:s50?wnids=twice.txt", "a wnid twice"),
        ("imagenet_s:s50?wnids=short.txt", "49 folders of classes.*are not among the 1 wnids"),
        ("imagenet_s:empty", "no image in"),
    ],
)
def test_another_layout_says_what_was_looked_for(tmp_path: Path, reference: str, message: str) -> None:
    add(tree(tmp_path / "s50"), 1, segmentation(1))
    tree(tmp_path / "empty")
    for wnid in wnids(3):
        (tmp_path / "some" / "validation" / wnid).mkdir(parents=True)
    (tmp_path / "some" / "validation-segmentation").mkdir()
    (tmp_path / "twice.txt").write_text("n01440764\nn01440764\n")
    (tmp_path / "short.txt").write_text("n01440764\n")
    with pytest.raises(DataError, match=message):
        open_data(reference, root=tmp_path)


def test_an_image_outside_of_a_folder_of_its_class_is_refused(tmp_path: Path) -> None:
    root = tree(tmp_path)
    save(root / "validation" / wnids(50)[0] / "deeper" / "1.JPEG", image_array(mask_array()))
    with pytest.raises(DataError, match="is not in a folder of its class"):
        open_data(f"imagenet_s:{root}", root=tmp_path)

"""Decoding: every odd file is either read right or refused with its reason, and never guessed."""

import pickle
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import GREEN, RED, encoded, image_array, mask_array, save
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from modelaudit.data import UnusableSample, decode, fingerprint
from modelaudit.data.masks import read_mask
from modelaudit.language.reasons import Missing
from modelaudit.language.sample import Sample

MASK = mask_array()
IMAGE = image_array(MASK)
PICTURE = Image.fromarray(IMAGE)


def sample(image: Any = IMAGE, mask: Any = None, label: str | int = "bolt") -> Sample:
    return Sample("bolt/1.png", image, label, mask)


def refused(image: Any = IMAGE, mask: Any = None) -> UnusableSample:
    with pytest.raises(UnusableSample) as caught:
        decode(sample(image, mask))
    return caught.value


def turned(image: Image.Image, orientation: int, **options: Any) -> dict[str, Any]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif, **options}


def grey16(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.astype(np.uint16))


GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
TWO_COLOURS = PICTURE.quantize(4)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encoded(PICTURE), IMAGE),
        (encoded(PICTURE, "BMP"), IMAGE),
        (encoded(PICTURE, "TIFF"), IMAGE),
        (encoded(PICTURE, "WEBP", lossless=True), IMAGE),
        (encoded(TWO_COLOURS), np.asarray(TWO_COLOURS.convert("RGB"))),
        (encoded(Image.fromarray(GREY)), np.repeat(GREY[:, :, None], 3, axis=2)),
        (encoded(grey16(GREY.astype(np.uint16) * 257)), np.repeat(GREY[:, :, None], 3, axis=2)),
        (encoded(grey16(GREY.astype(np.uint16) * 257), "TIFF"), np.repeat(GREY[:, :, None], 3, axis=2)),
        (encoded(Image.fromarray(MASK == 1)), np.repeat(((MASK == 1) * np.uint8(255))[:, :, None], 3, axis=2)),
    ],
    ids=["png", "bmp", "tiff", "webp", "palette", "grey", "16-bit png", "16-bit tiff", "1 bit"],
)
def test_every_kind_of_file_becomes_rgb(content: bytes, expected: np.ndarray) -> None:
    assert np.array_equal(decode(sample(content)).image, expected)


def test_jpeg_in_cmyk_keeps_its_colours() -> None:
    image = decode(sample(encoded(PICTURE.convert("CMYK"), "JPEG", quality=100, subsampling=0))).image
    assert np.abs(image.astype(int) - IMAGE).max() < 30
    assert np.abs(image[6, 8].astype(int) - RED).max() < 12 and np.abs(image[20, 28].astype(int) - GREEN).max() < 12


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_are_white_and_opaque_ones_keep_their_colour(mode: str) -> None:
    picture = Image.fromarray(np.full((4, 4, 3), 40, np.uint8)).convert("RGBA")
    picture.putpixel((0, 0), (40, 40, 40, 0))
    converted = picture.convert("LA") if mode == "LA" else picture
    image = decode(sample(encoded(converted))).image
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[1, 1].tolist() == [40, 40, 40]


def test_a_transparent_palette_entry_is_white() -> None:
    picture = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    picture.putpalette([10, 20, 30, 40, 50, 60])
    image = decode(sample(encoded(picture, transparency=0))).image
    assert image.tolist() == [[[255, 255, 255], [40, 50, 60]]]


@pytest.mark.parametrize(
    ("kind", "orientation"),
    [*(("JPEG", one) for one in range(1, 9)), *((kind, one) for kind in ("PNG", "WEBP", "TIFF") for one in (3, 6))],
)
def test_images_are_turned_upright_by_their_exif_orientation(kind: str, orientation: int) -> None:
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = PICTURE.transpose(Image.Transpose(back[orientation])) if orientation > 1 else PICTURE
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    image = decode(sample(encoded(stored, kind, **turned(stored, orientation, **options)), MASK)).image
    assert image.shape == IMAGE.shape
    assert np.abs(image.astype(int) - IMAGE)[5:9, 6:14].max() < 12


def test_a_mask_that_was_not_turned_with_its_image_is_explained(tmp_path: Path) -> None:
    stored = PICTURE.transpose(Image.Transpose.ROTATE_90)
    path = save(tmp_path / "mask.png", np.rot90(MASK))
    error = refused(encoded(stored, "JPEG", **turned(stored, 6)), path)
    assert error.reason is Missing.MASK_SIZE
    assert "EXIF" in str(error) and "mask.png" in str(error)


def test_a_mask_is_turned_by_its_own_orientation(tmp_path: Path) -> None:
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(MASK)))
    path = save(tmp_path / "mask.png", stored, **turned(stored, 6))
    mask = decode(sample(IMAGE, path)).mask
    assert mask is not None and np.array_equal(mask, MASK)


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    error = refused(IMAGE, save(tmp_path / "mask.png", MASK[:-1]))
    assert error.reason is Missing.MASK_SIZE
    assert "32 x 23" in str(error) and "32 x 24" in str(error) and "EXIF" not in str(error)


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


def animated() -> bytes:
    return encoded(PICTURE, "TIFF", save_all=True, append_images=[PICTURE])


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "0 bytes|cannot|not a PNG"),
    "text": (b"this is no image at all", "not a PNG"),
    "cut-off jpeg": (encoded(PICTURE.resize((200, 200)), "JPEG")[:900], "truncated|cannot be read"),
    "cut-off png": (encoded(PICTURE.resize((200, 200)))[:300], "cannot be read"),
    "header only": (encoded(PICTURE)[:20], "cannot be read|not a PNG"),
    "broken checksum": (encoded(PICTURE).replace(b"IDAT", b"IDAX"), "not a PNG"),
    "bomb": (png(50_000, 50_000), "limit|bomb"),
    "half a bomb": (png(10_000, 10_000), "limit|bomb"),
    "gif": (encoded(PICTURE, "GIF"), "not a PNG"),
    "several pages": (animated(), "2 images"),
    "floats": (encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), "floating"),
    "32 bits": (encoded(Image.fromarray(np.full((4, 4), 1_000_000, np.int32)), "TIFF"), "1000000"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_image_is_refused_with_its_name(tmp_path: Path, name: str) -> None:
    content, message = HOSTILE[name]
    path = tmp_path / "images" / "broken.png"
    path.parent.mkdir()
    path.write_bytes(content)
    error = refused(path)
    assert error.reason is Missing.UNREADABLE_IMAGE
    assert "broken.png" in str(error)
    assert re.search(message, str(error))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", ["empty", "text", "cut-off png", "bomb", "gif", "several pages"])
def test_a_hostile_mask_is_refused_with_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mask.png"
    path.write_bytes(HOSTILE[name][0])
    error = refused(IMAGE, path)
    assert error.reason is Missing.UNREADABLE_MASK
    assert "mask.png" in str(error)


def test_the_warning_filters_are_left_alone() -> None:
    before = list(warnings.filters)
    refused(HOSTILE["text"][0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "bomb" in str(refused(HOSTILE["half a bomb"][0])).lower()
    assert warnings.filters == before


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "no.png").reason is Missing.UNREADABLE_IMAGE
    assert refused(IMAGE, tmp_path / "no.png").reason is Missing.UNREADABLE_MASK
    assert refused(tmp_path).reason is Missing.UNREADABLE_IMAGE


def palette_mask(first: tuple[int, ...] = (0, 0, 0), second: tuple[int, ...] = (128, 0, 0)) -> Image.Image:
    picture = Image.fromarray(MASK, "P")
    picture.putpalette([*first, *second] + [0] * (253 * 3) + [224, 224, 192])
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(MASK),
        palette_mask(),
        grey16(MASK),
        Image.fromarray(MASK.astype(np.int32)),
        Image.fromarray(np.repeat(MASK[:, :, None], 3, axis=2)),
        Image.fromarray(MASK).convert("LA"),
        Image.fromarray(np.dstack([MASK, MASK, MASK, np.full_like(MASK, 255)])),
    ],
    ids=["grey", "palette", "16 bits", "32 bits", "grey in rgb", "opaque alpha", "grey in rgba"],
)
@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_masks_of_every_kind_are_read_by_value(tmp_path: Path, picture: Image.Image, ending: str) -> None:
    if picture.mode == "I":
        ending = "tiff"  # PNG has no 32 bits
    mask = decode(sample(IMAGE, save(tmp_path / f"mask.{ending}", picture))).mask
    assert mask is not None and mask.dtype == np.uint8
    assert np.array_equal(mask, MASK)


def test_a_one_bit_mask_has_no_ring(tmp_path: Path) -> None:
    mask = decode(sample(IMAGE, save(tmp_path / "mask.png", MASK == 1))).mask
    assert mask is not None and np.array_equal(mask, (MASK == 1).astype(np.uint8))


WHITE = (MASK == 1) * np.uint8(255)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (Image.fromarray(WHITE), "mask_255=object"),
        (grey16((MASK == 1) * np.uint16(65535)), "mask_255=object"),
        (Image.fromarray(np.full_like(MASK, 255)), "mask_255=object"),
        (Image.fromarray(MASK * np.uint8(3)), "values 3, 253"),
        (palette_mask((255, 255, 255), (0, 0, 0)), "white as 0"),
        (Image.fromarray(image_array(MASK)), "coloured"),
        (Image.fromarray(np.dstack([MASK, MASK, MASK, MASK])), "transparent"),
    ],
    ids=["0/255", "0/65535", "all 255", "other values", "inverted palette", "coloured", "transparent"],
)
def test_masks_that_can_be_read_in_two_ways_are_refused(tmp_path: Path, picture: Image.Image, message: str) -> None:
    error = refused(IMAGE, save(tmp_path / "mask.png", picture))
    assert error.reason is Missing.UNREADABLE_MASK
    assert message in str(error)


def test_a_lossy_mask_is_refused_unless_255_is_the_object(tmp_path: Path) -> None:
    path = save(tmp_path / "mask.jpg", WHITE, quality=60)
    assert "lossy" in str(refused(IMAGE, path)) or "mask_255" in str(refused(IMAGE, path))
    assert (read_mask(path, "object") == (MASK == 1)).mean() > 0.99


def test_mask_255_object_refuses_a_mask_that_has_both(tmp_path: Path) -> None:
    with pytest.raises(UnusableSample, match="both 1 and 255"):
        read_mask(save(tmp_path / "mask.png", MASK), "object")


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (MASK * np.uint8(7), "values"),
        (WHITE, "mask == 255"),
        (np.dstack([MASK, MASK]), "shape"),
        (np.full(MASK.shape, np.nan), "nan"),
        (lambda: MASK * np.uint8(2), "values"),
        (lambda: 1 / 0, "ZeroDivisionError"),
    ],
    ids=["values", "0/255", "shape", "nan", "callable", "raising"],
)
def test_bad_mask_arrays_are_refused(mask: Any, message: str) -> None:
    error = refused(IMAGE, mask)
    assert error.reason is Missing.UNREADABLE_MASK
    assert message in str(error)


def test_bool_arrays_and_callables_are_masks() -> None:
    expected = (MASK == 1).astype(np.uint8)
    for mask in (MASK == 1, lambda: MASK == 1, lambda: expected):
        found = decode(sample(IMAGE, mask)).mask
        assert found is not None and np.array_equal(found, expected)


@pytest.mark.parametrize(
    "image",
    [IMAGE.astype(np.float32), IMAGE[..., 0], IMAGE[:0], np.dstack([IMAGE, IMAGE]), "images/a.png", lambda: None],
    ids=["float", "grey", "empty", "six channels", "text", "callable of none"],
)
def test_bad_image_arrays_are_refused(image: Any) -> None:
    assert refused(image).reason is Missing.UNREADABLE_IMAGE


def test_callables_may_return_arrays_or_raise() -> None:
    assert np.array_equal(decode(sample(lambda: IMAGE)).image, IMAGE)

    def broken() -> np.ndarray:
        raise OSError("camera unplugged")

    assert "camera unplugged" in str(refused(broken))


CHANGES: dict[str, Callable[[], Sample]] = {
    "image": lambda: sample(encoded(Image.fromarray(IMAGE + np.uint8(1))), MASK),
    "mask": lambda: sample(encoded(PICTURE), mask_array(ring=False)),
    "no mask": lambda: sample(encoded(PICTURE)),
    "label": lambda: sample(encoded(PICTURE), MASK, "nut"),
    "kind of label": lambda: sample(encoded(PICTURE), MASK, 7),
}


def test_the_digest_holds_image_mask_and_label() -> None:
    base = decode(sample(encoded(PICTURE), MASK)).digest
    assert base == decode(sample(encoded(PICTURE), lambda: MASK)).digest
    others = {decode(make()).digest for make in CHANGES.values()}
    assert base not in others and len(others) == len(CHANGES)
    assert decode(sample(IMAGE, label=7)).digest != decode(sample(IMAGE, label="7")).digest


def test_a_path_and_its_bytes_have_one_digest(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", IMAGE)
    assert decode(sample(path)).digest == decode(sample(path.read_bytes())).digest


def test_the_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(refused(b"no image")))
    assert error.reason is Missing.UNREADABLE_IMAGE and "not a PNG" in str(error)


digests = st.dictionaries(st.text(), st.text(), max_size=6)


@given(digests, st.randoms())
def test_the_order_does_not_matter(content: dict[str, str], random: object) -> None:
    items = list(content.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert fingerprint(dict(items)) == fingerprint(content)


@given(digests, digests)
def test_other_content_has_another_fingerprint(one: dict[str, str], other: dict[str, str]) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


def test_ids_and_digests_do_not_run_into_each_other() -> None:
    assert fingerprint({"a": "bc"}) != fingerprint({"ab": "c"})
    assert len(fingerprint({})) == 64


def colours_of_16_bits(name: str, kind: type, scale: float) -> bytes:
    opencv = pytest.importorskip("cv2")
    ramp = np.linspace(0, 65535, 256).reshape(16, 16)
    blue_green_red = np.dstack([ramp * 0.1, ramp * 0.5, ramp]) * scale
    return opencv.imencode(name, blue_green_red.astype(kind))[1].tobytes()


@pytest.mark.parametrize("name", [".png", ".tiff"])
def test_colours_of_16_bits_are_scaled_and_not_clipped(name: str) -> None:
    image = decode(sample(colours_of_16_bits(name, np.uint16, 1))).image
    assert image.reshape(-1, 3).max(0).tolist() == [255, 127, 25]
    assert image[..., 0].mean() == pytest.approx(127.5, abs=0.6)


def test_floats_in_colour_are_refused_with_what_to_do() -> None:
    with pytest.raises(UnusableSample, match=r"a TIFF of a kind that Pillow does not read.*Sample\(image=read\)"):
        decode(sample(colours_of_16_bits(".tiff", np.float32, 1 / 65535)))

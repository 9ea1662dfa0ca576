"""What the values of masks mean: right, or asked once with the option that settles it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import save
from data.test_mask_files import HEIGHT, WIDTH, photo
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.data.mask_reading import MaskReading, MaskValues, asked_reading
from modelaudit.data.masks import MaskFile, checked_mask
from modelaudit.language.errors import DataError
from modelaudit.language.reference import parse_reference
from modelaudit.language.sample import DataSet

Draw = Callable[[NDArray[np.bool_]], Any]


def object_of(number: int) -> NDArray[np.bool_]:
    found = np.zeros((HEIGHT, WIDTH), dtype=bool)
    found[5 + number : 20 + number, 8 + number : 30] = True
    return found


def coloured(inside: tuple[int, ...], outside: tuple[int, ...]) -> Draw:
    return lambda found: np.where(found[..., None], np.uint8(inside), np.uint8(outside)).astype(np.uint8)


def palette(number: int) -> Draw:
    def draw(found: NDArray[np.bool_]) -> Image.Image:
        made = Image.fromarray((found * number).astype(np.uint8), "P")
        colours = [0] * 768
        colours[3 * number : 3 * number + 3] = [192, 128, 0]
        made.putpalette(colours)
        return made

    return draw


def soft(found: NDArray[np.bool_]) -> Image.Image:
    return Image.fromarray((found * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))


def instances(found: NDArray[np.bool_]) -> NDArray[np.uint8]:
    right = np.arange(WIDTH)[None] > 18
    return (found * np.where(right, 2, 1)).astype(np.uint8)


def trimap(found: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """1 object, 2 background, 3 border, as the pets have them."""
    drawn = np.where(found, 1, 2).astype(np.uint8)
    drawn[np.roll(found, 1, axis=0) & ~found] = 3
    return drawn


def written(root: Path, draw: Draw, ending: str = "png", **options: Any) -> Path:
    for number in range(4):
        name = f"{'ab'[number % 2]}/{number}"
        save(root / "images" / f"{name}.png", photo(number))
        save(root / "masks" / f"{name}.{ending}", draw(object_of(number)), **options)
    return root


def opened(root: Path, options: str = "") -> DataSet:
    return open_data(f"folder:{root}{options}", root=Path("/nowhere"))


def wrong_pixels(data: DataSet, value: int = 1) -> int:
    """The pixels that are not what was drawn, over all masks."""
    total = 0
    for sample in data.samples:
        mask = decode(sample).mask
        assert mask is not None
        total += int(((mask == value) != object_of(int(sample.id[2]))).sum())
    return total


READ: dict[str, tuple[Draw, str]] = {
    "0 and 1": (lambda found: found.astype(np.uint8), ""),
    "bool": (lambda found: found, ""),
    "0 and 255": (lambda found: (found * 255).astype(np.uint8), "mask_255=object"),
    "0 and 65535": (lambda found: (found * 65535).astype(np.uint16), "mask_255=object"),
    "grey in RGB": (coloured((255, 255, 255), (0, 0, 0)), "mask_255=object"),
    "VOC palette": (palette(15), "mask_object=any"),
    "half grey": (lambda found: (found * 128).astype(np.uint8), "mask_object=any"),
    "16-bit numbers": (lambda found: (found * 300).astype(np.uint16), "mask_object=any"),
    "red on black": (coloured((255, 0, 0), (0, 0, 0)), "mask_background=#000000"),
    "violet on black": (coloured((128, 0, 200), (0, 0, 0)), "mask_background=#000000"),
    "white on nothing": (coloured((255, 255, 255, 255), (255, 255, 255, 0)), "mask_255=object"),
    "yellow on nothing": (coloured((255, 255, 0, 255), (9, 9, 9, 0)), "mask_background=#000000"),
}


@pytest.mark.parametrize("kind", READ)
def test_values_that_are_clear_are_read_to_the_pixel_and_said(tmp_path: Path, kind: str) -> None:
    draw, said = READ[kind]
    data = opened(written(tmp_path, draw))
    assert wrong_pixels(data) == 0
    assert data.notes == () if not said else said in data.notes[0]


ASKED: dict[str, tuple[Draw, str, str]] = {
    "inverted 0 and 255": (lambda found: (~found * 255).astype(np.uint8), "look inverted", "mask_object=0"),
    "inverted 0 and 1": (lambda found: (~found).astype(np.uint8), "look inverted", "mask_object=0"),
    "inverted bool": (lambda found: ~found, "look inverted", "mask_object=0"),
    "instances": (instances, "They hold 0, 1, 2 ", "mask_background=0"),
    "trimap": (trimap, "They hold 1, 2, 3 ", "mask_object=1&mask_ignore=3"),
    "red on white": (coloured((255, 0, 0), (255, 255, 255)), "#ffffff covers most borders", "mask_object=#ff0000"),
    "green on blue": (coloured((0, 255, 0), (0, 0, 255)), "#0000ff covers most", "mask_background=#0000ff"),
}


@pytest.mark.parametrize("kind", ASKED)
def test_values_that_are_not_clear_are_asked_once(tmp_path: Path, kind: str) -> None:
    draw, asked, option = ASKED[kind]
    written(tmp_path, draw)
    with pytest.raises(DataError, match=asked) as caught:
        opened(tmp_path)
    assert option.partition("&")[0] in str(caught.value)
    assert wrong_pixels(opened(tmp_path, f"?{option}")) == 0


def test_an_inverted_mask_may_be_meant_as_it_is(tmp_path: Path) -> None:
    written(tmp_path, ASKED["inverted 0 and 255"][0])
    assert wrong_pixels(opened(tmp_path, "?mask_255=object"), value=0) == 0


def test_one_of_several_numbers_is_the_object_and_another_is_ignored(tmp_path: Path) -> None:
    data = opened(written(tmp_path, instances), "?mask_object=2&mask_ignore=1")
    for sample in data.samples:
        mask = decode(sample).mask
        drawn = instances(object_of(int(sample.id[2])))
        assert mask is not None and np.array_equal(mask == 1, drawn == 2) and np.array_equal(mask == 255, drawn == 1)


def test_numbers_keep_the_ring_of_255_out(tmp_path: Path) -> None:
    def draw(found: NDArray[np.bool_]) -> NDArray[np.uint8]:
        drawn = (found * 8).astype(np.uint8)
        drawn[np.roll(found, 1, axis=0) & ~found] = 255
        return drawn

    data = opened(written(tmp_path, draw))
    assert wrong_pixels(data) == 0
    mask = decode(data.samples[0]).mask
    assert mask is not None and (mask == 255).sum() == (draw(object_of(0)) == 255).sum() > 0


@pytest.mark.parametrize(("ending", "said"), [("png", "soft edges"), ("tif", "soft edges"), ("jpg", "lossy")])
def test_soft_edges_are_cut_at_128_and_said(tmp_path: Path, ending: str, said: str) -> None:
    draw = soft if ending != "jpg" else READ["0 and 255"][0]
    written(tmp_path, draw, ending)
    for options in ("", "?mask_255=object", "?mask_threshold=128"):
        data = opened(tmp_path, options)
        assert options == "?mask_threshold=128" or said in data.notes[0]
        for sample in data.samples:
            mask = decode(sample).mask
            with Image.open(sample.mask.path) as file:  # type: ignore[union-attr]
                assert mask is not None and np.array_equal(mask == 1, np.asarray(file) >= 128)


def test_a_lower_threshold_takes_more(tmp_path: Path) -> None:
    written(tmp_path, soft)
    areas = [int(decode(opened(tmp_path, f"?mask_threshold={at}").samples[0]).mask.sum()) for at in (20, 128, 230)]  # type: ignore[union-attr]
    assert areas[0] > areas[1] > areas[2]


def test_an_inverted_lossy_mask_is_read_by_its_option(tmp_path: Path) -> None:
    written(tmp_path, ASKED["inverted 0 and 255"][0], "jpg", quality=90)
    with pytest.raises(DataError, match="look inverted"):
        opened(tmp_path)
    assert wrong_pixels(opened(tmp_path, "?mask_object=0")) == 0


def test_colours_in_a_lossy_format_are_asked(tmp_path: Path) -> None:
    written(tmp_path, READ["red on black"][0], "jpg", quality=95, subsampling=0)
    with pytest.raises(DataError, match=r"lossy format that blurs colours; write \?mask_threshold=128"):
        opened(tmp_path)
    assert wrong_pixels(opened(tmp_path, "?mask_threshold=128")) < 12


@pytest.mark.parametrize(
    ("draw", "ending", "options", "message"),
    [
        (soft, "png", "?mask_255=ignore", r"\(its edges are soft: \?mask_threshold=128"),
        (soft, "jpg", "?mask_255=ignore", r"\(JPEG blurs the values: \?mask_threshold=128.*save the mask as PNG"),
        (instances, "png", "?mask_255=ignore", r"has the values 2;.*mask_object=any"),
    ],
)
def test_what_is_said_of_other_values_fits_the_file(
    tmp_path: Path, draw: Draw, ending: str, options: str, message: str
) -> None:
    with pytest.raises(UnusableSample, match=message) as caught:
        decode(opened(written(tmp_path, draw, ending), options).samples[0])
    assert ending != "png" or "as PNG" not in str(caught.value)


def test_of_an_array_it_is_said_in_python() -> None:
    with pytest.raises(UnusableSample, match=r"values 7; .*give a bool array, such as mask >= 128 or mask == 7"):
        checked_mask(np.full((4, 4), 7), "the mask of 'a'", None)


def test_a_palette_whose_black_is_not_0_is_no_mask_by_its_numbers(tmp_path: Path) -> None:
    def draw(found: NDArray[np.bool_]) -> Image.Image:
        made = Image.fromarray((~found).astype(np.uint8), "P")
        made.putpalette([250, 50, 83, 0, 0, 0] + [0] * 762)
        return made

    data = opened(written(tmp_path, draw))
    assert wrong_pixels(data) == 0 and "mask_background=#000000" in data.notes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("mask_threshold=0", "integer from 1 to 255, got '0'"),
        ("mask_threshold=half", "integer from 1 to 255, got 'half'"),
        ("mask_object=red", "'red' is not a value of a mask"),
        ("mask_background=#12345", "'#12345' is not a value"),
        ("mask_object=1&mask_255=object", "both say what the object is"),
        ("mask_ignore=3", "goes with mask_object= or mask_background="),
        ("mask_suffix=_m&masks=none", "leave out mask_suffix="),
    ],
)
def test_options_that_cannot_be_read_are_explained(tmp_path: Path, options: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(written(tmp_path, instances), f"?{options}")


@given(st.lists(st.integers(0, 65535), min_size=1), st.lists(st.integers(0, 0xFFFFFF), min_size=1))
def test_values_are_parsed_as_they_are_written(numbers: list[int], colours: list[int]) -> None:
    values = MaskValues(tuple(sorted(set(numbers))), tuple(sorted(set(colours))))
    assert asked_reading(parse_reference(f"folder:x?mask_object={values}")) == MaskReading(object=values)


def test_every_reading_has_a_key_of_its_own() -> None:
    texts = ("mask_255=object", "mask_threshold=1", "mask_object=1", "mask_object=any", "mask_object=1&mask_ignore=2")
    rules = {MaskFile(Path("a"), asked_reading(parse_reference(f"folder:x?{text}"))).rule for text in texts}
    assert len(rules) == len(texts) and "255 object" in rules


def test_the_threshold_itself_is_the_object(tmp_path: Path) -> None:
    steps = np.tile(np.array([[0, 127, 128, 129, 255]], dtype=np.uint8), (8, 10))
    save(tmp_path / "images/a/0.png", photo(0)[:8])
    save(tmp_path / "masks/a/0.png", steps)
    mask = decode(opened(tmp_path, "?mask_threshold=128").samples[0]).mask
    assert mask is not None and np.array_equal(mask == 1, steps > 127)

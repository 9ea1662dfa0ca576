"""Pictures in containers: read where they lie, told apart and remembered without decoding."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from data.pictures import encoded, image_array, mask_array
from PIL import Image

from modelaudit.data import FilePart, UnusableSample, content_of, decode, files_of
from modelaudit.data.mask_reading import MaskReading
from modelaudit.data.masks import MaskFile
from modelaudit.engine.images.contents import SampleContents
from modelaudit.engine.store.file_digests import FileDigests
from modelaudit.engine.store.store import Store
from modelaudit.language.reasons import Missing
from modelaudit.language.sample import Sample

IMAGE, MASK = encoded(Image.fromarray(image_array(mask_array()))), encoded(Image.fromarray(mask_array()))


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """An image and its mask in one file, between other bytes."""
    container = tmp_path / "container"
    container.write_bytes(b"before" + IMAGE + b"between" + MASK + b"after")
    image = FilePart(container, 6, len(IMAGE), "1.png")
    return Sample("1", image, "bolt", FilePart(container, 13 + len(IMAGE), len(MASK), "1.mask.png"))


def digests(folder: Path, container: Path) -> FileDigests:
    """Of files that were written long ago."""
    return FileDigests(Store(folder / "store"), now=lambda: container.stat().st_ctime_ns + 10_000_000_000)


def test_a_part_is_decoded_as_a_file_of_its_own(tmp_path: Path, sample: Sample) -> None:
    decoded = decode(sample)
    assert np.array_equal(decoded.image, image_array(mask_array()))
    assert decoded.mask is not None and np.array_equal(decoded.mask, mask_array())
    (tmp_path / "1.png").write_bytes(IMAGE)
    (tmp_path / "1.mask.png").write_bytes(MASK)
    alone = decode(Sample("1", tmp_path / "1.png", "bolt", tmp_path / "1.mask.png"))
    assert (alone.digest, alone.content) == (decoded.digest, decoded.content)
    assert isinstance(sample.image, FilePart) and np.array_equal(sample.image(), decoded.image)


def test_the_store_knows_a_part_without_decoding_it(tmp_path: Path, sample: Sample) -> None:
    container = tmp_path / "container"
    first = digests(tmp_path, container)
    assert SampleContents(first).of([sample]) == [decode(sample).content]
    assert first.hashed == 2
    again = digests(tmp_path, container)
    assert SampleContents(again).of([sample]) == [decode(sample).content]
    assert again.hashed == 0


def test_a_part_of_a_changed_container_is_hashed_again(tmp_path: Path, sample: Sample) -> None:
    container = tmp_path / "container"
    (before,) = SampleContents(digests(tmp_path, container)).of([sample])
    content = bytearray(container.read_bytes())
    content[10] ^= 1  # in the image: the size stays
    container.write_bytes(content)
    os.utime(container, ns=(1, 1))
    again = digests(tmp_path, container)
    (after,) = SampleContents(again).of([sample])
    assert again.hashed == 2 and after != before


def test_parts_and_whole_files_do_not_share_a_digest(tmp_path: Path, sample: Sample) -> None:
    container = tmp_path / "container"
    whole = container.stat().st_size
    places = [container, *files_of(sample), FilePart(container, 0, whole, "all of it")]
    content = container.read_bytes()
    expected = [content, IMAGE, MASK, content]
    for _ in range(2):  # computed, then remembered
        found = digests(tmp_path, container).of(places)
        assert [found[place] for place in places] == [hashlib.sha256(one).hexdigest() for one in expected]


def test_a_part_that_the_file_no_longer_contains_is_named(tmp_path: Path, sample: Sample) -> None:
    container = tmp_path / "container"
    container.write_bytes(container.read_bytes()[:40])
    with pytest.raises(UnusableSample, match=r"container: 1\.png: the file ends after 34 of") as caught:
        decode(sample)
    assert caught.value.reason is Missing.UNREADABLE_IMAGE
    found = digests(tmp_path, container).of(files_of(sample))
    assert set(found.values()) == {None}
    assert content_of(sample, found) is None
    contents = SampleContents(digests(tmp_path, container))
    contents.of([sample])
    assert contents.lost(sample)


def test_what_255_means_is_part_of_the_content(sample: Sample) -> None:
    assert isinstance(sample.mask, FilePart) and isinstance(sample.image, FilePart)
    readings = (MaskReading(mask_255="object"), MaskReading(mask_255="ignore"))
    masks = [sample.mask, *(MaskFile(sample.mask, reading) for reading in readings)]
    known = dict.fromkeys(files_of(sample), "0" * 64)
    contents = {content_of(Sample("1", sample.image, "bolt", mask), known) for mask in masks}
    assert len(contents) == 3

"""A folder of rendered pictures: exact, whole, taken up again, never mixed, and silent about what it shows."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.small_audits import AS_IT_IS, CLASSES, samples
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modelaudit.contexts import mean_fill, swap_background
from modelaudit.language import Audit, Preprocessing
from modelaudit.language.errors import DataError
from modelaudit.measures import accuracy
from modelaudit.models.black_box import laid_out
from modelaudit.models.predictions.manifest import picture_file, read_manifest
from modelaudit.preview.rendered_folder import RenderedFacts, RenderedFolder, encoded, header_of, largest_bytes
from modelaudit.preview.rendering import MadePictures, Rendering, RenderSet, render_sets

SWAP = swap_background("other_class")


def whole(tmp: Path, contexts: Any = (SWAP,), preprocessing: Preprocessing = AS_IT_IS) -> RenderSet:
    audit = Audit(
        "predictions:answers.csv", samples(5), classes=CLASSES, preprocessing=preprocessing, checks="off", seed=3
    )
    cases = [(f"case{at}", audit.expect(accuracy.under(one) > 0)) for at, one in enumerate(contexts)]
    cases.append(("right", audit.expect(accuracy > 0)))
    (one,) = render_sets(cases, root=tmp, seed=0, checks=True, limit=None)
    return one


def write(
    tmp: Path, one: RenderSet | None = None, pictures: Any = "png", audit: str = "audit.py (a)", made: Any = None
) -> tuple[RenderedFacts, RenderedFolder]:
    one = whole(tmp) if one is None else one
    folder = RenderedFolder(tmp / "box", header_of(one, audit, pictures))
    rendering = Rendering(one, tmp)
    folder.begin(one.at_most, rendering.size())
    return folder.write(rendering.pictures() if made is None else made(rendering), lambda count: f"{count}\n"), folder


def contents(folder: Path) -> dict[str, bytes]:
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_a_png_shows_the_rounded_pixels_and_npy_the_pixels_themselves(height: int, width: int, seed: int) -> None:
    pixels = torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))
    png = encoded(pixels, "png")
    with Image.open(io.BytesIO(png)) as image:
        shown = np.asarray(image)
    assert np.array_equal(shown, laid_out(pixels[None], "NHWC", "uint8", "box")[0].numpy())
    npy = encoded(pixels, "npy")
    assert torch.equal(torch.from_numpy(np.load(io.BytesIO(npy))), pixels)
    assert len(npy) == largest_bytes((height, width), "npy")
    assert len(png) <= largest_bytes((height, width), "png")


def test_what_is_handed_over_tells_neither_label_nor_sample_nor_order(tmp_path: Path) -> None:
    write(tmp_path)
    there = [one for one in (tmp_path / "box" / "pictures").rglob("*") if one.is_file()]
    assert len(there) == 10 + 1
    for one in there:
        assert one.name == "README.txt" or re.fullmatch(r"[0-9a-f]{24}\.png", one.name)
    assert len({one.stat().st_mtime_ns for one in there}) == 1
    with Image.open(next(one for one in there if one.suffix == ".png")) as image:
        assert image.info == {} and image.mode == "RGB"


def test_the_manifest_names_every_file_by_its_digest(tmp_path: Path) -> None:
    facts, folder = write(tmp_path)
    manifest = read_manifest(tmp_path / "box" / "manifest.jsonl")
    assert facts.pictures == facts.written == len(manifest.pictures) == 10 and facts.stale == ()
    for name, one in manifest.pictures.items():
        content = (tmp_path / "box" / picture_file(name, "png")).read_bytes()
        assert hashlib.sha256(content).hexdigest() == one.sha256
    assert manifest.header == folder.header
    assert {one.seed for one in manifest.pictures.values()} == {None, 3}
    assert str(tmp_path) not in (tmp_path / "box" / "manifest.jsonl").read_text()


def test_a_second_call_changes_nothing_and_repairs_what_is_damaged_or_missing(tmp_path: Path) -> None:
    write(tmp_path)
    before = contents(tmp_path / "box")
    assert write(tmp_path)[0].written == 0
    assert contents(tmp_path / "box") == before
    first, second, third = sorted(name for name in before if name.endswith(".png"))[:3]
    (tmp_path / "box" / first).write_bytes(before[first][:-20])
    (tmp_path / "box" / second).unlink()
    (tmp_path / "box" / third).write_bytes(before[first])
    assert write(tmp_path)[0].written == 3
    assert contents(tmp_path / "box") == before


@pytest.mark.parametrize("pictures", ["png", "npy"])
def test_killed_in_between_nothing_counts_and_the_next_call_goes_on(tmp_path: Path, pictures: str) -> None:
    def killed(rendering: Rendering) -> Iterator[MadePictures]:
        for number, made in enumerate(rendering.pictures()):
            if number == 1:
                raise KeyboardInterrupt
            yield made

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, pictures=pictures, made=killed)
    box = tmp_path / "box"
    assert not (box / "manifest.jsonl").exists()
    there = len(list(box.rglob(f"*.{pictures}")))
    assert 0 < there < 10
    (box / "pictures" / "ab").mkdir(exist_ok=True)
    (box / "pictures" / "ab" / ".abcd.png.77").write_bytes(b"half")  # of a write that was cut off
    facts, _ = write(tmp_path, pictures=pictures)
    assert facts.written == 10 - there and facts.pictures == 10
    assert not list(box.rglob(".*")) and not (box / "manifest.draft.json").exists()


def test_a_picture_whose_digest_the_manifest_has_is_kept_whatever_this_machine_computes(tmp_path: Path) -> None:
    """A box has answered it: another rounding of the same picture must not take the answer away."""
    write(tmp_path)
    before = contents(tmp_path / "box")

    def shifted(rendering: Rendering) -> Iterator[MadePictures]:
        for made in rendering.pictures():
            yield MadePictures(made.context, made.origins, (made.pixels + 0.01).clamp(0, 1))

    assert write(tmp_path, made=shifted)[0].written == 0
    assert contents(tmp_path / "box") == before


def test_another_compression_of_the_same_pixels_is_kept(tmp_path: Path) -> None:
    write(tmp_path)
    box = tmp_path / "box"
    (box / "manifest.jsonl").unlink()
    (box / "manifest.draft.json").write_text(header_of(whole(tmp_path), "audit.py", "png").model_dump_json())
    for file in box.rglob("*.png"):
        with Image.open(file) as image:
            image.copy().save(file, compress_level=0)
    assert write(tmp_path)[0].written == 0


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"pictures": "npy"}, "format: png, and now it is npy"),
        ({"audit": "other.py (a)"}, "audit: audit.py, and now it is other.py"),
        ({"preprocessing": Preprocessing(resize=12)}, "geometry: resize=16, crop=None"),
    ],
)
def test_a_folder_of_something_else_is_refused_by_name(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    write(tmp_path)
    before = contents(tmp_path / "box")
    one = whole(tmp_path, preprocessing=change.pop("preprocessing")) if "preprocessing" in change else None
    with pytest.raises(DataError, match=f"holds the pictures of another {re.escape(what)}.*give another folder"):
        write(tmp_path, one, **change)
    assert contents(tmp_path / "box") == before


def test_other_data_are_refused(tmp_path: Path) -> None:
    _, folder = write(tmp_path)
    other = RenderedFolder(tmp_path / "box", folder.header.model_copy(update={"data": "folder:other"}))
    with pytest.raises(DataError, match="another data set: samples, and now it is folder:other"):
        other.begin(10, (16, 16))


def test_a_folder_that_was_not_rendered_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "photo.png").write_bytes(b"mine")
    with pytest.raises(DataError, match="is not empty, and modelaudit render did not write it; give a new folder"):
        write(tmp_path)
    assert list(contents(tmp_path / "box")) == ["photo.png"]
    (tmp_path / "box" / "photo.png").unlink()
    (tmp_path / "box").rmdir()
    (tmp_path / "box").write_bytes(b"")
    with pytest.raises(DataError, match="is a file; give a folder"):
        write(tmp_path)


def test_pictures_that_nothing_asks_for_any_more_are_named_and_pruned_when_told(tmp_path: Path) -> None:
    write(tmp_path, whole(tmp_path, (SWAP, mean_fill("background"))))
    facts, folder = write(tmp_path)
    assert facts.pictures == 10 and facts.written == 0 and len(facts.stale) == 5
    assert all((tmp_path / "box" / name).exists() for name in facts.stale)
    folder.prune()
    assert not any((tmp_path / "box" / name).exists() for name in facts.stale)
    assert len(list((tmp_path / "box").rglob("*.png"))) == 10


def test_too_little_space_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(100, 99, 1000))
    with pytest.raises(DataError, match=r"10 pictures take up to .* MB, and 0 MB are free there; give a folder on"):
        write(tmp_path)
    assert not (tmp_path / "box").exists()


def test_a_manifest_that_was_edited_is_not_built_upon(tmp_path: Path) -> None:
    write(tmp_path)
    manifest = tmp_path / "box" / "manifest.jsonl"
    lines = manifest.read_text().splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), "sample": "other"})
    manifest.write_text("\n".join(lines) + "\n")
    with pytest.raises(Exception, match="changed after it was written"):
        write(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir(mode=0o500)
    with pytest.raises(DataError, match="cannot be"):
        write(tmp_path)

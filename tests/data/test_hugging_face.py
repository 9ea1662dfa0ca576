"""Data sets as the datasets library keeps them: saved, parquet, folders; never by the network."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import encoded, image_array, line, mask_array
from PIL import Image

from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.engine.images.contents import SampleContents
from modelaudit.engine.store.file_digests import FileDigests
from modelaudit.engine.store.store import Store
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing

datasets = pytest.importorskip("datasets", reason="pip install 'pytest-modelaudit[datasets]'")

IMAGES = [encoded(Image.fromarray(image_array(mask_array()) + np.uint8(shade))) for shade in range(4)]
MASK = encoded(Image.fromarray(mask_array()))


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No network, and nothing of another test in the library's cache."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def table(**changes: Any) -> Any:
    """Four parts: image, label, mask, camera."""
    columns = {
        "image": [{"bytes": content, "path": f"part {at}.png"} for at, content in enumerate(IMAGES)],
        "label": [0, 1, 0, 1],
        "mask": [{"bytes": MASK, "path": None}] * 4,
        "camera": ["a", "b", "a", "b"],
        **changes,
    }
    known = {
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=["bolt", "nut"]),
        "mask": datasets.Image(),
        "camera": datasets.Value("string"),
    }
    kept = {key: value for key, value in columns.items() if value is not None}
    features = {key: known[key] for key in kept if key in known and key not in changes}
    guessed = datasets.Dataset.from_dict({key: value for key, value in kept.items() if key not in features}).features
    return datasets.Dataset.from_dict(kept, features=datasets.Features({**guessed, **features}))


def test_images_labels_masks_and_groups_of_a_saved_data_set(tmp_path: Path) -> None:
    table().save_to_disk(tmp_path / "saved")
    data = open_data("hf:saved?mask=mask&group=column:camera", root=tmp_path)
    assert [(one.id, one.label, one.group, one.mask_kind) for one in data.samples] == [
        ("part 0.png", "bolt", "a", "mask"),
        ("part 1.png", "nut", "b", "mask"),
        ("part 2.png", "bolt", "a", "mask"),
        ("part 3.png", "nut", "b", "mask"),
    ]
    for shade, sample in enumerate(data.samples):
        decoded = decode(sample)
        assert np.array_equal(decoded.image, image_array(mask_array()) + np.uint8(shade))
        assert decoded.mask is not None and np.array_equal(decoded.mask, mask_array())


def test_the_store_knows_a_row_without_decoding_it(tmp_path: Path) -> None:
    table().save_to_disk(tmp_path / "saved")
    samples = open_data("hf:saved?mask=mask", root=tmp_path).samples
    contents = SampleContents(FileDigests(Store(tmp_path / "store"))).of(samples)
    assert contents == [decode(one).content for one in samples]
    assert len(set(contents)) == 4
    table(image=[{"bytes": IMAGES[0], "path": f"{at}.png"} for at in range(4)]).to_parquet(tmp_path / "x.parquet")
    moved = open_data("hf:x.parquet?mask=mask&image=image", root=tmp_path).samples
    assert decode(moved[2]).content == contents[0]


def test_rows_are_read_alike_by_several_threads(tmp_path: Path) -> None:
    table().save_to_disk(tmp_path / "saved")
    samples = open_data("hf:saved?mask=mask", root=tmp_path).samples
    with ThreadPoolExecutor(4) as pool:
        found = [one.digest for one in pool.map(decode, list(samples) * 8)]
    assert found == [decode(one).digest for one in samples] * 8


def test_a_split_is_asked_for_where_there_are_several(tmp_path: Path) -> None:
    both = datasets.DatasetDict({"train": table(), "validation": table(camera=["x"] * 4)})
    both.save_to_disk(tmp_path / "dict")
    (tmp_path / "parquet").mkdir()
    for name, one in both.items():
        one.to_parquet(tmp_path / "parquet" / f"{name}-00000-of-00001.parquet")
    for place in ("dict", "parquet"):
        with pytest.raises(DataError, match=r"has the splits train, validation; write \?split=validation"):
            open_data(f"hf:{place}", root=tmp_path)
        data = open_data(f"hf:{place}?split=validation&group=column:camera", root=tmp_path)
        assert [one.group for one in data.samples] == ["x"] * 4
        data = open_data(f"hf:{place}?split=validation&cluster=column:camera", root=tmp_path)
        assert [(one.group, one.cluster) for one in data.samples] == [(None, "x")] * 4
        with pytest.raises(DataError, match="has the splits"):
            open_data(f"hf:{place}?split=test", root=tmp_path)


def test_a_parquet_file_of_its_own(tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "x.parquet")
    data = open_data("hf:x.parquet", root=tmp_path)
    assert [one.label for one in data.samples] == ["bolt", "nut", "bolt", "nut"]
    assert data.notes == ("no masks: ?mask= names no column",)


def test_a_folder_of_images_has_the_ids_that_it_has_as_a_folder(tmp_path: Path) -> None:
    line(tmp_path / "line")
    data = open_data("hf:line/images", root=tmp_path)
    plain = open_data("folder:line/images?masks=none", root=tmp_path)
    assert [(one.id, one.label) for one in data.samples] == [(one.id, one.label) for one in plain.samples]
    assert [decode(one).digest for one in data.samples] == [decode(one).digest for one in plain.samples]


def test_ids_are_rows_where_files_have_no_names_of_their_own(tmp_path: Path) -> None:
    table(image=None, picture=IMAGES).save_to_disk(tmp_path / "bytes")
    data = open_data("hf:bytes?image=picture", root=tmp_path)
    assert [one.id for one in data.samples] == [f"data/{row:08d}" for row in range(4)]
    assert np.array_equal(decode(data.samples[0]).image, image_array(mask_array()))
    table(number=[4, 3, 2, 1]).save_to_disk(tmp_path / "numbered")
    data = open_data("hf:numbered?id=number", root=tmp_path)
    assert [(one.id, one.label) for one in data.samples] == [("1", "nut"), ("2", "bolt"), ("3", "nut"), ("4", "bolt")]


def test_labels_that_are_texts_or_indices_stay_what_they_are(tmp_path: Path) -> None:
    table(label=["bolt", "nut", "bolt", "nut"], number=[7, 8, 7, 8]).save_to_disk(tmp_path / "saved")
    assert open_data("hf:saved", root=tmp_path).samples[1].label == "nut"
    assert open_data("hf:saved?label=number", root=tmp_path).samples[1].label == 8


def test_masks_of_0_and_255_are_read_as_the_reference_says(tmp_path: Path) -> None:
    binary = encoded(Image.fromarray(((mask_array() == 1) * 255).astype(np.uint8)))
    one = table().remove_columns("mask").add_column("mask", [{"bytes": binary, "path": None}] * 4)
    one.cast_column("mask", datasets.Image()).save_to_disk(tmp_path / "saved")
    for options in ("", "&mask_255=object", "&mask_threshold=1"):
        data = open_data(f"hf:saved?mask=mask{options}", root=tmp_path)
        decoded = decode(data.samples[0])
        assert decoded.mask is not None and np.array_equal(decoded.mask, mask_array() == 1)
    assert any("255 is the object" in note for note in open_data("hf:saved?mask=mask", root=tmp_path).notes)


def test_missing_and_broken_pictures_are_counted_samples(tmp_path: Path) -> None:
    images = [
        {"bytes": IMAGES[0], "path": "a"},
        None,
        {"bytes": IMAGES[2][:90], "path": "c"},
        {"bytes": b"", "path": "d"},
    ]
    one = table().remove_columns(["image", "mask"]).add_column("image", images).cast_column("image", datasets.Image())
    masks = [{"bytes": MASK, "path": None}, None, None, {"bytes": b"no mask", "path": None}]
    one.add_column("mask", masks).cast_column("mask", datasets.Image()).save_to_disk(tmp_path / "saved")
    data = open_data("hf:saved?mask=mask", root=tmp_path)
    assert [sample.mask_kind for sample in data.samples] == ["mask", "none", "none", "mask"]
    assert "2 of 4 images have no mask" in data.notes
    assert decode(data.samples[0]).mask is not None
    for row, named in (
        (1, "row 1 of data has no image"),
        (2, "'data/00000002' cannot be read"),
        (3, ": d has no image"),
    ):
        with pytest.raises(UnusableSample, match=named) as caught:
            decode(data.samples[row])
        assert caught.value.reason is Missing.UNREADABLE_IMAGE


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("hf:nowhere/at/all", "no folder or file .*no name of a data set"),
        ("hf:", "no name of a data set"),
        ("hf:../../etc/passwd", "no name of a data set|is not a .parquet"),
        ("hf:nobody/nothing", "cannot be loaded"),
        ("hf:saved?image=img", r"no column 'img'; write \?image=COLUMN; did you mean 'image'"),
        ("hf:saved?image=camera", "'camera' holds .* and no images"),
        ("hf:saved?mask=masks", r"write \?mask=COLUMN"),
        ("hf:saved?group=column:cam", "no column 'cam'; did you mean 'camera'"),
        ("hf:saved?id=none", "row 2 has no 'none'"),
        ("hf:saved?label=none", r"1 of 4 rows have no 'none', e\.g\. row 2"),
        ("hf:saved?label=share", "'share' holds 0.5; a label is a text or an index"),
        ("hf:saved?trust_remote_code=1", "unknown option"),
        ("hf:notes.txt", r"notes\.txt is not a \.parquet"),
        ("hf:broken.parquet", "cannot be loaded"),
        ("hf:empty", "cannot be loaded"),
    ],
)
def test_what_cannot_be_read_says_so(tmp_path: Path, reference: str, message: str) -> None:
    table(none=["a", "b", None, "c"], share=[0.5] * 4).save_to_disk(tmp_path / "saved")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        open_data(reference, root=tmp_path)


def test_code_next_to_the_data_is_never_run(tmp_path: Path) -> None:
    folder = tmp_path / "script"
    folder.mkdir()
    (folder / "script.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    table().to_parquet(folder / "train.parquet")
    try:
        open_data("hf:script", root=tmp_path)
    except DataError as error:
        assert "cannot be loaded" in str(error)
    assert not (tmp_path / "ran").exists()


def test_rows_without_a_label_are_an_error(tmp_path: Path) -> None:
    one = table().remove_columns("label").add_column("label", [-1] * 4)
    one.cast_column("label", datasets.ClassLabel(names=["bolt", "nut"])).save_to_disk(tmp_path / "test")
    with pytest.raises(DataError, match=r"4 of 4 rows have no 'label'.*many test splits"):
        open_data("hf:test", root=tmp_path)


def test_without_the_library_the_error_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def without(name: str, *others: Any, **named: Any) -> Any:
        if name == "datasets":
            raise ImportError(name)
        return load(name, *others, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=r"pip install 'pytest-modelaudit\[datasets\]'"):
        open_data("hf:saved", root=tmp_path)

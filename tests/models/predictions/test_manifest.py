from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.language.errors import ModelError
from modelaudit.language.picture_origin import PictureOrigin
from modelaudit.models.predictions.manifest import (
    ManifestHeader,
    RenderedPicture,
    manifest_text,
    picture_file,
    read_manifest,
)

CHANGED = "was changed after it was written"
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
ORIGINS = st.builds(
    PictureOrigin,
    sample=TEXT,
    image=TEXT,
    mask=TEXT,
    context=TEXT,
    variant=TEXT,
    donor=st.none() | st.tuples(TEXT, TEXT),
    stored=st.none() | TEXT,
    seed=st.none() | st.integers(0, 9),
    geometry=TEXT,
)
HEADER = ManifestHeader(
    pictures="png", data="folder:data", audit="audits/a.py", preprocessing={}, classes=("bolt", "nut"), made_with="0"
)


def written(folder: Path, origins: list[PictureOrigin]) -> Path:
    file = folder / "manifest.jsonl"
    pictures = [RenderedPicture.of(one, "original", "ab" * 32) for one in origins]
    file.write_text(manifest_text(HEADER, pictures), encoding="utf-8", newline="\n")
    return file


def origin(sample: str = "a.png", **others: object) -> PictureOrigin:
    kept = {"image": "1", "mask": "", "context": "original@1()", "variant": "", "donor": None, "stored": None}
    return PictureOrigin(sample, **{**kept, "seed": None, "geometry": "None", **others})  # type: ignore[arg-type]


@given(origins=st.lists(ORIGINS, max_size=5, unique=True))
def test_a_manifest_holds_what_was_written(
    origins: list[PictureOrigin], tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = read_manifest(written(tmp_path_factory.mktemp("m"), origins))
    assert found.header == HEADER
    assert {name: one.origin for name, one in found.pictures.items()} == {one.name: one for one in origins}


@given(one=ORIGINS, other=ORIGINS)
def test_two_origins_share_a_name_only_where_they_are_equal(one: PictureOrigin, other: PictureOrigin) -> None:
    assert (one.name == other.name) == (one == other)


def test_names_tell_nothing_of_the_order_of_samples(tmp_path: Path) -> None:
    file = written(tmp_path, [origin(f"{number:03}.png") for number in range(20)])
    names = [one.sample for one in read_manifest(file).pictures.values()]
    assert names != sorted(names) and sorted(names) == [f"{number:03}.png" for number in range(20)]


def test_a_picture_lies_below_the_first_digits_of_its_name() -> None:
    assert picture_file("0a1b", "npy") == "pictures/0a/0a1b.npy"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: "", "is empty"),
        (lambda text: text[: len(text) // 2], "is not JSON"),
        (lambda text: "".join(text.splitlines(keepends=True)[:-1]), "its last line is missing"),
        (lambda text: "".join(text.splitlines(keepends=True)[:1]), "its last line is missing"),
        (lambda text: text.replace("b.png", "c.png"), CHANGED),
        (lambda text: text.replace("folder:data", "folder:other"), CHANGED),
        (
            lambda text: "".join(text.splitlines(keepends=True)[i] for i in (0, 1, 3)),
            CHANGED,
        ),
        (
            lambda text: text.replace("modelaudit-render/1", "modelaudit-render/2"),
            "its format is 'modelaudit-render/2'",
        ),
        (lambda text: text.replace('"pictures": "png"', '"pictures": "jpg"'), "line 1: pictures"),
        (lambda text: "[]\n" + text, "line 1: is list"),
    ],
)
def test_a_damaged_manifest_is_refused_by_name(damage, says: str, tmp_path: Path) -> None:
    file = written(tmp_path, [origin("a.png"), origin("b.png")])
    file.write_text(damage(file.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    with pytest.raises(ModelError, match=r"manifest\.jsonl") as raised:
        read_manifest(file)
    assert says in str(raised.value) and "modelaudit render" in str(raised.value)


def test_a_line_that_was_forged_together_with_the_digest_has_a_name_that_does_not_fit(tmp_path: Path) -> None:
    file = tmp_path / "manifest.jsonl"
    honest = RenderedPicture.of(origin("a.png"), "original", "ab" * 32)
    file.write_text(manifest_text(HEADER, [honest.model_copy(update={"sample": "b.png"})]), encoding="utf-8")
    with pytest.raises(ModelError, match=r"line 2: .* is not the name of what it was made of"):
        read_manifest(file)


def test_a_manifest_that_is_not_there_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.jsonl: cannot be read .*modelaudit render AUDIT -o FOLDER"):
        read_manifest(tmp_path / "nothing.jsonl")

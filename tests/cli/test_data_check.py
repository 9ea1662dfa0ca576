"""``modelaudit data check``: what the terminal, the page and the JSON say, and the exit status."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from cli.pages import page
from cli.photos import HEIGHT, WIDTH, blob, image, line, mask, photo

from modelaudit.cli import main
from modelaudit.cli.terminal import table
from modelaudit.language.text_layout import columns_of, cut

NASTY = '<script>alert("1")</script>&amp;'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return line(tmp_path / "line").parent


def spoil(root: Path) -> None:
    (root / "images/nut/1.png").write_bytes(b"")
    mask(root, "nut/2.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    image(root, "bolt/copy.png", photo(10))
    mask(root, "bolt/copy.png", blob())


def test_sound_data_end_with_0_and_say_what_is_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "line"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "folder:line"
    assert lines[1] == "  6 images (6 usable), 2 labels, 6 masks"
    assert lines[3:6] == [
        "  label  images  usable  masks  object",
        "  bolt        3       3      3   13.0%",
        "  nut         3       3      3   13.0%",
    ]
    assert lines[-1] == "no problems"
    assert "PROBLEMS" not in said.out and said.err == ""


def test_a_folder_with_the_name_of_a_source_is_that_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "line").rename(here / "photos")
    assert main(["data", "check", "photos"]) == 0
    assert capsys.readouterr().out.startswith("folder:photos\n  6 images")


def test_clusters_are_listed_with_groups_and_few_of_them_are_explained(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", "folder:line?group=folder:1&cluster=path:(\\d).png"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "2 groups, 3 clusters of at most 2 images, 6 masks" in said
    assert "cluster images usable masks object 0 2 2 2 13.0% 1 2" in said
    assert "Fewer than ten clusters: 3" in said and "more images of the same clusters do not help" in said


def test_problems_end_with_1_and_name_files(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(here / "line")
    assert main(["data", "check", "folder:line"]) == 1
    said = capsys.readouterr().out
    problems = " ".join(said[said.index("PROBLEMS") :].split())
    assert "Images that cannot be read: 1" in problems and "line/images/nut/1.png is empty (0 bytes)" in problems
    assert "Masks without an object: 1" in problems and "- nut/2.png" in problems
    assert "- bolt/copy.png, nut/0.png: equal pixels" in problems
    assert said.splitlines()[-1] == "4 cases of 3 kinds of problem"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no folder at"),
        (["line", "--classes", "nowhere.txt"], "nowhere.txt: No such file"),
        (["line", "--classes", "empty.txt"], "must hold class names"),
        (["line", "--labels", "map.json"], "name them by --model REF or --classes FILE"),
        (["line", "--preprocessing", "256,224,1"], "write RESIZE,CROP"),
        (["line", "--preprocessing", "0"], "got '0'"),
        (["line", "--json", "nowhere/facts.json"], "cannot be written"),
        (["line", "--model", "torchvision:resnet5@untrained"], "torchvision has no classifier"),
    ],
)
def test_a_wrong_call_ends_with_2(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (here / "empty.txt").write_text("")
    (here / "map.json").write_text('{"bolt": "Bolt"}')
    assert main(["data", "check", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_no_line_is_longer_than_80_columns(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label = "とても長いラベル" * 8
    image(here / "line", f"{label}/1.png", photo(77))
    mask(here / "line", f"{label}/1.png", blob(wide=3, high=3))
    spoil(here / "line")
    (here / "names.txt").write_text("nut\n" + "bolt with a very long name " * 4 + "\n")
    main(["data", "check", "line", "--preprocessing", "72,60", "--classes", "names.txt"])
    lines = capsys.readouterr().out.splitlines()
    # only a file name or a path that would have to be broken may be longer
    assert [one for one in lines if columns_of(one) > 80 and len(one.split()) > 2] == []
    assert any(one.startswith("  とても") and "..." in one for one in lines)


def test_names_that_would_move_the_cursor_are_spelled_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image(here / "line", "nut/\x1b[31mred\u202e.png", photo(77))
    assert main(["data", "check", "line"]) == 1
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\u202e" not in said
    assert "nut/\\u001b[31mred\\u202e.png" in said


def test_labels_without_an_object_have_no_problem_of_masks(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = here / "line"
    for name in ("nut/0.png", "nut/1.png"):
        mask(root, name, np.zeros((HEIGHT, WIDTH), np.uint8))
    (root / "masks" / "nut" / "2.png").unlink()
    assert main(["data", "check", "line"]) == 1
    assert "--without-object LABEL" in " ".join(capsys.readouterr().out.split())
    assert main(["data", "check", "line", "--without-object", "nut", "--html", "page.html", "--language", "ja"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "画素マスク (3)、宣言により対象物なし (3)" in said
    assert "宣言により対象物なし" in (here / "page.html").read_text(encoding="utf-8")


def test_an_object_of_a_label_that_is_declared_to_have_none_is_a_problem(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", "line", "--without-object", "nut"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "Objects in masks of labels that are declared to have none: 3" in said
    assert "nut/1.png: of the label 'nut'" in said
    assert main(["data", "check", "line", "--without-object", "nutt"]) == 2
    assert "no image has the label 'nutt'; did you mean 'nut'" in capsys.readouterr().err


def test_the_json_holds_everything(here: Path) -> None:
    spoil(here / "line")
    (here / "names.txt").write_text("bolt\nwasher\n")
    status = main(
        ["data", "check", "line", "--json", "facts.json", "--preprocessing", "72,60", "--classes", "names.txt"]
    )
    facts = json.loads((here / "facts.json").read_text(encoding="utf-8"))
    assert status == 1
    assert facts["format"] == "modelaudit-data-check/1"
    problems = [one["kind"] for one in facts["findings"] if one["problem"]]
    assert problems == ["unreadable_image", "empty_mask", "label_without_class", "same_across_classes"]
    assert facts["problems"] == len(problems)
    by_id = {one["id"]: one for one in facts["samples"]}
    assert len(by_id) == 7
    assert by_id["nut/1.png"]["reason"] == "unreadable_image"
    assert by_id["nut/0.png"]["digest"] == by_id["bolt/copy.png"]["digest"]
    assert len(bytes.fromhex(by_id["nut/0.png"]["look"])) == 32
    assert by_id["bolt/0.png"]["mask"]["object"] == 900 and by_id["bolt/0.png"]["kept"] == 1
    assert facts["classes"]["met"] == {"bolt": [0]} and list(facts["classes"]["unmet"]) == ["nut"]
    assert facts["near"] == 32 and facts["bits"] == 255 and facts["geometry"] == "resize 72, crop 60"


def test_the_page_has_problems_first_and_is_complete_in_itself(here: Path) -> None:
    spoil(here / "line")
    main(["data", "check", "line", "--html", "sheet.html"])
    found = page(here / "sheet.html")
    assert found.headings[:3] == [
        "Images that cannot be read",
        "Masks without an object",
        "The same picture in different classes",
    ]
    assert found.headings[-2:] == ["What is there", "Samples of every label"]
    assert "3 kinds of problems." in found.text
    assert len(found.pictures) == 6  # all but the one that cannot be read
    assert "is empty (0 bytes)" in found.text


def test_the_page_keeps_to_its_number_of_pictures_and_states_it(here: Path) -> None:
    spoil(here / "line")
    main(["data", "check", "line", "--html", "sheet.html", "--pictures", "2"])
    found = page(here / "sheet.html")
    assert len(found.pictures) <= 2
    assert "1 more is not shown here." in found.text


def test_messages_that_are_left_out_of_the_page_are_counted(here: Path) -> None:
    for at in range(30):
        (here / f"line/images/nut/x{at:02}.png").write_bytes(b"")
    main(["data", "check", "line", "--html", "sheet.html", "--pictures", "4"])
    found = page(here / "sheet.html")
    assert found.text.count("is empty (0 bytes)") == 25
    assert "5 more are not shown here." in found.text
    assert len(found.pictures) == 4  # what cannot be read takes no picture's room


def test_a_page_of_many_pictures_stays_small(here: Path) -> None:
    noise = np.random.default_rng(0)
    for at in range(40):
        image(here / "line", f"nut/n{at}.png", noise.integers(0, 256, (300, 300, 3)).astype(np.uint8))
    main(["data", "check", "line", "--html", "sheet.html", "--pictures", "20"])
    assert len(page(here / "sheet.html").pictures) == 20
    assert (here / "sheet.html").stat().st_size < 20 * 17_000 + 20_000


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_names_are_text_and_never_markup(here: Path) -> None:
    image(here / "line", f"{NASTY.replace('/', '_')}/x.png", photo(77))
    main(["data", "check", "line", "--html", "sheet.html"])
    found = page(here / "sheet.html")
    assert NASTY.replace("/", "_") in found.text


def test_the_page_speaks_japanese(here: Path) -> None:
    spoil(here / "line")
    main(["data", "check", "line", "--html", "sheet.html", "--language", "ja"])
    found = page(here / "sheet.html")
    assert '<html lang="ja">' in found.raw
    assert "読み込めない画像" in found.headings


def test_sources_of_every_kind_are_taken(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "demo:?images=12", "--near", "0"]) == 0
    assert "12 images (12 usable)" in capsys.readouterr().out
    assert main(["data", "check", "demo", "--near", "0"]) in (0, 1)


def test_columns_are_counted_as_a_terminal_does() -> None:
    assert columns_of("abc") == 3 and columns_of("日本") == 4 and columns_of("e\u0301") == 1
    assert cut("abcdefghij", 7) == "ab...ij"
    assert columns_of(cut("日本語日本語日本語", 9)) <= 9
    assert table(("a", "n"), [("x", "10"), ("yy", "5")]) == ["  a    n", "  x   10", "  yy   5"]


@pytest.mark.assets
def test_the_photos_of_pets(assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: object) -> None:
    monkeypatch.chdir(assets)
    weights = "torchvision:squeezenet1_0?checkpoint=models/squeezenet1_0-imagenet1k.safetensors"
    call = ["data", "check", "pets", "--html", str(tmp_path / "a.html"), "--json", str(tmp_path / "a.json")]
    assert main([*call, "--model", weights]) == 1
    facts = json.loads((tmp_path / "a.json").read_text())
    # what the model sees outside of the animals shows their breed a little: on mountains there are Great Pyrenees
    assert [(one["kind"], one["count"]) for one in facts["findings"]] == [
        ("object_cropped", 1),
        ("class_tied", 1),
        ("class_without_label", 975),
    ]
    by_model = next(one for one in facts["associations"] if one["about"] == "model")
    assert by_model["accuracy"] < 0.25
    assert by_model["ties"][0]["label"] == "257_great_pyrenees"
    assert len(facts["classes"]["met"]) == 25 and facts["classes"]["unmet"] == {}
    assert facts["geometry"] == "resize 256, crop 224"
    found = page(tmp_path / "a.html")
    assert len(set(found.pictures)) == 125
    assert (tmp_path / "a.html").stat().st_size < 3_000_000

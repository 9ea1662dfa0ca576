"""``modelaudit contexts``: the list, and the page of contexts on one's own images."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.pages import page
from cli.photos import line

from modelaudit.cli import main
from modelaudit.language import registry


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    line(tmp_path / "line")
    return tmp_path


def show(*arguments: str) -> int:
    return main(["contexts", "show", "--data", "line", "--size", "48", "--images", "3", *arguments])


def test_the_list_has_every_context(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contexts", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [one.split()[0] for one in lines[1:]] == list(registry.names("context"))
    assert max(map(len, lines)) <= 80
    by_name = {one.split()[0]: one for one in lines}
    assert "Change" in by_name["swap_background"] and "a mask, donors" in by_name["swap_background"]
    assert " - " in by_name["lighting"]


def test_the_page_shows_the_contexts_that_were_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("swap_background(other_class) | lighting(2)", "mean_fill(object)", "original")
    assert show(*[part for text in asked for part in ("--context", text)], "--out", "a.html") == 0
    found = page(here / "a.html")
    assert found.headings == ["The images", "Change", "No information", "Control"]
    assert len(found.pictures) == 3 * 4
    assert all(text in found.text for text in asked)
    assert "background of" in found.text
    said = capsys.readouterr()
    assert said.err.strip() == "a.html"
    assert len(said.out.splitlines()) == 4  # a heading, and three images


def test_all_contexts_go_on_one_page_of_a_bearable_size(here: Path) -> None:
    assert show() == 0
    found = page(here / "contexts.html")
    rows = found.raw.count('<div class="strip')
    assert len(found.pictures) > 3 * 60
    assert (here / "contexts.html").stat().st_size < rows * 42_000 + 20_000
    for name in registry.names("context"):
        assert name in found.text


def test_what_needs_masks_is_named_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    line(tmp_path / "line", masks=False)
    assert (
        show("--context", "gaussian_noise(3)", "--context", "swap_background(random)", "--context", "lighting(1)") == 0
    )
    found = page(tmp_path / "contexts.html")
    assert "It needs masks, and none of these images has one." in found.text
    assert "Cannot be shown: 'swap_background(random)'" in found.text
    assert len(found.pictures) == 6
    said = " ".join(capsys.readouterr().out.split())
    assert "gaussian_noise(3): 3 of 3 images need a mask and have none" in said


def test_the_same_call_gives_the_same_page(here: Path) -> None:
    asked = ("--context", "gaussian_noise(3)", "--context", "swap_background(random)")
    show(*asked, "--out", "a.html")
    show(*asked, "--out", "b.html")
    show(*asked, "--out", "c.html", "--seed", "7")
    assert (here / "a.html").read_bytes() == (here / "b.html").read_bytes() != (here / "c.html").read_bytes()


def test_the_page_speaks_japanese(here: Path) -> None:
    show("--context", "mean_fill(object)", "--language", "ja")
    assert page(here / "contexts.html").headings == ["画像", "情報なし"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--context", "gausian_noise(3)"], "did you mean"),
        (["--context", "gaussian_noise(9)"], "severity must be an integer from 1 to 5, got 9"),
        (["--out", "nowhere/a.html", "--context", "original"], "cannot be written"),
    ],
)
def test_a_wrong_call_ends_with_2(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert show(*arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.assets
def test_contexts_on_pets(assets: Path, tmp_path: Path) -> None:
    out = tmp_path / "pets.html"
    texts = ("swap_background(other_class)", "gaussian_noise(5)", "mean_fill(background)")
    asked = [part for text in texts for part in ("--context", text)]
    assert main(["contexts", "show", "--data", str(assets / "pets"), "--out", str(out), *asked]) == 0
    found = page(out)
    assert len(found.pictures) == 4 * 4 and found.absent == 0
    assert out.stat().st_size < 4 * 60_000

"""The Japanese pages say what the English ones say: the same code and sections, links to the same places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs_blocks import ROOT, Block, is_translation, links, of_page, pages

PAIRS = {"README.md": "README.ja.md", "docs/getting_started.md": "docs/ja/getting_started.md"}
pairs = pytest.mark.parametrize(("english", "japanese"), PAIRS.items(), ids=PAIRS)
_JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


def code(page: str) -> list[tuple[str, str, str, str]]:
    """Every block with its marks, but for the words of plain text."""
    found: list[Block] = of_page(ROOT / page)
    return [(b.language, "" if b.language == "text" else b.text, b.file, b.run) for b in found]


def lines_of_text(page: str) -> list[list[str]]:
    """The first column of every line of plain text: files, commands, what a terminal shows."""
    return [
        [re.split(r"\s{3,}", line.strip())[0] for line in block.text.splitlines()]
        for block in of_page(ROOT / page)
        if block.language == "text"
    ]


def targets(page: str) -> set[str]:
    """What a page links to, in its English version, without headings and the switch of languages."""
    path = ROOT / page
    there = {japanese: english for english, japanese in PAIRS.items()}
    found = set()
    for link in links(path):
        place = link.partition("#")[0]
        target = (path.parent / place).resolve().relative_to(ROOT).as_posix() if place else page
        found.add(there.get(target, target).replace(".ja.png", ".png"))
    return found


def headings(page: str) -> list[int]:
    text = re.sub(r"(?ms)^ *```.*?^ *```\s*?$", "", (ROOT / page).read_text(encoding="utf-8"))
    return [len(mark) for mark in re.findall(r"^(#+) ", text, re.MULTILINE)]


def test_every_translation_has_its_page() -> None:
    assert {page.relative_to(ROOT).as_posix() for page in pages() if is_translation(page)} == set(PAIRS.values())


@pairs
def test_code_and_commands_are_the_same(english: str, japanese: str) -> None:
    assert code(english) == code(japanese)
    assert lines_of_text(english) == lines_of_text(japanese)


@pairs
def test_sections_tables_and_lists_are_the_same(english: str, japanese: str) -> None:
    assert headings(english) == headings(japanese)
    for start in (r"\|", r"- ", r"\d+\. "):
        counts = [
            len(re.findall(rf"^{start}", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE))
            for page in (english, japanese)
        ]
        assert counts[0] == counts[1], f"lines that begin with {start}"


@pairs
def test_links_lead_to_the_same_places(english: str, japanese: str) -> None:
    assert targets(english) - {english} == targets(japanese) - {english}


@pairs
def test_each_links_to_the_other_at_its_top(english: str, japanese: str) -> None:
    for page, other in ((english, japanese), (japanese, english)):
        first = (ROOT / page).read_text(encoding="utf-8").splitlines()[0]
        (target,) = re.findall(r"\]\(([^)]+)\)", first)
        assert ((ROOT / page).parent / target).resolve() == ROOT / other


@pairs
def test_prose_is_japanese(english: str, japanese: str) -> None:
    text = re.sub(r"(?ms)^ *```.*?^ *```\s*?$", "", (ROOT / japanese).read_text(encoding="utf-8"))
    paragraphs = [part for part in text.split("\n\n") if len(part.strip()) > 40 and not part.strip().startswith("<!--")]
    assert paragraphs and all(_JAPANESE.search(part) for part in paragraphs)
    assert not _JAPANESE.search(Path(ROOT / english).read_text(encoding="utf-8").replace("日本語", ""))

"""The fenced blocks of README and docs, and what their pages say of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LANGUAGES = ("python", "yaml", "sh", "console", "toml", "text")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\s*$")
_MARKER = re.compile(r"^ *<!-- (?P<kind>not run|file|run): (?P<text>.*) -->$")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Args:
        page: the path of its page below the repository.
        line: where it begins.
        language: as the fence names it.
        text: without the fence and its indentation.
        not_run: why it cannot be run here; empty where it can.
        file: the name under which it is saved.
        run: the kinds of data for which a test runs its commands as they stand, e.g. "photos, yolo".
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str = ""
    file: str = ""
    run: str = ""

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_audit(self) -> bool:
        """Whether it states expectations."""
        return self.language == "yaml" or (self.language == "python" and ".expect(" in self.text)


def pages() -> list[Path]:
    """README, the changelog, docs and the pages of the examples; not what a script writes."""
    found = [
        *ROOT.glob("README*.md"),
        ROOT / "CHANGELOG.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/**/*.md"),
    ]
    return sorted(found)


def is_translation(page: Path) -> bool:
    """Whether a page says in Japanese what another says in English, with the same code."""
    return page.name.endswith(".ja.md") or page.parent.name == "ja"


def blocks() -> list[Block]:
    """All blocks of all pages, in order; those of translations are the same."""
    return [block for page in pages() if not is_translation(page) for block in of_page(page)]


def of_page(page: Path) -> list[Block]:
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    opened: tuple[int, re.Match[str]] | None = None
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence and opened is None:
            opened = (number, fence)
        elif fence and opened is not None and not fence["language"]:
            found.append(_block(page, lines, *opened, number))
            opened = None
    assert opened is None, f"{page}: the block of line {opened} does not end"
    return found


def _block(page: Path, lines: list[str], start: int, fence: re.Match[str], end: int) -> Block:
    indent = len(fence["indent"])
    text = "\n".join(line[indent:] for line in lines[start + 1 : end]) + "\n"
    marker = _MARKER.match(lines[start - 1]) if start else None
    said = {marker["kind"].replace(" ", "_"): marker["text"]} if marker else {}
    return Block(page.relative_to(ROOT).as_posix(), start + 1, fence["language"], text, **said)


def commands() -> list[tuple[Block, str]]:
    """Every command line of the shell blocks; continued lines are one."""
    found = []
    for block in blocks():
        if block.language == "sh":
            lines = block.text.replace("\\\n", " ").splitlines()
        elif block.language == "console":
            lines = [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
        else:
            continue
        found += [(block, line.strip()) for line in lines if line.strip() and not line.strip().startswith("#")]
    return found


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    inside, found = False, set()
    for line in page.read_text(encoding="utf-8").splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside and line.startswith("#"):
            found.add(_slug(line.lstrip("#").strip()))
    return found


def links(page: Path) -> list[str]:
    """The targets of a page's links and images, outside of code."""
    text = re.sub(r"(?ms)^ *```.*?^ *```\s*?$", "", page.read_text(encoding="utf-8"))
    text = re.sub(r"`[^`\n]*`", "code", text)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def repository_paths(page: Path) -> list[str]:
    """Files and folders of the repository that a page names in code."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"(?<![\w/.])((?:modelaudit|tests|benchmarks|templates|\.ci)/[\w./]*\w/?)", text)


def _slug(heading: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")

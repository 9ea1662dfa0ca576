"""What every page of the command line must be: well formed, and complete in itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "img", "br", "input", "link", "hr"}
REFERRING = {"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href"}


class Page(HTMLParser):
    """A parsed page: its text, its pictures, and everything that is wrong with it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.texts: list[str] = []
        self.headings: list[str] = []
        self.pictures: list[str] = []
        self.absent = 0
        self.raw = text
        self.feed(text)
        self.close()
        self.wrong += [f"<{tag}> is not closed" for tag in self.open]
        if re.search(r"url\(|@import", text):
            self.wrong.append("a style sheet refers to something")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if len(known) < len(attrs):
            self.wrong.append(f"<{tag}> says an attribute twice")
        for name, value in attrs:
            if name in REFERRING and not (value or "").startswith(("data:image/jpeg;base64,", "#")):
                self.wrong.append(f"<{tag} {name}={value!r}> leads outside")
            if name.startswith("on"):
                self.wrong.append(f"<{tag} {name}> runs code")
        if tag in ("script", "iframe", "object"):
            self.wrong.append(f"<{tag}>")
        if tag == "img":
            self.pictures.append(str(known["src"]))
        self.absent += known.get("class") == "absent"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.texts.append(data)
        if "h2" in self.open and "span" not in self.open:
            self.headings.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def page(path: Path) -> Page:
    """A page that is as it must be."""
    text = path.read_text(encoding="utf-8")
    found = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert found.wrong == []
    assert "default-src 'none'" in text
    return found

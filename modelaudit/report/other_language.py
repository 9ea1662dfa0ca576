"""What changes in the report when its language does: the texts and attributes that differ between two renderings.

Elements with the attribute ``data-part`` are compared one with the other. Where both languages have the same elements,
the patch names the texts and attributes that differ by their position, which the script of the page counts in the same
way (blank texts are not counted); otherwise it holds the whole part.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from markupsafe import Markup

_TAG = re.compile(r"<(/?)([a-zA-Z][-\w]*)((?:[^>\"]|\"[^\"]*\")*)>")
_ATTRIBUTE = re.compile(r"([-:\w]+)(?:=\"([^\"]*)\")?")
_PART = re.compile(r"\sdata-part(?=[\s=>/])")
_BLANK = " \t\n\r\f"


@dataclass(frozen=True)
class _Part:
    """One element with everything in it: its shape (elements, names of attributes, where text stands), and what fills
    that shape."""

    html: str
    shape: tuple[Any, ...]
    texts: tuple[str, ...]
    attributes: tuple[tuple[int, str, str], ...]


def language_patch(main: str, other: str, language: str) -> Markup:
    """The JSON that turns `main` into `other`, safe to stand in a script element.

    What differs outside of parts, as in a template of the user's, makes the whole of `other` the patch.
    """
    (mine, around), (theirs, around_them) = _split(str.__str__(main)), _split(str.__str__(other))
    if around == around_them and len(mine) == len(theirs):
        table: dict[str, int] = {}
        parts = [_patch(one, another, table) for one, another in zip(mine, theirs, strict=True)]
        return _json({"language": language, "texts": list(table), "parts": parts})
    return _json({"language": language, "whole": other})


def _json(patch: dict[str, Any]) -> Markup:
    text = json.dumps(patch, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _patch(mine: _Part, theirs: _Part, table: dict[str, int]) -> Any:
    """``[texts, elements, [step, text, ...], [step, name, text, ...]]``, HTML, or 0 where nothing differs."""
    if mine.html == theirs.html:
        return 0
    if mine.shape != theirs.shape:
        return theirs.html
    texts: list[int] = []
    last = 0
    for at, (one, another) in enumerate(zip(mine.texts, theirs.texts, strict=True)):
        if one != another:
            texts += [at - last, table.setdefault(another, len(table))]
            last = at
    attributes: list[int | str] = []
    last = 0
    for here, there in zip(mine.attributes, theirs.attributes, strict=True):
        if here != there:
            element, name, value = there
            attributes += [element - last, name, table.setdefault(value, len(table))]
            last = element
    elements = sum(isinstance(each, tuple) for each in mine.shape)
    return [len(mine.texts), elements, texts, attributes]


def _split(html: str) -> tuple[list[_Part], str]:
    """The parts, and what stands around them."""
    parts: list[_Part] = []
    around: list[str] = []
    last = 0
    tags = _TAG.finditer(html)
    for tag in tags:
        if tag[1] or not _PART.search(tag[3] + " "):
            continue
        depth, end = 1, tag.end()
        for inner in tags:
            if inner[2] == tag[2]:
                depth += -1 if inner[1] else 1
            end = inner.end()
            if not depth:
                break
        around.append(html[last : tag.start()])
        parts.append(_read(html[tag.start() : end]))
        last = end
    return parts, "".join((*around, html[last:]))


def _read(html: str) -> _Part:
    shape: list[Any] = []
    texts: list[str] = []
    attributes: list[tuple[int, str, str]] = []
    elements = last = 0
    for tag in _TAG.finditer(html):
        text = unescape(html[last : tag.start()])
        if text.strip(_BLANK):
            shape.append("text")
            texts.append(text)
        last = tag.end()
        if tag[2] == "noscript":
            continue  # its content stands alone once the script has unfolded it
        if tag[1]:
            shape.append("/" + tag[2])
            continue
        found = [(name, unescape(value)) for name, value in _ATTRIBUTE.findall(tag[3])]
        shape.append((tag[2], *(name for name, _ in found)))
        attributes += [(elements, name, value) for name, value in found]
        elements += 1
    return _Part(html, tuple(shape), tuple(texts), tuple(attributes))

"""The filter for texts that others chose: names of files, labels and classes, and what other libraries say of them.

Such a text must look like what it is wherever it is shown. It can neither move the cursor nor change a colour, reorder
or hide what stands beside it, begin a new line, or fill the screen. What is left out is spelled out (``\\u001b``), so
that two different names stay different. The record keeps every name as it is; the filter stands where a text leaves.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: characters a line; the middle of a longer one is left out
LONGEST_LINE = 2000
#: combining marks on one letter; more of them reach into the lines above and below
_MOST_MARKS = 8
#: what has no width of its own although `str.isprintable` says otherwise: joiners, fillers, variation selectors
_WITHOUT_WIDTH = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_JOINERS = "\u200c\u200d"
#: of the planes of Chinese characters, where every version of Unicode has more than Python knows
_IDEOGRAPHS = range(0x20000, 0x3FFFE)
_VIRAMA = 9
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def plain(text: str, longest: int = LONGEST_LINE) -> str:
    """A text as one line, everything spelled out that would move, colour, reorder or hide text.

    Letters and marks of all scripts, emoji and wide spaces stay as they are.

    >>> plain("x.png\\n\\x1b[32m5 passed"), plain("写真 ❤️ é")
    ('x.png\\\\u000a\\\\u001b[32m5 passed', '写真 ❤️ é')
    """
    return shortened(text if _is_plain(text) else _spelled(text), longest)


def plain_lines(text: str, longest: int = LONGEST_LINE) -> str:
    """A text of several lines that we made, every line of it plain.

    >>> plain_lines("first\\n  \\x07second")
    'first\\n  \\\\u0007second'
    """
    return "\n".join(plain(line.expandtabs(4), longest) for line in text.split("\n"))


def quoted_lines(text: str) -> list[str]:
    """What another library says, line by line; every line after the first begins with ``|``, so that it cannot be
    taken for a line of ours.

    >>> quoted_lines("no such key\\n\\x1b[1m===== 5 passed =====")
    ['no such key', '| ===== 5 passed =====']
    """
    first, *rest = re.split("\r\n|\r|\n", _COLOUR.sub("", text))
    return [_untabbed(first), *(f"| {_untabbed(line)}" for line in rest if line.strip())]


def folded(text: str, longest: int = LONGEST_LINE) -> str:
    """What another library says, on one line: its line breaks and indents are spaces, its colours are gone.

    >>> folded("\\x1b[1mno such key\\x1b[0m:\\n\\thead.weight")
    'no such key: head.weight'
    """
    return plain(" ".join(_COLOUR.sub("", text).split()), longest)


def shortened(text: str, longest: int) -> str:
    """The text, its middle left out where it has more than so many characters."""
    if len(text) <= longest:
        return text
    end = longest // 3
    start = longest - end
    return f"{text[:start]} ... {len(text) - longest} characters left out ... {text[-end:]}"


def _untabbed(line: str) -> str:
    return plain(line.expandtabs(4).rstrip())


def _is_plain(text: str) -> bool:
    """Whether nothing needs a closer look, which holds for nearly every text."""
    if not text.isprintable():
        return False
    return text.isascii() or not (_WITHOUT_WIDTH.search(text) or any(map(_is_mark, text)))


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter) in ("Mn", "Me")


def _spelled(text: str) -> str:
    return "".join(_spelled_letters(text))


def _spelled_letters(text: str) -> Iterable[str]:
    marks = 0
    for at, letter in enumerate(text):
        marks = marks + 1 if _is_mark(letter) else 0
        shown = _shows(letter, text[at - 1 : at], text[at + 1 : at + 2]) and marks <= _MOST_MARKS
        yield letter if shown else _escape(letter)


def _shows(letter: str, before: str, after: str) -> bool:
    if letter in _JOINERS:
        return bool(before and after) and _joins(before, after)
    if _WITHOUT_WIDTH.match(letter):
        return bool(before) and _varies(letter, before)
    if letter.isprintable() or unicodedata.category(letter) == "Zs":
        return True
    return ord(letter) in _IDEOGRAPHS and unicodedata.category(letter) == "Cn"


def _joins(before: str, after: str) -> bool:
    """Whether a joiner does what it is for there: in Arabic and Indic scripts, and in emoji of several parts."""
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if {unicodedata.bidirectional(before), unicodedata.bidirectional(after)} == {"AL"}:
        return True
    symbols = ("So", "Sk", "Sm")
    return (unicodedata.category(before) in symbols or before == "\ufe0f") and unicodedata.category(after) in symbols


def _varies(selector: str, before: str) -> bool:
    """Whether a variation selector stands behind what it varies: a symbol, or a Chinese character."""
    if selector in "\ufe0e\ufe0f":
        return unicodedata.category(before) in ("So", "Sm", "Po", "Nd") or before in "\u2194\u303d\u00a9\u00ae"
    return selector >= "\ufe00" and unicodedata.name(before, "").startswith("CJK ")


def _escape(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"

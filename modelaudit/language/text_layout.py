"""Text in the columns of a terminal: how wide it is, where a line may end, and tables.

East Asian wide characters take two columns. A line ends at a space, or before or after a wide character. A word of
narrow characters, such as a path, a name or a number, is never broken, so that it can be copied; nor is katakana.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

#: a space at which no line ends; it is written as a space
NO_BREAK = "\u00a0"
#: what begins no line, and what ends none
_CLOSING = "、。，．・：；？！）］｝」』】〕〉》％ー～…ゃゅょっャュョッぁぃぅぇぉァィゥェォ々"
_BRACKETS = "（［｛「『【〔〈《"
_OPENING = f"{_BRACKETS}～"
_GAP = 2


def columns_of(text: str) -> int:
    """How many columns a text takes.

    >>> columns_of("bolt"), columns_of("ボルト")
    (4, 6)
    """
    return len(text) if text.isascii() else sum(map(_columns, text))


def cut(text: str, width: int) -> str:
    """The text, its middle left out where it takes more than `width` columns."""
    if columns_of(text) <= width:
        return text
    head, tail = list(text[: len(text) // 2]), list(text[len(text) // 2 :])
    while columns_of("".join((*head, "...", *tail))) > width and (head or tail):
        (head.pop if len(head) > len(tail) else lambda: tail.pop(0))()
    return "".join((*head, "...", *tail))


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text with spaces up to `width` columns, after it, or before it where it stands to the right."""
    space = " " * max(0, width - columns_of(text))
    return space + text if right else text + space


def wrapped(text: str, width: int, *, indent: int = 0, first: str | None = None) -> list[str]:
    """A text in lines of at most `width` columns; only a word that is wider than that makes a longer one.

    Args:
        indent: spaces before every line after the first.
        first: what stands before the first line, in place of these spaces.

    >>> wrapped("no line ends within a/path/of/words", 16, indent=2, first="")
    ['no line ends', '  within', '  a/path/of/words']
    """
    start = " " * indent if first is None else first
    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        room = width - columns_of(start if not lines else " " * indent)
        if line and columns_of(line) + columns_of(piece.rstrip(" ")) > room:
            lines.append(line)
            line = piece.lstrip(" ")
        else:
            line += piece
    lines.append(line)
    spaces = " " * indent
    shown = [(start if not at else spaces) + line.rstrip(" ") for at, line in enumerate(lines)]
    return [line.replace(NO_BREAK, " ") for line in shown]


def widest_word(text: str) -> int:
    """The columns of the widest part of a text that is not broken."""
    return max((columns_of(piece.strip(" ")) for piece in _pieces(text)), default=0)


def laid_out(
    rows: Sequence[Sequence[str]], width: int, *, least: Sequence[int], keys: int, tall: int
) -> list[list[str]]:
    """The lines of every row of a table that is at most `width` columns wide: cells are wrapped, words are not broken.

    Args:
        rows: equally many cells each; a column without any text below the first row, the heading, is left out.
        least: columns below which a cell is not narrowed while another one still can be.
        keys: how many cells at the start are not wrapped; the last of them may reach over what follows, which then
            begins on the next line.
        tall: the most lines of a cell; what does not fit ends in "...".
    """
    columns = [
        _Column(cells, low, key=at < keys)
        for at, (cells, low) in enumerate(zip(zip(*rows, strict=True), least, strict=True))
        if at < keys or any(cells[1:])
    ]
    _narrow(columns, width, keys)
    return [list(_row(columns, at, keys, tall)) for at in range(len(rows))]


class _Column:
    """The cells of a column, and how wide it is: at first as wide as its widest cell."""

    def __init__(self, cells: Sequence[str], least: int, *, key: bool) -> None:
        self.cells, self.least, self.key = cells, least, key
        self.width = max(map(columns_of, cells))
        self.word = least if key else max(map(widest_word, cells))


def _narrow(columns: Sequence[_Column], width: int, keys: int) -> None:
    """Takes from the columns what is too much: at first from the last one, and the names only before words."""
    room = width - _GAP * (len(columns) - 1)
    texts, name = columns[keys:][::-1], columns[keys - 1]
    kindly = [(one, max(one.word, one.least)) for one in texts]
    for column, bound in (*kindly, (name, name.least), *((one, one.word) for one in texts)):
        excess = sum(one.width for one in columns) - room
        column.width -= max(0, min(excess, column.width - bound))


def _row(columns: Sequence[_Column], at: int, keys: int, tall: int) -> Iterator[str]:
    wraps = [
        [one.cells[at]] if one.key else _short(wrapped(one.cells[at], one.width), tall, one.width) for one in columns
    ]
    name = columns[keys - 1]
    if columns_of(name.cells[at]) > name.width and any(one.cells[at] for one in columns[keys:]):
        fixed = [padded(one.cells[at], one.width) for one in columns[: keys - 1]]
        yield (" " * _GAP).join([*fixed, name.cells[at]])
        wraps[:keys] = [[""]] * keys
    for line in range(max(map(len, wraps))):
        cells = [wrap[line] if line < len(wrap) else "" for wrap in wraps]
        shown = [padded(cell, column.width) for cell, column in zip(cells, columns, strict=True)]
        yield (" " * _GAP).join(shown).rstrip()


def _short(lines: list[str], tall: int, width: int) -> list[str]:
    """The first lines; where more are left out the last one ends in "..."."""
    if len(lines) <= tall:
        return lines
    *kept, last = lines[:tall]
    pieces = list(_pieces(last))
    while pieces and columns_of(f"{''.join(pieces)} ...") > width:
        pieces.pop()
    return [*kept, f"{''.join(pieces)} ...".lstrip()]


def _pieces(text: str) -> Iterator[str]:
    """The parts between which a line may end, each with the spaces before it."""
    piece = ""
    for word in re.findall(r" *[^ ]+| +\Z", text):
        for letter in word:
            if piece and _may_end(piece, letter):
                yield piece
                piece = ""
            piece += letter
    if piece:
        yield piece


def _may_end(piece: str, letter: str) -> bool:
    before = piece[-1]
    if letter == " ":
        return before != " "
    if before == " " or letter in _CLOSING or before in _OPENING or NO_BREAK in (before, letter):
        return False
    if (before.isdigit() and letter not in _BRACKETS) or (_is_katakana(before) and _is_katakana(letter)):
        return False
    return _columns(before) == 2 or _columns(letter) == 2


def _is_katakana(letter: str) -> bool:
    return "\u30a1" <= letter <= "\u30ff"


def _columns(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1

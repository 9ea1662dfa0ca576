"""A contact sheet: one offline HTML page of pictures with what is to be said of them, in one language."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from .render import filled, spoken, templates
from .words import words_of

Tone = Literal["problem", "remark", "fine", ""]


@dataclass(frozen=True)
class Picture:
    """One picture and what stands below it.

    Args:
        content: JPEG; empty where there is nothing to show, and `absence` says why.
        title: the first line of the caption.
        lines: the other ones.
    """

    content: bytes
    title: str = ""
    lines: tuple[str, ...] = ()
    absence: str = ""

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.content).decode('ascii')}"


@dataclass(frozen=True)
class Strip:
    """Pictures that belong together, and what is said of them: `code` (set as it is written) and `text` before them,
    `note` after them."""

    pictures: tuple[Picture, ...]
    code: str = ""
    text: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of texts; columns from the second on are numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Args:
        layout: "cards" shows strips one beside the other, "rows" one below the other, text beside the pictures.
        left_out: what is not shown.
    """

    heading: str
    tone: Tone = ""
    count: str = ""
    text: str = ""
    layout: Literal["cards", "rows"] = "cards"
    strips: tuple[Strip, ...] = ()
    tables: tuple[Table, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    left_out: str = ""


@dataclass(frozen=True)
class Sheet:
    """The page.

    Args:
        kind: what sort of page it is.
        facts: what stands under the title: name and value.
        headline: the page in one sentence, in the colour of its `tone`.
    """

    kind: str
    title: str
    facts: tuple[tuple[str, str], ...]
    headline: str
    tone: Tone
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    legend: str = ""

    @property
    def columns(self) -> int:
        """The most pictures that a row has."""
        rows = (strip for section in self.sections if section.layout == "rows" for strip in section.strips)
        return max((len(strip.pictures) for strip in rows), default=1) or 1


def render_sheet(sheet: Sheet, *, language: str = "en") -> str:
    """The page as one HTML file that needs nothing beside it.

    Raises:
        ResultsError: an unknown language.
    """
    words_of(language)
    environment = templates(None, escape=True)
    styles = Markup(filled(environment, "sheet.css", sheet=sheet))
    return filled(environment, "sheet.html.j2", sheet=sheet, styles=styles, language=language, **spoken(language))

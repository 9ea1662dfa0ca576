"""How a context, an attribution method or a measure reads in a report: its words in every language.

They stand in the declaration, so that a third party's name reads as well as ours, and travel in the run record.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from .languages import LANGUAGES
from .spec import Spec, plain


@dataclasses.dataclass(frozen=True)
class Phrase:
    """One language's words. ``{field}`` stands for an argument, ``{region}`` and ``{fill}`` for theirs in words.

    Args:
        label: a noun phrase for tables and headings: "fog over {region}".
        clause: of a context, what follows "when": "fog covers {region}" (in Japanese a verb stem, before た場合); of a
            measure, a sentence with ``{value}``: "{value} of the images are classified correctly".
        detail: stands in brackets after either: "severity {severity} of 5". Of a series it gives the range.
    """

    label: str
    clause: str = ""
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Wording:
    """The words of a declaration, in English and Japanese; words that depend on the arguments are a function of them.

    >>> Wording.name("Grad-CAM").ja.label
    'Grad-CAM'
    """

    en: Phrase
    ja: Phrase

    @classmethod
    def name(cls, label: str) -> Wording:
        """A proper name, the same in every language: "Grad-CAM"."""
        return cls(Phrase(label), Phrase(label))


#: what a declaration holds: its words, a function of the specification, or nothing
Worded = Wording | Callable[[Any], Wording | None] | None

_REGIONS = {
    "background": ("the background", "背景"),
    "object": ("the object", "対象物"),
    "whole": ("the whole image", "画像全体"),
}
_FILLS = {
    "black": ("filled with black", "黒で充填"),
    "blue": ("filled with blue", "青で充填"),
    "gaussian_noise": ("filled with Gaussian noise", "ガウスノイズで充填"),
    "green": ("filled with green", "緑で充填"),
    "inpaint": ("inpainted", "周囲から補間"),
    "mean": ("filled with a mean colour", "平均色で充填"),
    "red": ("filled with red", "赤で充填"),
    "silhouette": ("as a silhouette", "シルエット"),
    "tile": ("filled with tiles of the background", "背景のタイルで充填"),
    "white": ("filled with white", "白で充填"),
    "white_noise": ("filled with white noise", "ホワイトノイズで充填"),
}
#: arguments that many contexts share, in words
_VALUES: Mapping[str, Mapping[str, tuple[str, str]]] = {"region": _REGIONS, "fill": _FILLS}
_RANGE = {"en": "{low} to {high}", "ja": "{low}～{high}"}


def phrases(spec: Spec, wording: Worded) -> dict[str, Phrase]:
    """The words of a specification by language, its arguments filled in; empty without words."""
    words = wording(spec) if callable(wording) else wording
    if words is None:
        return {}
    return {language: _filled(getattr(words, language), spec, language) for language in LANGUAGES}


def _filled(phrase: Phrase, spec: Spec, language: str) -> Phrase:
    names = [part.name for part in dataclasses.fields(spec)]  # type: ignore[arg-type]
    values = {name: _text(spec, name, language) for name in names}

    def fill(text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)

    return Phrase(fill(phrase.label), fill(phrase.clause), fill(phrase.detail))


def _text(spec: Spec, name: str, language: str) -> str:
    value, series = plain(getattr(spec, name)), getattr(spec, "each", ())
    if isinstance(value, str) and value in _VALUES.get(name, {}):
        return _VALUES[name][value][LANGUAGES.index(language)]
    if value is None and series:
        return _RANGE[language].format(low=f"{series[0]:g}", high=f"{series[-1]:g}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}"
    return str(value)

"""One language of the report: its catalogue of texts, its numbers, its dates."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cache, reduce
from pathlib import Path
from typing import Literal

from babel import Locale
from babel.dates import format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_scientific
from babel.support import NullTranslations, Translations

from ..evidence.leaves import Unit as Unit
from ..evidence.record import CaseRecord, PhraseRecord, Phrases, WordingRecord
from ..language.errors import ResultsError, nearest

LANGUAGES = ("en", "ja")
CATALOGUES = Path(__file__).parent / "catalogue"

_LEAST_DIGITS: dict[Unit, int] = {"percent": 1, "points": 1, "number": 3}
_MOST_DIGITS = 6
_JAPAN = timezone(timedelta(hours=9))


@dataclass(frozen=True)
class Words:
    """Texts, numbers and dates of one language. Placeholders of messages are filled, never read as messages."""

    language: str
    locale: Locale
    catalogue: NullTranslations
    names: WordingRecord = field(default_factory=WordingRecord)

    def of(self, cases: Iterable[CaseRecord]) -> Words:
        """The same language, with the words that the record has for what these cases name."""
        found = [self.names, *(case.wording for case in cases)]
        merged = {
            kind: {name: words for each in found for name, words in getattr(each, kind).items()}
            for kind in WordingRecord.model_fields
        }
        return replace(self, names=WordingRecord(**merged))

    def phrase(self, kind: Literal["contexts", "methods", "measures"], name: str) -> PhraseRecord | None:
        """The record's words for a name; None if it has none."""
        phrases: Phrases = getattr(self.names, kind).get(name, {})
        return phrases.get(self.language)

    def named(self, kind: str, name: str) -> str:
        """The catalogue's word for one of a fixed list, a verdict say; the name itself where it has none."""
        key = f"{kind}.{name}"
        text = str(self.catalogue.gettext(key))
        return name if text == key else text

    def _(self, key: str, **values: object) -> str:
        """The text of a key in this language, its ``{placeholders}`` filled; of an unknown key the key itself."""
        return str(self.catalogue.gettext(key)).format(**values)

    def ngettext(self, key: str, n: int, **values: object) -> str:
        """The text of a key in the number that `n` asks for; ``{n}`` is filled with the formatted count."""
        return str(self.catalogue.ngettext(key, key, n)).format(n=self.count(n), **values)

    def in_a_row(self, sentences: Iterable[str]) -> str:
        """Sentences as a paragraph, in the spacing of the language."""
        return reduce(lambda first, second: self._("two_sentences", first=first, second=second), sentences, "").strip()

    def own(self, text: str | dict[str, str]) -> str:
        """A text of the user's own, in this language where there is one for each, else in the first that there is."""
        return text if isinstance(text, str) else text.get(self.language) or next(iter(text.values()), "")

    def count(self, value: int) -> str:
        """An integer with its thousands grouped."""
        return str(format_decimal(value, locale=self.locale))

    def quantity(self, value: float, unit: Unit, digits: int) -> str:
        """A measured value with its unit: ``12.3%``, ``3.1 points``, ``0.312``."""
        return self._with_unit(self._fixed(value, unit, digits, digits), unit)

    def limit(self, value: float, unit: Unit) -> str:
        """A threshold as it was written, without further digits."""
        return self._with_unit(self._fixed(value, unit, 2 if unit == "number" else 0, _MOST_DIGITS), unit)

    def tick(self, value: float, unit: Unit, digits: int) -> str:
        """A label on an axis or a bound: as `quantity`, but bare for points, whose unit stands with the value."""
        return self._with_unit(self._fixed(value, unit, digits, digits), "number" if unit == "points" else unit)

    def moment(self, text: str) -> str:
        """An ISO 8601 date and time in the words of this language; any other text as it stands."""
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            return text
        text = self._moment(when)
        if when.utcoffset() in (None, _JAPAN.utcoffset(None)):
            return text
        return self._("japan_time", text=text, japan=self._moment(when.astimezone(_JAPAN)).rpartition(" ")[0])

    def day(self, when: datetime) -> str:
        """The date of a moment, in its own time zone."""
        return str(format_datetime(when, self._("date_only_pattern"), locale=self.locale))

    def _moment(self, when: datetime) -> str:
        pattern, zone = self._("date_pattern"), when.tzname() or ""
        return f"{format_datetime(when, pattern, locale=self.locale)} {zone}".rstrip()

    def _fixed(self, value: float, unit: Unit, least: int, most: int) -> str:
        number = Decimal(repr(value)) * (1 if unit == "number" else 100)
        if abs(number) >= 10**9:
            text = format_scientific(number, format="0.###E0", locale=self.locale)
        else:
            number = round(number, most)
            zeros, spare = "0" * least, "#" * (most - least)
            pattern = "#,##0" + ("." + zeros + spare if most else "")
            text = format_decimal(number + 0 if number else Decimal(0), format=pattern, locale=self.locale)
        return str(text).replace("-", "−", 1)

    def _with_unit(self, text: str, unit: Unit) -> str:
        if unit == "points":
            one = text in ("1", "−1")
            return self.ngettext("percentage_points", 1 if one else 2, value=text)
        return f"{text}%" if unit == "percent" else text


def digits_for(values: list[float], threshold: float, unit: Unit, *, least: int | None = None) -> int:
    """The fewest digits, `least` or more, at which every value stays on its side of the threshold."""
    scale = 1 if unit == "number" else 100
    digits = _LEAST_DIGITS[unit] if least is None else least
    limit = round(threshold * scale, _MOST_DIGITS)
    scaled = [value * scale for value in values]
    while digits < _MOST_DIGITS and any(_side(round(v, digits), limit) != _side(v, limit) for v in scaled):
        digits += 1
    return digits


def _side(value: float, limit: float) -> int:
    return (value > limit) - (value < limit)


@cache
def words_of(language: str) -> Words:
    """The texts of ``"en"`` or ``"ja"``.

    Raises:
        ResultsError: another language.
    """
    if language not in LANGUAGES:
        raise ResultsError(f"language {language!r} is not in the report{nearest(language, LANGUAGES)}")
    return Words(language, Locale.parse(language), read_catalogue(CATALOGUES / f"{language}.po", language))


def read_catalogue(path: Path, language: str) -> NullTranslations:
    """The texts of a ``.po`` file by their keys."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)

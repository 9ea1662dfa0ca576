"""``shards-{000..003}.tar`` and ``{train,val}.tar`` to names, as shells and WebDataset expand them."""

from __future__ import annotations

import re
from itertools import product

from ..language.errors import DataError

MOST_NAMES = 100_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)\Z", re.ASCII)


def expanded(text: str) -> list[str]:
    """The names that a text with braces means, in order; the text itself where there are none.

    Raises:
        DataError: braces that are neither a range of numbers nor a list, or more names than anybody means.
    """
    parts = _BRACES.split(text)
    if any("{" in part or "}" in part for part in parts[::2]):
        raise DataError(f"{text!r}: braces do not nest and come in pairs, as in shards-{{000..003}}.tar or {{a,b}}.tar")
    choices = [_choices(part, text) if position % 2 else [part] for position, part in enumerate(parts)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > MOST_NAMES:
        raise DataError(f"{text!r} means {count} names; that are more than {MOST_NAMES}")
    return ["".join(one) for one in product(*choices)]


def _choices(text: str, whole: str) -> list[str]:
    found = _RANGE.match(text)
    if found is None:
        if "," not in text:
            raise DataError(f"{whole!r}: {{{text}}} is neither a range, as {{000..003}}, nor a list, as {{a,b}}")
        return text.split(",")
    first, last = int(found[1]), int(found[2])
    if not 0 <= last - first < MOST_NAMES:
        raise DataError(
            f"{whole!r}: {{{text}}} counts {last - first + 1} names; count upwards, to {MOST_NAMES} at most"
        )
    padded = any(number.startswith("0") and len(number) > 1 for number in found.groups())
    width = max(map(len, found.groups())) if padded else 0
    return [f"{number:0{width}d}" for number in range(first, last + 1)]

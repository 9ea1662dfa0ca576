"""Where two JSON values differ, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LONGEST = 80


def differences(found: Any, other: Any, of_other: str, where: str = "") -> Iterator[str]:
    """Every field in which two values differ; an entry of a list is called by its name or id where it has one.

    Args:
        of_other: where the other value comes from, for the sentence.

    >>> list(differences({"cases": [{"id": "a", "n": 1}]}, {"cases": [{"id": "a", "n": 2}]}, "the record"))
    ['cases[a].n: is 1, and the record has 2']
    """
    if isinstance(found, dict) and isinstance(other, dict):
        pairs = [(f"{where}.{key}" if where else key, found.get(key), other.get(key)) for key in {**found, **other}]
    elif isinstance(found, list) and isinstance(other, list):
        one, two = _by_name(found), _by_name(other)
        for name in one.keys() - two.keys():
            yield f"{where}[{name}]: is not in {of_other}"
        for name in two.keys() - one.keys():
            yield f"{where}[{name}]: is missing, and is in {of_other}"
        pairs = [(f"{where}[{key}]", one[key], two[key]) for key in one if key in two]
    else:
        if found != other:
            yield f"{where}: is {_shown(found)}, and {of_other} has {_shown(other)}"
        return
    for place, a, b in pairs:
        yield from differences(a, b, of_other, place)


def _by_name(values: list[Any]) -> dict[str, Any]:
    names = [str(one.get("name") or one.get("id") or "") if isinstance(one, dict) else "" for one in values]
    if all(names) and len(set(names)) == len(names):
        return dict(zip(names, values, strict=True))
    return {str(at): value for at, value in enumerate(values)}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

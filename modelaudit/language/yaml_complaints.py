"""What is wrong with the fields of a YAML audit, in plain words and with the line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .errors import nearest

Where = tuple[str, ...]
#: what a value must be, by pydantic's type of error
_WANTED = {
    "string_type": "text",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_LIMITS = {
    "greater_than": "above",
    "less_than": "below",
    "greater_than_equal": "at least",
    "less_than_equal": "at most",
}
#: YAML's own complaints, by how they begin, and what to do about them
_SYNTAX = {
    "mapping values are not allowed": "a value with ': ' in it or ':' at its end must be quoted, e.g. data: 'demo:'",
    "found character '\\t'": "a tab cannot indent; use spaces",
    "could not find expected ':'": "a key needs ': ' behind it",
    "expected <block end>": "the indentation does not fit the lines above",
}


def syntax_text(problem: str) -> str:
    """A complaint of the YAML reader, with what to do about it where that is known.

    >>> syntax_text("found character '\\\\t' that cannot start any token")
    "a tab cannot indent; use spaces (found character '\\\\t' that cannot start any token)"
    """
    for start, cure in _SYNTAX.items():
        if problem.startswith(start):
            return f"{cure} ({problem})"
    return problem


def complaints(
    problems: list[Any], lines: Mapping[Where, int], keys_at: Callable[[Where], tuple[str, ...]]
) -> Iterator[tuple[int, str]]:
    """The line and the sentence of each thing wrong; of a union's branches only those that the value comes closest to.

    Args:
        problems: pydantic's ``errors()``.
        lines: where each key stands.
        keys_at: the keys that are known where an unknown one stands.
    """
    found: dict[Where, list[Any]] = {}
    for problem in problems:
        where = tuple(str(part) for part in problem["loc"] if not _is_branch(part))
        found.setdefault(where, []).append(problem)
    for where, here in found.items():
        if any(len(other) > len(where) and other[: len(where)] == where for other in found):
            continue
        known = where
        while known and known not in lines:
            known = known[:-1]
        hint = nearest(where[-1], keys_at(where)) if here[0]["type"] == "extra_forbidden" else ""
        yield lines.get(known, 1), f"{'.'.join(where) or 'the file'}: {_text(here)}{hint}"


def _text(problems: list[Any]) -> str:
    """What is wrong with one value: by each kind of value that it could have been."""
    first = problems[0]
    kind, value, limits = first["type"], first.get("input"), first.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "is missing"
    wanted = [_wanted(problem) for problem in problems]
    if all(wanted):
        return f"must be {' or '.join(dict.fromkeys(wanted))}, got {value!r}{_cure(wanted, value)}"
    if kind in _LIMITS:
        limit = next(iter(limits.values()))
        return f"must be {_LIMITS[kind]} {limit:g}, got {value!r}"
    if kind == "too_short" and not value:
        return "must not be empty"
    said = str(first["msg"])
    return said[:1].lower() + said[1:]


def _cure(wanted: list[str], value: Any) -> str:
    """What to write instead, where a plain value was meant to be text or a list."""
    if "text" in wanted and isinstance(value, int | float):
        return f"; quote it: '{value}'"
    if "a list" in wanted and isinstance(value, str):
        return f"; write [{', '.join(part.strip() for part in value.split(','))}]"
    return ""


def _wanted(problem: Any) -> str:
    if problem["type"] == "literal_error":
        return str(problem["ctx"]["expected"])
    return _WANTED.get(problem["type"], "")


def _is_branch(part: int | str) -> bool:
    """Whether a part is pydantic's name of a union branch and not a key of the file."""
    return isinstance(part, str) and (
        part in ("ExpectationFields", "str", "int", "float", "[key]")
        or part.startswith(("dict[", "list[", "tuple[", "constrained", "literal[", "function-before["))
    )

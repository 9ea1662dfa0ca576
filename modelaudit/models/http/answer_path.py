"""Where something stands in a JSON answer: ``predictions[*].scores``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ...language.errors import ModelError, nearest

_STEP = re.compile(r'\.?([^.\[\]"*\s]+)|\[(\d{1,6})\]|\["([^"]*)"\]|(\[\*\])')
#: how much of an answer an error quotes
_QUOTED = 80


class _Each:
    """The step ``[*]``: every item of a list."""

    def __repr__(self) -> str:
        return "[*]"


EACH = _Each()


@dataclass(frozen=True)
class AnswerPath:
    """A path into an answer.

    Args:
        text: as written: names joined by ``.``, ``["a name"]``, ``[0]``, at most one ``[*]``; ``$`` or nothing at its
            start for the whole answer.
    """

    text: str

    def __post_init__(self) -> None:
        self.steps  # noqa: B018  a path that cannot be read is an error where it is written

    @property
    def steps(self) -> tuple[str | int | _Each, ...]:
        """The steps.

        Raises:
            ValueError: it is not a path.
        """
        rest = self.text.removeprefix("$")
        found: list[str | int | _Each] = []
        while rest:
            step = _STEP.match(rest)
            if step is None:
                raise ValueError(f"{self.text!r} is not a path at {rest!r}; write e.g. predictions[*].scores")
            name, place, quoted, _ = step.groups()
            found.append(name if name is not None else int(place) if place else quoted if quoted is not None else EACH)
            rest = rest[step.end() :]
        if found.count(EACH) > 1:
            raise ValueError(f"{self.text!r} has more than one [*]; the images are in one list")
        return tuple(found)

    @property
    def each(self) -> bool:
        """Whether it goes through a list of the images."""
        return EACH in self.steps

    def find(self, answer: Any) -> Any:
        """What stands there: with ``[*]`` the list of what stands there for each image.

        Raises:
            ModelError: the answer has no such place; it says where the two part.
        """
        return self._from(answer, self.steps, "the answer")

    def _from(self, value: Any, steps: tuple[str | int | _Each, ...], where: str) -> Any:
        for at, step in enumerate(steps):
            if isinstance(step, _Each):
                items = self._items(value, where)
                return [self._from(item, steps[at + 1 :], f"{where}[{number}]") for number, item in enumerate(items)]
            if isinstance(step, int):
                items = self._items(value, where)
                if step >= len(items):
                    raise ModelError(f"{where} has {len(items)} items, and {self.text!r} asks for [{step}]")
                value, where = items[step], f"{where}[{step}]"
            else:
                if not isinstance(value, dict):
                    raise ModelError(f"{where} is {shortened(value)}, and {self.text!r} asks for {step!r} in it")
                if step not in value:
                    raise ModelError(f"{where} has no {step!r}{nearest(step, value)}")
                value, where = value[step], f"{where}.{step}"
        return value

    def _items(self, value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            raise ModelError(f"{where} is {shortened(value)}, and {self.text!r} asks for a list")
        return value


def shortened(value: Any) -> str:
    """A value of an answer for a message: its kind, and how it begins."""
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    kind = kinds.get(type(value), "a number")
    if isinstance(value, dict):
        names = ", ".join(_cut(str(name)) for name in list(value)[:5])
        return f"an object ({names or 'empty'})"
    return f"{kind} ({_cut(repr(value[:5] if isinstance(value, list) else value))})"


def _cut(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}..."

"""What is wrong with stored answers: counted by kind, named by example, and refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...language.errors import ModelError

#: examples that are named of each kind
EXAMPLES = 5


@dataclass
class _Kind:
    what: str
    way_out: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


class Damage:
    """Gathers what does not fit, so that a user sees all of it at once.

    Args:
        path: the file of answers.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kinds: dict[str, _Kind] = {}

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def count(self, what: str, example: str, way_out: str) -> None:
        """One more of a kind; of each kind the first examples are named.

        Args:
            what: the kind, as it is told after a number: "row(s) with an empty score".
            example: where it is, and its value.
            way_out: what to do about this kind.
        """
        kind = self._kinds.setdefault(what, _Kind(what, way_out))
        kind.count += 1
        if len(kind.examples) < EXAMPLES:
            kind.examples.append(example)

    def refuse(self) -> None:
        """Refuse the answers where anything is wrong with them.

        Raises:
            ModelError: one line a kind, with its number, examples, and the way out.
        """
        if not self._kinds:
            return
        total = sum(kind.count for kind in self._kinds.values())
        lines = [f"{self.path}: {total} thing(s) in which answers and manifest do not fit; nothing is guessed"]
        for kind in self._kinds.values():
            more = f", and {kind.count - EXAMPLES} more" if kind.count > EXAMPLES else ""
            lines.append(f"{kind.count} {kind.what}: {', '.join(kind.examples)}{more}; {kind.way_out}")
        raise ModelError(*lines)

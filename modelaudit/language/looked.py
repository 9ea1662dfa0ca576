"""What ``Audit.check`` returns: a result to look at in a notebook or a shell, which is not a gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .plain_text import plain

#: what stands beside every such result
NO_GATE = "a look, not a gate: verdicts for a contract come from pytest audits/"


@dataclass(frozen=True)
class CheckedExpectation:
    """An expectation that was measured and decided in a notebook or a shell; a notebook shows it with its pictures.

    Args:
        expectation: its canonical text.
        verdict: by the rules of every audit; of several models the worst.
        reason: why it is INCONCLUSIVE; None elsewhere.
        message: what went wrong, of an ERROR; else empty.
        estimate, lower, upper: the left side with its one-sided bounds; None where there are none.
        n: images with a value.
        by_model: one result a model, by name, where several models were checked; the numbers are there then.

    >>> found = CheckedExpectation("accuracy > 0.9", "PASS", None, "", 0.98, 0.94, 0.99, 120)
    >>> found.verdict, found.n
    ('PASS', 120)
    >>> print(found)
    PASS: accuracy > 0.9
      measured 0.98 [0.94, 0.99] on 120 images
      a look, not a gate: verdicts for a contract come from pytest audits/
    """

    expectation: str
    verdict: Literal["PASS", "FAIL", "INCONCLUSIVE", "ERROR"]
    reason: str | None
    message: str
    estimate: float | None
    lower: float | None
    upper: float | None
    n: int
    by_model: Mapping[str, CheckedExpectation] = field(default_factory=dict)
    html: str = ""

    def __repr__(self) -> str:
        return "\n".join([*map(plain, self._lines()), f"  {NO_GATE}"])

    def _repr_html_(self) -> str:
        """The picture that a notebook shows."""
        return self.html

    def _lines(self) -> list[str]:
        if self.by_model:
            return [
                line
                for name, one in self.by_model.items()
                for number, line in enumerate(one._lines())
                for line in [f"{name}: {line}" if number == 0 else line]
            ]
        lines = [f"{self.verdict}{f' ({self.reason})' if self.reason else ''}: {self.expectation}"]
        if self.estimate is not None or self.lower is not None:
            lines.append(
                f"  measured {_number(self.estimate)} [{_number(self.lower)}, {_number(self.upper)}] on {self.n} images"
            )
        return [*lines, *(f"  {line}" for line in self.message.split("\n"))]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"

"""What the answers of a model hold, and what a measure reads of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: what a measure reads of a model's answer to an image, each with all that stands before it
Reads = Literal["label", "ranking", "probabilities", "logits"]


@dataclass(frozen=True)
class AnswersHeld:
    """What stored answers hold of every picture.

    Args:
        kind: "scores" of every class, or the "top" labels.
        labels: how many of the strongest labels, where it is these.
        probabilities: whether each of these labels has its probability.
        pictures: of the manifest.
        unanswered: those of them that have no answer, which the audit allows.

    >>> AnswersHeld("top", labels=1).lacks("label"), AnswersHeld("top", labels=1).lacks("logits")
    ('', 'the scores of every class')
    """

    kind: Literal["scores", "top"]
    labels: int = 0
    probabilities: bool = False
    pictures: int = 0
    unanswered: int = 0

    def __str__(self) -> str:
        if self.kind == "scores":
            return "scores of every class"
        labels = "labels alone" if self.labels == 1 else f"the {self.labels} strongest labels"
        if not self.probabilities:
            return labels
        return "labels with their probabilities" if self.labels == 1 else f"{labels} with their probabilities"

    def lacks(self, reads: Reads, labels: int | None = None, *, distinct: int | None = None) -> str:
        """What the answers do not hold of what a measure reads; "" where they hold all of it.

        Args:
            labels: how many of the strongest labels a ranking needs; None for all.
            distinct: how many meanings the labels of every picture have at least, where several mean one.
        """
        if self.kind == "scores" or reads == "label":
            return ""
        if reads == "ranking" and labels is not None:
            known = self.labels if distinct is None else distinct
            return "" if labels <= known else f"the {labels} strongest labels"
        if reads == "probabilities":
            return "" if self.probabilities else "the probabilities of the labels"
        return "the scores of every class"

"""What an audit states about a model's outputs: what the numbers are, and which of several outputs they are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from .errors import ExpressionError, nearest

Scores = Literal["logits", "probabilities", "binary", "multilabel"]
KINDS: tuple[Scores, ...] = get_args(Scores)
DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class ScoreSettings:
    """What the user says about one model's outputs.

    Args:
        scores: "logits" (one a class; the largest is the answer), "probabilities" (one a class, in sum 1; or one
            column: that of the second of two classes), "binary" (one column for yes or no) or "multilabel" (every
            output answers by itself whether its label is in the image). None: what the model itself shows.
        output: the output that holds the scores where the model returns several, by index or key.
        threshold: the probability from which on a label counts as found, of multilabel models.

    Raises:
        ExpressionError: a value that cannot mean anything.

    >>> ScoreSettings("binary").scores
    'binary'
    """

    scores: Scores | None = None
    output: int | str | None = None
    threshold: float = DEFAULT_THRESHOLD

    def __post_init__(self) -> None:
        if self.scores is not None and self.scores not in KINDS:
            raise ExpressionError(f"scores={self.scores!r} is not possible{nearest(str(self.scores), KINDS)}")
        if isinstance(self.output, bool) or not isinstance(self.output, int | str | None) or self.output == "":
            raise ExpressionError(f"output={self.output!r}; name an output by its index (0, 1, ...) or by its key")
        threshold: Any = self.threshold
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold < 1:
            raise ExpressionError(f"score_threshold={threshold!r} must be a probability between 0 and 1, e.g. 0.5")
        if threshold != DEFAULT_THRESHOLD and self.scores != "multilabel":
            raise ExpressionError(
                f"score_threshold={threshold!r} decides about the labels of a multilabel model; add "
                "scores='multilabel', or leave it out"
            )
        object.__setattr__(self, "threshold", float(threshold))


#: nothing is said: what the model shows
UNSAID = ScoreSettings()


class RecordedScores(Protocol):
    """What the record of a run, or a monitor, holds of a model's outputs."""

    @property
    def kind(self) -> Scores:
        """What the numbers are."""
        ...

    @property
    def output(self) -> str | None:
        """The output that holds them; an index as text."""
        ...

    @property
    def threshold(self) -> float | None:
        """Of a multilabel model."""
        ...


def recorded_settings(stated: RecordedScores | None) -> ScoreSettings:
    """The settings that open a model again as a record has it; a key that is a number is an index."""
    if stated is None:
        return UNSAID
    output = stated.output
    index: int | str | None = int(output) if output is not None and output.isdecimal() else output
    threshold = DEFAULT_THRESHOLD if stated.threshold is None else stated.threshold
    return ScoreSettings(stated.kind, index, threshold)

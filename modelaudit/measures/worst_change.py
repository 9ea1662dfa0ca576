"""The measure of the worst change of surroundings, for which is searched."""

from __future__ import annotations

from dataclasses import dataclass

from ..language.calls import checked_call
from ..language.errors import ExpressionError
from ..language.expression import Measure
from ..language.reasons import Missing
from ..language.spec import MeasureSpec, SearchSpec, as_search, is_finite, plain
from ..language.strata import Stratum, correct
from ..language.wording import Phrase, Wording
from .base import MeasureDeclaration, MeasureInput, MeasureOutput, measure
from .behaviour import is_correct, non_finite

#: passes for one image that change the answer of a planted cue in nearly every image (benchmarks/counterexamples.py)
CALLS = 500
_MOST_CALLS = 1_000_000


@dataclass(frozen=True)
class WorstChange(MeasureSpec):
    """1 where the original image is classified right and a change of its surroundings flips it, else 0.

    The changes are searched for; 0 says that none was found with so many passes, not that there is none. Right and
    wrong are those of ``accuracy``. It is defined over the images that are right at first (``.where(correct)``, which
    its canonical text says): a wrong answer cannot be flipped.

    Args:
        search: the changes among which is searched, ``surroundings()`` by default.
        calls: passes of the model for one image, at most.
        seconds: of the clock for all images, at most; images that it cuts off have no value. None: no limit.
    """

    search: SearchSpec = "surroundings"  # type: ignore[assignment]
    calls: int = CALLS
    seconds: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "search", as_search(self.search))
        calls, seconds = plain(self.calls), plain(self.seconds)
        if isinstance(calls, bool) or not isinstance(calls, int) or not 1 <= calls <= _MOST_CALLS:
            raise ExpressionError(f"worst_change: calls must be an integer from 1 to {_MOST_CALLS}, got {self.calls!r}")
        object.__setattr__(self, "calls", calls)
        if seconds is None:
            return
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not is_finite(seconds) or seconds <= 0:
            raise ExpressionError(
                f"worst_change: seconds must be a number above 0, or None for no limit, got {self.seconds!r}"
            )
        object.__setattr__(self, "seconds", float(seconds))

    @property
    def stratum(self) -> Stratum:
        return correct


@checked_call
def worst_change(
    search: SearchSpec | type[SearchSpec] | str = "surroundings", calls: int = CALLS, seconds: float | None = None
) -> Measure:
    """The share of the images that are classified right which a change of their surroundings flips.

    >>> str(worst_change(calls=200) < 0.05)
    'worst_change(search=surroundings, calls=200).where(correct) < 0.05'
    """
    spec = WorstChange(search, calls, seconds)  # type: ignore[arg-type]
    return Measure(spec, stratum=spec.stratum)


@measure(
    "worst_change",
    WorstChange,
    MeasureDeclaration(
        scale="proportion",
        better="low",
        needs_mask=True,
        searches=lambda spec: spec.calls,
        reads="label",
        wording=Wording(
            Phrase(
                "share of right answers that a change of the surroundings turns wrong",
                "a change of the surroundings that a search found turns {value} of the right answers wrong",
                "at most {calls} passes an image",
            ),
            Phrase(
                "周囲の変化で誤判定になる割合",
                "探索で見つかった周囲の変化により、正しい判定の{value}が誤判定になりました",
                "画像あたり最大{calls}回の推論",
            ),
        ),
    ),
)
def read_worst_change(spec: WorstChange, inputs: MeasureInput) -> MeasureOutput:
    """Right on the original and wrong under the one change that is shown; undefined where a logit is not finite."""
    if inputs.original_logits is None:
        raise ValueError("worst_change compares with the original image; original_logits is missing")
    flipped = is_correct(inputs, inputs.original_logits) & ~is_correct(inputs, inputs.logits)
    broken = non_finite(inputs.logits) | non_finite(inputs.original_logits)
    return MeasureOutput(flipped.double(), {Missing.NON_FINITE_LOGITS: broken})

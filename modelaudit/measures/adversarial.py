"""The worst of several backgrounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..language.errors import ExpressionError
from ..language.expression import Measure
from ..language.reasons import Missing
from ..language.spec import MeasureSpec
from ..language.strata import Stratum, correct
from ..language.wording import Phrase, Wording
from .base import MeasureDeclaration, MeasureInput, MeasureOutput, measure
from .behaviour import non_finite, right


@dataclass(frozen=True)
class AdversarialBackgroundRate(MeasureSpec):
    """1 where the original image is classified right and at least one background flips it, else 0.

    Right and wrong are those of ``accuracy``. It is defined over the images that are right at first
    (``.where(correct)``, which its canonical text says): a wrong answer cannot be flipped.

    Args:
        backgrounds: how many are tried, in the order of the context's donors, from its rank on; None: all there are.

    Source: Xiao et al. 2021 (ICLR): there all 4,050 backgrounds of Only-BG-T are tried.
    """

    backgrounds: int | None = None

    stratum: ClassVar[Stratum | None] = correct

    def __post_init__(self) -> None:
        given = self.backgrounds
        if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
            raise ExpressionError(
                f"adversarial_background_rate: backgrounds={given!r}; give a whole number from 1, or none for all"
            )


def adversarial_background_rate(backgrounds: int | None = None) -> Measure:
    """The share of the images that are classified right which some background flips."""
    spec = AdversarialBackgroundRate(backgrounds)
    return Measure(spec, stratum=spec.stratum)


@measure(
    "adversarial_background_rate",
    AdversarialBackgroundRate,
    MeasureDeclaration(
        scale="proportion",
        better="low",
        needs_original=True,
        needs_context=True,
        backgrounds=lambda spec: spec.backgrounds,
        wording=Wording(
            Phrase("share of right answers that some background flips"), Phrase("背景を替えると誤判定になる割合")
        ),
    ),
)
def read_adversarial_background(spec: AdversarialBackgroundRate, seen: MeasureInput) -> MeasureOutput:
    """Right on the original and wrong on the one background that is seen; undefined where a logit is not finite."""
    if seen.original_logits is None:
        raise ValueError("adversarial_background_rate asks which answers were right, and no original logits are there")
    flipped = right(seen, seen.original_logits) & ~right(seen, seen.logits)
    broken = non_finite(seen.logits) | non_finite(seen.original_logits)
    return MeasureOutput(flipped.double(), {Missing.NON_FINITE_LOGITS: broken})

"""Verdicts and their reasons, typed from end to end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..language.spec import number_text


class Verdict(StrEnum):
    """What an audit case ends in."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"


_PRECEDENCE = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The first of ERROR > FAIL > INCONCLUSIVE > PASS that one of the verdicts is; there must be one."""
    return min(verdicts, key=_PRECEDENCE.index)


class Reason(StrEnum):
    """Why a verdict is INCONCLUSIVE (or a case was not run)."""

    TOO_FEW_IMAGES = "too_few_images"
    TOO_FEW_CLUSTERS = "too_few_clusters"
    UNDEFINED_VALUES = "undefined_values"
    MASK_UNCERTAIN = "mask_uncertain"
    ATTRIBUTION_INVALID = "attribution_invalid"
    INSTRUMENT_INSENSITIVE = "instrument_insensitive"
    BELOW_NOISE_FLOOR = "below_noise_floor"
    MISSING_DATA = "missing_data"
    REVIEW_OPEN = "review_open"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class Counts:
    """asked = measured + undefined + errored, over images (an image counts once, at its worst leaf).

    ``without_object``: further images, which are declared to have no object and do not count among those asked for.
    ``unpaired``: further images, which a baseline lacks, as it was declared that it may.
    """

    asked: int
    measured: int
    undefined: int
    errored: int
    by_reason: Mapping[str, int] = field(default_factory=dict)
    without_object: int = 0
    unpaired: int = 0


@dataclass(frozen=True)
class Point:
    """A curve at one dose: the plug-in value and its two one-sided bounds, None where there is none."""

    dose: float
    estimate: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Decision:
    """A left side decided against its threshold.

    Args:
        estimate: plug-in value over the measured images; None when there is none.
        lower, upper: the two one-sided bounds at `confidence`, undefined values at their ends; together the central
            ``2 * confidence - 1`` interval, which is what is drawn. None when there is none (``about="this_set"``
            without missing values has lower = upper = estimate).
        rule: the name of the rule that decided ("clopper_pearson", "betting", "bca", "tango", ...).
        guaranteed: False where the rule is approximate; reports mark it.
        more_images: about how many further images would probably settle an INCONCLUSIVE; None where no number would.
        parts: one decision a method and dose, where the expression names several; else empty.
        method: the method(s) of this part, where it is one.
        dose: of a curve, where this is the part at one of its doses.
        curve: the points of the curve whose slope or area this is; they explain the number, and decide nothing.
        group: of a worst group, where this is the part of one of them.
        p: of a FAIL, the smallest error rate (1 - confidence) at which it would still be one.
        note: one sentence for the reader where the rule has something to say; else ''.
    """

    verdict: Verdict
    reason: Reason | None
    estimate: float | None
    lower: float | None
    upper: float | None
    confidence: float
    rule: str
    guaranteed: bool
    counts: Counts
    more_images: int | None = None
    method: str | None = None
    parts: tuple[Decision, ...] = ()
    note: str = ""
    dose: float | None = None
    curve: tuple[Point, ...] = ()
    group: str | None = None
    p: float | None = None

    @property
    def part(self) -> str:
        """The name of this part: its methods, its group, its dose."""
        dose = "" if self.dose is None else f"dose {number_text(self.dose)}"
        return ", ".join(text for text in (self.method, self.group, dose) if text)

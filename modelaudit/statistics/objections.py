"""Verdicts that a check withdraws: PASS and FAIL stand only where no check objects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..language.expression import Expectation
from .columns import Columns
from .compound import ExtremeTree, Tree, tree_of
from .expansion import written_out
from .linear import Linear, Ratio
from .values import ColumnTable
from .verdict import Decision, Reason, Verdict, worst

#: of the noise floor: two-sided, at 95 %
Z = 1.96


@dataclass(frozen=True)
class Objection:
    """A reason to withdraw a verdict."""

    reason: Reason
    note: str


def apply_objections(decision: Decision, objections: Sequence[Objection]) -> Decision:
    """The decision, INCONCLUSIVE for the first objection; the notes of all of them are kept."""
    if decision.verdict not in (Verdict.PASS, Verdict.FAIL) or not objections:
        return decision
    note = "; ".join(dict.fromkeys([*(one.note for one in objections), *([decision.note] if decision.note else [])]))
    return replace(
        decision, verdict=Verdict.INCONCLUSIVE, reason=objections[0].reason, more_images=None, note=note, p=None
    )


def shift_decision(decision: Decision, given: Decision, other: Decision, expectation: Expectation) -> Decision:
    """A decision over all images, moved by what a variant changed on some of them.

    Estimate and bounds of every part are shifted by ``other.estimate - given.estimate`` of that part. The shift is
    taken as known: its own error on the images of the check is not added.

    Args:
        given, other: of the same expectation over the images of the check, as it is and under the variant.
    """
    parts, before, after = (list(one.parts) or [one] for one in (decision, given, other))
    shifted = [_shifted(*three, expectation) for three in zip(parts, before, after, strict=True)]
    verdict = worst(part.verdict for part in shifted)
    chosen = next(part for part in shifted if part.verdict is verdict)
    return replace(chosen, parts=tuple(shifted) if decision.parts else ())


def _shifted(decision: Decision, given: Decision, other: Decision, expectation: Expectation) -> Decision:
    if given.estimate is None or other.estimate is None:
        return replace(decision, verdict=Verdict.INCONCLUSIVE, estimate=None, lower=None, upper=None)
    by = other.estimate - given.estimate
    lower, upper = (None if bound is None else bound + by for bound in (decision.lower, decision.upper))
    low, high = -math.inf if lower is None else lower, math.inf if upper is None else upper
    worse, better = (high, low) if expectation.wants_low else (low, high)
    verdict = Verdict.INCONCLUSIVE
    if expectation.holds(worse):
        verdict = Verdict.PASS
    elif not expectation.holds(better):
        verdict = Verdict.FAIL
    estimate = None if decision.estimate is None else decision.estimate + by
    return replace(decision, verdict=verdict, estimate=estimate, lower=lower, upper=upper)


def noise_floor(expectation: Expectation, first: ColumnTable, second: ColumnTable, images: int) -> float | None:
    """``1.96 sqrt(sum (x1 - x2)^2) / n`` of a left side measured with two seeds, scaled to `images`.

    x1 and x2 are the left side image by image, of a ratio A / B those of ``(A - r B) / mean(B)``. Where images share
    donors or groups, their differences are summed before they are squared. What is neither linear nor a ratio has the
    sum of the floors of its parts; a minimum, and the larger of several, the greatest floor of its parts, since it
    moves by no more than one of them.

    Args:
        expectation: with one method a measure and one dose a curve.
        first, second: over the same images.

    Returns:
        None where no image has both values, or a denominator is 0.
    """
    columns, again = Columns(first), Columns(second)
    return _floor(tree_of(written_out(expectation).expression, columns), columns, again, images)


def _floor(tree: Tree, columns: Columns, again: Columns, images: int) -> float | None:
    if isinstance(tree, Ratio):
        return _floor_of_block(tree, columns, again, images)
    parts = tree.parts if isinstance(tree, ExtremeTree) else (tree.left, tree.right)
    floors = [_floor(part, columns, again, images) for part in parts]
    known = [one for one in floors if one is not None]
    if len(known) < len(floors):
        return None
    return max(known) if isinstance(tree, ExtremeTree) else sum(known)


def _floor_of_block(block: Ratio, columns: Columns, again: Columns, images: int) -> float | None:
    measures = list(block.measures())
    if not measures:
        return 0.0
    known = columns.known(measures) & again.known(measures)
    scale = _mean(block.denominator, columns, known) if known.any() else 0.0
    if scale == 0:
        return None
    difference = _values(block, again, known) - _values(block, columns, known)
    codes = [one.codes[known] for measure in measures for one in columns.table.clusterings(measure)]
    floor = Z * math.sqrt(_sum_of_squares(difference / scale, codes)) / known.sum()
    return float(floor * math.sqrt(known.sum() / max(images, int(known.sum()))))


def _values(block: Ratio, columns: Columns, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    above = _form(block.numerator, columns, known)
    if block.plain:
        return above
    below = _form(block.denominator, columns, known)
    ratio = float(np.mean(above)) / float(np.mean(below)) if np.mean(below) else 0.0
    return above - ratio * below


def _mean(form: Linear, columns: Columns, known: NDArray[np.bool_]) -> float:
    return abs(float(np.mean(_form(form, columns, known))))


def _form(form: Linear, columns: Columns, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    total = np.full(int(known.sum()), form.constant)
    for measure, coefficient in form.terms.items():
        total += coefficient * columns[measure].column.values[known]
    return total


def _sum_of_squares(difference: NDArray[np.float64], codes: Sequence[NDArray[np.int64]]) -> float:
    """The largest over the clusterings: images on their own are clusters of one."""
    sums = [float(np.sum(difference**2))]
    for code in codes:
        alone = code < 0
        together = np.bincount(code[~alone], weights=difference[~alone]) if (~alone).any() else np.zeros(1)
        sums.append(float(np.sum(difference[alone] ** 2) + np.sum(together**2)))
    return max(sums)


_WAY_OUT = "maps are nearly the same with random weights; take another method"


def decide_on_valid_methods(
    whole: Decision, valid: Decision | None, failed: Sequence[str]
) -> tuple[Decision, Objection | None]:
    """The decision that counts, and the objection to it, if any.

    The methods that passed their sanity check decide. Where the left side FAILs over all methods but not over these, it
    fails only by a method that is meaningless on this model: neither a FAIL, nor the PASS of what was asked.

    Args:
        whole: over all methods.
        valid: over those that passed their sanity check; None where a measure that needs a map has none left.
        failed: the names of the others.
    """
    if not failed:
        return whole, None
    names = ", ".join(failed)
    if valid is None:
        return whole, Objection(Reason.ATTRIBUTION_INVALID, f"no method is sane on this model: {names}; {_WAY_OUT}")
    if whole.verdict is Verdict.FAIL and valid.verdict is not Verdict.FAIL:
        return whole, Objection(
            Reason.ATTRIBUTION_INVALID, f"it fails only by what is not sane on this model: {names}; {_WAY_OUT}"
        )
    return valid, None

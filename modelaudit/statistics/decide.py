"""From per-image values to a verdict.

The rules of :mod:`bounds` are for one sample of fixed size and one look, of independent images or of clusters of them
(:mod:`clusters`); confidence sequences (:mod:`sequences`) replace them where an audit may stop early. Holm across the
items of a run reads the decisions made here; the noise floor and the mask variants compare several of them. None of
these three is decided in this module.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from ..language.audit import Bounds, Claim
from ..language.composite import Extreme
from ..language.errors import ExpressionError, nearest
from ..language.expression import Expectation, OfCurve
from .bounds import Bound, Plan, ratio_beyond
from .clusters import Clusters
from .columns import Columns, counts
from .compound import Tree, blocks, decidable, tree_bound, tree_estimate, tree_of
from .expansion import _single, curve_points, single_expectations, written_out
from .inconclusive import advice_on, fewest_clusters, further_images, reason_of
from .linear import Ratio
from .sequences import Looks
from .values import ColumnTable
from .verdict import Counts, Decision, Reason, Verdict, worst

#: of a worst group the record lists no more
_GROUPS_LISTED = 20
#: a FAIL that holds at this rate is not asked further
LEAST_ERROR = 1e-9
_ERROR_STEPS = 12


def decide(
    expectation: Expectation,
    table: ColumnTable,
    *,
    confidence: float,
    about: Literal["process", "this_set"],
    bounds: Bounds = "approximate",
    claim: Claim | None = None,
    sequential: int | None = None,
    brief: bool = False,
) -> Decision:
    """Decide an expectation on per-image values.

    PASS if and only if the one-sided bound at `confidence` is on the right side of the threshold with every missing
    value at its worst end; FAIL if and only if the other bound is on the wrong side with every one at its best;
    otherwise INCONCLUSIVE. With ``about="this_set"`` the images are all there is, and the value itself decides.

    Several attribution methods in one measure give one part each (each combination, where measures differ in them), and
    so does each dose of a curve: PASS when every part passes, FAIL when one fails after Holm over the parts.

    With `sequential` the rows are the images looked at so far of so many, in the random order in which they were: the
    bounds are those of confidence sequences, which may be read after every image. Images of clusters are not
    decided so about the process: the rule for one look holds.

    Args:
        bounds: "guaranteed" for proven rules alone.
        claim: "these_clusters" where images count as independent within the clusters and the donors met; copies of one
            picture never do.
        brief: the verdict and its bounds are enough (no p, no further images).

    Raises:
        DataError: values that contradict their own declaration.
        ExpressionError: a confidence outside (0.5, 1), an unknown `about`, a division by a constant 0.
    """
    if not 0.5 < confidence < 1:
        raise ExpressionError(f"confidence={confidence!r} must be between 0.5 and 1; 0.95 is usual")
    if about not in ("process", "this_set"):
        raise ExpressionError(f"about={about!r}{nearest(str(about), ('process', 'this_set'))}")
    columns, variants = Columns(table, claim=claim), list(_single(expectation, table))
    plan = Plan(confidence, exact=about == "this_set", brief=brief, guaranteed=bounds == "guaranteed")
    plan = plan_of(plan, variants[0][2], columns, sequential)
    if len(variants) == 1:
        return _limited(_part(*variants[0], columns, plan), table, expectation, claim)
    parts = tuple(_part(*variant, columns, plan) for variant in variants)
    joined = _joined([written_out(single, columns) for _, _, single in variants], parts, columns, plan)
    return _limited(joined, table, expectation, claim)


def _limited(decision: Decision, table: ColumnTable, expectation: Expectation, claim: Claim | None) -> Decision:
    """The decision with a note where its claim is limited to the clusters met."""
    if claim is None:
        return decision
    measures = [
        one for part in single_expectations(expectation, table) for one in written_out(part).expression.measures()
    ]
    names = {one.name for measure in measures for one in table.clusterings(measure)}
    met = [words for name, words in (("cluster", "these clusters"), ("donor", "these backgrounds")) if name in names]
    note = f"holds for {' and '.join(met)} alone (claim='these_clusters')" if met else ""
    return replace(decision, note="; ".join(text for text in (note, decision.note) if text))


def plan_of(plan: Plan, single: Expectation, columns: Columns, sequential: int | None) -> Plan:
    """The plan of an audit that may stop early."""
    measures = list(written_out(single, columns).expression.measures()) if sequential is not None else []
    if sequential is None or not measures:
        return plan
    seen = columns[measures[0]].column.values.size
    if not plan.exact:
        shared = {one.name for one in columns.clusterings(measures)}
        if "cluster" in shared:
            return plan
        columns.partial = seen < sequential
        return replace(plan, looks=Looks(sequential, of_this_set=False))
    columns.partial = seen < sequential
    return plan if seen >= sequential else replace(plan, exact=False, looks=Looks(sequential, of_this_set=True))


def _part(method: str | None, dose: float | None, single: Expectation, columns: Columns, plan: Plan) -> Decision:
    whole = written_out(single, columns)
    decision = _with_groups(whole, _decided(whole, columns, plan), columns, plan)
    curve = curve_points(single.expression, columns, plan) if isinstance(single.expression, OfCurve) else ()
    return replace(decision, method=method, dose=dose, curve=curve)


def _with_groups(whole: Expectation, decision: Decision, columns: Columns, plan: Plan) -> Decision:
    """Adds the parts of a worst group: the decision of each group by itself, and which one is least.

    The whole is not decided by them: see :func:`extremes.minimum_bound`.
    """
    extreme = whole.expression
    if plan.brief or not isinstance(extreme, Extreme) or extreme.kind != "minimum" or not any(extreme.names):
        return decision
    found = [tree_estimate(tree_of(part, columns), columns) for part in extreme.parts]
    estimates = [math.inf if one is None else one for one in found]
    lowest = sorted(range(len(estimates)), key=estimates.__getitem__)[:_GROUPS_LISTED]
    notes = [decision.note]
    if len(estimates) > 1 and not plan.exact:
        notes.append(f"the least of {len(estimates)} groups lies below the true least on average")
    if len(estimates) > len(lowest):
        notes.append(f"of {len(estimates)} groups the {len(lowest)} lowest are listed")

    def part(at: int) -> Decision:
        alone = Expectation(extreme.parts[at], whole.op, whole.threshold)
        return replace(_decided(alone, columns, plan), group=extreme.names[at])

    return replace(
        decision,
        parts=tuple(part(at) for at in sorted(lowest)),
        group=None if decision.estimate is None else extreme.names[lowest[0]],
        note="; ".join(note for note in notes if note),
    )


@dataclass(frozen=True)
class _Outcome:
    verdict: Verdict
    estimate: float | None
    lower: Bound
    upper: Bound


def _decided(expectation: Expectation, columns: Columns, plan: Plan) -> Decision:
    measures = list(dict.fromkeys(expectation.expression.measures()))
    found = counts(measures, columns)
    tree = tree_of(expectation.expression, columns)
    if not all(columns[measure].known.any() for measure in measures) or not _complete(tree, columns):
        note = "no image has every value that the expression needs"
        return Decision(
            Verdict.INCONCLUSIVE, Reason.MISSING_DATA, None, None, None, plan.confidence, "none", True, found, note=note
        )
    outcome = _outcome(expectation, tree, columns, plan)
    reason, more, notes = None, None, [outcome.lower.note, outcome.upper.note]
    if outcome.verdict is Verdict.INCONCLUSIVE:
        few = (
            None if plan.exact or plan.looks is not None else fewest_clusters(tree, columns, guaranteed=plan.guaranteed)
        )
        reason = _reason(expectation, tree, outcome, found, few, columns, plan)
        if few is not None:
            notes = [advice_on(few)]
        elif reason is Reason.TOO_FEW_IMAGES:
            more = _more(expectation, tree, outcome, columns, plan)
        if few is None and decidable(tree, columns):
            notes.append(_why_no_number(expectation, outcome, more, found, plan))
    deciding = outcome.upper if _reads_upper(expectation, outcome.verdict) else outcome.lower
    other = outcome.lower if deciding is outcome.upper else outcome.upper
    return Decision(
        outcome.verdict,
        reason,
        outcome.estimate,
        _finite(outcome.lower.value),
        _finite(outcome.upper.value),
        plan.confidence,
        other.rule if deciding.rule == "none" else deciding.rule,
        outcome.lower.guaranteed and outcome.upper.guaranteed,
        found,
        more_images=more,
        p=_smallest_error(expectation, tree, columns, plan) if outcome.verdict is Verdict.FAIL else None,
        note="; ".join(dict.fromkeys(note for note in notes if note)),
    )


def _outcome(expectation: Expectation, tree: Tree, columns: Columns, plan: Plan) -> _Outcome:
    lower, upper = (tree_bound(tree, side, columns, plan) for side in ("lower", "upper"))
    worse, better = (upper, lower) if expectation.wants_low else (lower, upper)
    if holds(expectation, worse.value):
        verdict = Verdict.PASS
    elif not holds(expectation, better.value):
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.INCONCLUSIVE
    return _Outcome(verdict, tree_estimate(tree, columns), lower, upper)


def holds(expectation: Expectation, value: float) -> bool:
    """Compares a value with the threshold; values that differ by rounding alone are equal."""
    threshold = expectation.threshold
    at_threshold = abs(value - threshold) <= 1e-12 * max(1.0, abs(threshold))
    return expectation.holds(threshold if at_threshold else value)


def _smallest_error(expectation: Expectation, tree: Tree, columns: Columns, plan: Plan) -> float | None:
    """The smallest error rate of a FAIL; None for one without an error rate."""
    if plan.exact or plan.brief:
        return None
    better = "lower" if expectation.wants_low else "upper"

    def fails(error: float) -> bool:
        each = replace(plan, confidence=1 - error)
        if isinstance(tree, Ratio) and not tree.plain:
            return ratio_beyond(tree, expectation.threshold, better, columns, each)
        return not holds(expectation, tree_bound(tree, better, columns, each).value)

    return smallest_error(fails, 1 - plan.confidence)


def smallest_error(fails: Callable[[float], bool], error: float) -> float:
    """The smallest error rate in [`LEAST_ERROR`, `error`] at which `fails` holds, which it does at `error`.

    Bisection on the logarithm in 12 steps, rounded up: at most .5 % too large. It is the p value of a FAIL wherever
    the bounds of its rule are nested, as those of all rules here are.
    """
    if fails(LEAST_ERROR):
        return LEAST_ERROR
    low, high = math.log(LEAST_ERROR), math.log(error)
    for _ in range(_ERROR_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if fails(math.exp(middle)) else (middle, high)
    return math.exp(high) if high < math.log(error) else error


def _complete(tree: Tree, columns: Columns) -> bool:
    groups = [list(block.measures()) for block in blocks(tree)]
    return all(bool(columns.known(group).any()) for group in groups if group)


def _reason(
    expectation: Expectation,
    tree: Tree,
    outcome: _Outcome,
    found: Counts,
    few: Clusters | None,
    columns: Columns,
    plan: Plan,
) -> Reason:
    def decided(how: str) -> bool:
        of = columns.without_missing() if how == "complete" else columns
        by = plan if how == "complete" else replace(plan, exact=True, looks=None)
        return _outcome(expectation, tree, of, by).verdict is not Verdict.INCONCLUSIVE

    return reason_of(expectation, tree, outcome.estimate is not None, found, few, columns, decided)


def _more(expectation: Expectation, tree: Tree, outcome: _Outcome, columns: Columns, plan: Plan) -> int | None:
    of_this_set = plan.exact or (plan.looks is not None and plan.looks.of_this_set)
    if of_this_set or plan.brief or outcome.estimate is None or not decidable(tree, columns):
        return None
    return further_images(expectation, tree, outcome.estimate, (outcome.lower, outcome.upper), columns, plan)


def _why_no_number(expectation: Expectation, outcome: _Outcome, more: int | None, found: Counts, plan: Plan) -> str:
    if more is not None or outcome.estimate is None:
        return ""
    missing = found.asked - found.measured
    if missing:
        return f"{missing} of {found.asked} images have no value; that share alone keeps the verdict open"
    bounded = all(math.isfinite(bound.value) for bound in (outcome.lower, outcome.upper))
    return "" if plan.exact or not bounded else "the estimate is too near the threshold for any number of images"


def _reads_upper(expectation: Expectation, verdict: Verdict) -> bool:
    return expectation.wants_low != (verdict is Verdict.FAIL)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _joined(singles: list[Expectation], parts: tuple[Decision, ...], columns: Columns, plan: Plan) -> Decision:
    """One verdict over methods and doses: no correction for PASS, Holm for FAIL."""
    corrected = replace(plan, confidence=1 - (1 - plan.confidence) / len(parts))
    again = {
        index: _decided(singles[index], columns, plan if plan.exact else corrected)
        for index, part in enumerate(parts)
        if part.verdict is Verdict.FAIL
    }
    verdict = worst(part.verdict for part in parts)
    if verdict is Verdict.FAIL and all(part.verdict is not Verdict.FAIL for part in again.values()):
        verdict = Verdict.INCONCLUSIVE
    chosen = max(range(len(parts)), key=lambda index: _badness(singles[index], parts[index]))
    shown = parts[chosen]
    reason, more, note = shown.reason, shown.more_images, shown.note
    if verdict is Verdict.INCONCLUSIVE:
        more = _more_of_parts(singles, parts, columns, corrected)
        if shown.verdict is Verdict.FAIL:
            reason = again[chosen].reason
            note = f"fails by {shown.part} alone, but not after Holm over {len(parts)} of them"
    measures = [measure for single in singles for measure in single.expression.measures()]
    return replace(
        shown,
        verdict=verdict,
        reason=reason,
        counts=counts(measures, columns),
        more_images=more,
        parts=parts,
        note=note,
        p=_joined_p(parts) if verdict is Verdict.FAIL else None,
    )


def _more_of_parts(
    singles: list[Expectation], parts: tuple[Decision, ...], columns: Columns, corrected: Plan
) -> int | None:
    """Images until one part fails after Holm, where one is on the wrong side; else until all of them pass."""
    if corrected.exact or corrected.brief:
        return None
    failing, passing = [], []
    for single, part in zip(singles, parts, strict=True):
        if part.estimate is not None and not holds(single, part.estimate):
            failing.append(_decided(single, columns, corrected).more_images)
        elif part.verdict is not Verdict.PASS:
            passing.append(part.more_images)
    if failing:
        return min((one for one in failing if one is not None), default=None)
    known = [one for one in passing if one is not None]
    return max(known) if known and len(known) == len(passing) else None


def _joined_p(parts: tuple[Decision, ...]) -> float | None:
    """The smallest error rate at which the whole fails: Holm's of the strongest part."""
    known = [part.p for part in parts if part.p is not None]
    return min(1.0, len(parts) * min(known)) if known else None


def _badness(expectation: Expectation, part: Decision) -> tuple[int, float, float]:
    """Orders parts: FAIL, INCONCLUSIVE, PASS, within them by the estimate and then by its bound (none is worst)."""
    rank = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL).index(part.verdict)
    sign, bound = (1.0, part.upper) if expectation.wants_low else (-1.0, part.lower)
    estimate, bound = (math.inf if value is None else sign * value for value in (part.estimate, bound))
    return rank, estimate, bound

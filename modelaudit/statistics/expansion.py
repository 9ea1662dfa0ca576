"""Expectations written out: composites, curves, methods, doses and groups."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from ..language.composite import Extreme
from ..language.expression import (
    Arithmetic,
    Expectation,
    Expression,
    Measure,
    OfCurve,
    at_dose,
    doses_of,
    expanded,
    open_doses,
)
from ..language.spec import Method
from .bounds import Plan
from .columns import Columns
from .compound import blocks, tree_bound, tree_estimate, tree_of
from .values import ColumnTable
from .verdict import Point


def written_out(expectation: Expectation, columns: Columns | None = None) -> Expectation:
    """The expectation with every slope, area and composite as what it stands for.

    With `columns` a worst group covers the groups of its table that have images; else groups are not distinguished.
    """
    return Expectation(algebra_of(expectation.expression, columns), expectation.op, expectation.threshold)


def algebra_of(expression: Expression, columns: Columns | None = None) -> Expression:
    """A left side with every slope, area and composite written out."""
    if columns is None:
        return expanded(expression)
    return groups_met(expanded(expression, lambda by: columns.table.strata_by(by)), columns)


def curve_points(curve: OfCurve, columns: Columns, plan: Plan) -> tuple[Point, ...]:
    """The curve at each of its doses, every bound at the plan's confidence by itself."""
    return tuple(_point(curve, dose, columns, plan) for dose in doses_of(curve.curve))


def _point(curve: OfCurve, dose: float, columns: Columns, plan: Plan) -> Point:
    tree = tree_of(at_dose(algebra_of(curve.curve, columns), dose), columns)
    groups = [list(block.measures()) for block in blocks(tree)]
    if not all(columns.known(group).any() for group in groups if group):
        return Point(dose, None, None, None)
    lower, upper = (tree_bound(tree, side, columns, plan).value for side in ("lower", "upper"))
    return Point(
        dose, tree_estimate(tree, columns), *(bound if math.isfinite(bound) else None for bound in (lower, upper))
    )


def groups_met(expression: Expression, columns: Columns) -> Expression:
    """Drops the parts of a minimum that have no image; keeps all where none has one.

    Where more images may come only the parts are dropped whose images met are declared to have no object.
    """
    if isinstance(expression, Arithmetic):
        return Arithmetic(expression.op, groups_met(expression.left, columns), groups_met(expression.right, columns))
    if not isinstance(expression, Extreme):
        return expression
    parts = tuple(groups_met(part, columns) for part in expression.parts)
    if expression.kind == "minimum":
        met = [at for at, part in enumerate(parts) if _is_met(part, columns)]
        if met and expression.names:
            return replace(
                expression, parts=tuple(parts[at] for at in met), names=tuple(expression.names[at] for at in met)
            )
    return replace(expression, parts=parts)


def _is_met(part: Expression, columns: Columns) -> bool:
    read = [columns[measure] for measure in part.measures()]
    to_come = columns.partial and not any(one.without_object.any() for one in read)
    return to_come or any(one.asked.any() for one in read)


def lives_on_differences(expression: Expression) -> bool:
    """Whether a part is 0 where contexts change nothing, so that the whole is then undefined."""
    if isinstance(expression, Arithmetic):
        return lives_on_differences(expression.left) or lives_on_differences(expression.right)
    return isinstance(expression, Extreme) and expression.kind == "larger"


def single_expectations(expectation: Expectation, table: ColumnTable) -> list[Expectation]:
    """The expectations that must all hold where one names several: of one method, one dose and one group each.

    Of a worst group that is to be high each group must; one that is to be low stays whole.
    """
    found: list[Expectation] = []
    for _, _, single in _single(expectation, table):
        whole = expanded(single.expression, lambda by: table.strata_by(by))
        parts = [single.expression]
        if isinstance(whole, Extreme) and whole.kind == "minimum" and not single.wants_low:
            parts = list(whole.parts)
        found.extend(Expectation(part, single.op, single.threshold) for part in parts)
    return found


def _single(expectation: Expectation, table: ColumnTable) -> Iterator[tuple[str | None, float | None, Expectation]]:
    """The expectation with one method a measure and one dose an open curve, for every combination."""
    for method, single in _single_methods(expectation):
        for dose in open_doses(single.expression) or (None,):
            at = single.expression
            if dose is not None:
                at = at_dose(expanded(at, lambda by: table.strata_by(by)), dose)
            yield method, dose, Expectation(at, expectation.op, expectation.threshold)


def _single_methods(expectation: Expectation) -> Iterator[tuple[str | None, Expectation]]:
    """The expectation with one method a measure, for every combination; measures that name the same move together."""
    measures = expectation.expression.measures()
    several = list(dict.fromkeys(measure.spec.methods for measure in measures if len(measure.spec.methods) > 1))
    for chosen in product(*several):
        choice = dict(zip(several, chosen, strict=True))
        expression = expectation.expression._refined(partial(_with_method, choice))
        text = ", ".join(str(method) for method in chosen) or _the_method(expectation.expression)
        yield text, Expectation(expression, expectation.op, expectation.threshold)


def _the_method(expression: Expression) -> str | None:
    named = dict.fromkeys(str(method) for measure in expression.measures() for method in measure.spec.methods)
    return ", ".join(named) or None


def _with_method(choice: dict[tuple[Method, ...], Method], measure: Measure) -> Measure:
    method = choice.get(measure.spec.methods)
    if method is None:
        return measure
    spec: Any = measure.spec
    return replace(measure, spec=replace(spec, methods=(method,)))

"""Which methods of a case failed their sanity check, and the case without them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from ...language.expression import Expectation, Measure
from ...language.spec import Method
from ..planning.plan import MapAsk, PlannedCase, single_method
from ..results.checks import DECIDES
from ..results.measured import Measured

_Insane = dict[tuple[Method, ...], set[Method]]


def failed_methods(case: PlannedCase, measured: Measured) -> list[str]:
    """The names of the methods of a case that failed on a model that it asks them of, each once."""
    return list(_found(case, measured)[1])


def drop_failed_methods(case: PlannedCase, measured: Measured) -> PlannedCase | None:
    """The case over its sane methods: itself where all are; None where a measure that reads maps has none left.

    Measures that name the same methods lose the same ones, also where one of them is insane on one model alone: they
    are decided method by method together.
    """
    dropped, _ = _found(case, measured)
    if any(set(methods) <= gone for methods, gone in dropped.items()):
        return None
    if not dropped:
        return case

    def kept(leaf: Measure) -> Measure:
        gone: Collection[Method] = dropped.get(leaf.spec.methods, ())
        spec: Any = leaf.spec
        return (
            replace(leaf, spec=replace(spec, methods=tuple(one for one in spec.methods if one not in gone)))
            if gone
            else leaf
        )

    asked = case.asked.expectation
    only = Expectation(asked.expression._refined(kept), asked.op, asked.threshold)
    return replace(case, asked=replace(case.asked, expectation=only))


def _found(case: PlannedCase, measured: Measured) -> tuple[_Insane, dict[str, None]]:
    failed = {(one.model, one.method) for one in measured.sanity if one.check == DECIDES and one.passed is False}
    dropped: _Insane = {}
    names: dict[str, None] = {}
    for leaf in case.asked.expectation.expression.measures():
        for spec, method in single_method(leaf.spec):
            if method is None:
                continue
            text = MapAsk(method, getattr(spec, "target", "prediction")).text
            if (case.models[leaf.model], text) in failed:
                dropped.setdefault(leaf.spec.methods, set()).add(method)
                names[text] = None
    return dropped, names

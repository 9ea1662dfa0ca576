"""A record's left sides and per-image values as the statistics read them: without torch, models, data or registry.

A left side is built anew from its nodes, with stand-ins that know nothing but the texts by which columns are named; so
what decides here is the very code that decided the run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ..engine.results.strata import Facts, membership
from ..language.composite import Extreme
from ..language.errors import ResultsError
from ..language.expression import Arithmetic, Expectation, Expression, Measure, Number, OfCurve
from ..language.parser import parse_stratum
from ..language.reasons import Missing
from ..language.spec import Context, MeasureSpec, Method
from ..language.strata import ColumnIs, ColumnNumber, Stratum, strata_of
from ..statistics import Clustering, Column, Membership
from ..statistics.clusters import clusterings_of
from ..statistics.values import unpaired_rows
from .record import (
    ArithmeticNode,
    CaseRecord,
    CompositeNode,
    CurveNode,
    ExtremeNode,
    MeasureNode,
    Node,
    NumberNode,
    TableRecord,
)

ORIGINAL = "original"


@dataclass(frozen=True)
class RecordedMethod(Method):
    """An attribution method by its text."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class RecordedSpec(MeasureSpec):
    """A measure by its texts: by all of its methods, and by each of ``named`` alone.

    ``methods``: those that count. ``target``: what the maps explain.
    """

    text: str
    texts: tuple[str, ...]
    named: tuple[RecordedMethod, ...] = ()
    methods: tuple[Method, ...] = ()
    target: str = "prediction"

    def __str__(self) -> str:
        if len(self.methods) == 1:
            return self.texts[[str(method) for method in self.named].index(str(self.methods[0]))]
        return self.text if self.methods == self.named else f"{self.text} by {', '.join(map(str, self.methods))}"


@dataclass(frozen=True)
class RecordedContext(Context):
    """A context by its text; of a series those at its doses."""

    text: str
    series: tuple[tuple[float, str], ...] = ()

    @property
    def doses(self) -> tuple[float, ...]:
        return tuple(dose for dose, _ in self.series)

    def at_dose(self, value: float) -> Context:
        return RecordedContext(dict(self.series)[value])

    def __str__(self) -> str:
        return self.text


def expression_of(node: Node) -> Expression:
    """The left side that a node describes.

    Raises:
        ResultsError: the record does not hold what bounds follow from.
        ExpressionError: nodes that cannot stand together.
    """
    if isinstance(node, NumberNode):
        return Number(node.value)
    if isinstance(node, ArithmeticNode):
        return Arithmetic(node.op, expression_of(node.left), expression_of(node.right))
    if isinstance(node, CurveNode):
        return OfCurve(node.functional, expression_of(node.of))
    if isinstance(node, ExtremeNode):
        low, high = (end if node_end is None else node_end for node_end, end in _ends(node))
        return Extreme(node.of, tuple(expression_of(part) for part in node.parts), tuple(node.names), low, high)
    if isinstance(node, CompositeNode):
        raise ResultsError(f"the record does not say what '{node.text}' stands for")
    return _measure(node)


def _ends(node: ExtremeNode) -> tuple[tuple[float | None, float], tuple[float | None, float]]:
    return (node.low, -math.inf), (node.high, math.inf)


def _measure(node: MeasureNode) -> Measure:
    if not node.specs:
        raise ResultsError(f"'{node.text}': the record does not say which columns it reads")
    context = None
    if node.under is not None:
        series = tuple((one.dose, " | ".join(part.text for part in one.contexts)) for one in node.doses)
        context = RecordedContext(node.under, series)
    named = tuple(RecordedMethod(text) for text in node.methods)
    if len(node.specs) != max(1, len(named)):
        raise ResultsError(f"'{node.text}': {len(named)} methods, and {len(node.specs)} columns")
    stratum = None if node.stratum is None else parse_stratum(node.stratum)
    whole = node.specs[0] if len(node.specs) == 1 else _whole(node)
    spec = RecordedSpec(whole, tuple(node.specs), named, named, node.target or "prediction")
    found = Measure(spec, context, node.model, stratum)
    if str(found) != node.text:
        raise ResultsError(f"'{node.text}' reads '{found}' by its parts")
    return found


def _whole(node: MeasureNode) -> str:
    """The text by all methods: that of one, with all of them in its place."""
    opening = f"{node.measure}("
    rest = node.specs[0].removeprefix(f"{opening}{node.methods[0]}")
    if any(text != f"{opening}{method}{rest}" for text, method in zip(node.specs, node.methods, strict=True)):
        raise ResultsError(f"'{node.text}': its columns {node.specs} are not those of one measure by each method")
    return f"{opening}{', '.join(node.methods)}{rest}"


@dataclass
class Values:
    """The values of one table, read once for all of its cases.

    Args:
        classes: of each model, by its key.
    """

    table: TableRecord
    classes: Mapping[str, Sequence[str] | None]
    _read: dict[tuple[str, str], Column] = field(default_factory=dict)

    @cached_property
    def _columns(self) -> dict[tuple[str, str], int]:
        return {(one.model, one.measure): at for at, one in enumerate(self.table.columns)}

    @cached_property
    def labels(self) -> list[str]:
        """Of each sample."""
        return [sample.label for sample in self.table.samples]

    def column(self, model: str, key: str) -> Column:
        """A column by its model and name.

        Raises:
            ResultsError: the record has no such column, or one of another length.
        """
        if (model, key) not in self._read:
            if (model, key) not in self._columns:
                raise ResultsError(f"the tables have no values of '{key}' of {model!r}")
            one = self.table.columns[self._columns[model, key]]
            if len(one.values) != len(self.table.samples):
                raise ResultsError(f"'{key}' of {model!r} has {len(one.values)} values of {len(self.labels)} samples")
            values = np.array([np.nan if value is None else value for value in one.values], dtype=np.float64)
            missing = {at: Missing(reason) for at, reason in one.missing.items()}
            self._read[model, key] = Column(values, missing, one.scale, one.low, one.high)
        return self._read[model, key]

    def facts(self, model: str, stratum: Stratum) -> Facts:
        """The facts that decide which samples are in a stratum, for one model."""
        view = next((one for one in self.table.views if one.model == model), None)
        if view is None:
            raise ResultsError(f"the tables do not say how {model!r} sees the samples")
        samples = self.table.samples
        return Facts(
            self.labels,
            np.array(view.indices, dtype=np.int64),
            self.column(model, "accuracy").values if (model, "accuracy") in self._columns else None,
            _numbers(view.areas),
            self.classes.get(model),
            frozenset(self.table.labels),
            [sample.group for sample in samples],
            {
                part.name: [sample.columns.get(part.name) for sample in samples]
                for part in strata_of(stratum)
                if isinstance(part, ColumnIs | ColumnNumber)
            },
        )


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


class RecordTable:
    """The columns and strata of one recorded case."""

    def __init__(self, case: CaseRecord, values: Values) -> None:
        self._case, self._values = case, values

    def column(self, measure: Measure) -> Column:
        """The column of a measure with one method."""
        found = self._values.column(self._model(measure.model), column_key(measure))
        applicable, unpaired = self._applicable, self._unpaired
        if unpaired is not None:
            applicable = ~unpaired if applicable is None else applicable & ~unpaired
        return replace(found, applicable=applicable, unpaired=unpaired)

    @cached_property
    def _unpaired(self) -> NDArray[np.bool_] | None:
        """[n] bool: the samples that a baseline lacks, as declared."""
        missing = []
        for leaf in expectation_of(self._case).expression.measures():
            spec = leaf.spec
            assert isinstance(spec, RecordedSpec)
            for method in spec.methods or (None,):
                single = spec if method is None else replace(spec, methods=(method,))
                missing.append(
                    self._values.column(self._model(leaf.model), column_key(replace(leaf, spec=single))).missing
                )
        return unpaired_rows(missing, len(self._values.labels))

    @cached_property
    def _applicable(self) -> NDArray[np.bool_] | None:
        """[n] bool: the samples that the case is about; None if it is about all."""
        if not self._case.needs_masks or not self._case.without_object:
            return None
        declared = set(self._case.without_object)
        return np.array([label not in declared for label in self._values.labels], dtype=bool)

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        """The samples of a stratum, judged anew from what the record says of them."""
        facts = self._values.facts(self._model(model), stratum)
        return Membership(*membership(stratum, facts))

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        """What the samples share, including the donors of their backgrounds under the measure's context."""
        table = self._values.table
        context = ORIGINAL if measure.context is None else str(measure.context)
        donors = table.donors.get(f"{self._model(measure.model)}|{context}", ())
        return clusterings_of(table.samples, donors)

    def strata_by(self, by: str) -> NoReturn:
        """Composites are written out in the record.

        Raises:
            ResultsError: always.
        """
        raise ResultsError(f"the record does not say what '{by}' divides the samples into")

    def _model(self, name: str | None) -> str:
        try:
            return self._case.model_names[name or ""]
        except KeyError:
            raise ResultsError(f"the record does not say which model {name or 'the only one'!r} is") from None


def column_key(measure: Measure) -> str:
    """The name of the column of a measure with one method."""
    plain = replace(measure, model=None, stratum=None)
    return str(replace(plain, context=None) if str(measure.context) == ORIGINAL else plain)


@dataclass(frozen=True)
class _Text(Expression):
    """A left side by its text alone."""

    text: str

    def __str__(self) -> str:
        return self.text


def text_of(node: Node) -> str:
    """The canonical text of a left side, from its nodes."""
    return str(_text(node))


def _text(node: Node) -> Expression:
    if isinstance(node, NumberNode):
        return Number(node.value)
    if isinstance(node, ArithmeticNode):
        return Arithmetic(node.op, _text(node.left), _text(node.right))
    return _Text("" if isinstance(node, ExtremeNode) else node.text)


def expectation_of(case: CaseRecord) -> Expectation:
    """What a recorded case expects, its composites written out."""
    return Expectation(expression_of(case.left if case.formula is None else case.formula), case.op, case.threshold)

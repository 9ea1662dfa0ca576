"""Expectations in the run record: the structure of their left sides, and how what they name reads."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .part import Part


class PhraseRecord(Part):
    """How a name reads in one language: see :class:`modelaudit.language.wording.Phrase`, its arguments filled in."""

    label: str
    clause: str = ""
    detail: str = ""


#: by language
Phrases = dict[str, PhraseRecord]


class WordingRecord(Part):
    """The words that declarations have for what a case names: contexts and measures by their texts, methods by name (by
    their text where the words depend on the arguments).

    What is not here, as in older records, reads as its text.
    """

    contexts: dict[str, Phrases] = {}
    methods: dict[str, Phrases] = {}
    measures: dict[str, Phrases] = {}


class ContextNode(Part):
    """One context of a composition: its name, its family and every argument, the defaults too."""

    name: str
    family: str
    arguments: dict[str, str | float | int | bool | None]
    text: str


class ChangeRecord(Part):
    """A change of surroundings that a search found: its ``long_form``, and how its contexts read, by their texts."""

    long_form: str
    contexts: list[ContextNode]
    words: dict[str, Phrases] = {}


class DoseNode(Part):
    """One dose of a series and the contexts that it makes."""

    dose: float
    contexts: list[ContextNode]


class NumberNode(Part):
    kind: Literal["number"] = "number"
    value: float


class MeasureNode(Part):
    """A measure with its refinements; ``contexts`` is empty on original images.

    ``doses``: the measure is a curve; its contexts at each dose, of which one has no single strength in ``contexts``.
    ``specs``: the measure by each method alone, as columns are named by it. ``under``: the context's text.
    ``percent``: its mean is shown in per cent although it is not a proportion.
    ``searched``: of a measure that searches for its changes itself, one context of each kind.
    """

    kind: Literal["measure"] = "measure"
    measure: str
    methods: list[str]
    target: str | None = None
    scale: Literal["proportion", "mean"]
    better: Literal["low", "high"]
    percent: bool = False
    contexts: list[ContextNode]
    doses: list[DoseNode] = []
    model: str | None
    stratum: str | None
    text: str
    specs: list[str] = []
    under: str | None = None
    searched: list[ContextNode] = []


class ArithmeticNode(Part):
    kind: Literal["arithmetic"] = "arithmetic"
    op: Literal["+", "-", "*", "/"]
    left: Node
    right: Node


class CurveNode(Part):
    """The slope of a curve over doses, or its mean height (``area``)."""

    kind: Literal["curve"] = "curve"
    functional: Literal["slope", "area"]
    of: Node
    text: str


class CompositeNode(Part):
    """A number of several measures by its name, with its arguments; ``of`` is what it measures.

    ``curve``: it is under a series, so that it must hold at every dose.
    """

    kind: Literal["composite"] = "composite"
    name: str
    arguments: dict[str, str | float | int | bool | None]
    of: list[MeasureNode]
    curve: bool = False
    text: str


class ExtremeNode(Part):
    """What a composite stands for where four operators cannot say it: the least of parts, or the larger in size."""

    kind: Literal["extreme"] = "extreme"
    of: Literal["minimum", "larger"]
    parts: list[Node]
    names: list[str] = []
    low: float | None = None
    high: float | None = None


Node = Annotated[
    NumberNode | MeasureNode | ArithmeticNode | CurveNode | CompositeNode | ExtremeNode, Field(discriminator="kind")
]
for _named in (ArithmeticNode, CurveNode, ExtremeNode):
    _named.model_rebuild()  # now that the name is defined: pydantic would look for it where the first one is made

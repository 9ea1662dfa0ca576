"""Numbers made of several measures that have a name of their own, and what they stand for in the algebra.

``worst_group_accuracy(swap_background(random)) > 0.8`` is an expression as any other: refined, added to, and decided
with an interval. :class:`Extreme` is what the four operators cannot say; users never write one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from . import registry
from .errors import ExpressionError
from .expression import Arithmetic, Divided, Expression, Measure, refined_text
from .spec import Context, Spec, long_text, spec_text
from .strata import Stratum
from .wording import Wording


class CompositeSpec(Spec):
    """Base of the frozen dataclasses that hold the arguments of a composite."""

    def leaves(self) -> tuple[Measure, ...]:
        """What it measures, without refinements; a series stands for all of its doses."""
        raise NotImplementedError

    def algebra(self, divided: Divided | None) -> Expression:
        """What it stands for; without `divided` groups are not distinguished."""
        raise NotImplementedError

    def of_one_image(self) -> Expression:
        """The expression that images are ranked by."""
        return self.algebra(None)

    def wording(self) -> Wording | None:
        """What it is called in reports; without it the canonical text stands there."""
        return None

    def under(self, context: Context) -> CompositeSpec:
        """The same with its measures under a context, where it leaves that open."""
        raise ExpressionError(f"'{_called(self)}' says itself what its images are under; it takes no .under({context})")


@dataclass(frozen=True)
class Composite(Expression):
    """A number of several measures by its name; its refinements are those of every measure in it."""

    spec: CompositeSpec
    model: str | None = None
    stratum: Stratum | None = None

    def measures(self) -> Iterator[Measure]:
        return iter(dict.fromkeys(self.expansion(None).measures()))

    def expansion(self, divided: Divided | None) -> Expression:
        """What it stands for, refined."""
        return self.spec.algebra(divided)._refined(self._own)

    def ranking(self) -> Expression:
        """The expression that images are ranked by, refined."""
        return self.spec.of_one_image()._refined(self._own)

    def leaves(self) -> tuple[Measure, ...]:
        """What it measures, refined; a series stands for all of its doses."""
        return tuple(self._own(leaf) for leaf in self.spec.leaves())

    def _own(self, measure: Measure) -> Measure:
        named = measure if measure.model is not None or self.model is None else measure._of(self.model)
        return named if self.stratum is None else named._where(self.stratum)

    def _refined(self, change: Callable[[Measure], Measure]) -> Expression:
        """Applies the change to one measure with the refinements of all, and takes the refinements over from it."""
        changed = change(Measure(self.spec.leaves()[0].spec, None, self.model, self.stratum))
        spec = self.spec if changed.context is None else self.spec.under(changed.context)
        return Composite(spec, changed.model, changed.stratum)

    def __str__(self) -> str:
        return self._text(_called(self.spec))

    def long_form(self) -> str:
        """Every argument and what is measured, with the versions of all their definitions."""
        of = "; ".join(dict.fromkeys(measure.long_form() for measure in self.spec.leaves()))
        return self._text(f"{long_text(self.spec)} of [{of}]")

    def _text(self, spec: str) -> str:
        return refined_text(spec, self.model, self.stratum)


@dataclass(frozen=True)
class Extreme(Expression):
    """The least of several expressions, or the largest in size.

    Args:
        kind: "minimum"; or "larger", the largest in size of expressions that have one sign, where those that have no
            value do not count.
        names: of the parts of a minimum.
        low, high: the range of the whole; infinite where the parts say it.
    """

    kind: Literal["minimum", "larger"]
    parts: tuple[Expression, ...]
    names: tuple[str, ...] = ()
    low: float = -float("inf")
    high: float = float("inf")

    def measures(self) -> Iterator[Measure]:
        for part in self.parts:
            yield from part.measures()

    def _refined(self, change: Callable[[Measure], Measure]) -> Expression:
        return self._with_parts([part._refined(change) for part in self.parts])

    def _parts(self) -> tuple[Expression, ...]:
        return self.parts

    def _with_parts(self, parts: Sequence[Expression]) -> Expression:
        return replace(self, parts=tuple(parts))

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(map(str, self.parts))})"


def composite(name: str, *, version: int = 1) -> Callable[[type[CompositeSpec]], type[CompositeSpec]]:
    """Register the arguments of a composite under the name users write."""

    def decorate(spec: type[CompositeSpec]) -> type[CompositeSpec]:
        registry.register(registry.Entry("composite", name, spec, spec.algebra, version=version))
        return spec

    return decorate


def total(terms: list[Expression]) -> Expression:
    """The sum, as a tree of little depth."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return Arithmetic("+", total(terms[:half]), total(terms[half:]))


def _called(spec: CompositeSpec) -> str:
    """The canonical text, always with brackets."""
    text = spec_text(spec)
    return text if text.endswith(")") else f"{text}()"

"""Strategies of Hypothesis for what is done to the surroundings: every value is a context that an audit may name.

Values are valid by construction, their canonical text reads back, and Hypothesis prints a failing one as the call that
makes it. They shrink towards the smallest change: the mildest dose, the lowest severity, the first donor.

>>> from modelaudit import strategies
>>> from modelaudit.contexts import exposure
>>> strategies.doses(exposure, -2, 2, region="background").validate()
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, get_args

try:
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ImportError as error:
    raise ImportError("modelaudit.strategies needs Hypothesis: pip install 'pytest-modelaudit[hypothesis]'") from error

from .contexts import (
    background_patch,
    donor_patch,
    donor_rule,
    exposure,
    family,
    move_object,
    stored_picture,
    swap_background,
    white_balance,
)
from .contexts.base import REGIONS, Family, Region
from .contexts.degradation import SEVERITIES, Dosed, Severe
from .contexts.moving import PlaceFill
from .contexts.surroundings import COLOURS, Surroundings
from .language import registry
from .language.errors import ExpressionError
from .language.parser import parse_context
from .language.spec import Composed, Context, as_context, dose_field, one_of, spec_name, within

__all__ = [
    "contexts",
    "donor_patches",
    "donors",
    "doses",
    "light",
    "patches",
    "positions",
    "severities",
    "surroundings",
]

#: the light to which the camera of `white_balance` is balanced
DAYLIGHT = 6500.0
#: donors whose images every data set has
_OWN_DONORS = ("same_class", "other_class", "next_class", "random")
#: a range of doses has at least so many steps on each side
_STEPS = 100


def contexts(kind: Family | None = None) -> SearchStrategy[Context]:
    """Every registered context, those of third parties too; the controls only where they are asked for.

    A context with bounds is drawn over all of them and over its regions, one with severities likewise, any other one as
    its declaration gives examples. Left out are contexts that show pictures stored with the data or take backgrounds
    from outside of them: not every data set has these.

    Args:
        kind: a family: "change", "perturbation", "no_information" or "control".

    Raises:
        ExpressionError: no such family.
    """
    if kind is not None:
        one_of(kind, get_args(Family), "contexts: family")
    found = [_drawn(registry.find("context", name), kind) for name in registry.names("context")]
    return st.one_of([one for one in found if one is not None])


def doses(
    context: Context | type[Context] | str, least: float | None = None, most: float | None = None, **arguments: Any
) -> SearchStrategy[Context]:
    """A context at the doses from `least` to `most`, in its own units, on a grid of round numbers.

    They shrink towards the dose that changes nothing, which itself is left out; where a context has none (``jpeg``),
    towards `most`.

    Args:
        context: the context, its class or its name; of a context with a dose the other arguments are kept.
        least, most: by default the context's own bounds.
        arguments: further arguments of the context: ``region="background"``.

    Raises:
        ExpressionError: the context has no dose, or no bounds of its own and none are given; or they are out of range.
    """
    cls, given = _template(context)
    name = dose_field(cls)
    if name is None:
        raise ExpressionError(f"doses: {spec_name(cls)} has no dose; draw it as it is, by hypothesis.strategies.just")
    fields = {**given, **arguments, "each": ()}
    bounds = getattr(cls, "bounds", None)
    if bounds is None and (least is None or most is None):
        raise ExpressionError(f"doses: {spec_name(cls)} declares no bounds; give the least and the greatest {name}")
    own: tuple[float, float] = bounds or (0.0, 0.0)
    low, high = (own[0] if least is None else least, own[1] if most is None else most)
    if not low < high:
        raise ExpressionError(f"doses: least={low!r} must be below most={high!r}")
    for end in (low, high):
        cls(**{**fields, name: end})  # raises where the end is out of range
    neutral = getattr(cls, "neutral", None)

    def made(value: float) -> Any:
        return cls(**{**fields, name: int(value) if value == int(value) else value})

    return _steps(low, high, neutral, _whole(cls, fields, name, low, high)).map(made)


def severities(
    context: type[Context] | str | None = None, most: int = 5, *, region: Region | None = None
) -> SearchStrategy[Context]:
    """A corruption at the severities from 1 to `most`; without a name every one that comes in severities.

    Args:
        region: "background", "object" or "whole"; by default each corruption's own.

    Raises:
        ExpressionError: the context has no severities, or no such severity or region.
    """
    one_of(most, SEVERITIES, "severities: most")
    if region is not None:
        one_of(region, REGIONS, "severities: region")
    classes = _severe() if context is None else [_template(context)[0]]
    for cls in classes:
        if not issubclass(cls, Severe):
            raise ExpressionError(f"severities: {spec_name(cls)} has no severities")
    where = {} if region is None else {"region": region}

    def made(chosen: tuple[Any, int]) -> Any:
        cls, severity = chosen
        return cls(severity, **where)

    return st.tuples(st.sampled_from(classes), st.integers(1, most)).map(made)


def donors(*rules: str, ranks: int = 8, **arguments: Any) -> SearchStrategy[Context]:
    """The backgrounds of other images: ``swap_background`` over rules and over the ranks of the donors.

    Args:
        rules: as in ``swap_background``; by default "other_class".
        ranks: how many donors of each rule; they shrink towards the first rule and the first in rank.
        arguments: further arguments of ``swap_background``.

    Raises:
        ExpressionError: no such rule.
    """
    within(ranks, 1, 1000, "donors: ranks")
    chosen = rules or ("other_class",)
    for rule in chosen:
        swap_background(rule, **arguments)  # raises where there is no such rule

    def made(place: tuple[str, int]) -> Context:
        return swap_background(place[0], rank=place[1], **arguments)

    return st.tuples(st.sampled_from(chosen), st.integers(0, ranks - 1)).map(made)


def positions(reach: float = 0.25, fill: PlaceFill = "inpaint") -> SearchStrategy[Context]:
    """The object at another place of its own background, up to `reach` of the frame's sides away.

    They shrink towards the smallest move, and to the right and down.

    Raises:
        ExpressionError: a reach that is no share of the frame, or no such fill.
    """
    within(reach, 0.01, 1.0, "positions: reach (share of the frame)")
    move_object(dx=0.01, dy=0.0, fill=fill)
    step = st.integers(-round(reach * 100), round(reach * 100))
    moves = st.tuples(step, step).filter(lambda move: move != (0, 0))
    return moves.map(lambda move: move_object(dx=move[0] / 100, dy=move[1] / 100, fill=fill))


def light(
    stops: float = 2.0, kelvin: Sequence[float] = (2700.0, 10000.0), *, region: Region = "background"
) -> SearchStrategy[Context]:
    """Other light on a region: exposure up to `stops` darker or brighter, or a light of another temperature.

    They shrink towards 0 stops and 6500 K, the image as it is. `stops` of 0 or an empty `kelvin` leave a kind out.

    Raises:
        ExpressionError: stops, temperatures or a region that the contexts do not take.
    """
    kinds = [doses(exposure, -stops, stops, region=region)] if stops else []
    if len(kelvin) not in (0, 2):
        raise ExpressionError(f"light: kelvin={kelvin!r}; give the least and the greatest temperature, or () for none")
    if len(kelvin):
        kinds.append(doses(white_balance, *kelvin, region=region))
    if not kinds:
        raise ExpressionError("light: nothing is left to be changed; give stops or kelvin")
    return st.one_of(kinds)


def patches(
    colours: Sequence[str] = tuple(COLOURS), *, smallest: float = 0.05, largest: float = 1.0
) -> SearchStrategy[Context]:
    """Rectangles of the background in one colour: ``background_patch`` over places, sides, colours and doses.

    Sides and places are whole hundredths of the frame's. They shrink until neither a side nor the dose can be
    smaller, and towards the first colour and the upper left corner.

    Args:
        colours: names ("grey", "black", "white", "red", "green", "blue") or "#rrggbb".
        smallest, largest: the least and the greatest height and width, shares of the frame's: no single pixels.

    Raises:
        ExpressionError: no such colour, or sides that are no shares of the frame.
    """
    space = Surroundings(colours=tuple(colours), donors=None, stops=0.0, kelvin=(), smallest=smallest, largest=largest)
    shapes = st.tuples(*_rectangle(space), st.sampled_from(space.colours)).flatmap(_placed)
    return shapes.map(lambda drawn: background_patch(**drawn[0], fill=drawn[1]))


def donor_patches(
    rule: str = "random", *, ranks: int = 4, smallest: float = 0.05, largest: float = 1.0
) -> SearchStrategy[Context]:
    """Rectangles of the background in which another image's background shows: ``donor_patch``.

    They shrink as those of :func:`patches`, towards the first donor in rank.

    Raises:
        ExpressionError: no such rule, or sides that are no shares of the frame.
    """
    space = Surroundings((), rule, ranks, 0.0, (), smallest, largest)
    shapes = st.tuples(*_rectangle(space), st.integers(0, space.backgrounds - 1)).flatmap(_placed)
    return shapes.map(lambda drawn: donor_patch(rule, **drawn[0], rank=drawn[1]))


def surroundings(space: Surroundings | None = None, **arguments: Any) -> SearchStrategy[Context]:
    """The changes of surroundings in which ``worst_change`` searches: patches, other light, donors, given contexts.

    Background pixels alone change, but for given contexts. They shrink within a kind of change to the smallest one;
    where several kinds fail, a kind with fewer numbers is shown.

    Args:
        space: ``modelaudit.contexts.surroundings(...)``; or its arguments: ``surroundings(colours=["grey"], stops=1)``.

    Raises:
        ExpressionError: arguments that the space does not take.

    >>> surroundings(colours=["grey"], donors=None, stops=1).validate()
    """
    asked = Surroundings(**arguments) if space is None else space
    sides = {"smallest": asked.smallest, "largest": asked.largest}
    found = [patches(asked.colours, **sides)] if asked.colours else []
    if asked.stops:
        found.append(doses(exposure, -asked.stops, asked.stops, region="background"))
    found += [
        doses(white_balance, min(kelvin, DAYLIGHT), max(kelvin, DAYLIGHT), region="background")
        for kelvin in asked.kelvin
        if kelvin != DAYLIGHT
    ]
    if asked.donors is not None:
        found.append(donor_patches(asked.donors, ranks=asked.backgrounds, **sides))
    if asked.contexts:
        found.append(st.sampled_from(asked.contexts))
    return st.one_of(found)


def _rectangle(space: Surroundings) -> tuple[SearchStrategy[int], ...]:
    """Height and width in hundredths of the frame's, and the dose in hundredths."""
    least = max(1, math.ceil(round(100 * space.smallest, 6)))
    side = st.integers(least, max(least, math.floor(round(100 * space.largest, 6))))
    return side, side, st.integers(1, 100)


def _placed(shape: tuple[Any, ...]) -> SearchStrategy[tuple[dict[str, Any], Any]]:
    """The rectangle of some sides at every place in the frame, as arguments, and the last part of `shape`."""
    height, width, dose, rest = shape

    def made(corner: tuple[int, int]) -> tuple[dict[str, Any], Any]:
        shares = {"top": corner[0], "left": corner[1], "height": height, "width": width, "dose": dose}
        return {name: hundredths / 100 for name, hundredths in shares.items()}, rest

    return st.tuples(st.integers(0, 100 - height), st.integers(0, 100 - width)).map(made)


def _drawn(entry: registry.Entry, kind: Family | None) -> SearchStrategy[Context] | None:
    """The values of one registered context; None where it has none of that kind."""
    cls: Any = entry.spec
    regions = st.sampled_from(_own_first(cls))
    if issubclass(cls, Dosed):
        found = [doses(cls, region=region) for region in _own_first(cls)]
        return st.one_of(found) if entry.declares.family == kind or kind is None else None
    if issubclass(cls, Severe):
        made = st.tuples(st.integers(1, max(SEVERITIES)), regions).map(lambda values: cls(values[0], region=values[1]))
        return made if entry.declares.family == kind or kind is None else None
    examples = [one for one in map(parse_context, entry.declares.examples) if _any_data_have(one)]
    kept = [one for one in examples if (family(one) == kind if kind is not None else family(one) != "control")]
    return st.sampled_from(kept) if kept else None


def _own_first(cls: Any) -> Sequence[Region]:
    """The regions, the context's own default first: strategies shrink towards the first."""
    default = next((part.default for part in dataclasses.fields(cls) if part.name == "region"), REGIONS[0])
    return [default, *(region for region in REGIONS if region != default)] if default in REGIONS else REGIONS


def _any_data_have(context: Context) -> bool:
    """Whether every data set with masks has what the context shows."""
    rule = donor_rule(context)
    return stored_picture(context) is None and (rule is None or rule.kind in _OWN_DONORS)


def _template(context: Context | type[Context] | str) -> tuple[Any, dict[str, Any]]:
    """The class of a context, and the arguments that are given already."""
    if isinstance(context, type) and issubclass(context, Context):
        return context, {}
    if isinstance(context, str) and context in registry.names("context"):
        return registry.find("context", context).spec, {}
    found = as_context(context)
    if isinstance(found, Composed):
        raise ExpressionError(f"'{found}' is a composition; draw its parts, and join them by |")
    return type(found), {part.name: getattr(found, part.name) for part in dataclasses.fields(found)}  # type: ignore[arg-type]


def _severe() -> list[Any]:
    entries = [registry.find("context", name) for name in registry.names("context")]
    return [entry.spec for entry in entries if entry.spec is not None and issubclass(entry.spec, Severe)]


def _whole(cls: Any, fields: dict[str, Any], name: str, low: float, high: float) -> bool:
    """Whether the context takes whole numbers alone."""
    try:
        cls(**{**fields, name: math.floor(low) + 0.5 if math.floor(low) + 0.5 <= high else low})
    except ExpressionError:
        return True
    return False


def _steps(low: float, high: float, neutral: float | None, whole: bool) -> SearchStrategy[float]:
    """Round numbers from `low` to `high`, those nearest to `neutral` first and itself left out; without one, from the
    highest down."""
    start = high if neutral is None else min(max(neutral, low), high)
    return st.one_of([_side(start, end, start == neutral, whole) for end in (high, low) if end != start])


def _side(start: float, end: float, without_start: bool, whole: bool) -> SearchStrategy[float]:
    """From `start` to `end`, in steps of a power of ten of which there are at least `_STEPS`."""
    digits = -math.floor(math.log10(abs(end - start) / _STEPS))
    step = 1.0 if whole and digits > 0 else 10.0**-digits
    count = math.floor(abs(end - start) / step + 1e-9)
    sign = 1 if end > start else -1
    low, high = min(start, end), max(start, end)

    def at(number: int) -> float:
        return min(max(round(start + sign * number * step, max(digits, 0) + 6), low), high)

    return st.integers(int(without_start), max(count, 1)).map(at)

"""Combinations of the operating domain: values of several attributes that the test set must hold together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ..evidence.about import Line, line_of
from ..language.errors import nearest
from ..language.yaml_complaints import Where

#: more combinations than this are a mistake: nobody takes photographs of so many
_MOST = 1_000
#: shares are rounded, as those of values
_SHARES_ROUNDED = 0.5

Shares = dict[str, float | dict[str, Any]]


def short_form(value: Any) -> Any:
    """The names of attributes alone stand for every value of one with every value of the others."""
    if isinstance(value, str):
        raise PydanticCustomError(
            "combinations", "must be a list of attributes; write combinations: [[light, product]]"
        )
    return {"of": value} if isinstance(value, list) else value


def _shares(value: Any) -> Any:
    """Shares in per cent by the values of the first attribute, in each by those of the second, and so on."""
    if not isinstance(value, dict) or not value:
        raise PydanticCustomError(
            "shares", "must hold shares in per cent by values: {day: {bolt: 50, nut: 20}, night: {bolt: 30}}"
        )
    return {line_of(name): _share(name, part) for name, part in value.items()}


def _share(name: str, part: Any) -> Any:
    if isinstance(part, dict):
        return _shares(part)
    if not isinstance(part, int | float) or isinstance(part, bool) or not 0 < part <= 100:
        told = {"name": repr(name), "share": repr(part)}
        raise PydanticCustomError("shares", "the share of {name} must be above 0 and at most 100, got {share}", told)
    return float(part)


class CombinationFields(BaseModel):
    """Attributes whose values must occur together; a list of the attributes alone may stand for it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    of: list[Line] = Field(min_length=2, description="the attributes, by their names under attributes")
    least: Annotated[int, Field(ge=1)] = Field(
        default=1, description="how many images of each combination there must be"
    )
    impossible: list[list[Line]] = Field(
        default=[], description="combinations that cannot occur: values in the order of the attributes"
    )
    shares: Annotated[Shares, BeforeValidator(_shares)] | None = Field(
        default=None,
        description="expected shares in per cent, 100 in all: of each value of the first attribute those with the "
        "values of the second, and so on",
    )


def possible(combination: CombinationFields, values: Mapping[str, list[str]]) -> dict[tuple[str, ...], float | None]:
    """Every combination that can occur, in the order of the agreement, with its expected share in per cent or None.

    Args:
        values: of every attribute.
    """
    impossible = {tuple(one) for one in combination.impossible}
    shares = {} if combination.shares is None else dict(_flat(combination.shares))
    every = product(*(values[name] for name in combination.of))
    return {one: shares.get(one) for one in every if one not in impossible}


def wrong_combinations(
    combinations: list[CombinationFields],
    values: Mapping[str, list[str]],
    tolerance: float | None,
    lines: Mapping[Where, int],
) -> Iterator[tuple[int, str]]:
    """The line and the sentence of everything in combinations that does not fit the attributes.

    Args:
        values: of every attribute.
        tolerance: of shares, which need one.
    """
    for at, one in enumerate(combinations):
        where: Where = ("domain", "combinations", str(at))
        earlier = [set(other.of) for other in combinations[:at]]
        for place, text in _wrong(one, values, tolerance, earlier):
            known = (*where, *place)
            while known not in lines and len(known) > 1:
                known = known[:-1]
            yield lines.get(known, 1), f"{'.'.join((*where, *place))}: {text}"


def _wrong(
    one: CombinationFields, values: Mapping[str, list[str]], tolerance: float | None, earlier: list[set[str]]
) -> Iterator[tuple[Where, str]]:
    unknown = [(at, name) for at, name in enumerate(one.of) if name not in values]
    for at, name in unknown:
        yield ("of", str(at)), f"{name!r} is not one of domain.attributes{nearest(name, values)}"
    for at, name in enumerate(one.of):
        if name in one.of[:at]:
            yield ("of", str(at)), f"{name!r} stands twice"
    if unknown or len(set(one.of)) < len(one.of):
        return
    if set(one.of) in earlier:
        yield ("of",), f"{', '.join(one.of)}: stand together above already; keep one of both"
    if (number := prod(len(values[name]) for name in one.of)) > _MOST:
        yield ("of",), f"are {number:,} combinations, and at most {_MOST:,} can be agreed on; leave an attribute out"
        return
    wrong = list(_wrong_impossible(one, values))
    yield from wrong
    if wrong:
        return
    if not (expected := possible(one, values)):
        yield ("impossible",), "leaves no combination that can occur; take some out"
    elif one.shares is not None:
        yield from _wrong_shares(one, list(expected), tolerance)


def _wrong_impossible(one: CombinationFields, values: Mapping[str, list[str]]) -> Iterator[tuple[Where, str]]:
    for at, named in enumerate(one.impossible):
        where: Where = ("impossible", str(at))
        if len(named) != len(one.of):
            yield where, f"must have a value of each of {', '.join(one.of)}, got {named}"
            continue
        for name, value in zip(one.of, named, strict=True):
            if value not in values[name]:
                yield where, f"{value!r} is not a value of {name}{nearest(value, values[name])}"
        if named in one.impossible[:at]:
            yield where, f"{', '.join(named)} stands twice"


def _wrong_shares(
    one: CombinationFields, expected: list[tuple[str, ...]], tolerance: float | None
) -> Iterator[tuple[Where, str]]:
    shares = dict(_flat(one.shares or {}))
    for named in shares:
        if named not in expected:
            yield ("shares", *named), f"is not a combination of {', '.join(one.of)} that can occur"
    for named in expected:
        if named not in shares:
            yield ("shares",), f"{', '.join(named)}: has no share; give it one, or name it under impossible"
    total = sum(shares.values())
    if abs(total - 100) > _SHARES_ROUNDED:
        yield ("shares",), f"the shares are per cent and must be 100 in all, got {total:g}"
    if tolerance is None:
        yield ("shares",), "shares need domain.tolerance, in points: tolerance: 10"


def _flat(shares: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, part in shares.items():
        if isinstance(part, dict):
            yield from _flat(part, (*before, name))
        else:
            yield (*before, name), part

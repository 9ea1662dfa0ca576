"""What divides the images of a group, beside labels: the columns that its cases name, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from ...language.curve import expanded
from ...language.errors import ExpressionError, nearest
from ...language.sample import Sample
from ...language.strata import ColumnIs, ColumnNumber, Group, Label, Stratum
from ..planning.plan import PlannedCase, strata_of
from .measured import Measured, MeasuredData, MeasuredSample
from .strata import Known

#: into so many parts a group or a column may divide the images
MOST = 200


def columns_named(cases: Iterable[PlannedCase]) -> tuple[str, ...]:
    """The columns that strata and ``by=`` of these cases name; whether the data have them is judged later."""
    return tuple(dict.fromkeys(name for case in cases for name in _named(case)))


def _named(case: PlannedCase) -> Iterator[str]:
    expression = case.asked.expectation.expression
    by: list[str] = []

    def divided(name: str) -> tuple[Stratum, ...]:
        by.append(name)
        return ()

    whole = expanded(expression, divided)
    for measure in (*expression.measures(), *whole.measures()):
        for part in strata_of(measure.stratum):
            if isinstance(part, ColumnIs | ColumnNumber):
                yield part.name
    yield from (name for name in by if name not in ("label", "group"))


def sample_facts(
    samples: Iterable[Sample], columns: Sequence[str], copy_of: Mapping[str, str] = MappingProxyType({})
) -> list[MeasuredSample]:
    """The samples as they leave the measurement, with these columns of theirs, and which of them are copies."""
    return [
        MeasuredSample(
            id=one.id,
            label=str(one.label),
            group=one.group,
            columns={name: one.attributes[name] for name in columns if one.attributes.get(name)},
            cluster=one.cluster,
            copy_of=copy_of.get(one.id),
        )
        for one in samples
    ]


def values_of(samples: Sequence[Sample], columns: Iterable[str]) -> dict[str, list[str]]:
    """The distinct values of these columns, in order; one more than `MOST` where there are more."""
    found = {name: sorted({one.attributes[name] for one in samples if one.attributes.get(name)}) for name in columns}
    return {name: values[: MOST + 1] for name, values in found.items() if values}


def known_of(measured: Measured) -> Known:
    """What the whole data have, those samples too that were not looked at."""
    samples, data = measured.samples, measured.data
    columns: dict[str, set[str]] = {}
    for one in samples:
        for name, value in one.columns.items():
            columns.setdefault(name, set()).add(value)
    return Known(
        sorted({*_groups(samples), *([] if data is None else data.groups)}),
        sorted({*columns, *([] if data is None else data.columns)}),
        {**{name: sorted(values) for name, values in columns.items()}, **({} if data is None else data.values)},
        MOST,
    )


def divided_by(by: str, measured: Measured) -> tuple[Stratum, ...]:
    """One stratum a label, a group, or a text of a column; of an audit that may stop early those to come too.

    Raises:
        ExpressionError: the samples are not divided by that, or into more than `MOST` parts.
    """
    samples = measured.samples
    whole: MeasuredData | None = measured.data if measured.looks is not None else None
    if by == "label":
        return tuple(
            Label(one) for one in sorted({one.label for one in samples} if whole is None else set(whole.labels))
        )
    known = known_of(measured)
    if by == "group":
        groups = _groups(samples) if whole is None else set(known.groups)
        if not groups:
            raise ExpressionError("by='group': no image has a group; the data's ?group= says where groups stand")
        return tuple(Group(one) for one in _few(groups, by))
    if by not in known.columns:
        there = ", ".join(repr(one) for one in ("label", "group", *known.columns[:12]))
        raise ExpressionError(
            f"by={by!r}: the samples are not divided by that{nearest(by, ['label', 'group', *known.columns])}; "
            f"there is {there}"
        )
    values = {one.columns[by] for one in samples if by in one.columns}
    return tuple(ColumnIs(by, one) for one in _few(values if whole is None else set(known.values.get(by, ())), by))


def _groups(samples: Iterable[MeasuredSample]) -> set[str]:
    return {one.group for one in samples if one.group}


def _few(names: set[str], by: str) -> list[str]:
    if len(names) > MOST:
        raise ExpressionError(
            f"by={by!r} divides the images into more than {MOST} parts, too many to judge each; "
            "take a coarser column, or compare a number: column(...) < 3"
        )
    return sorted(names)

"""Samples kept as columns are those that went in, item by item and in JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelaudit.engine.results.measured import Measured, MeasuredSample, MeasuredSamples, PassCounts
from modelaudit.statistics.clusters import clusterings_of

NAMES = st.none() | st.sampled_from(["a", "b", "c"])
SAMPLES = st.lists(
    st.builds(
        MeasuredSample,
        id=st.text(max_size=3),
        label=st.sampled_from(["nut", "bolt"]),
        group=NAMES,
        columns=st.dictionaries(st.sampled_from(["line", "shift"]), st.sampled_from(["1", "2"])),
        cluster=NAMES,
        copy_of=NAMES,
        image=NAMES,
        mask=NAMES,
    ),
    max_size=12,
)


def measured(samples: Any) -> Measured:
    return Measured(
        group="data:x",
        data=None,
        samples=samples,
        models=[],
        columns=[],
        galleries={},
        failures={},
        passes=PassCounts(),
    )


@given(items=SAMPLES)
def test_columns_of_samples_are_the_samples(items: list[MeasuredSample]) -> None:
    samples = MeasuredSamples.of(items)
    assert samples == items
    assert list(samples) == items == [samples[at] for at in range(len(items))]
    assert samples[1:] == items[1:]
    assert samples.first(3) == items[:3]
    assert list(samples.column("label")) == [one.label for one in items]
    assert list(samples.attribute("line")) == [one.columns.get("line") for one in items]


@given(items=SAMPLES)
def test_a_measurement_takes_lists_and_writes_the_same_json(items: list[MeasuredSample]) -> None:
    made = measured(items)
    dumped = json.loads(made.model_dump_json())
    assert dumped["samples"] == [one.model_dump() for one in items]
    assert Measured.model_validate_json(made.model_dump_json()) == made == measured(dumped["samples"])


@given(items=SAMPLES, donors=st.data())
def test_clusterings_of_columns_are_those_of_items(items: list[MeasuredSample], donors: st.DataObject) -> None:
    lent = donors.draw(st.lists(NAMES, min_size=len(items), max_size=len(items)))
    one, other = clusterings_of(items, lent), clusterings_of(MeasuredSamples.of(items), lent)
    assert [(x.name, x.codes.tolist()) for x in one] == [(x.name, x.codes.tolist()) for x in other]

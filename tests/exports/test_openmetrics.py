"""Metrics of a run, as the parsers of prometheus-client read them back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser
from report.sample_record import record
from report.whole_records import WHOLE_RECORDS

from modelaudit.evidence.record import RunRecord
from modelaudit.exports.openmetrics import openmetrics
from modelaudit.exports.requirements import requirements_of
from modelaudit.language.plain_text import plain

PARSERS: dict[bool, Callable[[str], Any]] = {
    False: openmetrics_parser.text_string_to_metric_families,
    True: parser.text_string_to_metric_families,
}


def samples(found: RunRecord, *, prometheus: bool = False) -> dict[tuple[str, str], dict[str, float]]:
    """By name and requirement the values, by the labels in one text."""
    text = openmetrics(found, prometheus=prometheus).decode()
    by_name: dict[tuple[str, str], dict[str, float]] = {}
    for family in PARSERS[prometheus](text):
        for one in family.samples:
            labels = dict(one.labels)
            key = (one.name, labels.pop("requirement", ""))
            by_name.setdefault(key, {})[" ".join(labels[label] for label in sorted(labels))] = one.value
    return by_name


@pytest.mark.parametrize("prometheus", [False, True])
@pytest.mark.parametrize("name", sorted(WHOLE_RECORDS.keys() - {"many"}))
def test_every_number_is_read_back_with_its_bounds_and_none_is_made_up(
    name: str, prometheus: bool, tmp_path: Path
) -> None:
    found = WHOLE_RECORDS[name](tmp_path)
    read = samples(found, prometheus=prometheus)
    for one in requirements_of(found):
        for metric, value in (("estimate", one.estimate), ("lower_bound", one.lower), ("upper_bound", one.upper)):
            there = read.get((f"modelaudit_requirement_{metric}", plain(one.key)))
            assert there == (None if value is None else {"": pytest.approx(value)})


def test_a_verdict_is_a_state_and_no_number() -> None:
    read = samples(record())
    states = read["modelaudit_requirement_verdict", "survives_lighting"]
    assert [name for name, value in states.items() if value] == ["false INCONCLUSIVE counted"]
    assert ("modelaudit_requirement_estimate", "robust_to_dust") not in read
    assert [name for name, value in read["modelaudit_run_state", ""].items() if value] == ["ERROR"]


def test_labels_of_somebody_else_s_choice_stay_labels(tmp_path: Path) -> None:
    text = openmetrics(WHOLE_RECORDS["hostile"](tmp_path)).decode()
    assert all(line.startswith(("# ", "modelaudit_")) for line in text.splitlines())
    assert "\u202e" not in text and "\x1b" not in text

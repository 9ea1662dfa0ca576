"""A run as metrics that a monitoring system scrapes: OpenMetrics, or Prometheus' own text format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from ..evidence.record import RunRecord
from ..evidence.record_texts import shown_record
from ..evidence.states import RunState
from ..language.plain_text import plain as shown
from .requirements import ENDINGS, Requirement, requirements_of

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_PREFIX = "modelaudit"
#: what an alert needs: of a known-bad model FAIL is the verdict to be had, and advice does not count
_VERDICT = ["requirement", "standing", "known_bad"]
_NUMBERS = {
    "estimate": "Left side of the requirement as measured.",
    "lower_bound": "One-sided lower bound of the left side.",
    "upper_bound": "One-sided upper bound of the left side.",
}


def openmetrics(record: RunRecord, *, prometheus: bool = False) -> bytes:
    """The metrics in OpenMetrics 1.0, or with `prometheus` in Prometheus' own text format.

    Each requirement has its estimate, both bounds and the threshold as gauges, its verdict as a state set and the rest
    as an info. Of a number that is missing there is no sample.
    """
    return exposed([*_of_run(shown_record(record)), *_of_requirements(requirements_of(record))], prometheus=prometheus)


def exposed(families: Iterable[Metric], *, prometheus: bool = False) -> bytes:
    """Metrics in OpenMetrics 1.0, or in Prometheus' own text format."""
    from prometheus_client import CollectorRegistry
    from prometheus_client import exposition as plain
    from prometheus_client.openmetrics import exposition as openmetrics_text

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(tuple(families)))
    write = plain.generate_latest if prometheus else openmetrics_text.generate_latest
    return bytes(write(registry))


@dataclass(frozen=True, eq=False)
class _Collector:
    """Hands a registry what was counted; it is known there by itself, not by what it holds."""

    families: tuple[Metric, ...]

    def collect(self) -> Iterator[Metric]:
        yield from self.families


def _of_run(record: RunRecord) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, StateSetMetricFamily

    about = {"id": record.id, "modelaudit": record.provenance.versions.get("pytest-modelaudit", "")}
    yield InfoMetricFamily(f"{_PREFIX}_run", "The audited run.", value=about)
    states = {name: name == record.overall for name in get_args(RunState)}
    yield StateSetMetricFamily(f"{_PREFIX}_run_state", "State of the run.", value=states)
    finished = datetime.fromisoformat(record.finished).timestamp()
    name = f"{_PREFIX}_run_finished_timestamp_seconds"
    yield GaugeMetricFamily(name, "When the run ended.", value=finished, unit="seconds")


def _of_requirements(requirements: tuple[Requirement, ...]) -> Iterator[Metric]:
    from prometheus_client.core import InfoMetricFamily, StateSetMetricFamily

    info = InfoMetricFamily(f"{_PREFIX}_requirement", "The requirement and how it ended.", labels=["requirement"])
    verdict = StateSetMetricFamily(f"{_PREFIX}_requirement_verdict", "Its verdict.", labels=_VERDICT)
    numbers = {name: _gauge(name, about) for name, about in _NUMBERS.items()}
    threshold = _gauge("threshold", "What the left side is compared with.")
    images = _gauge("images", "Images by outcome.", "outcome")
    for one in requirements:
        info.add_metric([shown(one.key)], _told(one))
        known_bad = "true" if one.known_bad else "false"
        verdict.add_metric([shown(one.key), one.standing, known_bad], {name: name == one.verdict for name in ENDINGS})
        for family, value in zip(numbers.values(), (one.estimate, one.lower, one.upper), strict=True):
            if value is not None:
                family.add_metric([shown(one.key)], value)
        threshold.add_metric([shown(one.key)], one.threshold)
        for outcome in ("measured", "undefined", "errored"):
            if (count := getattr(one, outcome)) is not None:
                images.add_metric([shown(one.key), outcome], count)
    yield from (info, verdict, *numbers.values(), threshold, images)


def _told(one: Requirement) -> dict[str, str]:
    """The labels of the info: an absent one is left out, as an empty label is none."""
    told = {
        "expectation": one.expectation,
        "clause": one.clause,
        "model": ", ".join(one.models),
        "data": one.data,
        "importance": one.importance,
        "reason": one.reason,
        "confidence": f"{one.confidence:g}",
    }
    return {name: shown(value) for name, value in told.items() if value}


def _gauge(name: str, about: str, *labels: str) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"{_PREFIX}_requirement_{name}", about, labels=["requirement", *labels])

"""The status of a watch as metrics that a monitoring system scrapes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import MonitorError
from ..language.whole_file import write_whole
from .status import MonitorStatus

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_PREFIX = "modelaudit_watch"


def metrics_text(status: MonitorStatus, *, prometheus: bool = False) -> bytes:
    """The metrics in OpenMetrics 1.0, or with `prometheus` in Prometheus' own text format.

    Evidence is given as its decimal logarithm: an alarm is where it reaches that of the threshold.
    """
    from prometheus_client import CollectorRegistry
    from prometheus_client import exposition as plain
    from prometheus_client.openmetrics import exposition as openmetrics

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(status))
    write = plain.generate_latest if prometheus else openmetrics.generate_latest
    return bytes(write(registry))


def write_metrics(status: MonitorStatus, file: Path) -> None:
    """Write the metrics, the whole of them or nothing; a file that ends in ``.prom``, as the textfile collector of
    node_exporter reads them, is in Prometheus' own format.

    Raises:
        MonitorError: the file cannot be written.
    """
    write_whole(file, metrics_text(status, prometheus=file.suffix == ".prom"), MonitorError)


class _Collector:
    """Hands the registry what the status holds."""

    def __init__(self, status: MonitorStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        yield from _of_groups(self._status)
        yield from _of_charts(self._status)
        yield from _of_the_watch(self._status)


def _of_groups(status: MonitorStatus) -> Iterator[Metric]:
    families = {
        "images": _counter("images", "Images that were counted.", ["group"]),
        "late": _counter("late_images", "Images that came after their lot was complete.", ["group"]),
        "lots": _counter("lots", "Complete lots; images where each is a unit of its own.", ["group"]),
        "open_images": _gauge("open_lot_images", "Images of the lot that is not complete.", ["group"]),
        "clock_jumps": _counter("clock_jumps", "How often a clock was set back.", ["group"]),
    }
    last = _gauge("last_image_timestamp_seconds", "When the latest image was taken.", ["group"], unit="seconds")
    for group in status.groups:
        for name, family in families.items():
            family.add_metric([group.group], getattr(group, name))
        if group.last is not None:
            last.add_metric([group.group], group.last.timestamp())
    yield from (*families.values(), last)


def _of_charts(status: MonitorStatus) -> Iterator[Metric]:
    labels = ["group", "statistic"]
    evidence = _gauge("log10_evidence", "Evidence that the images have changed, as a decimal logarithm.", labels)
    threshold = _gauge("log10_threshold", "The evidence at which the chart alarms.", labels)
    alarms = _counter("alarms", "Alarms so far.", labels)
    unseen = _gauge("open_alarms", "Alarms that nobody has acknowledged.", labels)
    for chart in status.charts:
        key = [chart.group, chart.statistic]
        raised = [one for one in status.alarms if (one.group, one.statistic) == (chart.group, chart.statistic)]
        evidence.add_metric(key, chart.log_evidence / math.log(10))
        threshold.add_metric(key, chart.log_threshold / math.log(10))
        alarms.add_metric(key, len(raised))
        unseen.add_metric(key, sum(one.acknowledged_by is None for one in raised))
    yield from (evidence, threshold, alarms, unseen)


def _of_the_watch(status: MonitorStatus) -> Iterator[Metric]:
    unreadable = _gauge("unreadable_images", "Images that were found and could not be read so far.", [])
    unreadable.add_metric([], status.unreadable)
    unwritten = _gauge("unwritten_alarms", "Alarms whose record could not be written so far.", [])
    unwritten.add_metric([], sum(one.folder is None for one in status.alarms))
    yield from (unreadable, unwritten)


def _counter(name: str, about: str, labels: list[str]) -> Any:
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(f"{_PREFIX}_{name}", about, labels=labels)


def _gauge(name: str, about: str, labels: list[str], unit: str = "") -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"{_PREFIX}_{name}", about, labels=labels, unit=unit)

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from monitoring.lines import opened, picture
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from modelaudit.language.errors import MonitorError
from modelaudit.monitoring.metrics import metrics_text, write_metrics
from modelaudit.monitoring.monitor import NewImage
from modelaudit.monitoring.status import MonitorStatus

GROUP = 'camera "1"\n\\ ライン'


@pytest.fixture
def status(tmp_path: Path) -> MonitorStatus:
    lights = np.random.default_rng(0).uniform(0.5, 0.9, 40)
    with opened(tmp_path) as monitor:
        monitor.update_many(NewImage(picture(light), group=GROUP, time=1_767_225_600.0) for light in lights)
        monitor.update(tmp_path / "nowhere.png")
        return monitor.status()


@pytest.mark.parametrize(("parse", "as_prometheus"), [(openmetrics, False), (prometheus, True)])
def test_both_formats_are_read_by_their_parsers(status: MonitorStatus, parse: object, as_prometheus: bool) -> None:
    text = metrics_text(status, prometheus=as_prometheus).decode()
    samples = {
        (one.name, one.labels.get("group"), one.labels.get("statistic")): one.value
        for family in parse(text)  # type: ignore[operator]
        for one in family.samples
    }
    assert samples["modelaudit_watch_images_total", GROUP, None] == 40
    assert samples["modelaudit_watch_last_image_timestamp_seconds", GROUP, None] == 1_767_225_600
    assert samples["modelaudit_watch_unreadable_images", None, None] == 1
    assert samples["modelaudit_watch_unwritten_alarms", None, None] == len(status.alarms)
    chart = next(one for one in status.charts if one.statistic == "light")
    key = (GROUP, "light")
    assert samples["modelaudit_watch_log10_evidence", *key] == pytest.approx(chart.log_evidence / math.log(10))
    assert samples["modelaudit_watch_log10_threshold", *key] == pytest.approx(chart.log_threshold / math.log(10))
    assert samples["modelaudit_watch_alarms_total", *key] == samples["modelaudit_watch_open_alarms", *key] == 1
    assert text.endswith("# EOF\n") == (not as_prometheus)


def test_a_file_is_written_whole_in_the_format_of_its_ending(status: MonitorStatus, tmp_path: Path) -> None:
    for name, ends in (("watch.txt", True), ("watch.prom", False)):
        write_metrics(status, tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8").endswith("# EOF\n") == ends
    with pytest.raises(MonitorError, match=r"watch\.prom: cannot be written"):
        write_metrics(status, tmp_path / "nowhere" / "watch.prom")

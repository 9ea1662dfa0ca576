"""Progress: a bar where someone looks, a line now and then where a log is kept."""

from __future__ import annotations

import io

import pytest

from modelaudit.language import progress
from modelaudit.language.progress import ProgressBar, Silent


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_that_is_gone_afterwards() -> None:
    stream = Terminal()
    with ProgressBar(lambda: stream).task("pets", 10) as advance:
        advance(4)
        advance(6)
    text = stream.getvalue()
    assert "auditing pets" in text and "/10" in text and "img" in text
    assert text.endswith("\r")  # the bar is wiped, so that pytest's own line goes on in its place


def test_a_log_gets_a_line_at_the_start_and_no_flood() -> None:
    stream = io.StringIO()
    with ProgressBar(lambda: stream).task("pets", 10) as advance:
        for _ in range(10):
            advance(1)
    assert stream.getvalue() == "\nauditing pets: 10 images"


def test_a_long_task_gets_a_line_every_fifteen_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, now = io.StringIO(), [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with ProgressBar(lambda: stream).task("pets", 100) as advance:
        for _ in range(10):
            now[0] += 4
            advance(10)
    assert stream.getvalue().splitlines()[1:] == [
        "auditing pets: 100 images",
        "auditing pets: 40 of 100 images",
        "auditing pets: 80 of 100 images",
    ]


def test_the_stream_is_asked_for_when_the_task_begins() -> None:
    """pytest replaces stderr while it captures; a stream taken earlier would be the wrong one."""
    streams: list[io.StringIO] = []
    shown = ProgressBar(lambda: streams[-1])
    streams.append(io.StringIO())
    with shown.task("pets", 1):
        pass
    assert streams[0].getvalue()


def test_silent_progress_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with Silent().task("pets", 3) as advance:
        advance(3)
    assert capfd.readouterr() == ("", "")

"""The line of progress on the terminal, between the letters that pytest writes."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..language.progress import ProgressBar


class ProgressLine:
    """Shows progress past pytest's capture, and lets pytest begin its own line again where progress broke it."""

    def __init__(self, config: pytest.Config) -> None:
        self._plugins = config.pluginmanager
        self._line_is_broken = False

    def bar(self, language: str) -> ProgressBar:
        """A progress bar on standard error."""
        from ..language.progress import ProgressBar
        from ..report.run_lines import progress_texts
        from ..report.words import words_of

        return ProgressBar(lambda: sys.stderr, self._note_broken_line, progress_texts(words_of(language)))

    def _note_broken_line(self) -> None:
        self._line_is_broken = True

    def begin_line_anew(self, item: pytest.Item) -> None:
        """Where progress broke the line of pytest's letters, the next one starts as that one did."""
        reporter: Any = self._plugins.getplugin("terminalreporter")
        if reporter is None or not self._line_is_broken:
            return
        self._line_is_broken, start = False, reporter.currentfspath
        reporter.currentfspath = None
        if reporter.showlongtestinfo:
            reporter.write_ensure_prefix(start)
        elif reporter.showfspath:
            reporter.write_fspath_result(item.nodeid, "")
        reporter.flush()

    def uncaptured(self) -> AbstractContextManager[None]:
        """Suspends pytest's capture."""
        capture: Any = self._plugins.getplugin("capturemanager")
        suspended: AbstractContextManager[None] = capture.global_and_fixture_disabled() if capture else nullcontext()
        return suspended

"""Opens reports in the system's Chromium, without network; whatever the browser complains about fails the test."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).parent
EXECUTABLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


class Opened(Protocol):
    """Opens a report (its file, or its HTML) and waits until it is drawn; the page is closed after the test.

    ``fragment`` (``#ja``) and ``query`` (``?lang=ja``) are put after the address, ``locale`` is the browser's own
    language; anything else is an option of Playwright's ``new_context``.
    """

    def __call__(
        self,
        report: Path | str,
        width: int = 1280,
        height: int = 900,
        *,
        fragment: str = "",
        query: str = "",
        locale: str = "en",
        **options: Any,
    ) -> Page: ...


def pytest_itemcollected(item: pytest.Item) -> None:
    if HERE in item.path.parents:
        item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a process; skips where the system has none, and never downloads one."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra [test]")
    if EXECUTABLE is None:
        pytest.skip("no chromium or chrome on the PATH")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the pages of this test said on the console, raised or asked the network for: must be empty at its end."""
    return []


@pytest.fixture
def opened(chromium: Browser, complaints: list[str], tmp_path: Path) -> Iterator[Opened]:
    silent: list[Page] = []
    with ExitStack() as contexts:

        def open_report(
            report: Path | str,
            width: int = 1280,
            height: int = 900,
            *,
            fragment: str = "",
            query: str = "",
            locale: str = "en",
            **options: Any,
        ) -> Page:
            if isinstance(report, str):
                written = tmp_path / f"opened_{len(list(tmp_path.glob('opened_*')))}.html"
                written.write_text(report, encoding="utf-8")
                report = written
            context = chromium.new_context(
                viewport={"width": width, "height": height}, offline=True, locale=locale, **options
            )
            contexts.callback(context.close)
            address = report.resolve().as_uri()

            def answer(route: Any) -> None:
                if route.request.url.startswith(address):
                    route.continue_()
                else:
                    complaints.append(f"asked for {route.request.url}")
                    route.abort()

            context.route("**/*", answer)
            page = context.new_page()
            page.on("console", lambda message: complaints.append(f"console {message.type}: {message.text}"))
            page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
            page.goto(f"{address}{query}{fragment}", wait_until="load")
            if not options.get("java_script_enabled", True):
                silent.append(page)
            return page

        yield open_report
        for page in (page for context in chromium.contexts for page in context.pages if page not in silent):
            page.evaluate("() => new Promise(requestAnimationFrame)")  # what it has said by now has arrived
    assert complaints == []


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots and PDFs are kept to be looked at: $MODELAUDIT_SCREENSHOTS, otherwise pytest's own folder."""
    kept = os.environ.get("MODELAUDIT_SCREENSHOTS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def artefact(artefacts: Path, request: pytest.FixtureRequest) -> Path:
    """The start of this test's names of files there: ``artefact.with_suffix(".png")``."""
    return artefacts / re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")

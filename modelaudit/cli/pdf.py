"""Prints a report as PDF with a browser of the Chromium family that the machine has; nothing is installed or asked for
over a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..language.errors import ResultsError
from ..language.whole_file import way_to_write

#: names of the browser on different systems, the first that is there is taken
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
TIMEOUT_S = 180
_BY_HAND = "open report.html in any browser and print it to a file there"
#: no window, no page header of the browser's own, no connection
_ARGUMENTS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-pdf-header-footer",
)


class NoBrowserError(ResultsError):
    """No browser on this machine can print."""


def write_pdf(page: str, target: Path, *, full: bool, timeout_s: float = TIMEOUT_S) -> Path:
    """Print the HTML of a report.

    Args:
        full: everything; otherwise page one, what is not met, classes by contexts, and provenance.

    Raises:
        NoBrowserError: none of `BROWSERS` is on the PATH.
        ResultsError: the browser fails or does not end, or the file cannot be written.
    """
    browser = _browser()
    try:
        # next to the target: a browser in a sandbox of its own may see neither /tmp nor hidden folders
        with tempfile.TemporaryDirectory(
            prefix="modelaudit-pdf-", dir=target.parent, ignore_cleanup_errors=True
        ) as made:
            folder = Path(made).resolve()
            (folder / "report.html").write_text(page, encoding="utf-8")
            _print(browser, folder, "?print=full" if full else "", timeout_s)
            (folder / "report.pdf").replace(target)
    except OSError as error:
        raise ResultsError(f"{target}: cannot be written ({error.strerror}); {way_to_write(target)}") from error
    return target


def _browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise NoBrowserError(
            f"--pdf needs a browser that prints, and none is on the PATH (looked for {', '.join(BROWSERS)}); install "
            f"chromium, or {_BY_HAND}"
        )
    return found


def _print(browser: str, folder: Path, query: str, timeout_s: float) -> None:
    command = [
        browser,
        *_ARGUMENTS,
        *(["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []),  # Chromium has none for root
        f"--user-data-dir={folder / 'profile'}",
        f"--print-to-pdf={folder / 'report.pdf'}",
        (folder / "report.html").as_uri() + query,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise ResultsError(f"{browser} did not print within {timeout_s:g} s; {_BY_HAND}") from error
    if done.returncode or not (folder / "report.pdf").is_file():
        said = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "nothing")
        raise ResultsError(f"{browser} ended with {done.returncode} and printed nothing; it said: {said}; {_BY_HAND}")

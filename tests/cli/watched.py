"""Watches as users start them, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelaudit.cli import main


@dataclass(frozen=True)
class Watched:
    """A command in a process of its own, what it prints, and what it says."""

    process: multiprocessing.process.BaseProcess
    out: Path
    err: Path

    def wait_for(self, found: Callable[[str], bool], seconds: float = 60.0) -> str:
        """What was printed, once it is what is waited for."""
        deadline = time.monotonic() + seconds
        while not found(text := self.out.read_text(encoding="utf-8")):
            assert self.process.is_alive() and time.monotonic() < deadline, (text, self.err.read_text(encoding="utf-8"))
            time.sleep(0.02)
        return text

    def ended(self, number: int | None = None) -> int:
        """Send a signal, if one is given, and wait for the end; the exit status."""
        if number is not None and self.process.is_alive():  # the pid of one that has ended may be another's
            os.kill(self.process.pid or 0, number)
        self.process.join(60)
        assert self.process.exitcode is not None
        return self.process.exitcode


def begun(folder: Path, *arguments: str, name: str = "watch", before: Callable[[], None] | None = None) -> Watched:
    """Start a command in a copy of this process; `before` is called in it first."""
    out, err = folder / f"{name}.out", folder / f"{name}.err"
    out.write_text("", encoding="utf-8")
    child = multiprocessing.get_context("fork").Process(target=_main, args=(arguments, out, err, before))
    child.start()
    return Watched(child, out, err)


def _main(arguments: Sequence[str], out: Path, err: Path, before: Callable[[], None] | None) -> None:
    with out.open("w", encoding="utf-8") as sys.stdout, err.open("w", encoding="utf-8") as sys.stderr:
        if before is not None:
            before()
        status = main(arguments)
    os._exit(status)  # without pytest's own exit handlers

"""``modelaudit gate``: runs pytest as a child process and checks its record as well as its exit status."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evidence.results_folder import Receipt, new_run_id
from ..evidence.states import FAILED, MET, NO_VERDICT, PASSED
from ..language.errors import AuditFileError, ResultsError
from ..language.languages import LANGUAGES
from .command_help import Example, add_command
from .terminal import language_of, say

if TYPE_CHECKING:
    from ..evidence.record import RunRecord
    from ..report.words import Words


@dataclass(frozen=True)
class Refusal:
    """The reason why a run does not pass the gate, and the exit status where pytest's own is 0."""

    why: str
    status: int


def add(commands: Any) -> None:
    """Add the command to those of ``modelaudit``."""
    gate = add_command(
        commands,
        "gate",
        "run pytest --audit-gate and exit 0 only where the record of that run is a PASS of the whole",
        Example(
            "in CI: all audits below a folder, and JUnit XML for the service",
            "modelaudit gate audits/ --junitxml=audit-results/junit.xml",
        ),
        description="Runs pytest --audit-gate as a child process. Exits 0 only where pytest does, and the record of "
        "this very run is there, is consistent, and is a PASS of every declared expectation; otherwise with pytest's "
        "exit status.",
        usage="modelaudit gate [pytest arguments]",
        add_help=False,
        prefix_chars="\0",  # every argument is pytest's
    )
    gate.add_argument("arguments", nargs="*", help="passed on to pytest as they are")
    gate.set_defaults(run=_run, help=gate.format_help)


def _run(given: argparse.Namespace) -> int:
    if given.arguments in (["--help"], ["-h"]):
        print(given.help())
        return PASSED
    from ..report.error_texts import error_text
    from .words import command_words

    with tempfile.TemporaryDirectory(prefix="modelaudit-gate-") as folder:
        receipt = Receipt(new_run_id(), str(Path(folder) / "record"))
        status = _pytest(given.arguments, receipt)
        words, kept = command_words(_language(given.arguments)), receipt.folder()
        try:
            if kept is None:
                refused: Refusal | None = Refusal(words._("gate_no_record", status=status), FAILED)
            else:
                refused = refusal(_record(kept), receipt.run_id, status, words)
        except ResultsError as error:
            told = "" if words.language == "en" else error_text(str(error), words)
            refused = Refusal(f"{told}\n{error}" if told else str(error), FAILED)
    if refused is None:
        return PASSED
    say(*words._("gate_refused", why=refused.why).split("\n"), file=sys.stderr)
    return status if status != PASSED else refused.status


def refusal(record: RunRecord, run_id: str, status: int, words: Words) -> Refusal | None:
    """Decides whether a run passes the gate; None if it does.

    Args:
        record: what was read, and is consistent.
        run_id: of the run that was started.
        status: pytest's exit status.
    """
    if record.id != run_id:
        return Refusal(words._("gate_other_run", found=record.id, run=run_id), FAILED)
    if record.overall not in MET or not record.whole or record.exit_status != PASSED:
        return Refusal(_not_a_pass(record, status, words), record.exit_status or NO_VERDICT)
    return None if status == PASSED else Refusal(words._("gate_something_else", status=status), status)


def _not_a_pass(record: RunRecord, status: int, words: Words) -> str:
    from ..report.notes import missing_text

    state = words.named("state", record.overall)
    missing = record.missing if words.language == "en" else missing_text(record, words)
    said = words._("gate_state_missing", state=state, missing=missing) if missing else ""
    said = said or words._("gate_state", state=state)
    return words._("gate_contradicted", refused=said, status=status) if status == PASSED else said


def _record(folder: Path) -> RunRecord:
    from ..evidence.consistency import read_consistent_record

    return read_consistent_record(folder)


def _language(arguments: Sequence[str]) -> str:
    """The last ``--audit-language`` among pytest's arguments, else that of its configuration; pytest has refused any
    other by then."""
    typed = None
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--audit-language":
            typed = value if equals else "".join(arguments[at + 1 : at + 2])
    try:
        return language_of(typed if typed in LANGUAGES else None)
    except AuditFileError:
        return "en"


def _pytest(arguments: Sequence[str], receipt: Receipt) -> int:
    """The exit status of pytest; 128 and the number of the signal where one ended it, as shells have it."""
    command = [sys.executable, "-m", "pytest", "--audit-gate", *arguments]
    with subprocess.Popen(command, env=os.environ | receipt.variable()) as child, _signals_for(child):
        status = child.wait()
    return status if status >= 0 else 128 - status


@contextmanager
def _signals_for(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Passes SIGTERM on to pytest, which then still writes its record. Ctrl-C reaches both by itself."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: child.terminate()),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

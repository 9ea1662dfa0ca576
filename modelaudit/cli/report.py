"""``modelaudit report``: the reports of a run anew, from its record: whole or redacted, as HTML or PDF."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evidence.results_folder import resolve_run
from ..language.errors import ResultsError, first_line
from .command_help import Example, add_command
from .terminal import add_budget, add_language, add_run_folder, say

if TYPE_CHECKING:
    from ..evidence.record import RunRecord

REPORT, REDACTED = "report", "report-redacted"


def add(commands: Any) -> None:
    """Add the command to those of ``modelaudit``."""
    report = add_command(
        commands,
        "report",
        "write report.html and summary.md anew from a run's record",
        Example("the latest run; report.html opens in Japanese", "modelaudit report --language ja"),
        Example("by templates of your own", "modelaudit report RUN --templates our-look"),
        Example("at most so large: smaller pictures, then fewer", "modelaudit report RUN --budget 2MB"),
        Example("RUN/report-redacted.html: no image, path or id", "modelaudit report RUN --redact"),
        Example(
            "the same for a supplier, with codes that stay the same from report to report",
            "modelaudit report RUN --redact --salt ours -o for_the_supplier.html",
        ),
        Example("RUN/report.pdf: page one, what is not met, provenance", "modelaudit report RUN --pdf"),
        Example("and everything else", "modelaudit report RUN --pdf --full"),
        Example(
            "page one with the level that modelaudit verify --json reached",
            "modelaudit report RUN --verified answer.json -o verified.html",
        ),
        description="Checks the record of a run and writes report.html and summary.md anew, or one file that is asked "
        "for by --redact, --pdf or -o.",
    )
    add_run_folder(report)
    report.add_argument("-o", dest="output", type=Path, metavar="FILE", help="write this file alone")
    report.add_argument(
        "--redact",
        action="store_true",
        help="show no image, path or id: silhouettes, heat maps, and codes in place of ids",
    )
    report.add_argument(
        "--salt",
        type=Path,
        metavar="FILE",
        help="secret that codes are made with; the same in two reports makes the same codes (default: "
        "redaction-salt in RUN; made if missing)",
    )
    report.add_argument(
        "--pdf",
        action="store_true",
        help="print RUN/report.pdf with the machine's Chromium, Chrome or Edge: page one, what is not met, classes by "
        "contexts, and provenance",
    )
    report.add_argument("--full", action="store_true", help="with --pdf: print everything")
    report.add_argument(
        "--verified",
        type=Path,
        metavar="ANSWER",
        help="show on page one how far this answer of modelaudit verify --json got; with -o, --redact or --pdf",
    )
    report.add_argument("--templates", type=Path, metavar="DIR", help="folder whose templates come first")
    add_budget(report)
    add_language(report, "the terminal and summary.md, and that in which the report opens")
    report.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    from ..acceptance.statement import EVIDENCE_NAME, write_evidence
    from ..evidence.consistency import read_record_with_pictures
    from ..language.whole_file import write_whole
    from ..report import render_html, write_reports
    from .pdf import write_pdf

    if given.full and not given.pdf:
        raise ResultsError("--full is for --pdf: report.html holds everything already; add --pdf, or leave --full out")
    if given.verified and not (given.redact or given.pdf or given.output):
        raise ResultsError(
            "--verified: give the report a file of its own with -o: that of the run stays as it was made"
        )
    folder = resolve_run(given.run_folder)
    how = {"language": given.language, "budget_bytes": given.budget, "templates_dir": given.templates}
    record = read_record_with_pictures(folder)
    if given.verified is not None:
        record = _with_level(record, given.verified)
    if not given.redact and not given.pdf and given.output is None:
        _refuse_signed(folder)
        for path in write_reports(folder, record=record, **how):
            say(str(path))
        if (folder / EVIDENCE_NAME).is_file():
            write_evidence(record, folder)
        return 0
    shown = redacted_record(record, given.salt, folder, given.language) if given.redact else record
    page = render_html(shown, folder, **how)
    target = given.output or folder / f"{REDACTED if given.redact else REPORT}.{'pdf' if given.pdf else 'html'}"
    say(str(write_pdf(page, target, full=given.full) if given.pdf else write_whole(target, page)))
    return 0


def _with_level(record: RunRecord, file: Path) -> RunRecord:
    """The record with the level of an answer that is about it."""
    from pydantic import ValidationError

    from ..evidence.record import ShownVerification, record_digest
    from ..language.json_file import read_json

    answer = read_json(file, ResultsError)
    if not isinstance(answer, dict) or answer.get("format") != "modelaudit verification":
        raise ResultsError(f"{file}: is not an answer of modelaudit verify; write one with --json {file}")
    digest = record_digest(record)
    if answer.get("record_sha256") != digest:
        raise ResultsError(
            f"{file}: record_sha256: is {answer.get('record_sha256')}, and this run.json has {digest}: it is about "
            "another run"
        )
    try:
        shown = ShownVerification.model_validate({name: answer.get(name) for name in ("level", "signed_by")})
    except ValidationError as error:
        raise ResultsError(f"{file}: is not an answer of modelaudit verify: {first_line(error)}") from error
    return record.model_copy(update={"verified": shown, "digest": digest})


def _refuse_signed(folder: Path) -> None:
    from ..acceptance.statement import SIGNED_NAME

    signed = folder / SIGNED_NAME
    if signed.exists():
        raise ResultsError(
            f"{signed}: signs the report.html that is there, and would not fit another; give a file of its own with -o"
        )


def redacted_record(record: RunRecord, salt: Path | None, folder: Path, language: str) -> RunRecord:
    """The record without what identifies images, by the salt in that file, else in the folder of the run."""
    from ..evidence.redaction import SALT_NAME, read_salt, redacted
    from .words import command_words

    file = salt or folder / SALT_NAME
    if not file.exists():
        say(command_words(language)._("report_new_salt", file=file))
    return redacted(record, read_salt(file))

"""What a pack holds that is made of a run's record: whoever has the record can make it again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..language.byte_size import byte_size
from ..language.errors import AcceptanceError
from ..language.languages import LANGUAGES

if TYPE_CHECKING:
    from ..acceptance.pack import ReportSettings
    from ..evidence.record import RunRecord

_LANGUAGE = re.compile(rb'<html lang="(en|ja)"')
_OPTION, _BUDGET = "--audit-report-budget", 5_000_000


def made_of(record: RunRecord, folder: Path, how: ReportSettings) -> dict[str, bytes]:
    """The reports of a run, and what a pack says to the other party, by their names in the pack.

    Codes of the redacted report are made with a digest of ``run.json``, which its readers do not have: so whoever has
    the pack can make it again, and nobody else can try names.

    Args:
        folder: of the run, which holds its record and its pictures.
    """
    from ..acceptance.pack import REDACTED_NAME, RUN, SUMMARY_NAME
    from ..acceptance.statement import REPORT_NAME
    from ..evidence.record import RECORD_NAME
    from ..evidence.redaction import redacted
    from ..report.pack_readme import pack_readme
    from ..report.render import render_html, render_summary

    salt = hashlib.sha256(b"modelaudit pack\n" + (folder / RECORD_NAME).read_bytes()).digest()
    shown = {REPORT_NAME: record, REDACTED_NAME: redacted(record, salt)}
    made = {
        f"{RUN}{name}": render_html(one, folder, language=how.language, budget_bytes=how.budget)
        for name, one in shown.items()
    }
    made[f"{RUN}{SUMMARY_NAME}"] = render_summary(record, language=how.language)
    made |= {f"README.{language}.md": pack_readme(record, language=language) for language in LANGUAGES}
    return {name: text.encode() for name, text in made.items()}


def settings_of(files: Mapping[str, bytes], record: RunRecord, folder: Path) -> ReportSettings:
    """How the report of a run was made: its language is read off it, its size is that of the run's options.

    Args:
        files: of the run, by their names in a pack.

    Raises:
        AcceptanceError: the run has no report.
    """
    from ..acceptance.pack import RUN
    from ..acceptance.statement import REPORT_NAME

    return _settings(files.get(f"{RUN}{REPORT_NAME}", b""), record, folder)


def settings_of_run(record: RunRecord, folder: Path) -> ReportSettings:
    """The same of a run in its folder."""
    from ..acceptance.statement import REPORT_NAME
    from ..language.regular_files import read_file

    try:
        return _settings(read_file(folder / REPORT_NAME), record, folder)
    except OSError:
        return _settings(b"", record, folder)


def _settings(report: bytes, record: RunRecord, folder: Path) -> ReportSettings:
    from ..acceptance.pack import ReportSettings
    from ..acceptance.statement import REPORT_NAME

    found = _LANGUAGE.search(report[:4096])
    if found is None:
        raise AcceptanceError(f"{folder / REPORT_NAME}: is not a report; write it anew: modelaudit report {folder}")
    language: Literal["en", "ja"] = "ja" if found[1] == b"ja" else "en"
    return ReportSettings(language=language, budget=_budget(record))


def _budget(record: RunRecord) -> int:
    typed = re.search(rf"{_OPTION}[= ](\S+)", record.command)
    text = typed[1] if typed else record.provenance.options.get("ini audit_report_budget")
    try:
        return _BUDGET if text is None else byte_size(text)
    except ValueError:
        return _BUDGET

"""Kinds of export that a CI service shows where code is reviewed: GitHub and GitLab."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..language.errors import ResultsError
from .command_help import Command, Example
from .export_kind import ExportedRun, ExportKind, folder_of, to_folder, write_out
from .terminal import say
from .words import command_words

if TYPE_CHECKING:
    from ..exports.findings import AuditFinding


def _github_options(command: Command) -> None:
    text = "append the summary to this file (default: the one that GITHUB_STEP_SUMMARY names)"
    command.add_argument("-o", dest="output", type=Path, metavar="FILE", help=text)
    _add_prefix(command, "GITHUB_WORKSPACE")


def _gitlab_options(command: Command) -> None:
    to_folder(command)
    _add_prefix(command, "CI_PROJECT_DIR")


def _add_prefix(command: Command, project: str) -> None:
    text = f"folder of pytest's rootdir in the repository (default: this folder as seen from {project})"
    command.add_argument("--prefix", metavar="DIR", help=text)
    command.set_defaults(project=project)


def _github(run: ExportedRun, given: argparse.Namespace) -> None:
    from ..exports.github import workflow_commands

    words, named = command_words(given.language), os.environ.get("GITHUB_STEP_SUMMARY")
    if given.output is not None or named:
        _append_summary(run, given.output or Path(str(named)), given.language)
    write_out("".join(f"{line}\n" for line in workflow_commands(_findings(run, given), words)))


def _append_summary(run: ExportedRun, file: Path, language: str) -> None:
    from ..exports.github import MOST_BYTES, job_summary

    try:
        written = file.stat().st_size if file.exists() else 0
        with file.open("a", encoding="utf-8") as summary:
            summary.write(job_summary(run.record, command_words(language), room=MOST_BYTES - written))
    except OSError as error:
        raise ResultsError(f"{file}: cannot be written ({error.strerror}); name another file with -o") from error


def _gitlab(run: ExportedRun, given: argparse.Namespace) -> None:
    from ..exports.github import job_summary
    from ..exports.gitlab import CODE_QUALITY, METRICS, SUMMARY, code_quality, metrics_report
    from ..language.whole_file import write_whole

    folder = folder_of(given)
    made = {
        CODE_QUALITY: code_quality(_findings(run, given)),
        METRICS: metrics_report(run.record),
        SUMMARY: job_summary(run.record, command_words(given.language)),
    }
    for name, text in made.items():
        say(str(write_whole(folder / name, text)))


def _findings(run: ExportedRun, given: argparse.Namespace) -> tuple[AuditFinding, ...]:
    from ..exports.findings import findings_of

    return findings_of(run.record, command_words(given.language), report=run.report, prefix=_prefix(given))


def _prefix(given: argparse.Namespace) -> str:
    """The folder of pytest's rootdir in the repository, with a slash behind it; empty where it is the root."""
    prefix: str | None = given.prefix
    if prefix is None:
        project = os.environ.get(given.project)
        here = Path.cwd().resolve()
        inside = bool(project) and here.is_relative_to(Path(str(project)).resolve())
        prefix = here.relative_to(Path(str(project)).resolve()).as_posix() if inside else ""
    prefix = prefix.strip("/").removeprefix("./")
    return f"{prefix}/" if prefix not in ("", ".") else ""


GITHUB = ExportKind(
    "github",
    "annotations of the audit files, and the summary of the job",
    (
        Example("a step of a workflow, after pytest", "modelaudit export github audit-results/latest"),
        Example("the summary into a file", "modelaudit export github RUN -o summary.md"),
    ),
    _github,
    _github_options,
    notes="It prints workflow commands (::error file=...): run it in a step whose output\nGitHub reads, "
    "also where pytest failed (if: always()). GitHub shows ten\nannotations of a level; of more the last one names "
    "the others.",
)
GITLAB = ExportKind(
    "gitlab",
    "code quality report, metrics report and summary for merge requests",
    (Example("a job, after pytest", "modelaudit export gitlab -o gitlab"),),
    _gitlab,
    _gitlab_options,
    notes="written: gl-code-quality-report.json (artifacts:reports:codequality),\nmetrics.txt "
    "(artifacts:reports:metrics) and audit-summary.md.",
)

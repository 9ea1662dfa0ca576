"""Kinds of export that stand with a model: a run of MLflow, and its model card."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from .command_help import Command, Example
from .export_kind import ExportedRun, ExportKind
from .terminal import say
from .words import command_words

#: files of a run that MLflow keeps, where they are there; pictures stand in the report
_KEPT = ("report.html", "summary.md", "run.json", "evidence.json", "evidence.dsse")


def _mlflow_options(command: Command) -> None:
    command.add_argument("--tracking-uri", metavar="URI", help="server or store (default: MLFLOW_TRACKING_URI)")
    text = "experiment; made if missing (default: modelaudit)"
    command.add_argument("--experiment", metavar="NAME", default="modelaudit", help=text)
    text = "add to this run, as that of the training (default: a new run)"
    command.add_argument("--run-id", metavar="ID", help=text)


def _mlflow(run: ExportedRun, given: argparse.Namespace) -> None:
    from ..exports.github import job_summary
    from ..exports.mlflow_run import LONGEST_NOTE, log_run

    words = command_words(given.language)
    with _artefacts(run, given.language) as files:
        logged = log_run(
            run.record,
            files,
            tracking_uri=given.tracking_uri,
            experiment=given.experiment,
            run_id=given.run_id,
            note=job_summary(run.record, words, room=LONGEST_NOTE),
        )
    where = {"run": logged.run_id, "experiment": logged.experiment_id}
    say(words._("export_mlflow_logged" if logged.new else "export_mlflow_there", **where))


@contextmanager
def _artefacts(run: ExportedRun, language: str) -> Iterator[list[Path]]:
    """The files of the run; of a redacted one those that can be made without what was left out."""
    from ..report import REPORT_NAME, SUMMARY_NAME, render_html, render_summary

    if not run.record.redacted:
        yield [file for name in _KEPT if (file := run.folder / name).is_file()]
        return
    with TemporaryDirectory() as place:
        page = render_html(run.record, run.folder, language=language)
        made = {REPORT_NAME: page, SUMMARY_NAME: render_summary(run.record, language=language)}
        for name, text in made.items():
            (Path(place) / name).write_text(text, encoding="utf-8")
        yield [Path(place) / name for name in made]


MLFLOW = ExportKind(
    "mlflow",
    "a run of MLflow: metrics with bounds, verdicts as tags, the report",
    (
        Example("the latest run, to a server", "modelaudit export mlflow --tracking-uri http://mlflow.example"),
        Example("into the run of the training", "modelaudit export mlflow RUN --run-id 0123456789abcdef"),
    ),
    _mlflow,
    _mlflow_options,
    notes="A record that is there already is not logged again. Needs MLflow, or its client\nalone: pip install "
    "'pytest-modelaudit[mlflow]'",
)

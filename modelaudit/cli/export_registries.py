"""Kinds of export that stand with a model: a run of MLflow, and its model card."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ..language.errors import ResultsError
from .command_help import Command, Example
from .export_kind import ExportedRun, ExportKind, write_file
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

    if run.folder is None:  # a baseline has no report
        yield []
        return
    if not run.record.redacted:
        yield [file for name in _KEPT if (file := run.folder / name).is_file()]
        return
    with TemporaryDirectory() as place:
        page = render_html(run.record, run.folder, language=language)
        made = {REPORT_NAME: page, SUMMARY_NAME: render_summary(run.record, language=language)}
        for name, text in made.items():
            (Path(place) / name).write_text(text, encoding="utf-8")
        yield [Path(place) / name for name in made]


def _card_options(command: Command) -> None:
    text = "model card, as README.md; what else is in it stays (default: a new card on standard output)"
    command.add_argument("-o", dest="output", type=Path, metavar="FILE", help=text)
    command.add_argument("--model", metavar="NAME", help="the model under test, where the run has several")
    text = "id of the data set on the Hub (default: the kind of source, as folder)"
    command.add_argument("--dataset", metavar="ID", help=text)


def _card(run: ExportedRun, given: argparse.Namespace) -> None:
    from ..exports.model_card import card_results, card_section, card_subject, with_section

    subject = card_subject(run.record, given.model)
    section, results = card_section(subject, given.language), card_results(subject, given.dataset)
    where = str(given.output or "the card")
    write_file(with_section(_card_there(given.output), section, results, subject.title, where=where), given)


def _card_there(file: Path | None) -> str:
    """The text of a card, its line ends as they are; empty where there is none."""
    if file is None or not file.exists():
        return ""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{file}: cannot be read as text ({error}); give a Markdown file in UTF-8") from error


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
MODEL_CARD = ExportKind(
    "model-card",
    "a section of a model card, and its model-index for Hugging Face",
    (
        Example("the latest run, into the card that is there", "modelaudit export model-card -o README.md"),
        Example(
            "one of several models, in Japanese", "modelaudit export model-card RUN --model candidate --language ja"
        ),
    ),
    _card,
    _card_options,
    notes="The section stands between two markers and is replaced by the next export.\n"
    "model-index gets what counts and is decided, with its bounds. Needs\n"
    "huggingface-hub: pip install 'pytest-modelaudit[model-card]'",
)

"""The command line: ``modelaudit schema``, ``modelaudit report``, ``modelaudit store``, ``modelaudit demo``."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import __version__
from .language.errors import AuditError, ResultsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 on success, 2 on a wrong call or an error that says what to do."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        return int(given.run(given))
    except AuditError as error:
        print(f"modelaudit: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("modelaudit", description="Audits of image classifiers; run them with pytest.")
    parser.add_argument("--version", action="version", version=f"modelaudit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    schema = commands.add_parser("schema", help="print the JSON schema of *.audit.yaml files")
    schema.set_defaults(run=_schema)

    report = commands.add_parser("report", help="write report.html and summary.md anew from a run's record")
    report.add_argument("run_folder", type=Path, nargs="?", default=Path("audit-results/latest"), metavar="RUN")
    report.add_argument("--templates", type=Path, metavar="DIR", help="folder whose templates come first")
    report.set_defaults(run=_report)

    _add_store(commands)

    demo = commands.add_parser("demo", help="the built-in inspection line")
    steps = demo.add_subparsers(required=True, metavar="STEP")
    train = steps.add_parser("train", help="train the demo's two models again and write their weights")
    train.add_argument("--into", type=Path, metavar="DIR", help="folder for the weights (default: the package's own)")
    train.set_defaults(run=_train)
    return parser


def _add_store(commands: Any) -> None:
    store = commands.add_parser("store", help="the per-image values that earlier runs left behind")
    steps = store.add_subparsers(required=True, metavar="STEP")
    for name, run, text in (
        ("info", _store_info, "where it is, how large, and what it holds"),
        ("prune", _store_prune, "remove what was used longest ago"),
        ("clear", _store_clear, "remove all of it"),
    ):
        step = steps.add_parser(name, help=text)
        step.add_argument(
            "--store", type=Path, metavar="DIR", help="its folder (default: the nearest .modelaudit, upwards from here)"
        )
        step.set_defaults(run=run)
        if name == "prune":
            step.add_argument("--older-than", metavar="TIME", help="what was not used for so long, e.g. 30d or 4w")
            step.add_argument("--keep-size", metavar="SIZE", help="the oldest until so much is left, e.g. 500M or 1G")
        if name == "clear":
            step.add_argument("--yes", action="store_true", help="do not ask")


def _schema(_: argparse.Namespace) -> int:
    from .language.yaml_file import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _report(given: argparse.Namespace) -> int:
    from .evidence.folder import resolve_run
    from .report import write_reports

    for path in write_reports(resolve_run(given.run_folder), templates_dir=given.templates):
        print(path)
    return 0


def _store_info(given: argparse.Namespace) -> int:
    from .engine.store.upkeep import contents_of, located

    found = contents_of(located(given.store))
    print(f"{found.file}: {_readable(found.size)}")
    print(f"{found.values} values, {found.pictures} pictures, digests of {found.files} files")
    for one in found.holdings:
        print(
            f"{one.model} under {one.context} on {one.data}: {one.images} images, {one.values} values "
            f"(since {_date(one.created)}, last used {_date(one.used)})"
        )
    return 0


def _store_prune(given: argparse.Namespace) -> int:
    from .engine.store.upkeep import bytes_of, days_of, located, prune

    if given.older_than is None and given.keep_size is None:
        raise ResultsError("say what may go: --older-than 30d, --keep-size 1G, or both")
    folder = located(given.store)
    before, after = prune(
        folder,
        older_than=None if given.older_than is None else days_of(given.older_than),
        keep_size=None if given.keep_size is None else bytes_of(given.keep_size),
    )
    print(f"{folder}: {_readable(before)} before, {_readable(after)} now")
    return 0


def _store_clear(given: argparse.Namespace) -> int:
    from .engine.store.upkeep import clear, contents_of, located

    folder = located(given.store)
    if not given.yes:
        if not sys.stdin.isatty():
            raise ResultsError(f"{folder} would be removed; say --yes where nobody can be asked")
        answer = input(f"remove {folder} ({_readable(contents_of(folder).size)})? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            print("nothing was removed")
            return 0
    print(f"{folder}: {_readable(clear(folder))} removed")
    return 0


def _readable(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if unit != "bytes" else f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"


def _date(day: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()


def _train(given: argparse.Namespace) -> int:
    from tqdm import tqdm

    from .demo.source_models import WEIGHTS
    from .demo.training import regenerate

    with tqdm(unit="step", file=sys.stderr) as bar:

        def show(name: str, done: int, total: int) -> None:
            bar.set_description(f"training {name}", refresh=False)
            bar.total, bar.n = total, done
            bar.refresh()

        manifest = regenerate(given.into or WEIGHTS, show)
    print(manifest)
    return 0

"""The command line: ``modelaudit`` init, gate, data, masks, contexts, plan, report, merge, store, schema and demo."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .. import __version__
from ..language.errors import AuditError
from ..language.plain_text import plain
from . import contexts, data, gate, init, masks, merge, plan, report, store
from .terminal import language_of, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0 on success, 2 on a wrong call or an error that says what to do; ``gate`` and
    ``merge`` end as pytest does."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        if "language" in given:
            given.language = language_of(given.language)
        return int(given.run(given))
    except AuditError as error:
        say(*f"modelaudit: {error}".split("\n"), file=sys.stderr)
        return 2


class _Parser(argparse.ArgumentParser):
    """Names what it does not take as it names everything: plain."""

    def error(self, message: str) -> NoReturn:
        super().error(plain(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("modelaudit", description="Audits of image classifiers; run them with pytest.")
    parser.add_argument("--version", action="version", version=f"modelaudit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    schema = commands.add_parser("schema", help="print the JSON schema of *.audit.yaml files")
    schema.set_defaults(run=_schema)

    report.add(commands)
    init.add(commands)
    gate.add(commands)
    data.add(commands)
    masks.add(commands)
    contexts.add(commands)
    plan.add(commands)
    merge.add(commands)
    store.add(commands)

    demo = commands.add_parser("demo", help="the built-in inspection line")
    steps = demo.add_subparsers(required=True, metavar="STEP")
    train = steps.add_parser("train", help="train the demo's two models again and write their weights")
    train.add_argument("--into", type=Path, metavar="DIR", help="folder for the weights (default: the package's own)")
    train.set_defaults(run=_train)
    return parser


def _schema(_: argparse.Namespace) -> int:
    from ..language.yaml_file import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _train(given: argparse.Namespace) -> int:
    from tqdm import tqdm

    from ..demo.source_models import WEIGHTS
    from ..demo.training import regenerate

    with tqdm(unit="step", file=sys.stderr) as bar:

        def show(name: str, done: int, total: int) -> None:
            bar.set_description(f"training {name}", refresh=False)
            bar.total, bar.n = total, done
            bar.refresh()

        manifest = regenerate(given.into or WEIGHTS, show)
    print(manifest)
    return 0

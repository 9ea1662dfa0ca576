"""The command line: ``modelaudit`` and its commands."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..language.errors import AuditError
from . import (
    agree,
    baseline,
    contexts,
    coverage,
    data,
    diff,
    export,
    gate,
    history,
    init,
    lock,
    masks,
    merge,
    pack,
    plan,
    probe,
    render,
    replay,
    report,
    review,
    review_add,
    store,
    verify,
    waivers,
    watch,
)
from .command_help import Command, Example, HelpFormatter, add_command, epilog
from .terminal import language_of, say

#: 128 and the number of SIGPIPE: what a shell reports of a program that such a signal ended
_READER_GONE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0 on success, 2 on a wrong call or an error that says what to do; ``gate`` and
    ``merge`` end as pytest does. Where the reader of the output has gone (``| head``), it ends quietly with 141."""
    try:
        try:
            return _main(arguments)
        finally:
            sys.stdout.flush()  # here, not when the interpreter ends, where nobody could catch its error
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still in the buffer
        return _READER_GONE


def _main(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    given = parser.parse_args(_with_steps(sys.argv[1:] if arguments is None else arguments))
    try:
        if "language" in given:
            given.language = language_of(given.language)
        return int(given.run(given))
    except AuditError as error:
        say(*_error_lines(str(error), getattr(given, "language", None)), file=sys.stderr)
        return 2


#: what adds to a command that also takes a folder: a command of its own, whose name has two words
_STEPS = ("review add",)


def _with_steps(arguments: Sequence[str]) -> list[str]:
    """The arguments, the name of such a step as one of them."""
    step = " ".join(arguments[:2])
    return [step, *arguments[2:]] if step in _STEPS else list(arguments)


def _error_lines(error: str, language: str | None) -> list[str]:
    """An error in the language of the command, where its form is known, and in English, by which it can be searched."""
    first, *rest = error.split("\n")
    text = ""
    if language not in (None, "en"):
        from ..report.error_texts import error_text
        from .words import command_words

        text = error_text(error, command_words(language))
    if not text:
        return [f"modelaudit: {first}", *rest]
    return [f"modelaudit: {text}", f"  {first}", *(f"  {line}" for line in rest)]


_EXAMPLES = (
    Example(
        "a first audit of your data and your model",
        "modelaudit init data/line_a models/parts.ts --classes bolt,nut",
    ),
    Example("run it", "pytest audits/"),
    Example("the report of the latest run anew, so that it opens in Japanese", "modelaudit report --language ja"),
)


#: what makes the schema of each kind of file
_SCHEMAS = {
    "audit": "..language.yaml_file",
    "agreement": "..acceptance.agreement",
    "costs": "..evidence.costs",
    "waivers": "..acceptance.waivers",
    "monitor": "..monitoring.monitor_file",
    "standard": "..standards.standard_file",
    "remote": "..models.http.remote_file",
}


def _parser() -> Command:
    parser = Command(
        "modelaudit",
        description="Audits of image classifiers; run them with pytest. modelaudit COMMAND --help explains a command.",
        epilog=epilog(
            _EXAMPLES, status="0 done, 2 a wrong call or an error that says what to do; others where a command says so"
        ),
        formatter_class=HelpFormatter,
    )
    parser.examples = _EXAMPLES
    parser.add_argument("--version", action="version", version=f"modelaudit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    init.add(commands)
    data.add(commands)
    masks.add(commands)
    contexts.add(commands)
    plan.add(commands)
    probe.add(commands)
    render.add(commands)
    agree.add(commands)
    lock.add(commands)
    report.add(commands)
    replay.add(commands)
    history.add(commands)
    review.add(commands)
    review_add.add(commands)
    diff.add(commands)
    gate.add(commands)
    merge.add(commands)
    baseline.add(commands)
    coverage.add(commands)
    pack.add(commands)
    export.add(commands)
    verify.add(commands)
    store.add(commands)
    waivers.add(commands)
    watch.add(commands)
    _add_schema(commands)
    _add_demo(commands)
    return parser


def _add_schema(commands: Any) -> None:
    schema = add_command(
        commands,
        "schema",
        "print the JSON schema of *.audit.yaml, agreement.yaml, waivers.yaml, monitor.json, standards, remote models",
        Example("for an editor that completes and checks YAML", "modelaudit schema"),
    )
    what = "audit (default), agreement, costs, waivers, monitor, standard or remote"
    schema.add_argument("what", metavar="WHAT", nargs="?", choices=_SCHEMAS, default="audit", help=what)
    schema.set_defaults(run=_schema)


def _add_demo(commands: Any) -> None:
    train_again = Example("into a folder of your own", "modelaudit demo train --into weights")
    demo = add_command(commands, "demo", "the built-in inspection line", train_again)
    steps = demo.add_subparsers(required=True, metavar="STEP")
    train = add_command(steps, "train", "train the demo's two models again and write their weights", train_again)
    train.add_argument("--into", type=Path, metavar="DIR", help="folder for the weights (default: the package's own)")
    train.set_defaults(run=_train)


def _schema(given: argparse.Namespace) -> int:
    from importlib import import_module

    print(json.dumps(import_module(_SCHEMAS[given.what], __package__).json_schema(), indent=2))
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

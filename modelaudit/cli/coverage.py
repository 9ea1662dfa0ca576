"""``modelaudit coverage``: which requirements and records of a run are evidence for the items of a standard."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evidence.results_folder import resolve_run
from ..language import registry
from ..language.errors import StandardError, nearest
from .command_help import Example, add_command
from .terminal import add_language, add_run_folder, say, wrapped

if TYPE_CHECKING:
    from ..evidence.record import RunRecord
    from ..report.standards import ItemView, StandardView
    from ..report.words import Words
    from ..standards.standard_file import Standard

_NOTES = """It lists evidence, for and against. Whether an item of a standard is
fulfilled is for people to judge, and the command does not say it. Of the
standards only ids and titles are here; each file says where they were found.

A standard of your own is a YAML file: modelaudit schema standard."""


def add(commands: Any) -> None:
    """Add the command to those of ``modelaudit``."""
    coverage = add_command(
        commands,
        "coverage",
        "list which results of a run are evidence for the items of standards",
        Example("the latest run and every standard that comes with modelaudit", "modelaudit coverage"),
        Example(
            "the machine learning quality guideline of AIST, in Japanese",
            "modelaudit coverage RUN --standard mlqm-3 --language ja",
        ),
        Example("a standard of your own, as data", "modelaudit coverage RUN --standard ours.yaml --json coverage.json"),
        notes=_NOTES,
        status="0 listed, whatever was found; 2 a wrong call, a run or a standard that cannot be read",
    )
    add_run_folder(coverage)
    add_standards(coverage)
    coverage.add_argument("--json", metavar="FILE", help="write everything as data; - for the terminal")
    add_language(coverage, "the terminal")
    coverage.set_defaults(run=_run)


def add_standards(parser: argparse.ArgumentParser) -> None:
    """Add ``--standard``, which :func:`asked_standards` reads."""
    parser.add_argument(
        "--standard",
        action="append",
        dest="standards",
        metavar="NAME|FILE",
        help="a standard by its name, or a YAML file; may be repeated (default: every one that comes with modelaudit)",
    )


def asked_standards(given: argparse.Namespace, record: RunRecord) -> tuple[Standard, ...]:
    """The standards that ``--standard`` names, else those that come with the package.

    Raises:
        StandardError: one that cannot be read, or with a name of a measure or context that nothing here is called.
    """
    from ..standards.standard_file import built_in_standards, read_standard

    asked = tuple(read_standard(name) for name in given.standards or ())
    for one in asked:
        _refuse_unknown_names(one, record)
    return asked or built_in_standards()


def _run(given: argparse.Namespace) -> int:
    from ..evidence.consistency import read_consistent_record
    from ..language.whole_file import write_whole
    from ..report.standards import standard_views
    from ..standards.coverage import coverage_document
    from .words import command_words

    record = read_consistent_record(resolve_run(given.run_folder))
    standards = asked_standards(given, record)
    if given.json is not None:
        text = coverage_document(record, standards).model_dump_json(indent=1) + "\n"
        if given.json == "-":
            print(text, end="")
            return 0
        write_whole(Path(given.json), text)
    words = command_words(given.language).of(record.cases)
    for view in standard_views(record, standards, words, most=None):
        say(*_lines(view, words))
    say(*wrapped(words._("coverage_judged_by_people", run=record.id), indent=0, first=""))
    if given.json is not None:
        say(given.json)
    return 0


def _lines(view: StandardView, words: Words) -> Iterator[str]:
    yield from wrapped(view.title, indent=2, first="")
    yield from wrapped(view.counts, indent=2)
    yield ""
    for item in view.items:
        yield from _item_lines(item, words)
    yield from wrapped(view.source, indent=2)
    yield ""


def _item_lines(item: ItemView, words: Words) -> Iterator[str]:
    yield from wrapped(words._("two_words", first=item.item, second=item.title), indent=4, first="  ")
    parts = (
        (words._("standards_in_this_run"), item.found),
        (words._("standards_not_in_this_run"), item.missing),
        (words._("standards_not_given"), (item.not_given,)),
    )
    for heading, texts in parts:
        if texts:
            yield f"    {heading}"
        for text in texts:
            yield from wrapped(text, indent=8, first="      - ")
    yield ""


def _refuse_unknown_names(standard: Standard, record: RunRecord) -> None:
    """A name that nothing here is called would never select anything.

    Raises:
        StandardError: of a measure, composite or context that is neither registered nor used by the run.
    """
    from ..standards.coverage import names_used
    from ..standards.standard_file import FAMILIES, ORIGINAL

    used_measures, used_contexts = names_used(record)
    for item in standard.items:
        for selector in item.requirements:
            for name in set(selector.measures or ()) - used_measures:
                _refuse_unknown(name, ("measure", "composite"), "measure", item.id, standard.name)
            for name in set(selector.contexts or ()) - used_contexts - {*FAMILIES, ORIGINAL}:
                _refuse_unknown(name, ("context",), "context", item.id, standard.name)


def _refuse_unknown(name: str, kinds: tuple[str, ...], what: str, item: str, standard: str) -> None:
    known = {each for kind in kinds for each in registry.names(kind)}
    if name not in known:
        raise StandardError(
            f"standard {standard}, item {item}: no {what} is called {name!r}{nearest(name, known)}; correct it, or "
            "install what declares it"
        )

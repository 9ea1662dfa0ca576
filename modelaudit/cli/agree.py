"""``modelaudit agree``: writes a first agreement, checks it against the audits and their data, and makes the document
that the parties sign."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import AcceptanceError, AuditError
from .command_help import Example, add_command
from .terminal import add_language, say, wrapped

if TYPE_CHECKING:
    from ..acceptance.agreement import AgreementFile
    from ..report.words import Words
    from .agreed_audits import AgreedAudits

_NAME = "agreement.yaml"
_CHECKED = """checked: that the file can be read; that nothing is left to fill in; that public
keys can be read; that every expectation stands in a clause and every clause
names what there is; confidence and number of images; and the images of the
audits against the operating domain. Data are listed, no model is opened."""


def add(commands: Any) -> None:
    """Adds the command and its steps."""
    show = Example("the document for the meeting", "modelaudit agree show audits")
    agree = add_command(
        commands,
        "agree",
        "what the parties agree on before the numbers are known",
        Example("begin", "modelaudit agree init"),
    )
    steps = agree.add_subparsers(required=True, metavar="STEP")
    init = add_command(
        steps,
        "init",
        "write a first agreement.yaml from the audits that are there, to be filled in",
        Example("beside the audits in audits/", "modelaudit agree init audits"),
        description="Writes agreement.yaml with the expectations of the audits and the labels of their data. A file "
        "that exists is never overwritten.",
    )
    check = add_command(
        steps,
        "check",
        "whether the agreement, the audits and their data fit together",
        Example("before it is signed, and in CI", "modelaudit agree check audits"),
        notes=_CHECKED,
        status="0 as agreed, 1 something is not, 2 a wrong call or a file that cannot be read",
    )
    shown = add_command(steps, "show", "write the document that is signed, as HTML and as Markdown", show)
    for step, run in ((init, _init), (check, _check), (shown, _show)):
        step.add_argument("audits", metavar="AUDITS", nargs="?", type=Path, default=Path("audits"), help="their folder")
        step.set_defaults(run=run)
    add_language(init, "the terminal")
    add_language(check, "the terminal")
    shown.add_argument("-o", "--into", type=Path, metavar="DIR", help="folder (default: that of the agreement)")
    add_language(shown, "the terminal and the first half of the document")


def _init(given: argparse.Namespace) -> int:
    from .agreed_audits import read_audits
    from .agreement_draft import draft
    from .words import command_words

    words = command_words(given.language)
    audits = read_audits(given.audits, Path.cwd())
    target = given.audits / _NAME
    text = draft(audits)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise AcceptanceError(f"{target}: exists, and is not overwritten; edit it, or move it away") from None
    except OSError as error:
        raise AcceptanceError(f"{target}: cannot be written ({error.strerror})") from error
    say(words._("agree_wrote", file=target, n=words.count(len(audits.cases))), *_unknown_data(audits, words))
    say(words._("agree_next"), f"  modelaudit agree check {given.audits}", f"  modelaudit agree show {given.audits}")
    return 0


def _check(given: argparse.Namespace) -> int:
    from ..acceptance.agreement import agreement_digest
    from .words import command_words

    words = command_words(given.language)
    agreement, audits = _read(given)
    problems = [*_unfilled(agreement, words), *_keys(agreement, words), *_not_as_agreed(agreement, audits, words)]
    for problem in problems:
        say(*wrapped(problem, indent=2, first=""))
    say(*_unknown_data(audits, words))
    if problems:
        say(words._("agree_differs", file=agreement.path, n=words.count(len(problems))))
        return 1
    terms = agreement.terms
    counts = {"clauses": words.count(len(terms.clauses)), "expectations": words.count(len(audits.cases))}
    say(words._("agree_fits", file=agreement.path, **counts))
    say(words._("agree_digest", digest=agreement_digest(terms)))
    return 0


def _show(given: argparse.Namespace) -> int:
    from ..acceptance.agreement_document import agreement_document
    from ..language.whole_file import write_whole
    from ..report.agreement_pages import agreement_html, agreement_markdown
    from .words import command_words

    words = command_words(given.language)
    agreement, audits = _read(given)
    document = agreement_document(agreement.terms, [one.record for one in audits.cases])
    folder = given.into or agreement.path.parent
    if not folder.is_dir():
        raise AcceptanceError(f"{folder}: this folder does not exist; make it, or give another --into")
    html = write_whole(folder / "agreement.html", agreement_html(document, language=given.language))
    text = write_whole(folder / "agreement.md", agreement_markdown(document, language=given.language))
    say(words._("wrote", path=html), words._("wrote", path=text), words._("agree_digest", digest=document.digest))
    for problem in _unfilled(agreement, words):
        say(*wrapped(problem, indent=2, first=""), file=sys.stderr)
    return 0


def _read(given: argparse.Namespace) -> tuple[AgreementFile, AgreedAudits]:
    """The agreement of the audits, after a look whether ``about.yaml`` or ``costs.yaml`` say something else."""
    from ..acceptance.agreement import agreement_files, combined_about, read_agreement
    from ..evidence.about import about_files, read_about_file
    from ..evidence.costs import combined_costs, costs_files, read_costs
    from .agreed_audits import read_audits

    audits = read_audits(given.audits, Path.cwd())
    agreement = read_agreement(agreement_files(audits.files, Path.cwd()))
    if agreement is None:
        raise AcceptanceError(f"{given.audits}: has no {_NAME}; modelaudit agree init {given.audits} writes one")
    combined_about(agreement, read_about_file(about_files(audits.files, Path.cwd())))
    stated = read_costs(costs_files(audits.files, Path.cwd()))
    combined_costs(agreement.terms.costs, str(agreement.path), stated)
    return agreement, audits


def _unknown_data(audits: AgreedAudits, words: Words) -> Iterator[str]:
    """The data that could not be read here, and why: nobody has compared them with the agreement."""
    from ..report.error_texts import error_text

    for name, why in audits.data.unknown:
        why = error_text(why, words) or why
        yield from wrapped(words._("agree_data_unknown", data=name, why=why), indent=4, first="  ")


def _unfilled(agreement: AgreementFile, words: Words) -> Iterator[str]:
    from .agreement_draft import FILL_IN

    def texts(value: Any, where: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if isinstance(value, dict):
            for key, part in value.items():
                yield from texts(part, (*where, str(key)))
        elif isinstance(value, str) and FILL_IN in value:
            yield where

    for where in texts(agreement.terms.model_dump(exclude_none=True), ()):
        place = f"{agreement.path}:{agreement.lines.get(where, 1)}: {'.'.join(where)}"
        yield words._("agree_unfilled", place=place)


def _keys(agreement: AgreementFile, words: Words) -> Iterator[str]:
    from ..acceptance.keys import load_public_key, public_key_of
    from ..report.error_texts import verification_line

    for name, party in agreement.terms.parties.items():
        where = f"{agreement.path}:{agreement.lines.get(('parties', name, 'public_key'), 1)}: parties.{name}.public_key"
        try:
            if party.public_key is not None and "-----BEGIN" in party.public_key:
                public_key_of(party.public_key, "the text")
            elif party.public_key is not None:
                load_public_key(agreement.path.parent / party.public_key)
        except AuditError as error:
            yield words._("agree_key", place=where, why=verification_line(str(error).split("\n", 1)[0], words))


def _not_as_agreed(agreement: AgreementFile, audits: AgreedAudits, words: Words) -> Sequence[str]:
    from ..acceptance.compliance import unmet_terms
    from ..acceptance.operating_domain import coverage
    from ..report.agreed import domain_lines, unmet_lines

    terms = agreement.terms
    lines = unmet_lines(unmet_terms(terms, audits.declared()), words)
    samples = audits.samples()
    if terms.domain is not None and samples:
        lines += domain_lines(coverage(terms.domain, samples), words)
    return [line.text for line in lines if line.unmet]

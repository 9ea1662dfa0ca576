"""``modelaudit plan``: computes how many images an audit needs and what they cost, before they are collected."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import AuditError, ExpressionError
from .command_help import Example, add_command
from .terminal import add_language

if TYPE_CHECKING:
    from ..language.audit import Audit, AuditCase
    from ..language.expression import Expectation
    from ..language.sample import DataSet
    from ..report.words import Words
    from ..statistics.assumptions import Assumptions
    from .planned import Planned, Price

    #: what was planned, what it costs, and the data that could not be read, each with the reason
    _Plan = tuple[list[Planned], Price, Sequence[tuple[str, str]]]

#: endings of audit files
_FILES = (".yaml", ".yml", ".py")
_NOTES = """WHAT is a run (its folder, its run.json, or audit-results/latest, which is the
default), an audit file (*.audit.yaml, or a Python file, which is run), or one
expectation in quotes.

From a run everything but the margin is read off its values. From a file labels,
groups and clusters are read off its data and the rest is guessed; from an
expectation all of it is guessed. The margin is how much better than its
threshold the model is expected to be: 0.05 for accuracy > 0.9 of a model that
truly reaches 0.95. The numbers are those at which the rule that will decide
says PASS with the given probability, if the truth lies so far on the right side
of the threshold. It is a plan for images that are yet to be gathered: where a
run is extended after its result was seen, its confidence no longer holds."""


def add(commands: Any) -> None:
    """Adds the command."""
    plan = add_command(
        commands,
        "plan",
        "how many images an audit needs, from a pilot run or from guesses, and what they cost",
        Example("from the latest run", "modelaudit plan --margin 0.05"),
        Example(
            "before anything was measured",
            'modelaudit plan "accuracy - accuracy.under(swap_background(other_class)) < 0.05" \\\n'
            "    --guess 0.02 --discordance 0.1",
        ),
        Example(
            "until a model that is as good is shown to be, within two points",
            "modelaudit plan audits/line_a.audit.yaml --equivalence 0.02 \\\n    --discordance 0.05",
        ),
        notes=_NOTES,
        status="0 a number for everything, 1 some expectation has none, 2 a wrong call",
    )
    plan.add_argument("what", metavar="WHAT", nargs="?", default="audit-results/latest", help="run, file, expectation")
    plan.add_argument(
        "--margin",
        type=float,
        metavar="M",
        help="distance of the true value from the threshold, on the right side (default: as in the run)",
    )
    plan.add_argument("--guess", type=float, metavar="VALUE", help="the true left side, in place of --margin")
    plan.add_argument(
        "--equivalence",
        type=float,
        metavar="M",
        help="in place of --margin: the images that two runs must have in common, so that modelaudit diff shows two "
        "equally good models to be equivalent within M",
    )
    plan.add_argument("--power", type=float, default=0.8, metavar="P", help="probability of PASS (default 0.8)")
    plan.add_argument(
        "--confidence", type=float, metavar="C", help="of an expectation (default 0.95; else the audit's)"
    )
    plan.add_argument(
        "--classes",
        metavar="LIST",
        help="classes to come: bolt,nut or bolt=0.7,nut=0.3 (default: the shares in the run, or in the file's data)",
    )
    guesses = plan.add_argument_group("guesses, where there is no run")
    guesses.add_argument("--discordance", type=float, metavar="D", help="images on which two terms differ (0.1)")
    guesses.add_argument("--sd", type=float, metavar="S", help="deviation of a mean from image to image (0.2)")
    guesses.add_argument("--base", type=float, metavar="B", help="mean of a ratio's denominator (0.9)")
    guesses.add_argument("--cluster", type=int, metavar="N", help="images of one scene, camera or lot (1)")
    guesses.add_argument("--icc", type=float, metavar="R", help="correlation within a cluster (0.5)")
    plan.add_argument("--json", type=Path, metavar="FILE", help="write everything as data")
    add_language(plan, "the terminal")
    plan.set_defaults(run=_plan)


def _plan(given: argparse.Namespace) -> int:
    from .planned import document, in_all, report_lines
    from .terminal import say, wrapped
    from .words import command_words

    if given.equivalence is not None:
        from .plan_equivalence import plan_equivalence

        if given.margin is not None or given.guess is not None:
            raise ExpressionError("--equivalence states a margin of its own; leave --margin and --guess out")
        return plan_equivalence(given, list(_requirements(given.what)), _guessed(given, classes_of(given.classes)))
    if given.margin is not None and given.guess is not None:
        raise ExpressionError("--margin and --guess both state the true value; give one of them")
    shares = classes_of(given.classes)
    found, cost, notes = _of_run(given) if _is_run(given.what) else _of_guesses(given, shares)
    whole = in_all(found, shares)
    words = command_words(given.language)
    said = (line for name, why in notes for line in wrapped(_unknown_data(name, why, words), indent=2))
    say(*report_lines(found, whole, cost, given.power, words), *said)
    if given.json is not None:
        from ..language.whole_file import write_whole

        write_whole(given.json, json.dumps(document(found, whole, cost), indent=1, ensure_ascii=False) + "\n")
        say(str(given.json), file=sys.stderr)
    return 0 if all(one.images is not None for one in found) else 1


def _unknown_data(name: str, why: str, words: Words) -> str:
    """That the data of an audit could not be read here, and what that means for the plan."""
    from ..report.error_texts import error_text

    return words._("plan_data_unknown", data=name, why=error_text(why, words) or why)


def classes_of(text: str | None) -> dict[str, float]:
    """Parses shares of classes: equal ones where none are given, {} without a text.

    Raises:
        ExpressionError: invalid shares, or shares for some classes only.
    """
    if text is None:
        return {}
    pairs = [part.strip().rpartition("=") if "=" in part else (part.strip(), "", "1") for part in text.split(",")]
    try:
        shares = {name.strip(): float(share) for name, _, share in pairs}
    except ValueError as error:
        raise ExpressionError(f"--classes {text}: {error}; write bolt=0.7,nut=0.3") from None
    given = {bool(equals) for _, equals, _ in pairs}
    if len(given) > 1 or "" in shares or len(shares) < len(pairs) or not all(0 < one < 1e9 for one in shares.values()):
        raise ExpressionError(f"--classes {text}: write bolt,nut or bolt=0.7,nut=0.3, each class once")
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def _is_run(what: str) -> bool:
    path = Path(what)
    return path.name == "latest" or path.is_dir() or path.suffix == ".json"


def _of_run(given: argparse.Namespace) -> _Plan:
    from ..evidence.consistency import read_consistent_record
    from ..evidence.results_folder import resolve_run
    from .planned import cost_of_run, from_run

    for name in ("discordance", "sd", "base", "cluster", "icc"):
        if getattr(given, name) is not None:
            raise ExpressionError(
                f"--{name} is read off the run; leave it out, or name an expectation instead of a run"
            )
    record = read_consistent_record(resolve_run(Path(given.what)))
    found = list(from_run(record, _margin(given), given.power))
    if not found:
        raise ExpressionError(f"{given.what}: has no expectation to plan for")
    return found, cost_of_run(record, found), []


def _requirements(what: str) -> Iterator[tuple[str, Expectation]]:
    """The requirements that modelaudit diff would compare, by name: of a run, a file, or the one that is given."""
    if not _is_run(what):
        for name, case in _cases(what):
            if not case.must_fail:
                for model, expectation in case.variants():
                    yield name if model is None else f"{name}[{model}]", expectation
        return
    from ..evidence.consistency import read_consistent_record
    from ..evidence.results_folder import resolve_run
    from ..language.parser import parse

    for one in read_consistent_record(resolve_run(Path(what))).cases:
        if not one.must_fail:
            yield one.name, parse(one.expectation)


def _of_guesses(given: argparse.Namespace, shares: Mapping[str, float]) -> _Plan:
    from .plan_data import AuditData, label_counts
    from .planned import cost_of_cases, from_case

    if given.margin is None and given.guess is None:
        raise ExpressionError(_without_margin(given.what))
    guess = _guessed(given, shares)
    cases, data = list(_cases(given.what)), AuditData(Path.cwd())
    reads_data = Path(given.what).suffix in _FILES and not shares
    found: list[Planned] = []
    for name, case in cases:
        own = data.of(case.audit) if reads_data else None
        assumed = partial(_assumed, guess, case.audit, own, shares, clustered=given.cluster is not None)
        found += from_case(name, case, _margin(given), given.power, guess, given.confidence, assumed, label_counts(own))
    if not found:
        raise ExpressionError(
            f"{given.what}: has no expectation to plan for: known-bad models and about='this_set' need no number"
        )
    return found, cost_of_cases(cases), data.unknown


def _guessed(given: argparse.Namespace, shares: Mapping[str, float]) -> Assumptions:
    """The assumptions that the options state."""
    from ..statistics.assumptions import Assumptions

    names = {
        "discordance": given.discordance,
        "deviation": given.sd,
        "base": given.base,
        "cluster": given.cluster,
        "correlation": given.icc,
    }
    return Assumptions(classes=tuple(shares), **{name: value for name, value in names.items() if value is not None})


def _assumed(
    guess: Assumptions,
    audit: Audit,
    data: DataSet | None,
    shares: Mapping[str, float],
    expectation: Expectation,
    *,
    clustered: bool,
) -> Assumptions:
    """The assumptions about the images of an expectation: by the shares to come, else by its data, else by guesses."""
    from .plan_data import of_classes, of_data

    if shares:
        return of_classes(guess, shares, expectation, audit)
    return guess if data is None else of_data(guess, expectation, audit, data, clustered=clustered)


def _without_margin(what: str) -> str:
    """What is said where neither --margin nor --guess is given, with the call that works."""
    return (
        "without a run it is not known how far the true value lies from the threshold: that distance, the margin, "
        "decides how many images are needed. Say how much better than its threshold you expect the model to be: with "
        "'accuracy > 0.9' and a model that truly reaches 0.95 it is 0.05. Run: modelaudit plan "
        f"{shlex.quote(what)} --margin 0.05 (or give --guess, the true value of an expectation)"
    )


def _margin(given: argparse.Namespace) -> Any:
    """The distance of the true value from the threshold, on the right side; None: as in the pilot."""
    from .planned import margin_of

    return margin_of(given.margin, given.guess)


def _cases(what: str) -> Iterator[tuple[str, AuditCase]]:
    """The named cases of a file, or the one expectation that was given."""
    from ..language.audit import Audit
    from ..language.parser import parse

    path = Path(what)
    if path.suffix in _FILES:
        yield from cases_of_file(path)
        return
    expectation = parse(what)
    names = sorted({measure.model for measure in expectation.expression.measures() if measure.model is not None})
    audit = Audit({name: name for name in names} or "model", "data")
    yield str(expectation), audit.expect(expectation)


def cases_of_file(path: Path) -> Iterator[tuple[str, AuditCase]]:
    """The named cases of an audit file."""
    from ..language.yaml_file import load_audit_file

    if path.suffix == ".py":
        yield from _python(path)
    else:
        yield from ((one.name, one.case) for one in load_audit_file(path, allow_code=True))


def _python(path: Path) -> Iterator[tuple[str, AuditCase]]:
    """The cases of a Python audit, which is run: it was named on the command line by the person who runs it."""
    from importlib.util import module_from_spec, spec_from_file_location

    from ..language.audit import AuditCase

    spec = spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise AuditError(f"{path}: no such file; give a run, an audit file, or an expectation in quotes")
    module = module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent.resolve()))
    yield from ((name, value) for name, value in vars(module).items() if isinstance(value, AuditCase))

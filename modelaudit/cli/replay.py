"""``modelaudit replay``: shows a stored counterexample, and whether the model still fails on it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import AuditError, ResultsError
from .command_help import Example, add_command
from .terminal import add_language, reference_of, say, wrapped

if TYPE_CHECKING:
    from ..counterexamples.stored_case import StoredCase
    from ..language.audit import Audit
    from ..report.words import Words
    from .replayed import Replayed

_NOTES = """A run keeps the smallest changes that flip an answer in counterexamples/ beside
the audit file, and the next run tries them first. This command tries them
without a run: it opens the model and the data of the audit file, checks that
image and mask are the same as then, and shows the model the image before and
after the change.

--model tries another model, with the classes and the preprocessing of the
audit. A case whose audit file is not beside its folder needs it."""
_STATUS = "0 everything is FIXED, 1 something STILL FAILS, 2 something cannot be replayed, or a wrong call"


@dataclass(frozen=True)
class _Shown:
    """One stored case as it is shown; ``tried``: once for each of its models."""

    file: Path
    case: StoredCase | None
    tried: tuple[Replayed, ...]


def add(commands: Any) -> None:
    """Add the command to those of ``modelaudit``."""
    replay = add_command(
        commands,
        "replay",
        "show stored counterexamples, and whether the model still fails on them",
        Example("all that an audit folder keeps", "modelaudit replay audits/counterexamples"),
        Example(
            "one case on the next release",
            "modelaudit replay audits/counterexamples/CASE.json --model models/v2.ts",
        ),
        description="Shows each stored counterexample: what is changed, what the model answered then and answers now.",
        notes=_NOTES,
        status=_STATUS,
    )
    replay.add_argument("case", type=Path, metavar="CASE|FOLDER", help="a file of counterexamples/, or the folder")
    replay.add_argument("--model", metavar="REF", help="another model (default: that of the audit file)")
    replay.add_argument("--data", metavar="REF", help="where the image is now (default: the data of the audit file)")
    replay.add_argument("--device", metavar="DEVICE", default="auto", help="default: cuda where there is one")
    replay.add_argument("--json", action="store_true", help="one JSON object")
    add_language(replay, "the terminal")
    replay.set_defaults(run=_replay)


def _replay(given: argparse.Namespace) -> int:
    from .words import command_words

    words, shown = command_words(given.language), []
    for file in _files(given.case):
        one = _tried(file, given)
        shown.append(one)
        if not given.json:
            say(*_lines(one, words))
    states = [tried.state for one in shown for tried in one.tried]
    if given.json:
        print(json.dumps({"format": "modelaudit-replay/1", "cases": [_plain(one) for one in shown]}, indent=1))
    elif len(shown) > 1:
        counts = {kind: states.count(kind) for kind in ("still_fails", "cannot_replay", "fixed")}
        parts = (
            words._("run_replay_count", n=words.count(count), state=words.named("replay", kind))
            for kind, count in counts.items()
            if count
        )
        say("", words._("run_replays", counts=words._("comma").join(parts)))
    return 1 if "still_fails" in states else 2 if "cannot_replay" in states else 0


def _files(given: Path) -> list[Path]:
    """The files of cases.

    Raises:
        ResultsError: nothing there.
    """
    from ..counterexamples.stored_cases import case_files

    found = case_files(given) if given.is_dir() else [given]
    if not found:
        raise ResultsError(f"{given}: holds no counterexample (*.json); give the folder counterexamples of an audit")
    return found


def _tried(file: Path, given: argparse.Namespace) -> _Shown:
    """One case, tried; whatever keeps it from being tried is its reason."""
    from ..counterexamples.stored_case import read_case
    from ..language.boundary import contained, failure_text, signals_watched
    from .replayed import Replayed, replayed

    case = None
    try:
        case = read_case(file)
        root, audits = _audits(file, case, given)
        with signals_watched():
            tried = tuple(replayed(case, file, audit, root, given.device) for audit in audits)
    except AuditError as error:
        tried = (Replayed("cannot_replay", str(error).split("\n")[0]),)
    except BaseException as error:  # whatever an audit file, a model or a source of others raises
        tried = (Replayed("cannot_replay", failure_text(contained(error)).split("\n")[0]),)
    return _Shown(file, case, tried)


def _audits(file: Path, case: StoredCase, given: argparse.Namespace) -> tuple[Path, list[Audit]]:
    """The root of the project, and an audit of one model for each that the case names, or of the one that was given.

    An audit file is run, so only the one beside the folder of the case is: what a case says is nobody's word.

    Raises:
        AuditError: no audit file there, or no such case in it, and no model given.
    """
    from ..language.audit import Audit
    from .replayed import audits_of

    path, _, name = case.case.partition("::")
    audit_file = file.resolve().parent.parent / Path(path).name
    data = None if given.data is None else reference_of(given.data)
    is_audit = audit_file.match("audit_*.py") or audit_file.name.endswith((".audit.yaml", ".audit.yml"))
    if is_audit and audit_file.is_file():
        parts = Path(path).parts
        beneath = audit_file.parts[-len(parts) :] == parts
        root = audit_file.parents[len(parts) - 1] if beneath else Path.cwd()
        return root, audits_of(audit_file, name, given.model, data)
    if given.model is None:
        raise ResultsError(
            f"{file}: its audit file {audit_file.name} is not beside its folder; put it back, or give --model (and "
            "--data)"
        )
    return Path.cwd(), [Audit(model=given.model, data=data or case.image.data)]


def _lines(one: _Shown, words: Words) -> Iterator[str]:
    """What a terminal shows of a case."""
    yield str(one.file)
    case = one.case
    if case is not None:
        yield from wrapped(words._("replay_case", case=case.case), first="  ")
        yield from wrapped(words._("replay_image", sample=case.image.sample, label=case.image.label), first="  ")
        yield from wrapped(words._("replay_change", change=_change(case, words)), first="  ")
        yield f"    {case.change.context}"
        model = case.model
        before = _answer(model.before, model.before_probability, words)
        after = _answer(model.after, model.after_probability, words)
        yield from wrapped(words._("replay_then", before=before, after=after, model=model.reference), first="  ")
    for tried in one.tried:
        if tried.before is not None and tried.after is not None:
            before, after = (_answer(*answer, words) for answer in (tried.before, tried.after))
            key = "replay_now" if tried.before[0] != tried.after[0] else "replay_now_same"
            yield from wrapped(words._(key, before=before, after=after, model=tried.model), first="  ")
        state = words.named("replay", tried.state)
        text = words._("run_tally", state=state, counts=tried.why) if tried.why else state
        yield from wrapped(text, first="  ")


def _change(case: StoredCase, words: Words) -> str:
    from ..report.counterexamples import sized_change
    from .replayed import change_record_of

    return sized_change(
        case.change.context, change_record_of(case.change.context), case.change.area, case.change.dose, words
    )


def _answer(name: str, probability: float | None, words: Words) -> str:
    if probability is None:
        return name
    share = words.quantity(probability, "percent", 0)
    return words._("prediction_and_probability", prediction=name, probability=share)


def _plain(one: _Shown) -> dict[str, Any]:
    case = None if one.case is None else one.case.model_dump(mode="json", exclude={"pictures"})
    return {"file": str(one.file), "case": case, "replays": [asdict(tried) for tried in one.tried]}

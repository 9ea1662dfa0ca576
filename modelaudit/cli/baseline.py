"""``modelaudit baseline``: runs that are kept, without their pictures, to compare later models with."""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evidence.results_folder import LATEST
from ..language.errors import ResultsError
from .command_help import Example, add_command
from .terminal import WIDTH, add_language, say, table

if TYPE_CHECKING:
    from ..evidence.record import RunRecord
    from ..report.words import Words

_FOLDER = Path("baselines")
_NAME = re.compile(r"[\w.-]+")
_SHORT = 12
_NOTES = """RUN is the folder of a run, its run.json, a results folder (its latest), or a
pack. A baseline holds the values of every image, their digests and the
verdicts, and no picture, so it can be kept in git. Compare with it in an audit:
  no_worse = line_a.no_worse_than("baselines/v1", margin=0.02)
  Audit(model={"candidate": ..., "current": "run:baselines/v1"}, data=...)"""


def add(commands: Any) -> None:
    """Add the command and its steps."""
    set_it = Example("keep the latest run, to compare later models with", "modelaudit baseline set v1 audit-results")
    baseline = add_command(commands, "baseline", "keep runs to compare later models with", set_it)
    steps = baseline.add_subparsers(required=True, metavar="STEP")
    made = add_command(
        steps,
        "set",
        "make a baseline of a run: baselines/NAME.json",
        set_it,
        Example(
            "the candidate of a comparison becomes the next baseline",
            "modelaudit baseline set v2 audit-results --model candidate",
        ),
        notes=_NOTES,
    )
    made.add_argument("name", metavar="NAME", type=_name, help="name of the baseline")
    made.add_argument("run_given", metavar="RUN", help="the run that it is made from")
    made.add_argument(
        "--model", metavar="MODEL", help="the model that is meant, where the run has several, as its audit calls it"
    )
    made.add_argument("--force", action="store_true", help="replace a baseline of that name")
    add_language(made, "the terminal")
    made.set_defaults(run=_set)
    listed = add_command(
        steps, "list", "the baselines that there are", Example("those in baselines/", "modelaudit baseline list")
    )
    listed.set_defaults(run=_list)
    shown = add_command(
        steps,
        "show",
        "what a baseline holds: of which model and data, with which verdicts",
        Example("one of them", "modelaudit baseline show v1"),
    )
    shown.add_argument("name", metavar="NAME", help="a baseline by its name or file, or a run or pack")
    shown.set_defaults(run=_show)
    for step in (listed, shown):
        step.add_argument("--json", action="store_true", help="write it as JSON")
        add_language(step, "the terminal")
    for step in (made, listed):
        step.add_argument(
            "--folder", metavar="DIR", type=Path, default=_FOLDER, help="folder of the baselines (default: baselines)"
        )


def _name(text: str) -> str:
    name = text.removesuffix(".json")
    if name == LATEST:
        raise argparse.ArgumentTypeError(f"{text!r} means the newest run; name the baseline, such as v1")
    if not _NAME.fullmatch(name) or name.startswith("."):
        raise argparse.ArgumentTypeError(f"{text!r} must be a name of letters, digits, '.', '_' and '-', such as v1")
    return name


def _set(given: argparse.Namespace) -> int:
    from ..releases.baselines import SUFFIX, baseline_of, chosen_model, read_run, run_file, shown_name, write_baseline
    from .store import readable
    from .words import command_words

    words, source = command_words(given.language), run_file(given.run_given, Path.cwd())
    target = given.folder / f"{given.name}{SUFFIX}"
    record = baseline_of(read_run(source), str(source), given.model)
    size = write_baseline(record, target, force=given.force)
    model = shown_name(record, chosen_model(record, None, str(target)))
    say(
        words._("baseline_set", file=target, size=readable(size, words), run=record.id, model=model),
        *_held(record, words),
        words._("baseline_how", name=target.with_name(given.name).as_posix()),
    )
    return 0


def _list(given: argparse.Namespace) -> int:
    from ..releases.baselines import baseline_files
    from .store import readable
    from .words import command_words

    words, files = command_words(given.language), baseline_files(given.folder)
    found = [(file, *_read(file)) for file in files]
    if given.json:
        listed = [
            {
                "name": file.stem,
                "file": str(file),
                **({"error": why.removeprefix(f"{file}: ")} if record is None else _facts(record, file)),
            }
            for file, record, why in found
        ]
        print(json.dumps(listed, ensure_ascii=False, indent=1))
        return 0
    if not files:
        say(words._("baseline_none", folder=given.folder))
        return 0
    rows = [
        (file.stem, *_row(record, words), readable(file.stat().st_size, words))
        for file, record, _ in found
        if record is not None
    ]
    heading = ("baseline_name", "baseline_model", "baseline_images", "baseline_verdicts", "baseline_started")
    if rows:
        say(*table([words._(key) for key in (*heading, "baseline_size")], rows, numbers=False))
    say(*(_unread(file, why, words) for file, record, why in found if record is None))
    return 0


def _show(given: argparse.Namespace) -> int:
    from ..releases.baselines import read_run, run_file
    from ..report.verdict_table import verdict_table
    from .words import command_words

    words, file = command_words(given.language), run_file(given.name, Path.cwd())
    record = read_run(file)
    if given.json:
        print(json.dumps(_facts(record, file), ensure_ascii=False, indent=1))
        return 0
    say(
        words._("baseline_shown" if record.baseline_of else "baseline_shown_run", file=file, run=record.id),
        *_held(record, words),
        *(line for row in verdict_table(record, words, WIDTH, rows=None) for line in row.lines),
    )
    return 0


def _read(file: Path) -> tuple[RunRecord | None, str]:
    """A baseline, or why it cannot be read: one that is broken does not hide the others."""
    from ..releases.baselines import read_run

    try:
        return read_run(file), ""
    except ResultsError as error:
        return None, str(error).splitlines()[0]


def _unread(file: Path, why: str, words: Words) -> str:
    from ..report.error_texts import error_text

    return error_text(why, words) or words._("baseline_unread", file=file, why=why.removeprefix(f"{file}: "))


def _held(record: RunRecord, words: Words) -> Iterator[str]:
    """Lines on the model and the data."""
    from ..releases.baselines import shown_name

    meant = _meant(record)
    for model in record.models:
        key = "baseline_of_model" if model.key == meant else "baseline_other_model"
        name, digest = shown_name(record, model), model.fingerprint[:_SHORT]
        yield words._(key, name=name, reference=model.reference, architecture=model.architecture, digest=digest)
    for data in record.data:
        root = "–" if data.root is None else data.root[:_SHORT]
        yield words._("baseline_of_data", reference=data.reference, images=words.count(data.images), digest=root)


def _meant(record: RunRecord) -> str | None:
    """The key of the model that is compared with, where that can be said."""
    from ..releases.baselines import chosen_model

    try:
        return chosen_model(record, None, "").key
    except ResultsError:
        return None


def _row(record: RunRecord, words: Words) -> tuple[str, str, str, str]:
    from ..releases.baselines import shown_name

    meant = _meant(record)
    model = next((shown_name(record, one) for one in record.models if one.key == meant), "–")
    counted = Counter(case.verdict or "–" for case in record.cases)
    verdicts = words._("comma").join(f"{words.count(n)} {name}" for name, n in sorted(counted.items()))
    return model, words.count(sum(data.images for data in record.data)), verdicts, record.started[:10]


def _facts(record: RunRecord, file: Path) -> dict[str, object]:
    """What a baseline holds, for machines."""
    from ..releases.baselines import shown_name

    return {
        "run": record.id,
        "started": record.started,
        "baseline_of": record.baseline_of,
        "bytes": file.stat().st_size,
        "model": _meant(record),
        "models": [
            {
                "key": model.key,
                "name": shown_name(record, model),
                "reference": model.reference,
                "architecture": model.architecture,
                "fingerprint": model.fingerprint,
            }
            for model in record.models
        ],
        "data": [
            {"key": data.key, "reference": data.reference, "images": data.images, "root": data.root, "seed": data.seed}
            for data in record.data
        ],
        "requirements": [
            {
                "id": case.id,
                "expectation": case.expectation,
                "verdict": case.verdict,
                "estimate": None if case.decision is None else case.decision.estimate,
                "lower": None if case.decision is None else case.decision.lower,
                "upper": None if case.decision is None else case.decision.upper,
            }
            for case in record.cases
        ],
    }

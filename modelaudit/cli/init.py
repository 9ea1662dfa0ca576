"""``modelaudit init``: looks at data and a model, and writes a first audit of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import AuditFileError
from .command_help import Example, add_command
from .terminal import add_language, say, table, wrapped

if TYPE_CHECKING:
    from ..language.findings import DataFacts
    from ..report.words import Words
    from ..starter.expectations import StartingExpectation
    from ..starter.subject import Opened

#: the plan of a first audit supposes that the truth is so far on the right side of each threshold
_MARGIN = 0.05
_FINDINGS, _ITEMS, _CLASSES = 8, 2, 6

_NOTES = """DATA is a reference (folder:DIR, coco:FILE, ...), or simply a folder, a COCO
file, a YOLO folder or its data.yaml, a CSV file: the source is recognised and
named. MODEL is a reference (torchvision:NAME?checkpoint=FILE, ...), a factory
(FILE.py:build), or the file of a program: TorchScript, ONNX, torch.export. A
factory and a program are run."""


def add(commands: Any) -> None:
    """Adds the command."""
    init = add_command(
        commands,
        "init",
        "write a first audit of your data and model, and say what comes next",
        Example(
            "photos in folders by class, and a TorchScript file",
            "modelaudit init data/line_a models/parts.ts --classes bolt,nut \\\n    --preprocessing 256,224,imagenet",
        ),
        Example(
            "a COCO file and a factory, with a workflow for GitHub",
            "modelaudit init coco.json models/net.py:build --ci github",
        ),
        description="Writes a first audit of your data and model, checks the data, plans the number of images, and "
        "says what comes next. Nothing is overwritten.",
        notes=_NOTES,
        status="0 written, 2 a wrong call, or an error that says what to do",
    )
    init.add_argument("data", metavar="DATA", help="folder, file or reference")
    init.add_argument("model", metavar="MODEL", help="file or reference")
    init.add_argument("--classes", metavar="LIST", help="the model's class names in the order of its outputs: bolt,nut")
    init.add_argument(
        "--preprocessing",
        metavar="HOW",
        help="how the model's input is prepared, where it does not say it: RESIZE,CROP[,imagenet], e.g. "
        "256,224,imagenet, or 64,64,mean=0.5:0.5:0.5,std=0.5:0.5:0.5; - for no resize or crop",
    )
    init.add_argument(
        "--scores",
        choices=("logits", "probabilities", "binary", "multilabel"),
        help="what the model's outputs are, where it does not show it",
    )
    init.add_argument("--output", metavar="NAME", help="the output with the scores, by index or key, of several")
    init.add_argument("--name", metavar="NAME", help="of the audit (default: that of the data)")
    init.add_argument("--yaml", action="store_true", help="write *.audit.yaml in place of Python")
    init.add_argument("--ci", choices=("github", "gitlab"), help="write a workflow that runs the audits too")
    add_language(init, "the terminal")
    init.set_defaults(run=_init)


def _init(given: argparse.Namespace) -> int:
    from ..starter.audit_file import name_of
    from ..starter.expectations import starting_expectations
    from .words import command_words

    words = command_words(given.language)
    here = Path.cwd()
    name = name_of(given.name or _name_of_data(given.data))
    files = _Files(here, name, as_yaml=given.yaml, service=given.ci)
    files.refuse_existing()
    opened = _opened(given, here, files.root, words)
    expectations = starting_expectations(opened.subject)
    say(*_subject_lines(opened, words))
    for path in files.write(opened, expectations):
        say(words._("wrote", path=path.relative_to(here) if path.is_relative_to(here) else path))
    facts = _checked(opened, words)
    say("", *_check_lines(facts, words))
    say("", *_plan_lines(files.audit, opened, words))
    say("", *_next_lines(files, opened, words))
    return 0


def _name_of_data(text: str) -> str:
    from ..language.reference import parse_reference

    reference = parse_reference(text)
    path = Path(reference.body)
    generic = ("data", "dataset", "annotations", "instances_default", "_annotations.coco", "images", "labels")
    parts = [part for part in (path.stem, *reversed(path.parts[:-1])) if part not in ("", ".", "..", "/")]
    return next((part for part in parts if part.lower() not in generic), "") or reference.scheme or "data"


class _Files:
    """The files that a first audit consists of.

    Args:
        here: the folder below which they are written.
    """

    def __init__(self, here: Path, name: str, *, as_yaml: bool, service: Any) -> None:
        from ..starter.ci_files import rootdir_of

        self.name, self.as_yaml, self.service = name, as_yaml, service
        self._here = here
        self.audit = here / "audits" / (f"{name}.audit.yaml" if as_yaml else f"audit_{name}.py")
        configured = rootdir_of(here)
        self.root = configured or here
        self._ini = None if configured else here / "pytest.ini"

    def refuse_existing(self) -> None:
        """Raise AuditFileError where a file is there already."""
        from ..starter.ci_files import workflow

        if self.audit.exists():
            raise AuditFileError(f"{self.audit} exists, and nothing is overwritten; give another name: --name NAME")
        if self.service is not None and (self._here / workflow(self.service)[0]).exists():
            path = self._here / workflow(self.service)[0]
            raise AuditFileError(f"{path} exists, and nothing is overwritten; leave out --ci, or remove the file")

    def write(self, opened: Opened, expectations: tuple[StartingExpectation, ...]) -> Iterator[Path]:
        """Write them, and yield the path of each."""
        from ..evidence.about import ABOUT_NAMES
        from ..starter.audit_file import python_audit, yaml_audit
        from ..starter.ci_files import ABOUT, PYTEST_INI, not_yet_ignored, workflow

        subject = opened.subject
        text = yaml_audit(subject, expectations) if self.as_yaml else python_audit(self.name, subject, expectations)
        yield _written(self.audit, text)
        if not any(self.audit.with_name(name).exists() for name in ABOUT_NAMES):
            yield _written(self.audit.with_name(ABOUT_NAMES[0]), ABOUT)
        if self._ini is not None:
            yield _written(self._ini, PYTEST_INI)
        ignore = self._here / ".gitignore"
        before = ignore.read_text(encoding="utf-8") if ignore.is_file() else ""
        if missing := not_yet_ignored(before):
            end = "" if before.endswith("\n") or not before else "\n"
            yield _written(ignore, f"{before}{end}" + "\n".join(missing) + "\n")
        if self.service is not None:
            path, workflow_text = workflow(self.service)
            yield _written(self._here / path, workflow_text)


def _written(path: Path, text: str) -> Path:
    from ..language.whole_file import write_whole

    path.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(path, text)


def _opened(given: argparse.Namespace, here: Path, root: Path, words: Words) -> Opened:
    from ..report.error_texts import guess_reason
    from ..starter.preparing import ModelOptions
    from ..starter.references import guessed_data, guessed_model, rebased
    from ..starter.subject import look_at

    data, model = guessed_data(given.data, here), guessed_model(given.model, here)
    for what, guess in (("init_data", data), ("init_model", model)):
        if guess.why:
            why = guess_reason(guess.why, words)
            say(words._("init_taken", what=words._(what), reference=guess.reference, why=why))
    return look_at(
        rebased(data.reference, here, root),
        rebased(model.reference, here, root),
        root=root,
        options=ModelOptions.of_texts(
            classes=given.classes, preprocessing=given.preprocessing, scores=given.scores, output=given.output
        ),
    )


def _subject_lines(opened: Opened, words: Words) -> Iterator[str]:
    from ..report.record_notes import data_note, model_note

    subject, model = opened.subject, opened.model
    said = _data_line(opened, words)
    yield from wrapped(said, indent=2, first="")
    if subject.without_object:
        named = words._("comma").join(subject.without_object)
        yield from wrapped(words._("init_without_object", labels=named), indent=4, first="  ")
    for note in opened.data.notes:
        yield from wrapped(words._("terminal_note", note=data_note(note, words)), indent=4, first="  ")
    gradients = words._("init_gradients" if model.differentiable else "init_no_gradients")
    if model.classes is None:
        said = words._("init_outputs", outputs=subject.outputs, gradients=gradients)
    else:
        names = ", ".join(model.classes[:_CLASSES]) + (", ..." if subject.outputs > _CLASSES else "")
        said = words._("init_outputs_named", outputs=subject.outputs, names=names, gradients=gradients)
    yield from wrapped(said, indent=2, first="")
    for note in model.notes:
        yield from wrapped(words._("terminal_note", note=model_note(note, words)), indent=4, first="  ")


def _data_line(opened: Opened, words: Words) -> str:
    subject = opened.subject
    labels = ", ".join(f"{label} {count}" for label, count in list(subject.labels.items())[:_CLASSES])
    if len(subject.labels) > _CLASSES:
        labels = words._("init_more_labels", labels=labels, n=len(subject.labels) - _CLASSES)
    said = {"images": subject.images, "labels": labels, "objects": words.named("init_objects", subject.objects)}
    if subject.groups:
        return words._("init_subject_groups", **said, groups=subject.groups)
    return words._("init_subject", **said)


def _checked(opened: Opened, words: Words) -> DataFacts:
    from ..data.checking import check
    from ..language.progress import counting

    with counting(words._("check_looking"), len(opened.data.samples)) as step:
        return check(opened.data, opened.subject.data, preprocessing=opened.model.preprocessing, progress=step)


def _check_lines(facts: DataFacts, words: Words) -> Iterator[str]:
    """What `modelaudit data check` finds, in short."""
    yield from wrapped(f"modelaudit data check {facts.reference}", indent=2, first="")
    for finding in facts.findings[:_FINDINGS]:
        kind = words._("init_problem" if finding.kind.problem else "init_remark")
        said = {"kind": kind, "title": words.named("finding", finding.kind), "n": words.count(finding.count)}
        named = words._("comma").join(item.ids[0] for item in finding.items[:_ITEMS] if item.ids)
        text = words._("init_finding_named", **said, names=named) if named else words._("init_finding", **said)
        yield from wrapped(text, indent=4, first="  ")
    if not facts.findings:
        yield f"  {words._('no_problems')}"


def _plan_lines(audit: Path, opened: Opened, words: Words) -> Iterator[str]:
    """How many images the expectations need, and how long they take on this machine."""
    from dataclasses import replace

    from ..starter.subject import seconds_of_a_pass
    from ..statistics.assumptions import Assumptions
    from .plan import cases_of_file
    from .planned import cost_of_cases, from_case, margin_of

    subject = opened.subject
    cases = list(cases_of_file(audit))
    guess = Assumptions(classes=tuple(subject.labels))
    found = [one for name, case in cases for one in from_case(name, case, margin_of(_MARGIN, None), 0.8, guess, None)]
    yield from wrapped(f"modelaudit plan {audit.relative_to(Path.cwd())} --margin {_MARGIN:g}", indent=2, first="")
    rows = [(one.name, one.expectation, "-" if one.images is None else str(one.images)) for one in found]
    heading = (words._("plan_expectation"), "", words._("column_images"))
    yield from table(heading, [(name, "", count) for name, _, count in rows])
    price = replace(cost_of_cases(cases), seconds=seconds_of_a_pass(opened.model), device="")
    needed = max((one.images for one in found if one.images is not None), default=0)
    said = {"margin": f"{_MARGIN:g}", "n": subject.images}
    text = words._("init_needed", **said, needed=needed) if needed > subject.images else words._("init_enough", **said)
    yield from wrapped(text, indent=2)
    seconds = price.time(subject.images)
    if seconds is not None:
        yield from wrapped(words._("init_time", time=_span(seconds, words)), indent=2)


def _span(seconds: float, words: Words) -> str:
    if seconds <= 120:
        return words._("init_2_min")
    if seconds > 7200:
        return words._("init_about_h", n=f"{seconds / 3600:.1f}")
    return words._("init_about_min", n=f"{seconds / 60:.0f}")


def _next_lines(files: _Files, opened: Opened, words: Words) -> Iterator[str]:
    allow = ""
    if files.as_yaml:
        from ..models import runs_code

        allow = " --audit-allow-code" if runs_code(opened.subject.model) else ""
    relative = files.audit.relative_to(Path.cwd())
    yield words._("init_next")
    yield from table(
        ("", ""),
        [
            (f"pytest audits/ --audit-limit 20{allow}", words._("init_quick_look")),
            (f"pytest audits/{allow}", words._("init_verdicts")),
            ("audit-results/latest/report.html", words._("init_report")),
            (str(relative), words._("init_agree")),
        ],
        numbers=False,
    )[1:]

"""``modelaudit probe``: what other backgrounds would bring, before anybody photographs and trains again."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import DataError, ExpressionError
from .audited_run import AuditedTarget, check_same_images, opened_model, target_of
from .command_help import Example, add_command
from .terminal import add_language, at_least, reference_of

if TYPE_CHECKING:
    from ..advice.probe import Steps
    from ..evidence.probe import LearningCurve, ProbeRecord
    from ..evidence.record import DataRecord, ModelRecord, RunRecord
    from ..language.progress import Advance
    from ..report.words import Words

FOLDER = Path("audits/probes")
_CONTEXT = "swap_background(other_class)"
_NOTES = """The last layer of the model is fitted again: to the features of the training
images as they are, and of a copy of each with its object on the background of
another training image (drawn at random, so that it tells nothing of the class).
Then the test images are measured with both layers. Images need masks for that.

It is an estimate of what diversified training images would bring, and what they
would cost on images as photographed. All other layers stay as they are: to
train the whole network again mostly brings more. Training images that are the
same picture as a test image, or of its cluster, are left out and counted.

--run names a run: test data, labels and preprocessing are those of its record,
and model and data must be the same as then."""


def add(commands: Any) -> None:
    """Add the command."""
    probe = add_command(
        commands,
        "probe",
        "what other backgrounds in the training images would bring, before they are photographed",
        Example(
            "the demo's model with a shortcut",
            'modelaudit probe demo:shortcut "demo:?coupling=0.95&images=80&seed=5" \\\n    --data "demo:?images=60" '
            "--resamples 40",
        ),
        Example(
            "on the images of the latest audit, with learning curves",
            "modelaudit probe models/net.py:load folder:data/train --run audit-results/latest --curve",
        ),
        description="Estimates what other backgrounds in the training images would bring: fits the last layer again.",
        notes=_NOTES,
    )
    probe.add_argument("model", metavar="MODEL", help="the model, as an audit names it")
    probe.add_argument("train", metavar="TRAIN_DATA", help="training images, with masks: folder:DIR, coco:FILE, ...")
    probe.add_argument("--data", metavar="TEST_DATA", help="images to measure on, which the model was not trained on")
    probe.add_argument("--run", metavar="RUN", dest="of_run", help="take them from a run: its folder, or its run.json")
    probe.add_argument("-o", dest="output", type=Path, metavar="FILE", help=f"default: {FOLDER}/MODEL.json")
    probe.add_argument(
        "--context",
        action="append",
        metavar="CONTEXT",
        help=f"measure under this context, besides the images as photographed (default: {_CONTEXT}); may be repeated",
    )
    probe.add_argument(
        "--donors",
        metavar="RULE",
        default="random",
        help="whose backgrounds the training images get: random (default), photos:DIR, ... as in swap_background",
    )
    probe.add_argument(
        "--good",
        action="append",
        default=[],
        metavar="LABEL",
        help="label of parts without a defect: miss and false alarm rate are measured too; may be repeated",
    )
    probe.add_argument("--curve", action="store_true", help="also: what 2 and 4 times as many images would bring")
    probe.add_argument("--confidence", type=float, default=0.95, metavar="C", help="of the intervals (default 0.95)")
    probe.add_argument(
        "--resamples",
        type=at_least(20, "resamples"),
        default=200,
        metavar="N",
        help="refits for the intervals, at least 20 (default 200)",
    )
    probe.add_argument(
        "--seed", type=at_least(0, "seed"), metavar="S", help="of every draw (default: the run's, else 0)"
    )
    probe.add_argument("--device", metavar="DEVICE", default="auto", help="default: cuda where there is one")
    add_language(probe, "the terminal")
    probe.set_defaults(run=_probe)


def _probe(given: argparse.Namespace) -> int:
    from ..advice.probe import ProbeData, ProbeSettings, probe
    from ..contexts import SwapBackground
    from ..data import class_count, open_data
    from ..engine.results.settings import Settings
    from ..evidence.probe import write_probe
    from ..language.boundary import signals_watched
    from .terminal import say
    from .words import command_words

    _check(given)
    words, root = command_words(given.language), Path.cwd()
    trained = SwapBackground(given.donors)
    target = _of_run(given) if given.of_run is not None else AuditedTarget(reference_of(given.data))
    seed = target.seed if given.seed is None else given.seed
    settings = ProbeSettings(
        trained=trained,
        contexts=tuple(_context(text) for text in given.context or [_CONTEXT]),
        good=tuple(given.good),
        seed=seed,
        confidence=given.confidence,
        resamples=given.resamples,
        curve=given.curve,
    )
    device = Settings(root, root, given.device).resolved_device()
    train_data, test_data = (open_data(one, root=root) for one in (reference_of(given.train), target.reference))
    labels = {str(sample.label) for sample in train_data.samples}
    bare = tuple(label for label in target.without_object if label in labels)
    train = ProbeData(reference_of(given.train), train_data, bare, target.object_kept, target.pools)
    test = ProbeData(target.reference, test_data, target.without_object, target.object_kept, target.pools)
    with signals_watched():
        loaded = opened_model(given.model, target, class_count(test.data, target.labels), root, "probe")
        record = probe(
            loaded,
            train,
            test,
            settings,
            created=datetime.now(UTC).replace(microsecond=0),
            given=target.labels,
            run=target.digest,
            device=device,
            root=root,
            steps=_steps(words),
        )
    check_same_images(record.data, record.data_root, target)
    file = given.output or FOLDER / f"{_slug(given.model)}.json"
    write_probe(record, file)
    say(*report_lines(record, words))
    say(str(file), file=sys.stderr)
    return 0


def _check(given: argparse.Namespace) -> None:
    if (given.data is None) == (given.of_run is None):
        raise DataError(
            "give the images to measure on: --data TEST_DATA, or --run RUN for those of an audit (one of the two)"
        )
    if not 0.5 <= given.confidence < 1:
        raise ExpressionError(f"--confidence {given.confidence:g}: must be at least 0.5 and below 1, e.g. 0.95")


def _context(text: str) -> Any:
    from ..language.parser import parse_context

    return parse_context(text)


def _of_run(given: argparse.Namespace) -> AuditedTarget:
    """What the record of a run says of its data and its model.

    Raises:
        AuditError: it has several data sets or several models, or was made without references.
    """
    from ..evidence.consistency import read_consistent_record
    from ..evidence.results_folder import resolve_run

    record = read_consistent_record(resolve_run(Path(given.of_run)))
    return target_of(record, _only_data(record, given), _only_model(record, given))


def _only_data(record: RunRecord, given: argparse.Namespace) -> DataRecord:
    if len(record.data) != 1 or record.redacted:
        names = ", ".join(one.reference for one in record.data) or "none"
        raise DataError(
            f"--run {given.of_run}: has {len(record.data)} data sets ({names}), and a probe measures on one; give it "
            "with --data"
        )
    return record.data[0]


def _only_model(record: RunRecord, given: argparse.Namespace) -> ModelRecord:
    found = [one for one in record.models if given.model in (one.reference, *one.names)]
    if not found and len(record.models) == 1:
        found = list(record.models)
    if len(found) != 1:
        names = ", ".join(one.reference for one in record.models)
        raise DataError(f"--run {given.of_run}: which of its models is {given.model}? It has {names or 'none'}")
    return found[0]


def _slug(reference: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", reference).strip("-").lower() or "model"


def _steps(words: Words) -> Steps:
    """Progress on standard error: a bar on a terminal, a line now and then elsewhere."""
    from ..language.progress import ProgressBar, ProgressTexts

    texts = ProgressTexts("{title}", "{title}: {total}", "{title}: {done} / {total}", "{title}: {total} ({seconds} s)")
    bar = ProgressBar(lambda: sys.stderr, None if sys.stderr.isatty() else lambda: print(file=sys.stderr), texts)

    def task(name: str, total: int) -> AbstractContextManager[Advance]:
        return bar.task(words.named("probe_step", name), total)

    return task


def report_lines(record: ProbeRecord, words: Words) -> Iterator[str]:
    """What was found, as tables, and what it rests on."""
    from .terminal import table, wrapped

    yield from wrapped(words._("probe_head", model=record.model_reference, layer=record.layer), indent=2, first="")
    images, copies = words.count(record.train_images), words.count(record.train_copies)
    fitted = words._("probe_fitted", data=record.train, images=images, copies=copies)
    yield from wrapped(fitted, indent=4, first="  ")
    measured = words._("probe_measured", data=record.data, images=words.count(record.images))
    yield from wrapped(measured, indent=4, first="  ")
    for name, count in record.left_out.model_dump().items():
        if count:
            line = words._("probe_left_out", n=words.count(count), why=words.named("probe_left_out", name))
            yield from wrapped(line, indent=4, first="  ")
    interval = words._("probe_interval", confidence=f"{100 * record.confidence:g}")
    columns = [
        words._("probe_before"),
        words._("probe_without_copies"),
        words._("probe_after"),
        words._("probe_change"),
        interval,
    ]
    for context in dict.fromkeys(one.context for one in record.effects):
        rows = [
            (
                words.named("probe_measure", one.measure),
                f"{100 * one.before:.1f}%",
                "-" if one.without_copies is None else f"{100 * one.without_copies:.1f}%",
                f"{100 * one.after:.1f}%",
                f"{100 * one.change:+.1f}",
                f"{100 * one.lower:+.1f} … {100 * one.upper:+.1f}",
            )
            for one in record.effects
            if one.context == context
        ]
        yield ""
        yield from table([_named(context, words), *columns], rows)
    for context in dict.fromkeys(one.context for one in record.curves):
        yield ""
        yield from _curve_lines([one for one in record.curves if one.context == context], words)
    yield ""
    for name in record.assumptions:
        yield from wrapped(words.named("probe_assumption", name), indent=4, first="  - ")


def _curve_lines(curves: Sequence[LearningCurve], words: Words) -> Iterator[str]:
    """The share of wrong answers now and with more images, over all test images and those of each label."""
    from .terminal import table, wrapped

    images = curves[0].points[-1].images if curves[0].points else 0
    heading = [words._("probe_errors", context=_named(curves[0].context, words))]
    heading += [words._("probe_images", n=words.count(factor * images)) for factor in (1, 2, 4)]
    rows, reasons = [], []
    for curve in curves:
        name = words._("probe_all") if curve.label is None else curve.label
        now = f"{100 * curve.points[-1].error:.1f}%" if curve.points else "-"
        later = [
            f"{100 * one.error:.1f}% ({100 * one.lower:.1f}–{100 * one.upper:.1f})" for one in curve.forecasts
        ] or ["-", "-"]
        rows.append((name, now, *later))
        if curve.refused is not None:
            reasons.append((name, words.named("probe_refused", curve.refused)))
    yield from table(heading, rows)
    for why in dict.fromkeys(why for _, why in reasons):
        names = ", ".join(name for name, other in reasons if other == why)
        yield from wrapped(f"{names}: {why}", indent=4, first="  ")


def _named(context: str, words: Words) -> str:
    """What a context is called in the language; its own text where its declaration has no words."""
    if context == "original":
        return words._("probe_original")
    from ..language import registry
    from ..language.parser import parse_context
    from ..language.spec import Composed
    from ..language.wording import phrases

    spec = parse_context(context)
    if isinstance(spec, Composed):
        return context
    found = phrases(spec, registry.entry_of(spec).declares.wording)
    return found[words.language].label if words.language in found else context

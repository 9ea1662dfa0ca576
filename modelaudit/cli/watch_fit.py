"""``modelaudit watch fit``: learns from a run what a line is like, and writes the monitor that watches it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import DataError, ModelError, MonitorError
from .audited_run import AuditedTarget, check_same_images, opened_model, target_of
from .command_help import Example, add_command
from .terminal import add_language, at_least, reference_of

if TYPE_CHECKING:
    from ..evidence.record import DataRecord, ModelRecord, RunRecord
    from ..language.progress import Advance
    from ..language.sample import DataSet
    from ..models import LoadedModel
    from ..monitoring.fit import ReferenceSet
    from ..monitoring.monitor_file import MonitorFile, PromiseRecord, UnitRule
    from ..report.words import Words

FILE = Path("monitor.json")
_NOTES = """RUN names the model, the images and the requirements; model and images must be
the same as then. Four statistics are watched: the surroundings (without the
object where every image has a mask), the light, the model's confidence, and
the classes that it predicts. Half of the images fix what is measured, the other
half is what new images are compared with; each needs 20 images, or 20 lots.

Photos of an audit mostly differ from the images of the line. --normal names
images of the line itself, taken while all was well: a folder, or a data
reference. Labels and masks are not needed. Without it an alarm may say no more
than that the line is not like the photos of the audit.

--lot says what is independent of each other. each: every image. frames=N: lots
of N images. minutes=N: lots of N minutes. folder: the images of one folder.
stated: lots are given with the images (?cluster= of the reference, --lot-by of
watch run); the default where the reference has clusters, else each. Images of
one shift are often alike; taken for independent, they alarm falsely.

--promise holds for the whole monitor, all groups and statistics together,
however long it watches. false-alarms=P: the probability that it ever alarms
falsely is at most P. run-length=N: the mean number of images (or lots) until
the first false alarm is at least N."""


def add(steps: Any) -> None:
    """Add the step."""
    fit = add_command(
        steps,
        "fit",
        "learn from an audited run what the line is like, and write monitor.json",
        Example("from the latest run", "modelaudit watch fit audit-results/latest"),
        Example(
            "compared with the line itself, by camera, one shift a folder",
            "modelaudit watch fit audit-results/latest --normal line/march \\\n    --group-by '(cam\\d+)' --lot folder",
        ),
        notes=_NOTES,
    )
    fit.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a run, or its run.json")
    fit.add_argument("-o", dest="output", type=Path, metavar="FILE", default=FILE, help=f"default: {FILE}")
    fit.add_argument("--normal", metavar="REF", help="images of the line itself, while all was well")
    fit.add_argument("--lot", metavar="RULE", help="each, frames=N, minutes=N, folder or stated (default: see below)")
    fit.add_argument("--group-by", metavar="RULE", help="what tells cameras or lines apart: folder, or a pattern")
    fit.add_argument(
        "--promise",
        metavar="PROMISE",
        default="false-alarms=0.05",
        help="false-alarms=P or run-length=N (default: false-alarms=0.05)",
    )
    fit.add_argument("--no-pictures", action="store_true", help="keep no small pictures of reference images")
    fit.add_argument("--model", metavar="MODEL", help="which model of the run, or its name where the run has none")
    fit.add_argument("--data", metavar="DATA", help="which data of the run, or their name where the run has none")
    fit.add_argument("--seed", type=at_least(0, "seed"), metavar="S", help="of every draw (default: the run's)")
    fit.add_argument("--device", metavar="DEVICE", default="auto", help="default: cuda where there is one")
    add_language(fit, "the terminal")
    fit.set_defaults(run=_fit)


def _fit(given: argparse.Namespace) -> int:
    from ..data import class_count
    from ..engine.results.settings import Settings
    from ..evidence.consistency import read_consistent_record
    from ..evidence.results_folder import resolve_run
    from ..language.boundary import signals_watched
    from ..monitoring.fit import FitSettings, fit_monitor
    from ..monitoring.monitor_file import write_monitor
    from .terminal import say
    from .watch_claims import told_claims
    from .words import command_words

    promise, unit = promise_of(given.promise), None if given.lot is None else unit_of(given.lot)
    words, root = command_words(given.language), Path.cwd()
    record = read_consistent_record(resolve_run(given.run_folder))
    if record.redacted:
        raise DataError(f"{given.run_folder}: is a redacted copy, which names no images; give the run itself")
    model, text = _model_of(record, given)
    target = target_of(record, _data_of(record, given), model)
    settings = FitSettings(
        promise=promise,
        unit=unit,
        group_by=given.group_by,
        seed=target.seed if given.seed is None else given.seed,
        pictures=not given.no_pictures,
    )
    device = Settings(root, root, given.device).resolved_device()
    with signals_watched():
        reference, audited = _reference(given, target, root)
        labels = None if audited is None else class_count(audited, target.labels)
        loaded = _opened(text, given, target, labels, root)
        with _progress(words, len(reference.data.samples)) as advance:
            created = datetime.now(UTC).replace(microsecond=0)
            monitor = fit_monitor(loaded, reference, record, settings, created=created, device=device, advance=advance)
    if audited is not None:
        check_same_images(reference.reference, monitor.reference.root, target)
    watched = monitor.model.model_copy(update={"reference": text})
    claims = [*told_claims(monitor.claims, record)]
    monitor = monitor.model_copy(update={"model": watched, "claims": claims})
    write_monitor(monitor, given.output)
    say(*report_lines(monitor, words))
    say(str(given.output), file=sys.stderr)
    return 0


def promise_of(text: str) -> PromiseRecord:
    """The promise that ``--promise`` names.

    Raises:
        MonitorError: another form, or a number out of range.
    """
    from ..monitoring.monitor_file import PromiseRecord

    name, _, number = text.partition("=")
    value = _number(number)
    if name == "false-alarms" and value is not None and 0 < value < 1:
        return PromiseRecord(kind="false_alarms", value=value)
    if name == "run-length" and value is not None and value >= 1 and value == int(value):
        return PromiseRecord(kind="run_length", value=value)
    raise MonitorError(
        f"--promise {text}: must be false-alarms=P with P between 0 and 1, e.g. false-alarms=0.05, or run-length=N "
        "with an integer N, e.g. run-length=10000"
    )


def unit_of(text: str) -> UnitRule:
    """The rule that ``--lot`` names.

    Raises:
        MonitorError: another form, or a size that is not positive.
    """
    from ..monitoring.monitor_file import UnitRule

    name, equals, number = text.partition("=")
    if name in ("each", "folder", "stated") and not equals:
        return UnitRule(kind=name)  # type: ignore[arg-type]
    value = _number(number)
    if name == "frames" and value is not None and value >= 2 and value == int(value):
        return UnitRule(kind="frames", size=value)
    if name == "minutes" and value is not None and value > 0:
        return UnitRule(kind="minutes", size=value)
    raise MonitorError(
        f"--lot {text}: must be each, frames=N with an integer N of at least 2, minutes=N, folder or stated, e.g. "
        "frames=50"
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value - value == 0 else None  # neither infinite nor NaN


def _data_of(record: RunRecord, given: argparse.Namespace) -> DataRecord:
    """The data set that is named, or the only one."""
    found = [one for one in record.data if given.data in (None, one.reference)] or list(record.data)
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.reference for one in record.data) or "none"
    raise DataError(
        f"{given.run_folder}: has {len(record.data)} data sets ({names}), and a monitor compares with one; name it "
        "with --data"
    )


def _model_of(record: RunRecord, given: argparse.Namespace) -> tuple[ModelRecord, str]:
    """The model that is named, or the only one that is audited (one that must be caught is not watched), and what it is
    opened by."""
    caught = {key for case in record.cases if case.must_fail for key in case.models}
    kept = {key for case in record.cases if not case.must_fail for key in case.models}
    called = {key for case in record.cases for name, key in case.model_names.items() if name == given.model}
    found = [one for one in record.models if one.key in called or given.model in (one.reference, *one.names)]
    if len(found) == 1:
        return found[0], found[0].reference
    found = [one for one in record.models if one.key not in caught - kept]
    if len(found) == 1:
        return found[0], given.model or found[0].reference
    names = ", ".join(one.reference for one in record.models) or "none"
    raise ModelError(
        f"{given.run_folder}: has {len(record.models)} models ({names}), and a monitor watches with one; name it with "
        "--model"
    )


def _reference(given: argparse.Namespace, target: AuditedTarget, root: Path) -> tuple[ReferenceSet, DataSet | None]:
    """The images to fit to, and those of the audit where these are the same."""
    from ..data import declare_without_object, open_data
    from ..monitoring.fit import ReferenceSet

    if given.normal is not None:
        text = normal_reference(given.normal)
        data = open_data(text, root=root)
        return ReferenceSet("normal", text, _grouped(data, given.group_by), ordered=text.startswith("photos:")), None
    text = target.reference if given.data is None else reference_of(given.data)
    try:
        data = open_data(text, root=root)
    except DataError as error:
        raise DataError(
            f"{text}: the data of the run cannot be opened again ({error}); where the audit was given Python objects, "
            "name the same images with --data REF, or images of the line with --normal REF"
        ) from error
    data = declare_without_object(data, target.without_object)
    return ReferenceSet("audited", text, _grouped(data, given.group_by)), data


def normal_reference(text: str) -> str:
    """A data reference; of a bare folder its images, whatever folders they are in."""
    return f"photos:{text}" if Path(text).is_dir() else reference_of(text)


def _grouped(data: DataSet, rule: str | None) -> DataSet:
    if rule is None:
        return data
    from ..monitoring.incoming import PathPart

    found = PathPart(rule, "--group-by").of([sample.id for sample in data.samples])
    if not any(found):
        raise DataError(f"--group-by {rule}: finds nothing in any of the names, e.g. {data.samples[0].id!r}")
    samples = (replace(sample, group=group) for sample, group in zip(data.samples, found, strict=True))
    return replace(data, samples=tuple(samples))


def _opened(text: str, given: argparse.Namespace, target: AuditedTarget, labels: int | None, root: Path) -> LoadedModel:
    try:
        return opened_model(text, target, labels, root, "watch with")
    except ModelError as error:
        if given.model is not None or str(error).startswith(f"{text}: is not the model of the run"):
            raise
        raise ModelError(
            f"{text}: the model of the run cannot be opened again ({error}); where the audit was given a Python "
            "object, name what makes it with --model, e.g. --model models/net.py:load"
        ) from error


def _progress(words: Words, total: int) -> AbstractContextManager[Advance]:
    """Progress on standard error."""
    from ..language.progress import ProgressBar, ProgressTexts

    texts = ProgressTexts("{title}", "{title}: {total}", "{title}: {done} / {total}", "{title}: {total} ({seconds} s)")
    bar = ProgressBar(lambda: sys.stderr, None if sys.stderr.isatty() else lambda: print(file=sys.stderr), texts)
    return bar.task(words._("watch_fit_reading"), total)


def report_lines(monitor: MonitorFile, words: Words) -> Iterator[str]:
    """What the monitor watches, what it compares with, and what it promises."""
    from .terminal import wrapped

    reference = monitor.reference
    head = words.named("watch_fit_head", reference.what).format(model=monitor.model.reference, data=reference.data)
    yield from wrapped(head, indent=2, first="")
    for line in _lines(monitor, words):
        yield from wrapped(line, indent=4, first="  - ")


def _lines(monitor: MonitorFile, words: Words) -> Iterator[str]:
    reference, count = monitor.reference, words.count
    units = "lots" if reference.lots is not None else "images"
    fitted, calibrated = count(reference.fitted), count(reference.calibrated)
    yield words.named("watch_fit_halves", units).format(fitted=fitted, calibrated=calibrated)
    if reference.unusable:
        yield words.ngettext("watch_fit_unusable", reference.unusable)
    if set(reference.groups) != {""}:
        groups = words._("semicolon").join(f"{name or '-'}: {count(n)}" for name, n in reference.groups.items())
        yield words._("watch_fit_groups", groups=groups)
    yield words._("watch_fit_with_masks") if reference.masked else words._("watch_fit_whole")
    if not monitor.layers:
        yield words._("watch_fit_no_layers")
    size = "" if monitor.unit.size is None else f"{monitor.unit.size:g}"
    yield words.named("watch_fit_unit", monitor.unit.kind).format(size=size)
    value = monitor.promise.value
    promised = f"{100 * value:g}%" if monitor.promise.kind == "false_alarms" else count(int(value))
    yield words.named("watch_fit_promise", monitor.promise.kind).format(value=promised)
    unknown = sum(bool(claim.needs) for claim in monitor.claims)
    yield words._("watch_fit_claims", n=count(unknown), of=count(len(monitor.claims)))
    for one in monitor.order[:1]:
        name = words.named("watch_fit_statistic", one.statistic)
        if one.lot is None:
            yield words._("watch_fit_order", statistic=name)
        else:
            yield words._("watch_fit_order_lot", statistic=name, lot=count(one.lot))
    if reference.what == "audited":
        yield words._("watch_fit_audited_note")

"""The page of an alarm: what happened, how sure that is, what it means for the audited claims, and what to do next."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ..language.whole_file import write_whole
from ..monitoring.alarm_record import PAGE_NAME, AlarmPicture, AlarmRecord, ChartState, ClaimStanding, read_alarm
from .alarm_changes import ChangeView, Swatches, change_views, subject_of, swatches
from .cases import Badge
from .pictures import read_picture
from .render import filled, spoken, templates
from .run_sentences import verdict_badge
from .words import LANGUAGES, Words, words_of

#: evidence beyond this is so large that its digits say nothing
_MOST = 1_000_000
#: fewer images than this show no drop of the accuracy below some five points
_FEW = 59
#: finds any object; another one is named in its place
_MASK_MAKER = "torchvision:deeplabv3_resnet101@COCO_WITH_VOC_LABELS_V1?object=any"


@dataclass(frozen=True)
class AlarmPictureView:
    """A picture with the line under it; ``uri`` is empty where the file cannot be shown."""

    uri: str
    alt: str
    caption: str


@dataclass(frozen=True)
class ChartView:
    """The evidence of a statistic: in words, and its length in per cent of that of the threshold (logarithms).

    ``own``: it is the one that the page is about. ``reached``: it is at the threshold.
    """

    name: str
    evidence: str
    bar: float
    own: bool
    reached: bool


@dataclass(frozen=True)
class ClaimView:
    """An audited claim: what the audit found, its verdict, and how it stands with the images since."""

    name: str
    found: str
    verdict: Badge | None
    standing: str


@dataclass(frozen=True)
class AlarmStep:
    """Something to do, with the commands for it."""

    text: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlarmView:
    """One language of the page."""

    title: str
    place: str
    since: str
    meaning: tuple[str, ...]
    compared: str
    ordinary: tuple[AlarmPictureView, ...]
    recent: tuple[AlarmPictureView, ...]
    changes: tuple[ChangeView, ...]
    swatches: Swatches | None
    sure: tuple[str, ...]
    charts: tuple[ChartView, ...]
    threshold: str
    claims: tuple[ClaimView, ...]
    steps: tuple[AlarmStep, ...]
    facts: tuple[tuple[str, str], ...]


def write_alarm_page(folder: Path, *, language: str = "en", templates_dir: Path | None = None) -> Path:
    """Write ``alarm.html`` beside the ``alarm.json`` in `folder`, whole or not at all.

    Raises:
        AuditError: there is no alarm in `folder`, an unknown language, or a folder that cannot be written to.
    """
    page = render_alarm(read_alarm(folder), folder, language=language, templates_dir=templates_dir)
    return write_whole(folder / PAGE_NAME, page)


def render_alarm(record: AlarmRecord, folder: Path, *, language: str = "en", templates_dir: Path | None = None) -> str:
    """The page as HTML in English and Japanese, which needs no other file.

    Args:
        folder: of the alarm: its pictures are read from it, and the commands name it as it is given.
        language: the one that is shown first.

    Raises:
        ResultsError: an unknown language, or a template that cannot be rendered.
    """
    words_of(language)
    environment = templates(templates_dir, escape=True)
    views = {each: alarm_view(record, folder, words_of(each)) for each in LANGUAGES}
    bodies = {
        each: Markup(filled(environment, "alarm_page.html.j2", view=view, record=record, **spoken(each)))
        for each, view in views.items()
    }
    script = Markup(filled(environment, "two_languages.js"))
    return filled(
        environment,
        "alarm.html.j2",
        bodies=bodies,
        titles={each: view.title for each, view in views.items()},
        language=language,
        place=record.group,
        styles=Markup(filled(environment, "alarm.css", digest=record.monitor)),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


def alarm_view(record: AlarmRecord, folder: Path, words: Words) -> AlarmView:
    """Everything that one language of the page says."""
    return AlarmView(
        words.named("alarm_title", subject_of(record.statistic, masked=record.masked)),
        _place(record, words),
        _since(record, words),
        tuple(_meaning(record, words)),
        words.named("alarm_compared", record.compared_with),
        tuple(_picture(one, folder, words) for one in record.ordinary),
        tuple(_picture(one, folder, words) for one in record.recent),
        change_views(record, words),
        swatches(record),
        tuple(_sure(record, words)),
        tuple(_chart(one, record, words) for one in record.charts),
        words._("alarm_threshold", threshold=_odds(record.threshold, words)),
        tuple(_claim(one, words) for one in sorted(record.claims, key=lambda one: not one.touched)),
        tuple(_steps(record, folder, words)),
        tuple(_facts(record, words)),
    )


def _place(record: AlarmRecord, words: Words) -> str:
    return record.group or words._("alarm_whole_line")


def _unit(number: int, record: AlarmRecord, words: Words) -> str:
    text = words.count(number)
    return words._("alarm_lot", number=text) if record.unit == "lot" else words._("alarm_image", number=text)


def _units(number: int, record: AlarmRecord, words: Words) -> str:
    return words.ngettext("alarm_lots", number) if record.unit == "lot" else words.ngettext("alarm_images", number)


def _since(record: AlarmRecord, words: Words) -> str:
    """When the change probably began, and when it was noticed."""
    began, noticed = _unit(record.began.unit, record, words), _unit(record.units, record, words)
    if record.began.at is not None:
        began = words._("value_of_method", value=began, method=words.moment(record.began.at.isoformat()))
    noticed = words._("value_of_method", value=noticed, method=words.moment(record.created.isoformat()))
    return words._("alarm_since", began=began, noticed=noticed)


def _meaning(record: AlarmRecord, words: Words) -> Iterator[str]:
    """What follows from the alarm for who decides, and what does not."""
    yield words._("alarm_means") if record.compared_with == "audited_images" else words._("alarm_means_of_line")
    yield words._("alarm_answers_differ") if record.statistic == "classes" else words._("alarm_means_not")


def _picture(picture: AlarmPicture, folder: Path, words: Words) -> AlarmPictureView:
    read = read_picture(picture.file, folder)
    said = []
    if picture.predicted is not None and picture.confidence is not None:
        sure = words.quantity(picture.confidence, "percent", 0)
        said.append(words._("alarm_answer", label=picture.predicted, sure=sure))
    return AlarmPictureView("" if read is None else read.uri, picture.id, words._("semicolon").join(said))


def _odds(value: float, words: Words) -> str:
    """Evidence as "n to 1", in as few digits as tell."""
    if value >= _MOST:
        return words._("alarm_odds_over", n=words.count(_MOST))
    if value < 10:
        return words._("alarm_odds", n=words.quantity(value, "number", 1))
    return words._("alarm_odds", n=words.count(math.floor(value)))


def _sure(record: AlarmRecord, words: Words) -> Iterator[str]:
    """How much evidence there is, what is promised of false alarms, and what that rests on."""
    numbers = {"evidence": _odds(record.evidence, words), "threshold": _odds(record.threshold, words)}
    value = record.promise.value
    if record.promise.kind == "false_alarms":
        yield words._("alarm_evidence", **numbers)
        percent = words.limit(value, "percent")
        yield words._("alarm_promise_false_alarms", one_in=words.count(math.floor(1 / value)), percent=percent)
    else:
        yield words._("alarm_evidence_run_length", **numbers)
        yield words._("alarm_promise_run_length", units=_units(round(value), record, words))
    yield words._("alarm_rests_on_lots") if record.unit == "lot" else words._("alarm_rests_on_images")


def _chart(chart: ChartState, record: AlarmRecord, words: Words) -> ChartView:
    reached = math.log(max(chart.evidence, 1.0)) / math.log(max(chart.threshold, math.e))
    return ChartView(
        words.named("alarm_statistic", subject_of(chart.statistic, masked=record.masked)),
        _odds(chart.evidence, words),
        100 * min(reached, 1.0),
        chart.statistic == record.statistic,
        chart.evidence >= chart.threshold,
    )


def _claim(claim: ClaimStanding, words: Words) -> ClaimView:
    file, _, name = claim.node_id.rpartition("::")
    standing = words.named("alarm_standing", claim.standing)
    verdict = claim.verdict or "NOT_RUN"
    if claim.touched:
        standing = words.in_a_row([words.named("alarm_touched", verdict), standing])
    found = claim.found.get(words.language) or (words.own(claim.says) if claim.says else claim.text)
    return ClaimView(name or file, found, verdict_badge(verdict, words), standing)


def _steps(record: AlarmRecord, folder: Path, words: Words) -> Iterator[AlarmStep]:
    """What to do, in its order: look, decide on the parts until it is measured, label, audit again, watch on."""
    yield AlarmStep(words.named("alarm_look", subject_of(record.statistic, masked=record.masked)))
    noted = f"modelaudit watch status {record.monitor_file} --acknowledge {record.number} --by NAME"
    yield AlarmStep(words._("alarm_until_measured", place=_place(record, words)), (noted,))
    following = record.audit_next
    if following is None or not following.images:
        yield AlarmStep(words._("alarm_no_list"))
    else:
        listed = folder / following.file
        reference = f"csv:{listed}" if following.root is None else f"csv:{listed}?images={following.root}"
        if following.images < _FEW:
            more = f"modelaudit watch list {record.monitor_file} {record.number}"
            yield AlarmStep(words.ngettext("alarm_few", following.images), (more,))
        said = [words.ngettext("alarm_label", following.images, file=str(listed))]
        said += [words.ngettext("alarm_gone", following.gone)] if following.gone else []
        yield AlarmStep(words.in_a_row(said))
        if any("masks" in one.needs for one in record.claims) and not following.masks:
            command = f'modelaudit masks "{reference}" --into {folder / "masks"} --by "{_MASK_MAKER}"'
            yield AlarmStep(words._("alarm_masks"), (command,))
        yield AlarmStep(
            words._("alarm_audit", data=reference), (f'modelaudit data check "{reference}"', "pytest audits/")
        )
    fit = f"modelaudit watch fit audit-results/latest -o {record.monitor_file}"
    if record.promise.kind == "false_alarms":
        statistic = words.named("alarm_statistic", subject_of(record.statistic, masked=record.masked))
        yield AlarmStep(words._("alarm_fit_again", statistic=statistic, place=_place(record, words)), (fit,))
    else:
        yield AlarmStep(words._("alarm_fit_if_new"), (fit,))


def _facts(record: AlarmRecord, words: Words) -> Sequence[tuple[str, str]]:
    """What the alarm is of, for who looks it up."""
    return (
        (words._("alarm_id"), record.id),
        (words._("alarm_monitor"), f"{record.monitor_file} · {record.monitor[:16]}"),
        (words._("alarm_run"), f"{record.run} · {record.run_digest[:16]}"),
        (words._("alarm_model"), record.model),
        (words._("alarm_reference"), record.data),
        (words._("alarm_seen"), _units(record.units, record, words)),
    )

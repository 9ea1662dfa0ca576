"""Page one: whose report it is, the verdict on each model, at most six requirements, and one picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..advice.next_steps import images_asked
from ..evidence.leaves import leaves_of
from ..evidence.record import About, CaseRecord, RunRecord
from ..evidence.states import MET, counted_as, is_exception
from .cases import Badge, CaseView, badge_of
from .convincing import ConvincingPicture, convincing_picture
from .exceptions import exception_text
from .figures import plot_of, value_text
from .gallery import PanelView, gallery_row
from .held import departure_sentence
from .naming import context_label, titles_of
from .order import worst_first
from .pictures import Pictures
from .run_sentences import known_bad_sentence, requirements_sentence, state_of, verdict_badge
from .sentences import own_words, scales_of, short_digits, short_sentence, unit_of, worst_part
from .tested import TestedModel, model_title, tested_models, worst_models
from .words import Words

#: how many requirements one sheet of paper has room for, by the number of verdicts
MOST_LINES = (6, 5, 3, 3)
MOST_MODELS = len(MOST_LINES)
#: digits of a fingerprint and of the record's digest
_SHORT = 12
#: times the images that there are: whoever needs so many more has a value at its limit, and not too few images
_TOO_MANY = 10


@dataclass(frozen=True)
class Fact:
    """One entry of the strip; ``code`` is set in a fixed width, and leads to the place named ``link``."""

    name: str
    values: tuple[str, ...]
    code: str = ""
    link: str = ""


@dataclass(frozen=True)
class VerdictView:
    """The verdict on a model: ``name`` is empty where there is only one, ``rest`` says how all requirements ended."""

    badge: Badge
    name: str
    sentence: str
    rest: str


@dataclass(frozen=True)
class LineView:
    """A requirement: ``model`` is empty where there is only one, ``chips`` are reasons.

    ``value`` and ``limit`` are the numbers of the small drawing.
    """

    view: CaseView
    sentence: str
    model: str
    chips: tuple[str, ...]
    value: str
    limit: str


@dataclass(frozen=True)
class FoldedLines:
    """Requirements of one ending that have no line; ``anchor`` is that of the first."""

    kind: str
    text: str
    anchor: str


@dataclass(frozen=True)
class PictureView:
    """The picture that convinces, with the requirement that it is of."""

    sentence: str
    panels: tuple[PanelView, ...]
    sample: str
    anchor: str
    name: str


@dataclass(frozen=True)
class ChangeLine:
    """The smallest change found that flips an answer, with the place where it is shown."""

    text: str
    anchor: str


@dataclass(frozen=True)
class FirstPage:
    """What page one says. ``known_bad``: of the models that must be caught; empty where the run declares none."""

    title: str
    facts: tuple[Fact, ...]
    verdicts: tuple[VerdictView, ...]
    more_models: str
    lines: tuple[LineView, ...]
    folded: tuple[FoldedLines, ...]
    scales: tuple[str, ...]
    known_bad: str
    known_bad_badge: Badge | None
    picture: PictureView | None
    change: ChangeLine | None = None


def first_page(
    record: RunRecord, views: Sequence[CaseView], words: Words, pictures: Pictures, digest: str
) -> FirstPage:
    """Page one of a run.

    Args:
        views: of the requirements, known-bad models left out, the worst first.
        digest: the sha256 of ``run.json``.
    """
    models, verdicts = tested_models(record), verdict_views(record, words)
    most = MOST_LINES[min(len(verdicts), MOST_MODELS) - 1]
    shown = views[:most]
    controls = [case for case in record.cases if case.must_fail]
    return FirstPage(
        _said(record.about.title if record.about else None, words) or words._("audit_report_of_an_image"),
        tuple(_facts(record, models, digest, words)),
        tuple(verdicts[:MOST_MODELS]),
        words.ngettext("more_models", len(verdicts) - MOST_MODELS) if len(verdicts) > MOST_MODELS else "",
        tuple(_line(record, view, models, words) for view in shown),
        tuple(_folded(views[most:], words)),
        tuple(dict.fromkeys(note for view in shown for note in _reading(view.case, words))),
        known_bad_sentence(controls, words) if controls else "",
        _worst_badge(controls, words),
        _picture(record, convincing_picture(record), views, words, pictures),
        _change(views, words),
    )


def _said(text: str | dict[str, str] | None, words: Words) -> str:
    """A text of ``about.yaml`` in this language, or in the one that it has."""
    if isinstance(text, dict):
        return text.get(words.language) or next(iter(text.values()))
    return text or ""


def _facts(record: RunRecord, models: Sequence[TestedModel], digest: str, words: Words) -> list[Fact]:
    about = record.about or About()
    facts = [
        Fact(words._("customer"), (_said(about.customer, words),)),
        Fact(words._("issuer"), (_said(about.issuer, words),)),
        Fact(words._("report_number"), (about.number or "",)),
        _model_fact(record, about, models, words),
        Fact(words._("data"), tuple(_data(record, about, words))),
        Fact(words._("date"), (words.moment(record.finished),)),
        Fact(words._("record_digest"), (), digest[:_SHORT], "provenance"),
    ]
    return [fact for fact in facts if any(fact.values) or fact.code]


def _model_fact(record: RunRecord, about: About, models: Sequence[TestedModel], words: Words) -> Fact:
    """The model under test, by the parties' name for it; without a version the fingerprint of what was run."""
    tested = [one.model for one in models if one.model is not None]
    named = words._("two_words", first=_said(about.model.name, words), second=about.model.version or "").strip()
    if about.model.name is None:
        references = (one.stated if one.model is None else one.model.reference for one in models)
        titles = titles_of(filter(None, references), words)[:MOST_MODELS] or (words._("no_model_was_loaded"),)
        named_parts = (*titles, about.model.version or "")
    else:
        named_parts = (named,)
    digest = tested[0].fingerprint[:_SHORT] if len(models) == len(tested) == 1 and not about.model.version else ""
    return Fact(words._("model"), tuple(filter(None, named_parts)), digest)


def _data(record: RunRecord, about: About, words: Words) -> list[str]:
    images = words.ngettext("images_n", sum(data.images for data in record.data)) if record.data else ""
    if about.data:
        stated = [
            words._("comma").join(
                filter(None, (_said(one.name, words), _said(one.where, words), _said(one.when, words)))
            )
            for one in about.data
        ]
        return [*stated, images]
    return [*(data.reference for data in record.data[:MOST_MODELS]), images]


def verdict_views(record: RunRecord, words: Words) -> list[VerdictView]:
    """The verdict on each model under test, the worst first; of a run without a requirement on one just one."""
    models = tested_models(record)
    found = [_verdict(record, model, words, alone=len(models) == 1) for model in worst_models(record, models)]
    return found or [_no_requirement(record, words)]


def verdict_texts(record: RunRecord, words: Words) -> list[str]:
    """The same as lines for a terminal, and behind them what came of the known-bad models."""
    controls = [case for case in record.cases if case.must_fail]
    said = []
    for view in verdict_views(record, words):
        text = view.sentence or view.rest
        if view.sentence and view.rest:
            text = words._("two_sentences", first=view.sentence, second=view.rest)
        said.append(words._("run_tally", state=view.name, counts=text) if view.name else text)
    return [*said, known_bad_sentence(controls, words)] if controls else said


def _verdict(record: RunRecord, tested: TestedModel, words: Words, *, alone: bool) -> VerdictView:
    own = [record.cases[position] for position in tested.cases]
    controls = [case for case in record.cases if case.must_fail]
    state = state_of([*own, *controls], record)
    counts = requirements_sentence(own, state, record.quick_look, words)
    departs = departure_sentence(record, words)
    deciding = [departs] if departs else _deciding(own, state, words)
    first, *rest = [counts, *deciding] if state in MET else [*deciding, counts]
    name = "" if alone else model_title(tested, words)
    return VerdictView(verdict_badge(state, words), name, first, words.in_a_row(rest))


def _no_requirement(record: RunRecord, words: Words) -> VerdictView:
    """Of a run without a requirement on a model under test."""
    badge = verdict_badge(state_of(record.cases, record), words)
    return VerdictView(badge, "", words._("no_requirement_was_selected"), "")


def _deciding(own: Sequence[CaseRecord], state: str, words: Words) -> list[str]:
    """What decides, with its numbers; nothing where the counts say it all."""
    endings = ("FAIL", "ERROR") if state == "FAIL_ERROR" else ("PASS",) if state in MET else (state,)
    return [text for ending in endings if (text := _worst_of(ending, own, words))]


def _worst_of(ending: str, own: Sequence[CaseRecord], words: Words) -> str:
    """The worst requirement that ended like this; without one it was a known-bad model."""
    case = next((own[at] for at in worst_first(own) if counted_as(own[at]) == ending), None)
    claim = "" if case is None else _begun(short_sentence(case, words, scale=ending != "ERROR"), case, words)
    match ending:
        case "FAIL":
            return words._("not_ready", claim=claim) if claim else words._("not_ready_known_bad")
        case "ERROR":
            return words._("not_measured", claim=claim) if claim else words._("not_measured_known_bad")
        case "INCONCLUSIVE" if case is not None and case.reason == "review_open":
            return words._("not_reviewed", claim=claim)
        case "INCONCLUSIVE":
            return words._("not_decided", claim=claim) if claim else words._("undecided_known_bad")
        case "PASS":
            return words._("nearest_to_its_limit", claim=claim) if claim else ""
    return ""


def _begun(claim: str, case: CaseRecord, words: Words) -> str:
    """A sentence of our own as it goes on behind a colon."""
    return claim[:1].lower() + claim[1:] if words.language == "en" and not own_words(case, words) else claim


def _line(record: RunRecord, view: CaseView, models: Sequence[TestedModel], words: Words) -> LineView:
    position = next(at for at, case in enumerate(record.cases) if case is view.case)
    owner = next(model for model in models if position in model.cases)
    model = model_title(owner, words) if len(models) > 1 else ""
    if view.case.name.endswith(f"[{model}]"):
        model = ""
    worst = worst_part(view.case)
    plot = None if worst is None else plot_of(view.case, words, [worst])
    value = "" if worst is None else value_text(worst, unit_of(view.case.left), short_digits(view.case), words)
    limit = "" if plot is None else plot.threshold_label
    chips = tuple(_chips(record, view, words))
    return LineView(replace(view, plot=plot), short_sentence(view.case, words), model, chips, value, limit)


def _chips(record: RunRecord, view: CaseView, words: Words) -> list[str]:
    case = view.case
    chips = [] if record.quick_look is None else [words._("quick_look")]
    if case.verdict == "ERROR":
        chips.append(case.message.split("\n")[0] or words.named("verdict", "ERROR"))
    elif case.verdict is None:
        chips.append(words.named("verdict", "NOT_RUN"))
    elif case.reason:
        chips.append(reason_chip(case, case.reason, words))
    if is_exception(case) or case.importance == "advisory":
        chips.append(exception_text(case, words))
    elif case.outcome in ("xfailed", "xpassed"):
        chips.append(words.named("chip", case.outcome))
    pairs = zip(case.weakened if view.weakened else (), view.weakened, strict=True)  # what was not run is not weakened
    return [*chips, *(text for kind, text in pairs if not _all_unchecked(record, kind))]


def _all_unchecked(record: RunRecord, kind: str) -> bool:
    """Whether no requirement was itself checked: the box of what was not tested says so once for all."""
    shared = len(record.cases) > 1 and all(kind in case.weakened for case in record.cases)
    return shared and kind in ("checks_off", "checks_off_run")


def reason_chip(case: CaseRecord, reason: str, words: Words) -> str:
    """Why a requirement is undecided, and how many images would decide it, in two digits."""
    more = case.decision.more_images if case.decision else None
    if not case.decision or not more:
        return words.named("chip", reason)
    rounded, whole = (round(n, 2 - len(str(n))) for n in (more, more + images_asked(case.decision)))
    if more > _TOO_MANY * case.decision.counts.asked:
        return words._("chip_near_limit")
    return words.ngettext("chip_and_more", rounded, all=words.count(whole), chip=words.named("chip", reason))


def _folded(views: Sequence[CaseView], words: Words) -> list[FoldedLines]:
    counts = Counter(view.badge.kind for view in views)
    first = {view.badge.kind: view.anchor for view in reversed(views)}
    return [
        FoldedLines(kind, words._("folded", n=words.count(count), ending=words.named("folded", kind)), first[kind])
        for kind, count in counts.items()
    ]


def _reading(case: CaseRecord, words: Words) -> Iterator[str]:
    """What a reader of the number has to know: what its scale means, and which images it counts."""
    if worst_part(case) is None:
        return
    yield from (_scale(case, scale, words) for scale in scales_of(case, words))
    if any(leaf.measure == "flip_rate" for leaf in leaves_of(case.left)):
        yield words._("changed_answers_counted")


def _scale(case: CaseRecord, scale: str, words: Words) -> str:
    phrase = words.phrase("measures", getattr(case.left, "specs", [""])[0])
    measure = phrase.label if phrase else getattr(case.left, "measure", "")
    return words._("scale_of", measure=measure[:1].upper() + measure[1:], scale=scale)


def _worst_badge(controls: Sequence[CaseRecord], words: Words) -> Badge | None:
    return badge_of(controls[worst_first(controls)[0]], words) if controls else None


def _change(views: Sequence[CaseView], words: Words) -> ChangeLine | None:
    """The smallest change that the searches of all requirements found."""
    found = [view.changes for view in views if view.changes is not None and view.changes.smallest]
    if not found:
        return None
    smallest = min(found, key=lambda one: one.size)
    return ChangeLine(words._("changes_link", smallest=smallest.smallest), smallest.anchor)


def _picture(
    record: RunRecord, found: ConvincingPicture | None, views: Sequence[CaseView], words: Words, pictures: Pictures
) -> PictureView | None:
    if found is None:
        return None
    case = record.cases[found.case]
    row = case.gallery[found.row]
    panels = gallery_row(record, case, row, words, pictures).panels
    before, after = (panels[at].prediction for at in (found.original, found.changed))
    context = context_label(list(found.contexts), words)
    said = []
    if any(node.family == "change" for node in found.contexts):
        said = [words._("same_object_in_context", context=context, before=before, after=after)]
        if len(found.contexts) == 1:
            said.append(words._("only_the_background_was_exchanged"))
    else:
        said = [words._("same_image_in_context", context=context, before=before, after=after)]
    if found.heat_map is not None and all(leaf.target in (None, "prediction") for leaf in leaves_of(case.left)):
        said.append(words._("map_of_the_new_answer"))
    sentence = words.in_a_row(said)
    anchor = next((view.anchor for view in views if view.case is case), "")
    return PictureView(sentence, tuple(panels[at] for at in found.panels), row.sample, anchor, case.name)

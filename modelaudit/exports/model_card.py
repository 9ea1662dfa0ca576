"""A run in the model card of a model: a section of README.md, and its numbers in the metadata of Hugging Face."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..evidence.record import CaseRecord, DataRecord, RunRecord
from ..evidence.record_texts import shown_record
from ..language.errors import ResultsError, first_line, nearest
from ..language.plain_text import plain
from ..report.cases import CaseView
from ..report.first_page import verdict_views
from ..report.page import page_of
from ..report.pictures import Pictures
from ..report.render import filled, markdown_text, spoken, templates
from ..report.sentences import text_of
from ..report.tested import TestedModel, model_title, tested_models, worst_models
from ..report.words import words_of
from .extras import needs

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

BEGIN, END = "<!-- begin of the audit by modelaudit -->", "<!-- end of the audit by modelaudit -->"
_SECTION = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
_TOOL = "modelaudit"


@dataclass(frozen=True)
class CardSubject:
    """The model that a card is about, with the run's record as it may be shown.

    ``title``: what the parties call it.
    """

    record: RunRecord
    tested: TestedModel
    title: str


def card_subject(record: RunRecord, model: str | None) -> CardSubject:
    """The model under test by its name or reference; the only one where none is given.

    Raises:
        ResultsError: there is no such model, or several and none was named.
    """
    record = shown_record(record)
    words = words_of("en").of(record.cases)
    titles = [(one, model_title(one, words)) for one in tested_models(record)]
    found = [(one, title) for one, title in titles if model is None or model in _names(one, title)]
    if len(found) == 1:
        return CardSubject(record, *found[0])
    known = sorted({title for _, title in titles})
    if not known:
        raise ResultsError("the run has no requirement on a model under test: there is nothing to put into a card")
    if model is None:
        raise ResultsError(f"the run is about several models: choose one with --model: {', '.join(known)}")
    raise ResultsError(
        f"--model {model}: is {'several models' if found else 'no model'} of the run{nearest(model, known)}"
    )


def _names(tested: TestedModel, title: str) -> set[str]:
    model = tested.model
    return {title, tested.stated, *(() if model is None else (model.reference, *model.names))}


def card_section(subject: CardSubject, language: str) -> str:
    """The section between its markers: the verdict on the model, its requirements with their ranges, known-bad models,
    data, and what was not tested."""
    record, tested = subject.record, subject.tested
    words = words_of(language)
    page = page_of(record, words, Pictures(frozenset(), {}, frozenset(), 0))
    order = worst_models(record, tested_models(record))
    verdict = verdict_views(record, words.of(record.cases))[order.index(tested)]
    views: list[CaseView] = [view for view in (*page.expectations, *page.controls) if _is_about(view, tested)]
    text = filled(
        templates(None, escape=False),
        "model_card.md.j2",
        page=page,
        record=record,
        verdict=verdict,
        views=views,
        data=[one for one in page.data if one.data.key in {record.cases[at].data for at in tested.cases}],
        model=tested.model,
        not_tested=page.boxes.not_tested.lines,
        version=record.provenance.versions.get("pytest-modelaudit", ""),
        **spoken(language),
    )
    return f"{BEGIN}\n{text.strip()}\n{END}"


def _is_about(view: CaseView, tested: TestedModel) -> bool:
    return view.case.must_fail or view.declared in tested.cases


def card_results(subject: CardSubject, dataset: str | None = None) -> list[EvalResult]:
    """The numbers of requirements that count and are decided, each with its bounds, for ``model-index``.

    What is undecided, an error or a quick look is left out: who reads the metadata takes a value for a result. It
    stands in the section.

    Args:
        dataset: id of the data set on the Hub; else the kind of source that the data came from.
    """
    with needs("model-card", "huggingface-hub"):
        from huggingface_hub import EvalResult
    record = subject.record
    data = {one.key: one for one in record.data}
    found = []
    for case in (record.cases[at] for at in subject.tested.cases):
        source = data.get(case.data or "")
        decision = case.decision
        if not _is_result(case, record) or source is None or decision is None or decision.estimate is None:
            continue
        found.append(
            EvalResult(
                task_type="image-classification",
                dataset_type=dataset or plain(source.reference.partition(":")[0]),
                dataset_name=plain(source.reference),
                dataset_args=_of_data(source),
                metric_type=plain(text_of(case.left)),  # accuracy under a context is not what others call accuracy
                metric_name=plain(case.name),
                metric_value=decision.estimate,
                metric_args=_of_metric(case),
            )
        )
    return found


def _is_result(case: CaseRecord, record: RunRecord) -> bool:
    decided = case.verdict in ("PASS", "FAIL") and case.standing == "counted"
    return decided and record.quick_look is None and record.as_agreed


def _of_data(data: DataRecord) -> dict[str, object]:
    return {"images": data.images, **({"fingerprint": data.fingerprint} if data.fingerprint else {})}


def _of_metric(case: CaseRecord) -> dict[str, object]:
    """What keeps a number from being read as more than it is."""
    decision = case.decision
    assert decision is not None
    return {
        "tool": _TOOL,
        "required": f"{case.op} {case.threshold:g}",
        "verdict": case.verdict,
        "lower": decision.lower,
        "upper": decision.upper,
        "confidence": decision.confidence,
        "images": decision.counts.measured,
    }


def with_section(card: str, section: str, results: Sequence[EvalResult], name: str, *, where: str = "the card") -> str:
    """A model card whose section and results of this tool are these; everything else in it stays.

    Args:
        card: the text of README.md; empty for a new card.
        name: of the model, where the metadata have none.
        where: the card as errors call it.

    Raises:
        ResultsError: metadata that cannot be read, or a marker without the other.
    """
    with needs("model-card", "huggingface-hub"):
        from huggingface_hub import ModelCard
    if not card.startswith("---"):  # without metadata; so begun the library does not warn of it
        card = f"---\n{{}}\n---\n{card or f'# {markdown_text(name)}'}"
    try:
        read = ModelCard(card)
    except Exception as error:  # of the library and of its YAML, which have no type in common
        raise ResultsError(f"{where}: the metadata cannot be read ({first_line(error)}); correct them") from error
    read.text = _with_section(read.text, section, where)
    data: Any = read.data
    data.eval_results = [one for one in data.eval_results or [] if not _is_ours(one)] + list(results) or None
    if data.eval_results is not None:
        data.model_name = data.model_name or plain(name)
    return str(read)


def _is_ours(one: EvalResult) -> bool:
    return isinstance(one.metric_args, dict) and one.metric_args.get("tool") == _TOOL


def _with_section(text: str, section: str, where: str) -> str:
    if (text.count(BEGIN), text.count(END)) == (1, 1) and _SECTION.search(text):
        return _SECTION.sub(lambda _: section, text)
    if BEGIN in text or END in text:
        raise ResultsError(f"{where}: must have {BEGIN} and {END} once each, in this order, or neither of them")
    return f"{text.rstrip()}\n\n{section}\n"

"""One case in one paragraph of plain lines: what a failed item prints, and the text of a failure in JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence.record import CaseRecord, CountsRecord, DecisionRecord
from ..language.plain_text import plain
from .cases import left_out_text, looked_texts
from .checks import caught_texts
from .figures import interval_text, value_text
from .image_values import image_value
from .naming import comparison, part_text
from .notes import guard_notes
from .review_sentences import reviews_sentence
from .sentences import digits_of, unit_of
from .words import Words

_NAMED = 5


def paragraph(case: CaseRecord, report: str, words: Words, *, limit: int | None = None) -> str:
    """One readable paragraph: what was asked, what was found, where to look, and how to see it again."""
    words = words.of([case])
    lines = [_headline(case, words), f"  {case.expectation}"]
    if case.message:
        lines += [f"  {line}" for line in case.message.split("\n")]
    if case.decision is not None:
        lines += _found(case, case.decision, words)
    if case.worst:
        lines.append("  " + words._("paragraph_worst", images=words._("comma").join(_worst(case, words))))
    if case.weakened:
        named = [words.named("weakened", name) for name in case.weakened]
        lines.append("  " + words._("paragraph_weakened", how=words._("semicolon").join(named)))
    if limit is not None:
        lines.append("  " + words.ngettext("run_quick_look", limit))
    lines.append("  " + words._("run_report", path=report))
    if case.reproduce:  # a redacted case has no command
        lines.append("  " + words._("paragraph_reproduce", command=case.reproduce))
    return "\n".join(plain(line) for line in lines)


def _headline(case: CaseRecord, words: Words) -> str:
    verdict = words.named("state", case.verdict or "NOT_RUN") + (f"({case.reason})" if case.reason else "")
    text = words._("paragraph_headline", verdict=verdict, name=case.name)
    if case.clause:
        text += words._("paragraph_clause", clause=case.clause)
    if case.must_fail:
        text += words._("paragraph_caught") if case.verdict == "FAIL" else words._("paragraph_missed")
    return text


def _found(case: CaseRecord, decision: DecisionRecord, words: Words) -> Iterator[str]:
    limit = comparison(case.op, words.limit(case.threshold, unit_of(case.left)), words)
    asked = "claim_allowed" if case.op in ("<", "<=") else "claim_required"
    value = _value(case, decision, words)
    measured = words._("paragraph_measured", value=value) if value else words._("paragraph_nothing_measured")
    yield "  " + words._(asked, claim=measured, limit=limit)
    for part in decision.parts:
        name = part_text(part.method, part.dose, words, part.group)
        value = _value(case, part, words) or words._("paragraph_nothing_measured")
        yield "    " + words._("paragraph_by", part=name, verdict=words.named("state", part.verdict), value=value)
    yield f"  {_counts(decision.counts, words)}"
    for reason, count in decision.counts.by_reason.items():
        why = {"reason": words.named("missing", reason), "advice": words.named("missing_advice", reason)}
        yield "    " + words._("paragraph_why", n=words.count(count), **why)
    yield from (f"  {text}" for text in (*looked_texts(case, words), *caught_texts(case, words)))
    if decision.more_images is not None:
        yield "  " + words.ngettext("more_images_needed", decision.more_images)
    yield from (f"  {note}" for note in guard_notes(case, words))
    if reviewed := reviews_sentence(case, words):
        yield f"  {reviewed}"


def _value(case: CaseRecord, decision: DecisionRecord, words: Words) -> str:
    """*12.3%, range 8.1% to 17.9%, 5% risk of error on each side, Tango's score interval ...*; or nothing."""
    if decision.estimate is None and decision.lower is None:
        return ""
    unit, digits = unit_of(case.left), digits_of(case)
    rule = words.named("rule", decision.rule)
    if not decision.guaranteed:
        rule = words._("rule_approximate", rule=rule)
    texts = (value_text(decision, unit, digits, words), interval_text(decision, unit, digits, words), rule)
    return words._("comma").join(filter(None, texts))


def _counts(counts: CountsRecord, words: Words) -> str:
    numbers = {name: words.count(getattr(counts, name)) for name in ("measured", "undefined", "errored")}
    text = words.ngettext("paragraph_images", counts.asked, **numbers)
    return words._("semicolon").join(filter(None, (text, left_out_text(counts, words))))


def _worst(case: CaseRecord, words: Words) -> Iterator[str]:
    for one in case.worst[:_NAMED]:
        value = words.named("missing", one.missing or "") if one.value is None else image_value(case, one.value, words)
        yield words._("value_of_method", value=one.sample, method=value)

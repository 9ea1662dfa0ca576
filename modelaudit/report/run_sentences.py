"""How a run ended, in a sentence or two: how many requirements are met, how the others ended, the known-bad models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..evidence.record import CaseRecord, RunRecord
from ..evidence.states import MET, counted_as, is_whole, meant_as, run_state
from .cases import Badge
from .words import Words


def overall_of(record: RunRecord) -> str:
    """The state of the run as readers are told it."""
    return state_of(record.cases, record)


def state_of(cases: Sequence[CaseRecord], record: RunRecord) -> str:
    """The state that these cases give the run, as readers are told it.

    A selection that passes is said to be one. Errors beside a requirement that is not met leave the model not ready:
    "FAIL_ERROR" is a fail, of which not everything was measured.
    """
    looked = record.quick_look is not None
    state = run_state(cases, record.absent_files, quick_look=looked, as_agreed=record.as_agreed)
    if state == "ERROR" and any(counted_as(case) == "FAIL" for case in cases):
        return "FAIL_ERROR"
    return "SELECTION" if state in MET and not is_whole(record.cases, record.absent_files) else state


def verdict_badge(state: str, words: Words) -> Badge:
    """The word and the shape of a run's state."""
    return Badge("fail" if state == "FAIL_ERROR" else state.lower(), words.named("verdict", state))


def headline(record: RunRecord, words: Words) -> str:
    """The run in one reading: how many requirements are met, how the others ended, and the known-bad models."""
    cases = [case for case in record.cases if not case.must_fail]
    controls = [case for case in record.cases if case.must_fail]
    text = requirements_sentence(cases, overall_of(record), record.quick_look, words)
    return words._("two_sentences", first=text, second=known_bad_sentence(controls, words)) if controls else text


def requirements_sentence(cases: Sequence[CaseRecord], overall: str, quick_look: int | None, words: Words) -> str:
    """How many requirements are met, and how the others ended."""
    counted = [case for case in cases if case.standing != "advisory"]
    said = [_holding(counted, overall, words), *_endings(counted, words)] if counted or not cases else []
    if advice := [case for case in cases if case.standing == "advisory"]:
        met = words.count(sum(meant_as(case) == "PASS" for case in advice))
        said.append(words.ngettext("endings_advisory", len(advice), met=met))
    text = words._("semicolon").join(said) + words._("full_stop")
    return text if quick_look is None else words.ngettext("on_few_images_only", quick_look, text=text)


def _holding(cases: Sequence[CaseRecord], overall: str, words: Words) -> str:
    hold = sum(case.verdict == "PASS" for case in cases)
    if overall == "PASS" and cases and hold == len(cases):
        return words.ngettext("all_requirements_met", len(cases))
    return words.ngettext("some_requirements_met", hold, all=words.count(len(cases)))


def _endings(cases: Sequence[CaseRecord], words: Words) -> list[str]:
    """How the other requirements ended."""
    n: Counter[str] = Counter(
        "REVIEW_OPEN" if case.reason == "review_open" else case.verdict or "NOT_RUN" for case in cases
    )
    said = {
        "FAIL": words.ngettext("endings_fail", n["FAIL"]),
        "INCONCLUSIVE": words._("endings_inconclusive", n=words.count(n["INCONCLUSIVE"])),
        "REVIEW_OPEN": words.ngettext("endings_review_open", n["REVIEW_OPEN"]),
        "ERROR": words._("endings_error", n=words.count(n["ERROR"])),
        "NOT_RUN": words.ngettext("endings_not_run", n["NOT_RUN"]),
    }
    found = [text for name, text in said.items() if n[name]]
    if waived := sum(case.standing == "waived" for case in cases):
        found.append(words.ngettext("endings_waived", waived))
    if expected := sum(case.standing in ("xfail", "not_run") and case.outcome == "xfailed" for case in cases):
        found.append(words.ngettext("endings_xfailed", expected))
    if warned := sum(case.outcome == "warned" for case in cases):
        found.append(words.ngettext("endings_warned", warned))
    return found


def known_bad_sentence(controls: Sequence[CaseRecord], words: Words) -> str:
    """How many of the requirements on known-bad models failed, as they must."""
    run = [case for case in controls if case.verdict is not None]
    caught = sum(case.verdict == "FAIL" for case in run)
    if not run:
        return words._("no_known_bad_model_was_run")
    if caught == len(run) == len(controls):
        return words.ngettext(
            "all_known_bad_models_caught",
            len(controls),
        )
    return words._(
        "some_known_bad_models_caught",
        caught=words.count(caught),
        all=words.count(len(controls)),
    )

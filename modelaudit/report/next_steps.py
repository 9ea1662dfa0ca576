"""What follows from the verdicts of a run: which stage is next, and what to do there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..evidence.record import CaseRecord, DecisionRecord, MatrixCell, MatrixRecord, RunRecord
from ..evidence.states import is_exception
from .coverage import kinds_of, reads_maps
from .naming import group_text, noun_of, short_name, stratum_text
from .sentences import contexts_of, leaves_of, unit_of
from .words import Words

Stage = Literal["look", "photograph", "retrain", "watch"]
STAGES: tuple[Stage, ...] = ("look", "photograph", "retrain", "watch")
_NAMED = 2
#: a class with fewer images is never named as the weakest
_LEAST_IMAGES = 20
#: times as many photographs as there are; beyond it nobody takes them
_TOO_MANY = 20
#: what is too few, by the form of the decision's note
_LACKING = {"backgrounds": r"\bdonors\b", "pictures": r"\bdifferent pictures\b"}


@dataclass(frozen=True)
class Rule:
    """What to do about the requirements that end like this; the first rule that fits one holds.

    ``ends``: a verdict; "MISSED" (a known-bad model that passes), "EXCEPTION" (not met, and waived or advice) or
    "NOT_COUNTED". ``reason``: of an undecided one, or
    "too_near", where too many photographs would be needed.
    ``asks``: what the requirement is about: heat maps ("map"), a kind of change (coverage.KINDS), or the images as they
    are ("original"). None fits any.
    """

    ends: str
    stage: Stage
    key: str
    reason: str | None = None
    asks: str | None = None


#: in the order in which steps are named: the first that applies gives the stage of the run
RULES: tuple[Rule, ...] = (
    Rule("ERROR", "look", "mend_errors"),
    Rule("MISSED", "look", "known_bad_missed"),
    Rule("FAIL", "look", "maps_on_background", asks="map"),
    Rule("FAIL", "retrain", "retrain_background", asks="background"),
    Rule("FAIL", "retrain", "retrain_hidden", asks="hidden"),
    Rule("FAIL", "retrain", "retrain_light", asks="light"),
    Rule("FAIL", "retrain", "retrain_camera", asks="camera"),
    Rule("FAIL", "retrain", "retrain_degraded", asks="degraded"),
    Rule("FAIL", "retrain", "retrain_original"),
    Rule("INCONCLUSIVE", "look", "other_method", reason="attribution_invalid"),
    Rule("INCONCLUSIVE", "look", "mend_masks", reason="mask_uncertain"),
    Rule("INCONCLUSIVE", "look", "missing_values", reason="undefined_values"),
    Rule("INCONCLUSIVE", "look", "missing_data", reason="missing_data"),
    Rule("INCONCLUSIVE", "look", "other_limit", reason="instrument_insensitive"),
    Rule("INCONCLUSIVE", "look", "other_limit", reason="below_noise_floor"),
    Rule("INCONCLUSIVE", "retrain", "too_near", reason="too_near"),
    Rule("INCONCLUSIVE", "photograph", "photograph", reason="too_few_images"),
    Rule("INCONCLUSIVE", "photograph", "new_scenes", reason="too_few_clusters"),
    Rule("INCONCLUSIVE", "look", "undecided"),
    Rule("NOT_COUNTED", "look", "run_the_rest"),
    Rule("PASS", "watch", "deploy"),
    Rule("EXCEPTION", "watch", "mend_exceptions"),
)
_AS_AGREED = Rule("NOT_AS_AGREED", "look", "run_as_agreed")


@dataclass(frozen=True)
class Step:
    """A rule with the requirements that it holds for."""

    rule: Rule
    cases: tuple[CaseRecord, ...]


def ends_of(case: CaseRecord) -> str:
    """How a requirement ended, as rules name it; a known-bad model that is caught is a PASS."""
    if case.standing in ("xfail", "not_run") or case.verdict is None:
        return "NOT_COUNTED"
    if is_exception(case):
        return "EXCEPTION"
    if case.must_fail and case.verdict in ("PASS", "FAIL"):
        return "MISSED" if case.verdict == "PASS" else "PASS"
    return case.verdict


def rule_for(case: CaseRecord) -> Rule:
    """The first rule that fits how a requirement ended."""
    ends, reason = ends_of(case), "too_near" if _too_near(case) else case.reason
    asks = {"map"} if reads_maps(case.left) else {*kinds_of(case), "original"}
    return next(
        rule
        for rule in RULES
        if rule.ends == ends and rule.reason in (None, reason) and (rule.asks is None or rule.asks in asks)
    )


def _too_near(case: CaseRecord) -> bool:
    """Whether the value is so near to its limit that nobody takes the photographs that would tell them apart."""
    if case.reason != "too_few_images" or case.decision is None:
        return False
    more, images = case.decision.more_images, case.decision.counts.asked
    return more is None or more > _TOO_MANY * images


def steps_of(record: RunRecord) -> list[Step]:
    """The steps that follow from a run, the next first; to deploy is one only where nothing else is left to do.

    A failing claim on heat maps asks for a look at the images; where a claim on behaviour fails too, that comes first.
    """
    if record.quick_look is not None:
        return [Step(Rule("NOT_COUNTED", "look", "run_the_whole"), tuple(record.cases))]
    by_rule: dict[Rule, list[CaseRecord]] = {}
    for case in record.cases:
        by_rule.setdefault(rule_for(case), []).append(case)
    steps = [Step(rule, tuple(by_rule[rule])) for rule in RULES if rule in by_rule]
    todo = [step for step in steps if step.rule.ends not in ("PASS", "EXCEPTION")]
    if record.absent_files and not any(step.rule.ends == "NOT_COUNTED" for step in todo):
        todo.append(Step(next(rule for rule in RULES if rule.ends == "NOT_COUNTED"), ()))
    if any(step.rule.stage == "retrain" for step in todo):
        todo.sort(key=lambda step: step.rule.asks == "map")
    if not record.as_agreed:
        return [Step(_AS_AGREED, ()), *todo]
    return [*todo, *(step for step in steps if step.rule.ends == "EXCEPTION")] if todo else steps


def stage_of(steps: Sequence[Step]) -> Stage:
    """The stage of the first step; of a run without cases to look."""
    return steps[0].rule.stage if steps else "look"


def step_lines(steps: Sequence[Step], record: RunRecord, words: Words) -> Iterator[str]:
    """Every step in a sentence, the next first."""
    for step in steps:
        if step.rule.stage == "photograph":
            yield from photographs(step, words)
        else:
            yield _with_weakest(_said(step.rule.key, step.cases, words), step, record, words)


def photographs(step: Step, words: Words) -> Iterator[str]:
    """What to photograph, and what that would decide, in a sentence for each number and kind of images."""
    return _numbers(step.cases, words) if step.rule.key == "photograph" else _scenes(step.cases, words)


def _said(key: str, cases: Sequence[CaseRecord], words: Words) -> str:
    return words.ngettext(f"next.{key}", max(1, len(cases)), names=names_of(cases, words))


def names_of(cases: Sequence[CaseRecord], words: Words) -> str:
    """*“a”, “b” and 3 more*."""
    said = words._("comma").join(words._("name_quoted", name=short_name(case.name)) for case in cases[:_NAMED])
    more = len(cases) - _NAMED
    return said if more < 1 else words._("two_words", first=said, second=words.ngettext("and_more", more))


def _numbers(cases: Sequence[CaseRecord], words: Words) -> Iterator[str]:
    """How many photographs would decide which requirements, the fewest first, one line for each number."""
    by_ask: dict[tuple[int, int, bool], list[CaseRecord]] = {}
    for case in cases:
        if case.decision is not None and (more := case.decision.more_images) is not None:
            by_ask.setdefault((more, images_asked(case.decision) + more, bool(kinds_of(case))), []).append(case)
    for (more, number, computed), decided in sorted(by_ask.items(), key=lambda one: one[0]):
        whole = words.count(number)
        which = list(dict.fromkeys(_of_which(case, words) for case in decided))
        names, several = names_of(decided, words), len(which) - _NAMED
        if len(which) == 1:
            text = words.ngettext("next_photograph", more, all=whole, which=which[0], names=names)
        else:
            kinds = words._("comma").join(which[:_NAMED])
            if several > 0:
                kinds = words._("two_words", first=kinds, second=words.ngettext("and_more", several))
            text = words.ngettext("next_photograph_each", more, all=whole, kinds=kinds, names=names)
        yield words._("two_sentences", first=text, second=words._("next_computed")) if computed else text


def images_asked(decision: DecisionRecord) -> int:
    """The images that a decision is about: of a worst group those of the group."""
    group = next((part for part in decision.parts if decision.group is not None and part.group == decision.group), None)
    return (group or decision).counts.asked


def _of_which(case: CaseRecord, words: Words) -> str:
    """The images that a requirement needs more of: of its class, of its worst group, or of all alike."""
    decision = case.decision
    if decision is not None and decision.group is not None:
        return words._("next_of_which", which=group_text(decision.group, words))
    strata = {leaf.stratum for leaf in leaves_of(case.left)}
    stratum = strata.pop() if len(strata) == 1 else None
    return words._("next_of_which", which=stratum_text(stratum, words)) if stratum else words._("next_of_all_classes")


def _scenes(cases: Sequence[CaseRecord], words: Words) -> Iterator[str]:
    """What is lacking where images are too few that are independent: backgrounds, scenes, or different pictures."""
    by_lack: dict[str, list[CaseRecord]] = {}
    for case in cases:
        note = "" if case.decision is None else case.decision.note
        lacking = next((name for name, form in _LACKING.items() if re.search(form, note)), "scenes")
        by_lack.setdefault(lacking, []).append(case)
    for lacking, undecided in by_lack.items():
        yield _said(f"new_{lacking}", undecided, words)


def _with_weakest(text: str, step: Step, record: RunRecord, words: Words) -> str:
    """The sentence of a step to retrain, with the class that does worst under the change."""
    if step.rule.stage != "retrain":
        return text
    for case in step.cases:
        if found := weakest_class(case, record):
            matrix, cell = found
            assert cell.mean is not None
            unit = unit_of(matrix.measure)
            value = words.quantity(cell.mean, unit, 0 if unit == "percent" else 2)
            weakest = words._(
                "next_weakest", label=short_name(cell.label), noun=noun_of(matrix.measure, words), value=value
            )
            return words._("two_sentences", first=text, second=weakest)
    return text


def weakest_class(case: CaseRecord, record: RunRecord) -> tuple[MatrixRecord, MatrixCell] | None:
    """The class that does worst under the change that a requirement asks for, where one surely does worse than the
    others."""
    texts = [[node.text for node in contexts if node.name != "original"] for contexts in contexts_of(case.left)]
    for matrix in [] if record.by_class is None else record.by_class.matrices:
        if matrix.data != case.data or matrix.model not in case.models:
            continue
        for at, context in enumerate(matrix.contexts):
            changed = [node.text for node in context.contexts if node.name != "original"]
            if changed in texts and (changed or not any(texts)):
                cells = [cell for cell in matrix.cells if cell.context == at and cell.mean is not None]
                if worst := _clearly_worst(cells, matrix):
                    return matrix, worst
    return None


def _clearly_worst(cells: Sequence[MatrixCell], matrix: MatrixRecord) -> MatrixCell | None:
    """The worst cell, where its bounds exclude the mean of the others; of many classes one with few images is the
    worst by chance, and is not named."""
    known = [(cell.mean, cell) for cell in cells if cell.mean is not None and cell.n >= _LEAST_IMAGES]
    if len(known) < 2:
        return None
    low = matrix.measure.better == "low"
    (_, cell), *others = sorted(known, key=lambda one: -one[0] if low else one[0])
    bound, mean = cell.lower if low else cell.upper, sum(value for value, _ in others) / len(others)
    return cell if bound is not None and (bound > mean if low else bound < mean) else None

"""The next steps of a run in sentences: what to do, about which requirements, and what it would decide."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..advice.kinds import kinds_of
from ..advice.next_steps import Step, images_asked
from ..evidence.leaves import contexts_of, leaves_of
from ..evidence.record import CaseRecord, MatrixCell, MatrixRecord, RunRecord
from .naming import group_text, noun_of, short_name, stratum_text
from .sentences import unit_of
from .words import Words

_NAMED = 2
#: a class with fewer images is never named as the weakest
_LEAST_IMAGES = 20
#: what is too few, by the form of the decision's note
_LACKING = {"backgrounds": r"\bdonors\b", "pictures": r"\bdifferent pictures\b"}


def step_lines(steps: Sequence[Step], record: RunRecord, words: Words) -> Iterator[str]:
    """Every step in a sentence, the next first."""
    for step in steps:
        yield from step_texts(step, record, words)


def waits_for_retraining(step: Step, steps: Sequence[Step]) -> bool:
    """Whether photographs are better taken of the model that another step retrains: they would decide on this one."""
    return step.rule.stage == "photograph" and any(one.rule.stage == "retrain" for one in steps)


def step_texts(step: Step, record: RunRecord, words: Words) -> Iterator[str]:
    """A step in a sentence, or in several where numbers of photographs differ."""
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
    if any(leaf.searched for leaf in leaves_of(case.left)):
        return None  # every image has a change of its own
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

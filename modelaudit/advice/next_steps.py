"""What follows from the verdicts of a run, as rules: which stage is next, and what to do there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..evidence.costs import Costs
from ..evidence.record import CaseRecord, DecisionRecord, RunRecord
from ..evidence.states import is_exception
from .kinds import kinds_of, reads_maps
from .prices import dearest_situation, saving_of

Stage = Literal["look", "photograph", "retrain", "watch"]
#: what a step brings: a verdict, trust in one, the cause of one, a better model, or that what was found stays true
Gain = Literal["verdict", "trust", "cause", "improvement", "vigilance"]
PaidFor = Literal["photographs", "masks", "training"]
STAGES: tuple[Stage, ...] = ("look", "photograph", "retrain", "watch")
#: times as many photographs as there are; beyond it nobody takes them
_TOO_MANY = 20
_GAINS: dict[Stage, Gain] = {
    "look": "verdict",
    "photograph": "verdict",
    "retrain": "improvement",
    "watch": "vigilance",
}
#: steps that bring something else than others of their stage
_GAIN_OF: dict[str, Gain] = {
    **dict.fromkeys(("known_bad_missed", "other_limit", "other_method", "mend_masks"), "trust"),
    "maps_on_background": "cause",
}
_PAYS: dict[Stage, PaidFor] = {"photograph": "photographs", "retrain": "training"}


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

    @property
    def gain(self) -> Gain:
        """What the step brings."""
        return _GAIN_OF.get(self.key, _GAINS[self.stage])

    @property
    def pays(self) -> PaidFor | None:
        """What it pays for, besides the hours of those who take it."""
        return "masks" if self.key == "mend_masks" else _PAYS.get(self.stage)


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
    Rule("INCONCLUSIVE", "look", "review", reason="review_open"),
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
        todo = _costliest_first(todo, record.costs)
    if not record.as_agreed:
        return [Step(_AS_AGREED, ()), *todo]
    return [*todo, *(step for step in steps if step.rule.ends == "EXCEPTION")] if todo else steps


def _costliest_first(todo: Sequence[Step], costs: Costs | None) -> list[Step]:
    """The steps with those that retrain in the order of what meeting their requirements saves, and so the requirements
    of each; what has no cost stays behind in its order."""

    def saved(case: CaseRecord) -> float:
        return saving_of(case, costs) or 0.0

    ordered = [
        replace(step, cases=tuple(sorted(step.cases, key=saved, reverse=True)))
        for step in sorted(
            (step for step in todo if step.rule.stage == "retrain"),
            key=lambda step: dearest_situation(step.cases, costs)[0],
            reverse=True,
        )
    ]
    rest = iter(ordered)
    return [next(rest) if step.rule.stage == "retrain" else step for step in todo]


def stage_of(steps: Sequence[Step]) -> Stage:
    """The stage of the first step; of a run without cases to look."""
    return steps[0].rule.stage if steps else "look"


def images_asked(decision: DecisionRecord) -> int:
    """The images that a decision is about: of a worst group those of the group."""
    group = next((part for part in decision.parts if decision.group is not None and part.group == decision.group), None)
    return (group or decision).counts.asked

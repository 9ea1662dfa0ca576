"""Would the audit have noticed? A planted dependence is decided by the audit's own rule, in many resamples."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..language import registry
from ..language.curve import expanded
from ..language.errors import AuditError
from ..language.expression import Expectation
from ..statistics import Table, clopper_pearson
from ..statistics.failing import fails
from ..statistics.linear import normal_form
from ..statistics.planning import POWER
from ..statistics.resampled import Resampled, drawn_by, draws
from .checked import PlantCheck
from .explaining import what_went_wrong
from .insane import without_insane
from .measured import Measured
from .measuring import Measuring
from .plan import Group, PlannedCase
from .plant_directions import left_side
from .planted import NotPlantable, PlantedCopy
from .planting import STRENGTHS
from .stopping import sequential
from .table import CaseTable
from .variant_table import VariantTable
from .variants import Variant

#: how far beyond the threshold the planted left side lies
MARGIN = 0.10
#: of the bound on how often the planted copy fails
_CONFIDENCE = 0.95
#: strengths that are tried on logits, in units of the model's own; beyond the last one nothing but the plant decides
_OF_LOGITS = tuple(0.05 * 2**step for step in range(17))
_HALVINGS = 20

About = Literal["process", "this_set"]


@dataclass(frozen=True)
class Rule:
    """How an audit of so many `images` is decided, and in how many resamples that is tried (``this_set``: in none).

    ``sequential``: of an audit that may stop early, how many images there are in all.
    """

    images: int
    count: int
    confidence: float
    about: About
    seed: int
    sequential: int | None = None


def plants(run: Measuring, group: Group, measured: Measured) -> dict[str, PlantCheck]:
    """The plant of every case that was measured, by its id."""
    if run.planting is None or measured.data is None:
        return {}
    found: dict[str, PlantCheck] = {}
    for case in group.cases:
        try:
            CaseTable(case, measured).check()
        except AuditError:  # the case is an error, and says so itself
            continue
        found[case.asked.id] = _plant(run, group, without_insane(case, measured) or case, measured)
    return found


def _plant(run: Measuring, group: Group, case: PlannedCase, measured: Measured) -> PlantCheck:
    assert run.planting is not None
    try:
        samples = [sample.id for sample in run.samples]
        copy = PlantedCopy(case, group.passes, run.models, run.planting, measured, samples)
        check = _checked(copy, case, _rule(case, run, measured))
    except Exception as error:  # the plant says why there is none; the verdict is another matter
        why = str(error) if isinstance(error, NotPlantable) else what_went_wrong(error)
        check = PlantCheck(kind="none", images=0, margin=MARGIN, needed=POWER, why_not=why)
    blind = _blind(run, case, measured)
    return check if blind is None else check.model_copy(update={"blind_left": blind[0], "blind_failed": blind[1]})


def _rule(case: PlannedCase, run: Measuring, measured: Measured) -> Rule:
    return Rule(
        images=len(measured.samples),
        count=run.checks.resamples,
        confidence=case.asked.case.confidence,
        about=case.asked.case.audit.about,
        seed=seed_of(run.stage.seed, case),
        sequential=sequential(measured),
    )


def _checked(copy: PlantedCopy, case: PlannedCase, rule: Rule) -> PlantCheck:
    expectation, kind, once = case.asked.expectation, copy.kind, rule.about == "this_set"
    strength = strength_for(expectation, copy, rule.confidence, _OF_LOGITS if kind == "logits" else STRENGTHS)
    table = copy.table(strength)
    if once:
        failed = int(fails(expectation, table, confidence=rule.confidence, about="this_set"))
    else:
        failed = failures(expectation, table, copy.images, rule)
    lower = None if once or not rule.count else clopper_pearson(failed, rule.count, _CONFIDENCE)[0]
    return PlantCheck(
        kind=kind,
        images=copy.images,
        margin=MARGIN,
        needed=POWER,
        strength=strength * (copy.unit if kind == "logits" else 1.0),
        left=left_side(expectation, table, rule.confidence),
        resamples=1 if once else rule.count,
        failed=failed,
        lower=lower,
        caught=failed == 1 if once else None if lower is None else lower >= POWER,
        note=copy.notes,
    )


def strength_for(expectation: Expectation, copy: PlantedCopy, confidence: float, strengths: tuple[float, ...]) -> float:
    """The least strength at which the left side lies `MARGIN` beyond the threshold: 0 where it does so by itself.

    The first of the doubling `strengths` that reaches it, and then bisection down to 1e-6 of it: a left side that
    does not grow evenly is crossed at its first rise.

    Raises:
        NotPlantable: none of them does.
    """
    sign = 1.0 if expectation.wants_low else -1.0
    target = expectation.threshold + sign * MARGIN

    def beyond(strength: float) -> float:
        left = left_side(expectation, copy.table(strength), confidence)
        return -math.inf if left is None else sign * (left - target)

    low, reached = 0.0, beyond(0.0)
    best = reached
    for high in (0.0, *strengths):
        reached = beyond(high) if high else reached
        best = max(best, reached)
        if reached >= -1e-12:
            return _bisected(beyond, low, high) if high else 0.0
        low = high
    side = "largest" if expectation.wants_low else "least"
    value = f"the {side} left side that it reaches is {target + sign * best:.3g}" if math.isfinite(best) else "no value"
    same = "; the contexts leave the background as it is" if copy.same_background else ""
    raise NotPlantable(f"a copy of the model cannot be {MARGIN:g} beyond the threshold ({target:.3g}): {value}{same}")


def _bisected(beyond: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) >= -1e-12 else (middle, high)
    return high


def failures(
    expectation: Expectation,
    table: Table,
    there: int,
    rule: Rule,
) -> int:
    """In how many audits, drawn from the `there` images of the table, it fails."""
    codes = drawn_by(table, list(expectation.expression.measures()), there)
    generator = np.random.default_rng(rule.seed)
    read: dict[object, object] = {}
    return sum(
        fails(
            expectation,
            Resampled(table, draw, read),
            confidence=rule.confidence,
            about="process",
            sequential=rule.sequential,
        )
        for draw in draws(codes, rule.images, rule.count, generator)
    )


def blind_control(expectation: Expectation, table: Table, there: int, rule: Rule) -> tuple[float | None, int]:
    """The left side of a model that is blind to the background, and in how many resamples it fails.

    Args:
        table: its values, on `there` images.
    """
    left = left_side(expectation, table, rule.confidence)
    if rule.about == "this_set":
        return left, int(fails(expectation, table, confidence=rule.confidence, about="this_set"))
    return left, failures(expectation, table, there, rule)


def answer_known(expectation: Expectation) -> bool:
    """Whether what a model blind to the background must get is known beforehand.

    Of maps it is the level of a map with all on the object. Of behaviour it is known where only what the background
    does is left: flips, and sums in which every measure stands under contexts with coefficients that add up to 0 (a
    drop). How often such a model is right is not known: nobody has trained it.
    """
    if all(leaf.spec.methods for leaf in expectation.expression.measures()):
        return True
    form = normal_form(expanded(expectation.expression))
    if form is None or not form.plain:
        return False
    sums: dict[object, float] = {}
    for leaf, coefficient in form.numerator.terms.items():
        if not registry.entry_of(leaf.spec).declares.needs_context:
            key = (leaf.spec, leaf.model, leaf.stratum)
            sums[key] = sums.get(key, 0.0) + coefficient
    return all(abs(total) < 1e-9 for total in sums.values())


def seed_of(seed: int, case: PlannedCase) -> int:
    """The seed of a case's draws: the audit's, and the expectation in long form."""
    text = f"{seed}\0plant\0{case.asked.expectation.long_form()}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _blind(run: Measuring, case: PlannedCase, measured: Measured) -> tuple[float | None, int | None] | None:
    """None where the case reads nothing of the blind variant."""
    data = next((one for one in measured.variants if one.variant == Variant.BLIND), None)
    whole = CaseTable(case, measured)
    keys: Mapping[tuple[str, str], object] = {} if data is None else {(one.model, one.key): one for one in data.columns}
    leaves = list(case.asked.expectation.expression.measures())
    if not answer_known(case.asked.expectation):
        return None
    if data is None or not all(whole.key(leaf) <= keys.keys() for leaf in leaves):
        return None
    table = VariantTable(case, whole, data, data.positions)
    try:
        return blind_control(case.asked.expectation, table, len(data.positions), _rule(case, run, measured))
    except AuditError:  # the blind check of the case says why
        return None

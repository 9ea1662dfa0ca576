"""The whole decision, checks included, on drawn tables: how often it is wrong, and whether it decides.

    nice python benchmarks/whole_decision.py [--audits 400] [--only swap]

Each audit is a table of per-image values as the engine measures them: answers on the original and under contexts,
shares of heat maps, donors, and all of it again with masks moved. It is decided by the code that decides a run
(:func:`~modelaudit.statistics.decide`, then ``apply_checks``). Printed for n = 10 to 500
images: false PASS and false FAIL with the truth exactly at the threshold (nominal .05), and, with truths at the
threshold and .15 on either side of it, what became of the audits whose interval excludes the threshold: decided, or
taken away by a check that found another verdict with moved masks. Moved masks change a map's share by a normal amount
of standard deviation .02 an image around +.005 (eroded), -.005 (dilated) or 0 (shifted), and one answer in 200.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelaudit.contexts import lighting, swap_background
from modelaudit.engine.decision.apply_checks import apply_checks
from modelaudit.engine.decision.case_table import CaseTable
from modelaudit.engine.planning.plan import Asked, PlanGroup, column_key, plan
from modelaudit.engine.results.measured import (
    Measured,
    MeasuredColumn,
    MeasuredModel,
    MeasuredSample,
    PassCounts,
    PassDonors,
    RerunData,
)
from modelaudit.language.audit import Audit
from modelaudit.language.expression import Expectation, Measure
from modelaudit.measures import accuracy, background_dependence
from modelaudit.statistics import Reason, Verdict, decide

Values = NDArray[np.float64]
SIZES = (10, 20, 50, 100, 200, 500)
CONFIDENCE = 0.95
SHIFTS = (0.15, -0.15)
SWAP, LIGHT = swap_background("other_class"), lighting(2)
MASKS = {"eroded": 0.005, "dilated": -0.005, "shifted_x": 0.0, "shifted_y": 0.0}
share = background_dependence("gradcam")


@dataclass(frozen=True)
class Scenario:
    """A claim whose left side has the true value that it is drawn with."""

    name: str
    claim: Callable[[float], Expectation]
    truth: float
    draw: Callable[[np.random.Generator, int, float], dict[Measure, Values]]
    masked: tuple[Measure, ...] = ()
    lends: bool = False


def right(u: Values, p: float) -> Values:
    """Whether each image is answered rightly."""
    return (u < p).astype(float)


def scenarios() -> Iterator[Scenario]:
    """Claims on behaviour, and on maps."""
    seen, lit, swapped = accuracy, accuracy.under(LIGHT), accuracy.under(SWAP)
    yield Scenario("accuracy > t", lambda t: seen > t, 0.8, lambda g, n, p: {seen: right(g.random(n), p)})

    def pair(other: Measure) -> Callable[[np.random.Generator, int, float], dict[Measure, Values]]:
        def draw(g: np.random.Generator, n: int, drop: float) -> dict[Measure, Values]:
            u = g.random(n)
            lost, gained = u < max(drop, 0) + 0.03, (u > 0.97) if drop >= 0 else (u > 0.97 + drop)
            first = np.where(lost, 1.0, np.where(gained, 0.0, right(g.random(n), 0.9)))
            return {seen: first, other: np.where(lost, 0.0, np.where(gained, 1.0, first))}

        return draw

    yield Scenario("drop under lighting < t", lambda t: seen - lit < t, 0.15, pair(lit))
    yield Scenario("drop under swap < t", lambda t: seen - swapped < t, 0.15, pair(swapped), (swapped,), True)
    for name, measure in (("maps on originals < t", share), ("maps under swap < t", share.under(SWAP))):

        def draw(g: np.random.Generator, n: int, mean: float, measure: Measure = measure) -> dict[Measure, Values]:
            return {measure: g.beta(6 * mean, 6 * (1 - mean), n)}

        yield Scenario(name, lambda t, measure=measure: measure < t, 0.4, draw, (measure,), measure.context is not None)


def planned(scenario: Scenario) -> PlanGroup:
    """The group of the one case."""
    audit = Audit("torchvision:squeezenet1_0", "folder:data")
    case = audit.expect(scenario.claim(scenario.truth))
    (group,) = plan([Asked("case", case, case.expectation)])
    return group


def column(model: str, measure: Measure, values: Values) -> MeasuredColumn:
    scale = "proportion" if not measure.spec.methods else "mean"
    key = column_key(measure.spec, measure.context)
    return MeasuredColumn.model_construct(model=model, key=key, scale=scale, values=values, missing={}, steps={})


def measured(group: PlanGroup, scenario: Scenario, n: int, truth: float, generator: np.random.Generator) -> Measured:
    """What such an audit of n images leaves behind."""
    model = next(iter(group.cases[0].models.values()))
    values = scenario.draw(generator, n, truth)
    donors = [f"{at}" for at in generator.integers(n, size=n)] if scenario.lends else []
    variants = []
    for name, shift in MASKS.items() if scenario.masked else ():
        columns = []
        for measure in scenario.masked:
            given = values[measure]
            moved = np.clip(given + generator.normal(shift, 0.02, n), 0, 1)
            other = moved if measure.spec.methods else np.where(generator.random(n) < 0.005, 1 - given, given)
            columns.append(column(model, measure, other))
        variants.append(RerunData.model_construct(variant=name, positions=list(range(n)), columns=columns, failures={}))
    return Measured.model_construct(
        group=group.key,
        data=None,
        samples=[MeasuredSample(id=f"{at}", label="a", group=None) for at in range(n)],
        models=[MeasuredModel.model_construct(key=model, classes=["a"], indices=[0] * n, areas=[0.2] * n)],
        columns=[column(model, measure, each) for measure, each in values.items()],
        galleries={},
        failures={},
        passes=PassCounts(),
        shown=[PassDonors.model_construct(model=model, context=str(SWAP), donors=donors)] if donors else [],
        variants=variants,
        checked=False,
    )


@dataclass(frozen=True)
class Found:
    """How one audit ended."""

    verdict: Verdict
    reason: Reason | None
    excludes: bool


def ended(group: PlanGroup, found: Measured) -> Found:
    """The verdict after the checks, and whether the interval excludes the threshold."""
    case = group.cases[0]
    table = CaseTable(case, found)
    expectation = case.asked.expectation
    decision = decide(expectation, table, confidence=CONFIDENCE, about="process", brief=True)
    final = apply_checks(case, table, found, decision, "process").decision
    return Found(final.verdict, final.reason, decision.verdict is not Verdict.INCONCLUSIVE)


def audited(scenario: Scenario, n: int, truth: float, audits: int) -> list[Found]:
    """So many audits with that truth."""
    generator, group = np.random.default_rng([n, *scenario.name.encode(), round(truth * 1000)]), planned(scenario)
    return [ended(group, measured(group, scenario, n, truth, generator)) for _ in range(audits)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=400, help="audits with the truth at the threshold, a size")
    parser.add_argument("--only", default="", help="scenarios whose name contains this text")
    options = parser.parse_args()
    print("| claim | n | false PASS | false FAIL | interval excludes t | decided | other verdict with moved masks |")
    print("|---|---|---|---|---|---|---|")
    for scenario in scenarios():
        for n in SIZES if options.only in scenario.name else ():
            at = audited(scenario, n, scenario.truth, options.audits)
            passed, failed = (np.mean([one.verdict is what for one in at]) for what in (Verdict.PASS, Verdict.FAIL))
            far = [one for by in SHIFTS for one in audited(scenario, n, scenario.truth + by, options.audits // 4)]
            excluded = [one for one in (*at, *far) if one.excludes]
            decided = sum(one.verdict is not Verdict.INCONCLUSIVE for one in excluded)
            masks = sum(one.reason is Reason.MASK_UNCERTAIN for one in excluded)
            print(
                f"| {scenario.name} | {n} | {passed:.3f} | {failed:.3f} | {len(excluded)} | {decided} | {masks} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

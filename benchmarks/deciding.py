"""How long verdicts take from stored values: 10,000 images, 100 expectations of every kind, intervals included.

    python benchmarks/deciding.py [--images 10000] [--expectations 100] [--profile]

Values are drawn, nothing is measured. Printed are the seconds by kind of left side, their sum, and the peak of what
the process allocates while it decides (tracemalloc, in a second pass), for the whole and for a fifth of it: it must not
grow with the number of expectations, only with that of the distinct columns they read (80 kB each).
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from modelaudit import Audit, label
from modelaudit.contexts import gaussian_noise, lighting, swap_background
from modelaudit.engine.decision.case import decide_case
from modelaudit.engine.planning.plan import Asked, PlanGroup, PlannedCase, plan
from modelaudit.engine.results.measured import (
    Measured,
    MeasuredColumn,
    MeasuredData,
    MeasuredModel,
    MeasuredSample,
    PassCounts,
)
from modelaudit.language import correct
from modelaudit.language.expression import Expectation
from modelaudit.measures import accuracy, background_dependence, confidence, flip_rate

SWAP, LABELS = swap_background("other_class"), ("bolt", "nut", "ring", "gear")
Kind = tuple[str, Callable[[float], Expectation]]
KINDS: tuple[Kind, ...] = (
    ("proportion", lambda t: accuracy.under(lighting(3)) > 0.6 + t),
    ("difference of proportions", lambda t: accuracy - accuracy.under(SWAP) < 0.02 + t),
    ("mean", lambda t: background_dependence("gradcam").under(SWAP) < 0.1 + t),
    ("difference of means", lambda t: confidence - confidence.under(gaussian_noise(2)) < t - 0.1),
    ("ratio", lambda t: accuracy.under(SWAP) / accuracy > 0.9 + t),
    ("ratio of means", lambda t: confidence.under(SWAP) / confidence > 0.9 + t),
    ("two methods", lambda t: background_dependence("gradcam", "eigencam") < 0.2 + t),
    ("stratum", lambda t: flip_rate.under(SWAP).where(correct) < 0.1 + t),
    ("label", lambda t: confidence.under(SWAP).where(label("nut")) > 0.4 + t),
    ("several strata", lambda t: accuracy.where(label("nut")) - accuracy.where(label("bolt")) < t),
)


def cases(audits: Sequence[Audit], count: int) -> Iterator[tuple[str, Asked]]:
    """So many expectations, every kind in turn, thresholds in steps on both sides of what was drawn."""
    for at in range(count):
        name, make = KINDS[at % len(KINDS)]
        clustered = at % len(KINDS) in (0, 2) and (at // len(KINDS)) % 2 == 1
        expectation = make(0.3 * (at // len(KINDS)) / max(1, count // len(KINDS)))
        kind = f"{name}, clustered" if clustered else name
        yield kind, Asked(f"{kind}::{at}", audits[clustered].expect(expectation), expectation)


def drawn(group: PlanGroup, images: int, clusters: int | None) -> Measured:
    """What a measurement of the group would leave behind."""
    generator = np.random.default_rng(0)
    columns = []
    for ask in group.passes:
        for column in ask.columns:
            if column.map is None and not column.key.startswith("confidence"):
                values = (generator.random(images) < 0.8).astype(float)
                scale = "proportion"
            else:
                values, scale = generator.beta(2, 5, images), "mean"
            columns.append(MeasuredColumn(model=ask.model, key=column.key, scale=scale, values=values, missing={}))
    samples = [
        MeasuredSample(
            id=f"{at:06}.png", label=LABELS[at % 4], group=None if clusters is None else f"scene {at % clusters}"
        )
        for at in range(images)
    ]
    return Measured(
        group=group.key,
        data=MeasuredData(
            key=group.key,
            reference="drawn",
            available=images,
            labels=list(LABELS),
            mask_kinds={},
            fingerprint=None,
            notes=[],
        ),
        samples=samples,
        models=[facts(key, images) for key in group.models],
        columns=columns,
        galleries={},
        failures={},
        passes=PassCounts(),
    )


def facts(key: str, images: int) -> MeasuredModel:
    """A model that was run on the images."""
    return MeasuredModel(
        key=key,
        reference=key,
        architecture="drawn",
        parameters=0,
        outputs=4,
        classes=list(LABELS),
        preprocessing={},
        fingerprint="",
        probe_digest="",
        indices=[at % 4 for at in range(images)],
        areas=[0.2] * images,
    )


Work = tuple[str, PlanGroup, Measured, PlannedCase]


def decided(work: Sequence[Work]) -> dict[str, list[float]]:
    """Seconds by kind; every case is decided as a run decides it."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for kind, group, measured, case in work:
        began = time.perf_counter()
        result = decide_case(case, group, measured, limited=False)
        seconds[kind].append(time.perf_counter() - began)
        assert result.decision is not None, result.message
    return dict(seconds)


def prepared(images: int, expectations: int) -> list[Work]:
    """The cases with all that was measured for them; every tenth is about 400 scenes."""
    audits = [Audit(model="demo:sound", data=f"demo:?seed={seed}", checks="off") for seed in (0, 1)]
    named = {asked.id: (kind, asked) for kind, asked in cases(audits, expectations)}
    work = []
    for group in plan(asked for _, asked in named.values()):
        measured = drawn(group, images, 400 if group.key.endswith("seed=1") else None)
        work += [(named[case.asked.id][0], group, measured, case) for case in group.cases]
    return work


def peak(work: Sequence[Work]) -> float:
    """The largest allocation while deciding, in MB."""
    tracemalloc.start()
    decided(work)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--expectations", type=int, default=100)
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    options = parser.parse_args()
    work = prepared(options.images, options.expectations)
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(decided, work)
        pstats.Stats(profile).sort_stats("cumulative").print_stats(40)
        return
    seconds = decided(work)
    print("| left side | expectations | seconds each |\n|---|---|---|")
    for kind, found in seconds.items():
        print(f"| {kind} | {len(found)} | {np.mean(found):.3f} |")
    total = sum(sum(found) for found in seconds.values())
    print(f"\n{len(work)} expectations on {options.images} images: {total:.1f} s")
    few = list(islice(work, len(work) // 5))
    fresh = prepared(options.images, options.expectations)
    print(f"peak while deciding: {peak(fresh):.0f} MB, a fifth of them {peak(few):.0f} MB")


if __name__ == "__main__":
    main()

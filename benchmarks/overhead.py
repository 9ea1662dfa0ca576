"""What forty expectations cost beside the union of what they need.

The engine measures a few dozen cases that ask the same passes again and again in other words: other thresholds, single
methods, differences between contexts, strata. Beside it the same engine measures, as one case each, the distinct
columns that the forty need. Bare passes are compared in standard_audit.py.

    python benchmarks/overhead.py --quick
"""

from __future__ import annotations

import time

from side_by_side import METHODS, Laps, Options, built, drawn, machine, options, table
from standard_audit import CONTEXTS, Standard

from modelaudit import AuditCase
from modelaudit.contexts import original
from modelaudit.measures import accuracy, background_dependence

CASES = 40


def forty(standard: Standard) -> list[AuditCase]:
    """Forty different expectations over one model, three contexts and three methods."""
    audit = standard.audit()
    cases: list[AuditCase] = []
    at = 0
    while len(cases) < CASES:
        context, method, threshold = CONTEXTS[at % 3], METHODS[(at // 3) % 3], 0.5 + 0.01 * at
        depends = background_dependence(method)
        kinds = (
            depends.under(context) < threshold,
            background_dependence(*METHODS).under(context) < threshold,
            accuracy.under(context) > threshold - 0.5,
            depends.under(context) - depends < threshold if context != original() else depends < threshold,
        )
        cases.append(audit.expect(kinds[at % 4]))
        at += 1
    return cases


def union(standard: Standard) -> list[AuditCase]:
    """Each measure once under each context."""
    audit = standard.audit()
    every = [accuracy, *(background_dependence(method) for method in METHODS)]
    return [audit.expect(measure.under(context) >= 0) for context in CONTEXTS for measure in every]


def compared(name: str, given: Options) -> list[str]:
    """A row of the table."""
    clock, laps = given.clock(), Laps(given.clock())
    standard = Standard(built(name).to(given.device), drawn(given.images + given.batch, given.side), given)
    for _ in range(given.rounds):
        for way, cases in (("forty", forty(standard)), ("union", union(standard))):
            begun = clock.now()
            standard.measured(cases, laps)
            clock.note(f"{way}, whole", clock.now() - begun)
            clock.note(way, laps.seconds_an_image)
    return [
        name,
        f"{clock.median('union') * 1000:.0f}",
        f"{clock.median('forty') * 1000:.0f}",
        f"{clock.ratio('forty', 'union'):.2f}",
        f"{clock.ratio('forty, whole', 'union, whole'):.2f}",
    ]


def main() -> None:
    """Run from the command line."""
    given = options(__doc__, quick=(8, 8, 1), full=(16, 16, 3))
    begun = time.perf_counter()
    rows = [compared(name, given) for name in given.models]
    print(machine(given) + "\n")
    head = ["model", "the union, ms an image", f"{CASES} expectations", "ratio", "ratio of whole runs, start included"]
    print(table(head, rows))
    print(f"\n{time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    main()

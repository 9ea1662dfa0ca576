"""``modelaudit plan --equivalence``: the images that two runs must have in common to be shown equivalent."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ..language.errors import AuditError, ExpressionError
from .terminal import say, table, wrapped

if TYPE_CHECKING:
    from ..language.expression import Expectation
    from ..report.words import Words
    from ..statistics.assumptions import Assumptions
    from ..statistics.equivalence import EquivalenceTarget


@dataclass(frozen=True)
class PlannedEquivalence:
    """A requirement and its images; None where its change cannot be assumed, and ``why`` says why, if it is known."""

    name: str
    expectation: str
    images: int | None
    why: str = ""


def plan_equivalence(
    given: argparse.Namespace, requirements: Sequence[tuple[str, Expectation]], assumed: Assumptions
) -> int:
    """Run the command: 0 where every requirement has a number."""
    from ..language.whole_file import write_whole
    from ..statistics.equivalence import EquivalenceTarget
    from .words import command_words

    if not requirements:
        raise ExpressionError(f"{given.what}: has no expectation to plan for")
    confidence = 0.95 if given.confidence is None else given.confidence
    target = EquivalenceTarget(given.equivalence, given.power, confidence, len(requirements))
    found = [_planned(name, expectation, target, assumed) for name, expectation in requirements]
    say(*_lines(found, target, assumed, command_words(given.language)))
    if given.json is not None:
        document = {"target": asdict(target), "requirements": [asdict(one) for one in found]}
        write_whole(given.json, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        say(str(given.json), file=sys.stderr)
    return 0 if all(one.images is not None for one in found) else 1


def _planned(
    name: str, expectation: Expectation, target: EquivalenceTarget, assumed: Assumptions
) -> PlannedEquivalence:
    from ..statistics.equivalence import changes_of, images_for_equivalence, with_clusters

    try:
        changes = changes_of(expectation, assumed)
    except AuditError as error:
        return PlannedEquivalence(name, str(expectation), None, str(error))
    numbers = [None if change is None else images_for_equivalence(change, target) for change in changes]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return PlannedEquivalence(name, str(expectation), None)
    return PlannedEquivalence(name, str(expectation), with_clusters(max(known), assumed.cluster, assumed.correlation))


def _lines(
    found: list[PlannedEquivalence], target: EquivalenceTarget, assumed: Assumptions, words: Words
) -> Iterator[str]:
    none = words._("plan_no_number")
    heading = (words._("plan_expectation"), words._("images"))
    yield from table(heading, [(one.name, none if one.images is None else words.count(one.images)) for one in found])
    for one in found:
        if one.images is None:
            why = one.why or words._("plan_equivalence_unknown")
            yield from wrapped(words._("plan_note", name=one.name, note=why), indent=4, first="  ")
    yield ""
    said = words._(
        "plan_equivalence_legend",
        margin=words.limit(target.margin, "number"),
        power=f"{target.power:.0%}",
        n=words.count(target.requirements),
        discordance=words.limit(assumed.discordance, "percent"),
        sd=words.limit(assumed.deviation, "number"),
    )
    yield from wrapped(said, indent=2)

"""What ``modelaudit plan`` works out and says: images, classes, passes, time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from .. import __version__
from ..engine.planning.cost import AuditCost, PassCost, cost_of
from ..engine.planning.plan import Asked, plan
from ..evidence.pilot import Pilot, groups_of, pilots
from ..evidence.record import RunRecord
from ..language.audit import AuditCase
from ..language.checks import CheckSettings
from ..language.errors import AuditError, ExpressionError
from ..language.expression import Expectation
from ..language.strata import Label
from ..report.error_texts import plan_note
from ..report.words import Words
from ..statistics.assumptions import Assumptions, from_assumptions
from ..statistics.effect import smallest_effect
from ..statistics.sample_size import PowerTarget, SampleSize, from_pilot
from .terminal import table, wrapped

#: the margin for an expectation and the pilot's estimate
Margin = Callable[[Expectation, float | None], float]


@dataclass(frozen=True)
class Planned:
    """One expectation: what each of its parts needs.

    ``fails``: the value that the pilot's own images would FAIL with a probability of 80 %; None where that is not
    known. ``labels``: of the pilot's images. ``why_not``: why there is nothing to say.
    """

    name: str
    expectation: str
    sizes: tuple[SampleSize, ...] = ()
    fails: float | None = None
    labels: Mapping[str, int] = field(default_factory=dict)
    data: str = ""
    why_not: str = ""
    pilot: Pilot | None = None

    @property
    def images(self) -> int | None:
        """How many images in all; None if a part has no number."""
        found = [size.in_all for size in self.sizes]
        return max((one for one in found if one is not None), default=None) if None not in found else None

    @property
    def worst(self) -> SampleSize | None:
        """The part that needs most, or has no number."""
        return max(self.sizes, key=lambda size: math.inf if size.in_all is None else size.in_all, default=None)


@dataclass(frozen=True)
class Price:
    """The passes of all data sets, and what one takes.

    Args:
        costs: by data set, at most.
        share: what a pilot that computed everything needed of that most; 1 where that is not known.
        seconds: for a forward pass; None if not measured.
        device: on what.
    """

    costs: tuple[AuditCost, ...]
    share: float = 1.0
    seconds: float | None = None
    device: str = ""

    def passes(self, images: int) -> PassCost:
        """All passes for so many images of each data set."""
        return sum((cost.of(images) for cost in self.costs), PassCost()).times(self.share)

    def checks(self, images: int) -> float:
        """What share of the work is the checks'."""
        alone = sum(cost.an_image.units for cost in self.costs) * images * self.share
        whole = self.passes(images).units
        return 1 - alone / whole if whole else 0.0

    def time(self, images: int) -> float | None:
        """Seconds for so many images of each data set."""
        return None if self.seconds is None else self.seconds * self.passes(images).units


def margin_of(margin: float | None, guess: float | None) -> Margin:
    """The margin that was given, or the distance of the guess, or that of the pilot's estimate.

    The function raises ExpressionError where that is on the wrong side.
    """

    def of(expectation: Expectation, estimate: float | None) -> float:
        if margin is not None:
            return margin
        truth = estimate if guess is None else guess
        if truth is None:
            raise ExpressionError("the run has no value for it; give --margin")
        distance = expectation.threshold - truth if expectation.wants_low else truth - expectation.threshold
        if distance <= 0:
            whose = "the run's value" if guess is None else "--guess"
            raise ExpressionError(
                f"{whose} {truth:.4g} does not meet the expectation; give --margin to plan for a better one"
            )
        return distance

    return of


def from_run(record: RunRecord, margin: Margin, power: float) -> Iterator[Planned]:
    """The number of images that every expectation of a run needs; known-bad models and whole sets need none."""
    for case, pilot in pilots(record):
        if case.must_fail or case.about == "this_set":
            continue
        if isinstance(pilot, str):
            yield Planned(case.name, case.expectation, why_not=pilot)
            continue
        estimate = None if case.decision is None else case.decision.estimate
        try:
            wanted = PowerTarget(margin(pilot.expectation, estimate), power, case.confidence, case.bounds)
            sizes = from_pilot(pilot.expectation, pilot.table, wanted, claim=case.claim)
            fails = smallest_effect(
                pilot.expectation, pilot.table, confidence=case.confidence, bounds=case.bounds, claim=case.claim
            )
        except AuditError as error:
            yield Planned(case.name, case.expectation, why_not=str(error))
            continue
        labels = dict(sorted(Counter(pilot.labels).items()))
        yield Planned(case.name, case.expectation, sizes, fails, labels, str(case.data), pilot=pilot)


def from_case(
    name: str,
    case: AuditCase,
    margin: Margin,
    power: float,
    guess: Assumptions,
    confidence: float | None,
    assumed: Callable[[Expectation], Assumptions] | None = None,
    labels: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[Planned]:
    """The number of images that a case needs, by assumptions, for each of its models.

    Args:
        assumed: the assumptions about the images of one of its expectations; None: `guess` as it is.
        labels: how many images of each label its data have.
    """
    if case.must_fail or case.audit.about == "this_set":
        return
    level = case.confidence if confidence is None else confidence
    for model, expectation in case.variants():
        called = name if model is None else f"{name}[{model}]"
        try:
            wanted = PowerTarget(margin(expectation, None), power, level, case.audit.bounds)
            sizes = from_assumptions(expectation, wanted, guess if assumed is None else assumed(expectation))
        except AuditError as error:
            yield Planned(called, str(expectation), labels=labels, why_not=str(error))
            continue
        yield Planned(called, str(expectation), sizes, labels=labels)


def in_all(found: Sequence[Planned], shares: Mapping[str, float]) -> dict[str, int]:
    """Images by class (one entry "" where classes are not known), enough for every expectation that has a number.

    A part over one label needs its images of that label; every other part its number in all, divided as the shares
    say: those that were given, or the pilot's.
    """
    labels: Counter[str] = Counter()
    for one in found:
        for label, count in one.labels.items():
            labels[label] = max(labels[label], count)
    known = dict(shares) or {label: count / labels.total() for label, count in labels.items()}
    most, single = 0, Counter[str]()
    for size in (size for one in found for size in one.sizes if size.images is not None):
        own = next((label for label in known if size.stratum == str(Label(label))), None)
        if own is None:
            most = max(most, size.in_all or 0)
        else:
            single[own] = max(single[own], size.images or 0)
    if not known:
        return {"": most}
    return {label: max(math.ceil(most * share - 1e-9), single[label]) for label, share in known.items()}


def cost_of_run(record: RunRecord, found: Sequence[Planned]) -> Price:
    """The passes of the run's plan, its checks included where they were on, at the speed that was measured.

    A run that decoded all of its images found nothing in a store, so that its passes show how far the plan is beyond
    what is really done (methods that choose their work themselves count at most in a plan).
    """
    checks = _checks_of(record)
    known = {one.name: one.pilot for one in found if one.pilot is not None}
    groups = groups_of(known, checks)
    costs = tuple(cost_of(group, checks) for group in groups)
    done = PassCost(record.passes.forward, record.passes.backward).units
    images = [len({table.data: table for table in record.tables}[str(group.reference)].samples) for group in groups]
    most = sum(cost.of(count).units for cost, count in zip(costs, images, strict=True))
    whole = record.passes.decoded >= sum(len(table.samples) for table in record.tables)
    return Price(
        costs,
        min(1.0, done / most) if whole and most else 1.0,
        record.passes.seconds / done if record.passes.seconds and done else None,
        record.provenance.device_name or record.provenance.device,
    )


def _checks_of(record: RunRecord) -> CheckSettings:
    """The checks that were made of any case, as large as they are by default."""
    names = ("masks", "noise", "blind", "seams", "sensitivity")
    made = {name for case in record.cases for name in names if case.checks and getattr(case.checks, name)}
    return CheckSettings(**{**vars(CheckSettings.off()), **{name: getattr(CheckSettings(), name) for name in made}})


def cost_of_cases(cases: Sequence[tuple[str, AuditCase]]) -> Price:
    """The passes of a file's audits, as it says that they are checked."""
    asked = [
        Asked(f"{name}[{model}]", case, expectation) for name, case in cases for model, expectation in case.variants()
    ]
    groups = plan(asked)
    return Price(tuple(cost_of(group, CheckSettings() if group.checks is None else group.checks) for group in groups))


FORMAT = "modelaudit-plan/1"
_ROWS = 20


def report_lines(
    found: Sequence[Planned], whole: Mapping[str, int], price: Price, power: float, words: Words
) -> Iterator[str]:
    """The report line by line: each expectation with its notes, images by class, passes and time."""
    heading = (words._("plan_expectation"), words._("plan_if"), words._("column_images"), words._("plan_power"))
    rows = [(one.name, *_numbers(one, words)) for one in found]
    yield from table((*heading, words._("plan_rule"), words._("plan_fails")), rows)
    yield from wrapped(words._("plan_legend", power=f"{power:g}"), indent=2)
    for one in found:
        yield from _notes(one, words)
    if not any(whole.values()):
        return
    yield ""
    yield from _still_open(found, words)
    enough = _enough(found, sum(whole.values()), words)
    if "" in whole:
        yield from wrapped(words._("plan_divide", enough=enough), indent=2)
    else:
        yield from wrapped(words._("plan_divided", enough=enough), indent=2)
        classes = (words._("column_class"), words._("column_images"))
        yield from table(classes, [(label, str(count)) for label, count in list(whole.items())[:_ROWS]])
        if len(whole) > _ROWS:
            yield f"  {words._('plan_more_classes', n=words.count(len(whole) - _ROWS))}"
    yield from _price(price, sum(whole.values()), words)


def _still_open(found: Sequence[Planned], words: Words) -> Iterator[str]:
    """The expectations for which no number of images is known to be enough."""
    names = [one.name for one in found if one.images is None]
    if names:
        listed = words._("comma").join(names[:_ROWS]) + (", ..." if len(names) > _ROWS else "")
        yield from wrapped(words._("plan_open", names=listed), indent=2)


def _enough(found: Sequence[Planned], images: int, words: Words) -> str:
    """How many images are enough for everything that has a number, and how many there are."""
    still_open = sum(one.images is None for one in found)
    which = "all" if not still_open else "others" if still_open < len(found) else "known"
    enough = words.named("plan_enough", which).format(n=images)
    there = max((sum(one.labels.values()) for one in found), default=0)
    return words._("plan_there", enough=enough, n=there) if there else enough


def document(found: Sequence[Planned], whole: Mapping[str, int], price: Price) -> dict[str, Any]:
    """The same as data; ``images_in_all`` has the key "" where classes are not known."""
    images = sum(whole.values())
    return {
        "format": FORMAT,
        "modelaudit": __version__,
        "expectations": [
            {
                "name": one.name,
                "expectation": one.expectation,
                "images": one.images,
                "fails": one.fails,
                "why_not": one.why_not,
                "open": one.images is None,
                "parts": [{**asdict(size), "in_all": size.in_all} for size in one.sizes],
            }
            for one in found
        ],
        "images_in_all": dict(whole),
        "passes": {
            "an_image": [asdict(cost.an_image) for cost in price.costs],
            "checks": [[asdict(check) for check in cost.checks] for cost in price.costs],
            "forward": price.passes(images).forward,
            "backward": price.passes(images).backward,
        },
        "seconds": price.time(images),
        "device": price.device,
    }


def _numbers(one: Planned, words: Words) -> tuple[str, str, str, str, str]:
    worst = one.worst
    if worst is None:
        return "-", "-", "-", "-", "-"
    power = "-" if worst.reached is None else f"{worst.reached:.2f}"
    images = words._("plan_no_number") if one.images is None else str(one.images)
    return f"{worst.supposed:.4g}", images, power, worst.rule, _value(one.fails)


def _notes(one: Planned, words: Words) -> Iterator[str]:
    if one.why_not:
        why = words._("plan_note", name=one.name, note=plan_note(one.why_not, words))
        yield from wrapped(why, indent=4, first="  ")
    worst = one.worst
    if worst is None:
        return
    said = [plan_note(worst.note, words)] if worst.note else []
    if len(one.sizes) > 1:
        said.append(words._("plan_parts", n=len(one.sizes), part=worst.text))
    if worst.clusters is not None and worst.images is not None:
        said.append(words._("plan_clusters", n=worst.clusters, size=f"{worst.images / worst.clusters:.3g}"))
    if worst.stratum is not None and worst.images is not None:
        said.append(_stratum(worst, words))
    if said:
        note = words._("semicolon").join(said)
        yield from wrapped(words._("plan_note", name=one.name, note=note), indent=4, first="  ")


def _stratum(size: SampleSize, words: Words) -> str:
    if size.share == 1:
        return words._("plan_stratum", n=size.images, stratum=size.stratum)
    return words._("plan_stratum_share", n=size.images, stratum=size.stratum, share=f"{size.share:.1%}")


def _price(price: Price, images: int, words: Words) -> Iterator[str]:
    if not price.costs:
        return
    passes, share = price.passes(images), price.checks(images)
    yield ""
    checks = words._("comma").join(
        dict.fromkeys(check.name for cost in price.costs for check in cost.checks if check.an_image.units)
    )
    said = words._("plan_passes", forward=f"{passes.forward:,.0f}", backward=f"{passes.backward:,.0f}")
    if checks:
        said = words._("plan_passes_checks", passes=said, share=f"{share:.0%}", checks=checks)
    yield from wrapped(said, indent=2)
    seconds = price.time(images)
    if seconds is None:
        yield from wrapped(words._("plan_no_time"), indent=2)
    else:
        time = _span(seconds, words)
        said = words._("plan_time_on", time=time, device=price.device) if price.device else ""
        yield from wrapped(said or words._("plan_time", time=time), indent=2)


def _span(seconds: float, words: Words) -> str:
    if seconds >= 2 * 3600:
        return words._("span_h", n=f"{seconds / 3600:.0f}")
    if seconds >= 2 * 60:
        return words._("span_min", n=f"{seconds / 60:.0f}")
    return words._("span_s", n=f"{max(seconds, 1):.0f}")


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"

"""What ``modelaudit plan`` says in a terminal, and as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .. import __version__
from ..statistics.sample_size import SampleSize
from .planned import Planned, Price
from .text import table, wrapped

FORMAT = "modelaudit-plan/1"
_ROWS = 20


def told(found: Sequence[Planned], whole: Mapping[str, int], price: Price, power: float) -> Iterator[str]:
    """All of it, line by line: each expectation, what must be said of it, images by class, passes and time."""
    rows = [(one.name, *_numbers(one)) for one in found]
    yield from table(("expectation", "if", "images", "power", "rule", "fails"), rows)
    yield from wrapped(
        f"images: all that pass with power {power:g} if the left side truly is as in 'if'. fails: the value that the "
        "images of the run would FAIL with 80 %.",
        indent=2,
    )
    for one in found:
        yield from _notes(one)
    if not any(whole.values()):
        return
    yield ""
    if "" in whole:
        yield from wrapped(f"{whole['']} images are enough for all (name --classes to divide them)", indent=2)
    else:
        yield from wrapped(f"{sum(whole.values())} images are enough for all:", indent=2)
        yield from table(("class", "images"), [(label, str(count)) for label, count in list(whole.items())[:_ROWS]])
        if len(whole) > _ROWS:
            yield f"  and {len(whole) - _ROWS} more classes (--json has all of them)"
    yield from _price(price, sum(whole.values()))


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


def _numbers(one: Planned) -> tuple[str, str, str, str, str]:
    worst = one.worst
    if worst is None:
        return "-", "-", "-", "-", "-"
    power = "-" if worst.reached is None else f"{worst.reached:.2f}"
    return f"{worst.supposed:.4g}", _number(one.images), power, worst.rule, _value(one.fails)


def _notes(one: Planned) -> Iterator[str]:
    if one.why_not:
        yield from wrapped(f"{one.name}: {one.why_not}", indent=4, first="  ")
    worst = one.worst
    if worst is None:
        return
    said = [worst.note] if worst.note else []
    if len(one.sizes) > 1:
        said.append(f"{len(one.sizes)} parts must all pass; most is needed by {worst.text}")
    if worst.clusters is not None and worst.images is not None:
        said.append(f"{worst.clusters} clusters of about {worst.images / worst.clusters:.3g} images")
    if worst.stratum is not None and worst.images is not None:
        said.append(f"{worst.images} images of {worst.stratum}{_share(worst)}")
    if said:
        yield from wrapped(f"{one.name}: {'; '.join(said)}", indent=4, first="  ")


def _share(size: SampleSize) -> str:
    return "" if size.share == 1 else f", which holds {size.share:.1%} of all"


def _price(price: Price, images: int) -> Iterator[str]:
    if not price.costs:
        return
    passes, share = price.passes(images), price.checks(images)
    yield ""
    checks = ", ".join(
        dict.fromkeys(check.name for cost in price.costs for check in cost.checks if check.an_image.units)
    )
    extra = f"; {share:.0%} of it for checks ({checks})" if checks else ""
    yield from wrapped(f"{passes.forward:,.0f} forward and {passes.backward:,.0f} backward passes{extra}", indent=2)
    seconds = price.time(images)
    if seconds is None:
        yield from wrapped("time: no run tells the speed; plan from one for an estimate", indent=2)
    else:
        where = f" on {price.device}" if price.device else ""
        yield from wrapped(
            f"about {_span(seconds)}{where}, at the speed of the run (all of it, not from a store)", indent=2
        )


def _span(seconds: float) -> str:
    for size, name in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(seconds, 1):.0f} s"


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _number(count: int | None) -> str:
    return "none" if count is None else str(count)

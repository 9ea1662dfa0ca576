"""Facts of samples, counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ...language.findings import Quantiles, SampleFacts, Tally


def tallies(samples: Sequence[SampleFacts], names: Iterable[str | None]) -> dict[str, Tally]:
    """Samples by name (of their label, group or cluster), in the order of the names; without those named None."""
    by_name: Mapping[str, list[SampleFacts]] = defaultdict(list)
    for sample, name in zip(samples, names, strict=True):
        if name is not None:
            by_name[name].append(sample)
    return {name: _tally(by_name[name]) for name in sorted(by_name)}


def shares(samples: Sequence[SampleFacts]) -> list[float]:
    """The object's share of the image, of every mask with an object."""
    return [
        one.mask.share for one in samples if one.mask is not None and not one.mask.empty and one.mask.share is not None
    ]


def counted(values: Iterable[str]) -> dict[str, int]:
    """How often each occurs, the most frequent first."""
    return {
        value: count for value, count in sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0])) if value
    }


def mask_values(samples: Sequence[SampleFacts]) -> dict[str, int]:
    """How many masks have a 0, a 1, a 255."""
    masks = [one.mask for one in samples if one.mask is not None]
    found = {
        "0": sum(mask.background > 0 for mask in masks),
        "1": sum(mask.object > 0 for mask in masks),
        "255": sum(mask.ignored > 0 for mask in masks),
    }
    return {value: count for value, count in found.items() if count}


def histogram(values: Sequence[float]) -> tuple[int, ...]:
    """How many of the shares lie in each tenth of [0, 1]; 1 is in the last."""
    return tuple(int(count) for count in np.histogram(values, bins=10, range=(0, 1))[0])


def quantiles(values: Sequence[float]) -> Quantiles | None:
    """Smallest, 5, 25, 50, 75, 95 %, largest; None of nothing."""
    if not values:
        return None
    found = np.quantile(np.asarray(values, dtype=np.float64), [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
    return Quantiles(len(values), *(float(value) for value in found))


def _tally(samples: Sequence[SampleFacts]) -> Tally:
    found = shares(samples)
    return Tally(
        images=len(samples),
        usable=sum(one.reason is None for one in samples),
        masks=sum(one.mask is not None for one in samples),
        share=float(np.median(found)) if found else None,
    )

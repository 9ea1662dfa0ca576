"""Association of the class with something else that is known of an image: how strong, and how likely by chance.

The strength is Cramér's V with the bias correction of Bergsma (2013). Whether it may be chance is tested by exchange:
what images of one cluster have is given to another cluster as a whole, since images of one cluster are no independent
evidence. All tests of a data set together are corrected by Holm (1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..language.sample import LEAST_CLUSTERS

Codes = NDArray[np.int64]
Table = NDArray[np.float64]

#: exchanges after which a test ends whose p-value is not below 0.1 by then
FIRST = 199
#: exchanges of any other test
EXCHANGES = 999
_ENOUGH = 20
#: numbers held at once
_AT_ONCE = 4_000_000
_EQUAL = 1e-9


@dataclass(frozen=True)
class Exchange:
    """Which images a test uses, and what it exchanges between their clusters.

    Args:
        rows: [n] positions of the images.
        units: [n] the cluster of each, as 0 to `count` - 1; an image by itself is one.
        moved: "class" where every cluster has one class: clusters exchange their classes. "column" where every cluster
            has one value of the column: clusters exchange these. "both" where neither is so: every cluster has the same
            number of rows, and clusters exchange the classes of all of them, in their order.
    """

    rows: NDArray[np.intp]
    units: Codes
    count: int
    moved: Literal["class", "column", "both"]


@dataclass(frozen=True)
class AssociationTest:
    """The result of a test.

    Args:
        v: Cramér's V, corrected for bias: from 0 (independent) to 1 (either determines the other).
        p: the probability of an association as strong by chance; exact for every level up to 0.1.
        chance: the V that chance exceeds in 1 of 20 exchanges.
    """

    v: float
    p: float
    chance: float


def exchange(classes: Codes, column: Codes | None, clusters: Codes, rng: np.random.Generator) -> Exchange | None:
    """How clusters can exchange what they have; None where there are fewer than 10 of them.

    Where neither the class nor the column is constant in every cluster, only clusters of equal size can be exchanged as
    a whole: m rows are drawn of every cluster that has as many, smaller clusters are left out, and m is chosen so that
    most images remain.

    Args:
        classes: [n] codes.
        column: [n] codes; None for something that differs from image to image.
        clusters: [n] codes.
    """
    _, units = np.unique(clusters, return_inverse=True)
    units = units.reshape(-1).astype(np.int64)
    count = int(units.max(initial=-1)) + 1
    everything = np.arange(len(classes))
    if count < LEAST_CLUSTERS:
        return None
    for name, codes in (("class", classes), ("column", column)):
        if codes is not None and _constant(codes, units):
            return Exchange(everything, units, count, "class" if name == "class" else "column")
    return _equal_parts(units, count, rng)


def cramers_v(table: Table) -> float:
    """Cramér's V of a table of counts [..., classes, values], corrected for bias (Bergsma 2013).

    With phi² = chi² / n and empty rows and columns left out:

        V = sqrt(max(0, phi² - (r - 1)(c - 1) / (n - 1)) / min(r' - 1, c' - 1)),    r' = r - (r - 1)² / (n - 1)

    0 where there is one row or one column, or every image has a row or a column of its own.

    >>> import numpy as np
    >>> round(cramers_v(np.array([[30.0, 0.0], [0.0, 30.0]])), 2)
    1.0
    """
    return float(corrected_v(phi_squared(table[None]), table[None])[0])


def phi_squared(tables: Table) -> Table:
    """chi² / n of every table [count, classes, values]."""
    totals = tables.sum(axis=(1, 2))
    margins = tables.sum(axis=2)[:, :, None] * tables.sum(axis=1)[:, None, :]
    shares = np.divide(tables**2, margins, out=np.zeros_like(tables), where=margins > 0)
    return np.asarray(np.where(totals > 0, shares.sum(axis=(1, 2)) - 1, 0.0))


def corrected_v(phi: Table, tables: Table) -> Table:
    """V of every table [count, classes, values] with its phi² [count]."""
    total = np.maximum(tables.sum(axis=(1, 2)), 2.0)
    rows, columns = ((tables.sum(axis=axis) > 0).sum(axis=1).astype(np.float64) for axis in (2, 1))
    excess = np.maximum(0.0, phi - (rows - 1) * (columns - 1) / (total - 1))
    room = np.minimum(rows - 1 - (rows - 1) ** 2 / (total - 1), columns - 1 - (columns - 1) ** 2 / (total - 1))
    ratio = np.divide(excess, room, out=np.zeros_like(excess), where=room > _EQUAL)
    return np.asarray(np.sqrt(np.minimum(1.0, ratio)))


def contingency(classes: Codes, column: Codes) -> Table:
    """Counts of images by class and value."""
    size = (int(classes.max(initial=-1)) + 1, int(column.max(initial=-1)) + 1)
    counts = np.bincount(classes * size[1] + column, minlength=size[0] * size[1])
    return counts.reshape(size).astype(np.float64)


def association_test(
    classes: Codes, column: Codes, how: Exchange, rng: np.random.Generator, exchanges: int = EXCHANGES
) -> AssociationTest:
    """Tests whether the class and a column are independent of each other.

    The statistic is phi². After 199 exchanges a test with 20 as strong as the observed association ends; that changes
    no p-value below 0.1.

    Args:
        classes, column: [n] codes of all images.
    """
    found = contingency(classes, column)
    observed = float(phi_squared(contingency(classes[how.rows], column[how.rows])[None])[0])
    phi: list[Table] = []
    v: list[Table] = []
    for count in stages(exchanges):
        for part in _parts(count, max(len(how.rows), found.size)):
            tables = _tables(*exchanged(classes, column, how, rng, part), found.shape)
            phi.append(phi_squared(tables))
            v.append(corrected_v(phi[-1], tables))
        if settled(np.concatenate(phi), observed):
            break
    drawn = np.concatenate(phi)
    chance = float(np.quantile(np.concatenate(v), 0.95, method="higher"))
    return AssociationTest(cramers_v(found), p_value(drawn, observed), chance)


def stages(exchanges: int) -> Iterator[int]:
    """How many exchanges to draw before looking whether the test is settled, and how many after that."""
    yield min(FIRST, exchanges)
    if exchanges > FIRST:
        yield exchanges - FIRST


def settled(drawn: Table, observed: float) -> bool:
    """Whether so many exchanges are as strong as what was observed that the p-value will not be small."""
    return int((drawn >= observed - _EQUAL).sum()) >= _ENOUGH


def p_value(drawn: Table, observed: float) -> float:
    """(1 + number of exchanges as strong) / (1 + number of exchanges), Phipson & Smyth 2010."""
    return (1 + int((drawn >= observed - _EQUAL).sum())) / (1 + len(drawn))


def exchanged(
    classes: Codes, column: Codes, how: Exchange, rng: np.random.Generator, count: int
) -> tuple[Codes, Codes]:
    """`count` exchanges: classes and column, [count or 1, n] each."""
    if how.moved == "column":
        return classes[how.rows][None], _moved(column, how, rng, count)
    return exchanged_classes(classes, how, rng, count), column[how.rows][None]


def exchanged_classes(classes: Codes, how: Exchange, rng: np.random.Generator, count: int) -> Codes:
    """[count, n] classes after `count` exchanges of "class" or "both"."""
    if how.moved != "both":
        return _moved(classes, how, rng, count)
    parts = classes[how.rows].reshape(how.count, -1)
    order = rng.permuted(np.tile(np.arange(how.count), (count, 1)), axis=1)
    return np.asarray(parts[order].reshape(count, -1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values: the smallest error rate, for all tests together, at which each is found.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = largest
    return adjusted


def _moved(codes: Codes, how: Exchange, rng: np.random.Generator, count: int) -> Codes:
    """[count, n] codes, of which every cluster has one, after exchanges between the clusters."""
    _, first = np.unique(how.units, return_index=True)
    of_units = codes[how.rows][first]
    return np.asarray(rng.permuted(np.tile(of_units, (count, 1)), axis=1)[:, how.units])


def _constant(codes: Codes, units: Codes) -> bool:
    """Whether all images of a unit have the same code."""
    _, first = np.unique(units, return_index=True)
    return bool((codes[first][units] == codes).all())


def _equal_parts(units: Codes, count: int, rng: np.random.Generator) -> Exchange | None:
    """The same number of images of every cluster that has as many, in random order within a cluster."""
    sizes = np.bincount(units, minlength=count)
    kept = {m: m * int((sizes >= m).sum()) for m in np.unique(sizes).tolist() if (sizes >= m).sum() >= LEAST_CLUSTERS}
    if not kept:
        return None
    each = max(kept, key=lambda m: (kept[m], -m))
    shuffled = rng.permutation(len(units))
    shuffled = shuffled[np.argsort(units[shuffled], kind="stable")]
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(units)) - starts[units[shuffled]]
    rows = shuffled[(rank < each) & (sizes[units[shuffled]] >= each)]
    _, numbered = np.unique(units[rows], return_inverse=True)
    return Exchange(rows, numbered.reshape(-1).astype(np.int64), len(rows) // each, "both")


def _parts(count: int, size: int) -> Iterator[int]:
    """`count` in parts so that a part of `size` numbers each stays small."""
    part = max(1, _AT_ONCE // max(1, size))
    for start in range(0, count, part):
        yield min(part, count - start)


def _tables(classes: Codes, column: Codes, shape: tuple[int, ...]) -> Table:
    """[count, classes, values] of codes [count or 1, n]."""
    codes = classes * shape[1] + column
    count, size = len(codes), shape[0] * shape[1]
    codes = codes + size * np.arange(count)[:, None]
    return np.bincount(codes.ravel(), minlength=count * size).reshape(count, *shape).astype(np.float64)

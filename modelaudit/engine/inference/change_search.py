"""The search for the smallest change of one image's surroundings that flips the answer: pure logic, without a model.

A search is a generator. It yields rounds of changes, all of which are shown, and is sent which of them flipped the
answer. What it proposes next depends on these answers alone, so its result does not depend on what else a batch holds.

Large changes come first, since they contain most small ones: the whole background in every colour and on every donor,
other light; then patches on grids, from coarse to fine; then patches drawn at random. Whatever flips is made smaller:
each side of the rectangle is cut as far as the answer stays flipped, by bisection to the pixel; then halves and
quarters are tried, as delta debugging does, for where the cuts one by one were in each other's way; then the dose is
lowered; and again, until nothing gets smaller. What is found first need not be the smallest, so the search goes on from
other changes that flip, and with smaller ones, while calls remain.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...contexts.surroundings import PatchBox

Kind = Literal["colour", "donor", "exposure", "kelvin", "context"]
#: doses are multiples of 1 / DOSES
DOSES = 100
#: changes in a round, where they are not a few that belong together
ROUND = 16
#: changes from which the search makes a smaller one
_STARTS = 3
#: of so many changes the parts are tried before one is made smaller
_KEPT = (4, 3)
#: cuts that are tried at once on each side, doses at once
_CUTS = 3
#: sides, doses, sides again, ...
_REPEATS = 3
#: sides of the patches on grids as shares of the frame's, and places along one side
_GRIDS = ((1 / 2, 3), (1 / 3, 4), (1 / 4, 5), (1 / 6, 8))
#: a patch must be background to this share
_LEAST_BACKGROUND = 0.2
#: so many patches are drawn at most for every call, since some were tried before or hold too little background
_MORE_DRAWS = 4


class ProposedChange(NamedTuple):
    """One change of the surroundings.

    Args:
        kind: what changes.
        number: which colour, donor, temperature or context; of exposures 0 is darker and 1 brighter.
        box: the rectangle; None for changes of the whole background.
        dose: in hundredths.
    """

    kind: Kind
    number: int
    box: PatchBox | None
    dose: int = DOSES


@dataclass(frozen=True)
class ChangeSpace:
    """What can be changed of one image.

    Args:
        background: [H, W] bool.
        colours, donors, exposures, temperatures: how many there are of each.
        contexts: the share of the background that each of the contexts changes that can be made of this image, by its
            number.
        smallest, largest: sides of patches in pixels, (height, width).
    """

    background: NDArray[np.bool_]
    colours: int
    donors: int
    exposures: int
    temperatures: int
    contexts: dict[int, float]
    smallest: tuple[int, int]
    largest: tuple[int, int]

    @property
    def fills(self) -> list[tuple[Kind, int]]:
        """What patches can be filled with."""
        colours: list[tuple[Kind, int]] = [("colour", number) for number in range(self.colours)]
        return [*colours, *(("donor", number) for number in range(self.donors))]


#: what a search yields, and what it is sent: for each change whether the answer was flipped
Rounds = Generator[Sequence[ProposedChange], Sequence[bool], None]


@dataclass
class ChangeSearch:
    """One image's search while it runs; ``smallest`` is the result, None where nothing flipped the answer.

    Args:
        calls: changes that are shown, at most.
        draws: of the image, for places.
    """

    space: ChangeSpace
    calls: int
    draws: torch.Generator
    smallest: ProposedChange | None = None
    shown: int = 0
    _answers: dict[ProposedChange, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # sums over rectangles from four corners: [H + 1, W + 1]
        counts = np.pad(self.space.background.astype(np.int64), ((1, 0), (1, 0)))
        self._sums: list[list[int]] = counts.cumsum(axis=0).cumsum(axis=1).tolist()  # lists: single cells are read
        self._whole = max(self._sums[-1][-1], 1)

    def area(self, change: ProposedChange) -> float:
        """The share of the background that a change covers."""
        if change.kind == "context":
            return self.space.contexts[change.number]
        return 1.0 if change.box is None else self._covered(change.box) / self._whole

    def size(self, change: ProposedChange) -> float:
        """Area times dose: what is made small."""
        return self.area(change) * change.dose / DOSES

    def rounds(self) -> Rounds:
        """The search; it ends when the calls are spent, or nothing is left to be tried."""
        starts = 0
        for proposed in self._proposals():
            limit = None if self.smallest is None else self.size(self.smallest)
            wanted = [one for one in proposed if limit is None or self.size(one) < limit]
            flipped = yield from self._try(wanted)
            for one in (yield from self._promising(flipped))[: _STARTS - starts]:
                starts += 1
                yield from self._shrink(one)
            if starts >= _STARTS or self._left <= 0:
                return

    # --- what is proposed --------------------------------------------------------------------------------------------

    def _proposals(self) -> Iterator[list[ProposedChange]]:
        """Rounds of changes, the largest first; after something flipped only the grids go on."""
        yield self._whole_background()
        for share, places in ((1.0, 3), *_GRIDS):
            yield from self._grid(share, places)
        for _ in range(_MORE_DRAWS * self.calls // ROUND if self.space.fills else 0):
            if self.smallest is not None:
                return
            yield [one for one in (self._drawn() for _ in range(ROUND)) if one is not None]

    def _whole_background(self) -> list[ProposedChange]:
        space = self.space
        height, width = space.background.shape
        found: list[ProposedChange] = []
        if space.largest == (height, width):
            found += [ProposedChange(kind, number, PatchBox(0, height, 0, width)) for kind, number in space.fills]
        found += [ProposedChange("exposure", number, None) for number in range(space.exposures)]
        found += [ProposedChange("kelvin", number, None) for number in range(space.temperatures)]
        return [*found, *(ProposedChange("context", number, None) for number in space.contexts)]

    def _grid(self, share: float, places: int) -> Iterator[list[ProposedChange]]:
        """Patches of one size in every fill, in an order that is drawn; 1.0 is the largest size."""
        space = self.space
        frame = space.background.shape
        sides = [
            min(max(round(share * side), low), high)
            for side, low, high in zip(frame, space.smallest, space.largest, strict=True)
        ]
        if share == 1.0 and sides == list(frame):  # the whole background was first
            return
        tops, lefts = (
            sorted({round(at * (side - size) / max(places - 1, 1)) for at in range(places)})
            for side, size in zip(frame, sides, strict=True)
        )
        boxes = [PatchBox(top, top + sides[0], left, left + sides[1]) for top in tops for left in lefts]
        boxes = [box for box in boxes if self._covered(box) >= _LEAST_BACKGROUND * box.height * box.width]
        fills = space.fills
        order = torch.randperm(len(boxes) * len(fills), generator=self.draws).tolist()
        for first in range(0, len(order), ROUND):
            chosen = [(fills[at % len(fills)], boxes[at // len(fills)]) for at in order[first : first + ROUND]]
            yield [ProposedChange(kind, number, box) for (kind, number), box in chosen]

    def _drawn(self) -> ProposedChange | None:
        """A patch of a random size at a random place; None where there is too little background."""
        space = self.space
        shares = torch.rand(5, generator=self.draws, dtype=torch.float64).tolist()
        edges: list[tuple[int, int]] = []
        for at, (side, low, high) in enumerate(zip(space.background.shape, space.smallest, space.largest, strict=True)):
            # sizes are uniform in their logarithm: there are more small ones
            size = min(max(round(low * (high / low) ** shares[at]), 1), side)
            start = min(int(shares[2 + at] * (side - size + 1)), side - size)
            edges.append((start, start + size))
        kind, number = space.fills[min(int(shares[4] * len(space.fills)), len(space.fills) - 1)]
        box = PatchBox(*edges[0], *edges[1])
        return (
            ProposedChange(kind, number, box)
            if self._covered(box) >= _LEAST_BACKGROUND * box.height * box.width
            else None
        )

    # --- making it smaller -------------------------------------------------------------------------------------------

    def _promising(
        self, flipped: Sequence[ProposedChange]
    ) -> Generator[Sequence[ProposedChange], Sequence[bool], list[ProposedChange]]:
        """Changes that flip, those first of which a small part flips as well: halves and quarters of all, of these the
        best once more. A context stays as it is, so nothing begins with one."""
        now = [one for one in flipped if one.kind != "context"]
        for most in _KEPT:
            if len(now) < 2:
                break
            parts = {one: [one, *self._smaller_parts(one)] for one in now}
            smaller = set((yield from self._try([part for several in parts.values() for part in several])))
            now = [min((part for part in parts[one] if part in smaller), key=self._order, default=one) for one in now]
            now = sorted(now, key=self._order)[:most]
        return now

    def _smaller_parts(self, change: ProposedChange) -> list[ProposedChange]:
        """Halves and quarters of a patch; of other light half the dose."""
        if change.box is None:
            return [change._replace(dose=max(change.dose // 2, 1))]
        box, middle = change.box, self._parts_of(change)
        at_edges = (box.top, box.bottom), (box.left, box.right)
        return [
            change._replace(box=part)
            for part in middle
            if {part.top, part.bottom} & {*at_edges[0]} and {part.left, part.right} & {*at_edges[1]}
        ]

    def _shrink(self, start: ProposedChange) -> Rounds:
        """Make a change that flips smaller until nothing more can be taken away, or the calls are spent."""
        now = start
        for _ in range(_REPEATS):
            before = now
            if now.box is not None:
                now = yield from self._cut(now)
            if now.kind != "context":
                now = yield from self._lower(now)
            if now == before or now.box is None:
                return

    def _cut(self, now: ProposedChange) -> Generator[Sequence[ProposedChange], Sequence[bool], ProposedChange]:
        """Cut the sides to the pixel; then halves and quarters, and the sides again where one of these flips."""
        while self._left > 0:
            now = yield from self._cut_sides(now)
            parts = [now._replace(box=box) for box in self._parts_of(now)]
            smaller = yield from self._smallest_of(parts)
            if smaller is None:
                return now
            now = smaller
        return now

    def _cut_sides(self, now: ProposedChange) -> Generator[Sequence[ProposedChange], Sequence[bool], ProposedChange]:
        """By bisection: of each side (top, bottom, left, right) the most that may go is between 0 and `bounds`.

        All four are tried at once, then the four together, and two at a corner; what is cut off one side may be needed
        where another one is cut.
        """
        bounds = self._most_cuts(now)
        while any(bounds) and self._left > 0:
            cuts = {side: _between(bounds[side]) for side in range(4)}
            asked = [(side, cut) for side in range(4) for cut in cuts[side]]
            if not asked:
                return now
            flipped = set((yield from self._try([_without(now, side, cut) for side, cut in asked])))
            best = [0, 0, 0, 0]
            for side, cut in asked:
                if _without(now, side, cut) in flipped:
                    best[side] = max(best[side], cut)
            bad = [min((cut for cut in cuts[side] if cut > best[side]), default=bounds[side] + 1) for side in range(4)]
            taken, now = yield from self._together(now, best)
            most = self._most_cuts(now)
            # where nothing of a side was cut although something could go, it could not go together with the others
            bounds = [min(most[side], bad[side] - 1 - taken[side]) for side in range(4)]
        return now

    def _together(
        self, now: ProposedChange, best: Sequence[int]
    ) -> Generator[Sequence[ProposedChange], Sequence[bool], tuple[list[int], ProposedChange]]:
        """Several cuts at once, each of which is possible alone: the smallest combination that flips."""
        combinations = [(0, 1, 2, 3), (0, 2), (0, 3), (1, 2), (1, 3), (0, 1), (2, 3), (0,), (1,), (2,), (3,)]
        wanted: dict[ProposedChange, list[int]] = {}
        for sides in combinations:
            cuts = [best[side] if side in sides else 0 for side in range(4)]
            smaller = self._with_cuts(now, cuts) if any(cuts) else None
            if smaller is not None:
                wanted.setdefault(smaller, cuts)
        flipped = yield from self._try(list(wanted))
        if not flipped:
            return [0, 0, 0, 0], now
        smallest = min(flipped, key=self._order)
        return wanted[smallest], smallest

    def _lower(self, now: ProposedChange) -> Generator[Sequence[ProposedChange], Sequence[bool], ProposedChange]:
        """Lower the dose by bisection, to a hundredth."""
        low, high = 0, now.dose
        while high - low > 1 and self._left > 0:
            doses = [low + cut for cut in _between(high - low - 1)]
            flipped = {one.dose for one in (yield from self._try([now._replace(dose=dose) for dose in doses]))}
            high = min(flipped, default=high)
            low = max((dose for dose in doses if dose < high), default=low)
        return now._replace(dose=high)

    def _most_cuts(self, change: ProposedChange) -> list[int]:
        assert change.box is not None
        tall = max(change.box.height - self.space.smallest[0], 0)
        wide = max(change.box.width - self.space.smallest[1], 0)
        return [tall, tall, wide, wide]

    def _with_cuts(self, change: ProposedChange, cuts: Sequence[int]) -> ProposedChange | None:
        """None where that leaves less than the smallest patch."""
        box = change.box
        assert box is not None
        cut = PatchBox(box.top + cuts[0], box.bottom - cuts[1], box.left + cuts[2], box.right - cuts[3])
        small = cut.height < self.space.smallest[0] or cut.width < self.space.smallest[1]
        return None if small else change._replace(box=cut)

    def _parts_of(self, change: ProposedChange) -> Iterator[PatchBox]:
        """Quarters, halves, and what is in the middle of a rectangle, as far as they are no smaller than a patch is."""
        box = change.box
        assert box is not None
        rows, columns = _thirds(box.top, box.bottom), _thirds(box.left, box.right)
        for tall in (*rows, (box.top, box.bottom)):
            for wide in (*columns, (box.left, box.right)):
                part = PatchBox(*tall, *wide)
                large = part.height >= self.space.smallest[0] and part.width >= self.space.smallest[1]
                if part != box and large:
                    yield part

    def _smallest_of(
        self, changes: Sequence[ProposedChange]
    ) -> Generator[Sequence[ProposedChange], Sequence[bool], ProposedChange | None]:
        flipped = yield from self._try(changes)
        return min(flipped, key=self._order, default=None)

    # --- trying ------------------------------------------------------------------------------------------------------

    @property
    def _left(self) -> int:
        return self.calls - self.shown

    def _try(
        self, changes: Sequence[ProposedChange]
    ) -> Generator[Sequence[ProposedChange], Sequence[bool], list[ProposedChange]]:
        """Show changes, those that were not shown before and cover any background; those that flip the answer."""
        asked = [one for one in dict.fromkeys(changes) if self.area(one) > 0 and one.dose > 0]
        new = [one for one in asked if one not in self._answers][: self._left]
        if new:
            self.shown += len(new)
            self._answers.update(zip(new, (yield new), strict=True))
        flipped = [one for one in asked if self._answers.get(one, False)]
        best = min(flipped, key=self._order, default=None)
        if best is not None and (self.smallest is None or self._order(best) < self._order(self.smallest)):
            self.smallest = best
        return flipped

    def _order(self, change: ProposedChange) -> tuple[float, int, int, int]:
        """By size; of equal size what has the smaller rectangle, then what was named first."""
        box = change.box
        pixels = 0 if box is None else box.height * box.width
        return self.size(change), _KINDS.index(change.kind), change.number, pixels

    def _covered(self, box: PatchBox) -> int:
        below, above = self._sums[box.bottom], self._sums[box.top]
        return below[box.right] - above[box.right] - below[box.left] + above[box.left]


_KINDS: tuple[Kind, ...] = ("colour", "donor", "exposure", "kelvin", "context")


def _between(most: int) -> list[int]:
    """Up to `_CUTS` numbers that divide 1 to `most` evenly, `most` itself among them where there are no more."""
    if most <= _CUTS:
        return list(range(1, most + 1))
    return [round((most + 1) * step / (_CUTS + 1)) for step in range(1, _CUTS + 1)]


def _without(change: ProposedChange, side: int, cut: int) -> ProposedChange:
    """With `cut` pixels less at one side: 0 top, 1 bottom, 2 left, 3 right."""
    box = change.box
    assert box is not None
    edges = [box.top, box.bottom, box.left, box.right]
    edges[side] += cut if side in (0, 2) else -cut
    return change._replace(box=PatchBox(*edges))


def _thirds(first: int, last: int) -> list[tuple[int, int]]:
    """The two halves of a side, and as much in the middle."""
    half, length = (last - first) // 2, last - first
    if half == 0 or length < 2:
        return []
    middle = first + (length - half) // 2
    return [(first, first + half), (last - half, last), (middle, middle + half)]

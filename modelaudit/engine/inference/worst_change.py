"""Measures that search for the smallest change of surroundings that flips the answer.

Every image has a search of its own (change_search.py), which proposes rounds of changes. The rounds of all images of a
chunk fill the micro-batches together; an image goes on when its whole round was answered. So neither value, count nor
the change that is found depends on the batch size, or on the other images.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...contexts import donor_rule
from ...contexts.light import Exposure, WhiteBalance
from ...contexts.surroundings import (
    BackgroundPatch,
    DonorPatch,
    Surroundings,
)
from ...language import registry
from ...language.boundary import contained, failure_text
from ...language.draws import generator
from ...language.errors import AuditError
from ...language.reasons import Missing
from ...language.sample import Sample
from ...language.spec import Context
from ...measures.base import MeasureInput, MeasureOutput
from ...measures.behaviour import is_correct, non_finite
from ...measures.worst_change import WorstChange
from ..images.batches import BatchBuilder, Chunk
from ..images.donor_selector import Donor
from ..planning.plan import ColumnAsk, PassAsk
from ..results.counterexamples import CasesOfImages, FoundChange, ImageSearch, KnownCase, ReplayState, TriedCase
from .change_rendering import ChangeRenderer, ImageUnderChange
from .change_search import DOSES, ChangeSearch, ProposedChange, Rounds
from .running_model import RunningModel
from .values import PassValues, labels_of, pass_wide


class _Answer(NamedTuple):
    """What the model answers to one picture: the output, and its probability where that is known."""

    output: int
    probability: float | None


@dataclass
class _Known:
    """A stored case on its image; ``pixels`` [3, H, W] where it can be tried."""

    case: KnownCase
    pixels: Tensor | None = None
    why: str = ""
    area: float = 0.0
    dose: float = 1.0
    state: ReplayState = "cannot_replay"
    answer: _Answer | None = None


@dataclass
class _Image:
    """One image while it is searched. ``round``: what is shown now; ``flips``: answers to what flipped."""

    row: int
    donors: Sequence[Sample] = ()
    search: ChangeSearch | None = None
    rounds: Rounds | None = None
    round: Sequence[ProposedChange] = ()
    results: dict[int, bool] = field(default_factory=dict)
    flips: dict[ProposedChange, _Answer] = field(default_factory=dict)
    known: list[_Known] = field(default_factory=list)
    broken: bool = False
    open: bool = False

    @property
    def calls(self) -> int:
        """Changes that its search showed; stored cases are no part of it, or they would use up what it may show."""
        return self.search.shown if self.search else 0

    @property
    def passes(self) -> int:
        """With the stored cases."""
        return self.calls + sum(one.state != "cannot_replay" for one in self.known)


class _Try(NamedTuple):
    """One row of a micro-batch: a place in the round of an image, or one of its stored cases."""

    image: _Image
    place: int
    change: ProposedChange | None

    @property
    def shown(self) -> ImageUnderChange:
        """What is shown in the row."""
        row, change = self.image.row, self.change
        if change is None:
            return ImageUnderChange(row, None, pixels=self.image.known[self.place].pixels)
        return ImageUnderChange(row, change, self.image.donors[change.number] if change.kind == "donor" else None)


def with_searches(
    found: PassValues,
    ask: PassAsk,
    model: RunningModel,
    part: Chunk,
    builder: BatchBuilder,
    cases: CasesOfImages,
    spent: dict[str, float],
) -> PassValues:
    """What a pass on the original images found, and with it the columns of `ask`, all of which search.

    Args:
        cases: the stored cases.
        spent: seconds that each column took so far, by model and key; what is taken now is added.
    """
    columns, steps, donors, failed = dict(found.columns), dict(found.steps), dict(found.donors), dict(found.failed)
    searches = dict(found.searches)
    for column in ask.columns:
        try:
            search = _ColumnSearch(column, model, part, builder, found, cases)
            place = f"{ask.model}|{column.key}"
            columns[column.key] = search.run(spent, place)
            searches[column.key] = search.outcomes()
            steps[column.key] = search.passes()
            donors[column.key] = search.donors_of_keys()
        except BaseException as error:  # one measure's failure is not the others'
            failed[column.key] = failure_text(contained(error))
    return replace(found, columns=columns, steps=steps, donors=donors, failed=failed, searches=searches)


def patch_of_donors(search: Surroundings) -> DonorPatch | None:
    """The context whose donors are tried, at their first rank; None where none are."""
    return None if search.donors is None else DonorPatch(search.donors)


def context_of_case(case: KnownCase) -> Context | None:
    """The context of a stored case; None where its text cannot be read any more."""
    try:
        context: Context = registry.read("context", case.context)
    except AuditError:
        return None
    return None if context.doses else context


def searched_with(donors: Sequence[Donor | None], cases: Sequence[KnownCase]) -> Donor:
    """All that an image's search depends on besides image and definition, as one donor: for the key of its value.

    Args:
        donors: several as one, of the search, of each of its contexts, and of each stored case.
    """
    total = hashlib.sha256()
    for part in (*donors, *cases):
        total.update(repr(part).encode("utf-8", "surrogatepass") + b"\n")
    return f"{len(donors)} donors, {len(cases)} cases", total.hexdigest()


class _ColumnSearch:
    """One column on one chunk.

    Args:
        found: what the pass found on the original images.
    """

    def __init__(
        self,
        column: ColumnAsk,
        model: RunningModel,
        part: Chunk,
        builder: BatchBuilder,
        found: PassValues,
        cases: CasesOfImages,
    ) -> None:
        self._column, self._model, self._part, self._builder, self._found = column, model, part, builder, found
        self._spec = cast(WorstChange, column.spec)
        self._search = cast(Surroundings, self._spec.search)
        self._preprocessing = model.loaded.preprocessing
        self._original = found.logits
        self._labels = labels_of(model, part.samples, found.logits.device)
        self._cases = [cases.get((column.key, sample.id), ()) for sample in part.samples]
        self._renderer = ChangeRenderer(self._search, part, found.shown, builder, self._preprocessing, model.batch)
        lent: list[list[Sample]] = [[] for _ in part.samples]
        context = patch_of_donors(self._search)
        if context is not None:
            count = self._search.backgrounds
            lent = builder.donors.backgrounds(part.samples, part.prepared, context, self._preprocessing, count)
        self._images = [_Image(row, donors) for row, donors in enumerate(lent)]
        self._missing: dict[int, Missing] = {}
        self._cut_off = False

    def run(self, spent: dict[str, float], place: str) -> MeasureOutput:
        """Values; `spent` holds the seconds that the column took so far."""
        began, before, limit = time.perf_counter(), spent.get(place, 0.0), self._spec.seconds
        self._begin()
        waiting = deque(one for image in self._images for one in self._known_of(image))
        waiting.extend(one for image in self._images if image.open for one in self._next(image))
        while waiting:
            if limit is not None and before + time.perf_counter() - began > limit:
                self._cut_off = True
                break
            tries = [waiting.popleft() for _ in range(min(self._model.batch, len(waiting)))]
            self._show(tries)
            for image in {one.image.row: one.image for one in tries if one.change is not None}.values():
                if len(image.results) == len(image.round):
                    waiting.extend(self._next(image))
        spent[place] = before + time.perf_counter() - began
        return self._output()

    def passes(self) -> NDArray[np.int64]:
        """[N]: of each image."""
        return np.array([one.passes for one in self._images], dtype=np.int64)

    def outcomes(self) -> list[ImageSearch]:
        """What came of each image."""
        return [
            ImageSearch(
                searched=image.search is not None,
                calls=image.calls,
                found=self._smallest(image),
                tried=[
                    TriedCase(file=one.case.file, context=one.case.context, state=one.state, why=one.why)
                    for one in image.known
                ],
                cut_off=self._unfinished(image),
            )
            for image in self._images
        ]

    def donors_of_keys(self) -> list[Donor]:
        """What the key of each value knows besides the image."""
        found: list[Donor] = []
        for image, cases in zip(self._images, self._cases, strict=True):
            donors: list[Donor | None] = []
            context = patch_of_donors(self._search)
            if context is not None:
                donors.append(self._builder.donors.known(image.donors, context, self._preprocessing))
            donors.extend(shown.donors[image.row] for shown in self._renderer.fixed)
            donors.extend(self._donor_of_case(image, case) for case in cases)
            found.append(searched_with(donors, cases))
        return found

    # --- before ------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Which images are searched, and among what; the stored cases of each."""
        whole = BackgroundPatch(0, 0, 1, 1, "grey")
        behind = self._builder.show(self._part, whole, self._preprocessing)
        reasons = [one for one in pass_wide(whole, behind) if one[0] is not Missing.CONTEXT_UNCHANGED]
        for reason, flags in [*reasons, (Missing.NON_FINITE_LOGITS, non_finite(self._original))]:
            for row in torch.nonzero(flags).flatten().tolist():
                self._missing.setdefault(row, reason)
        right = self._right(self._original, self._labels)
        for image in self._images:
            can = image.row not in self._missing and right[image.row]
            why = "" if can else self._why_not(image.row)
            image.known = [self._known_case(image, case, why) for case in self._cases[image.row]]
            if can:
                image.search = self._search_of(image)
                image.rounds, image.open = image.search.rounds(), True

    def _why_not(self, row: int) -> str:
        reason = self._missing.get(row)
        if reason is None:
            return "the image is not answered right any more"
        return f"the image has no value ({reason}): {reason.advice}"

    def _search_of(self, image: _Image) -> ChangeSearch:
        sample, space = self._part.samples[image.row], self._renderer.space(image.row, len(image.donors))
        return ChangeSearch(space, self._spec.calls, generator(self._builder.seed, sample.id, "worst_change"))

    def _known_case(self, image: _Image, case: KnownCase, why: str) -> _Known:
        """A stored case, rendered where it can be tried."""
        sample = self._part.samples[image.row]
        context, now = context_of_case(case), self._builder.image_and_mask(sample)
        if why:
            return _Known(case, why=why)
        if now is None or now[0] != case.image:
            return _Known(case, why="the image is another one than it was")
        if now[1] != case.mask:
            return _Known(case, why="the mask is another one than it was")
        if context is None:
            return _Known(case, why=f"there is no context '{case.context}'")
        if not self._search.holds(context, *self._renderer.background.shape[1:]):
            return _Known(case, why=f"the search of this requirement tries no such change: {case.context}")
        if case.seed != self._builder.seed and not isinstance(
            context, BackgroundPatch | DonorPatch | Exposure | WhiteBalance
        ):
            return _Known(case, why=f"the change is drawn with seed {case.seed}, and this run has {self._builder.seed}")
        try:
            shown = self._builder.show(self._part.part([image.row]), context, self._preprocessing)
        except AuditError as error:
            return _Known(case, why=str(error))
        if shown.donors[0] != case.donor:
            return _Known(case, why="the background is another one than it was")
        missing = next((reason for reason, flags in pass_wide(context, shown) if bool(flags[0])), None)
        if missing is not None:
            return _Known(case, why=f"the change cannot be made ({missing})")
        patch = isinstance(context, BackgroundPatch | DonorPatch)
        dose = context.dose if isinstance(context, BackgroundPatch | DonorPatch) else 1.0
        return _Known(
            case,
            shown.pixels[0],
            area=self._renderer.changed_share(image.row, shown.pixels[0]),
            dose=dose if patch else 1,
        )

    def _donor_of_case(self, image: _Image, case: KnownCase) -> Donor | None:
        """The image that lends the background of a stored case now; None where none does."""
        context = context_of_case(case)
        if context is None or donor_rule(context) is None:
            return None
        try:
            return self._builder.show(self._part.part([image.row]), context, self._preprocessing).donors[0]
        except AuditError:
            return None

    # --- showing -----------------------------------------------------------------------------------------------------

    def _known_of(self, image: _Image) -> list[_Try]:
        return [_Try(image, place, None) for place, one in enumerate(image.known) if one.pixels is not None]

    def _next(self, image: _Image) -> list[_Try]:
        """The next round of an image; empty where its search has ended."""
        assert image.rounds is not None
        results = [image.results[place] for place in range(len(image.round))]
        try:
            image.round = image.rounds.send(results if image.round else None)  # type: ignore[arg-type]
        except StopIteration:
            image.open = False
            return []
        image.results = {}
        return [_Try(image, place, change) for place, change in enumerate(image.round)]

    def _show(self, tries: Sequence[_Try]) -> None:
        """One micro-batch, and what the model answers to it."""
        rows = torch.tensor([one.image.row for one in tries], device=self._original.device)
        pixels = self._renderer.pixels([one.shown for one in tries], rows)
        labels, ids = self._labels[rows], [self._part.samples[one.image.row].id for one in tries]
        logits = self._model.run(pixels, labels, (), ids).logits
        right, broken = self._right(logits, labels), non_finite(logits).tolist()
        for at, one in enumerate(tries):  # all of them are right on their originals
            flipped = not right[at] and not broken[at]
            self._take(one, self._answer(logits[at], one.image.row) if flipped else None, broken[at])

    def _take(self, one: _Try, answer: _Answer | None, broken: bool) -> None:
        image = one.image
        if one.change is not None:
            image.broken |= broken
            image.results[one.place] = answer is not None
            if answer is not None:
                image.flips[one.change] = answer
            return
        known = image.known[one.place]
        if broken:
            known.why = f"the model's answer is not finite ({Missing.NON_FINITE_LOGITS})"
        else:
            known.state, known.answer = ("fixed" if answer is None else "still_fails"), answer

    def _answer(self, logits: Tensor, row: int) -> _Answer:
        return _Answer(*self._model.answer(logits, self._part.samples[row].label))

    # --- after -------------------------------------------------------------------------------------------------------

    def _output(self) -> MeasureOutput:
        values = torch.zeros(len(self._images), dtype=torch.float64)
        for image in self._images:
            if self._flips(image):
                values[image.row] = 1.0
            elif self._unfinished(image):
                self._missing[image.row] = Missing.SEARCH_CUT_OFF
            elif image.broken:
                self._missing[image.row] = Missing.NON_FINITE_LOGITS
            elif image.search is not None and not image.passes:
                self._missing[image.row] = Missing.CONTEXT_IMPOSSIBLE
        undefined = {
            reason: torch.tensor([self._missing.get(image.row) is reason for image in self._images])
            for reason in dict.fromkeys(self._missing.values())
        }
        return MeasureOutput(values, undefined)

    def _unfinished(self, image: _Image) -> bool:
        waits = any(one.pixels is not None and one.state == "cannot_replay" and not one.why for one in image.known)
        return self._cut_off and (image.open or waits)

    def _flips(self, image: _Image) -> bool:
        found = image.search is not None and image.search.smallest is not None
        return found or any(one.state == "still_fails" for one in image.known)

    def _smallest(self, image: _Image) -> FoundChange | None:
        """The smallest change that flips the answer, a stored case or what the search found."""
        found: list[FoundChange] = []
        if image.search is not None and image.search.smallest is not None:
            change = image.search.smallest
            area, dose = image.search.area(change), change.dose / DOSES
            donor = None
            if change.kind == "donor":
                context = patch_of_donors(self._search)
                assert context is not None
                lent = [image.donors[change.number]]
                (donor,) = self._builder.donors.contents(lent, context, self._preprocessing)
            elif change.kind == "context":
                donor = self._renderer.fixed[change.number].donors[image.row]
            text = str(self._renderer.context(change))
            found.append(self._change(image.row, donor, text, area, dose, image.flips[change]))
        for one in image.known:
            if one.state == "still_fails" and one.answer is not None:
                stored = self._change(image.row, one.case.donor, one.case.context, one.area, one.dose, one.answer)
                found.append(stored.model_copy(update={"file": one.case.file}))
        return min(found, key=lambda one: one.size, default=None)

    def _change(
        self, row: int, donor: Donor | None, context: str, area: float, dose: float, after: _Answer
    ) -> FoundChange:
        before = self._answer(self._original[row], row)
        return FoundChange(
            donor=donor,
            context=context,
            area=area,
            dose=dose,
            size=area * dose,
            before=self._model.class_name(before.output),
            after=self._model.class_name(after.output),
            before_probability=before.probability,
            after_probability=after.probability,
        )

    def _right(self, logits: Tensor, labels: Tensor) -> list[bool]:
        """Whether the answers to some images are right."""
        seen = MeasureInput(logits, labels, merged=self._model.merged, threshold=self._model.threshold)
        right: list[bool] = is_correct(seen, logits).tolist()
        return right

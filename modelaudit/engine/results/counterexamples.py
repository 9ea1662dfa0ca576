"""What a search for the smallest change of surroundings found: plain data, which goes into the run record as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

ReplayState = Literal["fixed", "still_fails", "cannot_replay"]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ChangedPictures(_Plain):
    """How a counterexample looks, as the model sees it.

    ``original``, ``changed``: files relative to the run's folder. ``object``: the outline of the object, ``place``: of
    the pixels that differ; paths in a square of 1000 x 1000, None where nothing is left to draw.
    """

    original: str
    changed: str
    object: str | None = None
    place: str | None = None


class Counterexample(_Plain):
    """The smallest change of surroundings that was found to flip the answer on one image.

    ``model``, ``column``: as in :class:`~modelaudit.engine.results.measured.MeasuredColumn`. ``image``, ``mask``: the
    digests, as in ``MeasuredSample``. ``donor``: id and content of the image that lends a background, where one does.
    ``context``: the canonical text of the change; ``column.under(context)`` shows it again. ``area``: the share of the
    background's pixels, in the model's view, that it changes. ``dose``: 0 to 1. ``size`` = ``area * dose``, which the
    search makes small. ``calls``: passes of this image's search. ``before``, ``after``: the classes that the model
    answers, by name, with their probabilities; None where the model gives none. ``file``: the stored case that it was
    replayed from, relative to the root of the run; None where the search found it. ``pictures``: of the smallest ones.
    """

    model: str
    column: str
    sample: str
    image: str
    mask: str
    donor: tuple[str, str] | None
    context: str
    area: float
    dose: float
    size: float
    calls: int
    label: str
    before: str
    after: str
    before_probability: float | None
    after_probability: float | None
    file: str | None = None
    pictures: ChangedPictures | None = None


class SearchFacts(_Plain):
    """What the searches of one column did.

    ``images``: those searched (answered right, and the change is possible there). ``flipped``: of them, those with a
    counterexample. ``calls``: passes of all of them without
    those of stored cases, one each; ``budget``: the most for one image. ``seconds``: the most for the
    column, None without a limit; ``cut_off``: images that this limit left without a value.
    """

    model: str
    column: str
    images: int
    flipped: int
    calls: int
    budget: int
    seconds: float | None
    cut_off: int


class ReplayFacts(_Plain):
    """What came of a stored case. ``why``: one sentence, "" where it was tried."""

    file: str
    model: str
    column: str
    sample: str
    context: str
    state: ReplayState
    why: str


@dataclass(frozen=True)
class KnownCase:
    """A stored counterexample, which is tried on its image before anything else.

    Args:
        file: where it is stored, relative to the root of the run; it names the case.
        measure: the key of the column, as in :class:`Counterexample`.
        sample: the id of the image.
        image, mask: the digests that both had.
        donor: id and content of the image that lent its background, where one did.
        context: the canonical text of the change.
        seed: of the run that found it.
    """

    file: str
    measure: str
    sample: str
    image: str
    mask: str
    donor: tuple[str, str] | None
    context: str
    seed: int


class FoundChange(_Plain):
    """A change that flips the answer on one image; its fields are those of :class:`Counterexample`."""

    donor: tuple[str, str] | None
    context: str
    area: float
    dose: float
    size: float
    before: str
    after: str
    before_probability: float | None
    after_probability: float | None
    file: str | None = None


class TriedCase(_Plain):
    """What came of a stored case on its image; its fields are those of :class:`ReplayFacts`."""

    file: str
    context: str
    state: ReplayState
    why: str


class ImageSearch(_Plain):
    """One image's search. ``searched``: False for an image on which nothing can be searched. ``cut_off``: it was not
    finished in the time that the column has.
    """

    searched: bool
    calls: int
    found: FoundChange | None = None
    tried: list[TriedCase] = []
    cut_off: bool = False


#: the stored cases of an image under a column, by (key of the column, id of the image)
CasesOfImages = Mapping[tuple[str, str], tuple[KnownCase, ...]]


def cases_of_images(cases: Iterable[KnownCase]) -> CasesOfImages:
    """Stored cases by what they are tried on, in the order of their files."""
    found: dict[tuple[str, str], tuple[KnownCase, ...]] = {}
    for case in sorted(cases, key=lambda one: one.file):
        key = (case.measure, case.sample)
        found[key] = (*found.get(key, ()), case)
    return found

"""Leakage from training to test data: equal pictures, changed copies, and lots that both hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..language.errors import DataError, nearest
from ..language.findings import Item, Kind, SampleFacts, TrainingFacts
from ..language.sample import DataSet, Sample
from .base import Pixels
from .checking import facts_of_samples
from .leak_candidates import Candidate, best_in_scene, candidates, grids, neighbours, reduced, scene_of
from .near_same import Likeness, Miniature, Placement, align, facing, likeness, miniature_of

#: candidates that are looked at of each test picture, and pictures of its kind that show what they have in common
_CANDIDATES, _KIND = 2, 16
#: pictures with a larger share of local differences do not lie on each other
_MISPLACED = 0.3


@dataclass
class MiniaturesSeen:
    """The miniatures of the images that were seen, by id of their sample; filled by several threads."""

    of: dict[str, Miniature] = field(default_factory=dict)

    def __call__(self, sample: Sample, image: Pixels, mask: Pixels | None) -> None:
        self.of[sample.id] = miniature_of(image, mask)


@dataclass(frozen=True)
class TrainingPictures:
    """Training data that were read: the facts of their samples, and their miniatures."""

    facts: TrainingFacts
    samples: tuple[SampleFacts, ...]
    pictures: Mapping[str, Miniature]


def read_training(data: DataSet, reference: str, progress: Callable[[], None] = lambda: None) -> TrainingPictures:
    """Decodes every sample of training data once.

    Raises:
        DataError: none of the images can be read.
    """
    pictures = MiniaturesSeen()
    samples = tuple(facts_of_samples(data.samples, None, progress, pictures))
    usable = sum(bool(one.digest) for one in samples)
    if not usable:
        raise DataError(f"--training {reference}: none of the {len(samples)} images can be read")
    return TrainingPictures(TrainingFacts(reference, len(samples), usable), samples, pictures.of)


def leaks(
    samples: Sequence[SampleFacts],
    pictures: Mapping[str, Miniature],
    training: TrainingPictures,
    progress: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Kind, Item]]:
    """Test images that are training images, changed copies of them, or nearly.

    Args:
        samples: of the test data.
        pictures: their miniatures.
        progress: called after every test image.
    """
    by_digest: dict[str, list[str]] = defaultdict(list)
    labels = {one.id: one.label for one in training.samples}
    for known in training.samples:
        if known.digest:
            by_digest[known.digest].append(known.id)
    rest = []
    for sample in samples:
        if sample.digest and (same := by_digest.get(sample.digest)):
            yield Kind.LEAKED_SAME, Item((sample.id,), _detail("", sample, labels[same[0]]), tuple(same))
            progress()
        elif sample.id in pictures:
            rest.append(sample)
        else:
            progress()
    names = [one.id for one in training.samples if one.id in training.pictures]
    if not rest or not names:
        return
    search = SearchForCopies([pictures[one.id] for one in rest], [training.pictures[name] for name in names])
    for at, sample in enumerate(rest):
        if (found := search.of(at)) is not None:
            other, how = found
            kind = Kind.LEAKED_NEAR if how.changed_copy else Kind.RESEMBLES_TRAINING
            detail = _detail(how_changed(how.placement), sample, labels[names[other]])
            yield kind, Item((sample.id,), detail, (names[other],))
        progress()


class SearchForCopies:
    """Looks for the training picture that a test picture is a copy of.

    Args:
        test, training: the pictures; :meth:`of` takes the number of one.
    """

    def __init__(self, test: Sequence[Miniature], training: Sequence[Miniature]) -> None:
        self._test, self._training = test, training
        self._of_test, self._of_training = (np.stack([one.grey for one in own]) for own in (test, training))
        self._test_grids, self._training_grids = grids(self._of_test), grids(self._of_training)
        self._reduced = reduced(self._of_training)
        self._candidates = candidates(self._of_test, self._of_training, _CANDIDATES)

    def of(self, test: int) -> tuple[int, Likeness] | None:
        """The training picture and how like it is; a changed copy before one that resembles the test picture."""
        perhaps: tuple[int, Likeness] | None = None
        seen = set()
        for one in self._tried(test):
            if (one.training, one.placement.orientation) in seen:
                continue
            found = self._compared(test, one.training, one.placement)
            if found is None or found.apart > _MISPLACED:  # it may fit from another start
                continue
            seen.add((one.training, one.placement.orientation))
            if found.changed_copy:
                return one.training, found
            if found.resembles and perhaps is None:
                perhaps = one.training, found
        return perhaps

    def _tried(self, test: int) -> Iterator[Candidate]:
        if own := self._candidates[test]:
            *likely, scene = own
            yield from likely
            yield from self._in_scene(test, scene)

    def _in_scene(self, test: int, scene: Candidate) -> Iterator[Candidate]:
        """The picture whose scene is most like that of a test picture, and the frame of this scene that is, once the
        surroundings show where it was cut out."""
        picture = facing(self._test[test].grey, scene.placement.orientation)
        placement = align(picture, self._training[scene.training].grey.astype(np.float32), scene.placement)
        if placement is None:
            return
        yield replace(scene, placement=placement)
        frames = scene_of(self._training_grids[scene.training], self._training_grids)
        best = best_in_scene(picture, placement, self._reduced, frames)
        if best is not None:
            yield replace(scene, training=best, placement=placement)

    def _compared(self, test: int, training: int, placement: Placement) -> Likeness | None:
        others = neighbours(self._training_grids[training], self._training_grids, training, _KIND)
        beside = neighbours(self._test_grids[test], self._test_grids, test, _KIND)
        return likeness(
            self._test[test],
            self._training[training],
            placement,
            self._of_training[others].astype(np.float32),
            self._of_test[beside].astype(np.float32),
        )


def how_changed(placement: Placement) -> str:
    """What was done to a copy, as far as its placement shows it."""
    changes = []
    if placement.orientation >= 4:
        changes.append("mirrored")
    if placement.orientation % 4:
        changes.append("turned")
    if placement.cut:
        changes.append("cropped")
    return " and ".join(changes)


def _detail(change: str, sample: SampleFacts, label: str) -> str:
    """What was changed; another label before that, since one of the two is wrong."""
    return change if label == sample.label else f"labelled {label!r} there and {sample.label!r} here"


def shared_lots(test: DataSet, training: DataSet, apart: Sequence[str]) -> Iterator[tuple[Kind, Item]]:
    """Clusters that test and training data both hold, and values of the attributes that they must not share.

    Args:
        apart: names of attributes, or "group".

    Raises:
        DataError: an attribute that one of them does not have.
    """
    for name in ("cluster", *apart):
        here, there = (_by_value(data.samples, name) for data in (test, training))
        for own, which in ((here, "the test data"), (there, "the training data")):
            if name != "cluster" and not own:
                known = {*(key for one in (*test.samples, *training.samples) for key in one.attributes), "group"}
                raise DataError(f"--apart {name}: no image of {which} has the attribute {name!r}{nearest(name, known)}")
        for value in sorted(set(here) & set(there)):
            yield Kind.LEAKED_LOT, Item(tuple(here[value]), f"{name} {value!r}", tuple(there[value]))


def _by_value(samples: Sequence[Sample], name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        if name == "cluster":
            value = None if _is_own_image(sample) else sample.cluster
        else:
            value = sample.group if name == "group" else sample.attributes.get(name)
        if value:
            found[value].append(sample.id)
    return found


def _is_own_image(sample: Sample) -> bool:
    """Whether the cluster is the image itself, several of whose objects are samples: nobody stated a lot."""
    return sample.cluster is not None and sample.id.rpartition("#")[0] == sample.cluster

"""The pictures of the smallest counterexamples: the original beside what flips the answer, with the place outlined."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from ...language.boundary import contained
from ...language.parser import parse_context
from ..measurement.passes import PassRunner
from ..results.counterexamples import ChangedPictures, Counterexample
from .contours import outline_of
from .drawing import image_array, image_bytes, object_array, store

#: the smallest ones of a model's column are drawn
MOST_DRAWN = 8
#: a pixel differs where a channel does by more than this: half a level of 255
_LEAST_CHANGE = 0.5 / 255


def with_pictures(found: Sequence[Counterexample], runner: PassRunner, folder: Path) -> list[Counterexample]:
    """The counterexamples, the smallest ones of each column with their pictures, which are written into `folder`."""
    drawn: dict[int, ChangedPictures] = {}
    ordered = sorted(range(len(found)), key=lambda at: (found[at].model, found[at].column, found[at].size, at))
    for _, several in groupby(ordered, key=lambda at: (found[at].model, found[at].column)):
        for at in list(several)[:MOST_DRAWN]:
            pictures = _drawn(found[at], runner, folder)
            if pictures is not None:
                drawn[at] = pictures
    return [one.model_copy(update={"pictures": drawn.get(at)}) for at, one in enumerate(found)]


def _drawn(one: Counterexample, runner: PassRunner, folder: Path) -> ChangedPictures | None:
    """The pair; None where the image cannot be shown under the change again.

    What was found stands without its pictures, and what keeps them from being drawn is an error of the pass itself.
    """
    at = next((at for at, sample in enumerate(runner.samples) if sample.id == one.sample), None)
    model = runner.models.get(one.model)
    if at is None or model is None:
        return None
    builder, preprocessing = runner.builder, model.loaded.preprocessing
    try:
        chunk = builder.chunk([runner.samples[at]], at)
        original = builder.scene(chunk, preprocessing)
        changed = builder.show(chunk, parse_context(one.context), preprocessing)
    except BaseException as error:  # whatever a third party's context raises
        contained(error)
        return None
    if not len(original.pixels):
        return None
    before, after, mask = original.pixels[0], changed.pixels[0], changed.mask[0]
    differs = ((before - after).abs() > _LEAST_CHANGE).any(dim=0)
    return ChangedPictures(
        original=store(folder, image_bytes(image_array(before))),
        changed=store(folder, image_bytes(image_array(after))),
        object=outline_of(object_array(mask)),
        place=outline_of(differs.cpu().numpy()),
    )

"""The one picture of page one: an image that a model under test got right, and gets wrong under a context."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..evidence.leaves import contexts_of
from ..evidence.record import CaseRecord, ContextNode, GalleryRow, Panel, RunRecord
from ..evidence.states import counted_as
from .order import worst_first
from .tested import known_bad_keys

#: above this share of the image there is hardly any background, and a picture of it shows nothing
_LARGEST_OBJECT = 0.75
#: below this share of the image it is hard to see what the object is: such a picture comes after others
_SMALL_OBJECT = 0.15
#: what leaves object and background in place; without information a wrong answer is as it should be
_FAMILIES = ("change", "perturbation")


@dataclass(frozen=True)
class ConvincingPicture:
    """Where it stands in the record: the case, its row, and the positions of the panels that are shown.

    ``contexts``: what was done to the image; ``clarity``: how sure the model was, rightly before and wrongly after,
    and how well the object is seen.
    """

    case: int
    row: int
    original: int
    changed: int
    heat_map: int | None
    contexts: tuple[ContextNode, ...]
    clarity: float

    @property
    def panels(self) -> tuple[int, ...]:
        """The panels in the order in which they are shown."""
        shown = (self.original, self.changed)
        return shown if self.heat_map is None else (*shown, self.heat_map)


def convincing_picture(record: RunRecord) -> ConvincingPicture | None:
    """The clearest newly wrong image of the worst requirements; None where nothing went wrong, or none shows it.

    Those of requirements that fail come before those of undecided ones; then the larger product of two confidences
    counts: that of the right answer before, and of the wrong one after. Small objects come later.
    """
    known_bad = known_bad_keys(record)
    for wanted in ("FAIL", "INCONCLUSIVE"):
        found = [
            picture
            for position in worst_first(record.cases)
            if not (case := record.cases[position]).must_fail and counted_as(case) == wanted
            for picture in _of_case(case, position, known_bad)
        ]
        if found:
            return max(found, key=lambda picture: picture.clarity)
    return None


def _of_case(case: CaseRecord, position: int, known_bad: frozenset[str]) -> Iterator[ConvincingPicture]:
    if not case.models or case.models[0] in known_bad:
        return
    named = {" | ".join(node.text for node in nodes): tuple(nodes) for nodes in contexts_of(case.left)}
    for at, row in enumerate(case.gallery):
        if row.rank == "best" or (row.object_area is not None and row.object_area > _LARGEST_OBJECT):
            continue
        for original, changed in _newly_wrong(row, case.models[0]):
            before, after = row.panels[original], row.panels[changed]
            contexts = named.get(after.context or "", ())
            if not contexts or any(node.family not in _FAMILIES for node in contexts):
                continue
            seen = 1.0 if row.object_area is None else min(row.object_area / _SMALL_OBJECT, 1.0)
            clarity = seen * (before.probability or 0.0) * (after.probability or 0.0)
            yield ConvincingPicture(position, at, original, changed, _heat_map(row, after), contexts, clarity)


def _newly_wrong(row: GalleryRow, model: str) -> Iterator[tuple[int, int]]:
    """Right on the original and wrong under a context, by the same model."""
    own = [(at, panel) for at, panel in enumerate(row.panels) if panel.model == model]
    before = next((at for at, panel in own if panel.kind == "original" and panel.right), None)
    if before is not None:
        yield from ((before, at) for at, panel in own if panel.kind == "context" and panel.right is False)


def _heat_map(row: GalleryRow, changed: Panel) -> int | None:
    for at, panel in enumerate(row.panels):
        if panel.kind == "attribution" and (panel.model, panel.context) == (changed.model, changed.context):
            return at
    return None

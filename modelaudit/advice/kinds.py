"""What a requirement asks about: heat maps, or a kind of change."""

from __future__ import annotations

from collections.abc import Iterable

from ..evidence.leaves import contexts_of, leaves_of
from ..evidence.record import CaseRecord, ContextNode, Node

#: what can be asked of a model, in the order in which it is named, and the contexts of a family that belong to another
#: kind than the family's own
KINDS = ("background", "light", "camera", "degraded", "hidden")
_OF_FAMILY = {"change": "background", "perturbation": "degraded", "no_information": "hidden"}
_OF_NAME = {
    **dict.fromkeys(
        (
            *("lighting", "brightness", "contrast", "saturate", "exposure", "gamma", "white_balance"),
            *("flicker", "glare", "shadow", "vignette"),
        ),
        "light",
    ),
    **dict.fromkeys(
        (
            *("motion", "motion_blur", "defocus", "defocus_blur", "zoom", "zoom_blur", "shift", "rotation"),
            *("perspective", "mirror", "sensor_noise", "lens_dirt"),
        ),
        "camera",
    ),
}


def kinds_of(case: CaseRecord) -> list[str]:
    """The kinds of changes that a requirement asks for, or in which it searches, each once."""
    asked = _kinds(node for each in contexts_of(case.left) for node in each)
    return list(dict.fromkeys([*asked, *searched_kinds(case)]))


def searched_kinds(case: CaseRecord) -> list[str]:
    """The kinds of changes in which a requirement searches for the one that flips the answer, each once."""
    return _kinds(node for leaf in leaves_of(case.left) for node in leaf.searched)


def _kinds(nodes: Iterable[ContextNode]) -> list[str]:
    found = (_OF_NAME.get(node.name) or _OF_FAMILY.get(node.family) for node in nodes)
    return list(dict.fromkeys(kind for kind in found if kind is not None))


def reads_maps(node: Node) -> bool:
    """Whether anything in a left side is read off a heat map."""
    return any(leaf.methods for leaf in leaves_of(node))

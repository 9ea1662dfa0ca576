"""What is changed when an audit is measured again."""

from __future__ import annotations

from enum import StrEnum


class Intervention(StrEnum):
    """What is changed.

    ``ERODED``, ``DILATED``, ``SHIFTED_X``, ``SHIFTED_Y``: the masks; contexts are made anew with them. ``REDRAWN``: the
    seed of every draw, donors too. ``BLIND``: after the context every pixel but the object's is filled before the
    model sees the image. ``SEAM``: the own background pasted back, in place of every context that pastes another one.
    """

    GIVEN = "given"
    ERODED = "eroded"
    DILATED = "dilated"
    SHIFTED_X = "shifted_x"
    SHIFTED_Y = "shifted_y"
    REDRAWN = "redrawn"
    BLIND = "blind"
    SEAM = "seam"

    @property
    def of_masks(self) -> bool:
        """Whether it is one of masks."""
        return self in MASKS


MASKS = (Intervention.ERODED, Intervention.DILATED, Intervention.SHIFTED_X, Intervention.SHIFTED_Y)
#: the masks are moved by this share of the shorter side unless an audit says otherwise, and by a pixel at least
RADIUS = 0.01
_SECOND_SEED = 1_000_003


def changes(intervention: Intervention, radius: float) -> str:
    """What an intervention changes of pixels or masks apart from the seed; "" where nothing else changes.

    >>> changes(Intervention.ERODED, 0.01), changes(Intervention.REDRAWN, 0.01)
    ('eroded by 0.01', '')
    """
    if intervention.of_masks:
        return f"{intervention} by {radius!r}"
    return str(intervention) if intervention is Intervention.BLIND else ""


def second_seed(seed: int) -> int:
    """The seed of the second draw."""
    return seed + _SECOND_SEED

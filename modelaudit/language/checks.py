"""How an audit is itself audited: on how many images, and what is left out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from .calls import CheckedCall
from .errors import ExpressionError, nearest
from .spec import plain, within


@dataclass(frozen=True)
class CheckSettings(metaclass=CheckedCall):
    """How an audit is itself checked: each check by its number of images, 0 to leave it out.

    The images are the first of the audit's fixed random order, so that fewer of them are part of more. A check on all
    images decides anew; one on fewer moves the decision by the mean change that it found on them.

    Args:
        masks: measured again with masks eroded, dilated and shifted; contexts are made anew with each. PASS and FAIL
            must not depend on it (``mask_uncertain``).
        radius: by how much the masks are moved, in parts of the shorter side (at least 1 px), in (0, 0.25]. Say here
            how far off your masks may be: what is further off than that is not looked for.
        noise: measured again with a second seed: how much other draws (backgrounds, noise) change the value. It is
            shown; with ``about="this_set"``, where no interval holds that noise, a smaller distance to the threshold
            decides nothing (``below_noise_floor``).
        blind: measured with the background replaced by its mean fill before the model: what a model gets that cannot
            see any background. A threshold below that decides nothing.
        seams: measured with the image's own background pasted back, for every context that pastes one. The effect
            is shown, and nothing is subtracted.
        sensitivity: copies of the model to which evidence from the background is added: what each limit on heat maps
            would catch. It is shown; only a limit that a map of the background alone meets decides nothing
            (``instrument_insensitive``).
        sanity: each attribution method is tried on the model itself (randomised weights, deletion).
        agreement: the maps of several methods are compared.

    >>> CheckSettings(masks=500, noise=0).noise
    0
    >>> CheckSettings.off().any
    False
    """

    masks: int = 200
    noise: int = 200
    blind: int = 64
    seams: int = 200
    sensitivity: int = 128
    sanity: int = 16
    agreement: int = 64
    radius: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", float(within(self.radius, 0, 0.25, "checks: radius")))
        if self.radius == 0:
            raise ExpressionError("checks: radius=0 moves no mask; leave the check out with masks=0")
        for part in dataclasses.fields(self):
            if part.name == "radius":
                continue
            value = plain(getattr(self, part.name))
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ExpressionError(
                    f"checks: {part.name}={value!r}; give a number of images, 0 to leave the check out"
                )
            object.__setattr__(self, part.name, value)

    @classmethod
    def off(cls) -> CheckSettings:
        """None of them."""
        return cls(**{part.name: 0 for part in dataclasses.fields(cls) if part.name != "radius"})

    @property
    def any(self) -> bool:
        """Whether anything is checked at all."""
        return dataclasses.replace(self, radius=CheckSettings.radius) != CheckSettings.off()


def as_checks(value: Any) -> CheckSettings | None:
    """A :class:`CheckSettings` as it is, or made of "off", "on" or a mapping of its fields; None of None.

    Raises:
        ExpressionError: anything else, or an unknown check.
    """
    if value is None or isinstance(value, CheckSettings):
        return value
    if value in ("off", False):
        return CheckSettings.off()
    if value in ("on", True):
        return CheckSettings()
    if isinstance(value, dict):
        known = [part.name for part in dataclasses.fields(CheckSettings)]
        for name in value:
            if name not in known:
                raise ExpressionError(f"checks: unknown check {name!r}{nearest(str(name), known)}")
        return CheckSettings(**{name: 0 if number in ("off", False) else number for name, number in value.items()})
    raise ExpressionError(f"checks={value!r}; give 'on', 'off' or CheckSettings(masks=..., noise=...)")

"""What the class of the images is tied to: plain facts, which the command line and its pages show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: with this probability some association is found in data where the class is tied to nothing
ERROR_RATE = 0.05
#: a weaker association is in the table, and no finding
LEAST_V = 0.1

#: why an association was not tested
Reason = Literal[
    "",
    "one_class",
    "few_images",
    "few_clusters",
    "one_value",
    "own_value_each",
    "same_as_class",
    "same_as_column",
    "clusters_are_exchanged",
    "no_masks",
    "no_surroundings",
]


@dataclass(frozen=True)
class ClassTie:
    """One class and what it is tied to.

    Args:
        label: of the class.
        value: the value of the column; empty where the surroundings are tied to the class.
        share: of the class's images, those that have the value, or whose class the surroundings show.
        usual: the same of all images; of surroundings, by chance.
        ids: images that show it most clearly.
    """

    label: str
    value: str
    share: float
    usual: float
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Association:
    """How closely the class is tied to a column of the data, or to the surroundings of the objects.

    Args:
        about: "column"; "surroundings": by simple statistics of the pixels; "model": by features of a model.
        name: of the column, or the reference of the model; empty of "surroundings".
        images, units: how many images it was tested on, and how many clusters (an image by itself is one).
        v: Cramér's V, corrected for bias.
        chance: the V that chance exceeds in 1 of 20 exchanges.
        p, adjusted: the p-value of this test alone, and Holm's over all tests of the data.
        accuracy, by_chance: of surroundings: the share of images whose class they show (mean over the classes), and
            what guessing would reach.
        reason: why it was not tested; empty where it was.
        detail: what `reason` is about.
        ties: the classes that are tied most closely, where an association was found.
    """

    about: Literal["column", "surroundings", "model"]
    name: str
    images: int = 0
    units: int = 0
    v: float | None = None
    chance: float | None = None
    p: float | None = None
    adjusted: float | None = None
    accuracy: float | None = None
    by_chance: float | None = None
    reason: Reason = ""
    detail: str = ""
    ties: tuple[ClassTie, ...] = ()

    @property
    def found(self) -> bool:
        """Whether chance does not explain it, at an error rate of 5 % for all tests together, and V is 0.1 or more."""
        return self.adjusted is not None and self.adjusted <= ERROR_RATE and (self.v or 0.0) >= LEAST_V

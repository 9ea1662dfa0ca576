"""What images share that makes their values depend on each other, as the decision reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .values import Clustering


class Sharing(Protocol):
    """An image: its id, the cluster that the data give it, and the first of the images that are the same picture."""

    @property
    def id(self) -> str: ...
    @property
    def cluster(self) -> str | None: ...
    @property
    def copy_of(self) -> str | None: ...


def clusterings_of(samples: Iterable[Sharing], donors: Sequence[str | None]) -> tuple[Clustering, ...]:
    """Clusters of the data, donors of backgrounds, and copies of one picture, where there are any.

    Args:
        donors: the image that lent each its background, by id; empty where no image did. Donors that are copies of one
            picture are one donor.
    """
    every = tuple(samples)
    pictures = {one.id: one.copy_of for one in every if one.copy_of is not None}
    shared = {
        "cluster": [one.cluster for one in every],
        "donor": [None if donor is None else pictures.get(donor, donor) for donor in donors],
        "copies": [one.copy_of for one in every],
    }
    return tuple(
        Clustering(name, numbered(names)) for name, names in shared.items() if any(one is not None for one in names)
    )


def numbered(names: Sequence[str | None]) -> NDArray[np.int64]:
    """A number for each name, -1 for none."""
    known = {name: at for at, name in enumerate(dict.fromkeys(name for name in names if name is not None))}
    return np.array([-1 if name is None else known[name] for name in names], dtype=np.int64)

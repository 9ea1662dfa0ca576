"""How a model source is registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..language import registry
from ..language.reference import Reference
from ..language.sample import BuiltModel

Source = Callable[[Reference, Path], BuiltModel]


def model_source(scheme: str, *, version: int = 1, runs_code: bool = False) -> Callable[[Source], Source]:
    """Register a function ``(reference, root) -> BuiltModel`` under the scheme users write (``torchvision:…``).

    Args:
        runs_code: opening such a file can run code in it, so a text may name one only where code is allowed.
    """

    def decorate(function: Source) -> Source:
        registry.register(registry.Entry("model", scheme, None, function, declares=runs_code, version=version))
        return function

    return decorate

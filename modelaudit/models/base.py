"""How a model source is registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..language import registry
from ..language.reference import Reference
from ..language.sample import BuiltModel

Source = Callable[[Reference, Path], BuiltModel]


def model_source(scheme: str, *, version: int = 1) -> Callable[[Source], Source]:
    """Register a function ``(reference, root) -> BuiltModel`` under the scheme users write (``torchvision:…``)."""

    def decorate(function: Source) -> Source:
        registry.register(registry.Entry("model", scheme, None, function, version=version))
        return function

    return decorate

"""Pictures that the data keep: the same part on another line, a variant that somebody else made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from ..language.errors import ContextError, ExpressionError
from ..language.spec import Context, one_of
from ..language.wording import Phrase, Wording
from .base import ContextDeclaration, ContextInput, ContextOutput, context, rendered

StoredMask = Literal["same", "none"]


@dataclass(frozen=True)
class Stored(Context):
    """The picture that the data keep of the same sample under `name`, in place of the image.

    Args:
        name: as the data source has it (``mixed_rand`` of ``imagenet9:``, NAME of ``folder:DIR?stored.NAME=OTHER``).
        mask: "same": the object is where the original's mask has it, so the picture must have the image's size; "none":
            it is somewhere else, and nothing that needs a mask is measured.
    """

    name: str
    mask: StoredMask = "same"

    #: whatever came before it in a composition would be lost
    comes_first: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ExpressionError(f"stored: name={self.name!r}; give the name of a picture that the data keep")
        one_of(self.mask, get_args(StoredMask), "stored: mask")


@context(
    "stored",
    Stored,
    ContextDeclaration(
        family="change",
        needs_mask=lambda spec: False,
        stored=lambda spec: spec.name,
        in_place=lambda spec: spec.mask == "same",
        wording=Wording(
            Phrase("stored picture “{name}”", "the stored picture “{name}” is shown in its place"),
            Phrase("保存画像「{name}」", "保存画像「{name}」に置き換え"),
        ),
    ),
)
def show(spec: Stored, scene: ContextInput) -> ContextOutput:
    """The stored pixels; the mask stays the scene's.

    Raises:
        ContextError: the scene brings no such pictures.
    """
    pixels = scene.stored.get(spec.name)
    if pixels is None:
        raise ContextError(f"{spec} shows pictures that the data keep, and the scene brings none of that name")
    return rendered(scene, pixels)

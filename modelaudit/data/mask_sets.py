"""What the masks of a whole data set mean, where the reference does not say: some of them are looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..language.errors import DataError
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.sample import BACKGROUND, IGNORE, OBJECT
from .base import UnusableSample
from .images import Place, bytes_of, opened, upright
from .mask_reading import DEFAULT_THRESHOLD, MaskReading, MaskValues, asked_reading, show_colour
from .masks import LOSSY, has_soft_edges, packed_colours, stored_values

_PROBED = 16
_NAMED = 6
#: an object that covers so much of the border of its image looks like a background
_AROUND = 0.75
_VOC_RING = 0xE0E0C0
_Mask = TypeVar("_Mask")


class ValueKind(Enum):
    """What the values of one mask look like."""

    EMPTY = auto()
    STANDARD = auto()
    BINARY = auto()
    ONE_NUMBER = auto()
    NUMBERS = auto()
    SOFT = auto()
    ONE_COLOUR = auto()
    COLOURS = auto()


@dataclass(frozen=True)
class ProbedMask:
    """One mask as it was looked at.

    Args:
        values: the numbers, or packed colours, that it holds.
        around: the share of the image's border that is not 0 (not black); NaN where nothing in it is 0.
        border: the value that covers most of the border.
    """

    kind: ValueKind
    name: str
    lossy: bool = False
    values: tuple[int, ...] = field(default=())
    around: float = float("nan")
    border: int = 0


def mask_bytes(place: Place) -> bytes:
    """The bytes of a mask file.

    Raises:
        UnusableSample: it cannot be read.
    """
    return bytes_of(place, Missing.UNREADABLE_MASK)


def settle_reading(
    reference: Reference, masks: Sequence[_Mask], read: Callable[[_Mask], bytes]
) -> tuple[MaskReading, list[str]]:
    """How the masks of a reference are read, and notes that say so: by its options, else as the masks look.

    Up to 16 masks are looked at, spread over all. Where they follow the rule (1 object, 0 background, 255 ignore), it
    stays. Masks of 0 and 255 alone, of 0 and one other number, of black and one colour, and with soft edges are read as
    what they are. A mask that contradicts the others cannot be used and is reported by itself.

    Args:
        masks: each as `read` takes it, whose text names it.

    Raises:
        DataError: it is not clear what is object in most of them; says the options that settle it.
    """
    asked = asked_reading(reference)
    if not masks or (asked != MaskReading() and asked.mask_255 != "object"):
        return asked, []
    probed = [one for one in _probe(masks, read) if one.kind is not ValueKind.EMPTY]
    if asked != MaskReading():
        return asked, [_soft_note(probed)] if any(one.kind is ValueKind.SOFT for one in probed) else []
    return _inferred(reference, probed) if probed else (asked, [])


def _inferred(reference: Reference, probed: Sequence[ProbedMask]) -> tuple[MaskReading, list[str]]:
    kinds = Counter(one.kind for one in probed)
    many = len(probed)

    def most(*among: ValueKind) -> bool:
        return 2 * sum(kinds[kind] for kind in among) >= many

    if (
        most(ValueKind.STANDARD, ValueKind.ONE_NUMBER)
        and kinds[ValueKind.STANDARD]
        and not _several(kinds[ValueKind.ONE_NUMBER], many)
    ):
        _refuse_inverted(reference, probed, ValueKind.STANDARD)
        return MaskReading(), []
    if most(ValueKind.STANDARD, ValueKind.ONE_NUMBER):
        numbers = {value for one in probed for value in one.values} - {BACKGROUND, IGNORE}
        note = f"masks of 0 and one other number ({_listed(numbers)}): that number is the object (mask_object=any)"
        return MaskReading(background=MaskValues((BACKGROUND,))), [note]
    if most(ValueKind.BINARY, ValueKind.SOFT):
        _refuse_inverted(reference, probed, ValueKind.BINARY, ValueKind.SOFT)
        if not kinds[ValueKind.SOFT]:
            return MaskReading(mask_255="object"), ["masks of 0 and 255 alone: 255 is the object (mask_255=object)"]
        return MaskReading(threshold=DEFAULT_THRESHOLD), [_soft_note(probed)]
    if most(ValueKind.ONE_COLOUR) and not _several(kinds[ValueKind.COLOURS], many):
        colours = {value for one in probed if one.kind is ValueKind.ONE_COLOUR for value in one.values} - {0, _VOC_RING}
        note = f"masks of black and one colour ({_listed(colours, colours=True)}): the colour is the object"
        return MaskReading(background=MaskValues(colours=(0,))), [f"{note} (mask_background=#000000)"]
    raise DataError(_question(reference, probed))


def _several(count: int, many: int) -> bool:
    """Whether it is more than a slip: at least two, and a quarter of all."""
    return count >= 2 and 4 * count >= many


def _soft_note(probed: Sequence[ProbedMask]) -> str:
    lossy = any(one.lossy for one in probed if one.kind is ValueKind.SOFT)
    what = "masks in a lossy format (JPEG, WebP)" if lossy else "masks with soft edges"
    return (
        f"{what}: values from {DEFAULT_THRESHOLD} on are the object, all others background "
        f"(mask_threshold={DEFAULT_THRESHOLD})"
    )


def _refuse_inverted(reference: Reference, probed: Sequence[ProbedMask], *kinds: ValueKind) -> None:
    """Raises a DataError where the object of most masks covers the border of its image, as a background does."""
    known = [one for one in probed if one.kind in kinds and one.around == one.around]
    around = [one for one in known if one.around >= _AROUND]
    if known and 4 * len(around) >= 3 * len(known):
        white = {ValueKind.STANDARD: "1", ValueKind.BINARY: "255", ValueKind.SOFT: "white"}[around[0].kind]
        settled = {
            ValueKind.STANDARD: "mask_object=1",
            ValueKind.BINARY: "mask_255=object",
            ValueKind.SOFT: "mask_threshold=128",
        }
        raise DataError(
            f"{reference.text!r}: the masks look inverted: in {len(around)} of {len(known)} that were looked at, "
            f"{white} covers the border of the image, e.g. {around[0].name}; write ?mask_object=0 if 0 (black) is the "
            f"object, ?{settled[around[0].kind]} if {white} is"
        )


def _question(reference: Reference, probed: Sequence[ProbedMask]) -> str:
    """Says what the masks hold and how to say which of it is the object."""
    coloured = [one for one in probed if one.kind in (ValueKind.ONE_COLOUR, ValueKind.COLOURS)]
    chosen = coloured if 2 * len(coloured) >= len(probed) else [one for one in probed if one not in coloured]
    colours = chosen is coloured
    values = Counter(value for one in chosen for value in one.values)
    border = Counter(one.border for one in chosen).most_common(1)[0][0]
    if any(one.lossy for one in chosen):
        return (
            f"{reference.text!r}: {chosen[0].name} and {len(chosen) - 1} more of {len(probed)} masks that were looked "
            f"at are coloured, in a lossy format that blurs colours; write ?mask_threshold={DEFAULT_THRESHOLD} if what "
            "is bright in any channel is the object, save them as PNG, or write ?masks=none to go without masks"
        )
    show: Callable[[int], str] = show_colour if colours else str
    others = [value for value, _ in values.most_common() if value not in (border, IGNORE)] or [border]
    return (
        f"{reference.text!r}: which values of the masks are the object? They hold {_listed(values, colours=colours)} "
        f"({chosen[0].name} and {len(chosen) - 1} more of {len(probed)} that were looked at), and "
        f"{show(border)} covers most borders. Write ?mask_background={show(border)} if everything else is the object, "
        f"?mask_object={show(others[0])} for this value alone (or several, with commas; mask_ignore= names what is "
        "neither); or ?masks=none to go without masks"
    )


def _listed(values: Iterable[int], *, colours: bool = False) -> str:
    ordered = sorted(values)
    shown = [show_colour(value) if colours else str(value) for value in ordered[:_NAMED]]
    return ", ".join(shown) + (f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else "")


def _probe(masks: Sequence[_Mask], read: Callable[[_Mask], bytes]) -> list[ProbedMask]:
    """Some of the masks, spread over all; those that cannot be read are left out."""
    count = min(_PROBED, len(masks))
    found: list[ProbedMask] = []
    for at in range(count):
        mask = masks[at * len(masks) // count]
        try:
            found.append(_probed(read(mask), str(mask)))
        except UnusableSample:
            continue
    return found


def _probed(content: bytes, name: str) -> ProbedMask:
    with opened(content, name, Missing.UNREADABLE_MASK) as image:
        lossy, turned = image.format in LOSSY, upright(image)
        try:
            values = stored_values(turned, name, lossy=lossy)
        except UnusableSample:
            return _coloured(turned, name, lossy)
    return _numbered(values, name, lossy)


def _numbered(values: NDArray[Any], name: str, lossy: bool) -> ProbedMask:
    whole = np.asarray(values)
    numbers = tuple(int(value) for value in np.unique(whole).tolist())
    kind = _kind_of_numbers(whole, set(numbers), lossy)
    shown = whole >= DEFAULT_THRESHOLD if kind is ValueKind.SOFT else whole != BACKGROUND
    around = float(_border(shown).mean()) if not shown.all() else float("nan")
    return ProbedMask(kind, name, lossy, numbers, around, _most_common(_border(whole)))


def _kind_of_numbers(values: NDArray[Any], numbers: set[int], lossy: bool) -> ValueKind:
    if numbers == {BACKGROUND}:
        return ValueKind.EMPTY
    if values.dtype == bool or (OBJECT in numbers and numbers <= {BACKGROUND, OBJECT, IGNORE}):
        return ValueKind.STANDARD
    if numbers <= {BACKGROUND, IGNORE}:
        return ValueKind.BINARY
    if has_soft_edges(values, lossy=lossy):
        return ValueKind.SOFT
    if lossy and max(numbers) <= 16:
        return ValueKind.EMPTY
    return (
        ValueKind.ONE_NUMBER
        if BACKGROUND in numbers and len(numbers - {BACKGROUND, IGNORE}) == 1
        else ValueKind.NUMBERS
    )


def _coloured(image: Image.Image, name: str, lossy: bool) -> ProbedMask:
    """A mask whose channels differ, or whose palette does not begin with black.

    Raises:
        UnusableSample: it is transparent in places, and it is not clear what that means.
    """
    colours = packed_colours(image, name)
    found = tuple(int(value) for value in np.unique(colours).tolist())
    one = not lossy and 0 in found and len(set(found) - {0, _VOC_RING}) == 1
    kind = ValueKind.ONE_COLOUR if one else ValueKind.COLOURS
    around = float(_border(colours != 0).mean())
    return ProbedMask(kind, name, lossy, found, around, _most_common(_border(colours)))


def _border(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])


def _most_common(values: NDArray[Any]) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()])

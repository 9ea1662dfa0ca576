"""What stands behind a comparison: which images it has, what else differs between the runs, and what has no picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..releases.comparison_record import ChangedImage, ComparisonRecord, ImagesCompared, RunDifference
from .comparison_answers import model_text
from .comparison_requirements import counts, outcome_of
from .words import Words

#: names that are shown unfolded, and at most
MOST_NAMES, MOST_LISTED = 5, 300
#: digits of a fingerprint
_SHORT = 12
_KINDS = ("model", "data", "definition", "option", "version", "machine")


@dataclass(frozen=True)
class NamedImages:
    """Images of one fate: how many, the first few, and the rest."""

    text: str
    first: tuple[str, ...]
    rest: tuple[str, ...]
    left_out: int


@dataclass(frozen=True)
class ImagesView:
    """The images of one data set on the two sides."""

    title: str
    common: str
    named: tuple[NamedImages, ...]


@dataclass(frozen=True)
class DifferenceView:
    """What is not the same in the two runs."""

    kind: str
    what: str
    where: str
    old: str
    new: str


def images_views(record: ComparisonRecord, words: Words) -> tuple[ImagesView, ...]:
    """The images of every data set."""
    return tuple(_images(one, words) for one in record.images)


def difference_views(
    differences: Sequence[RunDifference], words: Words, *, named: Sequence[str] = _KINDS
) -> tuple[DifferenceView, ...]:
    """Differences in the order of what bears on the numbers most."""
    ordered = sorted(
        (one for one in differences if one.kind in named), key=lambda one: (named.index(one.kind), one.where, one.code)
    )
    return tuple(
        DifferenceView(
            words.named("diff_kind", one.kind),
            words.named("diff_code", one.code),
            one.where,
            *(_value(value, words) for value in (one.old, one.new)),
        )
        for one in ordered
    )


def differences_in_short(record: ComparisonRecord, words: Words) -> str:
    """*Model: weights; data: 4 images new*: what differs, by kind, without values."""
    said = []
    for kind in _KINDS:
        codes = list(dict.fromkeys(_short_name(one, words) for one in record.differences if one.kind == kind))
        if codes:
            shown = [*codes[:3], *(["…"] if len(codes) > 3 else [])]
            said.append(
                words._("diff_kind_and_codes", kind=words.named("diff_kind", kind), codes=words._("comma").join(shown))
            )
    return words._("semicolon").join(said) or words._("diff_nothing_differs")


def images_in_short(record: ComparisonRecord, words: Words) -> str:
    """*180 common images; 4 only in the new run, 1 changed*."""
    said = []
    for one in record.images:
        text = words.ngettext("diff_common_images", one.common)
        rest = [named.text for named in _fates(one, words, renamed=False)]
        text = words._("semicolon").join([text, *([words._("comma").join(rest)] if rest else [])])
        if len(record.images) > 1:
            text = words._("diff_of_data", data=one.data_new.removeprefix("data:"), text=text)
        said.append(text)
    return words._("semicolon").join(said)


def picture_notes(record: ComparisonRecord, words: Words) -> tuple[str, ...]:
    """Which pictures are not there, and why."""
    return tuple(
        words._(
            "diff_no_picture",
            images=words.ngettext("images_counted", one.images),
            side=words.named("diff_side", one.side),
            model=model_text(one.model, words),
            why=words.named("diff_no_picture_why", one.why),
        )
        + (f" ({one.detail})" if one.detail else "")
        for one in record.no_pictures
    )


def _images(one: ImagesCompared, words: Words) -> ImagesView:
    names = [key.removeprefix("data:") for key in (one.data_old, one.data_new)]
    title = names[0] if names[0] == names[1] else words._("diff_old_and_new", old=names[0], new=names[1])
    return ImagesView(title, words.ngettext("diff_common_images", one.common), tuple(_fates(one, words)))


def _fates(one: ImagesCompared, words: Words, *, renamed: bool = True) -> Iterator[NamedImages]:
    fates = (
        ("diff_images.new", one.new),
        ("diff_images.missing", one.missing),
        ("diff_images.changed", [_changed(each, words) for each in one.changed]),
        ("diff_images.doubled_old", one.doubled_old),
        ("diff_images.doubled_new", one.doubled_new),
        ("diff_images.renamed", [f"{each.old} → {each.new}" for each in one.renamed if renamed]),
    )
    for key, names in fates:
        if names:
            first, rest = tuple(names[:MOST_NAMES]), tuple(names[MOST_NAMES:MOST_LISTED])
            yield NamedImages(words.ngettext(key, len(names)), first, rest, max(0, len(names) - MOST_LISTED))


def _changed(image: ChangedImage, words: Words) -> str:
    """*nut/0007: the mask; the label (good → broken)*."""
    said = []
    for what in image.what:
        text = words.named("diff_content", what)
        if what == "label" and image.label_old is not None and image.label_new is not None:
            text = words._("value_of_method", value=text, method=f"{image.label_old} → {image.label_new}")
        said.append(text)
    return words._("diff_image_and_what", image=image.id, what=words._("comma").join(said))


def _short_name(one: RunDifference, words: Words) -> str:
    name = words.named("diff_code", one.code)
    if one.kind == "version" and one.old and one.new:
        return f"{name} {one.old} → {one.new}"
    if (one.kind, one.code) == ("model", "reference") and one.old and one.new:
        return words._("diff_old_and_new", old=model_text(one.old, words), new=model_text(one.new, words))
    return name


def _value(value: str | None, words: Words) -> str:
    if value is None:
        return words._("diff_none")
    digits = len(value) in (40, 64) and all(char in "0123456789abcdef" for char in value)
    return value[:_SHORT] if digits else value


def outcome_counts(record: ComparisonRecord) -> Counter[str]:
    """How many counted requirements have each outcome; those of one run alone count by themselves."""
    return Counter(outcome_of(one) for one in record.requirements if counts(one))

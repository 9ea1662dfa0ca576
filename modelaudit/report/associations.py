"""What the class of the images is tied to, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..language.associations import ERROR_RATE, Association, ClassTie
from .words import Words

#: values of a column are cut to so many characters in a sentence
_LONGEST = 40


def named_association(found: Association, words: Words) -> str:
    """What the class was tested against: a column by its name, the surroundings, a model's view of them."""
    if found.about == "model":
        return words._("association_model", model=found.name)
    if found.about == "surroundings":
        return words._("association_surroundings")
    return words.named("association_column", found.name) if found.name in ("group", "cluster") else found.name


def association_columns(words: Words) -> tuple[str, ...]:
    """Headings of the table of tests."""
    return (
        words._("association_against"),
        words._("association_images"),
        words._("association_v"),
        words._("association_chance"),
        words._("association_p"),
    )


def association_rows(associations: Sequence[Association], words: Words) -> Iterator[tuple[str, ...]]:
    """One row a test: what, on how many images, V, the V that chance reaches, p after Holm."""
    for one in associations:
        if one.v is not None and one.chance is not None and one.adjusted is not None:
            # what is recognised by its surroundings is tested by scores, of which V is a summary: its own chance would
            # contradict their p-value here and there
            chance = words.quantity(one.chance, "number", 2) if one.about == "column" else "–"
            v, p = words.quantity(one.v, "number", 2), _p_value(one.adjusted, words)
            yield named_association(one, words), words.count(one.images), v, chance, p


def untested(associations: Sequence[Association], words: Words) -> Iterator[tuple[str, str]]:
    """What was not tested, and why."""
    for one in associations:
        if one.reason == "same_as_column":
            column = named_association(Association("column", one.detail), words)
            yield named_association(one, words), words._("association_same_as_column", column=column)
        elif one.reason:
            yield named_association(one, words), words.named("association_reason", one.reason)


def about_associations(words: Words) -> str:
    """How to read the table."""
    return words._("association_about", images=words.count(round(1 / ERROR_RATE)))


def association_sentence(found: Association, words: Words) -> str:
    """What was found of one association."""
    v, chance = (words.quantity(value or 0.0, "number", 2) for value in (found.v, found.chance))
    p = _p_value(found.adjusted or 0.0, words)
    if found.about == "column":
        return words._("association_of_column", column=named_association(found, words), v=v, chance=chance)
    accuracy, by_chance = (_percent(value or 0.0, words) for value in (found.accuracy, found.by_chance))
    if found.about == "surroundings":
        return words._("association_of_surroundings", v=v, p=p, accuracy=accuracy, by_chance=by_chance)
    model = found.name
    return words._("association_of_model", model=model, v=v, p=p, accuracy=accuracy, by_chance=by_chance)


def tie_sentence(tie: ClassTie, found: Association, words: Words) -> str:
    """What one class is tied to."""
    share, usual = _percent(tie.share, words), _percent(tie.usual, words)
    if found.about == "column":
        value = tie.value if len(tie.value) <= _LONGEST else tie.value[: _LONGEST - 1] + "…"
        column = named_association(found, words)
        return words._("tie_of_column", label=tie.label, column=column, value=value, share=share, usual=usual)
    return words._("tie_of_surroundings", label=tie.label, share=share, usual=usual)


def _percent(value: float, words: Words) -> str:
    return words.quantity(value, "percent", 0)


def _p_value(value: float, words: Words) -> str:
    return words.quantity(value, "number", 3)

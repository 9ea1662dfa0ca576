"""Which classes need more photos: what would change a verdict first, and one line for all classes that need the same.

Photographs are asked for only where they help: the change of a computed context is made from any photo of the class,
and where backgrounds are scarce it is those that are to be photographed, not the class.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..advice.next_steps import steps_of
from ..evidence.record import RunRecord, WantedImages
from .grid import capitalised, digits_of, interval_text, model_name
from .naming import comparison, context_label, noun_of
from .next_steps import photographs
from .sentences import unit_of
from .words import Words

MOST_LINES = 10
#: so many classes of one line are named
_NAMED = 8


def shopping_list(record: RunRecord, words: Words) -> tuple[tuple[tuple[str, str], ...], int]:
    """What to photograph, and why: first what decides requirements, then what classes need by themselves; and how many
    classes are not named for want of lines."""
    deciding = [
        (text, "") for step in steps_of(record) if step.rule.stage == "photograph" for text in photographs(step, words)
    ]
    purposes = _purposes(record)
    room = max(1, MOST_LINES - len(deciding))
    by_class = [(_asked(wants, words), _why(wants, record, words)) for wants in purposes[:room]]
    left_out = sum(map(len, purposes[room:])) + (0 if record.by_class is None else record.by_class.wanted_left_out)
    return (*deciding[:MOST_LINES], *by_class), left_out


def _purposes(record: RunRecord) -> list[list[WantedImages]]:
    """What classes need, in the order of the record, those with the same purpose together."""
    together: dict[tuple[object, ...], list[WantedImages]] = {}
    for want in [] if record.by_class is None else record.by_class.wanted:
        together.setdefault(_purpose(want), []).append(want)
    return list(together.values())


def _purpose(want: WantedImages) -> tuple[object, ...]:
    """What the photographs are for; to know a class better they serve every context."""
    if want.rule == "width":
        return want.data, want.model, want.measure.text, want.rule, want.cell.scarce
    contexts = " | ".join(node.text for node in want.contexts)
    return (
        *(want.data, want.model, want.measure.text, contexts, want.rule, want.op, want.threshold),
        *(tuple(want.decides), want.cell.scarce),
    )


def _asked(wants: Sequence[WantedImages], words: Words) -> str:
    """What to photograph: of one class, or of each of several."""
    first = wants[0]
    if first.cell.scarce == "donor":
        return words._("shopping_backgrounds", classes=_classes(wants, words))
    if len(wants) == 1:
        text = words.ngettext("collect_more_images", first.more, label=first.cell.label)
    elif len({want.more for want in wants}) == 1:
        text = words.ngettext("shopping_each", first.more, classes=_classes(wants, words))
    else:
        numbers = [
            words._("shopping_number", label=want.cell.label, n=words.count(want.more)) for want in wants[:_NAMED]
        ]
        text = words._("shopping_several", classes=_listed(numbers, len(wants), words))
    changed = [node for node in first.contexts if node.name != "original"]
    if changed and (len(wants) == 1 or first.rule == "threshold"):
        computed = words._("shopping_computed", context=context_label(changed, words))
        text = words._("two_sentences", first=text, second=computed)
    if first.cell.scarce is not None:
        text = words._("two_sentences", first=text, second=words.named("shopping", first.cell.scarce))
    return text


def _classes(wants: Sequence[WantedImages], words: Words) -> str:
    names = [words._("name_quoted", name=want.cell.label) for want in wants[:_NAMED]]
    return _listed(names, len(wants), words)


def _listed(names: Sequence[str], all_of_them: int, words: Words) -> str:
    said, more = words._("comma").join(names), all_of_them - len(names)
    return said if more < 1 else words._("two_words", first=said, second=words.ngettext("and_more", more))


def _why(wants: Sequence[WantedImages], record: RunRecord, words: Words) -> str:
    """What was found of the class, or of each of several, and what it does not suffice for."""
    want = wants[0]
    if want.rule == "width" and len(wants) > 1:
        return words._("shopping_width", noun=noun_of(want.measure, words))
    found = _found(want, record, words) if len(wants) == 1 else _found_of_each(wants, words)
    if want.op is not None and want.threshold is not None:
        limit = comparison(want.op, words.limit(want.threshold, unit_of(want.measure)), words)
        text = words._("not_enough_to_tell_whether", found=found, limit=limit)
        decides = words._("comma").join(words._("name_quoted", name=name) for name in want.decides)
        more = words._("shopping_undecided", names=decides) if decides else words._("shopping_changes_nothing")
        return words._("two_sentences", first=text, second=more)
    if want.cell.lower is None:
        return words._("too_few_for_any_bound", found=found)
    return words._("a_bound_lies_more_than", found=found)


def _found(want: WantedImages, record: RunRecord, words: Words) -> str:
    cell = want.cell
    noun = capitalised(noun_of(want.measure, words), words)
    found = words.ngettext("noun_on_images", cell.n, noun=noun, value=_value(want, words))
    details = [interval] if (interval := _interval(want, words)) else []
    if not details and cell.clusters is not None:
        details.append(words.ngettext("of_clusters", cell.clusters))
    if len(record.models) > 1:
        details.append(model_name(want.model, record, words))
    return words._("with_details", what=found, details=words._("comma").join(details)) if details else found


def _found_of_each(wants: Sequence[WantedImages], words: Words) -> str:
    """*Accuracy: “gear” 96.0% (90 to 99), “nut” 94.0% (87 to 98)*."""
    each = []
    for want in wants[:_NAMED]:
        text = words._("shopping_number", label=want.cell.label, n=_value(want, words))
        interval = _interval(want, words)
        each.append(words._("with_details", what=text, details=interval) if interval else text)
    noun = capitalised(noun_of(wants[0].measure, words), words)
    return words._("shopping_found", noun=noun, classes=_listed(each, len(wants), words))


def _value(want: WantedImages, words: Words) -> str:
    assert want.cell.mean is not None
    unit = unit_of(want.measure)
    return words.tick(want.cell.mean, unit, digits_of(unit, 1))


def _interval(want: WantedImages, words: Words) -> str:
    return interval_text(want.cell.lower, want.cell.upper, unit_of(want.measure), words)

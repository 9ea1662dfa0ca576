"""What the audit of the audit found, in words: of one case, and of the attribution methods of the run."""

from __future__ import annotations

from dataclasses import dataclass

from ..evidence.record import CaseRecord, RunRecord, Sensitivity
from .left_side import contexts_of, digits_of, unit_of
from .vocabulary import VERDICTS, context_label, method_text
from .words import N_, Words

#: below this share of answers a limit lies at the model's own level; from the other one on it catches little
OWN_LEVEL, WEAK_LIMIT = 0.05, 0.9

VARIANTS: dict[str, str] = {
    "eroded": N_("masks eroded"),
    "dilated": N_("masks dilated"),
    "shifted_x": N_("masks shifted right"),
    "shifted_y": N_("masks shifted down"),
}

SANITY: dict[str, str] = {
    "mprt": N_("random weights (MPRT)"),
    "smprt": N_("random weights, smoothed maps (sMPRT)"),
    "emprt": N_("random weights, entropy (eMPRT)"),
    "deletion": N_("deletion against a random order"),
    "insertion": N_("insertion against a random order"),
}


@dataclass(frozen=True)
class Square:
    """Heat map against intervention: a heading and the four counts, the map's word by rows."""

    heading: str
    both: str
    map_only: str
    swap_only: str
    neither: str
    note: str


@dataclass(frozen=True)
class ChecksView:
    """``taken``: that a check took the verdict away. ``masks``: heading, value, verdict. ``lines``: title, sentence.

    ``caught``: of the lines those that say what these images, or this limit, would catch.
    """

    taken: str
    caught: tuple[str, ...]
    masks: tuple[tuple[str, str, str], ...]
    masks_note: str
    lines: tuple[tuple[str, str], ...]
    squares: tuple[Square, ...]


@dataclass(frozen=True)
class SanityView:
    """One check of one method on one model."""

    model: str
    method: str
    check: str
    value: str
    result: str
    kind: str


def checks_view(case: CaseRecord, words: Words) -> ChecksView | None:
    """None where nothing was checked."""
    checks = case.checks
    if checks is None or case.decision is None:
        return None
    masks, note = _masks(case, words)
    lines = [line for line in (*_power(case, words), *_floors(case, words), *_seams(case, words)) if line[1]]
    lines += [*_insane(case, words), *_agreement(case, words), *_holm(case, words)]
    squares = tuple(_squares(case, words))
    caught = tuple(text for _, text in _power(case, words))
    view = ChecksView(_taken(case, words), caught, masks, note, tuple(lines), squares)
    return view if view.taken or masks or lines or squares else None


def sanity_views(record: RunRecord, words: Words) -> tuple[SanityView, ...]:
    """Every sanity check of the run's attribution methods."""
    results = {True: words._("passed"), False: words._("not passed"), None: words._("could not be made")}
    kinds = {True: "pass", False: "fail", None: "not_run"}
    names = {model.key: model.names[0] for model in record.models if model.names}
    views = (
        SanityView(
            names.get(one.model, one.model.removeprefix("model:")),
            method_text(one.method),
            words._(SANITY[one.check]),
            _compared(one.value, one.limit, one.better, words),
            words._("undecided") if one.passed is None and one.value is not None else results[one.passed],
            kinds[one.passed],
        )
        for one in record.sanity
    )
    return tuple(dict.fromkeys(views))  # several audits of one model tell the same


def guard_notes(case: CaseRecord) -> tuple[str, ...]:
    """The notes of a decision without what its checks say, which the report says in its own language."""
    decisions = [case.decision, *case.decision.parts] if case.decision else []
    said = [] if case.checks is None else case.checks.objections
    notes: list[str] = []
    for decision in decisions:
        parts = [part for part in decision.note.split("; ") if part and part not in said]
        notes.append("; ".join(parts))
    return tuple(dict.fromkeys(note for note in notes if note))


def _taken(case: CaseRecord, words: Words) -> str:
    if case.checks is None or case.checks.unguarded is None or case.verdict != "INCONCLUSIVE":
        return ""
    verdict = words._(VERDICTS[case.checks.unguarded])
    reasons = {
        "mask_uncertain": words._("it does not hold for masks moved by {n} px", n=_radius(case)),
        "below_noise_floor": words._("it lies within what the measurement itself can tell"),
        "instrument_insensitive": words._("the limit would also pass a heat map that lies on the background alone"),
        "attribution_invalid": words._("the attribution method failed its sanity check on this model"),
    }
    because = reasons.get(case.reason or "", case.reason or "")
    return words._(
        "By its numbers alone the verdict would be “{verdict}”; {because}.", verdict=verdict, because=because
    )


def _radius(case: CaseRecord) -> int:
    return case.checks.masks.radius if case.checks and case.checks.masks else 1


def _masks(case: CaseRecord, words: Words) -> tuple[tuple[tuple[str, str, str], ...], str]:
    found = case.checks.masks if case.checks else None
    if found is None:
        return (), ""
    rows = tuple(
        (words._(VARIANTS[one.variant]), _value(case, one.estimate, words), words._(VERDICTS[one.verdict]))
        for one in found.variants
    )
    note = words.ngettext(
        "Moved by {n} pixel, with the contexts made anew.",
        "Moved by {n} pixels, with the contexts made anew.",
        found.radius,
    )
    if found.moved:
        more = words._(
            "On {images} of {asked} images: the verdict on all of them, moved by the mean change on these.",
            images=words.count(found.images),
            asked=words.count(found.asked),
        )
        note = words._("{first} {second}", first=note, second=more)
    return rows, note


def _floors(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    checks = case.checks
    assert checks is not None
    found: list[tuple[str, str]] = []
    if checks.noise is not None:
        text = words._(
            "Other draws of the same kind (backgrounds, noise) change the value by up to {floor}.",
            floor=_value(case, checks.noise.floor, words),
        )
        if checks.noise.passed is not None:  # without an interval the floor decides
            more = words._(
                "It is {distance} away from the threshold.", distance=_value(case, checks.noise.distance, words)
            )
            text = words._("{first} {second}", first=text, second=more)
        found.append((words._("A second draw"), text))
    if checks.blind is not None and checks.blind.works is not None:
        value = _value(case, checks.blind.value, words)
        text = words._("A model that cannot see any background gets {value}.", value=value)
        found.append((words._("A model blind to the background"), text))
    elif checks.blind is not None:
        text = words._(
            "The best value that this method can reach is {value}: a map with everything on the object.",
            value=_value(case, checks.blind.value, words),
        )
        found.append((words._("Best possible map"), text))
    return found


def _power(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    """What the images, or the limit, would catch: a property of the audit, which takes no verdict away."""
    checks = case.checks
    assert checks is not None
    found: list[tuple[str, str]] = []
    if checks.smallest_effect is not None:
        value = _value(case, checks.smallest_effect, words)
        text = (
            words._("A true value of {value} or more would have failed on these images in 8 of 10 audits.", value=value)
            if case.op in ("<", "<=")
            else words._(
                "A true value of {value} or less would have failed on these images in 8 of 10 audits.", value=value
            )
        )
        found.append((words._("What these images would have failed"), text))
    told = checks.sensitivity
    if told is not None:
        sentences = [_caught(told, words), _own(told, words), _rough(told, words)]
        text = _joined([one for one in sentences if one], words)
        found.append((words._("What this limit would catch"), text))
    return found


def _caught(told: Sensitivity, words: Words) -> str:
    if told.why_not:
        return words._("It is not known: {why}.", why=told.why_not.splitlines()[0].rstrip("."))
    if told.share is None:
        return words._("No copy of this model to which evidence from the background was added fails this limit.")
    share = words.quantity(told.share, "percent", 0)
    if told.share == 0:
        return words._("The model itself does not meet this limit.")
    if told.share < OWN_LEVEL:
        return words._(
            "The limit lies at this model's own level: copies to which evidence from the background was added no "
            "longer pass it although that decides only {share} of the answers.",
            share=share,
        )
    text = words._(
        "Copies of this model to which evidence from the background was added no longer pass this limit once it "
        "decides about {share} of the answers.",
        share=share,
    )
    if told.share < WEAK_LIMIT:
        return text
    return _joined([text, words._("So a model that follows the background nearly always could pass it.")], words)


def _own(told: Sensitivity, words: Words) -> str:
    """The model's own flips, always beside what is told of its copies."""
    if told.why_not:
        return ""
    if told.flips is None:
        return words._("How many of this model's own answers change with another class's background was not measured.")
    return words._(
        "With another class's background {flips} of this model's own answers change ({images} images).",
        flips=words.quantity(told.flips, "percent", 0),
        images=words.count(told.flips_images),
    )


def _rough(told: Sensitivity, words: Words) -> str:
    if told.why_not or not told.rough:
        return ""
    if told.trained is None:
        return words._(
            "This is rough: for such a limit copies were never compared with networks trained with a shortcut."
        )
    low, high = (words.quantity(one, "percent", 0) for one in told.trained)
    return words._(
        "This is rough: networks that were really trained with a shortcut begin to fail such a limit where the "
        "background decides {low} to {high} of the answers.",
        low=low,
        high=high,
    )


def _joined(sentences: list[str], words: Words) -> str:
    text = sentences[0]
    for more in sentences[1:]:
        text = words._("{first} {second}", first=text, second=more)
    return text


def _seams(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    checks = case.checks
    assert checks is not None
    title = words._("Seam of the paste")
    found: list[tuple[str, str]] = []
    for one in checks.seams:
        if one.hard_edge:
            found.append(
                (
                    title,
                    words._(
                        "{context}: pasted with a hard edge; its effect was not measured.",
                        context=_named(case, one.context, words),
                    ),
                )
            )
            continue
        numbers = [
            "–" if value is None else words.quantity(value, "number", 3)
            for value in (one.original, one.seam, one.under_context)
        ]
        text = words._(
            "{measure}: {original} on the originals, {seam} with the own background pasted back, {under} under "
            "{context}. Nothing is subtracted.",
            measure=one.measure,
            original=numbers[0],
            seam=numbers[1],
            under=numbers[2],
            context=_named(case, one.context, words),
        )
        found.append((title, text))
    return found


def _insane(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    names = [method_text(name) for name in (case.checks.insane if case.checks else ())]
    text = words._(
        "{methods}: hardly changes when the model's weights are random, and decides nothing alone.",
        methods=", ".join(names),
    )
    return [(words._("Sanity of the method"), text)] if names else []


def _agreement(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for one in case.checks.agreement if case.checks else ():
        numbers = [
            "–" if value is None else words.quantity(value, "number", 2) for value in (one.pixels, one.top, one.values)
        ]
        text = words._(
            "{first} and {second}: rank correlation of the maps {pixels}, overlap of their strongest tenth {top}, rank "
            "correlation of the values over images {values}.",
            first=method_text(one.first),
            second=method_text(one.second),
            pixels=numbers[0],
            top=numbers[1],
            values=numbers[2],
        )
        if one.same_verdict is not None:
            more = words._("They end in the same verdict.") if one.same_verdict else words._("Their verdicts differ.")
            text = words._("{first} {second}", first=text, second=more)
        lines.append((words._("Agreement of methods"), text))
    return lines


def _holm(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    holm = case.checks.holm if case.checks else None
    if holm is None:
        return []
    declared = words.count(holm.declared)
    text = (
        words._("It fails also after Holm's correction over all {n} declared expectations.", n=declared)
        if holm.rejected
        else words._("After Holm's correction over all {n} declared expectations it would not fail.", n=declared)
    )
    more = words._("This is information and changes no verdict.")
    return [(words._("Many expectations"), words._("{first} {second}", first=text, second=more))]


def _squares(case: CaseRecord, words: Words) -> list[Square]:
    squares: list[Square] = []
    for one in case.checks.two_by_two if case.checks else ():
        heading = words._(
            "{method} against {context}", method=method_text(one.method), context=_named(case, one.context, words)
        )
        note = words._(
            "The map says “background” above {limit} of the background dependence; the swap says so where the answer "
            "changes.",
            limit=words.limit(one.limit, "number"),
        )
        if one.unknown:
            unknown = words.ngettext("{n} image has no value.", "{n} images have no value.", one.unknown)
            note = words._("{first} {second}", first=note, second=unknown)
        both, map_only = words.count(one.both), words.count(one.map_only)
        swap_only, neither = words.count(one.swap_only), words.count(one.neither)
        squares.append(Square(heading, both, map_only, swap_only, neither, note))
    return squares


def _named(case: CaseRecord, context: str, words: Words) -> str:
    """A context of the case in words; one that only other cases of the data name as its text."""
    known = {" | ".join(node.text for node in nodes): nodes for nodes in contexts_of(case.left)}
    return f"“{context_label(known[context], words)}”" if context in known else context


def _compared(value: float | None, limit: float | None, better: str, words: Words) -> str:
    if value is None:
        return "–"
    text = words.quantity(value, "number", 3)
    if limit is None:
        return text
    bound = words.limit(limit, "number")
    if better == "low":
        return words._("{value} (at most {limit})", value=text, limit=bound)
    return words._("{value} (at least {limit})", value=text, limit=bound)


def _value(case: CaseRecord, value: float | None, words: Words) -> str:
    return "–" if value is None else words.quantity(value, unit_of(case.left), digits_of(case))

"""What the audit of the audit found, in words: of one case, and of the attribution methods of the run."""

from __future__ import annotations

from dataclasses import dataclass

from ..evidence.leaves import contexts_of, leaves_of
from ..evidence.record import CaseRecord, ContextNode, RunRecord, Sensitivity
from .grid import capitalised
from .naming import context_label, method_text, noun_of
from .record_notes import why_not
from .sentences import digits_of, unit_of
from .words import Words

#: below this share of answers a limit is at the model's own level; from the other one on it catches little
OWN_LEVEL, WEAK_LIMIT = 0.05, 0.9


@dataclass(frozen=True)
class Square:
    """Heat map against intervention: a heading and the four counts, the map's word by rows."""

    heading: str
    both: str
    map_only: str
    swap_only: str
    neither: str
    note: str
    told: str = ""


@dataclass(frozen=True)
class ChecksView:
    """``taken``: that a check took the verdict away. ``masks``: heading, value, verdict. ``lines``: title, sentence.

    ``caught``: of the lines those that say what these images, or this limit, would catch. ``kinds``: of each line
    whether it speaks for the verdict (pass), against it (fail), weakens it (doubt) or informs (info). ``masks_light``:
    the same of the masks, and in one sentence.
    """

    taken: str
    caught: tuple[str, ...]
    masks: tuple[tuple[str, str, str], ...]
    masks_note: str
    lines: tuple[tuple[str, str], ...]
    squares: tuple[Square, ...]
    kinds: tuple[str, ...] = ()
    masks_light: tuple[str, str] = ("info", "")


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
    """None if nothing was checked."""
    checks = case.checks
    if checks is None or case.decision is None:
        return None
    masks, note = _masks(case, words)
    lines = [line for line in (*_power(case, words), *_floors(case, words), *_seams(case, words)) if line[1]]
    lines += [*_insane(case, words), *_agreement(case, words), *_holm(case, words)]
    squares = tuple(_squares(case, words))
    told = _kinds(case, words)
    kinds = tuple(told.get(title, "info") for title, _ in lines)
    agree = checks.masks is None or checks.masks.agree
    light = ("pass", words._("masks_agree")) if agree else ("fail", words._("masks_disagree"))
    view = ChecksView(_taken(case, words), caught_texts(case, words), masks, note, tuple(lines), squares, kinds, light)
    return view if view.taken or masks or lines or squares else None


def _kinds(case: CaseRecord, words: Words) -> dict[str, str]:
    """What the lines of some titles mean for the verdict; every other line informs."""
    checks, found = case.checks, {words._("sanity_of_the_method"): "fail"}
    if checks is None:
        return found
    results = {True: "pass", False: "fail", None: "info"}
    if checks.noise is not None:
        found[words._("a_second_draw")] = results[checks.noise.passed]
    if checks.blind is not None:
        found[words._("a_model_blind_to_the")] = results[checks.blind.works]
    if (limit := checks.sensitivity) is not None and not limit.why_not:
        caught = limit.share is not None and OWN_LEVEL <= limit.share < WEAK_LIMIT
        found[words._("what_this_limit_would_catch")] = "pass" if caught else "doubt"
    same = [one.same_verdict for one in checks.agreement]
    found[words._("agreement_of_methods")] = "doubt" if False in same else "pass" if True in same else "info"
    return found


def sanity_views(record: RunRecord, words: Words) -> tuple[SanityView, ...]:
    """Every sanity check of the run's attribution methods."""
    results = {True: words._("passed"), False: words._("not_passed"), None: words._("check_not_made")}
    kinds = {True: "pass", False: "fail", None: "not_run"}
    names = {model.key: model.names[0] for model in record.models if model.names}
    views = (
        SanityView(
            names.get(one.model, one.model.removeprefix("model:")),
            method_text(one.method, words),
            words.named("sanity", one.check),
            _compared(one.value, one.limit, one.better, words),
            words._("undecided") if one.passed is None and one.value is not None else results[one.passed],
            kinds[one.passed],
        )
        for one in record.sanity
    )
    return tuple(dict.fromkeys(views))  # several audits of one model tell the same


def _taken(case: CaseRecord, words: Words) -> str:
    if case.checks is None or case.checks.unguarded is None or case.verdict != "INCONCLUSIVE":
        return ""
    verdict = words.named("verdict", case.checks.unguarded)
    reasons = {
        "mask_uncertain": words._("it_does_not_hold_for", n=_radius(case)),
        "below_noise_floor": words._("it_lies_within_what_the"),
        "instrument_insensitive": words._("the_limit_would_also_pass"),
        "attribution_invalid": words._("the_attribution_method_failed_its"),
    }
    because = reasons.get(case.reason or "", case.reason or "")
    return words._("by_its_numbers_alone_the", verdict=verdict, because=because)


def _radius(case: CaseRecord) -> int:
    return case.checks.masks.radius if case.checks and case.checks.masks else 1


def _masks(case: CaseRecord, words: Words) -> tuple[tuple[tuple[str, str, str], ...], str]:
    found = case.checks.masks if case.checks else None
    if found is None:
        return (), ""
    rows = tuple(
        (words.named("variant", one.variant), _value(case, one.estimate, words), words.named("verdict", one.verdict))
        for one in found.variants
    )
    note = words.ngettext(
        "moved_by_pixel_with_the",
        found.radius,
    )
    if found.moved:
        more = words._(
            "on_of_images_the_verdict",
            images=words.count(found.images),
            asked=words.count(found.asked),
        )
        note = words._("two_sentences", first=note, second=more)
    return rows, note


def _floors(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    checks = case.checks
    assert checks is not None
    found: list[tuple[str, str]] = []
    if checks.noise is not None:
        text = words._(
            "other_draws_of_the_same",
            floor=_difference(case, checks.noise.floor, words),
        )
        if checks.noise.passed is not None:  # without an interval the floor decides
            more = words._("it_is_away_from_the", distance=_difference(case, checks.noise.distance, words))
            text = words._("two_sentences", first=text, second=more)
        found.append((words._("a_second_draw"), text))
    if checks.blind is not None and checks.blind.works is not None:
        value = _value(case, checks.blind.value, words)
        text = words._("a_model_that_cannot_see", value=value)
        found.append((words._("a_model_blind_to_the"), text))
    elif checks.blind is not None:
        text = words._(
            "the_best_value_that_this",
            value=_value(case, checks.blind.value, words),
        )
        found.append((words._("best_possible_map"), text))
    return found


def caught_texts(case: CaseRecord, words: Words) -> tuple[str, ...]:
    """What these images, and this limit, would catch; nothing where that was not looked at."""
    return tuple(text for _, text in _power(case, words))


def _power(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    """What the images, or the limit, would catch: a property of the audit, which takes no verdict away."""
    checks = case.checks
    if checks is None:
        return []
    found: list[tuple[str, str]] = []
    if checks.smallest_effect is not None:
        value = _value(case, checks.smallest_effect, words)
        text = (
            words._("smallest_effect_or_more", value=value)
            if case.op in ("<", "<=")
            else words._("smallest_effect_or_less", value=value)
        )
        found.append((words._("what_these_images_would_have"), text))
    sensitivity = checks.sensitivity
    if sensitivity is not None:
        sentences = [_caught(sensitivity, words), _own(sensitivity, words), _rough(sensitivity, words)]
        text = _joined([one for one in sentences if one], words)
        found.append((words._("what_this_limit_would_catch"), text))
    return found


def _caught(sensitivity: Sensitivity, words: Words) -> str:
    if sensitivity.why_not:
        return words._("limit_unknown", why=why_not(sensitivity.why_not, words))
    if sensitivity.share is None:
        return words._("limit_catches_nothing")
    share = words.quantity(sensitivity.share, "percent", 0)
    if sensitivity.share == 0:
        return words._("limit_not_met_by_model")
    if sensitivity.share < OWN_LEVEL:
        return words._(
            "limit_at_own_level",
            share=share,
        )
    text = words._(
        "limit_caught_from_share",
        share=share,
    )
    if sensitivity.share < WEAK_LIMIT:
        return text
    return _joined([text, words._("limit_is_weak")], words)


def _own(sensitivity: Sensitivity, words: Words) -> str:
    """The model's own flips, always shown with the result for its copies."""
    if sensitivity.why_not:
        return ""
    if sensitivity.flips is None:
        return words._("own_flips_unknown")
    return words._(
        "own_flips",
        flips=words.quantity(sensitivity.flips, "percent", 0),
        images=words.count(sensitivity.flips_images),
    )


def _rough(sensitivity: Sensitivity, words: Words) -> str:
    if sensitivity.why_not or not sensitivity.rough:
        return ""
    if sensitivity.trained is None:
        return words._("rough_never_compared")
    low, high = (words.quantity(one, "percent", 0) for one in sensitivity.trained)
    return words._(
        "rough_compared",
        low=low,
        high=high,
    )


def _joined(sentences: list[str], words: Words) -> str:
    text = sentences[0]
    for more in sentences[1:]:
        text = words._("two_sentences", first=text, second=more)
    return text


def _seams(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    checks = case.checks
    assert checks is not None
    title = words._("seam_of_the_paste")
    found: list[tuple[str, str]] = []
    for one in checks.seams:
        if one.hard_edge:
            found.append(
                (
                    title,
                    words._(
                        "pasted_with_a_hard_edge",
                        context=_named(case, one.context, words),
                    ),
                )
            )
            continue
        name = one.measure.partition("(")[0]
        leaf = next((leaf for leaf in leaves_of(case.left) if leaf.measure == name), None)
        unit = "number" if leaf is None else unit_of(leaf)
        numbers = [
            "–" if value is None else words.quantity(value, unit, 3 if unit == "number" else 1)
            for value in (one.original, one.seam, one.under_context)
        ]
        text = words._(
            "on_the_originals_with_the",
            measure=_measured(case, one.measure, words) if leaf is None else capitalised(noun_of(leaf, words), words),
            original=numbers[0],
            seam=numbers[1],
            under=numbers[2],
            context=_named(case, one.context, words),
        )
        found.append((title, text))
    return found


def _insane(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    names = [method_text(name, words) for name in (case.checks.insane if case.checks else ())]
    text = words._(
        "hardly_changes_when_the_models",
        methods=", ".join(names),
    )
    return [(words._("sanity_of_the_method"), text)] if names else []


def _agreement(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for one in case.checks.agreement if case.checks else ():
        numbers = [
            "–" if value is None else words.quantity(value, "number", 2) for value in (one.pixels, one.top, one.values)
        ]
        text = words._(
            "and_rank_correlation_of_the",
            first=method_text(one.first, words),
            second=method_text(one.second, words),
            pixels=numbers[0],
            top=numbers[1],
            values=numbers[2],
        )
        if one.same_verdict is not None:
            more = words._("they_end_in_the_same") if one.same_verdict else words._("their_verdicts_differ")
            text = words._("two_sentences", first=text, second=more)
        lines.append((words._("agreement_of_methods"), text))
    return lines


def _holm(case: CaseRecord, words: Words) -> list[tuple[str, str]]:
    holm = case.checks.holm if case.checks else None
    if holm is None:
        return []
    declared = words.count(holm.declared)
    text = (
        words._("it_fails_also_after_holms", n=declared)
        if holm.rejected
        else words._("after_holms_correction_over_all", n=declared)
    )
    more = words._("this_is_information_and_changes")
    return [(words._("many_requirements"), words._("two_sentences", first=text, second=more))]


def _squares(case: CaseRecord, words: Words) -> list[Square]:
    squares: list[Square] = []
    for one in case.checks.two_by_two if case.checks else ():
        heading = words._(
            "method_against_context", method=method_text(one.method, words), context=_named(case, one.context, words)
        )
        note = words._(
            "the_map_says_background_above",
            limit=words.limit(one.limit, "number"),
        )
        if one.unknown:
            unknown = words.ngettext("images_have_no_value", one.unknown)
            note = words._("two_sentences", first=note, second=unknown)
        both, map_only = words.count(one.both), words.count(one.map_only)
        swap_only, neither = words.count(one.swap_only), words.count(one.neither)
        every = one.both + one.map_only + one.swap_only + one.neither
        told = words._("square_told", n=words.count(one.both + one.neither), all=words.count(every))
        squares.append(Square(heading, both, map_only, swap_only, neither, note, told))
    return squares


def _measured(case: CaseRecord, measure: str, words: Words) -> str:
    """The noun of a measure of the case; its name where the case does not ask for it and the record has no words."""
    nouns = {leaf.measure: noun_of(leaf, words) for leaf in leaves_of(case.left)}
    phrase = words.phrase("measures", measure)
    return capitalised(nouns.get(measure, measure if phrase is None else phrase.label), words)


def _named(case: CaseRecord, context: str, words: Words) -> str:
    """A context of the case, or of another case of the data, in words; its text where the record has none."""
    known = {" | ".join(node.text for node in nodes): nodes for nodes in contexts_of(case.left)}
    others = [
        ContextNode(name=part.partition("(")[0], family="", arguments={}, text=part) for part in context.split(" | ")
    ]
    return f"“{context_label(known.get(context, others), words)}”"


def _compared(value: float | None, limit: float | None, better: str, words: Words) -> str:
    if value is None:
        return "–"
    text = words.quantity(value, "number", 3)
    if limit is None:
        return text
    bound = words.limit(limit, "number")
    if better == "low":
        return words._("value_at_most", value=text, limit=bound)
    return words._("value_at_least", value=text, limit=bound)


def _value(case: CaseRecord, value: float | None, words: Words) -> str:
    return "–" if value is None else words.quantity(value, unit_of(case.left), digits_of(case))


def _difference(case: CaseRecord, value: float | None, words: Words) -> str:
    """A distance between two values: of shares in points."""
    unit = unit_of(case.left)
    return "–" if value is None else words.quantity(value, "points" if unit == "percent" else unit, digits_of(case))

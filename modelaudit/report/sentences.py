"""A requirement and what was measured, as one sentence a manager reads; the unit, digits and text of its left side."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ..evidence.leaves import Unit, leaves_of
from ..evidence.leaves import unit_of as unit_of
from ..evidence.record import (
    ArithmeticNode,
    CaseRecord,
    CompositeNode,
    CurveNode,
    DecisionRecord,
    ExtremeNode,
    MeasureNode,
    Node,
    NumberNode,
)
from .between_models import BetweenModels, between_models
from .naming import (
    claim_of,
    comparison,
    composite_noun,
    context_clause,
    context_label,
    method_text,
    noun_of,
    part_text,
    stratum_text,
)
from .words import Words, digits_for

#: characters of the user's own words in front of the numbers
_LONGEST_OWN = 120
#: digits in what is said to who decides
_SHORT_DIGITS: dict[Unit, int] = {"percent": 1, "points": 1, "number": 2}
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}


def digits_of(case: CaseRecord, *, least: int | None = None) -> int:
    """Digits after the point for every value of this case."""
    decisions = [case.decision, *case.decision.parts] if case.decision else []
    values = [v for d in decisions for v in (d.estimate, d.lower, d.upper) if v is not None]
    return digits_for(values, case.threshold, unit_of(case.left), least=least)


def text_of(node: Node) -> str:
    """The canonical text of a left side, from its tree."""
    if isinstance(node, NumberNode):
        return repr(int(node.value)) if node.value.is_integer() and abs(node.value) < 1e15 else repr(node.value)
    if isinstance(node, MeasureNode | CurveNode | CompositeNode):
        return node.text
    if isinstance(node, ExtremeNode):
        return f"{node.of}({', '.join(map(text_of, node.parts))})"
    return f"{_operand(node.left, node.op, right=False)} {node.op} {_operand(node.right, node.op, right=True)}"


def tries_backgrounds(node: Node) -> bool:
    """Whether anything in a left side is about the worst of several backgrounds of an image."""
    if isinstance(node, ArithmeticNode):
        return tries_backgrounds(node.left) or tries_backgrounds(node.right)
    if isinstance(node, CurveNode):
        return tries_backgrounds(node.of)
    return isinstance(node, MeasureNode) and node.measure == "adversarial_background_rate"


def _operand(node: Node, op: str, *, right: bool) -> str:
    text = text_of(node)
    if not isinstance(node, ArithmeticNode):
        return text
    here, there = _PRECEDENCE[op], _PRECEDENCE[node.op]
    return f"({text})" if there < here or (right and there == here) else text


@dataclass(frozen=True)
class SentenceParts:
    """A left side in words: what goes before the claim, the claim with its value, and what the limit speaks of."""

    leads: tuple[str, ...]
    claim: str
    limited: str = "{limit}"


@dataclass(frozen=True)
class Found:
    """The values that were found, by method where there are several, and how they are written.

    ``details`` go behind the only value: its range, or what its scale means.
    """

    values: tuple[tuple[str, float], ...]
    unit: Unit
    digits: int
    details: tuple[str, ...] = ()

    def amount(self, words: Words) -> str:
        """The size of the only value: *9.7 points (1.6 to 18.8)*."""
        ((_, value),) = self.values
        return self._detailed(words.quantity(abs(value), self.unit, self.digits), words)

    def text(self, words: Words) -> str:
        """*0.312*, or *0.312 (Grad-CAM), 0.243 (Integrated Gradients)*."""
        said = [(method, words.quantity(value, self.unit, self.digits)) for method, value in self.values]
        if len(said) == 1:
            return self._detailed(said[0][1], words)
        return words._("comma").join(words._("value_of_method", value=text, method=method) for method, text in said)

    def _detailed(self, text: str, words: Words) -> str:
        return (
            words._("value_of_method", value=text, method=words._("semicolon").join(self.details))
            if self.details
            else text
        )


def sentence(case: CaseRecord, words: Words) -> str:
    """What was found and what is required; the user's own words where there are any; and how far a claim reaches.

    >>> # "When the background is replaced by ..., 82.1% of the images are classified correctly;
    >>> #  more than 90% is required."
    """
    said = own_words(case, words) or _said(case, words.of([case]))
    if case.claim is None:
        return said
    reach = words._("this_is_said_of_the")
    return f"{said} {reach}"


def own_words(case: CaseRecord, words: Words) -> str:
    """What the user has the report say in this language; empty where that is nothing."""
    return (case.says.get(words.language) if isinstance(case.says, dict) else case.says) or ""


def short_sentence(case: CaseRecord, words: Words, *, scale: bool = False) -> str:
    """The sentence for who decides: of several methods the worst alone, its range behind the value.

    The user's own words stand first, cut off where they are long, and then the numbers.

    Args:
        scale: say what the numbers of the measure mean.
    """
    words = words.of([case])
    unit, worst, left = unit_of(case.left), worst_part(case), case.left
    details = [] if worst is None else [range_text(case, worst, words)]
    if worst is not None and worst.method and len(methods_of(left)) > 1:
        if isinstance(left, MeasureNode):
            left = left.model_copy(update={"methods": [worst.method]})
        else:
            details.insert(0, method_text(worst.method, words))
    if scale:
        details += scales_of(case, words)
    if worst is None or worst.estimate is None:
        found = Found((), unit, 0)
    else:
        digits = short_digits(case)
        values = ((part_text(worst.method, worst.dose, words, worst.group), worst.estimate),)
        found = Found(values, unit, digits, tuple(filter(None, details)))
    own = own_words(case, words)
    own = own if len(own) <= _LONGEST_OWN else own[: _LONGEST_OWN - 1].rstrip() + "…"
    if not own:
        return _with_limit(case, _at_worst(case, _reading(left, found, words), words), words)
    limit = comparison(case.op, words.limit(case.threshold, unit), words)
    value = found.text(words) if found.values else "–"
    return words._("own_words_and_value", says=own, value=value, limit=limit)


def short_digits(case: CaseRecord) -> int:
    """Digits after the point where there is little room."""
    return digits_of(case, least=_SHORT_DIGITS[unit_of(case.left)])


def methods_of(node: Node) -> list[str]:
    """The attribution methods that a left side names, each once."""
    return list(dict.fromkeys(method for leaf in leaves_of(node) for method in leaf.methods))


def worst_part(case: CaseRecord) -> DecisionRecord | None:
    """Of several methods or doses the decision that holds the verdict up."""
    low = case.op in ("<", "<=")

    def badness(part: DecisionRecord) -> tuple[int, float]:
        estimate = -math.inf if part.estimate is None else part.estimate if low else -part.estimate
        return {"INCONCLUSIVE": 1, "FAIL": 2}.get(part.verdict, 0), estimate

    return max(headline(case), key=badness, default=None)


def scales_of(case: CaseRecord, words: Words) -> list[str]:
    """What the numbers of a single measure mean: *0 = looks only at the object, ...*; of a difference nothing."""
    if not isinstance(case.left, MeasureNode):
        return []
    text = words.named("scale", case.left.measure)
    return [] if text == case.left.measure else [text]


def range_text(case: CaseRecord, part: DecisionRecord, words: Words, *, signed: bool = False) -> str:
    """*1.6 to 18.8*, *at most 18.8*; of a value that fell, which is written without its sign, the other way round.

    Args:
        signed: the value is written with its sign.
    """
    unit = unit_of(case.left)
    digits = digits_of(case, least=_SHORT_DIGITS[unit])
    lower, upper = part.lower, part.upper
    if lower is not None and lower == upper:
        return ""
    if not signed and moves(case.left) and (part.estimate or 0.0) < 0:
        lower, upper = (None if bound is None else -bound for bound in (upper, lower))
    low, high = ("" if bound is None else words.tick(bound, unit, digits) for bound in (lower, upper))
    if low and high:
        return words._("range_short", lower=low, upper=high)
    if high:
        return words._("at_most", limit=high)
    return words._("at_least", limit=low) if low else ""


def moves(node: Node) -> bool:
    """Whether a left side is ``a - a.under(c)``, whose value is told as a fall or a rise."""
    return (
        isinstance(node, ArithmeticNode)
        and node.op == "-"
        and isinstance(node.left, MeasureNode)
        and isinstance(node.right, MeasureNode)
        and _comparable(node.left, node.right)
        and _differences(node.left, node.right) == ["contexts"]
        and all(context.name == "original" for context in node.left.contexts)
    )


def _said(case: CaseRecord, words: Words) -> str:
    found = Found(_values(case, words), unit_of(case.left), digits_of(case))
    return _with_limit(case, _at_worst(case, _reading(case.left, found, words), words), words)


def _with_limit(case: CaseRecord, reading: SentenceParts, words: Words) -> str:
    unit = unit_of(case.left)
    limit = comparison(case.op, words.limit(case.threshold, unit), words)
    if reading.limited != "{limit}":
        limit = words._(reading.limited, limit=limit)
    if case.op in ("<", "<="):
        whole = words._("claim_allowed", claim=_joined(reading, words), limit=limit)
    else:
        whole = words._("claim_required", claim=_joined(reading, words), limit=limit)
    return whole[:1].upper() + whole[1:] if words.language == "en" else whole


def _values(case: CaseRecord, words: Words) -> tuple[tuple[str, float], ...]:
    return tuple(
        (part_text(d.method, d.dose, words, d.group), d.estimate) for d in headline(case) if d.estimate is not None
    )


def headline(case: CaseRecord) -> list[DecisionRecord]:
    """The decisions that tell a case in short: one a method; of a curve that must hold at every dose the worst dose.

    The worst is, as in the decision, one that fails, else one that is open, and of those the worst value.
    """
    if case.decision is None:
        return []
    if case.decision.group is not None:  # a worst group is decided as one number
        return [case.decision]
    by_method: dict[str | None, list[DecisionRecord]] = {}
    for part in case.decision.parts or [case.decision]:
        by_method.setdefault(part.method, []).append(part)
    low = case.op in ("<", "<=")

    def badness(part: DecisionRecord) -> tuple[int, float, float]:
        values = (part.estimate, part.upper if low else part.lower)
        estimate, bound = (math.inf if value is None else value if low else -value for value in values)
        rank = {"INCONCLUSIVE": 1, "FAIL": 2}.get(part.verdict, 0)
        return rank, estimate, bound

    return [max(parts, key=badness) for parts in by_method.values()]


def parts_of(case: CaseRecord) -> list[DecisionRecord]:
    """The decisions that tell a case in full: its parts, or itself; of a worst group itself first, then its groups."""
    if case.decision is None:
        return []
    whole = [] if case.decision.group is None else [case.decision.model_copy(update={"group": None})]
    return [*whole, *case.decision.parts] or [case.decision]


def _at_worst(case: CaseRecord, reading: SentenceParts, words: Words) -> SentenceParts:
    """Of a curve by one method: at which dose it was found; with several the dose stands with each value."""
    worst, parts = headline(case), case.decision.parts if case.decision else []
    if len(worst) != 1 or worst[0].dose is None:
        return reading
    tried = words.count(len(parts))
    if worst[0].dose == 0:
        lead = words._("at_the_worst_unchanged", n=tried)
    else:
        lead = words._("at_the_worst_dose", n=tried, dose=f"{worst[0].dose:g}")
    return replace(reading, leads=(*reading.leads, lead))


def _joined(reading: SentenceParts, words: Words) -> str:
    return words._("comma").join([*reading.leads, reading.claim])


def _reading(node: Node, found: Found, words: Words) -> SentenceParts:
    if isinstance(node, MeasureNode):
        return _single(node, found, words)
    if isinstance(node, ArithmeticNode) and node.op in ("-", "/") and _comparable(node.left, node.right):
        assert isinstance(node.left, MeasureNode) and isinstance(node.right, MeasureNode)
        moved = _change(node.left, node.right, found, words) if node.op == "-" else None
        return moved or _contrast(node.op, node.left, node.right, found, words)
    if isinstance(node, CurveNode) and isinstance(node.of, MeasureNode):
        return _of_curve(node.functional, node.of, found, words)
    if isinstance(node, CompositeNode):
        return _composite(node, found, words)
    compared = between_models(node)
    if compared is not None:
        return _between(compared, found, words)
    return SentenceParts((), _is("“" + text_of(node) + "”", found, words))


def _between(compared: BetweenModels, found: Found, words: Words) -> SentenceParts:
    """A quantity of several measures, by one model and by another: how far the accuracy falls, say."""
    first, second = (words._("model_named", model=model) for model in (compared.first, compared.second))
    quantity = compared.quantity
    leads: tuple[str, ...] = ()
    noun = "“" + text_of(quantity) + "”"
    if moves(quantity):
        assert isinstance(quantity, ArithmeticNode) and isinstance(quantity.right, MeasureNode)
        leads, noun = _leads(quantity.right, words), words._("how_far_noun_falls", noun=noun_of(quantity.right, words))
    return SentenceParts(leads, _is(words._("difference_of_two", noun=noun, first=first, second=second), found, words))


def _of_curve(functional: str, node: MeasureNode, found: Found, words: Words) -> SentenceParts:
    """The slope of a curve over its doses, or its mean height."""
    noun, low, high = _noun(node, found, words), node.doses[0].dose, node.doses[-1].dose
    between = {"noun": noun, "low": f"{low:g}", "high": f"{high:g}"}
    if functional == "slope":
        subject = words._("the_slope_of_the_over", **between)
    else:
        subject = words._("the_mean_of_the_over", **between)
    return SentenceParts(_leads(node, words), _is(subject, found, words))


def _composite(node: CompositeNode, found: Found, words: Words) -> SentenceParts:
    """A number of several measures: what it is called, over which contexts, and of a worst group which one it is."""
    subject = words._("the_noun", noun=composite_noun(node, words))
    labels = [context_label(measure.contexts, words) for measure in node.of]
    if node.name == "relative_foreground_sensitivity":
        subject = words._(
            "noun_first_against_second", noun=composite_noun(node, words), first=labels[0], second=labels[1]
        )
    elif node.name == "worst_group_accuracy" and node.arguments["contexts"] != "[]":
        contexts = words._("comma").join(labels)
        subject = words._("the_over_these_contexts", noun=composite_noun(node, words), contexts=contexts)
    claim = _is(subject, found, words)
    if node.name == "worst_group_accuracy" and found.values and found.values[0][0]:
        claim = words._("value_of_method", value=claim, method=found.values[0][0])
    return SentenceParts(_leads(node.of[0], words, context=False), claim)


def _single(node: MeasureNode, found: Found, words: Words) -> SentenceParts:
    claim = claim_of(node, found.text(words), words) if found.values else ""
    if claim and not node.methods:
        return SentenceParts(_leads(node, words), claim)
    return SentenceParts(_leads(node, words), _is(words._("the_noun", noun=_noun(node, found, words)), found, words))


def _noun(node: MeasureNode, found: Found, words: Words) -> str:
    """With its methods, unless they stand with the values."""
    return noun_of(node if len(found.values) < 2 else node.model_copy(update={"methods": []}), words)


def _is(subject: str, found: Found, words: Words) -> str:
    if not found.values:
        return words._("has_no_value", subject=subject)
    return words._("subject_is_value", subject=subject, value=found.text(words))


def _leads(
    node: MeasureNode, words: Words, *, context: bool = True, model: bool = True, stratum: bool = True
) -> tuple[str, ...]:
    leads = []
    if context and (clause := context_clause(node.contexts, words)):
        leads.append(clause)
    if model and node.model is not None:
        leads.append(words._("with_model", model=node.model))
    if stratum and node.stratum is not None:
        leads.append(words._("among_the_images", stratum=stratum_text(node.stratum, words)))
    return tuple(leads)


def _comparable(left: Node, right: Node) -> bool:
    """Two readings of one measure that differ in context, model or stratum."""
    if not isinstance(left, MeasureNode) or not isinstance(right, MeasureNode):
        return False
    same = (left.measure, left.methods, left.target) == (right.measure, right.methods, right.target)
    return same and bool(_differences(left, right))


def _differences(left: MeasureNode, right: MeasureNode) -> list[str]:
    return [name for name in ("contexts", "model", "stratum") if getattr(left, name) != getattr(right, name)]


def _change(left: MeasureNode, right: MeasureNode, found: Found, words: Words) -> SentenceParts | None:
    """``a - a.under(c)`` as a fall, ``a.under(c) - a`` as a change; None for other differences."""
    if _differences(left, right) != ["contexts"] or len(found.values) > 1:
        return None
    falls = not context_clause(left.contexts, words)
    changed, still = (right, left) if falls else (left, right)
    if context_clause(still.contexts, words) or not context_clause(changed.contexts, words):
        return None
    return SentenceParts(
        _leads(changed, words),
        _moved(noun_of(changed, words), found, falls, words),
        "fall_of_limit" if falls else "change_of_limit",
    )


def _moved(noun: str, found: Found, falls: bool, words: Words) -> str:
    if not found.values:
        return words._("the_change_in_has_no", noun=noun)
    if not falls:
        return words._("noun_changes", noun=noun, amount=found.text(words))
    ((_, value),), amount = found.values, found.amount(words)
    # a value of nothing with a range is still one that may lie on either side: the range has to be read
    if value > 0 or (value == 0 and found.details):
        return words._("noun_falls", noun=noun, amount=amount)
    if value < 0:
        return words._("noun_rises", noun=noun, amount=amount)
    return words._("noun_does_not_fall", noun=noun)


def _contrast(op: str, left: MeasureNode, right: MeasureNode, found: Found, words: Words) -> SentenceParts:
    """A difference or a ratio of one measure between two contexts, models or strata."""
    differing = _differences(left, right)
    first, second = (_named(side, differing, words) for side in (left, right))
    noun = _noun(left, found, words)
    if op == "-":
        subject = words._("difference_of_two", noun=noun, first=first, second=second)
    else:
        subject = words._("ratio_of_two", noun=noun, first=first, second=second)
    shared = _leads(
        left,
        words,
        context="contexts" not in differing,
        model="model" not in differing,
        stratum="stratum" not in differing,
    )
    return SentenceParts(shared, _is(subject, found, words))


def _named(node: MeasureNode, differing: list[str], words: Words) -> str:
    names = []
    if "contexts" in differing:
        names.append(context_label(node.contexts, words))
    if "model" in differing:
        names.append(words._("model_named", model=node.model) if node.model else words._("the_model"))
    if "stratum" in differing:
        stratum = stratum_text(node.stratum, words) if node.stratum else None
        names.append(words._("images_of_stratum", stratum=stratum) if stratum else words._("all_images"))
    return " / ".join(names)

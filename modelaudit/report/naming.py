"""What the record names, in words: contexts, methods and measures by the words of the record, everything else by the
catalogue. A name without words reads as the record writes it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from ..evidence.record import CompositeNode, ContextNode, MeasureNode, PhraseRecord
from ..language.errors import ExpressionError
from ..language.parser import parse_stratum
from ..language.reference import Reference, parse_reference
from ..language.spec import number_text
from ..language.strata import (
    Both,
    ColumnIs,
    ColumnNumber,
    Correct,
    Either,
    Group,
    Label,
    Misclassified,
    Not,
    ObjectArea,
    Stratum,
)
from .words import Words

#: targets other than the prediction; any other one is the name of a class
_TARGETS = ("label", "margin")
_LONGEST_NAME = 36


def method_text(text: str, words: Words) -> str:
    """``integrated_gradients(steps=64)`` as *Integrated Gradients (steps=64)*."""
    if own := words.phrase("methods", text):
        return _with_detail(own.label, [own.detail], words)
    name, rest = re.match(r"(\w*)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    phrase = words.phrase("methods", name)
    label = name if phrase is None else phrase.label
    return label + (f" {rest}" if rest.startswith("(") else rest)


def part_text(method: str | None, dose: float | None, words: Words, group: str | None = None) -> str:
    """What tells a part of a decision from the others: *Grad-CAM*, *dose 0.5*, *of class “cat”*; or nothing."""
    parts = [method_text(method, words)] if method else []
    if group is not None:
        parts.append(group_text(group, words))
    if dose is not None:
        parts.append(words._("dose", dose=f"{dose:g}"))
    return words._("comma").join(parts)


def group_text(group: str, words: Words) -> str:
    """A group of a worst group: *of class “cat”*, with the context where several are looked at."""
    stratum, *context = re.split(r" under (?![^']*'(?:[^']*'[^']*')*[^']*\Z)", group, maxsplit=1)
    return words._("comma").join([stratum_text(stratum, words), *context])


def composite_noun(node: CompositeNode, words: Words) -> str:
    """*accuracy of the worst group (by class)*, *mean corruption error (relative to AlexNet, 15 corruptions)*."""
    phrase = words.phrase("measures", node.text)
    return node.name if phrase is None else _with_detail(phrase.label, [phrase.detail], words)


def noun_of(node: MeasureNode, words: Words) -> str:
    """The measure's noun, with its methods and what they explain: *background dependence (Grad-CAM)*."""
    phrase = _measure_phrase(node, words)
    details = [method_text(text, words) for text in node.methods]
    if node.target is not None and node.target != "prediction":
        target = words.named("target", node.target) if node.target in _TARGETS else f"“{node.target}”"
        details.append(words._("explaining_target", target=target))
    # accuracy is also measured where no requirement names it, and no case has words for it
    noun = words.named("measure_noun", node.measure) if phrase is None else phrase.label
    return _with_detail(noun, details, words)


def claim_of(node: MeasureNode, value: str, words: Words) -> str:
    """*95.0% of the images are classified correctly*; empty for a measure without a sentence of its own."""
    phrase = _measure_phrase(node, words)
    return "" if phrase is None else phrase.clause.replace("{value}", value)


def context_label(contexts: list[ContextNode], words: Words) -> str:
    """A composition as a noun: *original images*, *background of another class + noise, severity 3*."""
    labels = []
    for node in contexts:
        if node.name != "original":
            phrase = _context_phrase(node, words)
            labels.append(_with_detail(phrase.label, [phrase.detail], words))
    return " + ".join(labels) if labels else words._("original_images")


def context_clause(contexts: list[ContextNode], words: Words) -> str:
    """A composition after "when": *when the background is replaced by ... and then ...*; empty on original images."""
    changed = [_context_phrase(node, words) for node in contexts if node.name != "original"]
    if not changed:
        return ""
    *before, last = changed
    clauses = [_with_detail(phrase.clause, [phrase.detail], words) for phrase in before]
    clause = words._("and_then").join([*clauses, last.clause])
    if last.detail:
        return words._("when_with_details", clause=clause, details=last.detail)
    return words._("when", clause=clause)


def _measure_phrase(node: MeasureNode, words: Words) -> PhraseRecord | None:
    return words.phrase("measures", node.specs[0] if node.specs else node.measure)


def _context_phrase(node: ContextNode, words: Words) -> PhraseRecord:
    """Its words; of a context without words its text."""
    applied = words._("context_is_applied", context=node.text)
    return words.phrase("contexts", node.text) or PhraseRecord(label=node.text, clause=applied)


def _with_detail(text: str, details: list[str], words: Words) -> str:
    known = words._("comma").join(detail for detail in details if detail)
    return words._("with_details", what=text, details=known) if known else text


def stratum_text(stratum: str, words: Words) -> str:
    """A stratum in words: *of class “cat” and classified correctly on the original*."""
    try:
        return _stratum(parse_stratum(stratum), words)
    except ExpressionError:  # of a record that a newer version wrote
        return words._("in_stratum", stratum=stratum)


def _stratum(stratum: Stratum, words: Words) -> str:
    if isinstance(stratum, Both | Either):
        if labels := _labels(stratum, words):
            return words._("of_class", label=labels)
        both = isinstance(stratum, Both)
        parts = [_stratum(part, words) for part in stratum.parts]
        bracketed = [
            words._("stratum_in_brackets", stratum=text) if both and isinstance(part, Either) else text
            for part, text in zip(stratum.parts, parts, strict=True)
        ]
        joint = words._("and") if both else words._("or")
        return joint.join(bracketed)
    if isinstance(stratum, Not):
        return _all_but(stratum.stratum, words)
    return _simple_stratum(stratum, words)


def _all_but(stratum: Stratum, words: Words) -> str:
    """All images but those of a stratum."""
    if labels := _labels(stratum, words):
        return words._("not_of_class", label=labels)
    if isinstance(stratum, Group):
        return words._("not_of_group", group=stratum.group)
    if isinstance(stratum, ColumnIs):
        return words._("whose_column_is_not", column=stratum.name, value=stratum.value)
    return words._("other_than_stratum", stratum=_stratum(stratum, words))


def _labels(stratum: Stratum, words: Words) -> str:
    """The label, or the labels of which an image has one; "" where the stratum is of something else."""
    parts = stratum.parts if isinstance(stratum, Either) else (stratum,)
    labels = [str(part.label) for part in parts if isinstance(part, Label)]
    return words._("or_of_quoted").join(labels) if len(labels) == len(parts) else ""


def _simple_stratum(stratum: Stratum, words: Words) -> str:
    match stratum:
        case Correct():
            return words._("classified_correctly_on_the_original")
        case Misclassified():
            return words._("misclassified_on_the_original")
        case Label():
            return words._("of_class", label=stratum.label)
        case Group():
            return words._("of_group", group=stratum.group)
        case ColumnIs():
            return words._("whose_column_is", column=stratum.name, value=stratum.value)
        case ColumnNumber():
            limit = comparison(stratum.op, number_text(stratum.limit), words)
            return words._("whose_column_compares", column=stratum.name, limit=limit)
        case ObjectArea():
            limit = comparison(stratum.op, words.limit(stratum.limit, "percent"), words)
            return words._("whose_object_takes_of_the", limit=limit)
        case _:
            return words._("in_stratum", stratum=stratum)


def comparison(op: str, limit: str, words: Words) -> str:
    """*less than 40%*, *at most 40%*, *more than 90%*, *at least 90%*."""
    match op:
        case "<":
            return words._("less_than", limit=limit)
        case "<=":
            return words._("at_most", limit=limit)
        case ">":
            return words._("more_than", limit=limit)
        case _:
            return words._("at_least", limit=limit)


def short_name(name: str) -> str:
    """A name that is too long for a box of page one, cut; it stands whole behind it."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def titles_of(references: Iterable[str], words: Words) -> tuple[str, ...]:
    """Models without the folders where they lay, one short text a reference; two that read alike stand in full."""
    texts = tuple(dict.fromkeys(references))
    short = {text: short_reference(text, words) for text in texts}
    alike = Counter(short.values())
    return tuple(short[text] if alike[short[text]] == 1 else text for text in texts)


def short_reference(text: str, words: Words) -> str:
    """*resnet50 (torchvision), checkpoint line_a.safetensors*; ``net.py:build``; other schemes as they stand."""
    reference = parse_reference(text)
    if reference.scheme == "torchvision":
        return _torchvision(reference, words)
    return text if reference.scheme else _without_folders(text)


def _torchvision(reference: Reference, words: Words) -> str:
    name, _, tag = reference.body.partition("@")
    model = words._("model_of_source", model=name, source=reference.scheme)
    if checkpoint := reference.options.get("checkpoint"):
        return words._("model_with_checkpoint", model=model, file=_without_folders(checkpoint))
    return words._("model_with_weights", model=model, tag=tag) if tag else model


def _without_folders(path: str) -> str:
    """The last part of a path, or the whole text if it is not a path."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or path

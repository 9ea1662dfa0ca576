"""The words of the contexts, methods and measures that a case names, taken from their declarations into the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..engine.planning.plan import single_method
from ..language import registry
from ..language.composite import Composite
from ..language.expression import Arithmetic, Expression, Measure, OfCurve
from ..language.spec import Composed, Context, Spec
from ..language.wording import phrases
from .record import PhraseRecord, Phrases, WordingRecord


def wording_record(expression: Expression) -> WordingRecord:
    """How everything that a left side names reads in a report; what has no words is left out."""
    contexts: dict[str, Spec] = {}
    methods: dict[str, Spec] = {}
    measures: dict[str, Phrases] = {}
    for part in _parts(expression):
        if isinstance(part, Composite):
            words = phrases(part.spec, part.spec.wording())
            measures[str(part)] = {name: PhraseRecord(**vars(phrase)) for name, phrase in words.items()}
        elif isinstance(part, Measure):
            for spec, method in single_method(part.spec):
                measures[str(spec)] = spec_phrases(spec)
                if method is not None:
                    entry = registry.entry_of(method)
                    methods[str(method) if callable(entry.declares.wording) else entry.name] = method
            contexts |= {str(context): context for context in _contexts(part.context)}
    return WordingRecord(
        contexts=_worded({text: spec_phrases(spec) for text, spec in contexts.items()}),
        methods=_worded({name: spec_phrases(spec) for name, spec in methods.items()}),
        measures=_worded(measures),
    )


def spec_phrases(spec: Spec) -> Phrases:
    """The words of a single context, method or measure, with its arguments; empty where its declaration has none."""
    words = phrases(spec, registry.entry_of(spec).declares.wording)
    return {language: PhraseRecord(**vars(phrase)) for language, phrase in words.items()}


def _worded(names: Mapping[str, Phrases]) -> dict[str, Phrases]:
    return {name: words for name, words in names.items() if words}


def _parts(expression: Expression) -> Iterator[Expression]:
    yield expression
    if isinstance(expression, Arithmetic):
        yield from _parts(expression.left)
        yield from _parts(expression.right)
    elif isinstance(expression, OfCurve):
        yield from _parts(expression.curve)
    elif isinstance(expression, Composite):
        yield from expression.leaves()


def _contexts(context: Context | None) -> Iterator[Context]:
    """The single contexts of a composition, of a series as the series itself and at each of its doses."""
    if context is None:
        return
    for each in (context, *(context.at_dose(dose) for dose in context.doses)):
        yield from each.parts if isinstance(each, Composed) else (each,)

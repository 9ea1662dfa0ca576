"""Several models under test side by side: the verdict on each, how its requirements ended, and its worst one."""

from __future__ import annotations

from dataclasses import dataclass

from ..evidence.record import RunRecord
from ..evidence.states import CaseVerdict, counted_as
from .anchors import anchors_of
from .cases import Badge
from .figures import value_text
from .naming import comparison
from .order import worst_first
from .run_sentences import state_of, verdict_badge
from .sentences import short_digits, unit_of, worst_part
from .tested import accuracy_as_photographed, model_title, tested_models, worst_models
from .words import Words

_ENDINGS: tuple[CaseVerdict, ...] = ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")


@dataclass(frozen=True)
class ModelRow:
    """One model: ``counts`` of its requirements are in the order met, not met, undecided, not measured.

    ``worst``: the name of its worst requirement, which stands at ``anchor``; "–" where nothing was measured.
    """

    name: str
    badge: Badge
    counts: tuple[str, ...]
    worst: str
    anchor: str
    value: str
    limit: str
    accuracy: str


def model_rows(record: RunRecord, words: Words) -> tuple[ModelRow, ...]:
    """The models under test, the worst first; nothing where there is only one."""
    models = worst_models(record, tested_models(record))
    if len(models) < 2:
        return ()
    controls = [case for case in record.cases if case.must_fail]
    anchors, rows = anchors_of(record.cases), []
    for model in models:
        own = [record.cases[position] for position in model.cases]
        worst = worst_first(own)[0]
        case, endings = own[worst], [counted_as(one) for one in own]
        unit, part = unit_of(case.left), worst_part(case)
        rows.append(
            ModelRow(
                model_title(model, words),
                verdict_badge(state_of([*own, *controls], record), words),
                tuple(words.count(endings.count(ending)) for ending in _ENDINGS),
                case.name,
                anchors[model.cases[worst]],
                "–" if part is None else value_text(part, unit, short_digits(case), words),
                comparison(case.op, words.limit(case.threshold, unit), words),
                accuracy_as_photographed(record, model, words) or "–",
            )
        )
    return tuple(rows)

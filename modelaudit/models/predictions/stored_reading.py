"""From stored answers to logits: what the numbers mean is decided from all of them, and nothing is made up."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...language.answer_levels import AnswersHeld
from ...language.errors import ModelError
from ...language.scores import ScoreSettings
from ..final_activation import FinalActivation
from ..reading_choice import choose_reading
from ..score_reading import LOGITS, TOLERANCE, ScoreReading, in_unit_range, sum_to_one
from .matching import MatchedAnswers

#: how far the sum of probabilities may be from 1 before it must be said that they are some
_SUM = 1e-4
_UNUSED = (
    "answers: the scores beside the labels are not used; where they are probabilities Audit(scores='probabilities') "
    "says so"
)


def read_stored(
    matched: MatchedAnswers, settings: ScoreSettings, names: list[str]
) -> tuple[Tensor, ScoreReading, AnswersHeld, tuple[str, ...]]:
    """Values [n, outputs] of float32, how logits are read off them, what they hold, and notes.

    Of labels the values are logits by which the strongest label is the largest, the next one the second, and so on;
    with probabilities the softmax of a label's logit is its probability, and the rest is shared by the others.

    Args:
        names: the picture of every row, for messages.

    Raises:
        ModelError: the numbers are not what the audit says they are, or may mean different things.
    """
    if settings.output is not None:
        raise ModelError(f"output={settings.output!r} is of models with several outputs; stored answers have one")
    if matched.ranked is not None:
        return _of_labels(matched, matched.ranked, settings, names)
    assert matched.scores is not None
    values = torch.from_numpy(np.ascontiguousarray(matched.scores))
    reading, notes = _reading(values, settings, names, matched.outputs)
    return values, reading, AnswersHeld("scores"), notes


def _reading(
    values: Tensor, settings: ScoreSettings, names: list[str], outputs: int
) -> tuple[ScoreReading, tuple[str, ...]]:
    if outputs > 1 and settings.scores in (None, "probabilities") and in_unit_range(values):
        away = (values.double().sum(1) - 1).abs()
        if settings.scores == "probabilities" and sum_to_one(values):
            return ScoreReading("probabilities", probabilities="together"), ()
        if settings.scores is None and float(away.max()) > _SUM and bool((values >= 0).all() & (values <= 1).all()):
            row = int(away.argmax())
            raise ModelError(
                f"all scores are between 0 and 1, and those of a picture do not sum to 1 ({names[row]}: "
                f"{float(values[row].sum()):.4g}); say what they are: Audit(scores='probabilities') of one answer, "
                f"rounded (up to {TOLERANCE:g} from 1), 'multilabel' where each stands by itself, or 'logits'"
            )
    first, *more = _extremes(values)
    return choose_reading(first, FinalActivation(), settings, outputs, lambda: more)


def _extremes(values: Tensor) -> list[Tensor]:
    """The rows that decide what all of them can be: with the smallest and the largest value, and the oddest sums."""
    sums = values.double().sum(1)
    exponents = (values.double().exp().sum(1) - 1).abs()
    rows = [values.amin(1).argmin(), values.amax(1).argmax(), sums.argmin(), sums.argmax(), exponents.argmax()]
    return [values[int(row)][None] for row in rows]


def _of_labels(
    matched: MatchedAnswers, ranked: NDArray[np.int64], settings: ScoreSettings, names: list[str]
) -> tuple[Tensor, ScoreReading, AnswersHeld, tuple[str, ...]]:
    count = ranked.shape[1]
    if settings.scores in ("multilabel", "binary"):
        raise ModelError(
            f"scores={settings.scores!r} needs a score of every class, and the answers hold labels; leave it out where "
            "one label is the answer"
        )
    if count > matched.outputs:
        raise ModelError(f"{count} labels a picture, and there are {matched.outputs} classes")
    scores = matched.scores
    notes: tuple[str, ...] = ()
    if scores is not None:
        _require_descending(scores, names)
    probable = scores is not None and settings.scores == "probabilities"
    if scores is None and settings.scores == "probabilities":
        raise ModelError("scores='probabilities', and the answers hold labels without scores; leave it out")
    columns = torch.arange(count, 0, -1, dtype=torch.float32).expand(len(ranked), count).clone()
    others = torch.zeros(len(ranked))
    if probable:
        assert scores is not None
        columns, others = _log_probabilities(scores, matched.outputs, names)
    elif scores is not None:
        notes = (_UNUSED,)
    values = others[:, None].expand(len(ranked), matched.outputs).clone()
    values.scatter_(1, torch.from_numpy(ranked), columns)
    return values, LOGITS, AnswersHeld("top", count, probable), notes


def _require_descending(scores: NDArray[np.float32], names: list[str]) -> None:
    wrong = np.flatnonzero((np.diff(scores, axis=1) > 0).any(axis=1))
    if len(wrong):
        raise ModelError(
            f"{len(wrong)} row(s) whose labels do not stand by falling score, such as {names[int(wrong[0])]}: "
            f"{scores[int(wrong[0])].tolist()}; write the strongest label first"
        )


def _log_probabilities(scores: NDArray[np.float32], outputs: int, names: list[str]) -> tuple[Tensor, Tensor]:
    """[n, labels] and [n]: the logits of the labels, and of each of all others, falling strictly.

    Raises:
        ModelError: they are not the largest probabilities of one answer.
    """
    given = torch.from_numpy(np.ascontiguousarray(scores)).double()
    rest, left = 1 - given.sum(1), outputs - given.shape[1]
    wrong = (given < 0).any(1) | (given > 1).any(1) | (rest < -TOLERANCE)
    wrong |= rest > left * given[:, -1] + TOLERANCE  # the others would be stronger than the last label
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0, 0])
        raise ModelError(
            f"scores='probabilities', and {int(wrong.sum())} row(s) cannot hold the largest of {outputs} probabilities "
            f"with a sum of 1, such as {names[row]}: {[round(one, 4) for one in given[row].tolist()]}; leave scores "
            "out, so that the labels alone are used"
        )
    tiny = torch.finfo(torch.float32).tiny
    columns = given.clamp_min(tiny).log().float()
    others = (rest.clamp_min(0) / max(left, 1)).clamp_min(tiny).log().float()
    below = torch.tensor(-torch.inf)
    for rank in range(1, columns.shape[1]):
        columns[:, rank] = torch.minimum(columns[:, rank], torch.nextafter(columns[:, rank - 1], below))
    return columns, torch.minimum(others, torch.nextafter(columns[:, -1], below))

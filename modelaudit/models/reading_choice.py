"""What a model's outputs mean: said by the user, seen in a first pass, or asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ..language.errors import ModelError
from ..language.scores import ScoreSettings
from .final_activation import Activation, Ending, EndsIn, FinalActivation, activated
from .outputs import as_columns, choose_output, listed, part_of
from .score_reading import ScoreReading, sum_to_one

#: further images on which values must look like probabilities too
Returned = Callable[[], Iterable[Any]]
#: how far a sum may be from 1 where nothing but the values shows that they are probabilities
_SUM = 1e-4
_SATURATED = "1e-38 and 1 - 6e-8 stand for 0 and 1"


def choose_reading(
    returned: Any,
    seen: FinalActivation,
    settings: ScoreSettings,
    classes: int | None,
    more: Returned,
    ends_in: EndsIn | None = None,
) -> tuple[ScoreReading, tuple[str, ...]]:
    """The reading of a model's outputs, and notes on what was not said by the user.

    Args:
        returned: what it returned for one image, in a pass that `seen` watched.
        classes: the number of classes, where it is known.
        more: what it returns for other images; asked only where values look like probabilities.
        ends_in: the last function of a program whose pass cannot be watched.

    Raises:
        ModelError: the outputs are not scores, or may mean different things; the message says what to write.
    """
    output, note = choose_output(returned, settings.output, classes)
    part = part_of(returned, output)
    columns = as_columns(part, 1)
    if columns is None or not columns.is_floating_point():
        what = "" if isinstance(returned, Tensor) else f"; {listed(returned)}"
        raise ModelError(
            f"one image gave an output of shape {list(part.shape)} and {part.dtype}; scores are floating point "
            f"numbers [1, classes], for yes or no one number{what}"
        )
    ending, columns = _proven(seen.of(part), columns), columns.detach()
    if ending.activation is None and ends_in is not None:
        ending = Ending(None if ends_in == "unbounded" else ends_in, None, ends_in == "unbounded")
    alike = _Alike(columns, lambda: [as_columns(part_of(one, output), 1) for one in more()])
    if columns.shape[1] == 1 and settings.scores != "multilabel":
        reading, said = _of_one(settings, ending, alike)
    else:
        reading, said = _of_several(columns, settings, ending, alike)
    reading = ScoreReading(reading.scores, output, reading.activation, reading.probabilities, settings.threshold)
    return reading, tuple(one for one in (note, said) if one)


class _Alike:
    """Whether values look like probabilities on the first image, and on others too."""

    def __init__(self, columns: Tensor, more: Callable[[], list[Tensor | None]]) -> None:
        self._columns, self._more = columns, more

    def in_unit_range(self) -> bool:
        return self._all(lambda columns: bool(((columns >= 0) & (columns <= 1)).all()))

    def probabilities(self) -> bool:
        return self._all(lambda columns: bool((columns >= 0).all()) and sum_to_one(columns, _SUM))

    def percentages(self) -> bool:
        """Rounded ones too."""
        return self._all(lambda columns: bool((columns >= 0).all()) and sum_to_one(columns / 100))

    def _all(self, test: Callable[[Tensor], bool]) -> bool:
        return test(self._columns) and all(one is not None and test(one) for one in self._more())


def _proven(ending: Ending, columns: Tensor) -> Ending:
    """The ending, if what stands before it gives these very outputs (a softmax along another axis does not)."""
    if ending.activation is None or ending.before is None:
        return ending
    before = as_columns(ending.before, 1)
    same = before is not None and torch.allclose(
        activated(ending.activation, before.double()), columns.double(), rtol=1e-2, atol=1e-3, equal_nan=True
    )
    return ending if same else Ending()


def _of_one(settings: ScoreSettings, ending: Ending, alike: _Alike) -> tuple[ScoreReading, str]:
    """One column: yes or no."""
    if ending.activation in ("softmax", "log_softmax"):
        raise ModelError(
            f"it has one output and ends in a {ending.activation} over it, which is the same for every image; end in a "
            "sigmoid, or return the one logit"
        )
    if ending.activation == "sigmoid" and ending.before is not None:
        return ScoreReading("binary", None, "sigmoid"), (
            "outputs: one, the probability of the second class; attributions explain the logit before the sigmoid, "
            "half of it for each class"
        )
    if settings.scores == "probabilities" or ending.activation == "sigmoid":
        if not alike.in_unit_range():
            raise ModelError(
                "scores='probabilities', and its one output is outside of [0, 1]; where it is a logit write "
                "scores='binary'"
            )
        return ScoreReading("binary", None, None, "each"), (
            "outputs: one, the probability p of the second class; nothing before it can be read, so attributions "
            f"explain log(p / (1 - p)) ({_SATURATED})"
        )
    if settings.scores != "logits" and not ending.unbounded and alike.in_unit_range():
        raise ModelError(
            "it has one output, between 0 and 1 on every image that was tried, and nothing shows what it is; where it "
            "is the probability of the second class write Audit(scores='probabilities'), where it is a logit "
            "Audit(scores='logits')"
        )
    return ScoreReading(
        "binary"
    ), "outputs: one, the logit of the second class; attributions explain half of it for each"


def _of_several(columns: Tensor, settings: ScoreSettings, ending: Ending, alike: _Alike) -> tuple[ScoreReading, str]:
    """A column a class, or a label."""
    activation, count = ending.activation, columns.shape[1]
    if settings.scores == "multilabel":
        return _of_labels(count, ending, alike)
    if settings.scores == "binary":
        raise ModelError(
            f"scores='binary' is of a model with one output, and this one has {count}; leave scores out where there is "
            "one output a class, or write scores='multilabel'"
        )
    if activation == "sigmoid" and settings.scores != "logits":
        raise ModelError(
            f"it ends in a sigmoid over {count} outputs, so they are not the probabilities of one answer; where "
            "several labels can be right at once write Audit(scores='multilabel'), where one is and the largest output "
            "is the answer Audit(scores='logits'), which reads the logits before the sigmoid"
        )
    if activation == "sigmoid" and ending.before is None:
        return ScoreReading("logits", None, None, "each"), (
            "outputs: the program ends in a sigmoid that cannot be taken off, so attributions explain log(p / (1 - p)) "
            f"({_SATURATED})"
        )
    if activation is not None and ending.before is not None:
        return ScoreReading("logits" if activation == "sigmoid" else "probabilities", None, activation), (
            f"outputs: the model ends in {_article(activation)}; the logits before it are read and explained"
        )
    if settings.scores == "logits":
        return ScoreReading(), ""
    if alike.probabilities():
        return ScoreReading("probabilities", None, None, "together"), (
            "outputs: probabilities, since they are between 0 and 1 with a sum of 1; nothing before the softmax can be "
            f"read, so attributions explain log p ({_SATURATED})"
        )
    if settings.scores == "probabilities" and not _log_probabilities(columns):
        raise ModelError(
            f"scores='probabilities', and its {count} outputs do not sum to 1 (an image gave "
            f"{float(columns.sum()):.4g}); leave scores out where they are logits, or write scores='multilabel' where "
            "each is a probability of its own"
        )
    if alike.percentages():
        raise ModelError(
            f"its {count} outputs are from 0 to 100 with a sum of 100 (an image gave {_numbers(columns)}), as "
            "percentages are; read as logits, almost every answer would be certain; divide them by 100, or where they "
            "are logits write Audit(scores='logits')"
        )
    return ScoreReading(), ""


def _of_labels(count: int, ending: Ending, alike: _Alike) -> tuple[ScoreReading, str]:
    if ending.activation in ("softmax", "log_softmax"):
        raise ModelError(
            f"scores='multilabel', and it ends in a {ending.activation}, by which its outputs take from each other; "
            "leave scores out, since one label is the answer"
        )
    if ending.activation == "sigmoid" and ending.before is not None:
        return ScoreReading("multilabel", None, "sigmoid"), (
            f"outputs: {count} labels, each by itself; attributions explain the label's logit before the sigmoid"
        )
    if not ending.unbounded and alike.in_unit_range():
        return ScoreReading("multilabel", None, None, "each"), (
            f"outputs: {count} labels, each a probability p by itself, since all are between 0 and 1; nothing before "
            f"them can be read, so attributions explain log(p / (1 - p)) ({_SATURATED})"
        )
    return ScoreReading("multilabel"), f"outputs: {count} labels, each the logit of a yes or no of its own"


def _log_probabilities(columns: Tensor) -> bool:
    return bool((columns <= 0).all()) and sum_to_one(columns.double().exp(), _SUM)


def _numbers(columns: Tensor) -> str:
    """The largest few of an image."""
    return ", ".join(f"{value:.4g}" for value in columns[0].sort(descending=True).values[:3].tolist())


def _article(activation: Activation) -> str:
    return {"softmax": "a softmax", "log_softmax": "a log-softmax", "sigmoid": "a sigmoid"}[activation]

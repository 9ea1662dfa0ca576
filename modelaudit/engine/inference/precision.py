"""Whether a faster precision gives a model's numbers: checked on the user's own first images, before any counts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...language.boundary import contained, failure_text
from ...models import Fidelity, fidelity
from ...models.acceleration import Precision
from ..images.batches import Chunk, ContextBatch
from ..planning.plan import PassAsk
from .running_model import RunningModel
from .values import PassValues, missing_rows, read_pass

_EXACT: Precision = "float32"


def settle(model: RunningModel, passes: Sequence[tuple[PassAsk, ContextBatch]], chunk: Chunk) -> None:
    """Set the model's precision to the fastest one that changes no prediction and no measure by more than 1e-3.

    Every pass of the first chunk is run in float32 and in each faster precision that the device has, until one agrees;
    nothing of that is kept. What was found is a note for the record. Where nothing faster exists this costs nothing.

    Args:
        passes: the model's, originals first, with the chunk as each of them sees it.
    """
    model.run_in(_EXACT)
    faster = model.candidates[:-1]
    if not faster or not passes:
        return
    try:
        reference = _read_all(model, passes, chunk)
    except BaseException as error:  # the measurement itself will meet it, and says which cases need what failed
        why = failure_text(contained(error))
        model.run_in(_EXACT, f"precision: {_EXACT}; nothing faster could be tried: {why}")
        return
    for candidate in faster:
        model.run_in(candidate)
        try:
            found = _read_all(model, passes, chunk)
            judged = _judged(reference, found)
        except BaseException as error:
            judged = Fidelity(False, float("nan"), failure_text(contained(error)))
        verb = "agrees with" if judged.ok else "differs from"
        tried = f"{candidate} {verb} {_EXACT} on the first {len(chunk.samples)} images ({judged}; limit 0.001)"
        model.run_in(candidate, f"precision: {tried}")
        if judged.ok:
            return
    model.run_in(_EXACT)


def _read_all(model: RunningModel, passes: Sequence[tuple[PassAsk, ContextBatch]], chunk: Chunk) -> list[PassValues]:
    """Every pass; those after the one on the originals are compared with its logits."""
    read: list[PassValues] = []
    for ask, shown in passes:
        original = next((one.original for one in read), None)
        read.append(read_pass(ask, model, chunk, shown, original=original))
    return read


def _judged(reference: Sequence[PassValues], fast: Sequence[PassValues]) -> Fidelity:
    """The values of all passes together, each under the number of its pass."""
    return fidelity(_values(reference), _values(fast), (_logits(reference), _logits(fast)))


def _values(passes: Sequence[PassValues]) -> dict[str, Tensor]:
    """[n] by column, NaN where missing; maps that a faster precision alone makes invalid show so."""
    found: dict[str, Tensor] = {}
    for number, values in enumerate(passes):
        for key, output in values.columns.items():
            known = output.values.double().cpu().clone()
            known[list(missing_rows(output))] = torch.nan
            found[f"{key} of pass {number}"] = known
    return found


def _logits(passes: Sequence[PassValues]) -> Tensor:
    return torch.cat([values.logits for values in passes])

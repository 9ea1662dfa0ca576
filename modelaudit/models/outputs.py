"""Which of the tensors that a model returns holds its scores, as [batch, columns]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

from ..language.errors import ModelError, nearest

_LISTED = 12


def named_outputs(value: Any) -> dict[str, Tensor]:
    """The tensors that a model returned, by index or key; those of nested outputs by ``"outer.inner"``."""
    return dict(_named(value, ""))


def part_of(value: Any, output: int | str | None) -> Tensor:
    """The tensor that holds the scores.

    Args:
        output: its index or key (one that :func:`named_outputs` lists); None: the tensor itself, ``.logits``, the key
            "logits", or the first part of a tuple.

    Raises:
        ModelError: there is none.
    """
    if output is not None:
        outputs = named_outputs(value)
        name = _name_of(output, outputs)
        if name is None:
            raise ModelError(f"the model returned no output {output!r}; {listed(value)}")
        return outputs[name]
    found = _conventional(value)
    if found is None and isinstance(value, tuple | list) and value:
        found = value[0] if isinstance(value[0], Tensor) else None
    if found is None:
        raise ModelError(
            f"the model returned {type(value).__name__} without logits; return a tensor [batch, classes], or say which "
            f"output holds the scores: Audit(output=...){_of(value)}"
        )
    return found


def as_columns(scores: Tensor, batch: int) -> Tensor | None:
    """Scores of `batch` images as [batch, columns]: axes of length 1 after them, or a squeezed one, do not matter.

    None for a tensor of another shape.
    """
    if scores.ndim == 2:
        return scores if scores.shape[0] == batch else None
    if scores.ndim < 2:
        if scores.ndim == 1 and scores.shape[0] == batch:
            return scores.reshape(batch, 1)
        return scores.reshape(1, -1) if batch == 1 and scores.numel() else None  # squeeze() took the batch's axis too
    if scores.shape[0] == batch and scores[0].numel() == scores.shape[1]:
        return scores.flatten(1)
    return None


def choose_output(value: Any, said: int | str | None, classes: int | None) -> tuple[int | str | None, str]:
    """Which output of one image holds the scores, and a note on the choice ("" where there was none).

    Args:
        said: what the user named.
        classes: the number of classes, where it is known: exactly one output of so many columns is taken (of one, where
            there are two classes).

    Raises:
        ModelError: it cannot be told; the message lists the outputs.
    """
    outputs = named_outputs(value)
    if said is not None:
        if isinstance(value, Tensor):
            raise ModelError(f"output={said!r}: the model returns one tensor {list(value.shape)}; leave output out")
        if _name_of(said, outputs) is None:
            raise ModelError(f"output={said!r}: the model has no such output{nearest(str(said), outputs)}{_of(value)}")
        return said, ""
    if isinstance(value, Tensor) or _conventional(value) is not None:
        return None, ""
    widths = {name: columns.shape[1] for name, part in outputs.items() if (columns := _scores(part)) is not None}
    fitting = [name for name, width in widths.items() if width == classes or (width == 1 and classes == 2)]
    chosen = fitting or list(widths) if len(widths) == 1 else fitting
    if len(outputs) == 1 and widths:
        return _key(value, next(iter(widths))), ""
    if len(chosen) == 1:
        why = f"with a column for each of the {classes} classes" if fitting else "that is [images, columns]"
        if fitting and widths[chosen[0]] == 1:
            why = "with one column, for two classes"
        return _key(value, chosen[0]), _choice(outputs, chosen[0], why)
    if not outputs:
        part_of(value, None)
    known = "" if classes is None else f"for {classes} classes "
    raise ModelError(
        f"the model returns several outputs, and {known}{len(chosen) or 'none'} of them could be the scores; say which "
        f"holds them: Audit(output={_example(value, widths)}){_of(value)}"
    )


def _name_of(output: int | str, outputs: Mapping[str, Tensor]) -> str | None:
    """The name of an output given by key, or by its place."""
    if str(output) in outputs:
        return str(output)
    return list(outputs)[output] if isinstance(output, int) and -len(outputs) <= output < len(outputs) else None


def listed(value: Any) -> str:
    """The outputs with their shapes, in words."""
    outputs = named_outputs(value)
    return f"its outputs are {_listed(outputs)}" if outputs else f"it returned {type(value).__name__}"


def _choice(outputs: Mapping[str, Tensor], name: str, why: str) -> str:
    others = {other: part for other, part in outputs.items() if other != name}
    return f"outputs: {_listed({name: outputs[name]})} is read, the only one {why}; not read: {_listed(others)}"


def _of(value: Any) -> str:
    return f"; {listed(value)}" if named_outputs(value) else ""


def _listed(outputs: Mapping[str, Tensor]) -> str:
    shown = [f"{name!r} {list(part.shape)}" for name, part in list(outputs.items())[:_LISTED]]
    more = len(outputs) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _named(value: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, part in _parts(value):
        full = f"{prefix}{name}"
        if isinstance(part, Tensor):
            yield full, part
        else:
            yield from _named(part, f"{full}.")


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Tensor):
        return []
    if isinstance(value, Mapping):
        return [(str(key), part) for key, part in value.items()]
    if isinstance(value, tuple | list):
        names: Sequence[object] = getattr(value, "_fields", range(len(value)))
        return [(str(name), part) for name, part in zip(names, value, strict=True)]
    if is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    logits = getattr(value, "logits", None)
    return [("logits", logits)] if isinstance(logits, Tensor) else []


def _conventional(value: Any) -> Tensor | None:
    """A tensor itself, or the one called logits."""
    if isinstance(value, Tensor):
        return value
    logits = value.get("logits") if isinstance(value, Mapping) else getattr(value, "logits", None)
    return logits if isinstance(logits, Tensor) else None


def _scores(part: Tensor) -> Tensor | None:
    """[1, columns] of an output that could be the scores of one image; a single number may be a loss."""
    return as_columns(part, 1) if part.ndim and part.is_floating_point() else None


def _key(value: Any, name: str) -> int | str | None:
    """How an output is named later: None for the first of a tuple, where it has always been looked for."""
    if isinstance(value, tuple | list) and not hasattr(value, "_fields") and name.isdigit():
        return int(name) or None
    return name


def _example(value: Any, widths: Mapping[str, int]) -> str:
    name = next(iter(widths), "0")
    return name if isinstance(value, tuple | list) and name.isdigit() else repr(name)

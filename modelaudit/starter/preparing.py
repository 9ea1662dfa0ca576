"""What a command is given about a model: its classes, how its input is prepared, what its outputs are."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from ..language.errors import ModelError
from ..language.sample import Preprocessing
from ..language.scores import ScoreSettings

_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
_HOW = "write RESIZE,CROP and, where the model needs it, imagenet or mean=M:M:M,std=S:S:S, e.g. 256,224,imagenet"


@dataclass(frozen=True)
class ModelOptions:
    """What the user says about a model; None: what the model itself shows."""

    classes: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    scores: Any = None
    output: int | str | None = None

    @classmethod
    def of_texts(
        cls,
        *,
        classes: str | None,
        preprocessing: str | None,
        scores: str | None,
        output: str | None,
        prefix: str = "--",
    ) -> Self:
        """The options of a command as they were typed.

        Args:
            prefix: how the options begin, for messages.

        Raises:
            ModelError, ExpressionError: a text that cannot be read so.
        """
        return cls(
            None if classes is None else tuple(name.strip() for name in classes.split(",")),
            None if preprocessing is None else preprocessing_of(preprocessing, f"{prefix}preprocessing"),
            scores,
            int(output) if output is not None and output.isdecimal() else output,
        )

    @property
    def score_settings(self) -> ScoreSettings:
        """What is said about the outputs."""
        return ScoreSettings(self.scores, self.output)


def preprocessing_of(text: str, option: str = "--preprocessing") -> Preprocessing:
    """``RESIZE,CROP``, then what the model is to get: ``imagenet``, or fields such as ``mean=0.5:0.5:0.5``.

    A side is in pixels, ``HEIGHTxWIDTH``, or ``-`` for none; ``RESIZE`` alone crops nothing.

    Args:
        option: what the argument is called, for messages.

    Raises:
        ModelError: anything else.
    """
    sides: list[Any] = []
    values: dict[str, Any] = {}
    for part in (part.strip() for part in text.split(",")):
        name, equals, value = part.partition("=")
        if part == "imagenet":
            values |= _IMAGENET
        elif equals:
            values[name.strip()] = _value(name.strip(), value.strip(), option, text)
        elif values or len(sides) == 2:
            raise ModelError(f"{option} {text}: {part!r} is one part too many; {_HOW}")
        else:
            sides.append(_side(part, option, text))
    for name, side in zip(("resize", "crop"), sides, strict=False):
        values.setdefault(name, side)
    return Preprocessing(**values)


def preprocessing_source(preprocessing: Preprocessing) -> str:
    """The call in Python that makes it, without what is default."""
    given = changed_fields(preprocessing)
    return f"Preprocessing({', '.join(f'{name}={_python(value)}' for name, value in given.items())})"


def changed_fields(preprocessing: Preprocessing) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    usual = Preprocessing()
    values = {part.name: getattr(preprocessing, part.name) for part in fields(preprocessing)}
    return {name: value for name, value in values.items() if value != getattr(usual, name)}


def _python(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _value(name: str, value: str, option: str, text: str) -> Any:
    known = [part.name for part in fields(Preprocessing)]
    if name not in known:
        raise ModelError(f"{option} {text}: unknown field {name!r} (known: {', '.join(known)}); {_HOW}")
    if name in ("resize", "crop"):
        return _side(value, option, text)
    try:
        if name in ("mean", "std"):
            return tuple(float(one) for one in value.split(":"))
        if name == "channels":
            return int(value)
    except ValueError:
        raise ModelError(f"{option} {text}: {name}={value} must be numbers; {_HOW}") from None
    if name == "antialias":
        return value.lower() in ("true", "yes", "1")
    return value


def _side(text: str, option: str, whole: str) -> int | tuple[int, int] | None:
    if text in ("-", ""):
        return None
    numbers = text.lower().split("x")
    if len(numbers) > 2 or not all(one.isascii() and one.isdigit() and int(one) > 0 for one in numbers):
        raise ModelError(f"{option} {whole}: a size is e.g. 224, 480x640 (height x width) or -, got {text!r}; {_HOW}")
    sides = [int(one) for one in numbers]
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])

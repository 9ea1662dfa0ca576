"""Calls of public names with wrong arguments: an error in the words of the language, not in those of Python.

``swap_background()`` says which argument is missing and what the name takes, instead of a TypeError about
``__init__``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ClassVar, ParamSpec, TypeVar, cast

from .errors import ExpressionError, nearest

_P = ParamSpec("_P")
_R = TypeVar("_R")
#: calls with more parameters than this are not listed whole
_MOST_SHOWN = 6
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class CheckedCall(type):
    """Metaclass of the classes that users construct: a call that does not fit is an ExpressionError.

    A class may say in ``written_as`` under which name users know it, and in ``example`` how it is called.
    """

    written_as: ClassVar[str]
    example: ClassVar[str]

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except TypeError as error:
            wrong = misfit(inspect.signature(cast(Any, cls).__init__), (cls, *args), kwargs)
            if wrong is None:
                raise
            example = cls.usage()
            write = f"{' Write' if wrong.endswith('?') else '; write'} e.g. {example}" if example else ""
            raise ExpressionError(f"{cls.spoken_name()}: {wrong}{write}") from error

    def spoken_name(cls) -> str:
        """The name that users write."""
        return vars(cls).get("written_as") or cls.__name__

    def usage(cls) -> str:
        """A call as users write it; empty where the class has none."""
        return vars(cls).get("example") or ""


def checked_call(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a public function: a call that does not fit its arguments is an ExpressionError.

    >>> @checked_call
    ... def top_k_accuracy(k: int) -> int:
    ...     return k
    >>> top_k_accuracy()
    Traceback (most recent call last):
        ...
    modelaudit.language.errors.ExpressionError: top_k_accuracy: the argument k is missing; it takes k
    """

    @wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            signature = inspect.signature(function)
            wrong = misfit(signature, args, kwargs)
            if wrong is None:
                raise
            name = f".{function.__name__}(...)" if "self" in signature.parameters else function.__name__
            raise ExpressionError(f"{name}: {wrong}") from error

    return called


def misfit(signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """How the arguments of a call do not fit a signature, and what it takes; None where they fit.

    >>> def blur(sigma, each=()): ...
    >>> misfit(inspect.signature(blur), (), {"sigam": 2})
    "unknown argument 'sigam'; did you mean 'sigma'?"
    """
    parameters = {name: part for name, part in signature.parameters.items() if name != "self"}
    given = args[1:] if "self" in signature.parameters else args
    places = [name for name, part in parameters.items() if part.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    named = [name for name, part in parameters.items() if part.kind not in _VARIADIC]
    takes = f"it takes {_listed(list(parameters.values()))}"
    kinds = {part.kind for part in parameters.values()}
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        for key in kwargs:
            if key not in named:
                hint = nearest(key, named)
                more = "; arguments of a method are written in its own brackets, e.g. 'integrated_gradients(steps=20)'"
                return f"unknown argument {key!r}{hint if hint.endswith('?') else f'; {takes}'}" + (
                    more if "methods" in parameters and not hint.endswith("?") else ""
                )
    if len(given) > len(places) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        return f"{len(given)} arguments by position, which is {len(given) - len(places)} too many; {takes}"
    for name in places[: len(given)]:
        if name in kwargs:
            return f"{name} is given twice, by position and by name; {takes}"
    missing = [
        name
        for place, name in enumerate(named)
        if parameters[name].default is inspect.Parameter.empty
        and name not in kwargs
        and not (name in places and place < len(given))
    ]
    if missing:
        several = f"the arguments {', '.join(missing)} are missing"
        return f"{several if len(missing) > 1 else f'the argument {missing[0]} is missing'}; {takes}"
    return None


def _listed(parameters: list[inspect.Parameter]) -> str:
    """The parameters of a call; of many only those without a default by name."""
    if not parameters:
        return "no arguments"
    if len(parameters) <= _MOST_SHOWN:
        return ", ".join(map(_shown, parameters))
    needed = [part.name for part in parameters if part.default is inspect.Parameter.empty]
    return f"{', '.join(needed) or 'nothing'}, and options by name"


def _shown(part: inspect.Parameter) -> str:
    """A parameter as users write it, with its default."""
    if part.kind is inspect.Parameter.VAR_POSITIONAL:
        return f"*{part.name}"
    if part.kind is inspect.Parameter.VAR_KEYWORD:
        return f"**{part.name}"
    if part.default is inspect.Parameter.empty:
        return part.name
    return f"{part.name}={part.default!r}"

"""The dataclasses behind the names users write, and their two texts.

The *canonical* text leaves defaults out and stands in reports and contracts. The *long* form states every field and
the version of every definition; it is what is hashed and locked, so a changed default cannot change a contract.
"""

from __future__ import annotations

import dataclasses
import keyword
import math
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from types import UnionType
from typing import Any, ClassVar, Self, TypeVar, cast, get_args

from . import registry
from .calls import CheckedCall
from .errors import ExpressionError, nearest

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_DOSE = "dose"
#: in the metadata of a field without default: texts write it by its name, as in ``miss_rate(good=free)``
BY_NAME = "by_name"
_T = TypeVar("_T")


class _Registered(CheckedCall):
    """Metaclass of specs: they are known by the names under which they are registered."""

    def spoken_name(cls) -> str:
        return spec_name(cast("type[Spec]", cls))

    def usage(cls) -> str:
        entry = registry._registry.by_spec.get(cls)
        examples = getattr(entry.declares, "examples", ()) if entry else ()
        return _written(registry.read("context", examples[0]), _quoted) if examples else ""


class Spec(metaclass=_Registered):
    """Base of every frozen dataclass that users construct by a registered name."""

    #: the name of the field that takes any number of positional arguments, if there is one
    variadic: ClassVar[str | None] = None
    #: the name of the field that holds any number of keyword arguments as (name, value), if there is one
    keywords: ClassVar[str | None] = None

    @classmethod
    def from_arguments(cls, *args: Any, **kwargs: Any) -> Self:
        """Construct from parsed arguments, those of the variadic field one by one."""
        if cls.variadic is not None and args:
            return cls(**{cls.variadic: tuple(args)}, **kwargs)
        return cls(*args, **kwargs)

    def __str__(self) -> str:
        return spec_text(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The call in Python, for Hypothesis, which prints a failing example by it, and for IPython."""
        printer.text(python_text(self))


class Method(Spec):
    """An attribution method: ``integrated_gradients(steps=64)``."""


def dose() -> Any:
    """The field of a context that says how strong it is; ``each=[...]`` in its place makes a series of it.

    It is written by position: ``fade(0.5)``, ``fade(each=[0, 0.5, 1])``.
    """
    return dataclasses.field(default=None, metadata={_DOSE: True})


class Context(Spec):
    """What is done to the surroundings of the object before the model sees the image.

    ``comes_first``: it takes the place of the whole image, so nothing may come before it in a composition.

    A context whose strength is a :func:`dose` has a second field ``each: tuple[float, ...] = ()``. Given by
    ``each`` it is a *series*: no context to be applied, but one context a dose.
    """

    comes_first: ClassVar[bool] = False

    @property
    def doses(self) -> tuple[float, ...]:
        """The doses of a series; empty for a single context."""
        return tuple(getattr(self, "each", ()))

    def at_dose(self, value: float) -> Context:
        """The single context of a series at one of its doses."""
        name = dose_field(type(self))
        assert name is not None
        changed: Any = self
        own = self.doses[self.doses.index(value)]  # 1.0 may come from another series of the same doses, and 1 be ours
        return cast(Context, dataclasses.replace(changed, **{name: own, "each": ()}))

    def _check_doses(self, check: Callable[[Any], Any]) -> None:
        """For ``__post_init__``: exactly one of the dose and ``each``, every value through `check`, which returns it.

        Raises:
            ExpressionError: none or both of them, fewer than two doses, or doses that do not rise.
        """
        name = dose_field(type(self))
        assert name is not None
        single, series = plain(getattr(self, name)), plain(getattr(self, "each"))  # noqa: B009
        if isinstance(single, list | tuple):
            raise ExpressionError(f"{spec_name(type(self))}: {name}={single!r}; write several doses as each=[..., ...]")
        if isinstance(series, list | tuple) and not series:
            if single is None:
                example = type(self).usage() or f"{name}=..."
                raise ExpressionError(
                    f"{spec_name(type(self))}: the argument {name} is missing; write e.g. {example} or, for a series, "
                    "each=[..., ...]"
                )
            object.__setattr__(self, name, check(single))
            object.__setattr__(self, "each", ())
            return
        if single is not None:
            raise ExpressionError(f"{spec_name(type(self))}: give {name} or each, not both")
        if not isinstance(series, list | tuple):
            raise ExpressionError(f"{spec_name(type(self))}: each={series!r}; give a list, e.g. each=[1, 2, 3]")
        checked = tuple(check(value) for value in series)
        if len(checked) < 2 or any(late <= early for early, late in pairwise(checked)):
            raise ExpressionError(f"{spec_name(type(self))}: each={list(series)}; give at least two doses that rise")
        object.__setattr__(self, "each", checked)

    def __or__(self, other: Context | type[Context] | str) -> Context:
        """``a | b``: first a, then b."""
        return Composed(_parts(self) + _parts(other))

    def __ror__(self, other: Context | type[Context] | str) -> Context:
        return Composed(_parts(other) + _parts(self))


@dataclasses.dataclass(frozen=True)
class Composed(Context):
    """Contexts applied one after the other."""

    parts: tuple[Context, ...]

    def __post_init__(self) -> None:
        late = next((part for part in self.parts[1:] if part.comes_first), None)
        if late is not None:
            raise ExpressionError(f"'{self}': {late} takes the place of the whole image; write it first")
        series = [part for part in self.parts if part.doses]
        if len(series) > 1:
            raise ExpressionError(f"'{self}' has {len(series)} series; one part may be given by each=[...]")

    @property
    def doses(self) -> tuple[float, ...]:
        """The doses of the part that is a series."""
        return next((part.doses for part in self.parts if part.doses), ())

    def at_dose(self, value: float) -> Context:
        """The composition at one dose of its series."""
        return Composed(tuple(part.at_dose(value) if part.doses else part for part in self.parts))

    def __str__(self) -> str:
        return " | ".join(str(part) for part in self.parts)


class SearchSpec(Spec):
    """A space of changes, in which a measure searches for the one that matters: ``surroundings(colours=["grey"])``."""

    @property
    def tried(self) -> tuple[Context, ...]:
        """The contexts in it that are tried as they are."""
        return ()

    @property
    def kinds(self) -> tuple[Context, ...]:
        """One context of each kind that is searched: what reports and advice go by."""
        return self.tried


class MeasureSpec(Spec):
    """What one number per image is: ``accuracy``, ``background_dependence(gradcam)``."""

    #: the attribution methods it reads; empty for measures of behaviour, a field of those that read maps
    methods: tuple[Method, ...] = ()

    @property
    def stratum(self) -> Any:
        """The images that it is defined over, where these are not all; its canonical text says it by ``.where``."""
        return None

    @property
    def label_names(self) -> tuple[str | int, ...]:
        """The labels that it names: as the data name them, or classes of the model by name or index."""
        return ()


def as_context(value: Context | type[Context] | str) -> Context:
    """A context from a context, its class (``paste_back`` without arguments) or its name.

    Raises:
        ExpressionError: for anything else.
    """
    if isinstance(value, Context):
        return value
    if isinstance(value, type) and issubclass(value, Context):
        return value.from_arguments()
    if isinstance(value, UnionType):
        parts = " | ".join(f"{spec_name(part)}()" for part in get_args(value))
        raise ExpressionError(f"Python makes a type of two names without brackets; write {parts}")
    if isinstance(value, str):
        context: Context = registry.read("context", value)
        return context
    raise ExpressionError(f"{value!r} is not a context; write e.g. swap_background('other_class') or lighting(3)")


def as_search(value: SearchSpec | type[SearchSpec] | str) -> SearchSpec:
    """A space of changes from one, its class, or its text.

    Raises:
        ExpressionError: for anything else.
    """
    if isinstance(value, SearchSpec):
        return value
    if isinstance(value, type) and issubclass(value, SearchSpec):
        return value.from_arguments()
    if isinstance(value, str):
        search: SearchSpec = registry.read("search", value)
        return search
    raise ExpressionError(f"{value!r} is not a space of changes; write e.g. surroundings(colours=['grey'])")


def as_method(value: Method | type[Method] | str) -> Method:
    """A method from a method, its class, or its text: ``"integrated_gradients(steps=20)"``.

    Raises:
        ExpressionError: for anything else.

    >>> print(as_method("integrated_gradients(steps=20)"))
    integrated_gradients(steps=20)
    """
    if isinstance(value, Method):
        return value
    if isinstance(value, type) and issubclass(value, Method):
        return value.from_arguments()
    if isinstance(value, str):
        method: Method = registry.read("attribution", value)
        return method
    if isinstance(value, list | tuple):
        raise ExpressionError(f"{value!r} is a list; write the methods one by one, e.g. ('gradcam', 'saliency')")
    raise ExpressionError(
        f"{value!r} is not an attribution method; write e.g. 'gradcam' or 'integrated_gradients(steps=64)'"
    )


def spec_text(spec: Spec) -> str:
    """Canonical text: required fields by position, others by keyword where they differ from their default."""
    return _written(spec, value_text)


def python_text(spec: Spec) -> str:
    """The expression that makes a spec in Python: ``exposure(0.5, region="background")``.

    >>> from modelaudit.contexts import exposure, paste_back
    >>> print(python_text(exposure(0.5, region="background") | paste_back()))
    exposure(0.5, region="background") | paste_back()
    """
    if isinstance(spec, Composed):
        return " | ".join(python_text(part) for part in spec.parts)
    text = _written(spec, _quoted)
    return text if text.endswith(")") else f"{text}()"


def _written(spec: Spec, text_of: Callable[[Any], str]) -> str:
    """The call that makes a spec, its values written by `text_of`."""
    entry = registry.entry_of(spec)
    parts: list[str] = []
    for part in dataclasses.fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, part.name)
        required = part.default is dataclasses.MISSING and part.default_factory is dataclasses.MISSING
        required |= _DOSE in part.metadata and value is not None
        if part.name == spec.variadic:
            parts.extend(text_of(item) for item in value)
        elif part.name == spec.keywords:
            parts.extend(f"{name}={text_of(item)}" for name, item in value)
        elif required and BY_NAME not in part.metadata:
            parts.append(text_of(value))
        elif required or value != part.default:
            parts.append(f"{part.name}={text_of(value)}")
    return f"{entry.name}({', '.join(parts)})" if parts else entry.name


def long_text(spec: Spec) -> str:
    """Every field, the defaults too, and the version of the definition: ``noise@1(severity=3, region=background)``."""
    if isinstance(spec, Composed):
        return " | ".join(long_text(part) for part in spec.parts)
    entry = registry.entry_of(spec)
    fields: list[tuple[str, Any]] = []
    for part in dataclasses.fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, part.name)
        fields.extend(value if part.name == spec.keywords else [(part.name, value)])
    parts = ", ".join(f"{name}={_long_value(value)}" for name, value in fields)
    return f"{entry.name}@{entry.version}({parts})"


def value_text(value: Any) -> str:
    """An argument as the parser reads it back."""
    value = plain(value)
    if isinstance(value, Spec):
        return str(value)
    if isinstance(value, str):
        return name_text(value)
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    raise ExpressionError(f"{value!r} of type {type(value).__name__} has no canonical text")


def _long_value(value: Any) -> str:
    if isinstance(value, Spec):
        return long_text(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_long_value(item) for item in value) + "]"
    return value_text(value)


def _quoted(value: Any) -> str:
    """An argument as it stands in Python, and in the text form too."""
    return f'"{value}"' if isinstance(value, str) and '"' not in value else value_text(value)


def name_text(name: str) -> str:
    """A name bare where it is an ASCII identifier and no keyword, else quoted with its escapes."""
    if _IDENTIFIER.match(name) and not keyword.iskeyword(name):
        return name
    return repr(name)


def is_finite(value: float) -> bool:
    """Whether a number is finite, and no integer that is larger than every float."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def number_text(value: float) -> str:
    """The shortest text that gives the number back: 0.40 as ``0.4``, 2.0 as ``2``."""
    if not is_finite(value):
        shown = value if isinstance(value, float) else "so large an integer"
        raise ExpressionError(f"{shown} is not a finite number; thresholds and arguments must be finite")
    if isinstance(value, int):
        return str(value)
    if value.is_integer() and abs(value) < 1e15:
        return "-0.0" if value == 0 and math.copysign(1, value) < 0 else str(int(value))
    return repr(value)


def one_of(value: _T, allowed: Iterable[_T], what: str) -> _T:
    """`value` if it is among `allowed`; otherwise an ExpressionError that names the nearest."""
    known = tuple(allowed)
    if value not in known:
        hint = nearest(str(value), [str(item) for item in known])
        raise ExpressionError(f"{what}: {value!r} is not possible{hint}")
    return value


def within(value: float, low: float, high: float, what: str) -> float:
    """`value` as a number of Python if it is one in [low, high]; otherwise an ExpressionError that states the range."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ExpressionError(f"{what}: {value!r} is not a number from {number_text(low)} to {number_text(high)}")
    return value


def spec_name(cls: type[Spec]) -> str:
    """The name that users write, the class's own before it is registered."""
    entry = registry._registry.by_spec.get(cls)
    return entry.name if entry else cls.__name__


def plain(value: Any) -> Any:
    """Converts numbers and arrays of numpy to those of Python, and a range to a list."""
    if isinstance(value, range):
        return list(value)
    return value.tolist() if hasattr(value, "tolist") else value


def dose_field(cls: type[Spec]) -> str | None:
    """The name of the :func:`dose` of a context; None where it has none."""
    return next((part.name for part in dataclasses.fields(cls) if _DOSE in part.metadata), None)  # type: ignore[arg-type]


def _parts(value: Context | type[Context] | str) -> tuple[Context, ...]:
    context = as_context(value)
    return context.parts if isinstance(context, Composed) else (context,)

"""Parses canonical text into expectations, by a small part of Python's grammar.

Nothing is evaluated: the text is parsed by :mod:`ast` and walked over a closed list of node types.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar, cast

from . import registry, strata
from .calls import checked_call
from .composite import Composite, CompositeSpec
from .errors import AuditError, ExpressionError, after, nearest
from .expression import Arithmetic, Expectation, Expression, Measure, Number, Operator
from .spec import Context, MeasureSpec, Method, SearchSpec, Spec, as_context
from .strata import Comparison, Stratum

_ARITHMETIC: dict[type[ast.operator], Operator] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISON: dict[type[ast.cmpop], Comparison] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_FLIPPED: dict[Comparison, Comparison] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_LONGEST = 20_000
_MOST_BITS = 128
_REFINEMENTS = ("under", "of", "where", "slope", "area")
_T = TypeVar("_T")


@checked_call
def parse(text: str) -> Expectation:
    """The expectation whose canonical text is `text` (also any longer wording of it).

    ``parse(str(e)) == e`` for every expectation.

    Raises:
        ExpressionError: with the column where the text stops making sense.
        UnknownNameError: with the nearest known names.

    >>> from modelaudit.measures import accuracy
    >>> parse("accuracy > 0.90") == (accuracy > 0.9)
    True
    """
    return _guarded(text, _expectation)


@checked_call
def parse_expression(text: str) -> Expression:
    """The left side whose canonical text is `text`.

    >>> print(parse_expression("(accuracy)-accuracy.under( swap_background('random') )"))
    accuracy - accuracy.under(swap_background(random))
    """
    return _guarded(text, _expression)


@checked_call
def parse_context(text: str) -> Context:
    """The context whose canonical text is `text`.

    >>> print(parse_context("swap_background(random)|blur(2)"))
    swap_background(random) | blur(2)
    """
    return _guarded(text, _context)


def parse_method(text: str) -> Method:
    """The attribution method whose canonical text is `text`.

    >>> print(parse_method("gradcam(layer='features.12')"))
    gradcam(layer='features.12')
    """
    return _guarded(text, _method)


def parse_search(text: str) -> SearchSpec:
    """The space of changes whose canonical text is `text`.

    >>> print(parse_search("surroundings( stops=1 )"))
    surroundings(stops=1)
    """
    return _guarded(text, _search)


def parse_stratum(text: str) -> Stratum:
    """The stratum whose canonical text is `text`; no room is loaded for it."""
    return _guarded(text, _stratum)


def _guarded(text: str, read: Callable[[ast.expr], _T]) -> _T:
    if not isinstance(text, str):
        raise ExpressionError(f"{text!r} is not text; write e.g. 'accuracy.under(lighting(3)) > 0.9'")
    if len(text) > _LONGEST:
        raise ExpressionError(f"the text has {len(text)} characters; at most {_LONGEST} are read")
    try:
        node = ast.parse(text.strip(), mode="eval").body
        return read(node)
    except SyntaxError as error:
        raise ExpressionError(f"cannot read {_shortened(text)!r}: {error.msg} at column {error.offset}") from error
    except (RecursionError, MemoryError) as error:
        raise ExpressionError("the expression is nested too deeply to be read; split it") from error
    except ValueError as error:
        if isinstance(error, AuditError):
            raise type(error)(*after(f"in {_shortened(text)!r}: ", str(error))) from error
        raise ExpressionError(f"cannot read {_shortened(text)!r}: {error}") from error


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"


def _expectation(node: ast.expr) -> Expectation:
    if isinstance(node, ast.BoolOp):
        raise ExpressionError("'and' and 'or' join several expectations; state them one by one")
    if not isinstance(node, ast.Compare):
        raise ExpressionError(f"no comparison at column {_column(node)}; write e.g. accuracy > 0.9")
    if len(node.ops) != 1:
        raise ExpressionError("a chained comparison is two expectations; write them one by one")
    op = _COMPARISON.get(type(node.ops[0]))
    if op is None:
        raise ExpressionError(f"only < <= > >= compare, not {type(node.ops[0]).__name__}")
    left, right = _expression(node.left), _expression(node.comparators[0])
    if isinstance(left, Number) and not isinstance(right, Number):
        left, right, op = right, left, _FLIPPED[op]
    return Expectation(left, op, right.value if isinstance(right, Number) else cast(float, right))


def _expression(node: ast.expr) -> Expression:
    number = _number(node)
    if number is not None:
        return Number(number)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_expression(node.operand)
    if isinstance(node, ast.BinOp):
        op = _ARITHMETIC.get(type(node.op))
        if op is None:
            raise ExpressionError(f"{type(node.op).__name__} at column {_column(node)}: expressions know + - * /")
        return Arithmetic(op, _expression(node.left), _expression(node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _refined(node, node.func)
    if isinstance(node, ast.Name | ast.Call):
        found = _spec(node, ("measure", "composite"))
        if isinstance(found, CompositeSpec):
            return Composite(found)
        spec = cast(MeasureSpec, found)
        return Measure(spec, stratum=spec.stratum)
    raise ExpressionError(f"cannot read {ast.unparse(node)!r} as an expression")


def _refined(node: ast.Call, function: ast.Attribute) -> Expression:
    base = _expression(function.value)
    if function.attr not in _REFINEMENTS:
        raise ExpressionError(f"unknown refinement .{function.attr}{nearest(function.attr, _REFINEMENTS)}")
    if function.attr in ("slope", "area"):
        if node.args or node.keywords:
            raise ExpressionError(f".{function.attr}() takes no argument")
        return base.slope() if function.attr == "slope" else base.area()
    if len(node.args) != 1 or node.keywords:
        raise ExpressionError(f".{function.attr}(...) takes exactly one argument")
    argument = node.args[0]
    if function.attr == "under":
        return base.under(_context(argument))
    if function.attr == "of":
        name = _value(argument)
        return base.of(name if isinstance(name, str) else cast(str, name))
    return base.where(_stratum(argument))


def _context(node: ast.expr) -> Context:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _context(node.left) | _context(node.right)
    if isinstance(node, ast.Name | ast.Call):
        return as_context(cast(Context, _spec(node, ("context",))))
    raise ExpressionError(f"cannot read {ast.unparse(node)!r} as a context")


def _method(node: ast.expr) -> Method:
    if isinstance(node, ast.Name | ast.Call):
        return cast(Method, _spec(node, ("attribution",)))
    raise ExpressionError(f"cannot read {ast.unparse(node)!r} as an attribution method")


def _search(node: ast.expr) -> SearchSpec:
    if isinstance(node, ast.Name | ast.Call):
        return cast(SearchSpec, _spec(node, ("search",)))
    raise ExpressionError(f"cannot read {ast.unparse(node)!r} as a space of changes")


def _stratum(node: ast.expr) -> Stratum:
    joined = _joined_strata(node)
    if joined is not None:
        return joined
    if isinstance(node, ast.Name) and node.id in ("correct", "misclassified"):
        return strata.correct if node.id == "correct" else strata.misclassified
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "label":
        if len(node.args) == 1 and not node.keywords:
            return strata.Label(_value(node.args[0]))
        raise ExpressionError("label(...) takes exactly one class, by name or by index")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "group":
        if len(node.args) == 1 and not node.keywords:
            return strata.Group(_value(node.args[0]))
        raise ExpressionError("group(...) takes exactly one name")
    if isinstance(node, ast.Call) and _is_column(node):
        if len(node.args) == 2 and not node.keywords:
            return strata.ColumnIs(_value(node.args[0]), _value(node.args[1]))
        raise ExpressionError("column(name, value) takes a column and a text; or write column(name) < 3")
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and _is_column(node.left):
        return _column_compared(node)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and _is_area(node.left):
        op, limit = _COMPARISON.get(type(node.ops[0])), _number(node.comparators[0])
        if op is not None and limit is not None:
            return strata.ObjectArea(op, limit)
    known = ("correct", "misclassified", "label", "object_area", "group", "column")
    raise ExpressionError(
        f"cannot read {ast.unparse(node)!r} as a stratum{nearest(ast.unparse(node), known)} "
        "(correct, misclassified, label(name), group(name), column(name, value), column(name) < 3, object_area < 0.1; "
        "joined by 'and', 'or', 'not', or by &, | and ~ with brackets around comparisons)"
    )


def _joined_strata(node: ast.expr) -> Stratum | None:
    """What ``and``, ``or``, ``not``, or &, | and ~ make of other strata; None for any other node."""
    if isinstance(node, ast.BoolOp):
        join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
        return reduce(join, map(_stratum, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
        left, right = _stratum(node.left), _stratum(node.right)
        return left & right if isinstance(node.op, ast.BitAnd) else left | right
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
        return ~_stratum(node.operand)
    return None


def _is_column(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "column"


def _column_compared(node: ast.Compare) -> Stratum:
    call, right = cast(ast.Call, node.left), node.comparators[0]
    if len(call.args) != 1 or call.keywords:
        raise ExpressionError("column(name) takes exactly one name where it is compared")
    name = _value(call.args[0])
    if isinstance(node.ops[0], ast.Eq | ast.NotEq):
        named = strata.ColumnIs(name, _value(right))
        return named if isinstance(node.ops[0], ast.Eq) else ~named
    op, limit = _COMPARISON.get(type(node.ops[0])), _number(right, whole=True)
    if op is None or limit is None:
        raise ExpressionError(f"cannot read {ast.unparse(node)!r}: a column is == or != a text, or < <= > >= a number")
    return strata.ColumnNumber(name, op, limit)


def _is_area(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "object_area"


def _spec(node: ast.Name | ast.Call, kinds: tuple[str, ...]) -> Spec:
    if isinstance(node, ast.Name):
        name, args, keywords = node.id, [], []
    elif isinstance(node.func, ast.Name):
        name, args, keywords = node.func.id, node.args, node.keywords
    else:
        raise ExpressionError(f"cannot read {ast.unparse(node)!r} as a {' or '.join(kinds)}")
    spec = registry.find_any(kinds, name).spec
    if spec is None or not issubclass(spec, Spec):
        raise ExpressionError(f"{name!r} cannot be written in an expression")
    if any(keyword.arg is None for keyword in keywords):
        raise ExpressionError(f"{name}(**...) is not possible in an expression; write the arguments out")
    named = {cast(str, keyword.arg): _value(keyword.value) for keyword in keywords}
    return spec.from_arguments(*[_value(arg) for arg in args], **named)


def _value(node: ast.expr) -> Any:
    number = _number(node, whole=True)
    if number is not None:
        return number
    if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, str | bool)):
        return node.value
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.List | ast.Tuple):
        return tuple(_value(item) for item in node.elts)
    if isinstance(node, ast.Call):
        return _spec(node, ("attribution", "context", "search"))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _context(node)
    raise ExpressionError(f"cannot read {ast.unparse(node)!r} as an argument")


def _number(node: ast.expr, *, whole: bool = False) -> Any:
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        sign, node = -1, node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        if isinstance(node.value, float) and not math.isfinite(node.value):
            raise ExpressionError(f"the number at column {_column(node)} is not finite")
        if isinstance(node.value, int) and node.value.bit_length() > _MOST_BITS:
            raise ExpressionError(f"the integer at column {_column(node)} has more than {_MOST_BITS} bits")
        return sign * node.value if whole else float(sign * node.value)
    return None


def _column(node: ast.expr) -> int:
    return node.col_offset + 1


registry.reads("context", parse_context)
registry.reads("attribution", parse_method)
registry.reads("search", parse_search)
registry.reads("stratum", parse_stratum)

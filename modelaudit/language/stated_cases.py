"""Which cases were stated, where, and as what: collectors find those that lost their name, and changes are noticed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any
from weakref import WeakKeyDictionary

from .checks import CheckSettings
from .expression import Expectation

#: that of audit.py, which imports this module
AuditCase = Any

#: fields of an audit that a case's statement has in another form, or that only grow
_SAID = ("model", "confidence", "cases")
#: every case by the namespace of the module at whose top level it was stated, so that a collector can see which ones
#: have lost their name; the namespace is kept too, or another one could come to have its id
_created: dict[int, tuple[dict[str, Any], list[AuditCase]]] = {}


def created_in(namespace: Mapping[str, Any]) -> list[AuditCase]:
    """The cases stated while the module with that namespace was executed, in order."""
    return list(_created[id(namespace)][1]) if id(namespace) in _created else []


#: what every case stated when it was stated, kept apart from the case, so that nobody changes both by changing one
_stated: WeakKeyDictionary[AuditCase, Mapping[str, str]] = WeakKeyDictionary()
_ALTERED = (
    "something changed it after the file stated it (a conftest.py, a plugin, other code of this process), so nothing "
    "is decided: remove that code, or change the audit file"
)


def altered(case: AuditCase, expectation: Expectation | None = None) -> str | None:
    """How a case differs from what its file stated, or None.

    Args:
        expectation: the one that is decided, of one of the case's models; None: the case's own.
    """
    then, now = _stated.get(case), _statement(case)
    if then is None:
        return f"'{case.expectation}' was not stated by Audit.expect(...); {_ALTERED}"
    for name, value in then.items():
        if now[name] != value:
            return f"{name}: {now[name]!r} would be decided, and the file states {value!r}; {_ALTERED}"
    variants = [one.long_form() for _, one in case.variants()]
    if expectation is not None and expectation.long_form() not in variants:
        return (
            f"the expectation: '{expectation}' would be decided, and the file states '{case.expectation}'; {_ALTERED}"
        )
    return None


def _statement(case: AuditCase) -> Mapping[str, str]:
    """Everything of a case, and of its audit, that plays a part in the verdict, as text."""
    audit = case.audit
    return {
        "the expectation": str(case.expectation),
        "its long form": case.expectation.long_form(),
        "confidence": repr(case.confidence),
        "must_fail": repr(case.must_fail),
        "importance": repr(case.importance),
        "reviewed_by": repr(case.reviewed_by),
        "clause": repr(case.clause),
        "the models": ", ".join(f"{name}: {_named(model)}" for name, model in audit.models.items()),
        **{part.name: _named(getattr(audit, part.name)) for part in fields(audit) if part.name not in _SAID},
    }


def _named(value: Any) -> str:
    """A plain value by its text, any other object by its type and identity."""
    plain = value is None or isinstance(value, str | int | float | CheckSettings)
    return repr(value) if plain else f"{type(value).__name__} at {id(value):#x}"


#: cases stated while pytest ran a function (a test, a fixture) or read a YAML file: a collector takes the latter
_in_functions: list[AuditCase] = []


def stated_in_functions() -> list[AuditCase]:
    """The cases stated inside functions that pytest ran, in order: no collector sees them, so nothing measures them."""
    return list(_in_functions)


def collected(case: AuditCase) -> None:
    """Take a case that was not stated at the top level of a module: a collector made an item of it."""
    if case in _in_functions:
        _in_functions.remove(case)


def state(case: AuditCase, namespace: dict[str, Any] | None) -> None:
    """Note a new case.

    Args:
        namespace: that of the module at whose top level it is stated; None in a function that pytest runs.
    """
    _stated[case] = _statement(case)
    if namespace is None:
        _in_functions.append(case)
    else:
        _created.setdefault(id(namespace), (namespace, []))[1].append(case)


def names_of(cases: Iterable[AuditCase]) -> dict[AuditCase, str]:
    """The module-level name of each case that has exactly one, in the module that states it."""
    found = {}
    for case in cases:
        namespace = _created[case.namespace][0] if case.namespace in _created else {}
        names = [name for name, value in namespace.items() if value is case]
        if len(names) == 1:
            found[case] = names[0]
    return found

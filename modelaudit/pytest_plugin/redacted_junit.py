"""pytest's JUnit log without what identifies images, as the reports of the run are.

Entries of cases are written anew from the redacted record. Of any other, such as a test function or an error at
collection, anything may name an image: its codes, its time and how it ended are left.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from xml.etree import ElementTree

import pytest
from _pytest.junitxml import xml_key

from ..evidence.record import CaseRecord
from ..evidence.redaction import LEFT_OUT, code
from ..report.junit import case_element
from ..report.words import words_of

_ENDINGS = ("failure", "error", "skipped")


def redact_log(
    config: pytest.Config,
    entries: Mapping[object, str],
    cases: Mapping[str, CaseRecord],
    salt: bytes,
    *,
    language: str,
    quick_look: int | None,
) -> None:
    """Redact all entries of the log, before pytest writes it; without a log nothing is done.

    Args:
        entries: ids of cases by the entries that they have in the log; an entry that is not closed knows its own.
        cases: redacted cases by their ids.
    """
    log = config.stash.get(xml_key, None)
    if log is None:
        return
    words, left = words_of(language), dict(cases)
    log.global_properties.clear()
    for entry in log.node_reporters_ordered:
        case = left.pop(entries.get(entry, getattr(entry, "id", "")), None)
        if case is None:
            made = _bare(entry.to_xml(), salt)
        else:
            made = case_element(case, "report.html", words, quick_look=quick_look)
        entry.to_xml = partial(_made, made)  # type: ignore[method-assign]  # as pytest does when it closes one


def _made(entry: ElementTree.Element) -> ElementTree.Element:
    return entry


def _bare(found: ElementTree.Element, salt: bytes) -> ElementTree.Element:
    names = {name: code(salt, "test", found.get(name, "")) for name in ("classname", "name")}
    made = ElementTree.Element("testcase", names, time=found.get("time", "0.000"))
    for part in found:
        if part.tag in _ENDINGS:
            ElementTree.SubElement(made, part.tag, message=LEFT_OUT)
    return made

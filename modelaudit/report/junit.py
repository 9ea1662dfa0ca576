"""JUnit XML of a run that pytest did not write itself, and the properties that every case has there."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

from ..evidence.record import CaseRecord, RunRecord
from ..evidence.record_texts import shown_record
from ..evidence.states import is_exception
from ..language.machine_paths import without_machine_paths
from ..language.plain_text import plain, plain_lines
from .exceptions import exception_text
from .paragraph import paragraph
from .words import Words


def render_junit(record: RunRecord, report: str, words: Words) -> str:
    """The run as JUnit XML: one test case for each case, as pytest writes it.

    Args:
        report: where the report is, for the text of a failure.
    """
    record, report = shown_record(record), without_machine_paths(report)
    cases = [case_element(case, report, words, quick_look=record.quick_look) for case in record.cases]
    counts = Counter(part.tag for case in cases for part in case)
    suite = ElementTree.Element(
        "testsuite",
        name="modelaudit",
        tests=str(len(cases)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time=f"{sum(case.duration_s or 0 for case in record.cases):.3f}",
        timestamp=record.started,
    )
    suite.extend(cases)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def case_properties(record: CaseRecord, *, quick_look: bool) -> list[tuple[str, object]]:
    """The properties of a case in JUnit XML; a quick look has no verdict."""
    decision = record.decision
    found: list[tuple[str, object]] = [
        ("audit_verdict", "QUICK_LOOK" if quick_look else record.verdict),
        ("audit_expectation", record.expectation),
        ("audit_fingerprint", record.fingerprint),
        ("audit_threshold", record.threshold),
    ]
    if record.reason is not None:
        found.append(("audit_reason", record.reason))
    if record.weakened:
        found.append(("audit_weakened", ", ".join(record.weakened)))
    if record.standing in ("advisory", "waived"):
        found.append(("audit_standing", record.standing))
    if record.clause is not None:
        found.append(("audit_clause", record.clause))
    if decision is not None:
        for name in ("estimate", "lower", "upper", "confidence", "rule"):
            value = getattr(decision, name)
            found.append((f"audit_{'value' if name == 'estimate' else name}", "" if value is None else value))
        for name in ("asked", "measured", "undefined", "errored"):
            found.append((f"audit_images_{name}", getattr(decision.counts, name)))
        if decision.counts.without_object:
            found.append(("audit_images_without_object", decision.counts.without_object))
        if decision.counts.unpaired:
            found.append(("audit_images_unpaired", decision.counts.unpaired))
    return [(name, plain(without_machine_paths(value)) if isinstance(value, str) else value) for name, value in found]


def failure_type(case: CaseRecord) -> str | None:
    """FAIL or INCONCLUSIVE, so that a reader can tell a model that failed from one that too little is known of;
    NOT_CAUGHT for a known-bad model that is not caught, XPASS for a strict ``xfail`` that passes."""
    passed = "NOT_CAUGHT" if case.must_fail else "XPASS"
    return passed if case.verdict == "PASS" else case.verdict


def case_element(case: CaseRecord, report: str, words: Words, *, quick_look: int | None) -> ElementTree.Element:
    """The entry of one case, as pytest writes it."""
    module = case.file.removesuffix(".py").replace("/", ".")
    found = ElementTree.Element(
        "testcase", classname=plain(module), name=plain(case.name), time=f"{case.duration_s or 0:.3f}"
    )
    if case.verdict is not None:
        properties = ElementTree.SubElement(found, "properties")
        for name, value in case_properties(case, quick_look=quick_look is not None):
            ElementTree.SubElement(properties, "property", name=name, value=str(value))
    ending = _ending(case)
    if ending is not None:
        tag, kind = ending
        text = paragraph(case, report, words) if tag != "skipped" else plain_lines(_why(case, words, quick_look))
        part = ElementTree.SubElement(found, tag, message=text.split("\n")[0])
        part.text = text
        if kind is not None:
            part.set("type", kind)
    return found


def _ending(case: CaseRecord) -> tuple[str, str | None] | None:
    """The element that says how a case ended that did not pass, and its type."""
    if case.outcome == "failed":
        return "failure", failure_type(case)
    if case.outcome == "error":
        return "error", None
    if case.outcome in ("passed", "xpassed"):
        return None
    return "skipped", "pytest.xfail" if case.outcome == "xfailed" else "pytest.skip"


def why_skipped(quick_look: int | None, words: Words) -> str:
    """Why a case that was measured is reported as skipped: in a quick look, or where it is tolerated."""
    return words._("junit_tolerated") if quick_look is None else words.ngettext("junit_quick_look", quick_look)


def why_excepted(case: CaseRecord, words: Words) -> str:
    """Why a case that is not met is reported as expected to fail."""
    verdict = words.named("state", str(case.verdict))
    return words._("junit_excepted", verdict=verdict, why=exception_text(case, words))


def _why(case: CaseRecord, words: Words, quick_look: int | None) -> str:
    if is_exception(case):
        return why_excepted(case, words)
    if case.absence is None:
        return why_skipped(quick_look, words)
    return words._("junit_not_run", why=case.absence.why) if case.outcome == "not_run" else case.absence.why

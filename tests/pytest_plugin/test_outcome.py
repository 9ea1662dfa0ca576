"""How a case ends, and what pytest, JUnit XML and the record say of it."""

from __future__ import annotations

import glob
import re
import shlex
from xml.etree.ElementTree import Element

import pytest
from pytest_plugin.runs import Line, counts

from modelaudit.evidence.states import NO_VERDICT
from modelaudit.report.words import words_of

FOUR = """
import pytest
audit = Audit(**told())
passes = audit.expect(accuracy > 0.5)
fails = Audit(**told(wrong())).expect(accuracy > 0.5, clause="4.2")
too_few = audit.expect(accuracy > 0.99)
errs = Audit(**told("missing.py:build")).expect(accuracy > 0.5)
"""


def letters(result: pytest.RunResult) -> str:
    """The status letters of the audits' file, which progress divides."""
    return "".join(text.split()[1] for text in result.outlines if re.match(r"audit_line\.py \S", text))


def ends(cases: dict[str, Element]) -> dict[str, list[tuple[str, str | None]]]:
    """How each case of a JUnit file ended: the elements beside its properties, with their types."""
    return {
        name: [(part.tag, part.get("type")) for part in case if part.tag != "properties"]
        for name, case in cases.items()
    }


def test_each_verdict_has_its_letter_and_its_category(line: Line) -> None:
    line.audit(FOUR)
    result = line.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert letters(result) == ".FIE"
    assert counts(result) == {"passed": 1, "failed": 1, "inconclusive": 1, "errors": 1}
    found = {name: (case.verdict, case.reason, case.outcome) for name, case in line.cases().items()}
    assert found == {
        "passes": ("PASS", None, "passed"),
        "fails": ("FAIL", None, "failed"),
        "too_few": ("INCONCLUSIVE", "too_few_images", "failed"),
        "errs": ("ERROR", None, "error"),
    }
    assert line.record().overall == "ERROR"
    assert not line.record().partial


def test_junit_tells_the_verdicts_apart_and_keeps_the_numbers(line: Line) -> None:
    line.audit(FOUR)
    cases = line.junit()
    assert ends(cases) == {
        "passes": [],
        "fails": [("failure", "FAIL")],
        "too_few": [("failure", "INCONCLUSIVE")],
        "errs": [("error", None)],
    }
    assert "missing.py" in str(cases["errs"].find("error").get("message"))  # type: ignore[union-attr]
    record = line.cases()
    for name, case in cases.items():
        kept = {part.attrib["name"]: part.attrib["value"] for part in case.iter("property")}
        decision = record[name].decision
        assert kept["audit_verdict"] == record[name].verdict
        assert float(kept["audit_threshold"]) == record[name].threshold
        assert (decision is None) == (name == "errs")
        if decision is not None:
            assert float(kept["audit_value"]) == decision.estimate
            assert float(kept["audit_lower"]) == decision.lower
            assert float(kept["audit_upper"]) == decision.upper
            assert kept["audit_images_measured"] == "20"


def test_a_failure_is_one_paragraph_that_can_be_acted_on(line: Line) -> None:
    line.audit(
        """
        data = samples(20)
        data[4] = Sample("broken.png", b"no image", "red", mask())
        fails = Audit(**told(wrong(), data)).expect(accuracy.under(gaussian_noise(2)) > 0.5, clause="4.2")
        """
    )
    result = line.run()
    text = "\n".join(result.outlines)
    paragraph = text[text.index("FAIL: fails") : text.index("= audit =")]
    decision = line.cases()["fails"].decision
    assert decision is not None and decision.lower is not None and decision.upper is not None
    assert "FAIL: fails (clause 4.2)\n  accuracy.under(gaussian_noise(2)) > 0.5\n" in paragraph
    assert f"measured 0.0%, range {decision.lower:.1%} to {decision.upper:.1%}, 5% risk of error" in paragraph
    assert "; more than 50% is required.\n" in paragraph
    assert "20 images: 19 measured, 0 undefined, 1 errored\n    image cannot be read: 1; replace " in paragraph
    assert re.search(r"worst images: broken\.png \(image cannot be read\), 0\d\d\.png \(wrong\), ", paragraph)
    report = re.search(r"report: (\S+)", paragraph)
    assert report is not None and (line.path / report[1]).is_file()
    assert "Traceback" not in paragraph


@pytest.mark.parametrize("options", [(), ("--audit-seed", "7"), ("--audit-limit", "8")], ids=" ".join)
def test_the_command_of_a_failure_reproduces_it(line: Line, options: tuple[str, ...]) -> None:
    line.audit(
        """
        audit = Audit(**told(Corner(), samples(20, coupled=True)))
        another = gaussian_noise(5) | swap_background("other_class")
        follows_the_surroundings = audit.expect(confidence.under(another) > 0.9)
        another = audit.expect(accuracy > 0.1)
        """
    )
    line.run(*options)
    first = line.cases()["follows_the_surroundings"]
    assert first.verdict == "FAIL"
    program, *args = shlex.split(first.reproduce)
    assert program == "pytest"
    assert line.run(*args).ret == pytest.ExitCode.TESTS_FAILED
    again = line.cases()
    assert again["another"].standing == "not_run"
    assert again["follows_the_surroundings"].decision == first.decision
    assert again["follows_the_surroundings"].worst == first.worst


@pytest.mark.parametrize("how", ["option", "ini"])
def test_an_inconclusive_case_passes_with_a_warning_where_the_user_says_so(line: Line, how: str) -> None:
    line.audit("too_few = Audit(**told()).expect(accuracy > 0.99)")
    line.write("pytest.ini", "[pytest]\n" + ("audit_inconclusive = warn\n" if how == "ini" else ""))
    result = line.run(*(("--audit-inconclusive=warn",) if how == "option" else ()))
    assert result.ret == NO_VERDICT
    assert counts(result) == {"inconclusive": 1}
    assert "AuditWarning: INCONCLUSIVE(too_few_images): too_few" in result.stdout.str()
    record = line.record()
    assert (record.overall, record.inconclusive) == ("INCONCLUSIVE", "warn")
    assert (record.cases[0].verdict, record.cases[0].outcome) == ("INCONCLUSIVE", "warned")


def test_the_command_line_overrules_the_ini(line: Line) -> None:
    line.audit("too_few = Audit(**told()).expect(accuracy > 0.99)")
    line.write("pytest.ini", "[pytest]\naudit_inconclusive = warn\n")
    assert line.run("--audit-inconclusive=fail").ret == pytest.ExitCode.TESTS_FAILED


def test_a_known_bad_model_passes_on_fail_and_on_nothing_else(line: Line) -> None:
    line.audit(FOUR.replace(")\n", ", must_fail=True)\n").replace("Audit(**told(), must_fail=True)", "Audit(**told())"))
    cases = line.junit("--audit-inconclusive=warn")
    assert ends(cases) == {
        "passes": [("failure", "NOT_CAUGHT")],
        "fails": [],
        "too_few": [("failure", "INCONCLUSIVE")],
        "errs": [("error", None)],
    }
    assert line.record().overall == "ERROR"
    assert line.cases()["fails"].outcome == "passed"


def test_a_control_that_was_not_caught_fails_the_run(line: Line) -> None:
    line.audit(
        """
        right = Audit(**told()).expect(accuracy > 0.5)
        control = Audit(**told(Blind())).expect(accuracy > 0.1, must_fail=True)
        """
    )
    result = line.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "PASS: control [known-bad model: NOT caught]" in result.stdout.str()
    result.stdout.fnmatch_lines(["FAIL: 1 PASS, 0 of 1 known-bad model caught: Blind (NOT caught)"])
    assert line.record().overall == "FAIL"


def test_skip_xfail_and_marks_of_ones_own_mean_what_they_mean_in_pytest(line: Line) -> None:
    line.write(
        "conftest.py",
        """
        import pytest

        def pytest_runtest_setup(item):
            if item.get_closest_marker("needs_camera"):
                pytest.skip("no camera here")
        """,
    )
    line.write("pytest.ini", "[pytest]\nmarkers =\n    needs_camera: needs one\n")
    line.audit(
        """
        import pytest
        mark = pytest.mark
        audit, worse = Audit(**told()), Audit(**told(wrong()))
        right = audit.expect(accuracy > 0.5, marks=mark.skipif(False, reason="never"))
        skipped = audit.expect(accuracy > 0.4, marks=mark.skip(reason="not today"))
        skipped_if = audit.expect(accuracy > 0.3, marks=[mark.skipif(True, reason="not here")])
        own = audit.expect(accuracy > 0.2, marks=[mark.needs_camera])
        known = worse.expect(accuracy > 0.5, marks=mark.xfail(reason="known"))
        mended = audit.expect(accuracy > 0.45, marks=mark.xfail(reason="was known"))
        strictly = audit.expect(accuracy > 0.35, marks=mark.xfail(reason="was known", strict=True))
        """
    )
    cases = line.junit("-rsxX")
    found = {name: (case.verdict, case.outcome) for name, case in line.cases().items()}
    assert found == {
        "right": ("PASS", "passed"),
        "skipped": (None, "skipped"),
        "skipped_if": (None, "skipped"),
        "own": (None, "skipped"),
        "known": ("FAIL", "xfailed"),
        "mended": ("PASS", "xpassed"),
        "strictly": ("PASS", "failed"),
    }
    standings = {name: case.standing for name, case in line.cases().items()}
    assert [name for name, standing in standings.items() if standing == "not_run"] == ["skipped", "skipped_if", "own"]
    assert [name for name, standing in standings.items() if standing == "xfail"] == ["known"]
    assert "not today" in line.cases()["skipped"].message
    assert "no camera here" in line.cases()["own"].message
    assert cases["strictly"].find("failure").get("type") == "XPASS"  # type: ignore[union-attr]
    assert [ends(cases)[name][0][0] for name in ("skipped", "own", "known")] == ["skipped"] * 3
    assert line.record().overall == "FAIL"  # the strict xfail that passes


def test_the_terminal_tells_the_verdicts_and_where_the_report_is(line: Line) -> None:
    line.audit(FOUR)
    result = line.run()
    result.stdout.fnmatch_lines(
        ["*= audit =*", "ERROR: 1 ERROR, 1 FAIL, 1 INCONCLUSIVE, 1 PASS", "report: audit-results/*/report.html"]
    )


WEAKENED = {
    "checks_off": ("checks='off'", ()),
    "checks_off_run": ("", ("--audit-checks=off",)),
    "checks_left_out": ("checks={'masks': 0}", ()),
    "these_clusters": ("claim='these_clusters'", ()),
    "tolerated": ("", ("--audit-inconclusive=warn",)),
}


@pytest.mark.parametrize("name", WEAKENED)
def test_what_weakens_a_verdict_stands_beside_it_everywhere(line: Line, name: str) -> None:
    option, typed = WEAKENED[name]
    words = words_of("en").named("weakened", name)
    line.checks = None
    line.audit(f"too_few = Audit(**told({option})).expect(accuracy > 0.99)")
    result = line.run("--junitxml=junit.xml", *typed)
    assert name in line.cases()["too_few"].weakened
    assert f"1 of 1 verdicts weakened: {words}" in result.stdout.str()
    if name != "tolerated":  # a tolerated case prints its paragraph as a warning
        result.stdout.fnmatch_lines([f"  weakened: *{glob.escape(words)}*"])
    assert name in (line.path / "junit.xml").read_text().split('name="audit_weakened" value="')[1].split('"')[0]
    latest = line.path / "audit-results" / "latest"
    assert words.split(" (")[0] in (latest / "summary.md").read_text()
    html = (latest / "report.html").read_text()
    assert html.count(f'<span class="chip">{words}</span>') == 1  # page one; in Japanese it has other words
    assert html.count(f'<span class="weakened">{words}</span>') == 1  # the case


def test_a_verdict_on_the_usual_terms_is_not_called_weakened(line: Line) -> None:
    line.checks = None
    line.audit("right = Audit(**told()).expect(accuracy > 0.5)")
    assert "verdicts weakened" not in line.run("--junitxml=junit.xml").stdout.str()
    assert line.cases()["right"].weakened == []
    assert "audit_weakened" not in (line.path / "junit.xml").read_text()


def test_junit_has_an_entry_for_what_a_conftest_takes_away_and_none_for_what_was_not_selected(line: Line) -> None:
    line.write(
        "conftest.py",
        """
        collect_ignore = ["audit_other.py"]

        def pytest_collection_modifyitems(items):
            items[:] = [item for item in items if item.name != "hidden"]
        """,
    )
    line.audit("other = Audit(**told()).expect(accuracy > 0.5)", name="audit_other.py")
    line.audit(
        "audit = Audit(**told())\nright = audit.expect(accuracy > 0.5)\nhidden = audit.expect(accuracy > 0.6)\n"
        "unwanted = audit.expect(accuracy > 0.4)"
    )
    cases = line.junit("--deselect=audit_line.py::unwanted")
    assert ends(cases) == {
        "right": [],
        "hidden": [("skipped", "pytest.skip")],
        "audit_other": [("skipped", "pytest.skip")],
    }
    assert "not run: left out by a conftest.py" in str(cases["hidden"].find("skipped").get("message"))  # type: ignore[union-attr]

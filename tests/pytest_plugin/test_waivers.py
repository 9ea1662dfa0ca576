"""Waivers in a run: what they cover counts for nothing and is shown, and everything else fails as without them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from acceptance.openssl import private_key, public_key
from pytest_plugin.runs import Line, counts

from modelaudit.acceptance.keys import load_signer
from modelaudit.acceptance.signed_waivers import sign_waivers
from modelaudit.acceptance.waivers import read_waivers
from modelaudit.evidence.consistency import contradictions
from modelaudit.evidence.record import RunRecord, read_record

THREE = """
passes = Audit(**told()).expect(accuracy > 0.5, importance="critical")
failing = Audit(**told(wrong())).expect(accuracy > 0.5)
broken = Audit(**told("missing.py:build")).expect(accuracy > 0.5)
"""
DAYS_LEFT = 90


def waiver(name: str, *, begins: int = -10, ends: int = DAYS_LEFT, file: str = "audit_line.py", more: str = "") -> str:
    """A waiver from so many days from now to so many."""
    issued, expires = (f"{datetime.now(UTC) + timedelta(days):%Y-%m-%dT%H:%M:%S+00:00}" for days in (begins, ends))
    return f"""
- expectation: {file}::{name}
  owner: Tanaka
  reason: The lamps are replaced in March.
  issued: {issued}
  expires: {expires}
  {more}
"""


def waived(line: Line, text: str, *more: str) -> tuple[pytest.RunResult, RunRecord]:
    """A run with these waivers; its record contradicts nothing."""
    (line.path / "waivers.yaml").write_text(text, encoding="utf-8")
    result = line.run(*more)
    record = line.record()
    assert contradictions(record) == []
    assert record.exit_status == result.ret
    return result, record


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_what_is_waived_keeps_its_verdict_and_counts_for_nothing(line: Line, workers: tuple[str, ...]) -> None:
    line.audit(THREE)
    result, record = waived(line, waiver("failing") + waiver("broken", more="errors: true"), *workers)
    assert result.ret == 0 and record.overall == "PASS_WITH_EXCEPTIONS"
    assert counts(result) == {"passed": 1, "xfailed": 2}
    cases = line.cases()
    ended = {name: (case.verdict, case.standing, case.outcome) for name, case in cases.items()}
    assert ended == {
        "passes": ("PASS", "counted", "passed"),
        "failing": ("FAIL", "waived", "xfailed"),
        "broken": ("ERROR", "waived", "xfailed"),
    }
    assert cases["failing"].waiver is not None and cases["failing"].waiver.owner == "Tanaka"
    assert ("waivers", "waivers.yaml") in [(one.role, one.path) for one in record.provenance.files]


def test_an_expired_waiver_resurfaces_for_its_own_case(line: Line) -> None:
    line.audit(THREE.replace('told("missing.py:build")', "told(wrong())"))
    result, record = waived(line, waiver("failing") + waiver("broken", ends=-1))
    assert result.ret == pytest.ExitCode.TESTS_FAILED and record.overall == "FAIL"
    assert counts(result) == {"passed": 1, "xfailed": 1, "failed": 1}
    assert line.cases()["broken"].standing == "counted"
    result.stdout.fnmatch_lines(["*waiver*broken*expired*"])


def test_an_error_needs_a_waiver_that_says_so_and_one_that_begins_later_covers_nothing(line: Line) -> None:
    line.audit(THREE)
    result, _ = waived(line, waiver("broken", ends=29) + waiver("failing", begins=1))
    assert counts(result) == {"passed": 1, "errors": 1, "failed": 1}
    result.stdout.fnmatch_lines(["*waiver*failing*not yet*"])
    result.stdout.fnmatch_lines(["*waiver*broken*ends in 2? days*"])


@pytest.mark.parametrize(
    ("name", "said", "workers"),
    [
        ("passes", "passes is critical, which cannot be waived", ()),
        ("paases", "no expectation is 'audit_line.py::paases'", ()),
        ("passes", "passes is critical, which cannot be waived", ("-n", "1")),
    ],
    ids=["critical", "unknown", "worker"],
)
def test_what_cannot_be_waived_ends_the_run_before_anything_is_measured(
    line: Line, name: str, said: str, workers: tuple[str, ...]
) -> None:
    line.audit(THREE)
    (line.path / "waivers.yaml").write_text(waiver(name), encoding="utf-8")
    ended = line.run(*workers)
    shown = ended.stdout.str() if workers else ended.stderr.str()
    assert ended.ret == (pytest.ExitCode.INTERRUPTED if workers else pytest.ExitCode.USAGE_ERROR)
    assert "waivers.yaml:2: expectation: " in shown and said in shown and "INTERNALERROR" not in shown
    for record in line.path.glob("audit-results/*/run.json"):
        assert all(case.verdict is None for case in read_record(record).cases)


def test_under_a_lock_the_party_that_it_names_must_have_signed(line: Line) -> None:
    line.checks = line.store = None
    line.photos(24)
    (line.path / "audits").mkdir()
    keys = {name: private_key(line.path / "audits" / f"{name}.pem") for name in ("customer", "vendor")}
    parties = ", ".join(f"{name}: {{name: A, public_key: {public_key(key).name}}}" for name, key in keys.items())
    line.write(
        "audits/agreement.yaml",
        f"""
        title: Acceptance
        parties: {{{parties}}}
        system: {{name: inspector}}
        clauses: {{"1": {{expectations: [passes, failing]}}}}
        waivers: {{signed_by: customer}}
        """,
    )
    line.audit(
        """
        data = {"data": "folder:photos?masks=masks"}
        passes = Audit(**told() | data).expect(accuracy > 0.5, importance="critical")
        failing = Audit(**told(wrong()) | data).expect(accuracy > 0.5)
        """,
        "audits/audit_line.py",
    )
    lock = line.path / "audits" / "agreement.lock"
    assert line.run("audits", "--collect-only", f"--audit-write-lock={lock}").ret == 0
    text = waiver("failing", file="audits/audit_line.py")

    def sign(party: str) -> None:
        found = read_waivers([line.path / "audits" / "waivers.yaml"])
        assert found is not None
        sign_waivers(found.path.with_suffix(".dsse"), found.waivers, load_signer(keys[party]))

    def held(text: str) -> tuple[int, str | None]:
        line.write("audits/waivers.yaml", text)
        result = line.run("audits", f"--audit-lock={lock}")
        record = line.record()
        assert contradictions(record) == [] and record.lock is not None and record.lock.departures == []
        case = line.cases()["failing"]
        assert case.waiver is not None
        if case.waiver.lacks:
            result.stdout.fnmatch_lines(["*waiver*failing*not signed by the party*"])
        return int(result.ret), case.waiver.signed_by

    line.write("audits/waivers.yaml", text)
    sign("vendor")
    assert held(text) == (1, None)
    sign("customer")
    assert held(text) == (0, "customer")
    assert held(text.replace("in March", "in May")) == (1, None)
    assert ("waivers", "audits/waivers.dsse") in [(one.role, one.path) for one in line.record().provenance.files]

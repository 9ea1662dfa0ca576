"""A monitor knows the audited requirements in the words of the report."""

from __future__ import annotations

from report import sample_record

from modelaudit.cli.watch_claims import told_claims
from modelaudit.monitoring.monitor_file import AuditedClaim
from modelaudit.report.sentences import sentence
from modelaudit.report.words import words_of


def test_claims_say_what_the_report_says_and_under_which_changes() -> None:
    record = sample_record.record()
    claims = [
        AuditedClaim(node_id=case.id, text=case.expectation, verdict=case.verdict, threshold=case.threshold)
        for case in record.cases
    ]
    told = list(told_claims(claims, record))
    assert [one.found["ja"] for one in told] == [sentence(case, words_of("ja")) for case in record.cases]
    assert [one.must_fail for one in told] == [case.must_fail for case in record.cases]
    assert any("background" in one.kinds for one in told)
    assert any(one.must_fail for one in told)

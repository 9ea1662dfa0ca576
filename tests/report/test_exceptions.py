"""What the report says of waivers: until when and by whom, and which cover nothing, or will not for long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from report.sample_record import record

from modelaudit.evidence.agreed import AgreedParty, AgreementRecord
from modelaudit.evidence.record import RunRecord, WaiverRecord
from modelaudit.evidence.redaction import redacted
from modelaudit.report.exceptions import exception_note, exception_text, waiver_warnings
from modelaudit.report.page import page_of
from modelaudit.report.pictures import Pictures
from modelaudit.report.run_sentences import headline
from modelaudit.report.words import Words, words_of

NONE_SHOWN = Pictures(frozenset(), {}, frozenset(), 0)
EN, JA = words_of("en"), words_of("ja")
START = datetime(2026, 11, 12, 9, tzinfo=UTC)


def waived(ends: int = 90, begins: int = -10, standing: str = "waived", **more: Any) -> RunRecord:
    """A run whose first FAIL has a waiver, from so many days after its start to so many."""
    issued, expires = (START + timedelta(days) for days in (begins, ends))
    waiver = WaiverRecord(owner="Tanaka", reason="The lamps are replaced.", issued=issued, expires=expires, **more)
    run = record().model_copy(update={"started": START.isoformat()})
    cases = list(run.cases)
    at = next(at for at, case in enumerate(cases) if case.verdict == "FAIL" and not case.must_fail)
    cases[at] = cases[at].model_copy(update={"waiver": waiver, "standing": standing, "outcome": "xfailed"})
    return run.model_copy(update={"cases": [cases[at], *cases[:at], *cases[at + 1 :]]})


def test_who_waived_it_until_when_and_why() -> None:
    run = waived()
    assert exception_text(run.cases[0], EN) == "waived until February 10, 2027 by Tanaka"
    assert "The lamps are replaced." in exception_note(run, run.cases[0], EN)
    assert "1 of these is waived" in headline(run, EN)
    signed = waived(signed_by="customer")
    assert exception_note(signed, signed.cases[0], EN).endswith("(signed by: customer)")
    parties = [AgreedParty(key="customer", name={"en": "Sample Works", "ja": "サンプル製作所"})]
    agreed = signed.model_copy(update={"agreement": AgreementRecord(sha256="0" * 64, parties=parties)})
    assert exception_note(agreed, agreed.cases[0], EN).endswith("(signed by: Sample Works)")
    assert exception_note(agreed, agreed.cases[0], JA).endswith("（署名：サンプル製作所）")
    without = redacted(agreed, b"0" * 32)
    assert "Sample" not in exception_note(without, without.cases[0], EN)
    run = redacted(run, b"0" * 32)
    shown = run.cases[0]
    assert exception_text(shown, EN) == "waived until February 10, 2027"
    for words in (EN, JA):
        assert "Tanaka" not in exception_note(run, shown, words) and "lamps" not in exception_note(run, shown, words)
        assert "2027" in exception_note(run, shown, words)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (waived(ends=-1, standing="counted"), "expired on"),
        (waived(begins=1, standing="counted"), "is not yet in force: it begins on"),
        (waived(ends=30), "ends in 30 days, on"),
        (waived(ends=1), "ends in 1 day, on"),
        (waived(lacks="signature", standing="counted"), "is not signed by the party that the lock names"),
        (waived(lacks="signer", standing="counted"), "names no party, with a key, that may sign"),
    ],
    ids=["expired", "not yet", "soon", "one day", "unsigned", "nobody signs"],
)
def test_what_covers_nothing_or_not_for_long_is_said_on_page_one(run: RunRecord, said: str) -> None:
    (warning,) = waiver_warnings(run, EN)
    assert said in warning and run.cases[0].name in warning
    assert ("Waivers", warning) in page_of(run, EN, NONE_SHOWN).banners


@pytest.mark.parametrize("words", [EN, JA], ids=["en", "ja"])
def test_many_warnings_are_counted(words: Words) -> None:
    assert list(waiver_warnings(waived(ends=31), words)) == []
    run = waived(ends=29)
    cases = [run.cases[0].model_copy(update={"id": f"a.py::{at}"}) for at in range(5)]
    banners = dict(page_of(run.model_copy(update={"cases": cases}), words, NONE_SHOWN).banners)
    shown = words.in_a_row(list(waiver_warnings(run, words)) * 3)
    assert banners[words._("waivers_title")] == words.ngettext("waivers_more", 2, said=shown)

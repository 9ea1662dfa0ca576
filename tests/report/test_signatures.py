"""The decision rule in the words of a contract, and the lines to sign."""

from __future__ import annotations

from report.sample_record import case, measure, record

from modelaudit.evidence.about import About
from modelaudit.evidence.agreed import AgreedParty, AgreementRecord
from modelaudit.evidence.record import CaseRecord
from modelaudit.report.signatures import signatures_view
from modelaudit.report.words import words_of

EN, JA = words_of("en"), words_of("ja")


def rule(*cases: CaseRecord, language: str = "en") -> str:
    return signatures_view(record(cases=list(cases)), words_of(language)).rule


def stated(**changed: object) -> CaseRecord:
    return case("a", measure(), ">", 0.9, "PASS", **changed)


def test_the_rule_names_its_risk_for_both_parties() -> None:
    text = rule(stated())
    assert text.startswith("This report relates only to the images tested. A requirement is met if the one-sided 95% ")
    assert "does not satisfy a requirement passes it is at most 5%" in text
    assert "satisfies a requirement fails it is at most 5% for each" in text
    assert "発注者側のリスクは最大5%" in rule(stated(), language="ja")


def test_the_risk_is_that_of_the_least_confidence() -> None:
    text = rule(stated(confidence=0.99), stated(confidence=0.9), stated(confidence=0.6, must_fail=True))
    assert "one-sided 90% to 99% confidence bound" in text and "at most 10%" in text


def test_an_agreed_set_is_decided_by_its_value_without_a_risk_of_sampling() -> None:
    text = rule(stated(about="this_set"))
    assert "without an interval" in text and "risk" not in text and "95%" not in text
    mixed = rule(stated(about="this_set"), stated())
    assert "without an interval" in mixed and "at most 5%" in mixed


def test_a_limited_claim_says_so() -> None:
    assert "clusters and backgrounds of these images alone" in rule(stated(claim="these_clusters"))


def test_the_parties_are_named_where_the_run_states_them() -> None:
    about = About(issuer="AI lab", customer={"ja": "第一工場"})
    named = record(about=about)
    assert signatures_view(named, EN).parties == (("Issuer", "AI lab"), ("Customer", "第一工場"))


def test_issuer_and_customer_sign() -> None:
    assert [role for role, _ in signatures_view(record(), EN).parties] == ["Issuer", "Customer"]
    assert [role for role, _ in signatures_view(record(), JA).parties] == ["発行者", "発注者"]


def test_the_parties_of_an_agreement_sign() -> None:
    parties = [
        AgreedParty(key="vendor", name={"en": "Vision", "ja": "ビジョン"}, role="delivers", signs=True),
        AgreedParty(key="witness", name="Third"),
    ]
    agreed = record().model_copy(update={"agreement": AgreementRecord(sha256="0" * 64, parties=parties)})
    assert signatures_view(agreed, EN).parties == (("Vision", "delivers"),)
    assert signatures_view(agreed, JA).parties == (("ビジョン", "delivers"),)

"""The document that the parties sign: all terms, in both languages, escaped, with the digest."""

from __future__ import annotations

import re

from report.sample_record import case, measure

from modelaudit.acceptance.agreement import AgreementTerms, agreement_digest
from modelaudit.acceptance.agreement_document import AgreementDocument, agreement_document
from modelaudit.report.agreement_pages import agreement_html, agreement_markdown

TERMS = {
    "title": {"en": "Acceptance <script>", "ja": "受入れ <script>"},
    "number": "PoC-1",
    "parties": {
        "vendor": {"name": {"en": "Example Vision", "ja": "例示ビジョン"}, "role": "delivers"},
        "customer": {"name": "Sample Works", "public_key": "keys/customer.pem"},
    },
    "system": {"name": "inspector", "version": "1.2", "purpose": "Sorts out | parts."},
    "domain": {"tolerance": 10, "attributes": {"label": ["bolt"], "light": {"values": {"day": 70, "night": 30}}}},
    "costs": {"missed_defect": 40_000, "false_alarm": 2.5, "currency": "JPY", "defect_share": 2},
    "clauses": {"4.1": {"text": {"en": "It is right.", "ja": "正しいこと。"}, "expectations": ["right", "gone"]}},
    "decision": {"confidence": 0.95, "images": 100, "inconclusive": "fail"},
    "signs": ["customer"],
    "waivers": {"signed_by": "customer"},
}


def document(terms: dict[str, object] = TERMS) -> AgreementDocument:
    declared = case("right[new]", measure("accuracy"), ">", 0.9, "PASS", says="Right.", fingerprint="f" * 64)
    return agreement_document(AgreementTerms.model_validate(terms), [declared])


def test_every_term_stands_in_both_languages() -> None:
    html = agreement_html(document(), language="ja")
    first, second = re.findall(r"<article lang=.*?</article>", html, flags=re.DOTALL)
    assert 'lang="ja"' in first and 'lang="en"' in second
    for said in ("例示ビジョン", "正しいこと。", "信頼水準95%", "100枚以上", "40,000円", "70%", "keys/customer.pem"):
        assert said in first, said
    for said in ("Example Vision", "It is right.", "at least 95%", "at least 100 images", "2.50 JPY", "day (70%)"):
        assert said in second, said
    assert "right[new]" in second and "f" * 16 in second and "gone: not declared by any audit" in second
    digest = agreement_digest(document().terms)
    assert html.count(digest) == 3  # in each language, and in the margin of the paper
    assert agreement_markdown(document()).count(digest) == 2


def test_who_may_review_stands_in_both_languages() -> None:
    named = [{"name": "Aoi Sato", "public_key": "keys/aoi.pem"}, {"name": "Ren Mori", "public_key": "keys/ren.pem"}]
    found = document({**TERMS, "reviewers": named})
    for said in (agreement_html(found), agreement_markdown(found)):
        assert "signed by: Aoi Sato, Ren Mori." in said and "Aoi Sato、Ren Mori。" in said


def test_combinations_stand_in_both_documents_and_languages() -> None:
    shares = {"bolt": {"day": 70, "night": 30}}
    domain = {
        "tolerance": 10,
        "attributes": {"label": ["bolt"], "light": {"values": ["day", "night"], "says": {"en": "light", "ja": "照明"}}},
        "combinations": [
            {"of": ["label", "light"], "least": 5, "impossible": [["bolt", "night"]]},
        ],
    }
    found = document({**TERMS, "domain": domain})
    for said in (agreement_html(found), agreement_markdown(found)):
        assert "label and light, together" in said and "ラベルと照明の組合せ" in said
        assert "At least 5 images of every combination. Cannot occur: bolt with night." in said
        assert "どの組合せも5枚以上とします。起こり得ない組合せ：bolt×night。" in said
    domain["combinations"] = [{"of": ["label", "light"], "shares": shares}]
    said = agreement_markdown(document({**TERMS, "domain": domain}))
    assert "Expected shares: bolt with day (70%), bolt with night (30%)." in said


def test_what_others_wrote_is_text() -> None:
    assert "<script>" not in agreement_html(document())
    text = agreement_markdown(document())
    assert "<script>" not in text and "Sorts out \\| parts." in text


def test_what_is_not_agreed_is_left_out() -> None:
    least = {key: TERMS[key] for key in ("title", "parties", "system")} | {"clauses": {"1": {}}}
    html = agreement_html(document(least))
    assert "Operating domain" not in html and "Signatures" not in html and "Costs" not in html
    assert "Nothing further is agreed on." in html
    assert "\n\n\n" not in agreement_markdown(document())

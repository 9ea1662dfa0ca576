"""``agreement.yaml``: what may stand in it, and how a mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelaudit.acceptance.agreement import (
    AgreementFile,
    AgreementTerms,
    agreement_digest,
    combined_about,
    json_schema,
    read_agreement,
)
from modelaudit.acceptance.combinations import CombinationFields, possible
from modelaudit.evidence.about import read_about_file
from modelaudit.language.errors import AcceptanceError

WHOLE = """
title: {en: Acceptance of line A, ja: ライン A の受入れ}
number: PoC-2026-014
parties:
  vendor: {name: Example Vision, role: {en: delivers the model, ja: モデルを納入}}
  customer: {name: {en: Sample Works, ja: サンプル製作所}, public_key: keys/customer.pem}
system: {name: inspector, version: "1.2", purpose: Sorts out scratched parts.}
domain:
  tolerance: 10
  attributes:
    label: [bolt, nut]
    light: {day: 70, night: 30}
    line: {says: {en: line, ja: ライン}, values: [A, B]}
  combinations:
    - [label, line]
    - {of: [light, line], least: 5, impossible: [[night, B]], shares: {day: {A: 50, B: 20}, night: {A: 30}}}
costs: {missed_defect: 40000, false_alarm: 300, currency: JPY, per: part, defect_share: 2}
clauses:
  "4.1": {text: {en: It is right., ja: 正しいこと。}, expectations: [right]}
decision: {confidence: 0.95, images: 100, inconclusive: fail}
signs: [vendor, customer]
waivers: {signed_by: customer}
review: {pictures: 24}
about: {customer: Sample Works, data: {name: line A}}
"""
LEAST = 'title: a\nparties: {vendor: {name: b}}\nsystem: {name: c}\nclauses: {"1": {expectations: [right]}}\n'


def read(folder: Path, text: str) -> AgreementFile:
    file = folder / "agreement.yaml"
    file.write_text(text, encoding="utf-8")
    found = read_agreement([file])
    assert found is not None
    return found


def test_all_of_it_is_read(tmp_path: Path) -> None:
    terms = read(tmp_path, WHOLE).terms
    assert terms.domain is not None and terms.costs is not None and terms.waivers is not None
    assert terms.domain.attributes["label"].values == ["bolt", "nut"]
    assert terms.domain.attributes["light"].values == {"day": 70, "night": 30}
    assert terms.domain.attributes["line"].says == {"en": "line", "ja": "ライン"}
    assert terms.clauses["4.1"].expectations == ["right"]
    assert (terms.decision.confidence, terms.decision.images, terms.signs) == (0.95, 100, ["vendor", "customer"])
    assert terms.review is not None and terms.review.pictures == 24
    assert terms.about.data[0].name == "line A"
    assert read(tmp_path, LEAST).terms.domain is None


def test_the_digest_is_that_of_the_terms_and_not_of_how_they_are_written(tmp_path: Path) -> None:
    first = agreement_digest(read(tmp_path, WHOLE).terms)
    flowed = WHOLE.replace("label: [bolt, nut]", "label:\n      - bolt  # a comment\n      - 'nut'")
    assert agreement_digest(read(tmp_path, flowed).terms) == first
    assert agreement_digest(read(tmp_path, WHOLE.replace("images: 100", "images: 99")).terms) != first


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title:", "titel:", "2: titel: unknown key; did you mean 'title'"),
        ("role: {en", "rule: {en", "5: parties.vendor.rule: unknown key; did you mean 'role'?"),
        ("label: [bolt, nut]", "label: {value: [bolt]}", "11: domain.attributes.label.value: unknown key; did you"),
        ("expectations: [", "expectation: [", "19: clauses.4.1.expectation: unknown key; did you mean 'expectations'?"),
        ("customer: Sample", "costumer: Sample", "24: about.costumer: unknown key; did you mean 'customer'"),
        ("images: 100", "images: 0", "20: decision.images: must be at least 1, got 0"),
        ("confidence: 0.95", "confidence: 95", "20: decision.confidence: must be below 1, got 95"),
        ("signs: [vendor,", "signs: [seller,", "21: signs.0: 'seller' is not one of the parties; known: customer, ve"),
        ("signs: [vendor,", "signs: [customer,", "21: signs.1: 'customer' stands twice"),
        ("signed_by: customer", "signed_by: costumer", "22: waivers.signed_by: 'costumer' is not one of the parties"),
        ("pictures: 24", "pictures: 0", "23: review.pictures: must be at least 1, got 0"),
        ("pictures: 24", "pictures: 101", "23: review.pictures: must be at most 100, got 101"),
        ("pictures: 24", "picture: 24", "23: review.picture: unknown key; did you mean 'pictures'"),
        ("day: 70", "day: 60", "12: domain.attributes.light.values: the shares are per cent and must be 100 in all, g"),
        ("day: 70, night: 30", "day: 0.7, night: 0.3", "must be 100 in all, got 1; write 70, not 0.7"),
        ("tolerance: 10", "", "12: domain.attributes.light: shares need domain.tolerance, in points"),
        ("[bolt, nut]", "[bolt, bolt]", "11: domain.attributes.label.values: has the value 'bolt' twice"),
        ("[bolt, nut]", "[bolt, no]", "11: domain.attributes.label.values: must be text, got False; put quotes"),
        ("keys/customer.pem", '"-----BEGIN PRIVATE KEY-----"', "6: parties.customer.public_key: is a private key"),
        (
            "[label, line]",
            "[label, lime]",
            "15: domain.combinations.0.of.1: 'lime' is not one of domain.attributes; did",
        ),
        ("[label, line]", "[line, line]", "15: domain.combinations.0.of.1: 'line' stands twice"),
        ("[label, line]", "[line, light]", "16: domain.combinations.1.of: light, line: stand together above already"),
        ("[label, line]", "[label]", "15: domain.combinations.0.of: "),
        (
            "- [label, line]",
            "- label",
            "15: domain.combinations.0: must be a list of attributes; write combinations: [[",
        ),
        ("least: 5", "least: 0", "16: domain.combinations.1.least: must be at least 1, got 0"),
        ("impossible: ", "except: ", "16: domain.combinations.1.except: unknown key"),
        (
            "[[night, B]]",
            "[[night, C]]",
            "16: domain.combinations.1.impossible.0: 'C' is not a value of line; known: A",
        ),
        ("[[night, B]]", "[[night]]", "impossible.0: must have a value of each of light, line, got ['night']"),
        (
            "[[night, B]]",
            "[]",
            "16: domain.combinations.1.shares: night, B: has no share; give it one, or name it under",
        ),
        ("night: {A: 30}", "night: {B: 30}", "shares.night.B: is not a combination of light, line that can occur"),
        (
            "{A: 30}",
            "{A: 40}",
            "16: domain.combinations.1.shares: the shares are per cent and must be 100 in all, got 110",
        ),
        (
            "{A: 30}",
            "{A: 0}",
            "16: domain.combinations.1.shares: the share of 'A' must be above 0 and at most 100, got 0",
        ),
        ('"4.1"', "4.1", "19: the key '4.1' must be text; quote it"),
    ],
)
def test_a_mistake_is_named_with_line_and_field(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in WHOLE
    with pytest.raises(AcceptanceError) as raised:
        read(tmp_path, WHOLE.replace(old, new, 1))
    assert said in str(raised.value)


REVIEWERS = "reviewers: [{name: Aoi Sato, public_key: keys/aoi.pem}, {name: Ren Mori, public_key: keys/ren.pem}]\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: Ren Mori", "name: Aoi Sato", "25: reviewers.1.name: stands twice; each reviewer has a name and a key"),
        ("keys/ren.pem", "keys/aoi.pem", "25: reviewers.1.public_key: stands twice"),
        ("Mori, public_key", "Mori, key", "25: reviewers.1.key: unknown key"),
        (", public_key: keys/ren.pem", "", "25: reviewers.1"),
    ],
)
def test_reviewers_have_a_name_and_a_key_each(tmp_path: Path, old: str, new: str, said: str) -> None:
    whole = read(tmp_path, WHOLE + REVIEWERS).terms
    assert [one.name for one in whole.reviewers or ()] == ["Aoi Sato", "Ren Mori"]
    assert agreement_digest(whole) != agreement_digest(read(tmp_path, WHOLE).terms)
    with pytest.raises(AcceptanceError) as raised:
        read(tmp_path, WHOLE + REVIEWERS.replace(old, new, 1))
    assert said in str(raised.value)


def test_a_share_of_combinations_needs_a_tolerance(tmp_path: Path) -> None:
    text = WHOLE.replace("tolerance: 10", "").replace("light: {day: 70, night: 30}", "light: [day, night]")
    with pytest.raises(AcceptanceError, match=r":16: domain\.combinations\.1\.shares: shares need domain\.tolerance"):
        read(tmp_path, text)


def test_more_combinations_than_anybody_photographs_are_a_mistake(tmp_path: Path) -> None:
    many = ", ".join(f"v{at}" for at in range(501))
    with pytest.raises(AcceptanceError, match=r"0\.of: are 1,002 combinations, and at most 1,000 can be agreed on"):
        read(tmp_path, WHOLE.replace("[bolt, nut]", f"[{many}]"))


def test_combinations_are_read_in_both_forms_and_an_agreement_without_has_the_digest_that_it_had(
    tmp_path: Path,
) -> None:
    domain = read(tmp_path, WHOLE).terms.domain
    assert domain is not None and domain.combinations is not None
    first, second = domain.combinations
    assert (first.of, first.least, first.impossible, first.shares) == (["label", "line"], 1, [], None)
    assert possible(second, domain.values()) == {("day", "A"): 50, ("day", "B"): 20, ("night", "A"): 30}
    long = WHOLE.replace("- [label, line]", "- {of: [label, line], least: 1}")
    assert agreement_digest(read(tmp_path, long).terms) == agreement_digest(read(tmp_path, WHOLE).terms)
    without = "".join(line for at, line in enumerate(WHOLE.splitlines(keepends=True), 1) if at not in (14, 15, 16, 23))
    # as the version before combinations and review wrote it
    assert (
        agreement_digest(read(tmp_path, without).terms)
        == "7a7328939e33264f0c4c9be71985cbc8ed236ed5d602b054af41e758cec7429d"
    )


def test_what_is_needed_is_named(tmp_path: Path) -> None:
    with pytest.raises(AcceptanceError) as raised:
        read(tmp_path, "title: a\n")
    assert [line.split(": ")[1] for line in raised.value.args] == ["parties", "system", "clauses"]
    with pytest.raises(AcceptanceError, match=r"agreement.yaml:1: must be a mapping .* modelaudit agree init"):
        read(tmp_path, "")
    with pytest.raises(AcceptanceError, match="here are several"):
        read_agreement([tmp_path / "agreement.yaml", tmp_path / "agreement.yml"])


def test_what_both_files_say_is_said_alike(tmp_path: Path) -> None:
    agreement, about = read(tmp_path, WHOLE), tmp_path / "about.yaml"
    about.write_text("# of the report\nnumber: R-7\ncustomer: Sample Works\nmodel: {version: '1.2'}\n")
    both = combined_about(agreement, read_about_file([about]))
    assert both is not None
    assert (both.number, both.customer, both.model.version) == ("R-7", "Sample Works", "1.2")
    assert [one.name for one in both.data] == ["line A"]
    about.write_text("# of the report\nnumber: R-7\ncustomer: Other Works\n")
    with pytest.raises(AcceptanceError) as raised:
        combined_about(agreement, read_about_file([about]))
    assert "agreement.yaml:24: about.customer is 'Sample Works', and 'Other Works' in" in str(raised.value)
    assert "about.yaml:3; keep one of them" in str(raised.value)
    assert combined_about(read(tmp_path, LEAST), None) is None


def test_the_published_schema_knows_every_key_and_forbids_others() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(AgreementTerms.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["title", "parties", "system", "clauses"]
    assert set(schema["$defs"]["CombinationFields"]["anyOf"][0]["properties"]) == set(CombinationFields.model_fields)
    assert schema["$defs"]["CombinationFields"]["anyOf"][1] == {
        **schema["$defs"]["CombinationFields"]["anyOf"][0]["properties"]["of"],
    }

"""What page one says of the agreement, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from report.sample_record import record

from modelaudit.evidence.agreed import (
    AgreedCosts,
    AgreedParty,
    AgreementRecord,
    CombinedValues,
    CostRange,
    DomainAttribute,
    DomainCombination,
    DomainCoverage,
    DomainValue,
    UnmetTerm,
)
from modelaudit.evidence.record import RunRecord
from modelaudit.report.agreed import agreement_lines, cost_lines, domain_lines, unmet_lines
from modelaudit.report.render import render_html, render_summary
from modelaudit.report.words import words_of

LIGHT = DomainAttribute(
    attribute="light",
    says={"en": "light", "ja": "照明"},
    values=[
        DomainValue(value="day", images=80, expected=70, standing="off"),
        DomainValue(value="night", images=0, expected=30, standing="missing"),
        DomainValue(value="dusk", images=20, standing="unforeseen"),
    ],
)
COSTS = AgreedCosts(
    missed_defect=40_000,
    false_alarm=300,
    currency="JPY",
    per={"en": "part", "ja": "部品"},
    defect_share=2,
    expected=[CostRange(model="model:a", expected=12_345.6, low=8_000, high=20_000)],
)
AGREED = AgreementRecord(
    sha256="0123456789abcdef" * 4,
    title="Acceptance <b>of</b> line A",
    number="PoC-1",
    parties=[AgreedParty(key="vendor", name={"en": "Example Vision", "ja": "例示ビジョン"})],
    clauses=1,
    domain=DomainCoverage(images=100, tolerance=5, attributes=[LIGHT]),
    costs=COSTS,
    unmet=[UnmetTerm(kind="fewer_images", expectation=name, agreed=200, found=100) for name in "abcde"],
)


def run(agreed: AgreementRecord | None = AGREED) -> RunRecord:
    return record().model_copy(update={"agreement": agreed})


def test_names_are_said_once_for_what_they_share() -> None:
    (line,) = unmet_lines(AGREED.unmet, words_of("en"))
    assert line.text == "100 images instead of the agreed 200 or more: a, b, c and 2 more"
    (line,) = unmet_lines(AGREED.unmet, words_of("ja"))
    assert line.text == "画像数が合意の200枚以上に対し100枚：a、b、c、ほか2件"
    terms = [UnmetTerm(kind="lower_confidence", expectation="a", agreed=0.95, found=0.9)]
    assert unmet_lines(terms, words_of("en"))[0].text == "Confidence 90% instead of the agreed 95%: a"
    terms = [UnmetTerm(kind="clause_without_expectation", expectation="a", clause="4.1")]
    assert unmet_lines(terms, words_of("en"))[0].text == "Agreed, but declared by no audit: a (clause 4.1)"
    terms = [UnmetTerm(kind="counts_inconclusive", agreed="fail", found="warn")]
    assert unmet_lines(terms, words_of("en"))[0].text == (
        "Undecided requirements count as a warning; agreed is: as not met"
    )


def test_the_operating_domain_says_what_is_missing_and_by_how_much_shares_differ() -> None:
    domain = DomainCoverage(images=100, tolerance=5, attributes=[LIGHT])
    assert [line.text for line in domain_lines(domain, words_of("en"))] == [
        "Operating domain: 1 of 2 agreed values occur in the test set; no image of light night.",
        "In the test set, but not in the operating domain: light dusk (20 images)",
        "Shares beyond the tolerance of 5 points: light day 80% instead of 70%",
    ]
    assert "画像なし：照明「night」" in next(iter(domain_lines(domain, words_of("ja")))).text
    none = LIGHT.model_copy(update={"values": [LIGHT.values[1]], "unknown": 100})
    said = [line.text for line in domain_lines(domain.model_copy(update={"attributes": [none]}), words_of("en"))]
    assert said[-1] == "The data do not say light of 100 of 100 images."


def test_combinations_are_named_with_their_images() -> None:
    values = (
        CombinedValues(values=["day", "bolt"], images=0, standing="missing"),
        CombinedValues(values=["day", "nut"], images=2, standing="few"),
        CombinedValues(values=["night", "nut"], images=30, expected=60, standing="off"),
        CombinedValues(values=["night", "bolt"], images=1, standing="impossible"),
        CombinedValues(values=["dusk", "bolt"], images=27, standing="unforeseen"),
    )
    label = DomainAttribute(attribute="label", values=[])
    combination = DomainCombination(attributes=["light", "label"], least=5, values=list(values))
    domain = DomainCoverage(images=60, tolerance=5, attributes=[LIGHT, label], combinations=[combination])

    def said(language: str, **changes: object) -> list[tuple[str, bool]]:
        changed = domain.model_copy(update={"combinations": [combination.model_copy(update=changes)]})
        lines = list(domain_lines(changed, words_of(language)))
        return [(line.text, line.unmet) for line in lines[3:]]

    assert said("en") == [
        (
            "Combinations of light and label: 2 of 3 agreed ones occur in the test set; no image of light day with "
            "label bolt.",
            True,
        ),
        ("Fewer images than agreed: light day with label nut (2 images instead of 5 or more)", True),
        ("In the test set, although agreed to be impossible: light night with label bolt (1 image)", True),
        ("Shares beyond the tolerance of 5 points: light night with label nut 50% instead of 60%", True),
    ]
    assert said("ja")[:2] == [
        (
            "照明とラベルの組合せ：合意した3通りのうち2通りが試験データに含まれています。"
            "画像なし：照明「day」×ラベル「bolt」",
            True,
        ),
        ("画像数が合意より少ない組合せ：照明「day」×ラベル「nut」（合意5枚以上に対し2枚）", True),
    ]
    whole = [CombinedValues(values=["day", "bolt"], images=5, standing="covered")] * 2
    assert said("en", values=whole) == [
        ("Combinations of light and label: all 2 agreed ones have at least 5 images each.", False)
    ]
    assert said("en", values=whole, least=1) == [
        ("Combinations of light and label: all 2 agreed ones occur in the test set.", False)
    ]
    nowhere = domain.model_copy(update={"attributes": [LIGHT, label.model_copy(update={"unknown": 60})]})
    assert list(domain_lines(nowhere, words_of("en")))[-1].text == "The data do not say label of 60 of 60 images."


def test_costs_are_those_of_1000_images_with_their_range() -> None:
    assert list(cost_lines(COSTS, words_of("en"))) == [
        "A missed defect costs 40,000 JPY, a false alarm 300 JPY per part.",
        "At the measured rates 1,000 images, 2% of them defective, are expected to cost 12,300 JPY "
        "(range 8,000 to 20,000 JPY).",
    ]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_page_one_and_the_summary_say_it_and_escape_it(language: str) -> None:
    html = render_html(run(), Path("nowhere"), language=language)
    assert 'class="agreed"' in html
    assert "Acceptance &lt;b&gt;of&lt;/b&gt; line A PoC-1" in html and "<b>of</b>" not in html
    assert "0123456789ab" in render_summary(run(), language=language)
    assert 'class="agreed"' not in render_html(run(None), Path("nowhere"), language=language)


def test_what_the_test_set_covers_stands_before_what_is_not_kept_to() -> None:
    lines = agreement_lines(run(), words_of("en"))
    assert [line.text.partition(" ")[0] for line in lines] == [
        "Acceptance",
        "Operating",
        "In",
        "Shares",
        "100",
        "A",
        "At",
    ]
    assert agreement_lines(run(None), words_of("en")) == ()

"""Which agreed conditions a data set does not cover, and how many photos of what would cover them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.acceptance.agreement import AgreementTerms
from modelaudit.acceptance.operating_domain import coverage, samples_of_data
from modelaudit.acceptance.uncovered import uncovered
from modelaudit.language.findings import Kind, SampleFacts
from modelaudit.language.sample import Sample


def terms(domain: dict[str, Any], **decision: Any) -> AgreementTerms:
    return AgreementTerms.model_validate(
        {
            "title": "Acceptance of line A",
            "parties": {"vendor": {"name": "V"}, "customer": {"name": "C"}},
            "system": {"name": "line A"},
            "domain": domain,
            "decision": decision,
            "clauses": {"1": {"text": "right"}},
        }
    )


def images(counts: dict[tuple[str, ...], int], names: tuple[str, ...] = ("light",)) -> list[Sample]:
    every = [values for values, count in counts.items() for _ in range(count)]
    return [
        Sample(str(at), Path(f"{at}.png"), "bolt", attributes={n: v for n, v in zip(names, values, strict=True) if v})
        for at, values in enumerate(every)
    ]


def facts(samples: list[Sample]) -> list[SampleFacts]:
    return [SampleFacts(one.id, str(one.label), None, None, "none", (), digest=f"digest {one.id}") for one in samples]


def said(agreed: AgreementTerms, samples: list[Sample]) -> dict[str, Kind]:
    return {item.detail: kind for kind, item in uncovered(agreed, samples, facts(samples))}


def test_a_missing_value_says_how_many_photos_bring_it_to_its_share() -> None:
    shares = {"tolerance": 5, "attributes": {"light": {"day": 60, "night": 30, "dusk": 10}}}
    found = said(terms(shares), images({("day",): 120, ("dusk",): 20}))
    assert found["light=night: no image; photograph 60 more"] == Kind.NOT_COVERED


def test_a_missing_value_without_a_share_asks_for_as_many_as_an_audit_decides_on() -> None:
    found = said(terms({"attributes": {"light": ["day", "night"]}}), images({("day",): 30}))
    assert found == {"light=night: no image; photograph 10 more": Kind.NOT_COVERED}


@settings(max_examples=25)
@given(st.integers(0, 60), st.integers(1, 60), st.integers(10, 90))
def test_what_is_asked_for_is_enough(night: int, day: int, share: int) -> None:
    """With the photos that are asked for no value is short of its share any more."""
    domain = {"tolerance": 1, "attributes": {"light": {"day": 100 - share, "night": share}}}
    agreed = terms(domain)
    found = said(agreed, images({("day",): day, ("night",): night}))
    more = {text.split("=")[1].split(":")[0]: int(text.split()[-2]) for text in found if text.endswith("more")}
    after = images({("day",): day + more.get("day", 0), ("night",): night + more.get("night", 0)})
    assert agreed.domain is not None
    (one,) = coverage(agreed.domain, samples_of_data(after)).attributes
    assert not {value.value for value in one.values if value.standing in ("missing", "off")} & set(more)


def test_combinations_name_what_is_few_and_what_cannot_be() -> None:
    domain = {
        "attributes": {"light": ["day", "night"], "part": ["bolt", "nut", "pin"]},
        "combinations": [{"of": ["light", "part"], "least": 5, "impossible": [["night", "pin"]]}],
    }
    counts = {("day", "bolt"): 9, ("day", "pin"): 2, ("night", "bolt"): 5, ("night", "pin"): 1}
    found = said(terms(domain), images(counts, ("light", "part")))
    assert found == {
        "part=nut: no image; photograph 10 more": Kind.NOT_COVERED,  # and not once more for day and night
        "light=day, part=pin: 2 of 5 images; photograph 3 more": Kind.NOT_COVERED,
        "light=night, part=pin: 1 images, agreed to be impossible": Kind.NOT_COVERED,
    }


def test_what_the_data_do_not_say_is_no_condition_that_is_met() -> None:
    domain = {"attributes": {"light": ["day"], "shift": ["early"]}}
    found = said(terms(domain), images({("day",): 20, ("",): 3}))
    assert found == {
        "light: the data do not say it of 3 of 23 images": Kind.COVERAGE_UNCLEAR,
        "shift: the data do not say it of any image": Kind.NOT_COVERED,
    }


def test_equal_pictures_and_unreadable_ones_cover_nothing() -> None:
    samples = images({("day",): 30, ("night",): 3})
    known = facts(samples)
    known[30:] = [SampleFacts(one.id, "bolt", None, None, "none", (), digest="digest 0") for one in known[30:32]] + [
        SampleFacts("32", "bolt", None, None, "none", (), reason="unreadable_image")
    ]
    agreed = terms({"attributes": {"light": ["day", "night"]}}, images=40)
    found = [item.detail for _, item in uncovered(agreed, samples, known)]
    assert found == [
        "30 different images that can be read, 40 agreed; photograph 10 more",
        "light=night: no image; photograph 10 more",
    ]


@pytest.mark.parametrize(("night", "kind"), [(2, Kind.COVERAGE_UNCLEAR), (200, Kind.NOT_COVERED)])
def test_a_share_is_off_beyond_chance_or_cannot_be_told(night: int, kind: Kind) -> None:
    domain = {"tolerance": 10, "attributes": {"light": {"day": 70, "night": 30}}}
    found = said(terms(domain), images({("day",): night, ("night",): night}))
    assert set(found.values()) == {kind}

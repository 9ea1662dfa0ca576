"""The test set against the operating domain: what is missing, what was not foreseen, and shares beyond chance."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from modelaudit.acceptance.agreement import DomainFields
from modelaudit.acceptance.operating_domain import coverage
from modelaudit.evidence.agreed import DomainCoverage
from modelaudit.evidence.record import SampleRecord


def against(domain: dict[str, object], counts: dict[str, int], *, lots: int | None = None) -> DomainCoverage:
    """Coverage of images whose light is as counted, "" where it is not known."""
    lights = [light for light, count in counts.items() for _ in range(count)]
    samples = [
        SampleRecord(
            id=str(at),
            label="bolt",
            columns={"light": light} if light else {},
            cluster=None if lots is None else str(at * lots // len(lights)),
        )
        for at, light in enumerate(lights)
    ]
    return coverage(DomainFields.model_validate(domain), samples)


def standings(found: DomainCoverage, attribute: str = "light") -> dict[str, str]:
    (one,) = (one for one in found.attributes if one.attribute == attribute)
    return {value.value: value.standing for value in one.values}


SHARES = {"tolerance": 10, "attributes": {"light": {"day": 70, "night": 30}}}


def test_what_no_image_has_and_what_nobody_foresaw_is_named() -> None:
    domain = {"attributes": {"light": ["day", "night"], "label": ["bolt", "nut"], "camera": ["1"]}}
    found = against(domain, {"day": 3, "dusk": 2, "": 1})
    assert standings(found) == {"day": "covered", "night": "missing", "dusk": "unforeseen"}
    assert [one.unknown for one in found.attributes] == [1, 0, 6]
    assert standings(found, "label") == {"bolt": "covered", "nut": "missing"}
    assert standings(found, "camera") == {"1": "missing"}
    assert found.attributes[0].values[0].images == 3


@pytest.mark.parametrize(
    ("day", "night", "standing"),
    [
        (80, 20, "covered"),  # on the tolerance
        (400, 600, "off"),
        (4, 6, "too_few_to_tell"),  # the same shares
        (1000, 0, "missing"),
    ],
)
def test_a_share_is_off_beyond_the_tolerance_and_beyond_chance(day: int, night: int, standing: str) -> None:
    assert standings(against(SHARES, {"day": day, "night": night}))["night"] == standing


@pytest.mark.parametrize("night", [52, 53, 54, 55, 56])
def test_chance_is_that_of_the_exact_binomial_tail(night: int) -> None:
    """At 100 images the true share at the edge of the tolerance is 40 %, and two shares are tested."""
    found = standings(against(SHARES, {"day": 100 - night, "night": night}))["night"]
    assert found == ("off" if binom.sf(night - 1, 100, 0.4) <= 0.025 else "too_few_to_tell")


@pytest.mark.parametrize("day", [43, 46, 47, 48, 49, 50, 52])
def test_chance_is_exact_below_too(day: int) -> None:
    found = standings(against(SHARES, {"day": day, "night": 100 - day}))["day"]
    assert found == ("off" if binom.cdf(day, 100, 0.6) <= 0.025 else "too_few_to_tell")


def test_images_of_one_lot_count_as_one() -> None:
    counts = {"day": 40, "night": 60}
    assert standings(against(SHARES, counts))["night"] == "off"
    found = against(SHARES, counts, lots=5)
    assert (standings(found)["night"], found.clusters, found.images) == ("too_few_to_tell", 5, 100)

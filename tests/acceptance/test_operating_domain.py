"""The test set against the operating domain: what is missing, what was not foreseen, and shares beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from modelaudit.acceptance.agreement import DomainFields
from modelaudit.acceptance.operating_domain import coverage
from modelaudit.evidence.agreed import DomainCombination, DomainCoverage
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


LIGHTS, PRODUCTS, LINES = ("day", "night"), ("bolt", "nut"), ("A", "B")
TOGETHER = {
    "tolerance": 10,
    "attributes": {"light": list(LIGHTS), "product": list(PRODUCTS), "line": list(LINES)},
    "combinations": [{"of": ["light", "product"], "least": 3, "impossible": [["night", "bolt"]]}],
}


def together(domain: dict[str, object], seen: Sequence[tuple[str, ...]]) -> DomainCombination:
    """The first combination, of images with light, product and line; "" where one is not known."""
    samples = [
        SampleRecord(
            id=str(at),
            label="part",
            columns={name: value for name, value in zip(("light", "product", "line"), values, strict=False) if value},
        )
        for at, values in enumerate(seen)
    ]
    return coverage(DomainFields.model_validate(domain), samples).combinations[0]


def combined(found: DomainCombination) -> dict[tuple[str, ...], tuple[int, str]]:
    return {tuple(one.values): (one.images, one.standing) for one in found.values}


def test_every_value_is_looked_for_with_every_other_one() -> None:
    seen = [("day", "nut")] * 3 + [("day", "bolt")] * 2 + [("night", "bolt"), ("dusk", "nut"), ("day", ""), ("", "nut")]
    found = together(TOGETHER, seen)
    assert combined(found) == {
        ("day", "bolt"): (2, "few"),
        ("day", "nut"): (3, "covered"),
        ("night", "nut"): (0, "missing"),
        ("dusk", "nut"): (1, "unforeseen"),
        ("night", "bolt"): (1, "impossible"),
    }
    assert (found.attributes, found.least, found.unknown) == (["light", "product"], 3, 2)


def test_shares_of_combinations_are_off_as_those_of_values_are() -> None:
    shares = {"day": {"bolt": 40, "nut": 30}, "night": {"bolt": 20, "nut": 10}}
    domain = {**TOGETHER, "combinations": [{"of": ["light", "product"], "shares": shares}]}
    counts = {("day", "bolt"): 400, ("day", "nut"): 200, ("night", "bolt"): 200, ("night", "nut"): 200}
    found = combined(together(domain, [one for one, count in counts.items() for _ in range(count)]))
    assert {one: standing for one, (_, standing) in found.items()} == {
        ("day", "bolt"): "covered",
        ("day", "nut"): "covered",  # on the tolerance
        ("night", "bolt"): "covered",
        ("night", "nut"): "covered",
    }
    counts[("night", "nut")] = 400
    found = combined(together(domain, [one for one, count in counts.items() for _ in range(count)]))
    assert found["night", "nut"] == (400, "off")
    assert combined(together(domain, [("day", "bolt"), ("night", "nut")]))["night", "nut"] == (1, "too_few_to_tell")


values_seen = st.tuples(
    st.sampled_from(["", "day", "night", "dusk"]), st.sampled_from(["", "bolt", "nut"]), st.sampled_from(["", "A", "B"])
)


@given(
    st.lists(values_seen, max_size=30),
    st.permutations(["light", "product", "line"]),
    st.integers(2, 3),
    st.sets(st.tuples(*map(st.sampled_from, (LIGHTS, PRODUCTS, LINES))), max_size=3),
    st.randoms(use_true_random=False),
)
def test_every_image_is_counted_once_in_any_order(
    seen: list[tuple[str, ...]], order: list[str], number: int, excluded: set[tuple[str, ...]], random: Random
) -> None:
    """Also where attributes are named in another order: the same combinations have the same images."""
    names = ["light", "product", "line"]
    of = order[:number]

    def found(of: list[str], seen: list[tuple[str, ...]]) -> DomainCombination:
        impossible = {tuple(one[names.index(name)] for name in of) for one in excluded}
        impossible = set() if len(impossible) == 2 ** len(of) else impossible
        entry = {"of": of, "impossible": [list(one) for one in sorted(impossible)]}
        return together({**TOGETHER, "combinations": [entry]}, seen)

    one = found(of, seen)
    known = [image for image in seen if all(image[names.index(name)] for name in of)]
    assert sum(value.images for value in one.values) == len(known) == len(seen) - one.unknown
    assert len({tuple(value.values) for value in one.values}) == len(one.values)
    shuffled = random.sample(seen, len(seen))
    assert found(of, shuffled) == one

    def by_name(combination: DomainCombination) -> dict[frozenset[tuple[str, str]], tuple[int, str]]:
        return {
            frozenset(zip(combination.attributes, value.values, strict=True)): (value.images, value.standing)
            for value in combination.values
        }

    assert by_name(found(of[::-1], seen)) == by_name(one)

"""Who lends, as a text: what is understood, what comes back, and what an error names."""

from __future__ import annotations

import pytest
from contexts.scenes import scene

from modelaudit.contexts import apply, donor_rule, swap_background
from modelaudit.contexts.donor_rules import DonorRule, as_rule
from modelaudit.language.errors import ContextError, ExpressionError
from modelaudit.language.parser import parse_context


@pytest.mark.parametrize(
    ("donors", "rule", "text"),
    [
        ("next_class", DonorRule("next_class"), "swap_background(next_class)"),
        ("other_group", DonorRule("other_group"), "swap_background(other_group)"),
        ("class:00_dog", DonorRule("class", "00_dog"), "swap_background('class:00_dog')"),
        ("group:camera 2", DonorRule("group", "camera 2"), "swap_background('group:camera 2')"),
        ("photos:data/halls", DonorRule("photos", "data/halls"), "swap_background('photos:data/halls')"),
        ("pool:night shift", DonorRule("pool", "night shift"), "swap_background('pool:night shift')"),
        ("pool:a:b", DonorRule("pool", "a:b"), "swap_background('pool:a:b')"),
        ("class:夜勤", DonorRule("class", "夜勤"), "swap_background('class:夜勤')"),
    ],
)
def test_a_text_is_a_rule_and_comes_back(donors: str, rule: DonorRule, text: str) -> None:
    context = swap_background(donors)
    assert donor_rule(context) == as_rule(donors) == rule
    assert str(context) == text and parse_context(text) == context
    assert rule.text == donors and rule.outside == (rule.kind in ("photos", "pool"))


def test_the_rank_is_written_where_it_is_not_the_first() -> None:
    assert str(swap_background("random", rank=2)) == "swap_background(random, rank=2)"
    assert donor_rule(swap_background("random", rank=2)) == DonorRule("random", "", 2)
    assert parse_context("swap_background(random, rank=0)") == swap_background("random")


@pytest.mark.parametrize(
    ("donors", "message"),
    [
        ("nextclass", "did you mean 'next_class'"),
        ("pol:night", "did you mean 'pool:NAME'"),
        ("clas:dog", "did you mean 'class:NAME'"),
        ("photos", "'photos' has no name; write 'photos:DIR'"),
        ("group: ", "has no name; write 'group:NAME'"),
        ("random:dog", "'random' takes no name"),
        ("", "known: same_class, .*, pool:NAME"),
        ("xyz:uvw", "known: same_class, .*, pool:NAME"),
        (3, "must be a text"),
    ],
)
def test_a_text_that_says_nothing_names_the_nearest_that_does(donors: object, message: str) -> None:
    with pytest.raises(ExpressionError, match=f"swap_background: donors.*{message}"):
        swap_background(donors)  # type: ignore[arg-type]


@pytest.mark.parametrize("rank", [-1, 1.0, True, "2"])
def test_a_rank_must_be_an_integer_from_0(rank: object) -> None:
    with pytest.raises(ExpressionError, match="swap_background: rank must be an integer"):
        swap_background("random", rank=rank)  # type: ignore[arg-type]


def test_two_ranks_in_one_composition_are_different_donors() -> None:
    both = swap_background("random") | swap_background("random", rank=1)
    with pytest.raises(ContextError, match=r"\(random\) and .* \(random, rank 1\)"):
        apply(both, scene())

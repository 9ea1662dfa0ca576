"""Krippendorff's alpha where it is defined by hand, and where it is not defined."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.statistics.raters import RaterAgreement, rater_agreement

UNITS = st.lists(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["x", "y", "z"])), max_size=25)


def both(*pairs: str) -> list[dict[str, str]]:
    return [dict(zip("ab", pair, strict=True)) for pair in pairs]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], RaterAgreement(None, None, None, 0, 0)),
        ([{"a": "x"}, {"a": "y"}], RaterAgreement(None, None, None, 0, 0)),  # one reviewer
        (both("xx"), RaterAgreement(None, None, None, 1, 0, uniform=True)),
        (both("xy"), RaterAgreement(None, None, None, 1, 1)),
        (both("xx", "xx", "xx"), RaterAgreement(None, None, None, 3, 0, uniform=True)),  # all the same answer
        (both("xx", "yy"), RaterAgreement(1.0, None, None, 2, 0)),  # nobody disagrees
        ([*both("xx", "yy"), {"a": "x"}, {}], RaterAgreement(1.0, None, None, 2, 0)),  # missing answers
    ],
)
def test_where_there_is_no_alpha_or_no_interval(answers: list[dict[str, str]], expected: RaterAgreement) -> None:
    assert rater_agreement(answers) == expected


def test_krippendorffs_own_example() -> None:
    """The nominal example of "Computing Krippendorff's Alpha-Reliability" (2011), with missing answers: 0.691."""
    rows = ["*,*,*,*,*,3,4,1,2,1,1,3,3,*,3", "1,*,2,1,3,3,4,3,*,*,*,*,*,*,*", "*,*,2,1,3,4,4,*,2,1,1,3,3,*,4"]
    table = {name: row.split(",") for name, row in zip("abc", rows, strict=True)}
    units = [{name: row[at] for name, row in table.items() if row[at] != "*"} for at in range(15)]
    found = rater_agreement(units)
    assert found.alpha == pytest.approx(0.691, abs=0.001)
    assert found.lower is not None and found.upper is not None and found.lower < found.alpha < found.upper


@given(UNITS)
def test_names_of_raters_and_order_of_units_play_no_part(units: list[dict[str, str]]) -> None:
    renamed = [{name.upper(): answer for name, answer in reversed(unit.items())} for unit in units]
    one, other = rater_agreement(units), rater_agreement(renamed)
    assert (one.alpha, one.units, one.disagreeing) == (other.alpha, other.units, other.disagreeing)
    turned = rater_agreement(units[::-1])
    assert (turned.alpha is None) == (one.alpha is None)
    if one.alpha is not None:
        assert turned.alpha == pytest.approx(one.alpha)


@given(UNITS)
def test_alpha_is_at_most_one_and_one_where_nobody_disagrees(units: list[dict[str, str]]) -> None:
    found = rater_agreement(units)
    if found.alpha is not None:
        assert found.alpha <= 1 and (found.alpha == 1) == (found.disagreeing == 0)
    if found.lower is not None and found.upper is not None:
        assert found.lower <= found.upper <= 1
    assert rater_agreement(units) == found

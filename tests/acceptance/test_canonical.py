"""Canonical JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.acceptance.canonical import canonical, sha256_of
from modelaudit.language.errors import AcceptanceError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2.0**53) + 1, 2.0**53 - 1)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_a_value_has_one_form_and_is_read_back_from_it(value: object) -> None:
    written = canonical(value)
    again = json.loads(written)
    assert canonical(again) == written
    assert again == value


def test_the_example_of_the_rfc() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 1e-27],
        "string": '€$\x0f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    numbers = '"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]'
    string = r'''"string":"€$\u000f\nA'B\"\\\\\"/"'''
    assert canonical(value).decode() == f'{{"literals":[null,true,false],{numbers},{string}}}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**60, object(), {1: 2}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(AcceptanceError, match="RFC 8785"):
        canonical({"value": value})


def test_the_digest_is_that_of_sha256sum() -> None:
    assert sha256_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

"""The fingerprint of a data set: one for the same samples, another for any other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelaudit.data import fingerprint

digests = st.dictionaries(st.text(), st.text(), max_size=6)


@given(digests, st.randoms())
def test_the_order_does_not_matter(content: dict[str, str], random: object) -> None:
    items = list(content.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert fingerprint(dict(items)) == fingerprint(content)


@given(digests, digests)
def test_other_content_has_another_fingerprint(one: dict[str, str], other: dict[str, str]) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


def test_ids_and_digests_do_not_run_into_each_other() -> None:
    assert fingerprint({"a": "bc"}) != fingerprint({"ab": "c"})
    assert len(fingerprint({})) == 64

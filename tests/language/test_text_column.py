"""Texts as a column are the texts, and what is read off them at once is what a loop would find."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit.language import text_column
from modelaudit.language.text_column import TextColumn

TEXTS = st.lists(st.none() | st.text(max_size=4) | st.sampled_from(["a", "b", "ü", "\ud800"]), max_size=40)


@pytest.fixture(params=[0, 2, 2**16], ids=["bytes", "codes, then bytes", "codes"])
def most_coded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(text_column, "MOST_CODED", request.param)
    return int(request.param)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=TEXTS, cut=st.slices(40))
def test_a_column_holds_its_texts_however_it_keeps_them(most_coded: int, texts: list[str | None], cut: slice) -> None:
    column = TextColumn.of(iter(texts))
    assert (list(column), len(column), column) == (texts, len(texts), texts)
    assert [column[at] for at in range(-len(texts), len(texts))] == [*texts, *texts]
    assert column[cut] == texts[cut]
    assert column[cut].codes().tolist() == TextColumn.of(texts[cut]).codes().tolist()
    assert column.absent.tolist() == [one is None for one in texts]
    assert column.distinct() == {one for one in texts if one is not None}
    assert column.equal("a").tolist() == [one == "a" for one in texts]
    assert column.among({"a", "ü"}).tolist() == [one in ("a", "ü") for one in texts]
    assert column.counted() == {one: texts.count(one) for one in sorted({one for one in texts if one is not None})}
    names, codes = column.coded()
    assert [None if code < 0 else names[code] for code in codes] == texts
    met = [code for code in codes if code >= 0]
    assert list(dict.fromkeys(met)) == list(range(len(names)))  # in the order in which they are first met


def test_many_different_texts_take_little_more_than_their_bytes() -> None:
    column = TextColumn.of(f"{at:08}.png" for at in range(text_column.MOST_CODED + 10))
    assert column._codes is None
    assert len(column._content) == 12 * len(column)


def test_one_is_not_its_other() -> None:
    assert TextColumn.of(["a", None]) != ["a", "b"]
    assert TextColumn.of(["a"]) != ["a", None]
    assert TextColumn.of(["a"]) != "a"
    with pytest.raises(IndexError):
        TextColumn.of([])[0]
    assert TextColumn.of([]).codes().dtype == np.int64

"""The kept images of a case: worst, typical and best, whatever the order, and never more than a few."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field

import pytest
from engine.small_audits import audit, groups_of
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.engine.gallery import _TYPICAL_POOL, BEST, TYPICAL, WORST, Gallery, tie_break
from modelaudit.engine.measured import Picture, Row
from modelaudit.language.expression import Expectation
from modelaudit.measures import background_dependence, confidence

LOW, HIGH = background_dependence("gradcam") < 0.5, confidence > 0.5


def gallery(expectation: Expectation = LOW) -> Gallery:
    (group,) = groups_of(case=audit().expect(expectation))
    return Gallery(group.cases[0])


@dataclass
class Drawn:
    """Counts what is drawn, and names it."""

    names: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> list[tuple[Picture, bytes]]:
        self.names.append(name)
        fields = {"context": None, "method": None, "prediction": None, "probability": None, "file": ""}
        return [(Picture(kind="original", model="m", **fields), name.encode())]  # type: ignore[arg-type]


def shown(values: dict[str, float], expectation: Expectation = LOW, drawn: Drawn | None = None) -> list[Row]:
    kept, drawn = gallery(expectation), drawn or Drawn()
    for name, value in values.items():
        kept.offer(name, "bolt", value, lambda name=name: drawn(name))  # type: ignore[misc]
    return kept.rows(lambda content: f"images/{content.decode()}")


def by_rank(rows: list[Row]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"worst": [], "typical": [], "best": []}
    for row in rows:
        found[row.rank].append(row.sample)
    return found


@pytest.mark.parametrize(("expectation", "worst_is_high"), [(LOW, True), (HIGH, False)])
def test_worst_is_what_speaks_against_the_expectation(expectation: Expectation, worst_is_high: bool) -> None:
    values = {f"{at:02d}": at / 100 for at in range(100)}
    rising = sorted(values, key=lambda name: values[name], reverse=worst_is_high)
    found = by_rank(shown(values, expectation))
    assert found["worst"] == rising[:WORST]
    assert found["best"] == rising[-BEST:]
    assert len(found["typical"]) == TYPICAL
    # of 16 images at random the two nearest to the median: within a quarter of the ranks but in one case of 10,000
    assert all(0.25 < values[name] < 0.75 for name in found["typical"])


def test_rows_carry_their_own_pictures_and_values() -> None:
    values = {f"{at:02d}": at / 100 for at in range(40)}
    for row in shown(values):
        assert row.value == values[row.sample] and row.label == "bolt"
        assert [picture.file for picture in row.pictures] == [f"images/{row.sample}"]


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_ties_do_not_depend_on_the_order_and_no_image_stands_twice(values: list[float], shuffle: random.Random) -> None:
    named = {f"image {at}": value for at, value in enumerate(values)}
    rows = shown(named)
    names = [row.sample for row in rows]
    assert len(names) == len(set(names)) == min(len(values), WORST + TYPICAL + BEST)
    order = list(named)
    shuffle.shuffle(order)
    assert [row.model_dump() for row in shown({name: named[name] for name in order})] == [
        row.model_dump() for row in rows
    ]


def test_ties_are_not_taken_from_the_beginning_of_the_data() -> None:
    names = [f"{at:03d}" for at in range(200)]
    found = by_rank(shown(dict.fromkeys(names, 0.0)))
    assert found["worst"] == sorted(names, key=tie_break)[:WORST]
    assert not set(found["worst"]) & set(names[: WORST * 3])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 8])
def test_few_images_are_all_shown_once(count: int) -> None:
    rows = shown({str(at): at / 10 for at in range(count)})
    assert len(rows) == min(count, WORST + TYPICAL + BEST)
    assert len({row.sample for row in rows}) == len(rows)


def test_pictures_do_not_pile_up_with_the_data() -> None:
    kept, drawn = gallery(), Drawn()
    order = list(range(5000))
    random.Random(0).shuffle(order)
    most = 0
    for at in order:
        kept.offer(str(at), "bolt", float(at), lambda name=str(at): drawn(name))  # type: ignore[misc]
        rows = [*kept._worst, *kept._best, *kept._typical]
        most = max(most, len({id(row) for row in rows}))
    assert most <= 2 * WORST + BEST + _TYPICAL_POOL
    assert len(drawn.names) < 250  # about k log(n / k) for each of the three, of 5,000 that were offered


def test_a_picture_is_stored_only_if_it_is_shown() -> None:
    stored = io.BytesIO()
    kept, drawn = gallery(), Drawn()
    for at in range(50):
        kept.offer(str(at), "bolt", float(at), lambda name=str(at): drawn(name))  # type: ignore[misc]
    rows = kept.rows(lambda content: (stored.write(content + b" "), "images/x")[1])
    assert sorted(stored.getvalue().split()) == sorted(row.sample.encode() for row in rows)

"""The worst of several backgrounds, against every background tried by hand on a model of known answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.measurement.test_stored import Bench, cost, what
from engine.small_audits import CLASSES, MICRO_BATCH, SIDE, audit, column, measured, results, sample, values
from numpy.typing import NDArray
from torch import Tensor, nn

from modelaudit.contexts import stored, swap_background
from modelaudit.engine.images.donor_ranking import DonorRanking
from modelaudit.engine.planning.plan import column_key
from modelaudit.engine.results.measured import Measured
from modelaudit.language import AuditCase, Missing, Sample, correct
from modelaudit.measures import accuracy, adversarial_background_rate

COUNT = 10
OTHER = swap_background("other_class")
RANDOM = swap_background("random")


class Answers(nn.Module):
    """Answers from a table: the row by the grey of the object, the column by the grey of the background.

    An answer below nought is NaN.
    """

    def __init__(self, table: NDArray[np.int64], outputs: int = 3) -> None:
        super().__init__()
        self.register_buffer("table", torch.from_numpy(table))
        self.outputs = outputs

    def forward(self, pixels: Tensor) -> Tensor:
        codes = ((pixels[:, 0] * 255 - 5) / 10).round().long().clamp(0, len(self.table) - 1)
        answers = self.table[codes[:, 5, 5], codes[:, 0, 0]]
        logits = torch.nn.functional.one_hot(answers.clamp_min(0), self.outputs).float()
        return torch.where((answers < 0)[:, None], torch.nan, logits)


def coded(number: int, **changes: Any) -> Sample:
    """An image whose object and background both have the grey of its number."""
    return sample(number, **{"image": np.full((SIDE, SIDE, 3), 10 * number + 5, np.uint8), **changes})


def images(count: int = COUNT) -> list[Sample]:
    return [coded(number) for number in range(count)]


def label(one: Sample) -> int:
    return CLASSES.index(str(one.label))


def tables(seed: int, count: int = COUNT) -> NDArray[np.int64]:
    """Right on most originals, and on most backgrounds, so that some images need many of them."""
    draw = np.random.default_rng(seed)
    truth = np.array([label(one) for one in images(count)])
    found = np.repeat(truth[:, None], count, axis=1)
    wrong = draw.random((count, count)) < 0.25
    return np.where(wrong, (found + 1) % 3, found)


def ranked(data: Sequence[Sample], rule: str) -> list[list[int]]:
    """For every image the numbers of its donors, the first in rank first."""
    pool = DonorRanking(data, seed=0, name="swap_background")
    return [[int(donor.id[:3]) for donor in pool.ranked(one, rule)] for one in data]


def by_hand(
    table: NDArray[np.int64], data: Sequence[Sample], rule: str, backgrounds: int | None, first: int = 0
) -> tuple[list[float], list[int]]:
    """Values and tried backgrounds, every background of every image looked up in the table."""
    found: list[float] = []
    steps: list[int] = []
    for at, donors in enumerate(ranked(data, rule)):
        chosen = donors[first:] if backgrounds is None else donors[first : first + backgrounds]
        answers = [int(table[at, donor]) for donor in chosen]
        wrong = [answer != label(data[at]) for answer in answers]
        is_right = table[at, at] == label(data[at])
        found.append(float(is_right and any(wrong)))
        steps.append(0 if not is_right else wrong.index(True) + 1 if any(wrong) else len(wrong))
    return found, steps


def rate(backgrounds: int | None = None, context: Any = OTHER) -> Any:
    return adversarial_background_rate(backgrounds).under(context)


def key_of(measure: Any) -> str:
    """The name of its column."""
    return column_key(measure.spec, measure.context)


def run(folder: Path, model: nn.Module, data: list[Sample], measure: Any, **options: Any) -> tuple[Measured, str]:
    asked = audit(model, data, **options.pop("audit", {})).expect(measure < 0.9)
    found = measured(folder, options, case=asked)
    assert found.failures == {}
    return found, key_of(measure)


@pytest.mark.parametrize("backgrounds", [1, 2, 5, 100, None])
@pytest.mark.parametrize("rule", ["other_class", "random", "same_class", "next_class"])
def test_it_is_what_trying_every_background_by_hand_gives(tmp_path: Path, rule: str, backgrounds: int | None) -> None:
    data = images()
    seen = set()
    for seed in (3, 4, 6):
        table = tables(seed)
        found, key = run(tmp_path, Answers(table), data, rate(backgrounds, swap_background(rule)))
        expected, steps = by_hand(table, data, rule, backgrounds)
        assert values(found, key).tolist() == expected
        assert column(found, key).steps == dict(enumerate(steps))
        seen |= set(expected)
    assert seen == {0.0, 1.0}


def test_it_begins_at_the_rank_of_the_context(tmp_path: Path) -> None:
    table, data = tables(1), images()
    found, key = run(tmp_path, Answers(table), data, rate(2, swap_background("random", rank=3)))
    expected, steps = by_hand(table, data, "random", 2, first=3)
    assert values(found, key).tolist() == expected and column(found, key).steps == dict(enumerate(steps))
    assert expected != by_hand(table, data, "random", 2)[0]


def test_settled_images_leave_and_the_others_fill_the_micro_batches(tmp_path: Path) -> None:
    """Ten images in chunks of four, four and two; nine backgrounds of each, of which the pass shows the first."""
    data = images()
    truth = np.array([label(one) for one in data])
    never, always = np.repeat(truth[:, None], COUNT, axis=1), np.repeat((truth[:, None] + 1) % 3, COUNT, axis=1)
    originals_right = np.where(np.eye(COUNT, dtype=bool), never, always)
    for table, batches in (
        (never, (2 + 8) + (2 + 8) + (2 + 4)),  # 4 x 8 and 2 x 8 pairs are left, four in a micro-batch
        (originals_right, 2 + 2 + 2),  # all flipped by the first background
        (always, 2 + 2 + 2),  # nothing to flip
    ):
        found, _ = run(tmp_path, Answers(table), data, rate(None, RANDOM))
        assert found.passes.forward == batches * MICRO_BATCH


def test_values_and_steps_do_not_depend_on_limit_chunk_or_micro_batch(tmp_path: Path) -> None:
    table, data = tables(2, 20), images(20)
    whole, key = run(tmp_path, Answers(table), data, rate(None, RANDOM))
    by_id = dict(zip([one.id for one in whole.samples], values(whole, key), strict=True))
    tried = {one.id: column(whole, key).steps[at] for at, one in enumerate(whole.samples)}
    for options in ({"limit": 7}, {"micro_batch": 3}, {"micro_batch": 64}, {"limit": 11, "micro_batch": 5}):
        part, _ = run(tmp_path, Answers(table), data, rate(None, RANDOM), **options)
        for at, one in enumerate(part.samples):
            assert values(part, key)[at] == by_id[one.id] and column(part, key).steps[at] == tried[one.id]


def test_it_is_defined_over_the_images_that_are_right_at_first(tmp_path: Path) -> None:
    table, data = tables(3), images()
    expected, _ = by_hand(table, data, "other_class", None)
    were_right = [table[at, at] == label(one) for at, one in enumerate(data)]
    assert 0 < sum(were_right) < COUNT
    one = audit(Answers(table), data)
    found = results(
        tmp_path,
        plain=one.expect(rate() < 0.99),
        said=one.expect(rate().where(correct) < 0.99),
    )
    for result in found.values():
        assert result.decision is not None
        assert result.decision.estimate == pytest.approx(sum(expected) / sum(were_right))
        assert result.decision.counts.asked == sum(were_right)


def test_what_is_right_is_what_accuracy_says_where_outputs_are_merged(tmp_path: Path) -> None:
    """Outputs 3 and 4 mean bolt as 0 does, and output 5 means none: only from 0 to 5 is a flip."""
    data = images()
    labels = {"bolt": [0, 3, 4], "nut": [1], "washer": [2]}
    bolts = [at for at, one in enumerate(data) if one.label == "bolt"]
    truth = np.array([label(one) for one in data])
    table = np.repeat(truth[:, None], COUNT, axis=1)
    table[bolts] = 3
    table[bolts[1], :] = np.where(np.arange(COUNT) == bolts[1], 4, 5)
    options = {"audit": {"labels": labels, "classes": None}}
    found, key = run(tmp_path, Answers(table, 6), data, rate(), **options)
    assert values(found, key).tolist() == [float(at == bolts[1]) for at in range(COUNT)]


def test_the_first_background_is_shared_with_other_measures_of_the_same_context(tmp_path: Path) -> None:
    table, data = tables(1), images()
    alone, _ = run(tmp_path, Answers(table), data, rate(3))
    one = audit(Answers(table), data)
    both = measured(tmp_path, a=one.expect(rate(3) < 0.9), b=one.expect(accuracy.under(OTHER) > 0.1))
    assert both.passes.forward == alone.passes.forward
    expected = [float(table[at, donors[0]] == label(data[at])) for at, donors in enumerate(ranked(data, "other_class"))]
    assert values(both, str(accuracy.under(OTHER))).tolist() == expected


def test_photos_without_masks_may_be_tried(tmp_path: Path) -> None:
    data, photos = images(6), [coded(number, mask=None, mask_kind="none") for number in range(6, COUNT)]
    table = tables(4)
    context = swap_background("pool:halls")
    found, key = run(tmp_path, Answers(table), data, rate(None, context), audit={"pools": {"halls": photos}})
    wrong = [any(table[at, donor] != label(data[at]) for donor in range(6, COUNT)) for at in range(6)]
    expected = [float(table[at, at] == label(data[at]) and wrong[at]) for at in range(6)]
    assert values(found, key).tolist() == expected and set(expected) == {0.0, 1.0}


def test_a_stored_picture_may_be_put_on_the_backgrounds_of_the_images(tmp_path: Path) -> None:
    """The picture of image i has the object of image i + 1, so another row of the table."""
    pictures = [np.full((SIDE, SIDE, 3), 10 * ((at + 1) % COUNT) + 5, np.uint8) for at in range(COUNT)]
    table, data = tables(3), [coded(at, stored={"b": pictures[at]}) for at in range(COUNT)]
    found, key = run(tmp_path, Answers(table), data, rate(2, stored("b") | RANDOM))
    expected = [
        float(
            table[at, at] == label(data[at]) and any(table[(at + 1) % COUNT, donor] != label(data[at]) for donor in two)
        )
        for at, two in enumerate(donors[:2] for donors in ranked(data, "random"))
    ]
    assert values(found, key).tolist() == expected and 0 < sum(expected) < COUNT


# --- no value --------------------------------------------------------------------------------------------------------


def test_an_image_without_any_donor_is_undefined(tmp_path: Path) -> None:
    data = [*(coded(at, label="bolt") for at in range(4)), coded(4, label="nut")]
    found, key = run(tmp_path, Answers(np.zeros((5, 5), np.int64)), data, rate(None, swap_background("same_class")))
    assert column(found, key).missing == {4: Missing.CONTEXT_IMPOSSIBLE}
    assert values(found, key)[:4].tolist() == [0.0] * 4


def test_an_image_that_cannot_be_swapped_is_undefined(tmp_path: Path) -> None:
    data = images()
    data[2], data[7] = coded(2, mask=None, mask_kind="none"), coded(7, mask=np.zeros((SIDE, SIDE), np.uint8))
    found, key = run(tmp_path, Answers(tables(0)), data, rate())
    assert column(found, key).missing == {2: Missing.NO_MASK, 7: Missing.CONTEXT_IMPOSSIBLE}


def test_an_answer_that_is_no_number_leaves_open_whether_it_would_have_flipped(tmp_path: Path) -> None:
    """Undefined where nothing else flips; where something does, that is known, whatever the others would say."""
    data = images()
    truth = np.array([label(one) for one in data])
    table, order = np.repeat(truth[:, None], COUNT, axis=1), ranked(data, "random")
    table[0, order[0][4]] = -1
    table[1, order[1][2]], table[1, order[1][6]] = -1, (truth[1] + 1) % 3
    table[2, order[2][2]], table[2, order[2][6]] = (truth[2] + 1) % 3, -1
    table[3, 3] = -1
    found, key = run(tmp_path, Answers(table), data, rate(None, RANDOM))
    assert column(found, key).missing == {0: Missing.NON_FINITE_LOGITS, 3: Missing.NON_FINITE_LOGITS}
    assert values(found, key)[[1, 2, 4]].tolist() == [1.0, 1.0, 0.0]
    assert [column(found, key).steps[at] for at in (0, 1, 2, 3)] == [9, 7, 3, 0]


def test_backgrounds_that_change_no_pixel_prove_nothing(tmp_path: Path) -> None:
    """The only donors of its class are other pictures on the grey of the image itself."""
    other = coded(1, label="bolt")
    pixels = np.where(np.asarray(other.mask)[..., None] == 1, np.asarray(other.image), np.uint8(5))
    data = [
        coded(0, label="bolt"),
        replace(other, image=pixels),
        coded(2, label="nut"),
        coded(3, label="nut"),
    ]
    table = np.array([[0] * 4, [0] * 4, [1] * 4, [1] * 4])
    hard = swap_background("same_class", feather=0, fill="tile")
    found, key = run(tmp_path, Answers(table), data, rate(None, hard))
    assert column(found, key).missing == {0: Missing.CONTEXT_UNCHANGED, 1: Missing.CONTEXT_UNCHANGED}


class Delicate(Answers):
    """Raises on the background of number 7, if the object is another one."""

    def forward(self, pixels: Tensor) -> Tensor:
        codes = ((pixels[:, 0] * 255 - 5) / 10).round()
        if bool(((codes[:, 0, 0] == 7) & (codes[:, 5, 5] == 3)).any()):
            raise ZeroDivisionError("not that one")
        return super().forward(pixels)


def test_a_failure_in_the_search_is_that_of_its_column_alone(tmp_path: Path) -> None:
    data = images()
    truth = np.array([label(one) for one in data])
    one = audit(Delicate(np.repeat(truth[:, None], COUNT, axis=1)), data)
    order = ranked(data, "random")[3]
    asked = {"a": one.expect(rate(None, RANDOM) < 0.5), "b": one.expect(accuracy.under(RANDOM) > 0.5)}
    assert order[0] != 7
    found = measured(tmp_path, **asked)
    (key,) = found.failures
    assert key == f"model:Delicate|{key_of(rate(None, RANDOM))}" and "not that one" in found.failures[key]
    assert not np.isnan(values(found, str(accuracy.under(RANDOM)))).any()


# --- what is stored --------------------------------------------------------------------------------------------------


def cases(model: nn.Module, data: list[Sample], measure: Any, **options: Any) -> dict[str, AuditCase]:
    return {"a": audit(model, data, **options).expect(measure < 0.9)}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("backgrounds", [3, None])
def test_an_unchanged_run_computes_nothing(bench: Bench, backgrounds: int | None) -> None:
    data, table = images(), tables(5)
    data[4] = coded(4, mask=np.ones((SIDE, SIDE), np.uint8))  # can neither lend nor borrow
    asked = cases(Answers(table), data, rate(backgrounds, RANDOM))
    first = bench.run(asked)
    again = bench.again(asked)
    assert cost(again) == (0, 0) and what(again) == what(first)
    assert first.passes.forward > 0


def test_another_number_of_backgrounds_is_another_question(bench: Bench) -> None:
    data, table = images(), tables(5)
    bench.run(cases(Answers(table), data, rate(1)))
    again = bench.again(cases(Answers(table), data, rate(4)))
    assert values(again, key_of(rate(4))).tolist() == by_hand(table, data, "other_class", 4)[0]
    assert cost(again)[1] > 0


def test_a_new_image_is_tried_where_it_is_among_the_backgrounds(bench: Bench) -> None:
    """With two backgrounds it is among those of few; with all of them it is among those of everybody."""
    table, data = tables(6, 20), images(20)
    for backgrounds, most in ((2, 12), (None, 20)):
        bench.run(cases(Answers(table), data[:19], rate(backgrounds, RANDOM)))
        again = bench.again(cases(Answers(table), data, rate(backgrounds, RANDOM)))
        assert (
            values(again, key_of(rate(backgrounds, RANDOM))).tolist() == by_hand(table, data, "random", backgrounds)[0]
        )
        assert 1 <= again.passes.decoded <= most
    assert again.passes.decoded == 20


def test_another_content_of_one_background_is_seen(bench: Bench) -> None:
    table, data = tables(7), images()
    bench.run(cases(Answers(table), data, rate(None, RANDOM)))
    changed = list(data)
    changed[3] = replace(data[3], image=np.full((SIDE, SIDE, 3), 10 * 8 + 5, np.uint8))
    again = bench.again(cases(Answers(table), changed, rate(None, RANDOM)))
    assert cost(again)[1] > 0


@pytest.mark.parametrize("make", [lambda one: one, lambda one: lambda: np.asarray(one)], ids=["array", "callable"])
def test_a_quick_look_and_the_whole_share_their_values(bench: Bench, make: Callable[[Any], Any]) -> None:
    table, data = tables(8, 12), [replace(one, image=make(one.image)) for one in images(12)]
    asked = cases(Answers(table), data, rate(3))
    bench.run(asked, limit=8)
    before = bench.values
    bench.again(asked)
    assert bench.values - before == 2 * 4  # with the accuracy on the original of each
    assert cost(bench.run(asked, limit=5))[1] == 0

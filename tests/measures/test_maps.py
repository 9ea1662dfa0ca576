"""Densities, ranks and pointing: by hand, their invariances, ties, and where they have no answer."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from torch import Tensor

from modelaudit import measures
from modelaudit.language import registry
from modelaudit.language.errors import ExpressionError
from modelaudit.language.expression import Measure
from modelaudit.language.parser import parse
from modelaudit.language.reasons import Missing
from modelaudit.measures.base import MeasureInput, MeasureOutput
from modelaudit.measures.localisation import _widened

MAKERS: dict[str, Callable[..., Measure]] = {
    name: getattr(measures, name)
    for name in (
        "background_enrichment",
        "density_difference",
        "energy_pointing_game",
        "relevance_rank_accuracy",
        "top_k_intersection",
        "attribution_auc",
        "mask_iou",
        "pointing_game",
    )
}
ALL = pytest.mark.parametrize("name", MAKERS)
seeds = st.integers(0, 10_000)


def read(measure: Measure, maps: Tensor, mask: Tensor) -> MeasureOutput:
    logits, labels = torch.zeros(len(maps), 2), torch.zeros(len(maps), dtype=torch.long)
    return registry.entry_of(measure.spec).function(
        measure.spec, MeasureInput(logits, labels, attribution=maps, mask=mask)
    )


def value(measure: Measure, maps: object, mask: object) -> float:
    found = read(measure, torch.tensor([maps], dtype=torch.float32), torch.tensor([mask], dtype=torch.uint8))
    return float(found.values[0])


def made(name: str) -> Measure:
    return MAKERS[name]("saliency", **({"k": 5} if name == "top_k_intersection" else {}))


def batch(seed: int, count: int = 3, side: int = 7, *, ties: bool = False) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(count, side, side, generator=generator)
    mask = torch.tensor([0, 1, 255], dtype=torch.uint8)[torch.randint(0, 3, (count, side, side), generator=generator)]
    mask[:, 0, :2] = torch.tensor([0, 1], dtype=torch.uint8)
    maps[:, 0, :2] = 1.0
    return ((2 * maps).round() if ties else maps), mask


MAP = [[4.0, 1.0, -1.0], [2.0, 3.0, 9.0]]
MASK = [[1, 0, 0], [1, 0, 255]]


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (measures.background_enrichment("saliency"), (4 / 10) / (3 / 5)),
        (measures.density_difference("saliency"), (6 / 4) / 2 - (4 / 4) / 3),
        (measures.energy_pointing_game("saliency"), 6 / 10),
        (measures.relevance_rank_accuracy("saliency"), 1 / 2),
        (measures.top_k_intersection("saliency", k=3), 2 / 3),
        (measures.top_k_intersection("saliency", k=99), 2 / 5),
        (measures.attribution_auc("saliency"), (3 + 2) / 6),
        (measures.mask_iou("saliency", threshold=0.5), 2 / 3),
        (measures.mask_iou("saliency", threshold=1), 1 / 2),
        (measures.pointing_game("saliency"), 1.0),
    ],
)
def test_by_hand_the_ignored_pixel_counting_nowhere(measure: Measure, expected: float) -> None:
    assert value(measure, MAP, MASK) == pytest.approx(expected)


def test_the_box_reaches_round_an_object_of_two_parts() -> None:
    maps = [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    assert value(measures.energy_pointing_game("saliency"), maps, [[1, 0, 0], [0, 0, 1], [0, 0, 0]]) == pytest.approx(
        6 / 9
    )


def test_equal_pixels_count_by_their_share() -> None:
    flat, mask = [[1.0, 1.0], [1.0, 1.0]], [[1, 0], [0, 0]]
    assert value(measures.pointing_game("saliency"), flat, mask) == pytest.approx(0.25)
    assert value(measures.relevance_rank_accuracy("saliency"), flat, mask) == pytest.approx(0.25)
    assert value(measures.attribution_auc("saliency"), flat, mask) == pytest.approx(0.5)
    some = [[2.0, 1.0], [1.0, 0.0]]
    assert value(measures.top_k_intersection("saliency", k=2), some, [[0, 1], [0, 0]]) == pytest.approx(0.25)


@settings(max_examples=15, deadline=None)
@given(seeds)
@pytest.mark.parametrize("name", ["relevance_rank_accuracy", "top_k_intersection"])
def test_ties_are_the_mean_over_random_orders(name: str, seed: int) -> None:
    maps, mask = batch(seed, 1, ties=True)
    measure = made(name)
    generator = np.random.default_rng(seed)
    flat, inside, valid = (
        maps[0].clamp_min(0).flatten().numpy(),
        mask[0].flatten().numpy() == 1,
        mask[0].flatten() != 255,
    )
    k = min(5, int(valid.sum())) if name == "top_k_intersection" else int(inside.sum())
    places = np.flatnonzero(valid.numpy())
    drawn = [inside[sorted(generator.permutation(places), key=lambda at: -flat[at])[:k]].mean() for _ in range(400)]
    assert float(read(measure, maps, mask).values[0]) == pytest.approx(np.mean(drawn), abs=0.08)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_area_under_the_curve_is_mann_whitneys(seed: int) -> None:
    maps, mask = batch(seed, ties=seed % 2 == 0)
    found = read(measures.attribution_auc("saliency"), maps, mask).values
    for image, regions, one in zip(maps, mask, found.tolist(), strict=True):
        inside, outside = image[regions == 1].numpy(), image[regions == 0].numpy()
        assert one == pytest.approx(mannwhitneyu(inside, outside).statistic / (len(inside) * len(outside)))


@ALL
@settings(max_examples=15, deadline=None)
@given(seed=seeds, factor=st.sampled_from([2.0**-20, 0.25, 8.0, 2.0**20]))
def test_scale_order_and_company_change_nothing(name: str, seed: int, factor: float) -> None:
    maps, mask = batch(seed)
    measure = made(name)
    found = read(measure, maps, mask).values
    torch.testing.assert_close(read(measure, factor * maps, mask).values, found)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(read(measure, maps[order], mask[order]).values, found[order], rtol=0, atol=0)
    torch.testing.assert_close(read(measure, maps[1:2], mask[1:2]).values, found[1:2], rtol=0, atol=0)


@ALL
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_where_pixels_lie_plays_no_part(name: str, seed: int) -> None:
    if name == "energy_pointing_game":  # the box does
        return
    maps, mask = batch(seed)
    order = torch.randperm(49, generator=torch.Generator().manual_seed(seed))
    moved = (one.flatten(1)[:, order].view_as(one) for one in (maps, mask))
    torch.testing.assert_close(read(made(name), *moved).values, read(made(name), maps, mask).values)


@ALL
def test_values_keep_to_the_declared_range(name: str) -> None:
    declares = registry.find("measure", name).declares
    for seed in range(20):
        values = read(made(name), *batch(seed, 8)).values
        assert values.min() >= declares.low - 1e-9
        assert declares.high is None or values.max() <= declares.high + 1e-9


@ALL
@pytest.mark.parametrize(
    ("reason", "change"),
    [
        (Missing.ZERO_ATTRIBUTION, lambda maps, mask: maps.mul_(0)),
        (Missing.EMPTY_MASK, lambda maps, mask: mask.fill_(0)),
        (Missing.FULL_MASK, lambda maps, mask: mask.fill_(1)),
        (Missing.ATTRIBUTION_INVALID, lambda maps, mask: maps[0, 3].fill_(math.nan)),
        (Missing.ATTRIBUTION_INVALID, lambda maps, mask: maps[0, 3].fill_(math.inf)),
    ],
)
def test_where_there_is_no_answer_the_reason_is_told(name: str, reason: Missing, change: Callable[..., object]) -> None:
    maps, mask = batch(3, 1)
    change(maps, mask)
    found = read(made(name), maps, mask)
    assert {told for told, where in found.undefined.items() if where[0]} == {reason}
    assert found.values.isnan().all()


def test_a_map_of_negative_values_has_an_area_under_its_curve_and_nothing_else() -> None:
    maps, mask = batch(3, 1)
    maps = -maps.abs() - 0.1
    for name in MAKERS:
        undefined = [reason for reason, where in read(made(name), maps, mask).undefined.items() if where[0]]
        assert undefined == ([] if name == "attribution_auc" else [Missing.ZERO_ATTRIBUTION])


def test_the_tolerance_is_a_radius_that_scales_with_the_side() -> None:
    region = torch.zeros(1, 21, 21, dtype=torch.bool)
    region[0, 10, 10] = True
    rows, columns = torch.meshgrid(torch.arange(21), torch.arange(21), indexing="ij")
    away = (rows - 10) ** 2 + (columns - 10) ** 2
    for radius in (0.0, 1.0, 2.5, 6.0):
        assert torch.equal(_widened(region, radius)[0], away <= radius**2)
    maps, mask = torch.zeros(1, 21, 21), torch.zeros(1, 21, 21, dtype=torch.uint8)
    mask[0, 10, 10], maps[0, 10, 13] = 1, 1.0
    near, far = measures.pointing_game("saliency", tolerance=31), measures.pointing_game("saliency", tolerance=33)
    assert (float(read(near, maps, mask).values), float(read(far, maps, mask).values)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("top_k_intersection(gradcam, k=50) > 0.5", measures.top_k_intersection("gradcam", k=50) > 0.5),
        ("mask_iou(gradcam, threshold=0.25) > 0.5", measures.mask_iou("gradcam", threshold=0.25) > 0.5),
        (
            "pointing_game(gradcam, saliency, tolerance=15) > 0.5",
            measures.pointing_game("gradcam", "saliency", tolerance=15) > 0.5,
        ),
        ("attribution_auc(gradcam, target=label) > 0.5", measures.attribution_auc("gradcam", target="label") > 0.5),
    ],
)
def test_the_text_parses_back(text: str, same: object) -> None:
    assert parse(text) == same and parse(str(same)) == same


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: measures.top_k_intersection("gradcam", k=0),
        lambda: measures.top_k_intersection("gradcam", k=2.5),
        lambda: measures.mask_iou("gradcam", threshold=0),
        lambda: measures.mask_iou("gradcam", threshold=1.5),
        lambda: measures.pointing_game("gradcam", tolerance=-1),
        lambda: measures.attribution_auc(),
    ],
)
def test_what_has_no_meaning_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ExpressionError):
        wrong()

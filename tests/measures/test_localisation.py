"""Share and dependence of the background: the formulas, their invariances, and where they have no answer."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from modelaudit.attribution import saliency
from modelaudit.contexts import swap_background
from modelaudit.language import registry
from modelaudit.language.errors import ExpressionError, UnknownNameError
from modelaudit.language.expression import Measure
from modelaudit.language.parser import parse
from modelaudit.language.reasons import Missing
from modelaudit.measures import background_dependence, background_share
from modelaudit.measures.base import MeasureInput, MeasureOutput
from modelaudit.measures.localisation import BackgroundShare

SHARE, DEPENDENCE = background_share("saliency"), background_dependence("saliency")
BOTH = pytest.mark.parametrize("measure", [SHARE, DEPENDENCE])


def read(measure: Measure, maps: Tensor, mask: Tensor) -> MeasureOutput:
    logits, labels = torch.zeros(len(maps), 2), torch.zeros(len(maps), dtype=torch.long)
    seen = MeasureInput(logits, labels, attribution=maps, mask=mask)
    return registry.entry_of(measure.spec).function(measure.spec, seen)


def value(measure: Measure, maps: Tensor, mask: Tensor) -> float:
    return float(read(measure, maps[None], mask[None]).values[0])


def random_case(seed: int, side: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(side, side, generator=generator)
    mask = torch.tensor([0, 1, 255], dtype=torch.uint8)[torch.randint(0, 3, (side, side), generator=generator)]
    mask[0, :2] = torch.tensor([0, 1], dtype=torch.uint8)
    maps[0, :2] = 1.0
    return maps, mask


seeds = st.integers(0, 10_000)


def test_formulas_by_hand() -> None:
    maps = torch.tensor([[3.0, 1.0], [-5.0, 2.0]])
    mask = torch.tensor([[1, 0], [0, 0]], dtype=torch.uint8)
    assert value(SHARE, maps, mask) == pytest.approx(3 / 6)
    assert value(DEPENDENCE, maps, mask) == pytest.approx(1.0 / (1.0 + 3.0))


def test_ignored_pixels_count_neither_as_attribution_nor_as_area() -> None:
    maps = torch.tensor([[3.0, 1.0, 100.0], [0.0, 2.0, 100.0]])
    mask = torch.tensor([[1, 0, 255], [0, 0, 255]], dtype=torch.uint8)
    assert value(SHARE, maps, mask) == pytest.approx(0.5)
    assert value(DEPENDENCE, maps, mask) == pytest.approx(1.0 / (1.0 + 3.0))


@BOTH
@given(seed=seeds, power=st.floats(-30, 30))
def test_the_scale_of_a_map_does_not_matter(measure: Measure, seed: int, power: float) -> None:
    maps, mask = random_case(seed)
    assert value(measure, maps.double() * 10**power, mask) == pytest.approx(value(measure, maps, mask), rel=1e-6)


@BOTH
@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e300])
def test_extreme_scales_neither_vanish_nor_overflow(measure: Measure, scale: float) -> None:
    mask = torch.zeros(8, 8, dtype=torch.uint8)
    mask[:4] = 1
    assert value(measure, torch.ones(8, 8).double() * scale, mask) == pytest.approx(0.5)


@BOTH
@given(seed=seeds)
def test_only_the_mask_says_where_a_pixel_is(measure: Measure, seed: int) -> None:
    maps, mask = random_case(seed)
    order = torch.randperm(maps.numel(), generator=torch.Generator().manual_seed(seed))
    shuffled = maps.flatten()[order].view_as(maps), mask.flatten()[order].view_as(mask)
    assert value(measure, *shuffled) == pytest.approx(value(measure, maps, mask), rel=1e-12)


@given(rows=st.integers(1, 15), columns=st.integers(1, 16), height=st.floats(1e-6, 1e6))
def test_a_uniform_map_has_dependence_one_half_and_a_share_of_the_area(rows: int, columns: int, height: float) -> None:
    mask = torch.zeros(16, 16, dtype=torch.uint8)
    mask[:rows, :columns] = 1
    maps = torch.full((16, 16), height)
    assert value(DEPENDENCE, maps, mask) == pytest.approx(0.5, rel=1e-12)
    assert value(SHARE, maps, mask) == pytest.approx(1 - rows * columns / 256, rel=1e-12)


@BOTH
@given(seed=seeds)
def test_object_and_background_complement_each_other(measure: Measure, seed: int) -> None:
    maps, mask = random_case(seed)
    swapped = torch.where(mask == 255, mask, 1 - mask)
    assert value(measure, maps, mask) + value(measure, maps, swapped) == pytest.approx(1.0)


@BOTH
@given(seed=seeds)
def test_negative_attribution_does_not_count(measure: Measure, seed: int) -> None:
    maps, mask = random_case(seed)
    assert value(measure, maps, mask) == value(measure, maps.clamp_min(0), mask)


@BOTH
@pytest.mark.parametrize(("place", "expected"), [(1, 0.0), (0, 1.0)])
def test_a_map_on_one_side_only_reaches_the_end_of_the_range(measure: Measure, place: int, expected: float) -> None:
    mask = torch.zeros(5, 5, dtype=torch.uint8)
    mask[2:4, 1:3] = 1
    assert value(measure, (mask == place).float(), mask) == expected


@BOTH
def test_every_unanswerable_image_has_one_reason_and_no_number(measure: Measure) -> None:
    good = torch.zeros(4, 4, dtype=torch.uint8)
    good[:2] = 1
    ring = good.clone()
    ring[ring == 1] = 255
    cases = [
        (torch.ones(4, 4), good, None),
        (torch.zeros(4, 4), good, Missing.ZERO_ATTRIBUTION),
        (-torch.ones(4, 4), good, Missing.ZERO_ATTRIBUTION),
        (torch.ones(4, 4), torch.zeros_like(good), Missing.EMPTY_MASK),
        (torch.ones(4, 4), ring, Missing.EMPTY_MASK),
        (torch.ones(4, 4), torch.ones_like(good), Missing.FULL_MASK),
        (torch.ones(4, 4), torch.where(good == 0, 255, good).byte(), Missing.FULL_MASK),
        (torch.full((4, 4), math.nan), good, Missing.ATTRIBUTION_INVALID),
        (torch.ones(4, 4).index_fill(0, torch.tensor([3]), math.inf), good, Missing.ATTRIBUTION_INVALID),
        (torch.zeros(4, 4).index_fill(0, torch.tensor([3]), -math.inf), good, Missing.ATTRIBUTION_INVALID),
    ]
    reading = read(measure, torch.stack([case[0] for case in cases]), torch.stack([case[1] for case in cases]))
    for index, (_, _, expected) in enumerate(cases):
        reasons = [reason for reason, where in reading.undefined.items() if where[index]]
        assert reasons == ([] if expected is None else [expected])
        assert bool(reading.values[index].isnan()) == (expected is not None)


def test_attribution_on_ignored_pixels_alone_is_none() -> None:
    mask = torch.tensor([[1, 0, 255]], dtype=torch.uint8)
    reading = read(SHARE, torch.tensor([[[0.0, 0.0, 7.0]]]), mask[None])
    assert reading.undefined[Missing.ZERO_ATTRIBUTION].tolist() == [True]


def test_a_map_of_broken_logits_is_not_read() -> None:
    mask = torch.tensor([[[1, 0]]], dtype=torch.uint8)
    logits = torch.tensor([[math.nan, 0.0]])
    seen = MeasureInput(logits, torch.tensor([0]), attribution=torch.ones(1, 1, 2), mask=mask)
    reading = registry.entry_of(SHARE.spec).function(SHARE.spec, seen)
    assert reading.undefined[Missing.NON_FINITE_LOGITS].tolist() == [True]


def test_sums_are_taken_in_float64() -> None:
    maps = torch.full((2048, 2048), 0.1)
    mask = torch.zeros(2048, 2048, dtype=torch.uint8)
    mask[:3, :5] = 1
    assert value(DEPENDENCE, maps, mask) == pytest.approx(0.5, abs=1e-13)


@BOTH
def test_a_batch_reads_as_its_images_one_by_one(measure: Measure) -> None:
    cases = [random_case(seed) for seed in range(6)]
    together = read(measure, torch.stack([maps for maps, _ in cases]), torch.stack([mask for _, mask in cases]))
    assert together.values.tolist() == pytest.approx([value(measure, *case) for case in cases], rel=1e-12)


def test_methods_are_given_by_name_class_or_instance() -> None:
    by_name, by_class, by_instance = (background_share(m) for m in ("saliency", saliency, saliency()))
    assert by_name == by_class == by_instance
    assert isinstance(by_name.spec, BackgroundShare)
    assert by_name.spec.methods == (saliency(),)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("background_dependence(saliency) < 0.40", "background_dependence(saliency) < 0.4"),
        (
            "background_dependence(integrated_gradients(steps=auto)) < 0.4",
            "background_dependence(integrated_gradients) < 0.4",
        ),
        (
            "background_share(gradcam, gradcam(layer='features'), target=label) < 1",
            "background_share(gradcam, gradcam(layer=features), target=label) < 1",
        ),
        ("background_share(saliency, target=7) < 1", "background_share(saliency, target=7) < 1"),
        ("background_share(saliency, target='tabby cat') < 1", "background_share(saliency, target='tabby cat') < 1"),
    ],
)
def test_texts_come_back(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)


def test_the_headline_parses_to_what_python_says() -> None:
    parsed = parse("background_dependence(integrated_gradients).under(swap_background(other_class)) < 0.40")
    written = background_dependence("integrated_gradients").under(swap_background("other_class")) < 0.40
    assert parsed == written
    assert str(parsed) == "background_dependence(integrated_gradients).under(swap_background(other_class)) < 0.4"


def test_the_long_form_states_target_and_method_with_versions() -> None:
    assert SHARE.long_form() == "background_share@1(methods=[saliency@1()], target=prediction)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "at least one"),
        (("saliency", saliency()), "twice"),
        ((3,), "is not an attribution method"),
    ],
)
def test_bad_methods_are_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        background_dependence(*arguments)  # type: ignore[arg-type]


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="saliency"):
        background_dependence("salliency")


@pytest.mark.parametrize("target", ["", -1, True, None, 0.5])
def test_bad_targets_are_refused(target: object) -> None:
    with pytest.raises(ExpressionError, match="target"):
        background_dependence("saliency", target=target)  # type: ignore[arg-type]


def test_a_mask_or_map_that_was_not_handed_over_is_an_error() -> None:
    with pytest.raises(ValueError, match="map"):
        registry.entry_of(SHARE.spec).function(SHARE.spec, MeasureInput(torch.zeros(1, 2), torch.tensor([0])))

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from attribution import small_questions
from attribution.small_questions import part, relu_net
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, Maps, check, integrated_gradients
from modelaudit.attribution.baselines import NAMES, baseline_images
from modelaudit.attribution.integrated import (
    _DECLARES,
    MOST_PANELS,
    STRETCHES,
    IntegratedGradients,
    completeness_error,
    integrated_gradients_maps,
)
from modelaudit.attribution.passes import gradients
from modelaudit.language.errors import AttributionError, ExpressionError
from modelaudit.language.parser import parse_expression
from modelaudit.language.reasons import Missing
from modelaudit.language.spec import long_text

SEVERAL = ("black", "white", "blur", "noise")
METHODS = [
    integrated_gradients(),
    integrated_gradients(tolerance=0.01),
    integrated_gradients(baseline=SEVERAL),
    integrated_gradients(steps=5),
    integrated_gradients(steps=3, baseline=SEVERAL),
]


def asked(model: nn.Module, count: int = 4, side: int = 10) -> AttributionInput:
    return small_questions.asked(model, count, side)


def equal(found: Maps, expected: Maps, chosen: list[int]) -> None:
    for name in ("values", "completeness", "steps"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None and other is None) or torch.equal(one, other[chosen]), name


class Pixels(nn.Module):
    """Explained: what `function` makes of the first two pixels of the first channel, x1 and x2."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x[:, 0, 0, 0], x[:, 0, 0, 1])[:, None]  # type: ignore[no-any-return,operator]


def two_pixels(model: nn.Module, first: float, second: float) -> AttributionInput:
    images = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    images[0, 0, 0] = torch.tensor([first, second], dtype=torch.float64)
    return AttributionInput(model, images, torch.ones(1, 1, dtype=torch.float64), model(images)[:, 0])


values = st.floats(0.01, 1)
TOYS = [integrated_gradients(), integrated_gradients(steps=1), integrated_gradients(steps=7)]


@pytest.mark.parametrize("method", TOYS, ids=str)
@settings(deadline=None, max_examples=10)
@given(first=values, second=values)
def test_a_product_is_shared_in_halves(method: integrated_gradients, first: float, second: float) -> None:
    maps = integrated_gradients_maps(method, two_pixels(Pixels(torch.mul), first, second))
    expected = torch.tensor([[first * second / 2] * 2, [0, 0]], dtype=torch.float64)
    torch.testing.assert_close(maps.values[0], expected, rtol=1e-9, atol=1e-12)
    assert float(maps.completeness) < 1e-9 and (maps.steps is None or maps.steps.tolist() == [8])


@pytest.mark.parametrize("method", TOYS, ids=str)
@settings(deadline=None, max_examples=10)
@given(first=values, second=values)
def test_a_maximum_belongs_to_the_larger_pixel(method: integrated_gradients, first: float, second: float) -> None:
    if first == second:
        return
    maps = integrated_gradients_maps(method, two_pixels(Pixels(torch.maximum), first, second))
    expected = torch.tensor([[first, 0.0] if first > second else [0.0, second], [0, 0]], dtype=torch.float64)
    torch.testing.assert_close(maps.values[0], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("steps", ["auto", 2])
@pytest.mark.parametrize("baseline", [*NAMES, NAMES])
def test_a_linear_model_is_exact_from_every_baseline(steps: int, baseline: str) -> None:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(300, 3)).double().eval().requires_grad_(False)
    question = asked(relu_net())
    question = replace(question, model=model, pixels=question.pixels.double(), selector=question.selector.double())
    question = replace(question, explained=(model(question.pixels) * question.selector).sum(1))
    method = integrated_gradients(steps=steps, baseline=baseline)  # type: ignore[arg-type]
    names = (baseline,) if isinstance(baseline, str) else baseline
    starts = torch.stack([baseline_images(name, question, "integrated_gradients") for name in names])
    weights = (question.selector @ model[1].weight).view(4, 3, 10, 10)
    maps = integrated_gradients_maps(method, question)
    torch.testing.assert_close(maps.values, (weights * (question.pixels - starts.mean(0))).sum(1))
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-9
    assert maps.steps is None if steps == 2 else maps.steps.tolist() == [8 * len(names)] * 4  # type: ignore[union-attr]


def test_shares_add_up_to_what_changed_from_the_baseline() -> None:
    model = relu_net()
    question = asked(model)
    for method, error in ((integrated_gradients(), 0.05), (integrated_gradients(steps=64), 0.02)):
        maps = integrated_gradients_maps(method, question)
        black = (model(torch.zeros_like(question.pixels)) * question.selector).sum(1)
        torch.testing.assert_close(maps.values.sum((1, 2)), question.explained - black, rtol=error, atol=1e-4)
        assert maps.completeness is not None and bool((maps.completeness <= error).all())


def test_the_shares_of_several_baselines_are_the_mean_of_theirs() -> None:
    question = asked(relu_net(), 2, 8)
    together = integrated_gradients_maps(integrated_gradients(steps=9, baseline=SEVERAL), question)
    single = [integrated_gradients_maps(integrated_gradients(steps=9, baseline=name), question) for name in SEVERAL]
    torch.testing.assert_close(together.values, torch.stack([maps.values for maps in single]).mean(0))
    refined = integrated_gradients_maps(integrated_gradients(baseline=SEVERAL, tolerance=0.005), question)
    exact = [integrated_gradients_maps(integrated_gradients(steps=100, baseline=name), question) for name in SEVERAL]
    expected = torch.stack([maps.values for maps in exact]).mean(0)
    assert float((refined.values - expected).abs().sum() / expected.abs().sum()) < 0.05


def test_more_steps_leave_less_error() -> None:
    question = asked(relu_net(), 3)
    errors = [integrated_gradients_maps(integrated_gradients(steps=n), question).completeness for n in (1, 256)]
    assert errors[0] is not None and errors[1] is not None
    assert float(errors[1].mean()) < 0.2 * float(errors[0].mean())


def test_a_tighter_tolerance_takes_more_steps_and_is_kept() -> None:
    question = asked(relu_net(), 6)
    steps = []
    for tolerance in (0.05, 0.01, 0.003):
        maps = integrated_gradients_maps(integrated_gradients(tolerance=tolerance), question)
        assert maps.completeness is not None and maps.steps is not None
        assert bool(((maps.completeness <= tolerance) | (maps.steps == STRETCHES * MOST_PANELS)).all())
        assert all(8 <= steps <= 256 and steps % 2 == 0 for steps in maps.steps.tolist())
        steps.append(int(maps.steps.sum()))
    assert steps[0] < steps[1] < steps[2]


class Sharp(nn.Module):
    """The sum of the pixels, and a steep rise where their mean passes a fifth of the way from black to white."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((1, 2, 3))
        return (mean + torch.sigmoid(200 * (mean - 0.2)))[:, None]


def test_nodes_go_where_completeness_is_lost() -> None:
    """The rise takes a fiftieth of the way; halving everywhere takes 128 panels to be as complete."""
    images = torch.linspace(0.6, 1, 5, dtype=torch.float64)[:, None, None, None].expand(-1, 3, 4, 4).contiguous()
    model = Sharp()
    question = AttributionInput(model, images, torch.ones(5, 1, dtype=torch.float64), model(images)[:, 0])
    maps = integrated_gradients_maps(integrated_gradients(tolerance=0.002), question)
    assert maps.steps is not None and maps.completeness is not None
    assert float(maps.completeness.max()) <= 0.002 and int(maps.steps.max()) <= 72, maps.steps


def test_the_refined_map_is_that_of_many_steps() -> None:
    question = asked(relu_net(), 3)
    exact = integrated_gradients_maps(integrated_gradients(steps=400), question).values
    for tolerance, limit in ((0.05, 0.1), (0.0005, 0.01)):
        found = integrated_gradients_maps(integrated_gradients(tolerance=tolerance), question).values
        assert float((found - exact).abs().sum() / exact.abs().sum()) < limit


class Counted(nn.Module):
    """Counts the rows that go forward and come back; asks nothing of the graph where gradients are off."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.rows, self.sizes = model, Counter[str](), set[int]()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x)
        self.rows["forward"] += len(x)
        self.sizes.add(len(x))
        if logits.requires_grad:
            logits.register_hook(lambda gradient: self.rows.update(backward=len(gradient)))
        return logits


def test_each_image_pays_for_its_own_steps_and_for_no_gradient_twice() -> None:
    question = asked(relu_net(), 6)
    method = integrated_gradients(tolerance=0.01)
    alone, helped = Counted(question.model), Counted(question.model)
    maps = integrated_gradients_maps(method, replace(question, model=alone, rows=1))
    assert maps.steps is not None and len(set(maps.steps.tolist())) > 1
    _, at_image = gradients(question, question.pixels, question.selector)
    handed = replace(question, model=helped, rows=1, tensors={"input_gradient": at_image})
    torch.testing.assert_close(integrated_gradients_maps(method, handed).values, maps.values, rtol=1e-4, atol=1e-7)
    for model, more in ((alone, 6), (helped, 0)):
        assert model.rows["forward"] == model.rows["backward"] == int(maps.steps.sum()) + more and model.sizes == {1}


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_no_pass_is_larger_than_asked_for(method: integrated_gradients) -> None:
    question = asked(relu_net())
    model = Counted(question.model)
    integrated_gradients_maps(method, replace(question, model=model, rows=4))
    assert model.sizes == {4}


class Step(nn.Module):
    """Jumps where the mean passes a half: the gradient sees nothing of it."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((1, 2, 3))
        return torch.stack([(mean > 0.5) * 10 + 0.01 * mean, mean], 1)


def jump(*brightness: float) -> AttributionInput:
    bright = torch.tensor(brightness)[:, None, None, None].expand(-1, 3, 4, 4).contiguous()
    selector, model = torch.tensor([[1.0, 0.0]] * len(bright)), Step()
    return AttributionInput(model, bright, selector, (model(bright) * selector).sum(1))


@pytest.mark.parametrize("steps", ["auto", 64])
def test_a_jump_that_no_gradient_sees_is_a_completeness_error(steps: int) -> None:
    question = jump(0.9, 0.3)
    maps = integrated_gradients_maps(integrated_gradients(steps=steps), question)
    assert maps.completeness is not None and float(maps.completeness[0]) > 0.9 and float(maps.completeness[1]) < 1e-4
    invalid = check(maps, question.pixels, question.explained)[Missing.ATTRIBUTION_INVALID]
    assert invalid.tolist() == [True, False]


def test_refinement_ends_and_costs_no_more_than_declared() -> None:
    question = jump(0.9)
    for baseline in ("black", ("black", "mean")):
        method = integrated_gradients(baseline=baseline)
        model = Counted(question.model)
        maps = integrated_gradients_maps(method, replace(question, model=model))
        cost = _DECLARES.cost(method)
        assert (model.rows["forward"], model.rows["backward"]) == (cost.forward, cost.backward)
        assert maps.steps is not None and maps.steps.tolist() == [cost.forward - 1]


class Broken(nn.Module):
    """No number for images whose first pixel is above 0.9."""

    def forward(self, x: Tensor) -> Tensor:
        value = x.mean((1, 2, 3))
        return torch.where(x[:, 0, 0, 0] > 0.9, torch.nan, value)[:, None]


def test_an_image_without_a_number_is_not_refined_and_leaves_the_others_alone() -> None:
    images = torch.full((2, 3, 4, 4), 0.5)
    images[0, 0, 0, 0] = 0.95
    model = Broken()
    question = AttributionInput(model, images, torch.ones(2, 1), model(images)[:, 0])
    maps = integrated_gradients_maps(integrated_gradients(), question)
    assert maps.steps is not None and maps.steps.tolist() == [8, 8]
    invalid = check(maps, images, question.explained)[Missing.ATTRIBUTION_INVALID]
    assert invalid.tolist() == [True, False]


@pytest.mark.parametrize("method", METHODS, ids=str)
@settings(deadline=None, max_examples=4)
@given(order=st.permutations(range(5)), count=st.integers(1, 5))
def test_order_and_chunks_change_nothing_to_the_bit(method: integrated_gradients, order: list[int], count: int) -> None:
    question = replace(asked(relu_net(), 5, 8), rows=4)
    expected = integrated_gradients_maps(method, question)
    chosen = list(order)[:count]
    equal(integrated_gradients_maps(method, part(question, chosen)), expected, chosen)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_size_of_a_pass_changes_nothing_beyond_rounding(method: integrated_gradients) -> None:
    question = asked(relu_net(), 5)
    expected = integrated_gradients_maps(method, question)
    for rows in (1, 3, 8, 64):
        found = integrated_gradients_maps(method, replace(question, rows=rows))
        torch.testing.assert_close(found.values, expected.values, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(found.completeness, expected.completeness, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_what_was_asked_is_left_as_it_was(method: integrated_gradients) -> None:
    question = asked(relu_net(), 3)
    tensors = {"input_gradient": torch.rand_like(question.pixels)}
    question = replace(question, tensors=tensors)
    copies = [tensor.clone() for tensor in (question.pixels, question.selector, question.explained, *tensors.values())]
    integrated_gradients_maps(method, question)
    for tensor, copy in zip(
        (question.pixels, question.selector, question.explained, *tensors.values()), copies, strict=True
    ):
        assert torch.equal(tensor, copy) and not tensor.requires_grad


def test_the_gradient_at_the_image_is_the_shared_one() -> None:
    """It is the quadrature's last node: the engine has it already, and nobody pays for it twice."""
    assert _DECLARES.reads(IntegratedGradients()) == ("input_gradient",)
    assert _DECLARES.reads(IntegratedGradients(steps=8)) == ()
    question = asked(relu_net(), 2)
    plain = integrated_gradients_maps(integrated_gradients(), question)
    handed = replace(question, tensors={"input_gradient": torch.full_like(question.pixels, 12)})
    changed = integrated_gradients_maps(integrated_gradients(tolerance=0.05), handed)
    assert not torch.equal(plain.values, changed.values)


class Blocked(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach().mean((2, 3))


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_model_that_switches_gradients_off_is_an_error_not_a_zero_map(method: integrated_gradients) -> None:
    with pytest.raises(AttributionError, match="no gradient leads"):
        integrated_gradients_maps(method, asked(Blocked(), 2))


def test_completeness_error_is_relative_to_the_change_or_a_hundredth_of_the_shares() -> None:
    shares = torch.tensor([[3.0, 1.0], [50.0, -50.0], [0.0, 0.0], [0.0, 0.0]])
    error = completeness_error(shares, torch.tensor([6.0, 0.5, 1.0, 2.0]), torch.tensor([1.0, 0.0, 1.0, 0.0]))
    assert error.tolist() == pytest.approx([0.2, 0.5, 0.0, 1.0])


@pytest.mark.parametrize("method", [*METHODS, integrated_gradients(baseline=("noise",)), integrated_gradients(steps=1)])
def test_it_can_be_written_as_text(method: integrated_gradients) -> None:
    text = f"background_dependence({method})"
    assert str(parse_expression(text)) == text
    assert parse_expression(text).spec.methods == (method,)  # type: ignore[attr-defined]


def test_the_long_form_states_what_the_default_is() -> None:
    text = long_text(integrated_gradients())
    assert text == "integrated_gradients@3(steps=auto, baseline=black, tolerance=0.05)"
    assert str(integrated_gradients(baseline=("black", "blur"))) == "integrated_gradients(baseline=[black, blur])"


@pytest.mark.parametrize("steps", [0, 1001, -3, 2.5, True, "many"])
def test_steps_are_auto_or_a_whole_number_in_range(steps: int) -> None:
    with pytest.raises(ExpressionError, match="integrated_gradients: steps"):
        integrated_gradients(steps=steps)


@pytest.mark.parametrize("tolerance", [0, 0.06, -1, "tight", float("nan"), True])
def test_a_tolerance_is_at_most_what_counts(tolerance: float) -> None:
    with pytest.raises(ExpressionError, match="integrated_gradients: tolerance"):
        integrated_gradients(tolerance=tolerance)


def test_a_tolerance_beside_a_number_of_steps_means_nothing() -> None:
    with pytest.raises(ExpressionError, match="only for steps='auto'"):
        integrated_gradients(steps=32, tolerance=0.01)


@pytest.mark.parametrize("baseline", ["blck", ("white", "blck")])
def test_an_unknown_baseline_suggests_the_nearest(baseline: str) -> None:
    with pytest.raises(ExpressionError, match="did you mean 'black'"):
        integrated_gradients(baseline=baseline)

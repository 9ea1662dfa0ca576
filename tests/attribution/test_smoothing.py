from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from attribution.small_questions import asked, part, relu_net
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, saliency, smoothgrad, smoothgrad_squared, vargrad
from modelaudit.attribution.baselines import normal_noise
from modelaudit.language import registry
from modelaudit.language.errors import AttributionError, ExpressionError
from modelaudit.language.parser import parse_expression
from modelaudit.language.spec import Method

KINDS = [smoothgrad, smoothgrad_squared, vargrad]
METHODS = [kind(samples=6, noise=0.2) for kind in KINDS]


class Bowl(nn.Module):
    """f = sum x^2 / 2 over the image, for each of three classes with its own factor: d f / d x = factor * x."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([factor * 0.5 * (x**2).sum((1, 2, 3)) for factor in (1.0, -2.0, 0.5)], 1)


def explain(method: Method, question: AttributionInput) -> Tensor:
    return registry.entry_of(method).function(method, question).values  # type: ignore[no-any-return]


def test_on_a_linear_model_noise_changes_nothing() -> None:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 3)).eval().requires_grad_(False)
    question = asked(model)
    weights = (question.selector @ model[1].weight).view(4, 3, 8, 8)
    torch.testing.assert_close(explain(smoothgrad(), question), explain(saliency(), question))
    torch.testing.assert_close(explain(smoothgrad_squared(), question), (weights**2).sum(1))
    assert float(explain(vargrad(), question).max()) < 1e-9


def test_the_absolute_value_is_taken_before_the_mean_and_channels_are_summed_last() -> None:
    question = asked(Bowl())
    noisy = [question.pixels + 0.5 * normal_noise(question, range(4), "smoothgrad", at) for at in range(7)]
    factors = torch.tensor([1.0, -2.0, 0.5, 1.0])[:, None, None, None]
    sizes = (torch.stack(noisy) * factors).abs()
    assert bool((torch.stack(noisy) < 0).any())
    torch.testing.assert_close(explain(smoothgrad(7, 0.5), question), sizes.mean(0).sum(1))
    torch.testing.assert_close(explain(smoothgrad_squared(7, 0.5), question), (sizes**2).mean(0).sum(1))
    torch.testing.assert_close(explain(vargrad(7, 0.5), question), sizes.var(0, correction=0).sum(1))


def test_many_samples_give_the_expectation() -> None:
    """E[z^2] of z = x + s N is x^2 + s^2, and the mean over 192 pixels of 300 samples is near it."""
    question = asked(Bowl(), 1)
    found = float(explain(smoothgrad_squared(300, 0.4), question).mean())
    expected = float((question.pixels**2 + 0.16).sum(1).mean())
    assert found == pytest.approx(expected, rel=0.02)


def test_a_tiny_variance_beside_a_large_gradient_is_not_lost_in_rounding() -> None:
    class Steep(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (1e4 * x + 0.5 * x**2).sum((1, 2, 3))[:, None].expand(-1, 3)

    question = asked(Steep(), 1)
    double = replace(question, pixels=question.pixels.double(), selector=question.selector.double())
    found, expected = explain(vargrad(16, 0.1), question), explain(vargrad(16, 0.1), double)
    assert float(found.min()) > 0
    torch.testing.assert_close(found.double(), expected, rtol=0.05, atol=1e-4)


def test_all_three_see_the_same_noise() -> None:
    torch.manual_seed(1)
    question = asked(Bowl(), 2)
    grey = replace(question, pixels=question.pixels[:, :1].expand(-1, 3, -1, -1).contiguous())
    squared, variance = explain(smoothgrad_squared(5), grey), explain(vargrad(5), grey)
    assert bool((variance < squared).all())
    assert torch.equal(explain(smoothgrad(5), grey), explain(smoothgrad(5), grey))


def test_draws_belong_to_the_image_and_the_seed() -> None:
    question = asked(relu_net(), 2)
    same = replace(question, pixels=question.pixels[:1].repeat(2, 1, 1, 1), selector=question.selector[:1].repeat(2, 1))
    found = explain(smoothgrad(4), same)
    assert not torch.equal(found[0], found[1])
    assert not torch.equal(explain(smoothgrad(4), replace(question, seed=1)), explain(smoothgrad(4), question))


@pytest.mark.parametrize("method", METHODS, ids=str)
@settings(deadline=None, max_examples=5)
@given(order=st.permutations(range(5)), count=st.integers(1, 5))
def test_order_and_chunks_change_nothing_to_the_bit(method: Method, order: list[int], count: int) -> None:
    question = replace(asked(relu_net(), 5), rows=4)
    chosen = list(order)[:count]
    assert torch.equal(explain(method, part(question, chosen)), explain(method, question)[chosen])


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_size_of_a_pass_changes_nothing_beyond_rounding(method: Method) -> None:
    question = asked(relu_net(), 5)
    for rows in (1, 3, 64):
        found = explain(method, replace(question, rows=rows))
        torch.testing.assert_close(found, explain(method, question), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_declared_cost_is_what_runs_in_passes_of_the_size_asked_for(method: Method) -> None:
    question, sizes = asked(relu_net(), 4), []
    question.model.register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
    explain(method, replace(question, rows=3))
    cost = registry.entry_of(method).declares.cost(method)
    assert sizes == [3] * 8 and cost.forward == cost.backward == 6


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_callers_gradient_mode_does_not_matter(method: Method, context: type[torch.no_grad]) -> None:
    question = asked(relu_net())
    expected, before = explain(method, question), question.pixels.clone()
    with context():
        copy = replace(question, pixels=question.pixels.clone(), selector=question.selector.clone())
        assert torch.equal(explain(method, copy), expected)
    assert torch.equal(question.pixels, before)


class Blocked(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach().mean((2, 3))


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_model_that_switches_gradients_off_is_an_error(method: Method) -> None:
    with pytest.raises(AttributionError, match="no gradient leads"):
        explain(method, asked(Blocked()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"samples": 0}, "samples"),
        ({"samples": 10_001}, "samples"),
        ({"samples": 2.5}, "samples"),
        ({"samples": True}, "samples"),
        ({"noise": 0}, "noise"),
        ({"noise": -0.1}, "noise"),
        ({"noise": float("nan")}, "noise"),
        ({"noise": 2.1}, "noise"),
    ],
)
def test_arguments_out_of_range_are_errors_that_name_the_method(
    kind: type[Method], arguments: dict[str, float], said: str
) -> None:
    with pytest.raises(ExpressionError, match=f"^{registry.entry_of(kind()).name}: {said}"):
        kind(**arguments)


def test_one_sample_has_no_variance() -> None:
    assert smoothgrad(1).samples == 1
    with pytest.raises(ExpressionError, match="vargrad: samples"):
        vargrad(1)


@pytest.mark.parametrize("method", [*METHODS, *(kind() for kind in KINDS)], ids=str)
def test_it_can_be_written_as_text(method: Method) -> None:
    text = f"background_dependence({method})"
    assert str(parse_expression(text)) == text

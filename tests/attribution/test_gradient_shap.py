from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from attribution.small_questions import asked, part, relu_net
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.attribution import gradient_shap, integrated_gradients
from modelaudit.attribution.baselines import NAMES
from modelaudit.attribution.gradient import _DECLARES, gradient_shap_maps
from modelaudit.attribution.integrated import integrated_gradients_maps
from modelaudit.language.errors import AttributionError, ExpressionError
from modelaudit.language.parser import parse_expression

METHODS = [gradient_shap(samples=5), gradient_shap(samples=4, baseline=NAMES, noise=0.1)]


@pytest.mark.parametrize("baseline", ["black", "white", "mean", "blur"])
def test_a_linear_model_is_exact_from_a_baseline_that_is_not_drawn(baseline: str) -> None:
    torch.manual_seed(3)
    question = asked(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)).eval().requires_grad_(False))
    expected = integrated_gradients_maps(integrated_gradients(baseline=baseline), question).values
    found = gradient_shap_maps(gradient_shap(3, baseline), question)
    torch.testing.assert_close(found.values, expected, rtol=1e-4, atol=1e-5)


def test_many_samples_give_the_mean_of_integrated_gradients_over_the_baselines() -> None:
    question = asked(relu_net(), 2)
    exact = integrated_gradients_maps(integrated_gradients(steps=64, baseline=("black", "white")), question)
    found = gradient_shap_maps(gradient_shap(800), replace(question, rows=50)).values
    few = gradient_shap_maps(gradient_shap(2), question).values

    def away(maps: Tensor) -> float:
        return float((maps - exact.values).abs().sum() / exact.values.abs().sum())

    assert away(found) < 0.1 < away(few)


def test_completeness_holds_in_expectation_only_and_is_not_promised() -> None:
    question = asked(relu_net(), 2)
    maps = gradient_shap_maps(gradient_shap(3), question)
    assert maps.completeness is None and not _DECLARES.completeness


def test_noise_is_added_to_the_image_on_which_the_way_ends() -> None:
    """f = sum x^2: the mean of (x' - b) 2 (b + a (x' - b)) from black is E[2 a] E[x'^2] = x^2 + noise^2."""

    class Bowl(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x**2).sum((1, 2, 3))[:, None].expand(-1, 3)

    question = asked(Bowl(), 1)
    found = float(gradient_shap_maps(gradient_shap(500, "black", 0.5), question).values.mean())
    assert found == pytest.approx(float((question.pixels**2 + 0.25).sum(1).mean()), rel=0.1)


def test_draws_belong_to_the_image_and_the_seed() -> None:
    question = asked(relu_net(), 2)
    same = replace(question, pixels=question.pixels[:1].repeat(2, 1, 1, 1), selector=question.selector[:1].repeat(2, 1))
    found = gradient_shap_maps(gradient_shap(4), same).values
    assert not torch.equal(found[0], found[1])
    other = gradient_shap_maps(gradient_shap(4), replace(same, seed=1)).values
    assert not torch.equal(other, found)


@pytest.mark.parametrize("method", METHODS, ids=str)
@settings(deadline=None, max_examples=5)
@given(order=st.permutations(range(5)), count=st.integers(1, 5))
def test_order_and_chunks_change_nothing_to_the_bit(method: gradient_shap, order: list[int], count: int) -> None:
    question = replace(asked(relu_net(), 5), rows=4)
    chosen = list(order)[:count]
    found = gradient_shap_maps(method, part(question, chosen)).values
    assert torch.equal(found, gradient_shap_maps(method, question).values[chosen])


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_size_of_a_pass_changes_nothing_beyond_rounding(method: gradient_shap) -> None:
    question = asked(relu_net(), 5)
    expected = gradient_shap_maps(method, question).values
    for rows in (1, 3, 64):
        found = gradient_shap_maps(method, replace(question, rows=rows)).values
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_declared_cost_is_what_runs(method: gradient_shap) -> None:
    question, sizes = asked(relu_net(), 4), []
    question.model.register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
    gradient_shap_maps(method, question)
    assert sum(sizes) == 4 * _DECLARES.cost(method).forward == 4 * _DECLARES.cost(method).backward


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_callers_gradient_mode_does_not_matter(method: gradient_shap, context: type[torch.no_grad]) -> None:
    question = asked(relu_net())
    expected = gradient_shap_maps(method, question).values
    with context():
        copy = replace(question, pixels=question.pixels.clone(), selector=question.selector.clone())
        assert torch.equal(gradient_shap_maps(method, copy).values, expected)


class Blocked(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach().mean((2, 3))


def test_a_model_that_switches_gradients_off_is_an_error() -> None:
    with pytest.raises(AttributionError, match="no gradient leads"):
        gradient_shap_maps(METHODS[0], asked(Blocked()))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"samples": 0}, "samples"),
        ({"samples": 1.5}, "samples"),
        ({"samples": "many"}, "samples"),
        ({"noise": -1}, "noise"),
        ({"noise": float("inf")}, "noise"),
        ({"baseline": "blak"}, "baseline.*did you mean 'black'"),
        ({"baseline": ()}, "baseline.*at least one"),
    ],
)
def test_arguments_out_of_range_are_errors(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ExpressionError, match=f"gradient_shap: {said}"):
        gradient_shap(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", [*METHODS, gradient_shap(baseline="noise")], ids=str)
def test_it_can_be_written_as_text(method: gradient_shap) -> None:
    text = f"background_dependence({method})"
    assert str(parse_expression(text)) == text

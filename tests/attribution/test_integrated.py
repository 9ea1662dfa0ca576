from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from modelaudit.attribution import Question, integrated_gradients
from modelaudit.attribution.integrated import completeness_error, integrated_gradients_maps
from modelaudit.language.errors import ExpressionError


def relu_net() -> nn.Module:
    torch.manual_seed(4)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(8, 3)).eval().requires_grad_(False)


def asked(model: nn.Module, count: int = 4) -> Question:
    images = torch.rand(count, 3, 10, 10, generator=torch.Generator().manual_seed(1))
    selector = torch.eye(3)[torch.arange(count) % 3]
    return Question(model, images, selector, (model(images) * selector).sum(1))


def test_shares_add_up_to_what_changed_from_the_baseline() -> None:
    model = relu_net()
    question = asked(model)
    maps = integrated_gradients_maps(integrated_gradients(), question)
    black = (model(torch.zeros_like(question.pixels)) * question.selector).sum(1)
    torch.testing.assert_close(maps.values.sum((1, 2)), question.explained - black, rtol=0.02, atol=1e-4)
    assert maps.completeness is not None and bool((maps.completeness < 0.02).all())


def test_more_steps_leave_less_error() -> None:
    question = asked(relu_net(), 3)
    errors = [integrated_gradients_maps(integrated_gradients(steps=n), question).completeness for n in (1, 256)]
    assert errors[0] is not None and errors[1] is not None
    assert float(errors[1].mean()) < 0.2 * float(errors[0].mean())


class Step(nn.Module):
    """Jumps where the mean passes a half: the gradient sees nothing of it."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((1, 2, 3))
        return torch.stack([(mean > 0.5) * 10 + 0.01 * mean, mean], 1)


def test_a_jump_that_no_gradient_sees_is_a_completeness_error() -> None:
    bright = torch.full((1, 3, 4, 4), 0.9)
    selector, model = torch.tensor([[1.0, 0.0]]), Step()
    question = Question(model, bright, selector, (model(bright) * selector).sum(1))
    maps = integrated_gradients_maps(integrated_gradients(), question)
    assert maps.completeness is not None and float(maps.completeness) > 0.9


def test_completeness_error_is_relative_to_the_change_or_a_hundredth_of_the_shares() -> None:
    shares = torch.tensor([[3.0, 1.0], [50.0, -50.0], [0.0, 0.0], [0.0, 0.0]])
    error = completeness_error(shares, torch.tensor([6.0, 0.5, 1.0, 2.0]), torch.tensor([1.0, 0.0, 1.0, 0.0]))
    assert error.tolist() == pytest.approx([0.2, 0.5, 0.0, 1.0])


@pytest.mark.parametrize("steps", [0, 1001, -3, 2.5, True, "many"])
def test_steps_are_a_whole_number_in_range(steps: int) -> None:
    with pytest.raises(ExpressionError, match="integrated_gradients: steps"):
        integrated_gradients(steps=steps)


def test_an_unknown_baseline_suggests_the_nearest() -> None:
    with pytest.raises(ExpressionError, match="did you mean 'black'"):
        integrated_gradients(baseline="blck")  # type: ignore[arg-type]

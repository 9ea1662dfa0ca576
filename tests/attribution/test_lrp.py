"""LRP: relevance is conserved on every architecture, by every rule, and the rules are those of the literature."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from attribution.relevance_nets import ARCHITECTURES, Residual, architecture, explain, frozen, on_pixels, pixels
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.attribution import lrp
from modelaudit.attribution.relevance import weighted
from modelaudit.language.errors import AttributionError, ExpressionError
from modelaudit.language.parser import parse_expression

RULES = ["epsilon", "gamma", "epsilon_plus", "epsilon_alpha2_beta1", "epsilon_gamma_box"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_whole_architecture_conserves_relevance(name: str) -> None:
    model, images = on_pixels(architecture(name)), pixels(1, ARCHITECTURES[name])
    for rule in ("epsilon_plus", "epsilon_gamma_box"):
        maps = explain(lrp(rule=rule), model, images)
        assert maps.completeness is not None and float(maps.completeness.max()) < 1e-3
        assert bool(maps.values.isfinite().all()) and float(maps.values.abs().sum()) > 0


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_conserves_relevance_for_every_image_of_a_batch(rule: str) -> None:
    maps = explain(lrp(rule=rule), on_pixels(Residual(), torch.float64), pixels(3, 16, torch.float64), [0, 1, 4])
    assert maps.completeness is not None and maps.completeness.shape == (3,)
    assert float(maps.completeness.max()) < 1e-12


@pytest.mark.parametrize("rule", RULES)
def test_a_layer_that_does_not_count_what_it_absorbs_is_found_out(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is none if it cannot fail."""
    monkeypatch.setattr(weighted.Absorbed, "add", lambda self, relevance: None)
    maps = explain(lrp(rule=rule, epsilon=0.1), on_pixels(Residual(), torch.float64), pixels(1, 16, torch.float64), [0])
    assert maps.completeness is not None and float(maps.completeness) > 0.05


def test_epsilon_is_input_times_gradient_where_only_relu_is_not_linear() -> None:
    """Ancona et al. 2018."""
    model, images = frozen(Residual(), torch.float64), pixels(2, 16, torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(model(images)[:, 0].sum(), images)
    expected = (images * slope).sum(1).detach()
    found = explain(lrp(rule="epsilon", epsilon=1e-12), model, images.detach(), [0, 0]).values
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def two_layers() -> tuple[nn.Module, Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(4)
    model = frozen(nn.Sequential(nn.Conv2d(3, 4, 2), nn.Flatten(), nn.Linear(4, 2)), torch.float64)
    images = pixels(1, 2, torch.float64)
    first, second = model[0], model[2]  # type: ignore[index]
    weights = first.weight.reshape(4, 12).detach()  # type: ignore[operator, union-attr]
    outputs = weights @ images.flatten() + first.bias  # type: ignore[operator, union-attr]
    relevance = outputs * second.weight[0]  # type: ignore[index, union-attr]
    return model, images, weights, first.bias, relevance  # type: ignore[return-value, union-attr]


def by_hand(contributions: Tensor, bias: Tensor, relevance: Tensor, epsilon: float) -> Tensor:
    total = contributions.sum(1) + bias
    return contributions.T @ (relevance / (total + torch.where(total >= 0, epsilon, -epsilon)))


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_by_hand(rule: str) -> None:
    """A convolution that sees everything is one matrix; the dense layer after it has the epsilon rule."""
    model, images, weights, bias, relevance = two_layers()
    x, epsilon, gamma = images.flatten(), 1e-9, 0.5
    up, down = weights.clamp(min=0), weights.clamp(max=0)
    if rule == "epsilon":
        expected = by_hand(weights * x, bias, relevance, epsilon)
    elif rule == "epsilon_plus":
        expected = by_hand(up * x, bias.clamp(min=0), relevance, epsilon)
    elif rule == "epsilon_alpha2_beta1":
        expected = 2 * by_hand(up * x, bias.clamp(min=0), relevance, epsilon)
        expected -= by_hand(down * x, bias.clamp(max=0), relevance, epsilon)
    elif rule == "epsilon_gamma_box":
        expected = by_hand(weights * x - down, torch.zeros(4), relevance, epsilon)
    else:
        sign = ((weights * x).sum(1) + bias >= 0)[:, None]
        more = torch.where(sign, weights + gamma * up, weights + gamma * down)
        less = torch.where(sign[:, 0], bias + gamma * bias.clamp(min=0), bias + gamma * bias.clamp(max=0))
        head = model[2]  # type: ignore[index]
        outputs, w, b = (weights * x).sum(1) + bias, head.weight[0], head.bias[0]  # type: ignore[index, union-attr]
        value = outputs @ w + b
        part = torch.Tensor.clamp
        side = {"min": 0} if value >= 0 else {"max": 0}
        shares = outputs * w + gamma * part(outputs * w, **side)  # type: ignore[arg-type]
        passed = shares * value / (shares.sum() + b + gamma * part(b, **side))  # type: ignore[arg-type]
        expected = by_hand(more * x, less, passed, epsilon)
    found = explain(lrp(rule=rule, epsilon=epsilon, gamma=gamma), model, images, [0]).values
    torch.testing.assert_close(found[0], expected.reshape(3, 2, 2).sum(0), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rule", RULES)
def test_batch_norm_is_one_layer_with_the_convolution_before_it(rule: str) -> None:
    model = frozen(Residual(), torch.float64)
    folded = frozen(Residual(), torch.float64)
    for first, second in (("stem", "norm"), ("inner", "norm2")):
        fused = torch.nn.utils.fuse_conv_bn_eval(getattr(folded, first), getattr(folded, second))
        setattr(folded, first, fused)
        setattr(folded, second, nn.Identity())
    images = pixels(2, 16, torch.float64)
    with_norm, without = (
        explain(lrp(rule=rule), frozen(net, torch.float64), images, [0, 1]) for net in (model, folded)
    )
    torch.testing.assert_close(with_norm.values, without.values)


def test_a_convolution_whose_output_is_read_twice_keeps_its_batch_norm_apart() -> None:
    class Shared(Residual):
        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            return self.head((self.norm(x).relu() + x.relu()).mean((2, 3)))  # type: ignore[no-any-return]

    for rule in RULES:
        maps = explain(lrp(rule=rule), frozen(Shared(), torch.float64), pixels(2, 8, torch.float64), [0, 1])
        assert maps.completeness is not None and float(maps.completeness.max()) < 1e-12


def test_normalisation_is_part_of_the_first_layer() -> None:
    """The same function on pixels, written as one convolution, has the same relevance by every rule."""
    torch.manual_seed(5)
    plain, inner = nn.Conv2d(3, 6, 3), nn.Conv2d(3, 6, 3)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        plain.weight.copy_(inner.weight / std.view(1, 3, 1, 1))
        plain.bias.copy_(inner.bias - (inner.weight * (mean / std).view(1, 3, 1, 1)).sum((1, 2, 3)))  # type: ignore[union-attr]
    rest = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 2))
    images = pixels(2, 8, torch.float64)
    for rule in RULES:
        outside = explain(lrp(rule=rule), frozen(nn.Sequential(plain, rest), torch.float64), images, [0, 1])
        inside = explain(lrp(rule=rule), on_pixels(nn.Sequential(inner, rest), torch.float64), images, [0, 1])
        torch.testing.assert_close(inside.values, outside.values, rtol=1e-4, atol=1e-6)


def test_captum_loses_all_conservation_on_a_residual_network_and_we_do_not() -> None:
    """Trap: additions and modules used twice."""
    model, images = architecture("resnet18").double(), pixels(1, 48, torch.float64)
    with torch.no_grad():
        value = float(model(images)[0, 0])
    try:
        captums = float(captum.attr.LRP(model).attribute(images, target=0).sum())
    except (RuntimeError, TypeError, AssertionError):
        captums = float("inf")
    assert abs(captums - value) > 10 * abs(value)
    maps = explain(lrp(), model, images, [0])
    assert maps.completeness is not None and float(maps.completeness) < 1e-9


@pytest.mark.parametrize("layer", [nn.Identity(), nn.LayerNorm(8), nn.GELU()], ids=lambda layer: type(layer).__name__)
def test_layers_that_captum_has_no_rule_for_are_no_obstacle(layer: nn.Module) -> None:
    """Trap: TypeError on Identity and LayerNorm."""
    torch.manual_seed(6)
    model = frozen(nn.Sequential(nn.Flatten(), nn.Linear(48, 8), layer, nn.Linear(8, 2)), torch.float64)
    images = pixels(2, 4, torch.float64)
    with pytest.raises(TypeError):
        captum.attr.LRP(model).attribute(images, target=0)
    maps = explain(lrp(), model, images, [0, 1])
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-12


class Gated(nn.Module):
    """What `mixed` makes of two layers that both see the image."""

    def __init__(self, mixed: object) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.mixed = mixed
        self.first, self.second, self.head = nn.Linear(48, 6), nn.Linear(48, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self.head(self.mixed(self.first(x), self.second(x)))  # type: ignore[operator, no-any-return]


def test_a_gate_gets_nothing_and_two_other_factors_share_equally() -> None:
    images = pixels(1, 4, torch.float64)
    gated = explain(lrp(rule="epsilon"), frozen(Gated(lambda a, b: a * b.sigmoid()), torch.float64), images, [0])
    model = frozen(Gated(lambda a, b: a), torch.float64)
    scale = model.second(images.flatten(1)).sigmoid()  # type: ignore[operator]
    expected = explain(lrp(rule="epsilon"), frozen(Gated(lambda a, b: a * scale), torch.float64), images, [0])
    torch.testing.assert_close(gated.values, expected.values)
    both = explain(lrp(rule="epsilon"), frozen(Gated(lambda a, b: a * b), torch.float64), images, [0])
    assert both.completeness is not None and float(both.completeness) < 1e-12


def test_silu_written_out_is_silu() -> None:
    images = pixels(2, 4, torch.float64)
    one, other = (
        explain(lrp(), frozen(Gated(mixed), torch.float64), images, [0, 1]).values
        for mixed in (lambda a, b: functional.silu(a), lambda a, b: a * a.sigmoid())
    )
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (torch.sigmoid, "sigmoid"),
        (functional.softplus, "softplus"),
        (torch.exp, "exp"),
        (lambda x: x**2, "pow"),
        (lambda x: x.sort(1)[0], "sort"),
        (lambda x: x.detach() + x, "detach"),
    ],
)
def test_an_operation_without_a_rule_is_refused_by_name(operation: object, name: str) -> None:
    model = frozen(Gated(lambda a, b: operation(a)))  # type: ignore[operator]
    with pytest.raises(AttributionError, match=f"lrp: the model uses .*{name}.*integrated_gradients"):
        explain(lrp(), model, pixels(1, 4), [0])


def test_a_box_needs_a_layer_that_sees_the_pixels() -> None:
    with pytest.raises(AttributionError, match="epsilon_plus"):
        explain(lrp(rule="epsilon_gamma_box"), frozen(nn.Sequential(nn.ReLU(), Residual())), pixels(1, 8), [0])


class Convolved(Residual):
    """The head as a convolution: products of small matrices round by the row, and rules divide by what they give."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.norm(self.stem(x))))
        x = self.relu(self.norm2(self.inner(x)) + x).mean((2, 3), keepdim=True)
        return functional.conv2d(x, self.head.weight[:, :, None, None], self.head.bias).flatten(1)


@settings(max_examples=10)
@given(order=st.permutations(range(5)), rows=st.integers(1, 5), rule=st.sampled_from(RULES))
def test_order_changes_no_bit_and_the_size_of_passes_next_to_nothing(order: list[int], rows: int, rule: str) -> None:
    model, images, classes = on_pixels(Convolved()), pixels(5, 12), [0, 1, 2, 3, 1]
    together = explain(lrp(rule=rule), model, images, classes, rows=rows)
    shuffled = explain(lrp(rule=rule), model, images[order], [classes[place] for place in order], rows=rows)
    assert torch.equal(shuffled.values, together.values[order])
    whole = explain(lrp(rule=rule), model, images, classes)
    size = float(whole.values.abs().max())
    torch.testing.assert_close(whole.values, together.values, rtol=1e-3, atol=1e-4 * size)


def test_a_margin_is_the_difference_of_two_logits_in_the_epsilon_rule() -> None:
    model, images = frozen(Residual(), torch.float64), pixels(1, 8, torch.float64)
    first, second = (explain(lrp(rule="epsilon", epsilon=1e-12), model, images, [place]).values for place in (0, 2))
    head = model.head  # type: ignore[union-attr]
    margin = nn.Linear(6, 1).double()
    with torch.no_grad():
        margin.weight.copy_((head.weight[0] - head.weight[2])[None])  # type: ignore[index, union-attr]
        margin.bias.copy_((head.bias[0] - head.bias[2])[None])  # type: ignore[index, union-attr]
    model.head = margin
    found = explain(lrp(rule="epsilon", epsilon=1e-12), frozen(model, torch.float64), images, [0]).values
    torch.testing.assert_close(found, first - second, rtol=1e-6, atol=1e-9)


def test_nothing_is_left_behind_even_after_an_error() -> None:
    model, images = Residual(), pixels(2, 16)
    before = model(images)
    with torch.inference_mode():
        maps = explain(lrp(), model, images)
    assert not maps.values.requires_grad and maps.values.dtype == torch.float32
    with pytest.raises(AttributionError):
        explain(lrp(), frozen(nn.Sequential(model, nn.LogSoftmax(1))), images, [0, 0])
    assert torch.equal(model(images), before) and torch.overrides._len_torch_function_stack() == 0
    assert not any(part._forward_hooks or part._backward_hooks for part in model.modules())
    with pytest.raises(AttributionError, match="no gradient leads"):
        explain(lrp(), frozen(nn.Sequential(model, _Constant())), images, [0, 0])


class _Constant(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ones_like(x)


def test_it_is_written_as_text_and_a_wrong_rule_is_named() -> None:
    assert str(parse_expression("background_dependence(lrp(rule=gamma))")).endswith("lrp(rule=gamma))")
    with pytest.raises(ExpressionError, match="epsilon_plus"):
        lrp(rule="epsilonplus")
    with pytest.raises(ExpressionError, match="epsilon"):
        lrp(epsilon=0)

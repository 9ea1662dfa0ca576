from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.attribution import AttributionInput, deconvolution, gradcam, guided_backprop, guided_gradcam, saliency
from modelaudit.language import registry
from modelaudit.language.errors import AttributionError, ExpressionError
from modelaudit.language.parser import parse_expression
from modelaudit.language.spec import Method

GUIDED = [guided_backprop(), deconvolution()]
ALL = [*GUIDED, guided_gradcam()]
Activation = Callable[[Tensor], Tensor]


class Net(nn.Module):
    """Two convolutions and two linear layers, with the `activation` behind each but the last."""

    def __init__(self, activation: Activation = functional.relu) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first, self.features = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, stride=2)
        self.hidden, self.head = nn.Linear(8, 8), nn.Linear(8, 3)
        self.activation = activation
        self.double().eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.activation(self.features(self.activation(self.first(x))))
        logits: Tensor = self.head(self.activation(self.hidden(maps.mean((2, 3)))))
        return logits


def asked(model: nn.Module, count: int = 4) -> AttributionInput:
    images = torch.rand(count, 3, 15, 15, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    selector = torch.eye(3, dtype=torch.float64)[torch.arange(count) % 3]
    layer = dict(model.named_modules()).get("features")
    return AttributionInput(model, images, selector, (model(images) * selector).sum(1), layer)


def explain(method: Method, question: AttributionInput) -> Tensor:
    return registry.entry_of(method).function(method, question).values  # type: ignore[no-any-return]


class Guided(torch.autograd.Function):
    """The rule itself, as the paper has it."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.relu()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return (x > 0) * gradient[0].relu()


class Deconvolved(Guided):
    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradient: Tensor) -> Tensor:
        return gradient[0].relu()


def by_rule(method: Method) -> Tensor:
    question = asked(Net(Deconvolved.apply if isinstance(method, deconvolution) else Guided.apply))
    pixels = question.pixels.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((question.model(pixels) * question.selector).sum(), pixels)
    return gradient.abs().sum(1)


WAYS: dict[str, Activation] = {
    "functional": functional.relu,
    "method": Tensor.relu,
    "one module used three times": nn.ReLU(),
    "in place": nn.ReLU(inplace=True),
    "functional in place": lambda x: functional.relu(x, inplace=True),
    "threshold": lambda x: functional.threshold(x, 0.0, 0.0),
    "threshold in place": lambda x: functional.threshold_(x, 0.0, 0.0),
    "clamp_min": lambda x: x.clamp_min(0),
    "clamp": lambda x: x.clamp(min=0),
    "clamp with a tensor": lambda x: torch.clamp(x, min=torch.zeros((), dtype=x.dtype)),
    "clipped, but far above": lambda x: functional.hardtanh(x, 0.0, 1e6),
}


@pytest.mark.parametrize("method", GUIDED, ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_a_relu_counts_however_it_is_written(method: Method, way: str) -> None:
    found = explain(method, asked(Net(WAYS[way])))
    torch.testing.assert_close(found, by_rule(method))
    assert not torch.allclose(found, explain(saliency(), asked(Net())), rtol=1e-3)


def test_a_clipped_relu_passes_back_where_it_is_neither_flat_below_nor_above() -> None:
    model = nn.Sequential(nn.ReLU6(), nn.Flatten(), nn.Linear(3, 2, bias=False)).eval().requires_grad_(False)
    model[2].weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [1.0, -1.0, 1.0]]))
    images = torch.tensor([-1.0, 3.0, 9.0]).view(1, 3, 1, 1).expand(2, -1, -1, -1).contiguous()
    question = AttributionInput(model, images, torch.eye(2), model(images).diagonal())
    assert explain(guided_backprop(), question).flatten().tolist() == [2, 0]
    assert explain(deconvolution(), question).flatten().tolist() == [6, 2]


OTHERS: dict[str, tuple[Activation, str]] = {
    "gelu": (functional.gelu, "Gelu"),
    "silu": (functional.silu, "Silu"),
    "hardswish": (functional.hardswish, "Hardswish"),
    "leaky": (functional.leaky_relu, "LeakyRelu"),
    "elu": (functional.elu, "Elu"),
    "tanh": (torch.tanh, "Tanh"),
    "maximum": (lambda x: torch.maximum(x, torch.zeros_like(x)), "Maximum"),
    "where": (lambda x: torch.where(x > 0, x, 0), "Where"),
    "threshold elsewhere": (lambda x: functional.threshold(x, 0.5, 0.0), "Threshold"),
    "clipped above only": (lambda x: x.clamp(max=1), "Clamp"),
    "hardtanh": (functional.hardtanh, "Hardtanh"),
    "part of a tensor, in place": (lambda x: _halved(x), "CopySlices"),
    "a gate beside ReLUs": (lambda x: x.relu() * x.sigmoid(), "Mul|Sigmoid"),
    "a product beside ReLUs": (lambda x: x.relu() * x, "Mul"),
    "attention beside ReLUs": (lambda x: x.relu() + functional.softmax(x, 1), "Softmax"),
    "a function of one's own": (Guided.apply, "Guided"),
}


def _halved(x: Tensor) -> Tensor:
    x = x.clone()
    x[:, :2].relu_()
    return x


@pytest.mark.parametrize("method", ALL, ids=str)
@pytest.mark.parametrize("other", OTHERS)
def test_what_bends_the_function_otherwise_is_refused_by_name(method: Method, other: str) -> None:
    activation, named = OTHERS[other]
    with pytest.raises(AttributionError, match=rf"goes through .*({named})\b.*: take another method"):
        explain(method, asked(Net(activation)))


@pytest.mark.parametrize("method", ALL, ids=str)
def test_a_network_without_a_relu_is_refused(method: Method) -> None:
    with pytest.raises(AttributionError, match="no ReLU lies between the image and the logits"):
        explain(method, asked(Net(nn.Identity())))


def test_compiled_and_scripted_models_are_refused_not_explained_by_the_plain_gradient() -> None:
    small = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(675, 3)).double().eval().requires_grad_(False)
    compiled = AttributionInput(torch.compile(small, backend="aot_eager"), **tensors(asked(Net())))
    with pytest.raises(AttributionError, match="CompiledFunction"):
        explain(guided_backprop(), compiled)
    scripted = torch.jit.trace(Net(), asked(Net()).pixels)
    with pytest.raises(AttributionError, match=r"TorchScript .* torch\.export"):
        explain(guided_backprop(), AttributionInput(scripted, **tensors(asked(Net()))))


def test_an_exported_model_is_explained() -> None:
    question = asked(Net())
    exported = torch.export.export(Net(), (question.pixels,)).module()
    found = explain(guided_backprop(), AttributionInput(exported, **tensors(question)))
    torch.testing.assert_close(found, by_rule(guided_backprop()))


def tensors(question: AttributionInput) -> dict[str, Tensor]:
    return {name: getattr(question, name) for name in ("pixels", "selector", "explained")}


class TwoHeads(Net):
    """Another head, with another activation, that the logits do not come from."""

    def forward(self, x: Tensor) -> Tensor:
        functional.gelu(self.hidden(self.features(self.first(x)).mean((2, 3))))
        return super().forward(x)


def test_what_does_not_lead_to_the_logits_does_not_matter() -> None:
    torch.testing.assert_close(explain(guided_backprop(), asked(TwoHeads())), by_rule(guided_backprop()))


def test_guided_gradcam_is_the_product_of_the_two() -> None:
    question = asked(Net())
    expected = explain(guided_backprop(), question) * explain(gradcam(), question)
    torch.testing.assert_close(explain(guided_gradcam(), question), expected)
    assert float(expected.max()) > 0
    torch.testing.assert_close(explain(guided_gradcam(layer="features"), question), expected)


def test_guided_gradcam_wants_a_spatial_layer() -> None:
    question = asked(Net())
    with pytest.raises(AttributionError, match="no spatial layer"):
        explain(guided_gradcam(), AttributionInput(question.model, **tensors(question)))
    with pytest.raises(AttributionError, match="got the layer"):
        explain(guided_gradcam(layer="first"), question)
    with pytest.raises(ExpressionError, match="must name a module"):
        guided_gradcam(layer="")


class Failing(Net):
    def forward(self, x: Tensor) -> Tensor:
        super().forward(x)
        raise RuntimeError("half-way")


@pytest.mark.parametrize("method", ALL, ids=str)
def test_nothing_is_left_behind(method: Method) -> None:
    question = asked(Net())
    before = explain(saliency(), question)
    explain(method, question)
    assert torch.equal(explain(saliency(), question), before)
    assert not any(
        part._forward_hooks or part._backward_hooks or part._forward_pre_hooks for part in question.model.modules()
    )
    assert not any(parameter.requires_grad for parameter in question.model.parameters())
    with pytest.raises(RuntimeError, match="half-way"):
        explain(method, AttributionInput(Failing(), **tensors(question), layer=question.layer))
    assert torch.equal(explain(saliency(), question), before)


@pytest.mark.parametrize("method", ALL, ids=str)
def test_an_image_has_the_same_map_alone_and_in_any_company(method: Method) -> None:
    question = asked(Net())
    together = explain(method, question)
    for index in range(4):
        rows = slice(index, index + 1)
        alone = AttributionInput(
            question.model, **{n: t[rows] for n, t in tensors(question).items()}, layer=question.layer
        )
        torch.testing.assert_close(explain(method, alone)[0], together[index])
    order = [2, 0, 3, 1]
    shuffled = AttributionInput(
        question.model, **{n: t[order] for n, t in tensors(question).items()}, layer=question.layer
    )
    assert torch.equal(explain(method, shuffled), together[order])


@pytest.mark.parametrize("method", ALL, ids=str)
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_callers_gradient_mode_does_not_matter(method: Method, context: type[torch.no_grad]) -> None:
    question = asked(Net())
    expected = explain(method, question)
    with context():
        copies = {name: tensor.clone() for name, tensor in tensors(question).items()}
        assert torch.equal(explain(method, AttributionInput(question.model, **copies, layer=question.layer)), expected)


class Blocked(Net):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return super().forward(x)


@pytest.mark.parametrize("method", ALL, ids=str)
def test_a_model_that_switches_gradients_off_is_an_error(method: Method) -> None:
    with pytest.raises(AttributionError, match="no gradient leads"):
        explain(method, asked(Blocked()))


@pytest.mark.parametrize("method", [*ALL, guided_gradcam(layer="layer4")], ids=str)
def test_it_can_be_written_as_text(method: Method) -> None:
    text = f"background_dependence({method})"
    assert str(parse_expression(text)) == text

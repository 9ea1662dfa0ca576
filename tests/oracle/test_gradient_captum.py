"""The gradient family against plain captum, in float64; where captum draws at random it is given our draws."""

from __future__ import annotations

import captum.attr
import numpy as np
import pytest
import torch
import torchvision
from captum.attr._core.noise_tunnel import NoiseTunnel
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.attribution import (
    AttributionInput,
    deconvolution,
    gradient_shap,
    guided_backprop,
    guided_gradcam,
    integrated_gradients,
    saliency,
    smoothgrad,
    smoothgrad_squared,
    vargrad,
)
from modelaudit.attribution.baselines import baseline_images, normal_noise
from modelaudit.language import registry
from modelaudit.language.errors import AttributionError
from modelaudit.language.spec import Method

pytestmark = pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations")
TARGETS = torch.tensor([3, 0, 3])


def plain(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(6)
    body = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3, stride=2), nn.ReLU(), *layers]
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5))


def squeezenet() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1(num_classes=5)


def resnet() -> nn.Module:
    """Its ReLUs are in place, and one module runs twice in a block."""
    torch.manual_seed(0)
    return torchvision.models.resnet18(num_classes=5)


MODELS = {
    "plain": (plain, "2"),
    "squeezenet": (squeezenet, "features"),
    "resnet": (resnet, "layer4"),
}


def asked(model: nn.Module, layer: str | None = None, side: int = 48) -> AttributionInput:
    model.double().eval().requires_grad_(False)
    images = torch.rand(3, 3, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    logits = model(images)
    selector = functional.one_hot(TARGETS, logits.shape[1]).double()
    found = None if layer is None else dict(model.named_modules())[layer]
    return AttributionInput(model, images, selector, (logits * selector).sum(1), found, ids=("a", "b", "c"))


def ours(method: Method, question: AttributionInput) -> Tensor:
    return registry.entry_of(method).function(method, question).values  # type: ignore[no-any-return]


def close(found: Tensor, expected: Tensor) -> None:
    """To a millionth of the map's largest value."""
    expected = expected.detach()
    largest = float(expected.abs().max())
    assert largest > 0
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * largest)


def pixels(question: AttributionInput) -> Tensor:
    return question.pixels.clone().requires_grad_()


@pytest.mark.parametrize("steps", [1, 7, 20])
@pytest.mark.parametrize("baseline", ["white", "blur", "noise"])
def test_integrated_gradients(steps: int, baseline: str) -> None:
    question = asked(plain(), side=20)
    start = baseline_images(baseline, question, "integrated_gradients").contiguous()
    expected = captum.attr.IntegratedGradients(question.model).attribute(question.pixels, start, TARGETS, n_steps=steps)
    close(ours(integrated_gradients(steps=steps, baseline=baseline), question), expected.sum(1))


def test_refined_integrated_gradients_tend_to_captums() -> None:
    question = asked(plain(), side=20)
    expected = captum.attr.IntegratedGradients(question.model).attribute(question.pixels, 0.0, TARGETS, n_steps=100)
    found = ours(integrated_gradients(tolerance=0.002), question)
    assert float((found - expected.sum(1)).abs().sum() / expected.sum(1).abs().sum()) < 0.05


@pytest.mark.parametrize(
    ("kind", "named"), [(smoothgrad, "smoothgrad"), (smoothgrad_squared, "smoothgrad_sq"), (vargrad, "vargrad")]
)
def test_smoothing_is_captums_noise_tunnel_over_saliency(
    kind: type[Method], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = asked(plain(), side=20)
    draws = [normal_noise(question, range(3), "smoothgrad", at) for at in range(6)]

    def noisy(given: Tensor, deviation: float, count: int) -> Tensor:
        noise = torch.stack(draws[:count], 1).flatten(0, 1)
        return given.repeat_interleave(count, 0) + deviation * noise

    monkeypatch.setattr(NoiseTunnel, "_add_noise_to_input", staticmethod(noisy))
    tunnel = NoiseTunnel(captum.attr.Saliency(question.model))
    expected = tunnel.attribute(pixels(question), named, nt_samples=6, stdevs=0.2, target=TARGETS)
    close(ours(kind(6, 0.2), question), expected.sum(1))  # type: ignore[call-arg]


def test_gradient_shap_is_captums_with_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    question = asked(plain(), side=20)
    samples, names = 6, ("black", "white")
    parts, chosen = [], []
    for image in range(3):
        for sample in range(samples):
            generator = question.generator(image, "gradient_shap", 2 * sample)
            parts.append(float(torch.rand((), generator=generator, dtype=torch.float64)))
            chosen.append(int(torch.randint(2, (), generator=generator)))
    assert 0 < sum(chosen) < len(chosen)
    noise = [normal_noise(question, range(3), "gradient_shap", 2 * at + 1) for at in range(samples)]
    monkeypatch.setattr(np.random, "uniform", lambda *_: np.array(parts))
    monkeypatch.setattr(np.random, "choice", lambda *_, **__: np.array(chosen))
    monkeypatch.setattr(
        NoiseTunnel,
        "_add_noise_to_input",
        staticmethod(
            lambda given, deviation, count: (
                given.repeat_interleave(count, 0) + deviation * torch.stack(noise, 1).flatten(0, 1)
            )
        ),
    )
    starts = torch.stack([torch.zeros(3, 20, 20), torch.ones(3, 20, 20)]).double()
    method = captum.attr.GradientShap(question.model)
    expected = method.attribute(pixels(question), starts, samples, stdevs=0.1, target=TARGETS)
    close(ours(gradient_shap(samples, names, 0.1), question), expected.sum(1))


@pytest.mark.parametrize("name", MODELS)
def test_guided_backpropagation_and_deconvolution(name: str) -> None:
    build, _ = MODELS[name]
    question = asked(build())
    for method, captums in (
        (guided_backprop(), captum.attr.GuidedBackprop),
        (deconvolution(), captum.attr.Deconvolution),
    ):
        expected = captums(question.model).attribute(pixels(question), TARGETS).abs().sum(1)
        close(ours(method, question), expected)
        assert not torch.allclose(expected, ours(saliency(), question), rtol=1e-3, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_guided_gradcam_is_captums_with_bilinear_interpolation(name: str) -> None:
    build, layer = MODELS[name]
    question = asked(build(), layer)
    method = captum.attr.GuidedGradCam(question.model, question.layer)
    expected = method.attribute(pixels(question), TARGETS, interpolate_mode="bilinear")
    close(ours(guided_gradcam(), question), expected.abs().sum(1))


class Functional(nn.Module):
    """The plain network with ReLU as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = plain()

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = functional.relu(x) if isinstance(layer, nn.ReLU) else layer(x)
        return x


def test_trap_captum_gives_the_plain_gradient_where_relu_is_a_function_and_ours_does_not() -> None:
    question, modules = asked(Functional()), asked(plain())
    for method, captums in (
        (guided_backprop(), captum.attr.GuidedBackprop),
        (deconvolution(), captum.attr.Deconvolution),
    ):
        naive = captums(question.model).attribute(pixels(question), TARGETS).abs().sum(1)
        close(ours(saliency(), question), naive)
        expected = captums(modules.model).attribute(pixels(modules), TARGETS).abs().sum(1)
        close(ours(method, question), expected)
        assert float((ours(method, question) - naive).abs().max()) > 1e-3 * float(naive.max())


@pytest.mark.parametrize("activation", [nn.GELU, nn.SiLU, nn.Hardswish])
def test_trap_captum_explains_other_activations_half_by_the_plain_gradient_and_ours_refuses(
    activation: type[nn.Module],
) -> None:
    question = asked(plain(activation()))
    captum.attr.GuidedBackprop(question.model).attribute(pixels(question), TARGETS)  # without a word
    for method in (guided_backprop(), deconvolution()):
        with pytest.raises(AttributionError, match=activation.__name__.capitalize()):
            ours(method, question)


@pytest.mark.parametrize("name", ["vit", "efficientnet_b0", "mobilenet_v3_small"])
def test_trap_networks_of_other_activations_are_refused(name: str) -> None:
    torch.manual_seed(0)
    if name == "vit":
        model = torchvision.models.VisionTransformer(32, 8, 1, 2, 16, 32)
    else:
        model = getattr(torchvision.models, name)()
    model.eval().requires_grad_(False)
    images = torch.rand(1, 3, 32, 32)
    question = AttributionInput(model, images, torch.eye(1000)[:1], model(images)[:, 0])
    with pytest.raises(AttributionError, match=r"Gelu|Silu|Hardswish"):
        ours(guided_backprop(), question)


@pytest.mark.parametrize("name", ["densenet121", "mobilenet_v2", "shufflenet_v2_x0_5"])
def test_networks_of_relus_only_are_explained(name: str) -> None:
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)().eval().requires_grad_(False)
    images = torch.rand(1, 3, 32, 32)
    question = AttributionInput(model, images, torch.eye(1000)[:1], model(images)[:, 0])
    for method in (guided_backprop(), deconvolution()):
        found = ours(method, question)
        assert bool(found.isfinite().all()) and not torch.allclose(found, ours(saliency(), question), rtol=1e-3, atol=0)

"""Every class of captum's registry: the numbers that captum gives when it is called directly, or a reason."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
import torchvision
from captum.attr import Attribution
from engine import small_audits
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.attribution import AttributionInput, Maps, check, draws_at_random
from modelaudit.attribution import captum as by_name
from modelaudit.attribution.captum_classes import DRAWING
from modelaudit.attribution.superpixels import grid
from modelaudit.language import draws, registry
from modelaudit.language.errors import AttributionError, ExpressionError
from modelaudit.language.parser import parse, parse_expression
from modelaudit.language.spatial import SpatialLayer
from modelaudit.language.spec import Method, long_text
from modelaudit.language.yaml_file import load_audit_file
from modelaudit.measures import background_dependence

CLASSES = [
    name
    for name in captum.attr.__all__
    if inspect.isclass(getattr(captum.attr, name)) and issubclass(getattr(captum.attr, name), Attribution)
]
REFUSED = {
    **dict.fromkeys(
        [
            "Attribution", "GradientAttribution", "PerturbationAttribution", "NeuronAttribution", "LayerAttribution",
        ],
        "is a base class",
    ),
    **dict.fromkeys(
        ["DataLoaderAttribution", "LLMAttribution", "LLMGradientAttribution", "RemoteLLMAttribution"],
        "explains a data loader or a text, not an image",
    ),
    **dict.fromkeys(["FeaturePermutation", "LayerFeaturePermutation"], "would depend on the other images"),
    "LimeBase": r'needs interpretable_model: take captum\("Lime"\)',
    "NoiseTunnel": "needs attribution_method: take smoothgrad",
}  # fmt: skip
NEURON = {"neuron_selector": [0, 2, 2]}


class Net(nn.Module):
    """Two convolutions and a head; without biases relevance is conserved, which captum's LRP is tried for."""

    def __init__(self, *, bias: bool = True, inplace: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 3, padding=1, bias=bias)
        self.relu = nn.ReLU(inplace=inplace)
        self.second = nn.Conv2d(4, 5, 3, stride=2, padding=1, bias=bias)
        self.last = nn.ReLU(inplace=inplace)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(5, 3, bias=bias)
        self.double().eval().requires_grad_(False)
        self.head.weight *= 1000

    def forward(self, pixels: Tensor) -> Tensor:
        values: Tensor = self.last(self.second(self.relu(self.first(pixels))))
        logits: Tensor = self.head(self.pool(values).flatten(1))
        return logits


LAYER = SpatialLayer("last", 5, 4, 4)


def asked(model: nn.Module, count: int = 2, *, layer: str = "last", spatial: SpatialLayer = LAYER) -> AttributionInput:
    pixels = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    selector = torch.eye(3, dtype=torch.float64)[torch.arange(count) % 3]
    explained = (model(pixels) * selector).sum(1)
    ids = tuple(f"{number}.png" for number in range(count))
    return AttributionInput(
        model, pixels, selector, explained, model.get_submodule(layer), spatial, ids=ids, seed=7, rows=4
    )


def asked_by(name: str) -> AttributionInput:
    """On a network that the class can explain: captum's LRP knows no relevance at a ReLU, and loses that of biases."""
    if name == "LayerLRP":
        return asked(Net(bias=False), layer="second", spatial=SpatialLayer("second", 5, 4, 4))
    return asked(Net(bias="LRP" not in name))


def explained(method: Method, question: AttributionInput) -> Maps:
    return registry.entry_of(method).function(method, question)  # type: ignore[no-any-return]


def method_of(name: str) -> Method:
    few = {"n_samples": 40} if name in ("Lime", "KernelShap") else {}
    return by_name(name, **few, **(NEURON if name.startswith("Neuron") else {}))


def directly(name: str, question: AttributionInput, image: int) -> Tensor:
    """[H, W], as captum's manual has it: an integer target, and baselines and masks written out."""
    cls, pixels = getattr(captum.attr, name), question.pixels[image : image + 1].clone().requires_grad_()
    takes = inspect.signature(cls.attribute).parameters
    parts = [question.layer] if "layer" in inspect.signature(cls.__init__).parameters else []
    options: dict[str, Any] = {"target": int(question.selector[image].argmax())}
    if name in ("DeepLiftShap", "GradientShap") or name.endswith(("DeepLiftShap", "GradientShap")):
        options["baselines"] = torch.tensor([0.0, 1.0], dtype=torch.float64).view(2, 1, 1, 1).expand(2, 3, 8, 8)
    if "feature_mask" in takes:
        options["feature_mask"] = grid(pixels[0], 4 if name == "ShapleyValues" else 64)[None, None]
    if name == "Occlusion":
        options.update(sliding_window_shapes=(3, 1, 1), strides=(3, 1, 1))
    if name == "LayerFeatureAblation":
        options["layer_mask"] = torch.arange(16).view(1, 1, 4, 4)
    if name in ("Lime", "KernelShap"):
        options["n_samples"] = 40
    if name.startswith("Neuron"):
        options["neuron_selector"] = (0, 2, 2)
    seed = draws.generator(question.seed, question.ids[image], "captum").initial_seed()
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    values = cls(question.model, *parts).attribute(pixels, **{k: v for k, v in options.items() if k in takes})
    total = values.detach().sum(1, keepdim=True)
    return functional.interpolate(total, (8, 8), mode="bilinear", align_corners=False)[0, 0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CLASSES)
def test_every_class_gives_captums_own_numbers_or_is_refused_with_a_reason(name: str) -> None:
    question = asked_by(name)
    if name in REFUSED:
        with pytest.raises(AttributionError, match=REFUSED[name]):
            explained(by_name(name), question)
        return
    maps = explained(method_of(name), question)
    assert not any(bool(where.any()) for where in check(maps, question.pixels, question.explained).values())
    for image in range(2):
        torch.testing.assert_close(
            maps.values[image], directly(name, question, image), rtol=1e-9, atol=1e-12, check_dtype=False
        )
    assert bool(maps.values.any())


@pytest.mark.filterwarnings("ignore")
def test_exactly_the_classes_that_draw_say_so() -> None:
    drawing = set()
    for name in set(CLASSES) - set(REFUSED):
        question = asked_by(name)
        first, second = (explained(method_of(name), replace(question, seed=seed)).values for seed in (0, 1))
        drawing |= set() if torch.equal(first, second) else {name}
        assert draws_at_random(method_of(name)) is (name in DRAWING)
    assert drawing == DRAWING
    assert draws_at_random(by_name("IntegratedGradients", baselines="noise"))


@pytest.mark.parametrize("name", ["GradientShap", "ShapleyValueSampling", "InternalInfluence"])
def test_an_image_has_the_same_map_to_the_bit_whatever_else_is_explained(name: str) -> None:
    question = asked(Net(), 3)
    together = explained(by_name(name), question).values
    for image in (2, 0):
        parts = {key: getattr(question, key)[image : image + 1] for key in ("pixels", "selector", "explained")}
        alone = replace(question, ids=(question.ids[image],), **parts)
        assert torch.equal(explained(by_name(name), alone).values[0], together[image])


def test_global_generators_and_the_model_stay_as_they_were() -> None:
    model = Net()
    torch.manual_seed(1)
    np.random.seed(1)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(1)
    np.random.seed(1)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    explained(by_name("GradientShap"), asked(model))
    assert (torch.rand(1), np.random.rand()) == expected
    with pytest.raises(AttributionError, match="captum raised"):
        explained(by_name("NeuronGuidedBackprop", neuron_selector=[9, 9, 9]), asked(model))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks for part in model.modules())


def test_a_margin_is_the_difference_of_two_classes() -> None:
    question = asked(Net(), 1)
    selectors = [torch.tensor([row], dtype=torch.float64) for row in ([1, 0, 0], [0, 0, 1], [1, 0, -1])]
    first, second, margin = (explained(by_name("InputXGradient"), replace(question, selector=s)) for s in selectors)
    torch.testing.assert_close(margin.values, first.values - second.values)


def test_an_activation_in_place_does_not_write_into_the_layer_that_is_read() -> None:
    layer = SpatialLayer("second", 5, 4, 4)
    plain, inplace = (asked(Net(inplace=way), layer="second", spatial=layer) for way in (False, True))
    for name in ("LayerActivation", "InternalInfluence", "LayerGradCam"):
        assert torch.equal(explained(by_name(name), inplace).values, explained(by_name(name), plain).values)


def test_values_at_tokens_are_brought_to_their_places_and_a_sum_over_other_axes_is_refused() -> None:
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(32, 8, 2, 2, 24, 32, num_classes=3).eval().requires_grad_(False)
    model.heads[0].weight.copy_(torch.randn(3, 24))
    pixels, selector = torch.rand(1, 3, 32, 32), torch.tensor([[1.0, 0.0, 0.0]])
    block = model.encoder.layers[-1]
    spatial = SpatialLayer("encoder.layers.encoder_layer_1", 24, 4, 4, "tokens", 1, "input")
    question = AttributionInput(model, pixels, selector, (model(pixels) * selector).sum(1), block, spatial, rows=1)
    maps = explained(by_name("LayerActivation"), question)
    kept: list[Tensor] = []
    handle = block.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    model(pixels)
    handle.remove()
    expected = kept[0][:, 1:].sum(2).view(1, 1, 4, 4)
    size = (32, 32)
    torch.testing.assert_close(maps.values[:, None], functional.interpolate(expected, size, mode="bilinear"))
    assert bool(explained(by_name("LayerFeatureAblation"), question).values.any())
    with pytest.raises(AttributionError, match="its input is"):
        explained(by_name("LayerGradCam"), question)


class FunctionalRelu(Net):
    def forward(self, pixels: Tensor) -> Tensor:
        values = functional.relu(self.second(functional.relu(self.first(pixels))))
        logits: Tensor = self.head(self.pool(values).flatten(1))
        return logits


@pytest.mark.parametrize("name", ["GuidedBackprop", "Deconvolution", "GuidedGradCam", "NeuronGuidedBackprop"])
def test_where_captum_cannot_reach_a_relu_it_is_refused_rather_than_given_the_gradient(name: str) -> None:
    question = asked(FunctionalRelu(), layer="second", spatial=SpatialLayer("second", 5, 4, 4))
    with pytest.raises(AttributionError, match=r"changes nn\.ReLU modules alone; they run 0 times"):
        explained(method_of(name), question)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", [by_name("LRP"), by_name("IntegratedGradients", n_steps=1)], ids=str)
def test_shares_that_do_not_sum_to_what_they_promise_are_invalid(method: Method) -> None:
    question = asked(Net())
    maps = explained(method, question)
    assert maps.completeness is not None and bool((maps.completeness > 0.05).all())
    assert all(bool(w.all()) for r, w in check(maps, question.pixels, question.explained).items() if "invalid" in r)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (by_name("InternalInfluense"), "no attribution class 'InternalInfluense'.*InternalInfluence"),
        (by_name("Summarizer"), "not an attribution class"),
        (by_name("IntegratedGradients", n_step=3), "unknown argument 'n_step'.*n_steps"),
        (by_name("Saliency", baselines="white"), "unknown argument 'baselines'"),
        (by_name("Saliency", layer="last"), "reads no layer"),
        (by_name("NeuronGradient"), r"needs neuron_selector: give the neuron, e\.g\. neuron_selector=\[0, 3, 3\]"),
        (by_name("ShapleyValues", segments=16), "orders of 16 segments are too many"),
        (by_name("LayerGradCam", layer="first"), "got the layer last instead"),
        (by_name("IntegratedGradients", method="simpson"), "captum raised"),
    ],
    ids=str,
)
def test_what_captum_does_not_have_is_an_error_that_names_the_nearest(method: Method, message: str) -> None:
    with pytest.raises(AttributionError, match=message):
        explained(method, asked(Net()))


@pytest.mark.parametrize(
    ("algorithm", "arguments", "message"),
    [
        ("not a name", {}, "not the name of a class"),
        ("Saliency", {"target": 3}, "target is set by the audit itself"),
        ("Saliency", {"abs": object()}, "must be a number, a text"),
        ("IntegratedGradients", {"n_steps": math.inf}, "not a finite number"),
        ("IntegratedGradients", {"baselines": "grey"}, "baselines"),
        ("FeatureAblation", {"segments": 3}, "from 4 to 1024"),
        ("LayerGradCam", {"layer": ""}, "must be the name of a module"),
        ("Saliency", {"a b": 1}, "not the name of an argument"),
    ],
)
def test_what_needs_no_captum_is_checked_at_once(algorithm: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        by_name(algorithm, **arguments)


@pytest.mark.parametrize(
    ("method", "text"),
    [
        (by_name("InternalInfluence", n_steps=20.0), "captum(InternalInfluence, n_steps=20)"),
        (by_name("Saliency", abs=False), "captum(Saliency, abs=False)"),
        (
            by_name("LayerConductance", method="riemann_trapezoid", n_steps=9, layer="body.3"),
            "captum(LayerConductance, layer='body.3', method=riemann_trapezoid, n_steps=9)",
        ),
        (
            by_name("Occlusion", strides=[3, 4, 4], sliding_window_shapes=(3, 8, 8)),
            "captum(Occlusion, sliding_window_shapes=[3, 8, 8], strides=[3, 4, 4])",
        ),
        (by_name("DeepLift", eps=1e-9, baselines=["black"]), "captum(DeepLift, baselines=[black], eps=1e-09)"),
    ],
)
def test_one_choice_has_one_text_that_reads_back(method: Method, text: str) -> None:
    assert str(method) == text
    expectation = background_dependence(method) < 0.4
    assert parse(str(expectation)) == expectation
    assert str(parse_expression(f"background_dependence({text})")) == f"background_dependence({text})"
    assert long_text(method).startswith(f"captum@1(algorithm={text[7:].split(',')[0].rstrip(')')}, layer=")


def test_an_audit_measures_by_it_in_text_in_yaml_and_in_python(tmp_path: Path) -> None:
    text = "background_dependence(captum(InternalInfluence, n_steps=4)) < 0.9"
    file = tmp_path / "line.audit.yaml"
    file.write_text(f"model: torchvision:resnet18\ndata: folder:photos\nexpect:\n  by_captum:\n    that: {text}\n")
    (from_yaml,) = [named.case.expectation for named in load_audit_file(file, allow_code=False)]
    expectation = background_dependence(by_name("InternalInfluence", n_steps=4)) < 0.9
    assert from_yaml == expectation == parse(text)
    audit = small_audits.audit()
    results = small_audits.results(
        tmp_path,
        by_captum=audit.expect(expectation),
        refused=audit.expect(background_dependence(by_name("NoiseTunnel")) < 0.9),
    )
    assert results["by_captum"].decision is not None
    assert "take smoothgrad" in results["refused"].message


def test_a_run_without_them_imports_neither_captum_nor_torchvision(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engine import small_audits as s;"
        "from modelaudit.attribution import captum; from modelaudit.measures import background_dependence as b;"
        "a = s.audit(); captum('Saliency'); s.results(Path(sys.argv[1]), one=a.expect(b('gradcam') < 0.9));"
        "assert not {'captum', 'torchvision', 'torch._dynamo'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=Path(__file__).parents[1], timeout=300)

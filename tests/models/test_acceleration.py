from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from modelaudit.language import Preprocessing
from modelaudit.models import PixelModel, frozen_on, open_model
from modelaudit.models.acceleration import (
    Fidelity,
    PreparedModel,
    fidelity,
    memory_format_for,
    precision_context,
    precisions,
    prepare_model,
)

SIZE = (32, 32)
PREPROCESSING = Preprocessing(resize=32, crop=32, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
PIXELS = torch.rand(4, 3, *SIZE, generator=torch.Generator().manual_seed(3))
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.body = nn.Sequential(
                nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()
            )
            self.head = nn.Linear(8, 5)
            for part in self.body:
                if isinstance(part, nn.BatchNorm2d):
                    part.running_var.uniform_(0.1, 0.5)
                    part.running_mean.uniform_(-0.2, 0.2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((2, 3)))


def pixel_model(module: nn.Module | None = None) -> PixelModel:
    return PixelModel((Net() if module is None else module).eval().requires_grad_(False), PREPROCESSING)


def explained(model: nn.Module, pixels: Tensor = PIXELS) -> tuple[Tensor, Tensor]:
    leaf = pixels.clone().requires_grad_()
    logits = model(leaf)
    (gradient,) = torch.autograd.grad(logits.max(1).values.sum(), leaf)
    return logits.detach(), gradient


# ------------------------------------------------------------------------------------------------------------ preparing


def test_a_convolutional_network_is_folded_and_in_channels_last_and_gives_the_same() -> None:
    model = pixel_model()
    found = prepare_model(model, SIZE)
    assert (found.folded, found.memory_format, found.precision) == (2, torch.channels_last, "float32")
    assert found.notes == ("2 batch norms are folded into the layers before them (proven in float64)",)
    assert found.changed == {"body.0", "body.3"}
    for mine, reference in zip(explained(found.model), explained(model), strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-6)
    assert [name for name, _ in found.model.named_modules()] == [name for name, _ in model.named_modules()]


def test_the_user_s_weights_keep_their_memory_format() -> None:
    model = pixel_model(torchvision.models.squeezenet1_1(num_classes=5))
    storage = {name: (value.data_ptr(), value.stride()) for name, value in model.named_parameters()}
    found = prepare_model(model, (64, 64))
    assert found.memory_format == torch.channels_last and found.folded == 0 and found.notes == ()
    assert {name: (value.data_ptr(), value.stride()) for name, value in model.named_parameters()} == storage
    weights = [part.weight for part in found.model.modules() if isinstance(part, nn.Conv2d)]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)
    assert not any(weight.requires_grad for weight in weights)


def test_layers_see_channels_last() -> None:
    seen: list[Tensor] = []
    found = prepare_model(pixel_model(), SIZE)
    found.model.module.body[2].register_forward_hook(lambda _, __, output: seen.append(output))
    found.model(PIXELS)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


def test_a_frozen_module_is_restored(tmp_path: Path) -> None:
    module = Net().train()
    before = {
        name: (value, value.data_ptr(), value.clone()) for name, value in module.state_dict(keep_vars=True).items()
    }
    loaded = open_model(module, root=tmp_path, preprocessing=PREPROCESSING)
    with frozen_on(loaded, "cpu") as model:
        found = prepare_model(model, SIZE)
        assert found.folded == 2
        found.model(PIXELS)
    after = module.state_dict(keep_vars=True)
    assert all(after[name] is value and value.data_ptr() == place for name, (value, place, _) in before.items())
    assert all(torch.equal(after[name], copied) for name, (_, _, copied) in before.items())
    assert module.training and all(parameter.requires_grad for parameter in module.parameters())


def transformer() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torchvision.models.VisionTransformer(32, 16, 2, 2, 16, 32, num_classes=5)
        nn.init.normal_(module.heads.head.weight)
    return module


def test_a_transformer_keeps_its_format_and_its_weights() -> None:
    module = transformer()
    found = prepare_model(pixel_model(module), SIZE)
    assert (found.memory_format, found.folded, found.notes) == (torch.contiguous_format, 0, ())
    shared = zip(module.parameters(), found.model.module.parameters(), strict=True)
    assert all(given is used for given, used in shared)
    assert not any(part._forward_pre_hooks for part in module.modules())


def products(model: nn.Module) -> set[str]:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        explained(model)
    return {event.key for event in profile.key_averages() if event.key in ("aten::bmm", "aten::addmm")}


def test_attention_multiplies_all_tokens_at_once() -> None:
    model = pixel_model(transformer())
    found = prepare_model(model, SIZE)
    assert products(model) == {"aten::bmm", "aten::addmm"}  # torch's own way with frozen weights, and slow
    assert products(found.model) == {"aten::addmm"}
    for mine, reference in zip(explained(found.model), explained(model), strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(found.model(PIXELS), model(PIXELS), rtol=1e-5, atol=1e-6)


class Mixer(nn.Module):
    """Linear layers over tokens, which are not next to each other in memory, and attention of one thing to another."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.mix, self.widen, self.head = nn.Linear(32, 8), nn.Linear(96, 96), nn.Linear(96, 5)
        self.attention = nn.MultiheadAttention(96, 2, batch_first=batch_first)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.widen(self.mix(x.flatten(1, 2)).transpose(1, 2))
        queries = tokens[:, :2]
        given = [queries, tokens, tokens]
        if not self.attention.batch_first:
            given = [part.transpose(0, 1) for part in given]
        found, _ = self.attention(*given, need_weights=False)
        return self.head(found.mean(1 if self.attention.batch_first else 0))


@pytest.mark.parametrize("batch_first", [True, False])
def test_other_products_give_the_same_too(batch_first: bool) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = pixel_model(Mixer(batch_first))
    found = prepare_model(model, SIZE)
    for mine, reference in zip(explained(found.model), explained(model), strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-6)


def test_layers_whose_own_output_will_be_read_keep_it() -> None:
    found = prepare_model(pixel_model(), SIZE, keep=("body.3",))
    assert found.folded == 1 and found.changed == {"body.0"}


def test_what_runs_only_on_its_own_size_is_proven_there() -> None:
    class Fixed(Net):
        def forward(self, x: Tensor) -> Tensor:
            if x.shape[2:] != (160, 160):
                raise ValueError("images must be 160 x 160")
            return super().forward(x)

    found = prepare_model(pixel_model(Fixed()), (160, 160))
    assert found.folded == 2 and "proven" in found.notes[0]


def test_why_nothing_is_folded_is_said() -> None:
    class Single(Net):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.float())

    found = prepare_model(pixel_model(Single()), SIZE)
    assert found.folded == 0 and "not folded" in found.notes[0]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: torchvision.models.resnet18(), torch.channels_last),
        (lambda: torchvision.models.vgg11(), torch.channels_last),
        (lambda: torchvision.models.vit_b_32(), torch.contiguous_format),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3, 2)), torch.contiguous_format),
    ],
)
def test_the_memory_format_is_a_rule(build: Any, expected: torch.memory_format) -> None:
    with torch.device("meta"):
        module = build()
    assert memory_format_for(module, "cpu", "float32") == expected
    assert memory_format_for(module, "cuda", "tf32") == expected
    assert memory_format_for(module, "cuda", "float32") == torch.contiguous_format
    assert memory_format_for(module, "mps", "float32") == torch.contiguous_format


# ------------------------------------------------------------------------------------------------------------ precision


def test_a_cpu_has_float32_alone() -> None:
    assert precisions("cpu") == ("float32",)


def test_bfloat16_is_entered_by_the_model_alone_and_logits_leave_it_in_float32() -> None:
    model = pixel_model()
    found = prepare_model(model, SIZE).at("bfloat16")
    seen: list[Tensor] = []
    found.model.module.body[0].register_forward_hook(lambda _, __, output: seen.append(output))
    with precision_context(found.precision):
        logits, gradient = explained(found.model)
        assert not torch.is_autocast_enabled("cpu")
    assert seen[0].dtype == torch.bfloat16
    assert logits.dtype == gradient.dtype == torch.float32
    reference, reference_gradient = explained(model)
    assert not torch.equal(logits, reference)
    assert float((logits - reference).norm() / reference.norm()) < 0.02
    assert float((gradient - reference_gradient).norm() / reference_gradient.norm()) < 0.1


def test_another_precision_shares_the_folded_weights() -> None:
    found = prepare_model(pixel_model(), SIZE)
    other = found.at("bfloat16")
    assert other.precision == "bfloat16" and found.precision == "float32"
    assert other.model.module.head.weight is found.model.module.head.weight
    assert other.folded == found.folded and other.changed == found.changed


def test_a_model_of_float64_stays_in_it() -> None:
    model = pixel_model(Net().double())
    found = prepare_model(model, SIZE)
    assert found.model(PIXELS.double()).dtype == torch.float64 and found.folded == 2


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
@pytest.mark.parametrize("users", ["highest", "medium"])
def test_the_process_s_modes_come_back_also_after_an_error(precision: Any, users: str) -> None:
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(users)
        matmul, convolution = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        with pytest.raises(ZeroDivisionError), precision_context(precision):
            assert torch.backends.cuda.matmul.allow_tf32 == (precision == "tf32")
            assert torch.backends.cudnn.allow_tf32 == (precision == "tf32")
            raise ZeroDivisionError
        assert torch.get_float32_matmul_precision() == users
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == (matmul, convolution)
    finally:
        torch.set_float32_matmul_precision(before)


def test_modes_that_were_set_the_newer_way_come_back_too() -> None:
    convolution: Any = getattr(torch.backends.cudnn, "conv", None)
    if not hasattr(convolution, "fp32_precision"):
        pytest.skip(f"torch {torch.__version__} has no fp32_precision")
    before = convolution.fp32_precision
    try:
        convolution.fp32_precision = "ieee"  # from here on the older switches cannot be read
        with precision_context("tf32"):
            assert convolution.fp32_precision == "tf32"
        assert convolution.fp32_precision == "ieee"
    finally:
        convolution.fp32_precision = before


# ------------------------------------------------------------------------------------------------------------- fidelity

LOGITS = torch.tensor([[1.0, 2.0, 0.5], [3.0, 0.0, 1.0]])
VALUES = {"background_dependence": [0.25, 0.5], "margin": [40.0, math.nan]}


def compared(values: dict[str, Any] | None = None, logits: Tensor = LOGITS) -> Fidelity:
    return fidelity(VALUES, VALUES | (values or {}), (LOGITS, logits))


def test_equal_values_are_faithful() -> None:
    assert compared() == Fidelity(True, 0.0, "no measure differs")


def test_the_worst_difference_is_named_and_decides() -> None:
    found = compared({"background_dependence": [0.2504, 0.5], "margin": torch.tensor([40.02, math.nan])})
    assert found.ok and found.what == "margin" and found.worst == pytest.approx(0.02 / 40, rel=1e-3)
    found = compared({"background_dependence": [0.25, 0.498]})
    assert not found.ok and str(found) == "background_dependence: 0.002"


@pytest.mark.parametrize(
    ("values", "logits", "why"),
    [
        ({}, LOGITS.roll(1, 1), "2 of 2 predictions change"),
        ({}, LOGITS[:1], "shape"),
        ({}, LOGITS * math.nan, "not finite"),
        ({"margin": [40.0, 1.0]}, LOGITS, "margin: undefined on other images"),
        ({"margin": [math.nan, math.nan]}, LOGITS, "margin: undefined on other images"),
        ({"margin": [math.inf, math.nan]}, LOGITS, "margin"),
        ({"margin": [40.0]}, LOGITS, "margin: 1 values instead of 2"),
        ({"another": [0.1, 0.2]}, LOGITS, "one side only: another"),
    ],
)
def test_what_cannot_be_compared_is_not_faithful(values: dict[str, Any], logits: Tensor, why: str) -> None:
    found = compared(values, logits)
    assert not found.ok and why in str(found)


def test_nothing_to_compare_is_not_faithful() -> None:
    assert not fidelity({}, {}, (LOGITS[:0], LOGITS[:0])).ok


def test_undefined_and_infinite_values_of_both_sides_agree() -> None:
    values = {"ratio": [math.inf, math.nan]}
    assert fidelity(values, values, (LOGITS, LOGITS)) == Fidelity(True, 0.0, "no measure differs")


def test_bfloat16_is_refused_where_it_changes_a_measure() -> None:
    """The check on real passes: bfloat16's share of the left half differs by more than a thousandth."""

    def shares(prepared: PreparedModel) -> tuple[dict[str, Tensor], Tensor]:
        with precision_context(prepared.precision):
            logits, gradient = explained(prepared.model)
        saliency = gradient.abs().sum(1)
        return {"left": saliency[..., :16].sum((1, 2)) / saliency.sum((1, 2))}, logits

    plain = prepare_model(pixel_model(), SIZE)
    (slow, slow_logits), (fast, fast_logits) = shares(plain), shares(plain.at("bfloat16"))
    assert fidelity(slow, slow, (slow_logits, slow_logits)).ok
    strict = fidelity(slow, fast, (slow_logits, fast_logits), limit=1e-7)
    assert not strict.ok and (strict.worst > 1e-7 or "predictions" in strict.what)


@pytest.mark.gpu
@GPU
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_on_a_gpu_every_precision_gives_nearly_the_cpu_s_numbers(precision: Any) -> None:
    expected, expected_gradient = explained(pixel_model())
    found = prepare_model(pixel_model(Net().cuda()), SIZE, precision=precision)
    assert found.folded == 2
    with precision_context(precision):
        logits, gradient = explained(found.model, PIXELS.cuda())
    allowed = {"float32": 1e-4, "tf32": 1e-2, "bfloat16": 5e-2}[precision]
    assert float((logits.cpu() - expected).norm() / expected.norm()) < allowed
    assert float((gradient.cpu() - expected_gradient).norm() / expected_gradient.norm()) < 4 * allowed


@pytest.mark.gpu
@GPU
def test_on_a_gpu_the_fastest_precision_comes_first() -> None:
    found = precisions("cuda")
    assert found[-1] == "float32" and precisions("cuda", Net().double()) == ("float32",)
    assert ("bfloat16" in found) == (torch.cuda.get_device_capability() >= (8, 0))

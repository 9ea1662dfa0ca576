from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils import weight_norm as hooked_weight_norm

from modelaudit.models.folding import Folded, folded

PROBE = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def trained(module: nn.Module) -> nn.Module:
    """Batch norms as training leaves them: no statistic and no weight is 0 or 1."""
    draw = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            for value, low, high in (
                (part.running_mean, -0.3, 0.3),
                (part.running_var, 0.5, 2.0),
                (part.weight, 0.5, 1.5),
                (part.bias, -0.3, 0.3),
            ):
                if value is not None:
                    with torch.no_grad():
                        value.uniform_(low, high, generator=draw)
    return module.eval().requires_grad_(False)


def torchvisions(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
        return trained(torchvision.models.get_model(name, weights=None, num_classes=10, **options))


def both(module: nn.Module, found: Folded, pixels: Tensor = PROBE) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits and input gradients, of the module and of the folded one."""
    values = []
    for one in (module, found.module):
        leaf = pixels.clone().requires_grad_()
        logits = one(leaf)
        (gradient,) = torch.autograd.grad(logits[:, 1].sum(), leaf)
        values += [logits.detach(), gradient]
    return values[0], values[2], values[1], values[3]


def norms(module: nn.Module) -> int:
    return sum(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules())


class Net(nn.Module):
    """conv, batch norm, relu, what is given, pooling, head."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, 6, 3, padding=1)
            self.bn = nn.BatchNorm2d(6)
            self.relu = nn.ReLU(inplace=True)
            self.head = nn.Linear(6, 4)
        for name, part in parts.items():
            setattr(self, name, part)

    def features(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean((2, 3)))


@pytest.mark.parametrize(
    ("name", "side", "all_of_them"),
    [
        ("resnet18", 32, True),
        ("mobilenet_v3_small", 32, True),
        ("densenet121", 32, False),  # most of its batch norms come before their convolution
    ],
)
def test_architectures_are_folded_and_give_the_same(name: str, side: int, all_of_them: bool) -> None:
    module = torchvisions(name)
    found = folded(module, PROBE[..., :side, :side])
    assert found.note == ""
    assert (len(found.pairs) == norms(module)) == all_of_them
    assert len(found.pairs) + norms(found.module) == norms(module)
    assert len(found.pairs) >= norms(module) // 3
    logits, others, gradient, other_gradient = both(module.double(), Folded(found.module.double()), PROBE.double())
    torch.testing.assert_close(others, logits, rtol=0, atol=1e-6 * float(logits.abs().max()))
    assert float((other_gradient - gradient).norm() / gradient.norm()) < 1e-4


@pytest.mark.parametrize("name", ["vit_b_32", "convnext_tiny"])
def test_models_without_batch_norm_are_left_alone(name: str) -> None:
    with torch.device("meta"):  # nothing may be run to find that out
        module = torchvision.models.get_model(name, weights=None).eval()
    assert folded(module, PROBE) == Folded(module)


def test_timm_s_batch_norms_keep_their_activation_and_its_name() -> None:
    timm = pytest.importorskip("timm", reason="the optional extra 'timm' is not installed")
    module = trained(timm.create_model("mobilenetv3_small_050", num_classes=10))
    found = folded(module, PROBE)
    assert len(found.pairs) == norms(module) and norms(found.module) == 0 and not found.note
    assert {name for name, _ in module.named_modules()} == {name for name, _ in found.module.named_modules()}
    logits, others, *_ = both(module, found)
    torch.testing.assert_close(others, logits, rtol=1e-4, atol=1e-5)


def test_the_user_s_module_is_untouched_and_what_is_not_folded_is_shared() -> None:
    module = trained(Net())
    before = {name: value.clone() for name, value in module.state_dict().items()}
    parts = dict(module.named_modules())
    found = folded(module, PROBE)
    assert found.pairs == (("conv", "bn"),) and found.changed == {"conv"}
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert dict(module.named_modules()) == parts and isinstance(module.bn, nn.BatchNorm2d)
    assert all(not part._forward_hooks and not part._forward_pre_hooks for part in module.modules())
    assert found.module.head.weight is module.head.weight
    assert found.module.conv.weight is not module.conv.weight
    assert not any(parameter.requires_grad for parameter in found.module.parameters())
    assert not any(part.training for part in found.module.modules())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in found.module.modules())


def test_a_batch_norm_that_is_named_as_a_layer_gives_the_same_output() -> None:
    module = trained(Net(relu=nn.ReLU()))
    found = folded(module, PROBE)
    outputs = []
    for one in (module, found.module):
        handle = one.bn.register_forward_hook(lambda _, __, output: outputs.append(output))
        one(PROBE)
        handle.remove()
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-5, atol=1e-6)


def test_a_layer_whose_own_output_is_asked_for_is_not_folded() -> None:
    module = trained(Net(conv=nn.Sequential(nn.Conv2d(3, 6, 3))))
    assert folded(module, PROBE).changed == {"conv", "conv.0"}
    for name in ("conv", "conv.0", "bn"):
        assert folded(module, PROBE, keep=(name,)) == Folded(module)
    assert folded(module, PROBE, keep=("relu", "head")).pairs


class OutputUsedTwice(Net):
    def features(self, x: Tensor) -> Tensor:
        maps = self.conv(x)
        return self.relu(self.bn(maps)) + 0.1 * maps


def test_a_convolution_whose_output_is_used_elsewhere_is_not_folded() -> None:
    module = trained(OutputUsedTwice(relu=nn.ReLU()))
    found = folded(module, PROBE)
    assert found.module is module and not found.pairs
    assert "would change the logits" in found.note


class OutputReadByAModule(Net):
    def features(self, x: Tensor) -> Tensor:
        maps = self.conv(x)
        return self.relu(self.bn(maps)) + self.other(maps)


def test_what_only_modules_read_twice_is_seen_and_the_rest_is_folded() -> None:
    stem = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    module = trained(OutputReadByAModule(relu=nn.ReLU(), other=nn.Sigmoid()))
    assert folded(module, PROBE) == Folded(module)
    assert folded(trained(nn.Sequential(stem, module)), PROBE).pairs == (("0.0", "0.1"),)


class Frozen(Net):
    """Its head sees nothing of the maps, so neither logits nor gradients tell that they would change."""

    def features(self, x: Tensor) -> Tensor:
        maps = self.conv(x)
        side = 2 * maps
        self.watched(side)
        return self.relu(self.bn(maps))


def test_outputs_of_modules_are_compared_not_the_logits_alone() -> None:
    module = trained(Frozen(watched=nn.Sigmoid()))
    assert "output of 'watched'" in folded(module, PROBE).note


class ChangedInPlace(Net):
    def features(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(x).relu_()))


class Twice(Net):
    def features(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(self.relu(self.bn(self.conv(x)))[:, :3])))


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight / self.weight.std((1, 2, 3), keepdim=True)
        return self._conv_forward(x, weight, self.bias)


def hooked(module: nn.Module) -> nn.Module:
    module.register_forward_hook(lambda _, __, output: output * 2)
    return module


@pytest.mark.parametrize(
    "build",
    [
        lambda: ChangedInPlace(),
        lambda: Twice(),
        lambda: Net(bn=nn.BatchNorm2d(6, track_running_stats=False)),
        lambda: Net(conv=Standardised(3, 6, 3)),
        lambda: Net(conv=parametrizations.weight_norm(nn.Conv2d(3, 6, 3))),
        lambda: Net(conv=hooked_weight_norm(nn.Conv2d(3, 6, 3))),
        lambda: Net(conv=hooked(nn.Conv2d(3, 6, 3))),
        lambda: Net(bn=hooked(nn.BatchNorm2d(6))),
        lambda: Net().half().float().to(torch.bfloat16),
        lambda: Net(conv=nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU())),
        lambda: Net(conv=nn.ConvTranspose2d(3, 6, 3, groups=3)),
        lambda: torch.jit.trace(trained(Net()), PROBE),
    ],
    ids=[
        "changed in place",
        "called twice",
        "statistics of the batch",
        "weights of its own",
        "parametrised",
        "hooked weight norm",
        "hook on the convolution",
        "hook on the batch norm",
        "half precision",
        "an activation between",
        "grouped and transposed",
        "TorchScript",
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_what_cannot_be_folded_exactly_is_left_alone(build: Callable[[], nn.Module]) -> None:
    module = build()
    module = module if isinstance(module, torch.jit.ScriptModule) else trained(module)
    probe = PROBE.to(next(module.parameters()).dtype)
    found = folded(module, probe)
    assert found.module is module and not found.pairs
    assert torch.equal(found.module(probe), module(probe))


class OneDimensional(nn.Module):
    def __init__(self, affine: bool) -> None:
        super().__init__()
        self.grow = nn.ConvTranspose2d(3, 4, 2, stride=2, bias=False)
        self.after = nn.BatchNorm2d(4, affine=affine)
        self.hidden, self.norm, self.head = nn.Linear(4, 8), nn.BatchNorm1d(8, affine=affine), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.hidden(self.after(self.grow(x)).relu().mean((2, 3)))).relu())


@pytest.mark.parametrize("affine", [True, False])
def test_linear_and_transposed_layers_are_folded_too(affine: bool) -> None:
    module = trained(OneDimensional(affine)).double()
    found = folded(module, PROBE.double())
    assert found.pairs == (("grow", "after"), ("hidden", "norm"))
    logits, others, gradient, other_gradient = both(module, found, PROBE.double())
    torch.testing.assert_close(others, logits, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(other_gradient, gradient, rtol=1e-9, atol=1e-12)


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix, self.norm, self.head = nn.Linear(32, 5), nn.BatchNorm1d(96), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.mix(x.flatten(1, 2))).mean(1))


def test_a_batch_norm_over_tokens_is_no_batch_norm_of_the_linear_layer_s_channels() -> None:
    module = trained(Tokens())
    assert folded(module, PROBE) == Folded(module)


class Locked(Net):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


def test_a_module_that_cannot_be_copied_is_used_as_it_is_and_that_is_said() -> None:
    module = trained(Locked())
    found = folded(module, PROBE)
    assert found.module is module
    assert "Locked cannot be copied" in found.note


class Single(Net):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float())


def test_a_module_that_runs_in_one_precision_only_cannot_be_proven_and_that_is_said() -> None:
    found = folded(trained(Single()), PROBE)
    assert not found.pairs and "does not run on a probe of torch.float64" in found.note


def test_a_forward_that_leads_back_to_the_original_s_parts_is_not_folded() -> None:
    inner = trained(Net())
    outer: Any = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).eval().requires_grad_(False)
    outer.forward = lambda x: inner(outer._modules["1"](outer._modules["0"](x)))
    found = folded(outer, PROBE)
    assert not found.pairs and found.module is outer


def test_a_module_with_two_names_is_folded_under_both() -> None:
    module = trained(Net())
    module.stem = nn.Sequential(module.conv, module.bn)
    found = folded(module, PROBE)
    assert isinstance(found.module.bn, nn.Identity) and found.module.stem[1] is found.module.bn
    torch.testing.assert_close(found.module.stem(PROBE), module.stem(PROBE), rtol=1e-4, atol=1e-5)


def test_a_parameter_that_two_layers_share_is_folded_in_one_of_them() -> None:
    module = trained(Net(other=nn.Conv2d(3, 6, 3, padding=1)))
    module.other.weight = module.conv.weight
    found = folded(module, PROBE)
    assert found.pairs == (("conv", "bn"),)
    assert found.module.other.weight is module.conv.weight


def test_the_gradient_at_a_folded_model_s_layer_is_the_same() -> None:
    module = trained(Net()).double()
    found = folded(module, PROBE.double())
    gradients = []
    for one in (module, found.module):
        kept: list[Tensor] = []
        handle = one.relu.register_forward_hook(lambda _, __, output, kept=kept: kept.append(output))
        (gradient,) = torch.autograd.grad(one(PROBE.double().requires_grad_())[:, 2].sum(), kept[0])
        handle.remove()
        gradients.append(gradient)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-9, atol=1e-12)


class Extreme(Net):
    def features(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(1e-20 * x))) * 1e-20


def test_weights_that_the_module_s_own_precision_cannot_hold_are_refused() -> None:
    module = trained(Extreme(bn=nn.BatchNorm2d(6, eps=0.0)))
    with torch.no_grad():
        module.conv.weight *= 1e25
        module.conv.bias.zero_()
        module.bn.running_var.fill_(1e-30)
    assert bool(module(PROBE).isfinite().all())
    found = folded(module, PROBE)
    assert found.module is module and "in torch.float32 the logits would be" in found.note
    assert folded(module.double(), PROBE.double()).pairs

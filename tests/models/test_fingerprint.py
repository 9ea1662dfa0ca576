from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.language.errors import ModelError
from modelaudit.language.sample import Preprocessing
from modelaudit.models.fingerprint import fingerprint, output_digest, probe_pixels

PLAIN = Preprocessing(resize=8, crop=8)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.act: nn.Module = nn.ReLU()
        self.register_buffer("hidden", torch.ones(2), persistent=False)


def change_last_weight(net: Net) -> None:
    net.conv.weight.data[-1, -1, -1, -1] += 1e-6


def change_buffer(net: Net) -> None:
    net.norm.running_mean += 1e-6  # type: ignore[operator]


def change_hidden_buffer(net: Net) -> None:
    net.hidden[0] = 2  # type: ignore[index]


def change_activation(net: Net) -> None:
    net.act = nn.GELU()


def change_dtype(net: Net) -> None:
    net.double()


def change_option(net: Net) -> None:
    net.norm.eps = 1e-3


@pytest.mark.parametrize(
    "change",
    [change_last_weight, change_buffer, change_hidden_buffer, change_activation, change_dtype, change_option],
)
def test_whatever_the_model_is_made_of_changes_the_fingerprint(change: Callable[[Net], None]) -> None:
    net, other = Net(), Net()
    assert fingerprint(net, PLAIN, "") == fingerprint(other, PLAIN, "")
    change(other)
    assert fingerprint(net, PLAIN, "") != fingerprint(other, PLAIN, "")


@pytest.mark.parametrize(
    "other",
    [
        Preprocessing(resize=9, crop=8),
        Preprocessing(resize=8, crop=8, mean=(0, 0, 1e-3)),
        Preprocessing(8, 8, antialias=False),
    ],
)
def test_preprocessing_is_part_of_the_fingerprint(other: Preprocessing) -> None:
    assert fingerprint(Net(), PLAIN, "") != fingerprint(Net(), other, "")


def test_what_training_leaves_behind_is_no_part_of_it() -> None:
    net = Net()
    before = fingerprint(net, PLAIN, "")
    net.eval().requires_grad_(False)
    assert fingerprint(net, PLAIN, "") == before


def test_memory_addresses_are_no_part_of_it() -> None:
    class Printed(nn.Module):
        def extra_repr(self) -> str:
            return repr(object())

    assert fingerprint(Printed(), PLAIN, "") == fingerprint(Printed(), PLAIN, "")


@pytest.mark.parametrize("module", [nn.Linear(2, 2, device="meta"), nn.LazyLinear(2)])
def test_a_model_without_data_has_no_fingerprint(module: nn.Module) -> None:
    with pytest.raises(ModelError, match="no data yet"):
        fingerprint(module, PLAIN, "")


def test_the_probe_is_the_same_whatever_the_global_generator() -> None:
    torch.manual_seed(1)
    first = probe_pixels((4, 5))
    torch.manual_seed(2)
    second = probe_pixels((4, 5))
    assert torch.equal(first, second) and first.shape == (1, 3, 4, 5)
    assert first.min() >= 0 and first.max() <= 1


def logits(seed: int, outputs: int) -> Tensor:
    return torch.randn(1, outputs, generator=torch.Generator().manual_seed(seed)) * 3


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 1000))
def test_another_answer_has_another_digest(seed: int, outputs: int) -> None:
    row = logits(seed, outputs)
    assert output_digest(row) == output_digest(row.clone())
    assert output_digest(row) != output_digest(row * 1.01)
    assert output_digest(row) != output_digest(-row)
    assert output_digest(row) != output_digest(torch.cat([row, row[:, :1]], 1))


def test_float_noise_seldom_changes_the_digest() -> None:
    noise = [torch.randn(1, 1000, generator=torch.Generator().manual_seed(s)) * 3e-6 for s in range(200)]
    kept = [output_digest(logits(s, 1000)) == output_digest(logits(s, 1000) + noise[s]) for s in range(200)]
    assert sum(kept) >= 190


def test_a_digest_of_nothing_but_zeros_is_possible() -> None:
    assert output_digest(torch.zeros(1, 3)) != output_digest(torch.zeros(1, 4))

from __future__ import annotations

import torch
from torch import nn

from modelaudit.models.first_layer import stored_channels, with_channels


def plan(channels: int = 3) -> nn.Module:
    return nn.Sequential(nn.Sequential(nn.Conv2d(channels, 4, (3, 5), stride=2, padding=1, bias=False)), nn.ReLU())


def test_the_channels_of_a_checkpoint_are_read_off_its_first_convolution() -> None:
    assert stored_channels(plan(), dict(plan(1).state_dict())) == 1
    assert stored_channels(plan(), dict(plan(3).state_dict())) is None
    assert stored_channels(plan(), {"0.0.weight": torch.zeros(5, 1, 3, 5)}) is None  # another layer altogether
    assert stored_channels(plan(), {}) is None and stored_channels(nn.Linear(2, 2), {}) is None


def test_the_first_convolution_is_replaced_by_one_of_the_same_kind() -> None:
    module, wanted = with_channels(plan(), 1), plan(1)
    module.load_state_dict(wanted.state_dict())
    image = torch.rand(1, 1, 16, 16)
    assert torch.equal(module(image), wanted(image)) and repr(module) == repr(wanted)

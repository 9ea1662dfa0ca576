from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from modelaudit.language.errors import ModelError
from modelaudit.language.sample import Preprocessing
from modelaudit.models import open_model


def net(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


class ChannelsLast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = net(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.permute(0, 3, 1, 2))


class Bytes(ChannelsLast):
    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.uint8:
            raise TypeError("expected bytes")
        return self.net(x.float() / 255)


def refused(module: nn.Module, preprocessing: Preprocessing) -> str:
    with pytest.raises(ModelError) as raised:
        open_model(module, root=Path(), preprocessing=preprocessing)
    return str(raised.value)


def test_a_grey_model_is_told_from_one_of_another_size_and_the_cure_opens_it() -> None:
    message = refused(net(1), Preprocessing(crop=32, mean=0.5, std=0.25))
    cure = "Preprocessing(channels=1, crop=32, mean=0.5, std=0.25)"
    assert cure in message and "say the size" not in message
    assert open_model(net(1), root=Path(), preprocessing=eval(cure)).preprocessing.channels == 1


def test_a_grey_model_without_a_convolution_is_found_with_its_size() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 2))
    assert "Preprocessing(channels=1, resize=28, crop=28)" in refused(flat, Preprocessing(crop=32))


def test_of_means_that_differ_none_is_taken_for_grey() -> None:
    message = refused(net(1), Preprocessing(crop=32, mean=(0.1, 0.2, 0.3), std=(0.1, 0.2, 0.3)))
    assert "0.2" not in message and "mean and std of one channel" in message


@pytest.mark.parametrize("channels", [2, 4, 6])
def test_the_module_that_makes_other_channels_is_written_out(channels: int) -> None:
    message = refused(net(channels), Preprocessing(crop=32))
    assert f"images of {channels} channels" in message and "class Widen(nn.Module)" in message


@pytest.mark.parametrize("channels", [4, 6])
def test_the_lines_for_more_channels_open_the_model(channels: int) -> None:
    lines = refused(net(channels), Preprocessing(crop=32)).splitlines()
    names: dict[str, object] = {"nn": nn, "torch": torch}
    exec("\n".join(line.removeprefix("    ") for line in lines[1:3]), names)
    widened = nn.Sequential(names["Widen"](), net(channels))  # type: ignore[operator]
    assert open_model(widened, root=Path(), preprocessing=Preprocessing(crop=32)).outputs == 2


def test_one_channel_for_a_model_of_colour() -> None:
    message = refused(net(3), Preprocessing(crop=32, channels=1))
    assert "one grey image" in message and "leave channels=1 out" in message and "x.expand(-1, 3, -1, -1)" in message


def test_channels_last_bytes_and_another_size_are_each_named() -> None:
    assert "x.permute(0, 2, 3, 1)" in refused(ChannelsLast(), Preprocessing(crop=32))
    assert 'black_box(predict, dtype="uint8"' in refused(Bytes(), Preprocessing(crop=32))
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 2))
    assert "it takes images of 64 x 64" in refused(flat, Preprocessing(crop=32))


def test_a_model_that_nothing_suits_gets_the_general_advice() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("never")

    assert "say the size it takes with Preprocessing(resize=..., crop=...)" in refused(Broken(), Preprocessing(crop=8))

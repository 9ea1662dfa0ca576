from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from modelaudit.language.errors import ModelError
from modelaudit.language.sample import Preprocessing


@pytest.mark.parametrize(
    ("given", "channels", "mean", "std"),
    [
        ({}, 3, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        ({"channels": 1}, 1, (0.0,), (1.0,)),
        ({"mean": (0.5,)}, 1, (0.5,), (1.0,)),
        ({"std": [0.25]}, 1, (0.0,), (0.25,)),
        ({"mean": 0.5, "std": 1 / 255}, 3, (0.5,) * 3, (1 / 255,) * 3),
        ({"mean": (0.5,) * 3, "std": (0.5,) * 3, "channels": 1}, 1, (0.5,), (0.5,)),
        ({"mean": (0.5,), "channels": 3}, 3, (0.5,) * 3, (1.0,) * 3),
        ({"mean": (0.1, 0.2, 0.3)}, 3, (0.1, 0.2, 0.3), (1.0,) * 3),
    ],
)
def test_channels_follow_from_mean_and_std(given: dict[str, Any], channels: int, mean: Any, std: Any) -> None:
    made = Preprocessing(**given)
    assert (made.channels, made.mean, made.std) == (channels, mean, std)
    assert replace(made, crop=8).mean == mean and hash(made) == hash(replace(made))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"channels": 4}, r"channels=4 must be 3 \(RGB\) or 1 \(grey\)[\s\S]*class Widen\(nn.Module\)"),
        ({"channels": True}, "channels=True must be"),
        ({"mean": (0.1, 0.2)}, "has 2 values; give three, one a channel"),
        ({"mean": (0.1, 0.2, 0.3, 0.4)}, "has 4 values"),
        ({"mean": ()}, "finite numbers"),
        ({"std": math.nan}, "finite numbers"),
        ({"std": 0.0}, "must be positive"),
        ({"mean": (0.1, 0.2, 0.3), "channels": 1}, "3 values for one channel"),
        ({"mean": (0.1, 0.2, 0.3), "std": (0.5,)}, "3 values for one channel"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        Preprocessing(**given)


def test_numbers_in_units_of_255_are_refused_with_those_of_one() -> None:
    with pytest.raises(ModelError) as raised:
        Preprocessing(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
    assert "mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)" in str(raised.value)
    assert Preprocessing(mean=(123.675 / 255,), std=(1 / 255,)).channels == 1  # a model of 0 to 255


def test_the_text_in_fingerprints_of_colour_models_has_no_channels() -> None:
    assert repr(Preprocessing(crop=8)) == (
        "Preprocessing(resize=None, crop=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), interpolation='bilinear', "
        "antialias=True)"
    )
    grey = Preprocessing(crop=8, channels=1)
    assert eval(repr(grey)) == grey and "channels=1" in repr(grey)

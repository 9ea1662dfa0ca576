"""Preprocessing as one argument of a command."""

from __future__ import annotations

import pytest

from modelaudit import Preprocessing
from modelaudit.language import ModelError
from modelaudit.starter.preparing import preprocessing_of, preprocessing_source

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("256,224", Preprocessing(resize=256, crop=224)),
        ("64", Preprocessing(resize=64)),
        ("-,224", Preprocessing(crop=224)),
        ("-", Preprocessing()),
        ("480x640", Preprocessing(resize=(480, 640))),
        ("256,224,imagenet", Preprocessing(resize=256, crop=224, mean=MEAN, std=STD)),
        ("256,imagenet", Preprocessing(resize=256, mean=MEAN, std=STD)),
        ("64,64,mean=0.5:0.4:0.3,std=0.2:0.3:0.4", Preprocessing(64, 64, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))),
        ("resize=64,interpolation=bicubic,antialias=no", Preprocessing(64, interpolation="bicubic", antialias=False)),
        ("28,channels=1", Preprocessing(28, channels=1)),
    ],
)
def test_it_is_read_and_written_as_python(text: str, wanted: Preprocessing) -> None:
    found = preprocessing_of(text)
    assert found == wanted
    assert eval(preprocessing_source(found), {"Preprocessing": Preprocessing}) == wanted


@pytest.mark.parametrize("text", ["256,224,1", "x", "0", "256,mean=a:b:c", "256,size=3", "imagenet,224", "1x2x3"])
def test_anything_else_says_how_it_is_written(text: str) -> None:
    with pytest.raises(ModelError, match=r"--audit-preprocessing .*write RESIZE,CROP"):
        preprocessing_of(text, "--audit-preprocessing")

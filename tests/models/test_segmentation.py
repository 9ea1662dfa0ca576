"""Segmentation models of torchvision: the classes are those of a plain computation, and what does not fit is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import interpolate
from torchvision.models.segmentation import (
    LRASPP_MobileNet_V3_Large_Weights,
    deeplabv3_mobilenet_v3_large,
    lraspp_mobilenet_v3_large,
)

from modelaudit.language.errors import ModelError
from modelaudit.language.reference import parse_reference
from modelaudit.models.segmentation import Segmenter, open_segmenter

CLASSES = LRASPP_MobileNet_V3_Large_Weights.DEFAULT.meta["categories"]


def saved(folder: Path, module: nn.Module, name: str = "weights.pt") -> str:
    torch.save(module.state_dict(), folder / name)
    return name


def opened(text: str, root: Path) -> Segmenter:
    return open_segmenter(parse_reference(text), root, device="cpu")


def net(outputs: int = 21) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=outputs).eval()


@pytest.fixture(scope="module")
def image() -> Any:
    small = np.random.default_rng(0).integers(0, 256, (8, 12, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize((150, 100), Image.Resampling.BICUBIC))


def test_every_pixel_has_the_class_of_a_plain_computation(tmp_path: Path, image: Any) -> None:
    module = net()
    pixels = LRASPP_MobileNet_V3_Large_Weights.DEFAULT.transforms()(Image.fromarray(image))[None]
    with torch.no_grad():  # untrained: without this one class would win everywhere
        module.classifier.low_classifier.bias -= module(pixels)["out"].mean((0, 2, 3))
    segmenter = opened(f"torchvision:lraspp_mobilenet_v3_large?checkpoint={saved(tmp_path, module)}", tmp_path)
    found = segmenter(image)
    with torch.no_grad():
        logits = interpolate(module(pixels)["out"], (100, 150), mode="bilinear", align_corners=False)
    assert found.shape == (100, 150)
    assert np.array_equal(found, logits[0].argmax(0).numpy())
    assert len(np.unique(found)) > 1
    assert segmenter.classes == tuple(CLASSES)
    assert "checkpoint sha256" in segmenter.version


def test_other_outputs_than_the_usual_have_no_names(tmp_path: Path) -> None:
    segmenter = opened(f"torchvision:lraspp_mobilenet_v3_large?checkpoint={saved(tmp_path, net(4))}", tmp_path)
    assert segmenter.classes is None
    assert segmenter.module.classifier.low_classifier.out_channels == 4


@pytest.mark.parametrize("auxiliary", [True, False])
def test_a_checkpoint_with_and_without_an_auxiliary_head_is_read(tmp_path: Path, auxiliary: bool) -> None:
    module = deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21, aux_loss=auxiliary)
    wrapped = nn.ModuleDict({"module": module})  # as DataParallel saves it
    name = saved(tmp_path, wrapped)
    segmenter = opened(f"torchvision:deeplabv3_mobilenet_v3_large?checkpoint={name}", tmp_path)
    assert (segmenter.module.aux_classifier is not None) == auxiliary
    assert torch.equal(segmenter.module.classifier[4].weight, module.classifier[4].weight)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torchvision:deeplabv3_resnet10?checkpoint=weights.pt", "did you mean 'deeplabv3_resnet101'"),
        ("torchvision:deeplabv3_resnet101", "write torchvision:deeplabv3_resnet101.checkpoint="),
        ("torchvision:deeplabv3_resnet101@V9", "COCO_WITH_VOC_LABELS_V1"),
        ("torchvision:deeplabv3_resnet101@COCO_WITH_VOC_LABELS_V1?checkpoint=weights.pt", "write torchvision"),
        ("torchvision:deeplabv3_mobilenet_v3_large?checkpoint=weights.pt", "no checkpoint of deeplabv3"),
        ("torchvision:lraspp_mobilenet_v3_large?checkpoint=nowhere.pt", "no such checkpoint"),
    ],
)
def test_what_cannot_be_opened_says_what_to_write(tmp_path: Path, text: str, message: str) -> None:
    saved(tmp_path, net())
    with pytest.raises(ModelError, match=message):
        opened(text, tmp_path)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save(net(), tmp_path / "whole.pt")  # the module itself, pickled
    with pytest.raises(ModelError, match="plain weights"):
        opened("torchvision:lraspp_mobilenet_v3_large?checkpoint=whole.pt", tmp_path)

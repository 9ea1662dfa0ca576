"""Makers of masks: how they are named, and what they make."""

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

from modelaudit.language.errors import AuditError, ModelError
from modelaudit.language.reference import parse_reference
from modelaudit.preview.mask_makers import Segmenter, box_of, maker_of, open_segmenter, wanted_classes

CLASSES = tuple(LRASPP_MobileNet_V3_Large_Weights.DEFAULT.meta["categories"])
DOG, CAT, PLANT = CLASSES.index("dog"), CLASSES.index("cat"), CLASSES.index("pottedplant")


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
    assert segmenter.classes == CLASSES
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
        ("torchvision:deeplabv3_mobilenet_v3_large?checkpoint=weights.pt", "not a checkpoint of deeplabv3"),
        ("torchvision:lraspp_mobilenet_v3_large?checkpoint=nowhere.pt", "no such checkpoint"),
    ],
)
def test_what_cannot_be_opened_says_what_to_write(tmp_path: Path, text: str, message: str) -> None:
    saved(tmp_path, net())
    with pytest.raises(ModelError, match=message):
        opened(text, tmp_path)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save(net(), tmp_path / "whole.pt")  # the module itself, pickled
    with pytest.raises(ModelError, match="a whole pickled object"):
        opened("torchvision:lraspp_mobilenet_v3_large?checkpoint=whole.pt", tmp_path)


IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
LRASPP = "torchvision:lraspp_mobilenet_v3_large?checkpoint=weights.pt"


def box(left: int = 10, top: int = 5, right: int = 30, bottom: int = 20) -> Any:
    mask = np.zeros((40, 60), dtype=np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def test_a_box_is_left_top_right_bottom() -> None:
    assert box_of(box()) == (10, 5, 30, 20)
    assert box_of(box() | box(40, 30, 41, 31)) == (10, 5, 41, 31)
    assert box_of(None) is None and box_of(np.zeros((4, 4), np.uint8)) is None


def test_a_function_of_ones_own_gets_image_box_and_label(tmp_path: Path) -> None:
    (tmp_path / "shapes.py").write_text("import numpy\ndef fill(shape):\n    return numpy.zeros(shape, dtype=bool)\n")
    (tmp_path / "cut.py").write_text(
        "def cut(image, box, label):\n"
        "    from shapes import fill\n"  # found beside the file, when it is called
        "    mask = fill(image.shape[:2])\n"
        "    if box is None:\n"
        "        return mask\n"
        "    left, top, right, bottom = box\n"
        "    mask[top:bottom, left:right] = label == 'bolt'\n"
        "    return mask\n"
    )
    with maker_of("cut.py:cut", root=tmp_path) as maker:
        assert np.array_equal(maker.function(IMAGE, box(), "bolt"), box() == 1)
        assert not maker.function(IMAGE, box(), "nut").any()
        assert not maker.function(IMAGE, None, "bolt").any()
        assert maker.by == "cut.py:cut"
        first = maker.version
    (tmp_path / "cut.py").write_text("def cut(image, box, label):\n    return image[:, :, 0] > 0\n")
    with maker_of("cut.py:cut", root=tmp_path) as maker:
        assert maker.version != first


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """A model that says dog everywhere."""
    module = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21)
    with torch.no_grad():
        for head in (module.classifier.low_classifier, module.classifier.high_classifier):
            head.weight.zero_()
            head.bias.zero_()
        module.classifier.low_classifier.bias[DOG] = 1
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    return tmp_path


@pytest.mark.parametrize(
    ("option", "label", "all_of_it"),
    [
        ("", "dog", True),
        ("", "12_Dog", True),  # a leading index is no part of the name
        ("", "cat", False),  # the class with the label's name, and there is no cat
        ("", "chihuahua", True),  # no such class: everything that is not background
        ("&object=any", "cat", True),
        ("&object=cat,dog", "cat", True),
        ("&object=cat", "dog", False),
        (f"&object={DOG}", "chihuahua", True),
    ],
)
def test_the_object_is_what_the_classes_say(answers: Path, option: str, label: str, all_of_it: bool) -> None:
    with maker_of(LRASPP + option, root=answers, device="cpu") as maker:
        found = maker.function(IMAGE, None, label)
    assert found.shape == (40, 60) and found.all() == found.any() == all_of_it


def test_a_box_bounds_what_a_model_finds(answers: Path) -> None:
    with maker_of(LRASPP, root=answers, device="cpu") as maker:
        assert np.array_equal(maker.function(IMAGE, box(), "dog"), box() == 1)


def test_the_mark_names_the_weights_and_no_folder(answers: Path) -> None:
    (answers / "deep").mkdir()
    (answers / "weights.pt").rename(answers / "deep/weights.pt")
    text = f"torchvision:lraspp_mobilenet_v3_large?checkpoint={answers}/deep/weights.pt"
    with maker_of(text, root=answers, device="cpu") as maker:
        assert maker.by == "torchvision:lraspp_mobilenet_v3_large?checkpoint=weights.pt"
        assert "sha256" in maker.version


def test_classes_are_named_without_regard_to_signs() -> None:
    wanted = wanted_classes(parse_reference("torchvision:x?object=Potted-Plant,cat"), CLASSES)
    assert wanted("anything") == (PLANT, CAT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grabcat", "did you mean 'grabcut'"),
        ("cut.py", "path/file.py:function"),
        ("timm:resnet50", "torchvision:<segmentation model>"),
        ("nowhere.py:cut", "no file"),
        (LRASPP + "&objects=dog", "did you mean 'object'"),
        (LRASPP + "&object=dgo", "no class 'dgo'; did you mean 'dog'"),
    ],
)
def test_an_unknown_maker_is_refused_with_the_known_ones(answers: Path, text: str, message: str) -> None:
    with pytest.raises(AuditError, match=message), maker_of(text, root=answers, device="cpu"):
        pass


def test_a_file_without_that_function_names_those_it_has(tmp_path: Path) -> None:
    (tmp_path / "cut.py").write_text("def cutout(image, box, label):\n    return None\n")
    with pytest.raises(ModelError, match="cutout"), maker_of("cut.py:cut", root=tmp_path):
        pass

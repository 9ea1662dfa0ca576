from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms as v1
from torchvision.transforms import v2

from modelaudit import Audit, Preprocessing
from modelaudit.data.base import Decoded
from modelaudit.data.geometry import apply_geometry
from modelaudit.language.errors import ModelError
from modelaudit.language.sample import BuiltModel
from modelaudit.models import open_model
from modelaudit.models.loaded import PixelModel
from modelaudit.models.transforms import preprocessing_from
from modelaudit.models.trial_images import normalised, random_picture, shown


def timm() -> Any:
    return pytest.importorskip("timm", reason="the optional extra 'timm' is not installed")


MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
BICUBIC = v1.InterpolationMode.BICUBIC


def to_rgb(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def by_hand(image: Image.Image) -> Tensor:
    resized = image.resize((48, 40), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1).float() / 127.5 - 1


Made = Callable[[], Any]
READ: dict[str, tuple[Made, Preprocessing]] = {
    "torchvision v1": (
        lambda: v1.Compose([v1.Resize(72), v1.CenterCrop(64), v1.ToTensor(), v1.Normalize(MEAN, STD)]),
        Preprocessing(72, 64, MEAN, STD),
    ),
    "an exact size": (lambda: v1.Compose([v1.Resize((48, 40)), v1.ToTensor()]), Preprocessing((48, 40))),
    "grey": (
        lambda: v1.Compose(
            [v1.Grayscale(), v1.Resize(28), v1.CenterCrop(28), v1.ToTensor(), v1.Normalize(0.1307, 0.3081)]
        ),
        Preprocessing(28, 28, (0.1307,), (0.3081,)),
    ),
    "torchvision v2": (
        lambda: v2.Compose(
            [v2.ToImage(), v2.Resize(72, BICUBIC), v2.CenterCrop((64, 48)), v2.ToDtype(torch.float32, scale=True)]
        ),
        Preprocessing(72, (64, 48), interpolation="bicubic"),
    ),
    "without antialiasing": (
        lambda: v2.Compose([v2.ToImage(), v2.Resize((48, 40), antialias=False), v2.ToDtype(torch.float32, scale=True)]),
        Preprocessing((48, 40), antialias=False),
    ),
    "values of 0 to 255": (
        lambda: v2.Compose([v2.ToImage(), v2.Resize((48, 40)), v2.ToDtype(torch.float32)]),
        Preprocessing((48, 40), std=1 / 255),
    ),
    "a preset": (
        lambda: torchvision.models.ResNet18_Weights.IMAGENET1K_V1.transforms(),
        Preprocessing(256, 224, MEAN, STD),
    ),
    "an entry of weights": (
        lambda: torchvision.models.ResNet18_Weights.IMAGENET1K_V1,
        Preprocessing(256, 224, MEAN, STD),
    ),
    "with a function": (
        lambda: v1.Compose([v1.Resize(64, BICUBIC), v1.CenterCrop(64), to_rgb, v1.ToTensor(), v1.Normalize(MEAN, STD)]),
        Preprocessing(64, 64, MEAN, STD, "bicubic"),
    ),
    "a normalisation by a function": (
        lambda: v1.Compose([v1.Resize((48, 40)), v1.ToTensor(), v1.Lambda(lambda x: x * 2 - 1)]),
        Preprocessing((48, 40), mean=HALF, std=HALF),
    ),
    "modules": (
        lambda: nn.Sequential(v1.Resize([48, 40]), v1.ConvertImageDtype(torch.float32), v1.Normalize(MEAN, STD)),
        Preprocessing((48, 40), mean=MEAN, std=STD),
    ),
    "a function alone": (lambda: by_hand, Preprocessing((40, 48), mean=HALF, std=HALF)),
    "timm": (
        lambda: timm().data.create_transform((3, 64, 64), crop_pct=0.875, interpolation="bicubic", mean=MEAN, std=STD),
        Preprocessing(73, 64, MEAN, STD, "bicubic"),
    ),
    "timm, squashed": (
        lambda: timm().data.create_transform((3, 64, 64), crop_pct=0.875, crop_mode="squash", mean=HALF, std=HALF),
        Preprocessing((73, 73), 64, HALF, HALF),
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_a_transform_is_split_into_geometry_and_photometry(kind: str) -> None:
    transform, wanted = READ[kind]
    assert Preprocessing.from_transform(transform()) == wanted


def albumentations_transforms() -> dict[str, tuple[Any, Preprocessing]]:
    library = pytest.importorskip("albumentations")
    tensor = pytest.importorskip("albumentations.pytorch").ToTensorV2
    made = library.Compose
    return {
        "square": (
            made([library.Resize(64, 64), library.Normalize(), tensor()]),
            Preprocessing((64, 64), mean=MEAN, std=STD, antialias=False),
        ),
        "array": (
            made([library.Resize(48, 40), library.Normalize(mean=HALF, std=HALF)]),
            Preprocessing((48, 40), mean=HALF, std=HALF, antialias=False),
        ),
        "crop": (
            made([library.SmallestMaxSize(256), library.CenterCrop(224, 224), library.Normalize(), tensor()]),
            Preprocessing(256, 224, MEAN, STD, antialias=False),
        ),
        "cubic": (
            made([library.Resize(64, 64, interpolation=2), library.Normalize(), tensor()]),
            Preprocessing((64, 64), None, MEAN, STD, "bicubic", antialias=False),
        ),
        "grey": (
            made([library.Resize(48, 40), library.ToGray(1, p=1), library.Normalize((0.5,), (0.25,)), tensor()]),
            Preprocessing((48, 40), mean=(0.5,), std=(0.25,), antialias=False),
        ),
    }


@pytest.mark.parametrize("kind", ["square", "array", "crop", "cubic", "grey"])
def test_albumentations_are_read_and_proven_alike(kind: str) -> None:
    transform, wanted = albumentations_transforms()[kind]
    assert preprocessing_from(transform) == wanted


def test_random_and_padded_albumentations_are_refused() -> None:
    library = pytest.importorskip("albumentations")
    flipped = library.Compose([library.Resize(64, 64), library.HorizontalFlip(), library.Normalize()])
    with pytest.raises(ModelError, match=r"random steps \(HorizontalFlip\)"):
        preprocessing_from(flipped)
    padded = library.Compose([library.LongestMaxSize(64), library.PadIfNeeded(64, 64), library.Normalize()])
    with pytest.raises(ModelError, match="LongestMaxSize, PadIfNeeded may stand in the way"):
        preprocessing_from(padded)
    with pytest.raises(ModelError, match="ends in uint8"):
        preprocessing_from(library.Compose([library.Resize(64, 64)]))


REFUSED: dict[str, tuple[Any, str]] = {
    "random steps": (
        v1.Compose([v1.RandomResizedCrop(64), v1.RandomHorizontalFlip(), v1.ToTensor()]),
        r"random steps \(RandomResizedCrop, RandomHorizontalFlip\); give the transform of the evaluation",
    ),
    "a hidden draw": (
        v1.Compose([v1.Resize((48, 40)), v1.ToTensor(), v1.Lambda(lambda x: x + 0.1 * torch.rand(1))]),
        "the same picture other values each time",
    ),
    "padding": (
        v1.Compose([v1.Pad(20), v1.Resize((48, 40)), v1.ToTensor()]),
        r"Pad may stand in the way; or write what comes nearest, e.g. Preprocessing\(resize=\(48, 40\)\)",
    ),
    "another order of colours": (
        v1.Compose([v1.Resize((48, 40)), v1.ToTensor(), v1.Lambda(lambda x: x.flip(0))]),
        "differ by .*Lambda may stand in the way",
    ),
    "another interpolation": (
        v1.Compose([v1.Resize((48, 40), v1.InterpolationMode.LANCZOS), v1.ToTensor()]),
        r"Resize\(interpolation=lanczos\) may stand in the way",
    ),
    "a crop before the resize": (
        v1.Compose([v1.CenterCrop(200), v1.Resize(64), v1.ToTensor()]),
        "of pictures of four sizes it makes 64 x 64",
    ),
    "a longest side": (v1.Compose([v1.Resize(200, max_size=250), v1.ToTensor()]), "it makes 200 x 200, 178 x 250"),
    "no tensor": (v1.Compose([v1.Resize((48, 40))]), r"ends in a PIL image; add .* ToTensor\(\)"),
    "bytes": (v2.Compose([v2.ToImage(), v2.Resize((48, 40))]), "ends in torch.uint8.*ToDtype"),
    "three of grey": (
        v1.Compose([v1.Grayscale(3), v1.Resize((48, 40)), v1.ToTensor()]),
        r"three equal channels of grey; give channels=1[\s\S]*x.expand\(-1, 3, -1, -1\)",
    ),
    "four channels": (
        v1.Compose([v1.Resize((48, 40)), v1.ToTensor(), v1.Lambda(lambda x: torch.cat([x, x[:1]]))]),
        "gives 4 channels",
    ),
    "an error": (v1.Compose([v1.Lambda(lambda x: x.nothing), v1.ToTensor()]), "it raised AttributeError"),
    "a word": ("imagenet", "neither a Preprocessing nor a transform"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_more_is_refused_with_the_step_and_the_nearest(kind: str) -> None:
    transform, said = REFUSED[kind]
    with pytest.raises(ModelError, match=said):
        preprocessing_from(transform)


def test_random_generators_are_left_alone() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index, union-attr]
    drawing = v1.Lambda(lambda x: x + random.random() + np.random.rand() + torch.rand(1))
    with pytest.raises(ModelError):
        preprocessing_from(v1.Compose([v1.Resize((48, 40)), v1.ToTensor(), drawing]))
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index, union-attr]
    assert before == after


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_was_proven_is_what_the_audit_does(antialias: bool, channels: int) -> None:
    preprocessing = Preprocessing(60, (48, 40), 0.4, 0.3, "bicubic", antialias, channels)
    picture = random_picture(150, 110, noise=30, seed=1)
    pixels, _ = apply_geometry(Decoded(np.array(picture), None, "", ""), preprocessing)
    ours = PixelModel(nn.Identity(), preprocessing).normalised(pixels[None])[0]
    torch.testing.assert_close(normalised(shown(picture, preprocessing), preprocessing), ours)


def test_a_transform_may_stand_wherever_a_preprocessing_may(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    transform = v1.Compose([v1.Resize(36), v1.CenterCrop(32), v1.ToTensor(), v1.Normalize(HALF, HALF)])
    wanted = Preprocessing(36, 32, HALF, HALF)
    given = open_model(net, root=tmp_path, preprocessing=transform)
    assert given.preprocessing == wanted
    assert given.fingerprint == open_model(net, root=tmp_path, preprocessing=wanted).fingerprint
    assert open_model(BuiltModel(net, transform), root=tmp_path).preprocessing == wanted
    audit = Audit({"a": net, "b": net}, data="folder:x", preprocessing={"a": transform, "b": wanted})
    assert audit.option_of("preprocessing", "a") is transform
    with pytest.raises(ModelError, match=r"Sequential: preprocessing: .*random steps"):
        open_model(net, root=tmp_path, preprocessing=v1.Compose([v1.RandomCrop(32), v1.ToTensor()]))

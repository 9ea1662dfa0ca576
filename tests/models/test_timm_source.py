from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from modelaudit.data.base import Decoded
from modelaudit.data.geometry import apply_geometry
from modelaudit.language.errors import ModelError
from modelaudit.language.sample import Preprocessing
from modelaudit.models import open_model, spatial_layer
from modelaudit.models.timm_source import preprocessing_of

timm = pytest.importorskip("timm", reason="the optional extra 'timm' is not installed")
SMALL = Preprocessing(resize=32, crop=32)
NAME = "mobilenetv3_small_050"


def settings(**changes: Any) -> dict[str, Any]:
    base = {"input_size": (3, 48, 48), "interpolation": "bicubic", "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
    return {**base, "crop_pct": 0.9, "crop_mode": "center", **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"crop_pct": 0.875, "interpolation": "bilinear"},
        {"crop_pct": 1.0},
        {"crop_mode": "squash"},
        {"crop_mode": "squash", "crop_pct": 1.0, "input_size": (3, 40, 56)},
        {"crop_mode": None, "interpolation": "nearest"},
    ],
)
@pytest.mark.parametrize("picture", [(70, 90), (64, 41)])
def test_an_image_is_prepared_as_timm_prepares_it(changes: dict[str, Any], picture: tuple[int, int]) -> None:
    values = settings(**changes)
    image = np.random.default_rng(0).integers(0, 256, (*picture, 3), dtype=np.uint8)
    wanted = timm.data.create_transform(**{**values, "input_size": values["input_size"]})(Image.fromarray(image))
    found = preprocessing_of(values)
    assert isinstance(found, Preprocessing)
    pixels, _ = apply_geometry(Decoded(image=image, mask=None, digest=""), found)
    mean, std = (torch.tensor(part).view(3, 1, 1) for part in (found.mean, found.std))
    torch.testing.assert_close((pixels - mean) / std, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"crop_mode": "border"}, "'border'"),
        ({"input_size": (1, 48, 48)}, "1 channels"),
        ({"interpolation": "random"}, "'random'"),
        ({"input_size": (3, 48, 64)}, "proportion"),
    ],
)
def test_what_a_resize_and_a_crop_cannot_do_is_said(changes: dict[str, Any], said: str) -> None:
    found = preprocessing_of(settings(**changes))
    assert isinstance(found, str) and said in found


def test_an_untrained_model_is_the_same_every_time(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    first = open_model(f"timm:{NAME}@untrained?outputs=4", root=tmp_path)
    assert torch.equal(before, torch.get_rng_state())
    second = open_model(f"timm:{NAME}@untrained?outputs=4", root=tmp_path)
    assert first.fingerprint == second.fingerprint and first.outputs == 4 and first.classes is None
    assert first.preprocessing == Preprocessing(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bicubic")
    assert first.differentiable and any("untrained" in note for note in first.notes)
    assert spatial_layer(first, (64, 64)).layout == "NCHW"


@pytest.mark.parametrize(("name", "outputs"), [(NAME, 3), (NAME, 1000), ("deit_tiny_distilled_patch16_224", 3)])
def test_a_checkpoint_with_any_number_of_outputs_is_loaded(tmp_path: Path, name: str, outputs: int) -> None:
    torch.manual_seed(5)
    module = timm.create_model(name, num_classes=outputs)
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in module.state_dict().items()}}, tmp_path / "m.pt"
    )
    loaded = open_model(f"timm:{name}?checkpoint=m.pt", root=tmp_path)
    pixels = torch.rand(1, 3, 224, 224)
    mean, std = loaded.pixel_model.mean, loaded.pixel_model.std
    with torch.no_grad():
        assert torch.equal(loaded.pixel_model.eval()(pixels), module.eval()((pixels - mean) / std))
    assert loaded.outputs == outputs and (loaded.classes is None) == (outputs != 1000)
    assert any(note.startswith("preprocessing: assumed") for note in loaded.notes)


def test_a_model_of_grey_images_asks_for_mean_and_std(tmp_path: Path) -> None:
    module = timm.create_model(NAME, num_classes=3, in_chans=1)
    torch.save(module.state_dict(), tmp_path / "m.pt")
    grey = Preprocessing(crop=64, channels=1, mean=0.5, std=0.25)
    for reference in (f"timm:{NAME}?checkpoint=m.pt", f"timm:{NAME}@untrained?outputs=3&in_chans=1"):
        with pytest.raises(ModelError, match=r"it takes one channel, .* so it has channels=1; give Audit"):
            open_model(reference, root=tmp_path)
        loaded = open_model(reference, root=tmp_path, preprocessing=grey)
        assert loaded.outputs == 3 and not any(note.startswith("preprocessing") for note in loaded.notes)
    image = torch.full((1, 3, 64, 64), 0.4)
    loaded = open_model(f"timm:{NAME}?checkpoint=m.pt", root=tmp_path, preprocessing=grey)
    with torch.no_grad():
        expected = module.eval()((torch.full((1, 1, 64, 64), 0.4) - 0.5) / 0.25)
        torch.testing.assert_close(loaded.pixel_model.eval()(image), expected)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("timm:resnet51.a1_in1k", "did you mean 'resnet"),
        ("timm:resnet50", "names no weights; write timm:resnet50.<tag> with one of .*a1_in1k"),
        ("timm:resnet50.a1_in1l", "did you mean 'a1_in1k'"),
        ("timm:resnet50.a1_in1k?checkpoint=x.pt", "keep one"),
        ("timm:resnet50@untrained?output=3", "did you mean 'outputs'"),
        ("timm:resnet50@untrained?outputs=one", "must be an integer"),
        ("timm:resnet50@1", "no weights '1'"),
    ],
)
def test_a_wrong_reference_says_what_to_write(tmp_path: Path, reference: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_model(reference, root=tmp_path)


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    torch.save(timm.create_model("mobilenetv3_small_075").state_dict(), tmp_path / "m.pt")
    with pytest.raises(ModelError, match="does not fit mobilenetv3_small_050: other shape"):
        open_model(f"timm:{NAME}?checkpoint=m.pt", root=tmp_path)


def test_weights_that_cannot_be_fetched_name_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(timm.models._builder, "load_pretrained", offline)
    with pytest.raises(ModelError, match=r"could not be fetched .* no route to host.*timm:resnet18\?checkpoint="):
        open_model("timm:resnet18.a1_in1k", root=tmp_path)


def test_without_timm_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModelError, match=r"pip install 'pytest-modelaudit\[timm\]'"):
        open_model(f"timm:{NAME}@untrained", root=tmp_path)

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from modelaudit.data.base import Decoded
from modelaudit.data.geometry import apply_geometry
from modelaudit.language.errors import ModelError
from modelaudit.language.sample import Preprocessing
from modelaudit.models import open_model, spatial_layer
from modelaudit.models.hugging_face_source import preprocessing_of

hf = pytest.importorskip("transformers", reason="the optional extra 'hf' is not installed")
NAMES = {0: "good", 1: "scratched", 2: "dented"}


def vit(**changes: Any) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"image_size": 32, "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    return hf.ViTForImageClassification(
        hf.ViTConfig(**{**sizes, "intermediate_size": 32, "id2label": NAMES, **changes})
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hf")
    vit().save_pretrained(root / "vit")
    hf.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(root / "vit")
    return root


def test_a_folder_brings_weights_classes_and_preprocessing(folder: Path) -> None:
    loaded = open_model("hf:vit", root=folder)
    assert loaded.classes == ("good", "scratched", "dented") and loaded.outputs == 3 and loaded.differentiable
    assert loaded.preprocessing == Preprocessing((32, 32), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    pixels = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(loaded.pixel_model.eval()(pixels), vit().eval()((pixels - 0.5) / 0.5).logits)


def test_its_spatial_layer_is_found(folder: Path) -> None:
    loaded = open_model("hf:vit", root=folder)
    found = spatial_layer(loaded, (32, 32))
    assert (found.channels, found.height, found.width, found.layout, found.prefix) == (16, 4, 4, "tokens", 1)
    assert found.name.endswith(".1") and found.side == "input"


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("ViTImageProcessor", {"height": 40, "width": 40}),
        ("DeiTImageProcessor", {"height": 64, "width": 64}),
        ("BitImageProcessor", {"shortest_edge": 64}),
        ("ConvNextImageProcessor", {"shortest_edge": 56}),
        ("ConvNextImageProcessor", {"shortest_edge": 384}),
        ("LevitImageProcessor", {"shortest_edge": 56}),
        ("PoolFormerImageProcessor", {"shortest_edge": 56}),
    ],
)
def test_what_a_processor_does_is_what_the_audit_does(kind: str, size: dict[str, int]) -> None:
    processor = getattr(hf, kind)(size=size, crop_size={"height": 48, "width": 48})
    found = preprocessing_of(processor)
    assert found is not None
    image = np.uint8(np.random.default_rng(0).random((12, 16, 3)) * 255).repeat(8, 0).repeat(8, 1)
    wanted = processor(images=Image.fromarray(image), return_tensors="pt")["pixel_values"][0]
    pixels, _ = apply_geometry(Decoded(image=image, mask=None, digest=""), found)
    mean, std = (torch.tensor(part).view(3, 1, 1) for part in (found.mean, found.std))
    difference = ((pixels - (wanted * std + mean)) * 255).abs().amax(0)
    assert float(difference.max()) < 3


@pytest.mark.parametrize("change", [{"resample": 3}, {"size": {"height": 36, "width": 32}}, {"image_mean": [0.4] * 3}])
def test_the_settings_that_are_written_are_the_ones_that_are_used(change: dict[str, Any]) -> None:
    plain = preprocessing_of(hf.ViTImageProcessor(size={"height": 32, "width": 32}))
    other = preprocessing_of(hf.ViTImageProcessor(**{"size": {"height": 32, "width": 32}, **change}))
    assert plain is not None and other is not None and plain != other


def test_a_processor_that_does_more_asks_for_preprocessing(folder: Path, tmp_path: Path) -> None:
    vit().save_pretrained(tmp_path / "vit")
    hf.MobileViTImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(
        tmp_path / "vit"
    )
    with pytest.raises(ModelError, match=r"its MobileViTImageProcessor does what .* Audit\(preprocessing="):
        open_model("hf:vit", root=tmp_path)
    given = open_model("hf:vit", root=tmp_path, preprocessing=Preprocessing((32, 32)))
    assert given.outputs == 3 and not any("MobileViT" in note for note in given.notes)


def test_a_folder_without_a_processor_asks_for_preprocessing(tmp_path: Path) -> None:
    vit(id2label={0: "LABEL_0", 1: "LABEL_1"}).save_pretrained(tmp_path / "vit")
    with pytest.raises(ModelError, match=r"no image processor; give Audit\(preprocessing="):
        open_model("hf:vit", root=tmp_path)
    loaded = open_model("hf:vit", root=tmp_path, preprocessing=Preprocessing((32, 32)))
    assert loaded.classes is None and loaded.outputs == 2


def test_weights_that_do_not_fill_the_model_are_refused(tmp_path: Path) -> None:
    """from_pretrained would draw the head at random, and say so in a warning only."""
    hf.ViTModel(vit().config).save_pretrained(tmp_path / "vit")
    with pytest.raises(ModelError, match=r"classifier\..* would be random"):
        open_model("hf:vit", root=tmp_path, preprocessing=Preprocessing((32, 32)))


def test_pickled_weights_are_never_read(tmp_path: Path) -> None:
    model = vit()
    model.config.save_pretrained(tmp_path / "vit")
    torch.save(model.state_dict(), tmp_path / "vit" / "pytorch_model.bin")
    with pytest.raises(ModelError, match="from safetensors"):
        open_model("hf:vit", root=tmp_path)


def test_code_of_the_folder_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    ran = tmp_path / "ran"
    (tmp_path / "own" / "code.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    config = {
        "model_type": "own",
        "auto_map": {"AutoConfig": "code.Config", "AutoModelForImageClassification": "code.M"},
    }
    (tmp_path / "own" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="cannot be loaded"):
        open_model("hf:own", root=tmp_path)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("hf:models/line/a", "no folder"),
        ("hf:./vit", "no folder"),
        ("hf:vit?checkpoint=x", "unknown option 'checkpoint'"),
    ],
)
def test_a_wrong_reference_says_what_to_write(tmp_path: Path, reference: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_model(reference, root=tmp_path)


def test_a_name_that_the_hub_does_not_give_says_what_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="write hf:<folder> with what model"):
        open_model("hf:nobody/nothing", root=tmp_path)


def test_without_transformers_the_error_names_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelError, match=r"pip install 'pytest-modelaudit\[hf\]'"):
        open_model("hf:vit", root=folder)


@pytest.mark.parametrize("name", ["../other/model.safetensors", "/other/model.safetensors", "..\\other.safetensors"])
def test_an_index_that_names_weights_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "vit").mkdir()
    index = tmp_path / "vit" / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {"a": "model-1.safetensors", "b": name}}))
    with pytest.raises(ModelError, match=r"index\.json: its weights are outside its folder"):
        open_model("hf:vit", root=tmp_path)

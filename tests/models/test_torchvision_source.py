from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from modelaudit.language.errors import ModelError
from modelaudit.language.sample import Preprocessing
from modelaudit.models import frozen_on, open_model
from modelaudit.models.torchvision_source import preprocessing_of

ASSETS = Path(os.environ.get("MODELAUDIT_ASSETS", Path(__file__).resolve().parents[2].parent / "shared" / "assets"))
SQUEEZENET = ASSETS / "models" / "squeezenet1_0-imagenet1k.safetensors"
needs_assets = pytest.mark.skipif(not SQUEEZENET.is_file(), reason=f"{SQUEEZENET} is not there")


def state_of(name: str, outputs: int = 1000, **options: object) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return torchvision.models.get_model(name, weights=None, num_classes=outputs, **options).state_dict()


def same(module: torch.nn.Module, state: dict[str, Tensor]) -> bool:
    own = module.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[name], value) for name, value in state.items())


def test_weights_of_a_tag_bring_preprocessing_and_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    state = state_of("squeezenet1_1")
    torch.save(state, folder / weights.url.rpartition("/")[2])
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    loaded = open_model("torchvision:squeezenet1_1@IMAGENET1K_V1", root=tmp_path)
    assert same(loaded.module, state)
    assert loaded.preprocessing == Preprocessing(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert loaded.classes == tuple(weights.meta["categories"]) and loaded.outputs == 1000
    assert loaded.notes == () and loaded.ref == "torchvision:squeezenet1_1@IMAGENET1K_V1"
    assert open_model("torchvision:squeezenet1_1@DEFAULT", root=tmp_path).notes == (
        "weights: DEFAULT is IMAGENET1K_V1",
    )
    (folder / weights.url.rpartition("/")[2]).write_bytes(b"half a download")
    with pytest.raises(ModelError, match="could not be fetched or read"):
        open_model("torchvision:squeezenet1_1@IMAGENET1K_V1", root=tmp_path)


@pytest.mark.parametrize("name", ["resnet50", "efficientnet_b3", "vit_l_16", "swin_v2_b", "regnet_y_128gf"])
def test_preprocessing_is_torchvisions_own(name: str) -> None:
    """Geometry and photometry done by hand from our fields give the preset's tensor."""
    pixels = torch.randint(0, 256, (300, 420, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    image = Image.fromarray(pixels.numpy())
    modes = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    for weights in torchvision.models.get_model_weights(name):
        ours = preprocessing_of(weights)
        assert isinstance(ours.resize, int) and isinstance(ours.crop, int) and ours.antialias
        resized = image.resize((int(ours.resize * 420 / 300), ours.resize), modes[ours.interpolation])
        left, top = round((resized.width - ours.crop) / 2), round((resized.height - ours.crop) / 2)
        crop = resized.crop((left, top, left + ours.crop, top + ours.crop))
        values = torchvision.transforms.functional.pil_to_tensor(crop).float() / 255
        normal = (values - torch.tensor(ours.mean)[:, None, None]) / torch.tensor(ours.std)[:, None, None]
        torch.testing.assert_close(normal, weights.transforms()(image))


def test_every_classifier_of_torchvision_has_readable_preprocessing() -> None:
    for name in torchvision.models.list_models(module=torchvision.models):
        for weights in torchvision.models.get_model_weights(name):
            assert preprocessing_of(weights).crop == weights.transforms().crop_size[0]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("torchvision:resnet51@IMAGENET1K_V1", "did you mean .*'resnet50'"),
        ("torchvision:fasterrcnn_resnet50_fpn@DEFAULT", "no classifier"),
        ("torchvision:resnet50", r"names no weights; .*IMAGENET1K_V1, IMAGENET1K_V2.*\?checkpoint=.*@untrained"),
        ("torchvision:resnet50@IMAGENET1K_V3", r"no weights 'IMAGENET1K_V3'.*IMAGENET1K_V1, IMAGENET1K_V2"),
        ("torchvision:resnet50@IMAGENET1K_V1?checkpoint=a.pt", "keep one"),
        ("torchvision:resnet50?chekpoint=a.pt", "did you mean 'checkpoint'"),
        ("torchvision:resnet50@untrained?outputs=one", "must be an integer"),
        ("torchvision:resnet50?checkpoint=none.pt", "no such checkpoint file"),
        ("torchvision:googlenet?checkpoint=g.pt", "transform_input=true"),
    ],
)
def test_a_wrong_reference_names_the_way_out(tmp_path: Path, reference: str, message: str) -> None:
    torch.save(state_of("squeezenet1_1"), tmp_path / "g.pt")
    with pytest.raises(ModelError, match=message):
        open_model(reference, root=tmp_path)


def test_an_untrained_control_is_the_same_every_time_and_leaves_the_generator_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = open_model("torchvision:squeezenet1_1@untrained?outputs=4", root=tmp_path)
    assert torch.equal(torch.rand(3), expected)
    second = open_model("torchvision:squeezenet1_1@untrained?outputs=4", root=tmp_path)
    assert first.fingerprint == second.fingerprint and first.probe_digest == second.probe_digest
    assert first.outputs == 4 and first.classes is None
    assert "weights: none, untrained on purpose" in first.notes


@pytest.mark.parametrize("wrap", ["plain", "nested", "parallel", "lightning", "compiled", "inner"])
def test_checkpoints_load_as_training_scripts_leave_them(tmp_path: Path, wrap: str) -> None:
    state = state_of("squeezenet1_1", 5)
    saved: dict[str, object] = {
        "plain": state,
        "nested": {"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}},
        "parallel": {"model": {f"module.{name}": value for name, value in state.items()}},
        "lightning": {"state_dict": {f"net.backbone.{name}": value for name, value in state.items()}},
        "compiled": {f"_orig_mod.module.{name}": value for name, value in state.items()},
        "inner": {name.replace("features.", "features.module."): value for name, value in state.items()},
    }[wrap]  # type: ignore[assignment]
    torch.save(saved, tmp_path / "net.pt")
    loaded = open_model("torchvision:squeezenet1_1?checkpoint=net.pt", root=tmp_path)
    assert same(loaded.module, state) and loaded.outputs == 5 and loaded.classes is None
    assert any(note.startswith("preprocessing: assumed") for note in loaded.notes)
    assert any(note.startswith("classes: names of the 5 outputs are unknown") for note in loaded.notes)


def test_a_safetensors_checkpoint_of_1000_outputs_has_the_usual_classes(tmp_path: Path) -> None:
    state = state_of("squeezenet1_1")
    save_file(state, tmp_path / "net.safetensors")
    reference = "torchvision:squeezenet1_1?checkpoint=net.safetensors"
    loaded = open_model(reference, root=tmp_path)
    assert same(loaded.module, state) and loaded.classes is not None and loaded.classes[207] == "golden retriever"
    assert any(note.startswith("classes: assumed") for note in loaded.notes)
    given = open_model(reference, root=tmp_path, preprocessing=Preprocessing(resize=64, crop=64))
    assert given.preprocessing.crop == 64 and not any("preprocessing" in note for note in given.notes)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet0_5", "regnet_y_400mf"])
def test_the_head_is_resized_for_every_kind_of_architecture(tmp_path: Path, name: str) -> None:
    state = state_of(name, 3)
    torch.save(state, tmp_path / "net.pth")
    loaded = open_model(f"torchvision:{name}?checkpoint=net.pth", root=tmp_path)
    assert loaded.outputs == 3 and same(loaded.module, state)


def test_the_old_names_of_torchvisions_densenet_files_load(tmp_path: Path) -> None:
    state = state_of("densenet121")
    old = {}
    for name, value in state.items():
        for part in ("norm1", "norm2", "conv1", "conv2"):
            name = name.replace(f".{part}.", f".{part[:4]}.{part[4]}.") if "denselayer" in name else name
        if not name.endswith("num_batches_tracked"):
            old[name] = value
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "net.pth")
    assert same(open_model("torchvision:densenet121?checkpoint=net.pth", root=tmp_path).module, state)


def test_googlenet_s_normalisation_is_said_and_its_auxiliary_heads_are_optional(tmp_path: Path) -> None:
    state = state_of("googlenet", 4, aux_logits=False, init_weights=False)
    torch.save(state, tmp_path / "net.pt")
    models = {
        said: open_model(f"torchvision:googlenet?checkpoint=net.pt&transform_input={said}", root=tmp_path)
        for said in ("true", "false")
    }
    assert models["true"].outputs == 4 and models["true"].module.transform_input is True
    assert models["true"].probe_digest != models["false"].probe_digest
    assert models["true"].fingerprint != models["false"].fingerprint  # though neither weights nor repr tell


def test_a_checkpoint_of_another_architecture_says_which_keys_differ(tmp_path: Path) -> None:
    state = state_of("squeezenet1_1")
    renamed = {name.replace("features.0.", "stem."): value for name, value in state.items()}
    torch.save(renamed, tmp_path / "renamed.pt")
    with pytest.raises(
        ModelError, match=r"missing: features\.0\.weight, features\.0\.bias; unexpected: stem\.weight, stem\.bias"
    ):
        open_model("torchvision:squeezenet1_1?checkpoint=renamed.pt", root=tmp_path)
    torch.save({**state, "features.0.weight": torch.zeros(64, 3, 5, 5)}, tmp_path / "wide.pt")
    with pytest.raises(ModelError, match=r"features\.0\.weight is \[64, 3, 5, 5\], the model has \[64, 3, 3, 3\]"):
        open_model("torchvision:squeezenet1_1?checkpoint=wide.pt", root=tmp_path)
    with pytest.raises(ModelError, match=r"missing: .* and \d+ more"):
        open_model("torchvision:resnet18?checkpoint=renamed.pt", root=tmp_path)


def test_a_checkpoint_of_grey_images_brings_its_channel_and_asks_for_mean_and_std(tmp_path: Path) -> None:
    state = {**state_of("squeezenet1_1", 3), "features.0.weight": torch.rand(64, 1, 3, 3)}
    torch.save({"state_dict": {f"model.{name}": value for name, value in state.items()}}, tmp_path / "grey.ckpt")
    reference = "torchvision:squeezenet1_1?checkpoint=grey.ckpt"
    with pytest.raises(ModelError, match=r"one channel, and the usual mean and std are of three, so it has channels=1"):
        open_model(reference, root=tmp_path)
    loaded = open_model(reference, root=tmp_path, preprocessing=Preprocessing(crop=64, channels=1, mean=0.5, std=0.25))
    assert loaded.outputs == 3 and same(loaded.module, state)


def test_which_of_several_sets_of_weights_is_asked_and_noted(tmp_path: Path) -> None:
    state = state_of("squeezenet1_1", 3)
    average = {name: torch.zeros_like(value) for name, value in state.items()}
    torch.save({"state_dict": state, "state_dict_ema": average, "args": Evil}, tmp_path / "net.pt")
    reference = "torchvision:squeezenet1_1?checkpoint=net.pt"
    with pytest.raises(ModelError, match=r"holds 2 sets .* add &key=state_dict or key=state_dict_ema"):
        open_model(reference, root=tmp_path)
    for key, wanted in (("state_dict", state), ("state_dict_ema", average)):
        loaded = open_model(f"{reference}&key={key}", root=tmp_path)
        assert same(loaded.module, wanted)
        assert f"checkpoint: the weights under '{key}'" in loaded.notes


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, ("ran",))


def test_a_checkpoint_never_runs_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Evil()}, tmp_path / "net.pt")
    with pytest.raises(
        ModelError, match=r"plain weights.*mkdir.*save it with torch\.save\(model\.state_dict\(\), path\)"
    ):
        open_model("torchvision:squeezenet1_1?checkpoint=net.pt", root=tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("net.pt", b"", "plain weights"),
        ("net.pt", b"junk" * 100, "plain weights"),
        ("net.safetensors", b"junk" * 100, "plain weights"),
        ("net.onnx", b"junk", "ends in .safetensors"),
        ("net.pt", [1, 2], "holds list"),
        ("net.pt", {"epoch": 1, "weights": {}}, "it holds 'epoch', 'weights'"),
        ("net.pt", {}, "it holds nothing"),
    ],
)
def test_an_invalid_checkpoint_is_refused(tmp_path: Path, file: str, content: object, message: str) -> None:
    if isinstance(content, bytes):
        (tmp_path / file).write_bytes(content)
    else:
        torch.save(content, tmp_path / file)
    with pytest.raises(ModelError, match=message):
        open_model(f"torchvision:squeezenet1_1?checkpoint={file}", root=tmp_path)


@needs_assets
@pytest.mark.assets
def test_a_real_model_recognises_real_photos(tmp_path: Path) -> None:
    loaded = open_model(f"torchvision:squeezenet1_0?checkpoint={SQUEEZENET}", root=tmp_path)
    files = sorted((ASSETS / "pets" / "images").glob("258_samoyed/*.jpg"))
    photos = [
        torchvision.transforms.functional.pil_to_tensor(Image.open(file).convert("RGB").resize((224, 224)))
        for file in files
    ]
    with frozen_on(loaded, "cpu") as model, torch.no_grad():
        predicted = model(torch.stack(photos) / 255).argmax(1).tolist()
    assert predicted.count(loaded.index_of("Samoyed")) >= 3

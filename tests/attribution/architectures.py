"""Small networks of every family, every attribution method on each of them, and the table of both.

``PYTHONPATH=. python tests/attribution/architectures.py`` writes the table in docs/methods.md anew.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, Maps, check
from modelaudit.attribution.passes import name_of
from modelaudit.language import registry
from modelaudit.language.errors import AttributionError
from modelaudit.language.reasons import Missing
from modelaudit.language.sample import BuiltModel, Preprocessing
from modelaudit.language.spatial import SpatialLayer
from modelaudit.language.spec import Method
from modelaudit.models import frozen_on, module_named, open_model, prepare_model, spatial_layer

CLASSES = 3
DOCUMENT = Path(__file__).parents[2] / "docs" / "methods.md"
BEGIN = "<!-- written by tests/attribution/architectures.py -->"
ARCHIVES = "Archives and functions"
#: a family's architectures, an architecture's methods, and why a method is refused; empty where it is valid
Table = Mapping[str, Mapping[str, Mapping[str, str]]]
NORMAL = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
#: what makes a method cheap enough for a thousand cells; a field of another name keeps its default
CHEAP: Mapping[str, Any] = {"samples": 2, "masks": 4, "segments": 4, "window": 0.5, "stride": 0.5, "channels": 16}
_LEAST: Mapping[str, Mapping[str, Any]] = {"kernel_shap": {"samples": 14}}
_zoo: Any = torchvision.models


@dataclass(frozen=True)
class Architecture:
    """A family, one small network of it, and the side of the images it gets.

    Args:
        build: a module, or a reference with the folder in which its file was written.
    """

    name: str
    build: Callable[[], nn.Module | BuiltModel]
    side: int = 64
    allow_code: bool = False


@dataclass(frozen=True)
class Cell:
    """What one method did on one architecture: it gave valid maps, or refused with a reason, or neither."""

    refused: str = ""
    wrong: str = ""
    seconds: float = 0.0


def awake(module: nn.Module) -> nn.Module:
    """Weights that start at zero, or at next to nothing (heads, LayerScale), drawn at random: maps would be trivial."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in module.named_parameters():
            scale = name.rpartition(".")[2] in ("gamma", "layer_scale", "lambda1", "lambda_1", "lambda_2")
            if not value.any() or (scale and float(value.abs().max()) < 0.05):
                size = 0.1 if value.ndim > 1 or scale else 0.01
                value.copy_(torch.randn(value.shape, generator=generator) * size)
    return module.eval()


def seeded(build: Callable[..., nn.Module], *arguments: Any, seed: int = 0, **options: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(seed)
        return awake(build(*arguments, **options))


def normalised(module: nn.Module, side: int) -> nn.Module:
    """With batch norms as after training: they know their values, and most ReLUs behind them let an image through.

    Through many of those at their start the image is lost in rounding noise, or every step on the way to it is another
    linear function, and no method is complete.
    """
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for part in norms:
            part.weight.copy_(0.3 + 0.3 * torch.rand(part.weight.shape, generator=generator))
            part.bias.copy_(0.8 + 0.4 * torch.rand(part.bias.shape, generator=generator))
            part.momentum = None  # the mean of what it sees
            part.train()
        if norms:
            module(torch.rand(8, 3, side, side, generator=generator) * 4 - 2)
    return module.eval()


def vgg(num_classes: int, batch_norm: bool) -> nn.Module:
    """Its own layers, a few, under a head that is not 100 million weights large."""
    with torch.device("meta"):
        model: nn.Module = _zoo.VGG(nn.Identity(), num_classes=num_classes, init_weights=False)
    model.features = _zoo.vgg.make_layers([8, "M", 16, "M", 16, 16, "M"], batch_norm)
    return _headed(model, 16, num_classes)


def alexnet(num_classes: int) -> nn.Module:
    with torch.device("meta"):
        model: nn.Module = _zoo.alexnet(num_classes=num_classes)
    for name, part in model.features.named_children():
        if isinstance(part, nn.Conv2d):
            into, out = (3 if name == "0" else part.in_channels // 8), part.out_channels // 8
            model.features[int(name)] = nn.Conv2d(into, out, part.kernel_size, part.stride, part.padding)
    model.features[-1] = nn.MaxPool2d(2, 1)  # of images of 64 pixels its own leaves one cell
    return _headed(model, 32, num_classes)


def _headed(model: nn.Module, channels: int, num_classes: int) -> nn.Module:
    model.avgpool = nn.AdaptiveAvgPool2d(2)
    layers = nn.Linear(4 * channels, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, num_classes)
    model.classifier = nn.Sequential(*layers)
    return model


def _torchvision() -> list[Architecture]:
    resnet, efficient = _zoo.resnet, _zoo.efficientnet
    inverted = [[1, 16, 1, 1], [6, 24, 1, 2], [6, 32, 2, 2]]
    blocks = [efficient.MBConvConfig(1, 3, 1, 16, 16, 1), efficient.MBConvConfig(4, 3, 2, 16, 24, 2)]
    small = _zoo.mobilenetv3.InvertedResidualConfig
    v3 = [small(16, 3, 32, 24, True, "RE", 2, 1, 1.0), small(24, 5, 64, 32, True, "HS", 2, 1, 1.0)]
    convnext = _zoo.convnext
    stages = [convnext.CNBlockConfig(16, 32, 1), convnext.CNBlockConfig(32, None, 2)]
    regnet = _zoo.regnet
    swin = _zoo.swin_transformer
    two = swin.SwinTransformerBlockV2, swin.PatchMergingV2
    windows = {"patch_size": [4, 4], "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 2], "window_size": [4, 4]}
    vit = {"image_size": 32, "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32}
    named: dict[str, tuple[Callable[..., nn.Module], dict[str, Any], int]] = {
        "AlexNet": (alexnet, {}, 64),
        "VGG": (vgg, {"batch_norm": False}, 32),
        "VGG, batch norm": (vgg, {"batch_norm": True}, 32),
        "ResNet": (_zoo.ResNet, {"block": resnet.BasicBlock, "layers": [1, 1, 1, 1]}, 64),
        "DenseNet": (_zoo.DenseNet, {"growth_rate": 8, "block_config": (2, 2), "num_init_features": 16}, 32),
        "SqueezeNet": (_zoo.squeezenet1_1, {}, 64),
        "GoogLeNet": (_zoo.googlenet, {"init_weights": False, "aux_logits": False}, 64),
        "Inception v3": (_zoo.inception_v3, {"init_weights": False, "aux_logits": False}, 80),
        "MobileNet v2": (_zoo.mobilenet_v2, {"width_mult": 0.5, "inverted_residual_setting": inverted}, 32),
        "MobileNet v3": (_zoo.MobileNetV3, {"inverted_residual_setting": v3, "last_channel": 32}, 32),
        "EfficientNet": (_zoo.EfficientNet, {"inverted_residual_setting": blocks, "dropout": 0.1}, 32),
        "MNASNet": (_zoo.MNASNet, {"alpha": 0.25}, 64),
        "ShuffleNet v2": (_zoo.shufflenet_v2_x0_5, {}, 64),
        "RegNet": (
            _zoo.RegNet,
            {"block_params": regnet.BlockParams([1, 1], [16, 32], [8, 8], [1.0, 1.0], [2, 2], 0.25)},
            32,
        ),
        "ConvNeXt": (_zoo.ConvNeXt, {"block_setting": stages}, 32),
        "ViT": (_zoo.VisionTransformer, vit, 32),
        "Swin": (_zoo.SwinTransformer, windows, 64),
        "Swin v2": (_zoo.SwinTransformer, {**windows, "block": two[0], "downsample_layer": two[1]}, 64),
        "MaxViT": (
            _zoo.MaxVit,
            {
                "input_size": (64, 64),
                "stem_channels": 16,
                "partition_size": 4,
                "block_channels": [16, 16],
                "block_layers": [1, 1],
                "head_dim": 8,
                "stochastic_depth_prob": 0.0,
            },
            64,
        ),
    }
    return [
        Architecture(f"torchvision {name}", partial(seeded, build, num_classes=CLASSES, **options), side)
        for name, (build, options, side) in named.items()
    ]


def _timm() -> list[Architecture]:
    import timm
    from timm.models.metaformer import MetaFormer
    from timm.models.mlp_mixer import MlpMixer

    vit = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}
    swin = {"img_size": 64, "window_size": 4, "embed_dim": 16, "depths": (2, 2), "num_heads": (2, 2)}
    resnet = {"layers": [1, 1, 1, 1], "channels": [8, 16, 32, 64]}
    mixer = {"img_size": 32, "patch_size": 8, "num_blocks": 2, "embed_dim": 16}
    named: dict[str, tuple[str | Callable[..., nn.Module], dict[str, Any], int]] = {
        "ResNet": ("resnet18", resnet, 64),
        "ResNet, squeeze and excite": ("resnet18", {**resnet, "block_args": {"attn_layer": "se"}}, 64),
        "MobileNet v3": ("mobilenetv3_small_050", {}, 64),
        "EfficientNet": ("test_efficientnet", {}, 64),
        "ConvNeXt": ("test_convnext", {}, 64),
        "ViT": ("vit_tiny_patch16_224", vit, 32),
        "ViT, mean of tokens": ("vit_tiny_patch16_224", {**vit, "global_pool": "avg"}, 32),
        "ViT, registers (DINOv2)": ("vit_small_patch14_reg4_dinov2", vit, 32),
        "DeiT, distilled": ("deit_tiny_distilled_patch16_224", vit, 32),
        "EVA-02": ("eva02_tiny_patch14_224", {**vit, "embed_dim": 24, "num_heads": 2}, 32),
        "BEiT": ("beit_base_patch16_224", vit, 32),
        "CaiT": ("cait_xxs24_224", vit, 32),
        "Swin": ("swin_tiny_patch4_window7_224", swin, 64),
        "Swin v2": ("swinv2_tiny_window8_256", swin, 64),
        "MLP-Mixer": (MlpMixer, mixer, 32),
        "PVT v2": ("pvt_v2_b0", {"embed_dims": (8, 16, 32, 64), "depths": (1,) * 4, "num_heads": (1, 2, 4, 8)}, 64),
        "PoolFormer": (MetaFormer, {"dims": (8, 16, 32, 64), "depths": (1, 1, 1, 1)}, 64),
    }
    return [
        Architecture(
            f"timm {name}",
            partial(seeded, *((timm.create_model, source) if isinstance(source, str) else (source,)), **options),
            side,
        )
        for name, (source, given, side) in named.items()
        for options in ({**given, "num_classes": CLASSES},)
    ]


def _hugging_face() -> list[Architecture]:
    import transformers as hf

    vit = {"image_size": 32, "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    vit = {**vit, "intermediate_size": 32}
    swin = {"image_size": 64, "patch_size": 4, "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 2], "window_size": 4}
    stages = {"hidden_sizes": [16, 32], "depths": [1, 1]}
    named: dict[str, tuple[Any, Any, int]] = {
        "ViT": (hf.ViTForImageClassification, hf.ViTConfig(**vit, num_labels=CLASSES), 32),
        "DeiT": (hf.DeiTForImageClassification, hf.DeiTConfig(**vit, num_labels=CLASSES), 32),
        "Swin": (hf.SwinForImageClassification, hf.SwinConfig(**swin, num_labels=CLASSES), 64),
        "ResNet": (
            hf.ResNetForImageClassification,
            hf.ResNetConfig(embedding_size=16, **stages, layer_type="basic", num_labels=CLASSES),
            64,
        ),
        "ConvNeXt": (
            hf.ConvNextForImageClassification,
            hf.ConvNextConfig(num_stages=2, **stages, num_labels=CLASSES),
            32,
        ),
    }
    return [
        Architecture(f"Hugging Face {name}", partial(seeded, kind, config), side)
        for name, (kind, config, side) in named.items()
    ]


def _archives() -> list[Architecture]:
    return [
        Architecture("TorchScript", partial(_archived, "torchscript"), 32),
        Architecture("torch.export", partial(_archived, "export"), 32),
        Architecture("ONNX", partial(_archived, "onnx"), 32),
        Architecture("a function", _function, 32),
    ]


def plain_network() -> nn.Module:
    return normalised(seeded(vgg, CLASSES, batch_norm=True), 32)


def _archived(scheme: str) -> BuiltModel:
    from modelaudit.language.reference import parse_reference

    module, image = plain_network(), torch.rand(1, 3, 32, 32)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / ("net.pt2" if scheme == "export" else "net")
        if scheme == "torchscript":
            torch.jit.save(torch.jit.script(module), str(path))
        elif scheme == "export":
            torch.export.save(torch.export.export(module, (image,)), path)
        else:
            torch.onnx.export(module, (image,), path, dynamo=False)
        built: BuiltModel = registry.find("model", scheme).function(
            parse_reference(f"{scheme}:{path.name}"), Path(folder)
        )
    return built


def _function() -> BuiltModel:
    from modelaudit.models import black_box

    module = plain_network()

    def scores(images: Tensor) -> Tensor:
        with torch.no_grad():
            return module(images)  # type: ignore[no-any-return]

    return black_box(scores, library="torch")


FAMILIES: Mapping[str, Callable[[], list[Architecture]]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "Hugging Face": _hugging_face,
    ARCHIVES: _archives,
}


def methods() -> dict[str, Method]:
    """Every registered method of this package, cheap; captum's classes have a test of their own."""
    found = {}
    for name in registry.names("attribution"):
        if name in ("captum", "given_map"):  # the second is of no model
            continue
        entry = registry.find("attribution", name)
        if entry.spec is not None and entry.spec.__module__.startswith("modelaudit."):
            fields = {field.name for field in dataclasses.fields(entry.spec)}
            cheap = {**CHEAP, **_LEAST.get(name, {})}
            found[name] = entry.spec(**{key: value for key, value in cheap.items() if key in fields})
    return found


def row(architecture: Architecture) -> dict[str, Cell]:
    """What every method does on it, prepared as the engine prepares it."""
    built = architecture.build()
    size = (architecture.side, architecture.side)
    model = built if isinstance(built, BuiltModel) else BuiltModel(normalised(built, architecture.side))
    loaded = open_model(model, root=Path(), preprocessing=dataclasses.replace(NORMAL, resize=size))
    coarse = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(7))
    pixels = nn.functional.interpolate(coarse, size, mode="bilinear")
    with frozen_on(loaded, "cpu"):
        layer: SpatialLayer | AttributionError
        try:
            layer = spatial_layer(loaded.pixel_model, size)
        except AttributionError as error:
            layer = error
        keep = (layer.name,) if isinstance(layer, SpatialLayer) else ()
        prepared = prepare_model(loaded.pixel_model, size, keep=keep).model
        return {name: _cell(method, prepared, pixels, layer) for name, method in methods().items()}


def _cell(method: Method, model: nn.Module, pixels: Tensor, layer: SpatialLayer | AttributionError) -> Cell:
    start = time.perf_counter()
    try:
        wrong = _explained(method, model, pixels, layer)
    except AttributionError as error:
        # the type of the user's module; what is said of TorchScript itself is not of a type
        refused = re.sub(rf"\b{re.escape(name_of(model))}\b(?! archive| merges)", "the model", str(error))
        return Cell(refused=refused, seconds=time.perf_counter() - start)
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
    return Cell(wrong=wrong, seconds=time.perf_counter() - start)


def _explained(method: Method, model: nn.Module, pixels: Tensor, layer: SpatialLayer | AttributionError) -> str:
    """What is wrong with the maps; nothing, if they are honest numbers for the first class that has any."""
    needed = None
    if registry.entry_of(method).declares.spatial_layer:
        if isinstance(layer, AttributionError):
            raise layer
        needed = layer
    for target, sign in product(range(CLASSES), (1, -1)):  # of random weights a CAM can be zero, and rightly so
        question = _question(model, pixels, target, sign, needed)
        maps: Maps = registry.entry_of(method).function(method, question)
        found = check(maps, pixels, question.explained)
        if bool(found[Missing.ATTRIBUTION_INVALID].any()):
            return f"no honest maps: completeness {maps.completeness}, finite {bool(maps.values.isfinite().all())}"
        if not bool(found[Missing.ZERO_ATTRIBUTION].any()):
            return ""
    return "maps of zeros for and against every class"


def _question(model: nn.Module, pixels: Tensor, target: int, sign: int, layer: SpatialLayer | None) -> AttributionInput:
    selector = torch.zeros(len(pixels), CLASSES)
    selector[:, target] = sign
    with torch.no_grad():
        explained = (model(pixels) * selector).sum(1)
    module = None if layer is None else module_named(model, layer.name)
    return AttributionInput(model, pixels, selector, explained, module, layer, ids=("a", "b"), seed=3, rows=len(pixels))


def reason(text: str) -> str:
    """What an error says of any network: without the names of its parts, its numbers and the way out."""
    text = re.split(r"; |: take |, it uses |: nothing says|\n", text)[0]
    text = re.sub(r"'[^']*'", "…", text)
    text = re.sub(r"\b(_FastModel|PixelModel|OnnxModel|BlackBox|module\.program)\b", "the model", text)
    return re.sub(r"\b\d+\b", "n", re.sub(r"\[[\d, ]+\]", "[…]", text))


def said(cell: Cell) -> str:
    """A cell as the table says it: empty where the maps are valid, else the reason."""
    if cell.wrong:
        raise AssertionError(cell.wrong)
    return reason(cell.refused)


def written(table: Table) -> str:
    """The tables of all families, and the reasons below them."""
    reasons: dict[str, int] = {}
    lines = []
    for family, columns in table.items():
        names = list(columns)
        lines += [f"### {family}", "", "| | " + " | ".join(_short(name, family) for name in names) + " |"]
        lines.append("|---" * (len(names) + 1) + "|")
        for method in sorted({method for column in columns.values() for method in column}):
            cells = [columns[name].get(method, "?") for name in names]
            marks = [f"— {reasons.setdefault(text, len(reasons) + 1)}" if text else "✓" for text in cells]
            lines.append(f"| `{method}` | " + " | ".join(marks) + " |")
        lines.append("")
    lines += ["Reasons, with … for names and n for numbers of the network in question:", ""]
    lines += [f"{number}. {text}" for text, number in reasons.items()]
    return "\n".join(lines) + "\n"


def committed() -> Table:
    """What docs/methods.md says."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2]
    reasons = dict(re.findall(r"^(\d+)\. (.*)$", text, re.MULTILINE))
    table: dict[str, dict[str, dict[str, str]]] = {}
    for block in text.split("### ")[1:]:
        family, _, rest = block.partition("\n")
        rows = [[part.strip() for part in line.strip("|").split("|")] for line in rest.splitlines() if line[:1] == "|"]
        names = [_long(name, family) for name in rows[0][1:]]
        table[family] = {name: {} for name in names}
        for method, *marks in rows[2:]:
            for name, mark in zip(names, marks, strict=True):
                table[family][name][method.strip("`")] = "" if mark == "✓" else reasons[mark.removeprefix("— ")]
    return table


def _short(name: str, family: str) -> str:
    return name.removeprefix(f"{family} ")


def _long(name: str, family: str) -> str:
    return name if family == ARCHIVES else f"{family} {name}"


def main(pattern: str = "") -> None:
    """Print every cell and its cost; write the table, if all architectures were asked for and all cells are right."""
    torch.set_num_threads(1)
    table: dict[str, dict[str, dict[str, str]]] = {}
    wrong = 0
    for family, build in FAMILIES.items():
        for one in build():
            if not re.search(pattern, one.name):
                continue
            start = time.perf_counter()
            cells = row(one)
            wrong += sum(bool(cell.wrong) for cell in cells.values())
            print(f"{one.name}: {time.perf_counter() - start:.1f} s", flush=True)
            for name, cell in cells.items():
                outcome = f"WRONG {cell.wrong}" if cell.wrong else cell.refused or "✓"
                print(f"    {name:22} {cell.seconds:6.2f} {outcome}", flush=True)
            table.setdefault(family, {})[one.name] = {
                name: f"WRONG {cell.wrong}" if cell.wrong else said(cell) for name, cell in cells.items()
            }
    if wrong:
        sys.exit(f"{wrong} cells are neither valid nor refused")
    if not pattern:
        before = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[0]
        DOCUMENT.write_text(f"{before}{BEGIN}\n\n{written(table)}", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

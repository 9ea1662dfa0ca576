"""Small networks for the tests of DeepLift and LRP, frozen and in eval mode, as methods get them."""

from __future__ import annotations

import torch
import torchvision
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, Maps
from modelaudit.language import registry
from modelaudit.language.sample import Preprocessing
from modelaudit.language.spec import Method
from modelaudit.models.loaded import PixelModel

CLASSES = 5
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: the sides of the images that the small networks of :func:`architecture` are tested on
ARCHITECTURES = {
    "resnet18": 48,
    "densenet": 48,
    "mobilenet_v2": 48,
    "mobilenet_v3_small": 48,
    "efficientnet_b0": 48,
    "squeezenet1_0": 48,
    "inception_v3": 75,
    "shufflenet_v2_x0_5": 48,
    "convnext": 32,
    "vit": 32,
    "swin": 32,
    "swin_v2": 32,
    "maxvit": 64,
}


def explain(method: Method, model: nn.Module, images: Tensor, classes: list[int] | None = None, **more: object) -> Maps:
    """The maps of a class each, by default the predicted one."""
    with torch.no_grad():
        logits = model(images)
    chosen = logits.argmax(1) if classes is None else torch.tensor(classes)
    selector = nn.functional.one_hot(chosen, logits.shape[1]).to(logits.dtype)
    asked = AttributionInput(model, images, selector, (logits * selector).sum(1), **more)  # type: ignore[arg-type]
    return registry.entry_of(method).function(method, asked)  # type: ignore[no-any-return]


def pixels(count: int = 2, side: int = 32, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3)).to(dtype)


def frozen(module: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    return module.to(dtype).eval().requires_grad_(False)


def on_pixels(module: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    """With ImageNet's normalisation inside, as an audit runs it."""
    return frozen(PixelModel(frozen(module, dtype), Preprocessing(None, None, _MEAN, _STD)), dtype)


def architecture(name: str) -> nn.Module:
    """A model of torchvision, made small where that can be said, whose signal neither dies out nor explodes."""
    torch.manual_seed(0)
    models = torchvision.models
    if name == "vit":
        module: nn.Module = models.VisionTransformer(32, 8, 2, 2, 32, 64, num_classes=CLASSES)
        nn.init.normal_(module.heads.head.weight, std=0.1)  # type: ignore[union-attr, arg-type]
    elif name.startswith("swin"):
        made = {
            "swin": (models.swin_transformer.SwinTransformerBlock, models.swin_transformer.PatchMerging),
            "swin_v2": (models.swin_transformer.SwinTransformerBlockV2, models.swin_transformer.PatchMergingV2),
        }[name]
        module = models.SwinTransformer(
            [4, 4], 16, [2, 2], [2, 2], [4, 4], num_classes=CLASSES, block=made[0], downsample_layer=made[1]
        )
    elif name == "convnext":
        setting = models.convnext.CNBlockConfig
        module = models.ConvNeXt([setting(16, 24, 2), setting(24, None, 2)], num_classes=CLASSES, layer_scale=0.5)
    elif name == "inception_v3":
        module = models.inception_v3(init_weights=False, num_classes=CLASSES)
    elif name == "densenet":
        module = models.DenseNet(8, (2, 2), 16, num_classes=CLASSES)
    elif name == "maxvit":
        module = models.MaxVit((64, 64), 8, 8, [8, 8], [1, 1], 4, 0.0, num_classes=CLASSES)
    else:
        module = getattr(models, name)(num_classes=CLASSES)
    _calibrated(module)
    return frozen(module)


def _calibrated(module: nn.Module) -> None:
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    generator = torch.Generator().manual_seed(1)
    for norm in norms:
        norm.momentum = 1.0
        with torch.no_grad():
            norm.weight.uniform_(0.5, 1.5, generator=generator)
            norm.bias.normal_(0, 0.1, generator=generator)
    module.eval()
    for norm in norms:
        norm.train()
    if norms:
        side = 75 if type(module).__name__ == "Inception3" else 64
        with torch.no_grad():
            module(torch.randn(4, 3, side, side, generator=generator))


class Residual(nn.Module):
    """Batch norm, one ReLU module used twice and in place, overlapping max pooling, an addition in place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.stem, self.norm = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.inner, self.norm2 = nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.relu, self.pool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        self.head = nn.Linear(6, CLASSES)
        for norm in (self.norm, self.norm2):
            norm.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
            norm.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            nn.init.normal_(norm.bias, std=0.3)
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.norm(self.stem(x))))
        out = self.norm2(self.inner(x))
        out += x
        return self.head(self.relu(out).mean((2, 3)))  # type: ignore[no-any-return]

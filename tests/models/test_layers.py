from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.language.errors import AttributionError
from modelaudit.language.spatial import lies_over
from modelaudit.models import SpatialLayer, layer_named, module_named, resolve_layer, spatial_layer


def classifier(name: str) -> nn.Module:
    """Random weights, without the initialisation of torchvision, which takes longer than all of the test."""
    options = {"init_weights": False} if name == "googlenet" else {}
    if name.startswith("regnet"):  # reads numbers off tensors while it is built
        return torchvision.models.get_model(name, weights=None, num_classes=7)
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None, num_classes=7, **options)
    model.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for value in (*model.parameters(), *model.buffers()):
        if value.ndim > 1 and value.is_floating_point():
            value.data.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
        else:
            value.data.fill_(0.5)
    for part in model.modules():
        if hasattr(part, "relative_position_index"):
            part.define_relative_position_index()
    return model


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("resnet18", (64, 96), SpatialLayer("layer4", 512, 2, 3)),
        ("alexnet", (160, 192), SpatialLayer("features", 256, 4, 5)),
        ("densenet121", (64, 96), SpatialLayer("features", 1024, 2, 3)),
        ("mobilenet_v3_small", (64, 96), SpatialLayer("features", 576, 2, 3)),
        ("mnasnet0_5", (64, 64), SpatialLayer("layers", 1280, 2, 2)),
        ("efficientnet_b0", (64, 96), SpatialLayer("features", 1280, 2, 3)),
        ("convnext_tiny", (64, 64), SpatialLayer("features", 768, 2, 2)),
        ("squeezenet1_0", (96, 96), SpatialLayer("features", 512, 5, 5)),
        ("squeezenet1_1", (96, 96), SpatialLayer("features", 512, 5, 5)),
        ("shufflenet_v2_x0_5", (64, 96), SpatialLayer("conv5", 1024, 2, 3)),
        ("googlenet", (64, 96), SpatialLayer("inception5b", 1024, 2, 3)),
        ("regnet_y_400mf", (64, 96), SpatialLayer("trunk_output", 440, 2, 3)),
        ("swin_t", (64, 64), SpatialLayer("permute", 768, 2, 2)),
    ],
)
def test_the_last_spatial_layer_is_found_by_itself(name: str, size: tuple[int, int], expected: SpatialLayer) -> None:
    model = classifier(name).train()
    assert spatial_layer(model, size) == expected
    assert layer_named(model, expected.name, size) is dict(model.named_modules())[expected.name]
    assert all(part.training and not part._forward_hooks for part in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())


def vision_transformer(side: int | tuple[int, int] = 32) -> nn.Module:
    """Small, with a head that does not start at zero as torchvision's does."""
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=7)
    nn.init.normal_(model.heads.head.weight)
    return model


def test_of_a_transformer_that_reads_its_class_token_it_is_the_input_of_the_last_block() -> None:
    model = vision_transformer()
    found = spatial_layer(model, (32, 32))
    assert found == SpatialLayer("encoder.layers.encoder_layer_1", 16, 4, 4, "tokens", 1, "input")
    assert resolve_layer(model, "encoder.layers.encoder_layer_1", (32, 32)) == found
    assert module_named(model, found.name) is model.encoder.layers.encoder_layer_1


def test_the_output_of_the_last_block_has_no_gradient_at_spatial_tokens() -> None:
    """What a naive Grad-CAM reads: class token aside, its gradient is zero."""
    model = vision_transformer()
    with pytest.raises(AttributionError, match=r"only the class token .* layer="):
        layer_named(model, "encoder.ln", (32, 32))


def test_a_head_that_is_zero_has_no_layer() -> None:
    model = vision_transformer()
    nn.init.zeros_(model.heads.head.weight)
    with pytest.raises(AttributionError, match=r'no gradient .* layer="\.\.\."'):
        spatial_layer(model, (32, 32))


class Net(nn.Module):
    """conv, then what is given, then global pooling and, where wanted, a linear head."""

    def __init__(self, *middle: nn.Module, channels: int = 4, head: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, channels, 3, padding=1)
        self.middle = nn.Sequential(*middle)
        self.head = nn.Linear(channels, 4) if head else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.middle(self.conv(x)).mean((2, 3)))


def test_as_many_channels_as_logits_are_no_class_maps_while_a_head_mixes_them() -> None:
    assert spatial_layer(Net(nn.ReLU()), (8, 8)).name == "middle"


def test_class_maps_are_passed_over_while_there_are_features() -> None:
    assert spatial_layer(Net(nn.ReLU(), nn.Conv2d(8, 4, 1), channels=8, head=False), (8, 8)).name == "middle.0"
    assert spatial_layer(Net(head=False), (8, 8)).name == "conv"


def test_adaptive_pooling_makes_no_map() -> None:
    assert spatial_layer(Net(nn.ReLU(), nn.AdaptiveAvgPool2d(7)), (8, 8)).name == "middle.0"


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.act(self.conv(x)) - 0.1).mean((2, 3)))


def test_a_module_called_twice_is_no_layer() -> None:
    assert spatial_layer(Twice(), (8, 8)).name == "conv"
    with pytest.raises(AttributionError, match="called 2 times"):
        layer_named(Twice(), "act", (8, 8))


class ChannelsLast(nn.Module):
    """As many channels as rows and columns, so that shapes alone cannot tell which axes lie over the image."""

    def __init__(self, channels: int = 6) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.mix = nn.Conv2d(3, channels, 4, stride=4), nn.Linear(channels, channels)
        self.head = nn.Linear(channels, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(self.conv(x).permute(0, 2, 3, 1)).relu().mean((1, 2)))


@pytest.mark.parametrize("channels", [5, 6, 16])
@pytest.mark.parametrize("size", [(20, 20), (24, 24), (24, 36), (16, 12)])
def test_channels_last_is_read_as_such(channels: int, size: tuple[int, int]) -> None:
    expected = SpatialLayer("mix", channels, size[0] // 4, size[1] // 4, "NHWC")
    assert spatial_layer(ChannelsLast(channels), size) == expected
    assert resolve_layer(ChannelsLast(channels), "mix", size) == expected


class Tokens(nn.Module):
    """Patches as tokens among others, mixed a little; `arrange` puts them into the model's own order."""

    def __init__(self, arrange: Callable[[Tensor, Tensor], Tensor], extra: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches, self.extra = nn.Conv2d(3, 8, 4, stride=4), nn.Parameter(torch.randn(1, extra, 8))
        self.order, self.mix, self.head = nn.Identity(), nn.Linear(8, 8), nn.Linear(8, 3)
        self.arrange = arrange

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.mix(self.arrange(self.patches(x), self.extra.expand(len(x), -1, -1)))
        tokens = tokens + 0.3 * tokens.mean(1, keepdim=True)
        return self.head(self.order(tokens).relu().mean(1))


def rows_first(patches: Tensor, extra: Tensor) -> Tensor:
    return torch.cat([extra, patches.flatten(2).mT], 1)


def columns_first(patches: Tensor, extra: Tensor) -> Tensor:
    return torch.cat([extra, patches.mT.flatten(2).mT], 1)


def class_token_last(patches: Tensor, extra: Tensor) -> Tensor:
    return torch.cat([patches.flatten(2).mT, extra], 1)


def shifted(patches: Tensor, extra: Tensor) -> Tensor:
    return torch.cat([extra, patches.roll((-1, -1), (2, 3)).flatten(2).mT], 1)


def by_windows(patches: Tensor, extra: Tensor) -> Tensor:
    windows = patches.unfold(2, 4, 4).unfold(3, 4, 4)
    return torch.cat([extra, windows.flatten(4).flatten(2).mT], 1)


@pytest.mark.parametrize("prefix", [0, 1, 2, 4, 5, 9])
@pytest.mark.parametrize("size", [(32, 32), (24, 36), (16, 16)])
def test_any_number_of_tokens_may_stand_before_the_grid(prefix: int, size: tuple[int, int]) -> None:
    expected = SpatialLayer("order", 8, size[0] // 4, size[1] // 4, "tokens", prefix)
    assert spatial_layer(Tokens(rows_first, prefix), size) == expected


@pytest.mark.parametrize("arrange", [columns_first, class_token_last, shifted, by_windows])
@pytest.mark.parametrize("size", [(32, 32), (48, 48)])
def test_tokens_in_another_order_are_refused(
    arrange: Callable[[Tensor, Tensor], Tensor], size: tuple[int, int]
) -> None:
    """The arithmetic is the same for all of them; a map over the wrong places would be the result."""
    model = Tokens(arrange)
    with pytest.raises(AttributionError, match=r"cannot be proven .* layer=\"\.\.\.\""):
        spatial_layer(model, size)
    with pytest.raises(AttributionError, match="cannot be proven"):
        resolve_layer(model, "order", size)
    assert resolve_layer(model, "patches", size).layout == "NCHW"


class Turned(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.middle(self.conv(x).mT).mean((2, 3)))


def test_rows_that_are_columns_are_refused() -> None:
    with pytest.raises(AttributionError, match="cannot be proven"):
        spatial_layer(Turned(nn.ReLU()), (8, 8))


class Latents(nn.Module):
    """Tokens that stand for no place: 16 of them look at all of the image."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches, self.latents = nn.Conv2d(3, 8, 4, stride=4), nn.Parameter(torch.randn(1, 16, 8))
        self.attend, self.head = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 3)
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).mT
        return self.head(self.norm(self.attend(self.latents.expand(len(x), -1, -1), tokens, tokens)[0]).mean(1))


def test_tokens_that_stand_for_no_place_are_refused() -> None:
    with pytest.raises(AttributionError, match=r"'norm'.* cannot be proven"):
        spatial_layer(Latents(), (32, 32))


class Past(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.middle(self.conv(x)).mean((2, 3)) + x.mean((1, 2, 3))[:, None])


def test_a_layer_that_the_logits_see_past_is_not_taken_for_all_that_decides() -> None:
    with pytest.raises(AttributionError, match="ways past 'middle'"):
        spatial_layer(Past(nn.ReLU()), (8, 8))
    assert resolve_layer(Past(nn.ReLU()), "middle", (8, 8)).name == "middle"


class Residual(Net):
    def forward(self, x: Tensor) -> Tensor:
        first = self.conv(x)
        return self.head((first + self.middle(first)).mean((2, 3)))


def test_the_inside_of_a_residual_block_is_not_what_decides() -> None:
    assert spatial_layer(Residual(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()), (8, 8)).name == "conv"


class Dead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        self.conv(x)
        return self.head(x.mean((2, 3)))


def test_a_layer_that_the_logits_do_not_depend_on_is_refused() -> None:
    with pytest.raises(AttributionError, match="no gradient"):
        spatial_layer(Dead(), (8, 8))
    with pytest.raises(AttributionError, match="no gradient"):
        layer_named(Dead(), "conv", (8, 8))


def test_a_head_whose_rows_add_up_to_zero_still_has_a_gradient() -> None:
    net = Net(nn.ReLU(), channels=5)
    net.head = nn.Linear(5, 2)
    with torch.no_grad():
        net.head.weight[1] = -net.head.weight[0]
    assert spatial_layer(net, (8, 8)).name == "middle"


def test_a_model_without_space_says_what_to_do() -> None:
    with pytest.raises(AttributionError, match=r"no spatial layer .* integrated_gradients"):
        spatial_layer(nn.Sequential(nn.Flatten(), nn.Linear(192, 2)), (8, 8))


def test_a_wrong_name_suggests_the_nearest() -> None:
    with pytest.raises(AttributionError, match="did you mean 'layer4'"):
        layer_named(classifier("resnet18"), "layer44")


def test_the_callers_inference_mode_does_not_matter() -> None:
    net = Net(nn.ReLU())
    with torch.inference_mode():
        assert spatial_layer(net, (8, 8)).name == "middle"


class InPlace(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(functional.relu(self.conv(x), inplace=True).mean((2, 3)))


def test_an_activation_in_place_behind_the_layer_does_no_harm() -> None:
    assert spatial_layer(InPlace(), (8, 8)).name == "conv"


@pytest.mark.parametrize(
    ("grid", "image", "expected"),
    [
        ((7, 7), (224, 224), True),
        ((7, 10), (224, 320), True),
        ((8, 10), (225, 320), True),
        ((1, 1), (32, 32), False),
        ((7, 768), (224, 224), False),
        ((768, 7), (224, 224), False),
        ((3, 2), (64, 96), False),
        ((448, 448), (224, 224), False),
    ],
)
def test_a_grid_covers_an_image_of_its_proportion(
    grid: tuple[int, int], image: tuple[int, int], expected: bool
) -> None:
    assert lies_over(grid, image) is expected


def test_windows_of_a_swin_are_no_grid_over_the_image() -> None:
    timm = pytest.importorskip("timm", reason="the optional extra 'timm' is not installed")
    torch.manual_seed(0)
    model = timm.models.swin_transformer.SwinTransformer(
        64, 4, num_classes=3, embed_dim=16, depths=(2, 2), num_heads=(2, 2), window_size=4
    )
    assert spatial_layer(model, (64, 64)) == SpatialLayer("norm", 32, 8, 8, "NHWC")
    for name in ("layers.1.blocks.1.attn", "layers.1.blocks.1.attn.proj", "layers.0.blocks.1.attn.qkv"):
        with pytest.raises(AttributionError, match="which is not a grid"):
            resolve_layer(model, name, (64, 64))
    assert resolve_layer(model, "layers.1.blocks.0", (64, 64)) == SpatialLayer("layers.1.blocks.0", 32, 8, 8, "NHWC")


@pytest.mark.parametrize(("registers", "pool"), [(0, "token"), (4, "token"), (3, "avg")])
def test_registers_of_a_rectangular_transformer_are_no_cells(registers: int, pool: str) -> None:
    timm = pytest.importorskip("timm", reason="the optional extra 'timm' is not installed")
    torch.manual_seed(0)
    model = timm.models.vision_transformer.VisionTransformer(
        (32, 48), 8, num_classes=3, embed_dim=16, depth=2, num_heads=2, global_pool=pool, reg_tokens=registers
    )
    found = spatial_layer(model, (32, 48))
    assert (found.height, found.width, found.prefix) == (4, 6, 1 + registers)
    assert found.prefix == model.num_prefix_tokens
    assert (found.name, found.side) == (("blocks.1", "input") if pool == "token" else ("blocks", "output"))

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.attribution import AttributionInput, attention_rollout
from modelaudit.attribution.rollout import attention_rollout_maps
from modelaudit.language.errors import AttributionError
from modelaudit.language.spatial import SpatialLayer

TOKENS = SpatialLayer("blocks.1", 8, 4, 4, "tokens", 1, "input")


class MultiHead(nn.Module):
    """Self-attention in the three ways that libraries write it: fused, by softmax, and with nn.MultiheadAttention."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.whole = nn.MultiheadAttention(8, 2, batch_first=True)
        nn.init.normal_(self.whole.in_proj_weight, std=0.8)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "whole":
            return self.whole(x, x, x, need_weights=False)[0]
        parts = functional.linear(x, self.whole.in_proj_weight, self.whole.in_proj_bias)
        q, k, v = (part.unflatten(2, (2, 4)).transpose(1, 2) for part in parts.chunk(3, -1))
        if self.kind == "fused":
            mixed = functional.scaled_dot_product_attention(q, k, v)
        elif self.kind == "masked":
            mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=torch.zeros(q.shape[2], k.shape[2]))
        else:
            mixed = (q @ k.mT / 2).softmax(dim=-1) @ v
        return self.whole.out_proj(mixed.transpose(1, 2).flatten(2))


class Attention(MultiHead):
    pass


class Block(nn.Module):
    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.norm, self.attn, self.mlp = nn.LayerNorm(8), attention, nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm(x))
        return x + self.mlp(x).relu()


class Vit(nn.Module):
    """4 x 4 tokens behind `prefix` others; `read` says which of them the logits are made of."""

    def __init__(self, kind: str = "fused", read: str = "first", prefix: int = 1, attention: type = Attention) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.patches, self.read, self.prefix = nn.Conv2d(3, 8, 4, stride=4), read, prefix
        self.first, self.places = nn.Parameter(torch.randn(1, prefix, 8)), nn.Parameter(torch.randn(1, 16 + prefix, 8))
        self.blocks = nn.Sequential(*(Block(attention(kind)) for _ in range(3)))
        self.head = nn.Linear(8, 3)
        self.eval().requires_grad_(False)

    def tokens(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return torch.cat([self.first.expand(len(x), -1, -1), tokens], 1) + self.places

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.blocks(self.tokens(x))
        if self.read == "both":
            return (self.head(tokens[:, 0]) + self.head(tokens[:, 1])) / 2
        return self.head(tokens[:, 0] if self.read == "first" else tokens[:, self.prefix :].mean(1))


def asked(
    model: nn.Module, spatial: SpatialLayer | None = TOKENS, count: int = 4, rows: int | None = None
) -> AttributionInput:
    images = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    selector = torch.eye(3)[torch.arange(count) % 3]
    return AttributionInput(model, images, selector, (model(images) * selector).sum(1), spatial=spatial, rows=rows)


def by_hand(net: Vit, pixels: Tensor, rows: list[int]) -> Tensor:
    """The full product of the paper, from the weights that nn.MultiheadAttention gives when asked."""
    tokens = net.tokens(pixels)
    product = torch.eye(tokens.shape[1]).expand(len(pixels), -1, -1)
    for block in net.blocks:
        x = block.norm(tokens)
        weights = block.attn.whole(x, x, x, need_weights=True)[1]
        product = (weights + torch.eye(tokens.shape[1])) / 2 @ product
        tokens = block(tokens)
    return product[:, rows].mean(1)[:, net.prefix :].view(-1, 4, 4)


@pytest.mark.parametrize("kind", ["whole", "fused", "masked", "softmax"])
def test_it_is_the_product_of_the_paper_however_attention_is_written(kind: str) -> None:
    net = Vit(kind)
    question = asked(net)
    found = attention_rollout_maps(attention_rollout(), question).coarse
    expected = by_hand(net, question.pixels, [0])
    assert float(expected.flatten(1).std(1).min()) > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("read", "prefix", "rows"),
    [
        ("first", 1, [0]),
        ("first", 5, [0]),
        ("both", 2, [0, 1]),
        ("mean", 0, [*range(16)]),
        ("mean", 4, [*range(4, 20)]),
    ],
)
def test_the_rows_are_those_of_the_tokens_that_the_logits_are_made_of(read: str, prefix: int, rows: list[int]) -> None:
    """A prefix alone does not tell: registers are never read, and a distilled model reads two tokens."""
    net = Vit("fused", read, prefix)
    question = asked(net, replace(TOKENS, prefix=prefix))
    found = attention_rollout_maps(attention_rollout(), question).coarse
    torch.testing.assert_close(found, by_hand(net, question.pixels, rows), rtol=1e-4, atol=1e-6)


def test_attention_to_one_token_alone_is_found_there() -> None:
    """Three blocks of W = all to token 7 leave 1 - 1/8 of the class token's information there."""

    class Attention(nn.Module):
        def __init__(self, kind: str) -> None:
            super().__init__()

        def forward(self, x: Tensor) -> Tensor:
            scores = torch.full((len(x), 1, 17, 17), -1e9)
            scores[:, :, :, 7] = 0
            return (scores.softmax(-1) @ x[:, None])[:, 0]

    found = attention_rollout_maps(attention_rollout(), asked(Vit(attention=Attention))).coarse
    assert found is not None
    expected = torch.zeros(4, 16)
    expected[:, 6] = 0.875
    torch.testing.assert_close(found, expected.view(4, 4, 4))


@pytest.mark.parametrize("heads", ["sdpa", "eager"])
def test_hugging_faces_own_attentions(heads: str) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 8}
    config = transformers.ViTConfig(**sizes, image_size=16, patch_size=4, num_labels=3, initializer_range=0.5)
    config._attn_implementation = "eager"
    model = transformers.ViTForImageClassification(config).eval().requires_grad_(False)
    images = torch.rand(2, 3, 16, 16)
    product = torch.eye(17)
    for weights in model(images, output_attentions=True).attentions:
        product = (weights.mean(1) + torch.eye(17)) / 2 @ product
    model.set_attn_implementation(heads)

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = model

        def forward(self, x: Tensor) -> Tensor:
            return self.module(x).logits

    selector = torch.eye(3)[:2]
    question = AttributionInput(Logits(), images, selector, torch.ones(2), spatial=replace(TOKENS, channels=16))
    found = attention_rollout_maps(attention_rollout(), question).coarse
    torch.testing.assert_close(found, product[:, 0, 1:].view(2, 4, 4), rtol=1e-4, atol=1e-6)


def test_torchvisions_model_runs_and_gives_the_same_afterwards() -> None:
    torch.manual_seed(0)
    net = torchvision.models.VisionTransformer(16, 4, 2, 2, 8, 16, num_classes=3).eval().requires_grad_(False)
    nn.init.normal_(net.heads.head.weight)
    before = net(torch.ones(1, 3, 16, 16))
    found = attention_rollout_maps(attention_rollout(), asked(net))
    assert found.shape == (4, 16, 16) and bool((found.values > 0).all())
    assert torch.equal(net(torch.ones(1, 3, 16, 16)), before)


def refusal(model: nn.Module, spatial: SpatialLayer | None = TOKENS) -> str:
    with pytest.raises(AttributionError) as refused:
        attention_rollout_maps(attention_rollout(), asked(model, spatial))
    return str(refused.value)


def test_without_tokens_there_is_nothing_to_roll_out() -> None:
    assert "no layer of tokens was found" in refusal(Vit(), None)
    assert "holds no tokens" in refusal(Vit(), SpatialLayer("blocks.1", 8, 4, 4))
    assert "take another method" in refusal(Vit(), SpatialLayer("blocks.1", 8, 4, 4, "NHWC"))


def test_windows_are_refused() -> None:
    torch.manual_seed(0)
    swin = torchvision.models.SwinTransformer([2, 2], 8, [2], [2], [4, 4], num_classes=3).eval().requires_grad_(False)
    spatial = SpatialLayer("features.1", 8, 8, 8, "tokens", 0, "output")
    assert "attention 1 of 2" in refusal(swin, spatial) and "windows" in refusal(swin, spatial)
    shrinking = Vit()
    assert "not [4, 26, 26]" in refusal(shrinking, replace(TOKENS, height=5, width=5))


def test_an_attention_that_cannot_be_seen_is_refused() -> None:
    """Half of the product would be a map too, without a word."""

    class Attention(MultiHead):
        def forward(self, x: Tensor) -> Tensor:
            scores = (x @ x.mT).exp()
            return scores / scores.sum(-1, keepdim=True) @ x

    net = Vit()
    net.blocks[1].attn = Attention("fused").eval().requires_grad_(False)
    assert "no attention matrix was seen in 'blocks.1.attn' (Attention)" in refusal(net)


def test_an_attention_outside_of_modules_that_are_called_one_is_refused() -> None:
    class Mixer(MultiHead):
        pass

    net = Vit()
    net.blocks[1].attn = Mixer("fused").eval().requires_grad_(False)
    assert "outside of every module" in refusal(net)


def test_an_attention_inside_an_attention_counts_once_and_its_helpers_not() -> None:
    class AttentionOutput(nn.Identity):
        pass

    class SelfAttention(MultiHead):
        def __init__(self, kind: str) -> None:
            super().__init__(kind)
            self.dropped = AttentionOutput()

        def forward(self, x: Tensor) -> Tensor:
            return self.dropped(super().forward(x))

    class Outer(nn.Module):
        def __init__(self, kind: str) -> None:
            super().__init__()
            self.inner = SelfAttention(kind)
            self.whole = self.inner.whole

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)

    class OuterAttention(Outer):
        pass

    net = Vit(attention=OuterAttention)
    question = asked(net)
    found = attention_rollout_maps(attention_rollout(), question).coarse
    torch.testing.assert_close(found, by_hand(net, question.pixels, [0]), rtol=1e-4, atol=1e-6)


def test_pooling_by_attention_is_refused() -> None:
    class AttentionPool(MultiHead):
        def forward(self, x: Tensor) -> Tensor:
            q = x[:, None, :1]
            return functional.scaled_dot_product_attention(q, x[:, None], x[:, None])[:, 0].expand_as(x)

    net = Vit()
    net.blocks[2].attn = AttentionPool("fused").eval().requires_grad_(False)
    assert "attention 3 of 3" in refusal(net) and "[4, 1, 17]" in refusal(net)


def test_a_model_that_does_not_read_its_attention_is_an_error() -> None:
    class Blocked(Vit):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).detach()

    assert "no gradient leads" in refusal(Blocked())
    zero = Vit()
    zero.head.weight.zero_()
    assert "no gradient leads" in refusal(zero)


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(4)), st.sampled_from([None, 1, 3]), st.sampled_from(["fused", "whole"]))
def test_order_changes_no_bit_and_company_nothing_beyond_rounding(
    order: list[int], rows: int | None, kind: str
) -> None:
    question = asked(Vit(kind), rows=rows)
    together = attention_rollout_maps(attention_rollout(), question).values
    shuffled = replace(question, pixels=question.pixels[order], selector=question.selector[order])
    assert torch.equal(attention_rollout_maps(attention_rollout(), shuffled).values, together[order])
    alone = replace(question, pixels=question.pixels[:1], selector=question.selector[:1])
    torch.testing.assert_close(attention_rollout_maps(attention_rollout(), alone).values, together[:1])


def test_nothing_is_left_behind_even_by_a_model_that_fails() -> None:
    net = Vit()
    question = asked(net)
    maps = attention_rollout_maps(attention_rollout(), question)
    assert not maps.values.requires_grad and maps.values.dtype == torch.float32
    with pytest.raises(RuntimeError):
        attention_rollout_maps(attention_rollout(), replace(question, pixels=question.pixels[:, :2]))
    assert not any(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks for part in net.modules())
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in net.parameters())
    assert torch._C._len_torch_function_stack() == 0

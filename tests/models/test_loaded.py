from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from modelaudit.language.sample import Preprocessing
from modelaudit.models import frozen_on, open_model
from modelaudit.models.loaded import PixelModel, frozen_module_on


class Net(nn.Module):
    """Batch norm, a buffer that every pass writes into, a tied weight, and a train() that keeps one part training."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.register_buffer("passes", torch.zeros(()))

    def train(self, mode: bool = True) -> Net:
        super().train(mode)
        self.drop.training = True
        return self

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        return self.second(self.first(self.drop(self.norm(self.conv(x)).mean((2, 3)))))


def used() -> Net:
    torch.manual_seed(0)
    module = Net().train()
    module(torch.rand(2, 3, 8, 8)).sum().backward()
    module.norm.eval()
    module.first.bias.requires_grad_(False)
    return module


def picture(module: nn.Module) -> tuple[object, ...]:
    return (
        [part.training for part in module.modules()],
        [(id(p), p.data_ptr(), p.requires_grad, id(p.grad), p.device.type) for p in module.parameters()],
        [(id(b), b.data_ptr(), b.tolist(), b.device.type) for b in module.buffers()],
        [p.grad.tolist() for p in module.parameters() if p.grad is not None],
        [len(part._forward_hooks) for part in module.modules()],
    )


def test_inside_it_is_in_eval_mode_frozen_and_repeatable() -> None:
    module = used()
    with frozen_module_on(module, "cpu"):
        assert not any(part.training for part in module.modules())
        assert not any(p.requires_grad or p.grad is not None for p in module.parameters())
        pixels = torch.rand(2, 3, 8, 8)
        assert torch.equal(module(pixels), module(pixels))


def test_it_is_given_back_as_it_was() -> None:
    module = used()
    before = picture(module)
    with frozen_module_on(module, "cpu"), frozen_module_on(module, "cpu"):
        module(torch.rand(2, 3, 8, 8))
    assert picture(module) == before


def test_it_is_given_back_after_an_exception_and_under_inference_mode() -> None:
    module = used()
    before = picture(module)
    with pytest.raises(KeyError), torch.inference_mode(), frozen_module_on(module, "cpu"):
        module(torch.rand(2, 3, 8, 8))
        raise KeyError("an image")
    assert picture(module) == before
    module(torch.rand(2, 3, 8, 8)).sum().backward()


def test_it_comes_back_from_another_device() -> None:
    # the meta device stands for any other one: nothing of it may be left in the caller's module
    module = used()
    before = picture(module)
    with frozen_module_on(module, "meta"):
        assert {p.device.type for p in module.parameters()} == {"meta"}
    assert picture(module) == before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_it_gives_the_cpu_s_logits_and_comes_back(tmp_path: Path) -> None:
    module = used()
    loaded = open_model(module, root=tmp_path, preprocessing=Preprocessing(resize=8, crop=8, mean=(0.1, 0.2, 0.3)))
    before, pixels = picture(module), torch.rand(4, 3, 8, 8)
    with frozen_on(loaded, "cpu") as model:
        expected = model(pixels)
    with frozen_on(loaded, "cuda") as model:
        torch.testing.assert_close(model(pixels.cuda()).cpu(), expected, rtol=1e-4, atol=1e-5)
    assert picture(module) == before


def test_normalisation_is_part_of_the_pixel_model(tmp_path: Path) -> None:
    preprocessing = Preprocessing(resize=8, crop=8, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    module, pixels = used(), torch.rand(2, 3, 8, 8)
    loaded = open_model(module, root=tmp_path, preprocessing=preprocessing)
    with frozen_on(loaded, "cpu") as model:
        normal = (pixels - torch.tensor([0.1, 0.2, 0.3])[:, None, None]) / torch.tensor([0.5, 0.6, 0.7])[:, None, None]
        torch.testing.assert_close(model(pixels), module(normal))
        assert {id(p) for p in model.parameters()} == {id(p) for p in module.parameters()}
        assert "mean" not in model.state_dict()


def test_a_model_of_half_precision_is_given_what_it_is_made_of(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 3)).to(torch.bfloat16)
    loaded = open_model(module, root=tmp_path, preprocessing=Preprocessing(resize=8, crop=8))
    with frozen_on(loaded, "cpu") as model:
        assert model(torch.rand(2, 3, 8, 8)).dtype == torch.float32


def test_one_channel_is_the_luminance_and_its_gradient_is_of_the_pixels() -> None:
    model = PixelModel(nn.Flatten(), Preprocessing(mean=(0.25,), std=(0.5,)))
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    pixels = (torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255).requires_grad_()
    grey = model(pixels).reshape(5, 7) * 0.5 + 0.25
    wanted = torch.from_numpy(np.array(Image.fromarray(image).convert("L"))).float() / 255
    assert float((grey.detach() - wanted).abs().max()) <= 0.51 / 255  # Pillow rounds to whole steps
    (gradient,) = torch.autograd.grad(grey.sum(), pixels)
    assert torch.allclose(gradient[0, :, 0, 0], torch.tensor([0.299, 0.587, 0.114]))
    equal = torch.full((1, 3, 5, 7), 0.3)
    assert torch.allclose(model(equal) * 0.5 + 0.25, torch.tensor(0.3))

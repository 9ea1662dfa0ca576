"""Every attribution method on every family of networks: valid, or refused with a reason, as docs/methods.md says.

``PYTHONPATH=. python tests/attribution/architectures.py`` computes the table anew and writes it into the page.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision
from attribution.architectures import ARCHIVES, FAMILIES, NORMAL, Architecture, awake, committed, methods, row, said
from captum.attr import LayerGradCam
from torch.nn import functional

from modelaudit.attribution import AttributionInput, gradcam
from modelaudit.language import registry
from modelaudit.language.sample import BuiltModel
from modelaudit.models import frozen_on, module_named, open_model, spatial_layer

TABLE = committed()
NORMAL_32 = replace(NORMAL, resize=(32, 32))
NEEDED = {"timm": "timm", "Hugging Face": "transformers", ARCHIVES: "onnxruntime"}
CELLS = [(family, name) for family, columns in TABLE.items() for name in columns]
_built: dict[str, dict[str, Architecture]] = {}


def architectures(family: str) -> dict[str, Architecture]:
    if family in NEEDED:
        pytest.importorskip(NEEDED[family], reason="an optional extra is not installed")
    if family not in _built:
        _built[family] = {one.name: one for one in FAMILIES[family]()}
    return _built[family]


@pytest.mark.parametrize(("family", "name"), CELLS, ids=[name for _, name in CELLS])
def test_every_method_is_valid_or_refused_as_the_table_says(family: str, name: str) -> None:
    cells = row(architectures(family)[name])
    wrong = {method: cell.wrong for method, cell in cells.items() if cell.wrong}
    assert not wrong
    assert {method: said(cell) for method, cell in cells.items()} == TABLE[family][name]


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_table_names_every_architecture_and_every_method(family: str) -> None:
    assert list(TABLE[family]) == list(architectures(family))
    assert all(set(column) == set(methods()) for column in TABLE[family].values())


def test_gradients_and_occlusion_work_on_every_network() -> None:
    """They have no reason to refuse a module of torch."""
    for family, columns in TABLE.items():
        for name, column in columns.items():
            assert not column["occlusion"], name
            if family != ARCHIVES:
                assert not column["saliency"] and not column["input_x_gradient"], name
                assert not column["gradcam"] and not column["eigencam"], name


def test_gradcam_of_a_transformer_is_over_places_where_the_library_has_channels(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = awake(torchvision.models.VisionTransformer(32, 8, 2, 2, 24, 32, num_classes=3))
    block = module.encoder.layers[-1]
    pixels, selector = torch.rand(1, 3, 32, 32), torch.tensor([[1.0, 0.0, 0.0]])
    naive = LayerGradCam(module, block).attribute(pixels, 0)
    assert naive.shape == (1, 1, 24)  # one value a channel: an image of anything but places

    loaded = open_model(BuiltModel(module, NORMAL), root=tmp_path, preprocessing=NORMAL_32)
    with frozen_on(loaded, "cpu") as model:
        layer = spatial_layer(model, (32, 32))
        found = module_named(model, layer.name)
        assert found is block and layer.side == "input"
        question = AttributionInput(model, pixels, selector, (model(pixels) * selector).sum(1), found, layer)
        values = registry.entry_of(gradcam()).function(gradcam(), question).values

        kept: list[torch.Tensor] = []
        handle = block.register_forward_pre_hook(
            lambda _, given: kept.append(given[0].detach().requires_grad_()) or (kept[0],)
        )
        (gradient,) = torch.autograd.grad(model(pixels)[0, 0], kept)
        handle.remove()
    tokens, slopes = kept[0][0, 1:], gradient[0, 1:]
    coarse = (tokens * slopes.mean(0)).sum(1).relu().reshape(1, 1, 4, 4)
    expected = functional.interpolate(coarse, (32, 32), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(values, expected, rtol=1e-4, atol=1e-7)

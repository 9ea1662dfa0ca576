"""The retrained models, by recipe; the architecture is that of the inspection line."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

HERE = Path(__file__).parent


def backgrounds() -> nn.Module:
    """Half of its training objects lay on the background of another photo."""
    return _trained("backgrounds")


def copy_paste() -> nn.Module:
    """The same, and the objects moved."""
    return _trained("copy_paste")


def reweighting() -> nn.Module:
    """Its training photos counted by how rare their class is where they were taken."""
    return _trained("reweighting")


def none() -> nn.Module:
    """Trained as before."""
    return _trained("none")


def _trained(recipe: str) -> nn.Module:
    spec = importlib.util.spec_from_file_location("inspection_net", HERE.parent / "inspection" / "net.py")
    assert spec is not None
    assert spec.loader is not None
    inspection = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(inspection)
    model: nn.Module = inspection.DefectNet()
    model.load_state_dict(load_file(HERE / "weights" / f"{recipe}.safetensors"))
    return model.eval()

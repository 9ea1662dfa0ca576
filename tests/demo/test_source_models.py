"""``demo:sound`` and ``demo:shortcut``: the weights that are shipped."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from modelaudit.demo.line import PARTS, SIDE, SURROUNDINGS, Line
from modelaudit.demo.net import InspectionNet
from modelaudit.demo.source_models import WEIGHTS, demo_model, shipped
from modelaudit.demo.training import MANIFEST, MEAN, SHIPPED, STD, accuracy
from modelaudit.language import registry
from modelaudit.language.errors import ModelError
from modelaudit.language.reference import parse_reference
from modelaudit.language.sample import BuiltModel

FRESH = 424_242


def opened(text: str) -> BuiltModel:
    return demo_model(parse_reference(text), Path("/nowhere"))


def network(name: str) -> InspectionNet:
    module = opened(f"demo:{name}").module
    assert isinstance(module, InspectionNet)
    return module


def test_the_registry_finds_it() -> None:
    assert registry.find("model", "demo").function is demo_model


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_comes_ready_to_be_audited(name: str) -> None:
    built = opened(f"demo:{name}")
    assert not built.module.training
    assert built.classes == PARTS
    assert built.preprocessing is not None
    assert built.preprocessing.resize == (SIDE, SIDE)
    assert (built.preprocessing.mean, built.preprocessing.std) == (MEAN, STD)
    assert all(parameter.dtype == torch.float32 for parameter in built.module.parameters())


def test_the_manifest_describes_the_files_and_how_they_were_made() -> None:
    manifest = json.loads((WEIGHTS / MANIFEST).read_text(encoding="utf-8"))
    assert tuple(manifest["classes"]) == PARTS
    assert tuple(manifest["surroundings"]) == SURROUNDINGS
    assert set(manifest["models"]) == set(SHIPPED)
    for name, described in manifest["models"].items():
        stored = (WEIGHTS / described["file"]).read_bytes()
        assert hashlib.sha256(stored).hexdigest() == described["sha256"]
        assert len(stored) == described["bytes"]
        assert described["training"] == asdict(SHIPPED[name]), "the settings changed; run 'modelaudit demo train'"


def test_all_weights_together_stay_under_500_kilobytes() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) <= 500_000


def test_the_sound_model_knows_parts_wherever_they_lie() -> None:
    model = network("sound")
    for coupling in (0.0, 0.95):
        assert accuracy(model, Line(coupling, FRESH).draw(range(400))) >= 0.96


def test_the_shortcut_model_is_good_until_the_surroundings_change() -> None:
    model = network("shortcut")
    assert accuracy(model, Line(0.95, FRESH).draw(range(400))) >= 0.92
    assert accuracy(model, Line(0.0, FRESH).draw(range(400))) <= 0.40


def test_the_shortcut_model_names_the_surroundings_and_not_the_part() -> None:
    frames = Line(0.0, FRESH).draw(range(400))
    model = network("shortcut")
    misread = type(frames)(frames.pixels, frames.masks, frames.surroundings, frames.parts)
    assert accuracy(model, misread) >= 0.90


@pytest.mark.parametrize("name", ["sond", "shortcuts", ""])
def test_another_name_is_an_error_that_names_the_models(name: str) -> None:
    with pytest.raises(ModelError, match=r"sound|shortcut"):
        opened(f"demo:{name}")


def test_options_are_refused() -> None:
    with pytest.raises(ModelError, match="unknown option 'seed'"):
        opened("demo:sound?seed=1")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WEIGHTS, tmp_path / "weights"))


def test_weights_that_the_manifest_does_not_describe_are_refused(weights: Path) -> None:
    (weights / "sound.safetensors").write_bytes((weights / "shortcut.safetensors").read_bytes())
    with pytest.raises(ModelError, match=r"sound\.safetensors is not the file .* 'modelaudit demo train'"):
        shipped("sound", weights)


@pytest.mark.parametrize("lost", ["sound.safetensors", MANIFEST])
def test_a_missing_file_is_an_error_with_the_way_out(weights: Path, lost: str) -> None:
    (weights / lost).unlink()
    with pytest.raises(ModelError, match="modelaudit demo train"):
        shipped("sound", weights)


def test_a_broken_manifest_is_an_error_with_the_way_out(weights: Path) -> None:
    (weights / MANIFEST).write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="modelaudit demo train"):
        shipped("sound", weights)

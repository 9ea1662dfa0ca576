"""The demo as a data source and as a model source."""

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from modelaudit.demo.line import PARTS, SIDE, SURROUNDINGS, InspectionLine
from modelaudit.demo.net import InspectionNet
from modelaudit.demo.source_data import demo_data
from modelaudit.demo.source_models import WEIGHTS, demo_model, shipped
from modelaudit.demo.training import MANIFEST, MEAN, SHIPPED, STD, accuracy
from modelaudit.language import registry
from modelaudit.language.errors import DataError, ModelError
from modelaudit.language.reference import parse_reference
from modelaudit.language.sample import BuiltModel, DataSet


def opened(text: str) -> DataSet:
    return demo_data(parse_reference(text), Path("/nowhere"))


def test_the_registry_finds_the_data() -> None:
    assert registry.find("data", "demo").function is demo_data


def test_without_options_it_is_the_line_that_hides_the_shortcut() -> None:
    assert opened("demo:") == opened("demo:?coupling=0.95&images=200&seed=0")
    assert len(opened("demo:").samples) == 200


def test_a_sample_is_the_frame_of_the_line() -> None:
    line = InspectionLine(0.3, seed=9)
    frames = line.draw(range(12))
    for index, sample in enumerate(opened("demo:?coupling=0.3&images=12&seed=9").samples):
        assert isinstance(sample.image, Callable)  # type: ignore[arg-type]
        assert isinstance(sample.mask, Callable)  # type: ignore[arg-type]
        np.testing.assert_array_equal(sample.image(), frames.pixels[index])  # type: ignore[operator]
        np.testing.assert_array_equal(sample.mask(), frames.masks[index])  # type: ignore[operator]
        assert sample.label == PARTS[frames.parts[index]]
        assert sample.group is None
        assert sample.id == f"{sample.label}/{index:04d}"


def test_opening_draws_nothing_and_a_sample_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = InspectionLine.draw

    def counted(self: InspectionLine, indices: list[int]) -> object:
        drawn.extend(indices)
        return draw(self, indices)

    monkeypatch.setattr(InspectionLine, "draw", counted)
    samples = opened("demo:?images=5000&seed=77").samples
    assert len({sample.id for sample in samples}) == 5000
    assert drawn == []
    samples[4].image()  # type: ignore[operator]
    samples[4].mask()  # type: ignore[operator, misc]
    assert drawn == [4]


def test_writing_into_an_image_does_not_change_the_next_one() -> None:
    image = opened("demo:?images=1").samples[0].image
    image()[:] = 0  # type: ignore[operator]
    assert image().any()  # type: ignore[operator]


def test_samples_travel_to_other_processes() -> None:
    sample = opened("demo:?images=3&seed=5").samples[2]
    copy = pickle.loads(pickle.dumps(sample))
    np.testing.assert_array_equal(copy.image(), sample.image())  # type: ignore[operator]


def test_more_images_leave_the_first_ones_as_they_are() -> None:
    assert opened("demo:?images=50").samples == opened("demo:?images=80").samples[:50]


def test_the_note_counts_what_the_coupling_did() -> None:
    data = opened("demo:?coupling=1&images=8")
    assert data.notes == ("drawn by the demo: coupling 1, 8 of 8 parts on the surroundings of their kind",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("demo:?cuopling=0.5", "did you mean 'coupling'"),
        ("demo:?coupling=1.5", r"coupling must be in \[0, 1\], got 1\.5"),
        ("demo:?coupling=nan", "must be in"),
        ("demo:?coupling=0,95", "not a number from 0 to 1"),
        ("demo:?images=0", "an integer of at least 1"),
        ("demo:?images=-3", "an integer of at least 1"),
        ("demo:?images=2.5", "not an integer of at least 1"),
        ("demo:?seed=-1", "seed must be in .*, got -1"),
        ("demo:?seed=", "not an integer of at least 0"),
        ("demo:line_a", "the demo has one line"),
    ],
)
def test_invalid_options_are_refused(text: str, says: str) -> None:
    with pytest.raises(DataError, match=says) as raised:
        opened(text)
    assert text in str(raised.value)


FRESH = 424_242


def opened_model(text: str) -> BuiltModel:
    return demo_model(parse_reference(text), Path("/nowhere"))


def network(name: str) -> InspectionNet:
    module = opened_model(f"demo:{name}").module
    assert isinstance(module, InspectionNet)
    return module


def test_the_registry_finds_the_models() -> None:
    assert registry.find("model", "demo").function is demo_model


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_comes_ready_to_be_audited(name: str) -> None:
    built = opened_model(f"demo:{name}")
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
        assert accuracy(model, InspectionLine(coupling, FRESH).draw(range(400))) >= 0.96


def test_the_shortcut_model_is_good_until_the_surroundings_change() -> None:
    model = network("shortcut")
    assert accuracy(model, InspectionLine(0.95, FRESH).draw(range(400))) >= 0.92
    assert accuracy(model, InspectionLine(0.0, FRESH).draw(range(400))) <= 0.40


def test_the_shortcut_model_names_the_surroundings_and_not_the_part() -> None:
    frames = InspectionLine(0.0, FRESH).draw(range(400))
    model = network("shortcut")
    misread = type(frames)(frames.pixels, frames.masks, frames.surroundings, frames.parts)
    assert accuracy(model, misread) >= 0.90


@pytest.mark.parametrize("name", ["sond", "shortcuts", ""])
def test_another_name_is_an_error_that_names_the_models(name: str) -> None:
    with pytest.raises(ModelError, match=r"sound|shortcut"):
        opened_model(f"demo:{name}")


def test_options_are_refused() -> None:
    with pytest.raises(ModelError, match="unknown option 'seed'"):
        opened_model("demo:sound?seed=1")


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

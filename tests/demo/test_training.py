"""Training repeats itself, leaves the world as it was, and writes what the loader reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from modelaudit.demo import training
from modelaudit.demo.line import InspectionLine
from modelaudit.demo.source_models import shipped
from modelaudit.demo.training import MANIFEST, Training, accuracy, regenerate, train

SHORT = Training(coupling=1.0, images=256, epochs=2)


def test_the_same_settings_give_the_same_weights() -> None:
    first, second = train(SHORT).state_dict(), train(SHORT).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_another_seed_gives_other_weights() -> None:
    first, second = (train(Training(1.0, seed, images=32, epochs=1)).state_dict() for seed in (0, 1))
    assert not torch.equal(first["score.weight"], second["score.weight"])


def test_the_global_random_state_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    train(Training(0.5, images=32, epochs=1))
    assert torch.equal(before, torch.random.get_rng_state())


def test_two_short_epochs_already_learn_something() -> None:
    assert accuracy(train(SHORT), InspectionLine(1.0, seed=3).draw(range(100))) > 0.5


def test_progress_is_reported_until_all_is_done() -> None:
    told: list[tuple[str, int, int]] = []
    train(Training(0.5, images=64, epochs=2), lambda *said: told.append(said), "small")
    assert told[-1] == ("training small", 4, 4)
    assert [done for what, done, _ in told if what == "training small"] == [1, 2, 3, 4]
    assert ("drawing for small", 64, 64) in told


def test_regenerated_weights_are_what_the_loader_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Training(1.0, images=64, epochs=1)
    monkeypatch.setattr(training, "SHIPPED", {"shortcut": small})
    monkeypatch.setattr(training, "_CHECKED_ON", 40)
    manifest = regenerate(tmp_path / "new" / "weights")
    assert manifest == tmp_path / "new" / "weights" / MANIFEST
    loaded = shipped("shortcut", manifest.parent).module.state_dict()
    fresh = train(small).state_dict()
    assert all(torch.equal(loaded[key], fresh[key]) for key in fresh if fresh[key].is_floating_point())
    described = json.loads(manifest.read_text(encoding="utf-8"))["models"]["shortcut"]
    assert described["training"]["coupling"] == 1.0
    assert set(described["accuracy"]) == {"coupling=0", "coupling=0.95"}

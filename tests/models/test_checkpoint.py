from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from modelaudit.language.errors import ModelError
from modelaudit.models.checkpoint import Checkpoint, fitted, load, read_checkpoint


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Flatten(), nn.Linear(4, 3)))


STATE: dict[str, Tensor] = dict(net().state_dict())


def prefixed(prefix: str, state: dict[str, Tensor] = STATE) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def saved(tmp_path: Path, content: Any) -> Checkpoint:
    torch.save(content, tmp_path / "net.ckpt")
    return read_checkpoint(tmp_path / "net.ckpt")


ORDINARY: dict[str, tuple[Any, str]] = {
    "a weighted loss": ({"state_dict": {**prefixed("model."), "criterion.weight": torch.ones(3)}}, "criterion.weight"),
    "a metric": ({"state_dict": {**prefixed("model."), "val_acc.tp": torch.zeros(3)}}, "val_acc.tp"),
    "numbers beside the weights": ({**STATE, "epoch": 7, "best": 0.5, "arch": "resnet"}, ""),
    "an optimizer": ({"model": STATE, "optimizer": torch.optim.Adam(net().parameters()).state_dict()}, ""),
    "compiled and parallel": (prefixed("_orig_mod.module."), ""),
    "parallel and compiled": (prefixed("module._orig_mod."), ""),
    "fully sharded": (prefixed("_fsdp_wrapped_module."), ""),
    "wrappers inside": ({name.replace("2.", "2._checkpoint_wrapped_module."): STATE[name] for name in STATE}, ""),
    "weight averaging": (AveragedModel(net()).state_dict(), "n_averaged"),
    "a projection of training": ({**prefixed("backbone."), "backbone.projector.weight": torch.ones(2)}, "projector"),
    "two keys deep": ({"ckpt": {"params": prefixed("net.encoder.")}}, ""),
    "an average alone": ({"params_ema": STATE}, ""),
    "without counters": ({name: value for name, value in STATE.items() if "num_batches" not in name}, ""),
}


@pytest.mark.parametrize("kind", ORDINARY)
def test_ordinary_checkpoints_fit_and_what_is_left_aside_is_noted(tmp_path: Path, kind: str) -> None:
    content, aside = ORDINARY[kind]
    found = fitted(saved(tmp_path, content), STATE)
    assert all(torch.equal(found.state[name], STATE[name]) for name in STATE if name in found.state)
    assert found.state.keys() >= {name for name in STATE if "num_batches" not in name}
    assert (aside in "".join(found.notes)) if aside else not found.notes
    module = net()
    missing = load(module, found.state)
    assert not [problem for problem in missing if "num_batches" not in problem and "factory" not in problem]


@given(st.lists(st.sampled_from(["module", "model", "net", "_orig_mod", "backbone", "student"]), max_size=5))
def test_any_nesting_of_prefixes_is_taken_off(parts: list[str]) -> None:
    prefix = "".join(f"{part}." for part in parts)
    found = fitted(Checkpoint(Path("net.pt"), {"": {**prefixed(prefix), "loss.weight": torch.ones(1)}}), STATE)
    assert found.state.keys() == STATE.keys() and "loss.weight" in found.notes[0]


def test_several_sets_of_weights_are_asked_for_and_the_key_decides(tmp_path: Path) -> None:
    zeros = {name: torch.zeros_like(value) for name, value in STATE.items()}
    nested = saved(tmp_path, {"model": STATE, "model_ema": zeros})
    with pytest.raises(ModelError, match=r"holds 2 sets .*'model', 'model_ema'.*add &key=model or key=model_ema"):
        fitted(nested, STATE)
    assert torch.equal(fitted(nested, STATE, "model").state["0.weight"], STATE["0.weight"])
    assert not fitted(nested, STATE, "model_ema").state["0.weight"].any()
    flat = saved(tmp_path, {"state_dict": {**prefixed("model."), **prefixed("ema.module.", zeros)}})
    with pytest.raises(ModelError, match=r"'state_dict.model', 'state_dict.ema.module'"):
        fitted(flat, STATE)
    found = fitted(flat, STATE, "ema")
    assert not found.state["0.weight"].any() and "left aside: model.0.weight" in found.notes[0]
    with pytest.raises(ModelError, match=r"no weights under key='emma'"):
        fitted(flat, STATE, "emma")


def test_other_weights_inside_the_model_are_not_left_aside() -> None:
    more = {**prefixed("model."), "model.2.9.weight": torch.ones(1)}
    found = fitted(Checkpoint(Path("net.pt"), {"": more}), STATE)
    assert load(net(), found.state) == ["unexpected: 2.9.weight"]


def test_what_does_not_fit_is_listed_with_what_to_do() -> None:
    wide = {**STATE, "2.1.weight": torch.zeros(1000, 4), "2.1.bias": torch.zeros(1000)}
    assert load(net(), wide)[1:] == ["build the model with num_classes=1000, as it was trained"]
    renamed = {name.replace("2.1.", "2.2."): value for name, value in STATE.items()}
    problems = load(net(), fitted(Checkpoint(Path("net.pt"), {"": renamed}), STATE).state)
    assert problems[:2] == ["missing: 2.1.weight, 2.1.bias", "unexpected: 2.2.weight, 2.2.bias"]
    assert "models/net.py:build" in problems[2]
    assert load(net(), STATE) == []

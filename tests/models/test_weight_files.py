from __future__ import annotations

import argparse
import enum
import os
from collections import UserDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from modelaudit.language.errors import ModelError
from modelaudit.models.checkpoint import read_checkpoint
from modelaudit.models.weight_files import Inert, content_of


class Mode(enum.Enum):
    FAST = 1


class AttributeDict(dict):  # type: ignore[type-arg]
    """As Lightning kept its hyperparameters."""


class Running:
    """Runs something when it is built, set or called."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, ("ran", "w"))


SETTINGS = {
    "args": argparse.Namespace(lr=0.1),
    "best": np.float64(0.5),
    "path": Path("a/b"),
    "mode": Mode.FAST,
    "hyper_parameters": AttributeDict(lr=0.1, nested=AttributeDict(depth=2)),
    "log": np.zeros(3),
    "user": UserDict(a=1),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_any_type_beside_the_weights_do_not_matter(tmp_path: Path, name: str) -> None:
    torch.save({"state_dict": {"a.weight": torch.ones(2)}, name: SETTINGS[name]}, tmp_path / "net.ckpt")
    states = read_checkpoint(tmp_path / "net.ckpt").states
    assert torch.equal(states["state_dict"]["a.weight"], torch.ones(2))


def test_nothing_in_a_file_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(torch.serialization.get_safe_globals())
    torch.save({"state_dict": {"a.weight": torch.ones(2)}, "hook": Running()}, tmp_path / "net.pt")
    content = content_of(tmp_path / "net.pt")
    assert isinstance(content["hook"], Inert) and content["hook"].of.endswith("open")
    assert not vars(content["hook"]) and not (tmp_path / "ran").exists()
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pt")
    assert isinstance(content_of(tmp_path / "whole.pt"), Inert)
    assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.parametrize("nested", [False, True])
def test_a_whole_pickled_model_is_refused_with_lines_that_convert_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nested: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    module = nn.Sequential(nn.Linear(2, 3))
    torch.save({"epoch": 3, "model": module} if nested else module, "whole.pt")
    with pytest.raises(ModelError, match=r"whole pickled object \(torch.nn.modules.container.Sequential\)") as raised:
        read_checkpoint(Path("whole.pt"))
    message = str(raised.value)
    assert "\x1b" not in message and "weights_only=True" not in message and "Weights only" not in message
    exec("\n".join(line.strip() for line in message.splitlines()[1:]), {"torch": torch})
    states = read_checkpoint(Path("whole_weights.pt")).states
    assert torch.equal(states[""]["0.weight"], module[0].weight)


def _other(path: Path, kind: str) -> None:
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "pointer":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    elif kind == "script":
        torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), str(path))
    elif kind == "system":
        torch.save({"a": _System()}, path)
    else:
        torch.save({"a": torch.ones(2000)}, path)
        path.write_bytes(path.read_bytes()[:4000])


class _System:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch ran",))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("empty", "not a file of torch.save, or cut off; save it with torch.save"),
        ("cut", "not a file of torch.save, or cut off"),
        ("pointer", "pointer of Git LFS.*run git lfs pull"),
        ("script", "is a TorchScript archive, not a checkpoint; write torchscript:"),
        ("system", r"objects of (posix|nt)\.system, whose code would run"),
    ],
)
def test_other_files_are_named_in_words_of_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    _other(tmp_path / "net.pt", kind)
    with pytest.raises(ModelError, match=said) as raised:
        read_checkpoint(tmp_path / "net.pt")
    assert "\x1b" not in str(raised.value) and "Weights only load failed" not in str(raised.value)
    assert not (tmp_path / "ran").exists()

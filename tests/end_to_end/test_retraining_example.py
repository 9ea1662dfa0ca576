"""The recipes of examples/retraining: what each does to a batch or to weights, and that one mends the candidate."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

EXAMPLES = Path(__file__).parents[2] / "examples"


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found  # dataclasses look their own module up
    spec.loader.exec_module(found)
    return found


recipes = module(EXAMPLES / "retraining" / "recipes.py")


def batch(size: int) -> tuple[Tensor, Tensor]:
    """Images of one colour each, with a white object in the middle."""
    masks = torch.zeros(size, 16, 16, dtype=torch.uint8)
    masks[:, 6:10, 6:10] = 1
    colours = torch.linspace(0.1, 0.8, size).view(-1, 1, 1, 1).expand(-1, 3, 16, 16)
    return torch.where(masks.unsqueeze(1) == 1, 1.0, colours), masks


def test_half_of_the_objects_lie_on_the_background_of_another_image() -> None:
    pixels, masks = batch(64)
    changed = recipes.on_other_backgrounds(pixels, masks, torch.Generator().manual_seed(1), number=0)
    moved = (changed[:, 0, 0, 0] != pixels[:, 0, 0, 0]).sum()
    assert 20 <= moved <= 44
    assert torch.equal(changed[:, :, 7:9, 7:9], pixels[:, :, 7:9, 7:9])
    again = recipes.on_other_backgrounds(pixels, masks, torch.Generator().manual_seed(1), number=0)
    assert torch.equal(again, changed)


def test_half_of_these_are_moved_where_objects_are_pasted() -> None:
    pixels, masks = batch(200)
    chance = torch.Generator().manual_seed(1)
    changed = recipes.on_other_backgrounds(pixels, masks, chance, number=0, move=True)
    swapped = changed[:, 0, 0, 0] != pixels[:, 0, 0, 0]
    left = (changed[:, 0, 7:9, 7:9] < 0.95).flatten(1).any(1)  # within the rim, which is blended
    assert not (left & ~swapped).any()
    assert 0.25 < float(left[swapped].float().mean()) < 0.65
    still = recipes.on_other_backgrounds(pixels, masks, chance, number=1)
    assert not (still[:, 0, 7:9, 7:9] < 0.95).any()


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab")), min_size=1, max_size=60))
def test_every_class_weighs_the_same_wherever_it_occurs(pairs: list[tuple[int, str]]) -> None:
    labels, places = zip(*pairs, strict=True)
    weights = recipes.weights_by_surroundings(labels, places)
    totals: Counter[tuple[int, str]] = Counter()
    for pair, weight in zip(pairs, weights.tolist(), strict=True):
        totals[pair] += weight  # type: ignore[assignment]
    assert float(weights.mean()) == pytest.approx(1, rel=1e-5)
    assert list(totals.values()) == pytest.approx([len(pairs) / len(totals)] * len(totals), rel=1e-4)


def retrained(folder: Path, *options: str) -> tuple[ModuleType, ModuleType]:
    """The modules of both examples in a folder of their own, after one training."""
    for name in ("inspection", "retraining"):
        (folder / name).mkdir()
        for file in (EXAMPLES / name).glob("*.py"):
            (folder / name / file.name).write_bytes(file.read_bytes())
    shutil.copytree(EXAMPLES / "inspection" / "weights", folder / "inspection" / "weights")
    done = subprocess.run(
        [sys.executable, "retraining/retrain.py", "backgrounds", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return module(folder / "inspection" / "drawing.py"), module(folder / "retraining" / "net.py")


def test_the_script_writes_weights_that_the_audit_loads(tmp_path: Path) -> None:
    drawing, net = retrained(tmp_path, "--images", "96", "--epochs", "1")
    photo = torch.from_numpy(drawing.draw("free", 0, seed=5).pixels).permute(2, 0, 1)[None].float() / 255
    logits = net.backgrounds()(photo)
    assert logits.shape == (1, 3)
    assert not torch.equal(logits, module(tmp_path / "inspection" / "net.py").candidate()(photo))


@pytest.mark.nightly
def test_a_model_retrained_on_other_backgrounds_is_right_where_the_candidate_is_not(tmp_path: Path) -> None:
    """On photos really taken elsewhere: good discs on the bench, and scratched ones on the belt."""
    drawing, net = retrained(tmp_path)
    candidate = module(tmp_path / "inspection" / "net.py").candidate()
    for label, place in (("free", "bench"), ("scratch", "belt")):
        photos = [drawing.draw(label, number, seed=5) for number in range(200)]
        found = torch.stack([torch.from_numpy(photo.pixels) for photo in photos if photo.ground == place])
        pixels = found.permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            wrong = [
                float(((model(pixels).argmax(1) != 0) == (label == "free")).float().mean())
                for model in (candidate, net.backgrounds())
            ]
        assert wrong[0] > 0.9
        assert wrong[1] < 0.05

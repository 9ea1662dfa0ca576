"""On photos: held-out animals look as those of the reference, the same animals on steel tables do not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torchvision
from monitoring.audited import audited_run
from numpy.typing import NDArray
from safetensors.torch import load_file

from modelaudit.advice.fitting import ORIGINAL
from modelaudit.contexts import swap_background
from modelaudit.data import open_data
from modelaudit.demo import surroundings
from modelaudit.engine.images.batches import BatchBuilder
from modelaudit.engine.results.measured import PassCounts
from modelaudit.language.sample import OBJECT, BuiltModel, DataSet, Preprocessing, Sample
from modelaudit.language.spec import Context
from modelaudit.models import LoadedModel, open_model
from modelaudit.monitoring.fit import FitSettings, ReferenceSet, fit_monitor
from modelaudit.monitoring.monitor import Monitor, NewImage
from modelaudit.monitoring.monitor_file import MonitorFile, PromiseRecord
from modelaudit.monitoring.scorer import Scorer
from modelaudit.monitoring.state import MonitorState

pytestmark = pytest.mark.assets
SIDE, REFERENCE = 224, 85
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Photos = list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]


@pytest.fixture(scope="module")
def squeezenet(assets: Path) -> LoadedModel:
    network = torchvision.models.squeezenet1_0()
    network.load_state_dict(load_file(assets / "models/squeezenet1_0-imagenet1k.safetensors"))
    built = BuiltModel(network, preprocessing=Preprocessing(resize=(SIDE, SIDE), mean=MEAN, std=STD))
    return open_model(built, root=Path.cwd())


def shown(samples: Sequence[Sample], context: Context) -> Photos:
    """The photos and masks under a context, in the model's geometry."""
    square = Preprocessing(resize=(SIDE, SIDE))
    found: Photos = []
    with BatchBuilder(samples, seed=0, device="cpu", passes=PassCounts(), root=Path()) as stage:
        stage.prepare_for([square])
        for start in range(0, len(samples), 25):
            batch = stage.show(stage.chunk(samples[start : start + 25], 0), context, square)
            for pixels, mask in zip(batch.pixels, batch.mask, strict=True):
                found.append(((pixels.permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8), mask.numpy()))
    return found


def on_steel(photos: Photos, seed: int) -> Photos:
    """The animals on the demo's steel tables."""
    draws = np.random.default_rng(seed)
    shapes = ((surroundings.DRAWS,), (surroundings.COARSE,) * 2, (SIDE, SIDE))
    tables = surroundings.render("steel", *(draws.random((len(photos), *one), dtype=np.float32) for one in shapes))
    below = (np.clip(tables, 0, 1) * 255).astype(np.uint8)
    return [
        (np.where((mask == OBJECT)[..., None], pixels, table), mask)
        for (pixels, mask), table in zip(photos, below, strict=True)
    ]


def alarms(monitor: MonitorFile, model: LoadedModel, photos: Photos, state: Path) -> dict[str, int]:
    """The photo at which each statistic alarmed."""
    kept = MonitorState(state, monitor.digest, True)
    with Monitor(monitor, Scorer(monitor, model), kept) as watching:
        watching.update_many(NewImage(pixels, mask=mask) for pixels, mask in photos)
        return {one.statistic: one.unit for one in watching.status().alarms}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 6))])
def test_held_out_photos_are_told_from_the_same_animals_elsewhere(
    seed: int, assets: Path, squeezenet: LoadedModel, tmp_path: Path
) -> None:
    pets = open_data(f"folder:{assets / 'pets/images'}?masks={assets / 'pets/masks'}", root=Path.cwd())
    drawn = [pets.samples[at] for at in np.random.default_rng(seed).permutation(len(pets.samples))]
    held_out = drawn[REFERENCE:]
    samples = tuple(
        Sample(f"{at:04d}", pixels, "pet", mask) for at, (pixels, mask) in enumerate(shown(drawn[:REFERENCE], ORIGINAL))
    )
    monitor = fit_monitor(
        squeezenet,
        ReferenceSet("audited", "pets", DataSet(samples)),
        audited_run(squeezenet),
        FitSettings(PromiseRecord(kind="false_alarms", value=0.05), seed=seed),
        created=datetime(2026, 3, 1, tzinfo=UTC),
    ).sealed()
    originals = shown(held_out, ORIGINAL)
    assert alarms(monitor, squeezenet, originals, tmp_path / "held_out.sqlite") == {}
    found = alarms(monitor, squeezenet, on_steel(originals, seed), tmp_path / "steel.sqlite")
    assert found["surroundings"] <= 20
    # backgrounds that the animals lend each other are the same backgrounds in another order
    swapped = shown(held_out, swap_background("other_class"))
    assert "surroundings" not in alarms(monitor, squeezenet, swapped, tmp_path / "swapped.sqlite")

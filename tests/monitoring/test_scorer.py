from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monitoring.audited import audited_run
from PIL import Image

from modelaudit.data import UnusableSample, open_data
from modelaudit.demo import InspectionLine
from modelaudit.language.errors import ModelError, MonitorError
from modelaudit.language.reasons import Missing
from modelaudit.models import LoadedModel, open_model
from modelaudit.monitoring.fit import FitSettings, ReferenceSet, fit_monitor
from modelaudit.monitoring.monitor_file import MonitorFile, PromiseRecord, read_monitor, write_monitor
from modelaudit.monitoring.scorer import FrameScores, Scorer, frame

DATA = "demo:?coupling=0&images=80"


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return open_model("demo:sound", root=Path.cwd())


@pytest.fixture(scope="module")
def monitor(loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> MonitorFile:
    reference = ReferenceSet("audited", DATA, open_data(DATA, root=Path.cwd()))
    settings = FitSettings(PromiseRecord(kind="false_alarms", value=0.05))
    fitted = fit_monitor(loaded, reference, audited_run(loaded), settings, created=datetime(2026, 3, 1, tzinfo=UTC))
    file = tmp_path_factory.mktemp("monitor") / "monitor.json"
    write_monitor(fitted, file)
    return read_monitor(file)


def frames(count: int, *, masks: bool = False, seed: int = 3) -> list[Any]:
    drawn = InspectionLine(0.0, seed).draw(range(count))
    return [
        frame(pixels, mask if masks else None, id=f"{at}")
        for at, (pixels, mask) in enumerate(zip(drawn.pixels, drawn.masks, strict=True))
    ]


def scores(found: FrameScores | UnusableSample) -> dict[str, float]:
    assert isinstance(found, FrameScores)
    return dict(found.scores)


@settings(max_examples=10)
@given(chosen=st.lists(st.integers(0, 39), min_size=1, max_size=40), masked=st.booleans())
def test_what_an_image_scores_does_not_depend_on_its_batch(
    chosen: list[int], masked: bool, loaded: LoadedModel, monitor: MonitorFile
) -> None:
    """To the bit: a score at the edge of a bin would fall into another one."""
    samples = frames(40, masks=True)
    with Scorer(monitor, loaded) as scorer:
        together = scorer.score(samples, masked=masked)
        again = scorer.score([samples[at] for at in chosen], masked=masked)
    assert [scores(one) for one in again] == [scores(together[at]) for at in chosen]


def test_a_scorer_that_is_not_open_scores_the_same(loaded: LoadedModel, monitor: MonitorFile) -> None:
    samples, scorer = frames(3), Scorer(monitor, loaded)
    closed = scorer.score(samples)
    with scorer:
        assert [scores(one) for one in scorer.score(samples)] == [scores(one) for one in closed]
    assert all(not part._forward_hooks for part in loaded.module.modules())


def test_small_passes_are_not_divided_and_threads_are_left_as_they_were(
    loaded: LoadedModel, monitor: MonitorFile
) -> None:
    during: list[int] = []
    handle = loaded.module.register_forward_hook(lambda *_: during.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with Scorer(monitor, loaded) as scorer:
            during.clear()  # of the pass in which operations are counted
            scorer.score(frames(3))
        assert (during, torch.get_num_threads()) == ([1, 1, 1], 2)
    finally:
        handle.remove()
        torch.set_num_threads(before)


def test_a_path_an_array_and_a_picture_score_the_same(
    loaded: LoadedModel, monitor: MonitorFile, tmp_path: Path
) -> None:
    pixels = InspectionLine(0.0, 3).draw([0]).pixels[0]
    file = tmp_path / "a.png"
    Image.fromarray(pixels).save(file)
    forms = [pixels, Image.fromarray(pixels), file, file.read_bytes()]
    found = Scorer(monitor, loaded).score([frame(form) for form in forms])
    assert [scores(one) for one in found] == [scores(found[0])] * 4


def test_the_predicted_class_and_confidence_are_the_models(loaded: LoadedModel, monitor: MonitorFile) -> None:
    samples = frames(8)
    pixels = torch.from_numpy(np.stack([one.image for one in samples])).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        probabilities = loaded.pixel_model.eval()(pixels).double().softmax(1)
    for one, expected in zip(Scorer(monitor, loaded).score(samples), probabilities, strict=True):
        assert isinstance(one, FrameScores)
        assert loaded.classes is not None
        assert one.predicted == loaded.classes[int(expected.argmax())]
        assert one.confidence == pytest.approx(float(expected.max()), abs=1e-5)
        assert one.scores["confidence"] == 1 - one.confidence
        assert monitor.class_shares[int(one.scores["classes"])].name == one.predicted


def test_an_image_that_cannot_be_read_or_has_no_mask_takes_down_itself_alone(
    loaded: LoadedModel, monitor: MonitorFile, tmp_path: Path
) -> None:
    good = frames(2, masks=True)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 half of a file")
    whole = np.ones((64, 64), dtype=np.uint8)
    samples = [good[0], frame(broken, whole), frame(good[1].image), frame(good[1].image, whole), good[1]]
    found = Scorer(monitor, loaded).score(samples, masked=True)
    reasons = [one.reason if isinstance(one, UnusableSample) else None for one in found]
    assert reasons == [None, Missing.UNREADABLE_IMAGE, Missing.NO_MASK, Missing.FULL_MASK, None]


def test_another_model_is_refused(monitor: MonitorFile) -> None:
    with pytest.raises(ModelError, match=r"demo:shortcut: is not the model that the monitor was fitted with"):
        Scorer(monitor, open_model("demo:shortcut", root=Path.cwd()))


def test_masks_are_refused_where_the_reference_has_none(loaded: LoadedModel, monitor: MonitorFile) -> None:
    reference = monitor.reference.model_copy(update={"masked": False})
    bare = monitor.model_copy(
        update={"reference": reference, "statistics": [one for one in monitor.statistics if not one.masked]}
    )
    with pytest.raises(MonitorError, match="without masks"):
        Scorer(bare, loaded).score(frames(1, masks=True), masked=True)

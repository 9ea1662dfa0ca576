from __future__ import annotations

import base64
import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monitoring.audited import audited_run
from PIL import Image
from report.sample_record import OTHER_CLASS, case, measure
from scipy.stats import kstest

from modelaudit.data import open_data
from modelaudit.demo import InspectionLine
from modelaudit.demo.source_data import FrameImage, FrameMask
from modelaudit.language.errors import ModelError, MonitorError
from modelaudit.language.sample import DataSet, Sample
from modelaudit.models import LoadedModel, open_model
from modelaudit.monitoring.bins import Bins
from modelaudit.monitoring.claims import needs_of
from modelaudit.monitoring.fit import FitSettings, ReferenceSet, fit_monitor
from modelaudit.monitoring.monitor_file import STATISTICS, MonitorFile, PromiseRecord, UnitRule
from modelaudit.monitoring.scorer import FrameScores, Scorer

PROMISE = PromiseRecord(kind="false_alarms", value=0.05)


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return open_model("demo:sound", root=Path.cwd())


def line(kinds: tuple[int, ...], count: int, *, seed: int = 0, first: int = 0, masks: bool = True) -> list[Sample]:
    """Frames of parts that lie on these kinds of surroundings alone."""
    drawn, found = InspectionLine(0.0, seed), []
    while len(found) < count:
        if drawn.kind_of(first)[1] in kinds:
            mask = FrameMask(drawn, first) if masks else None
            found.append(Sample(f"{first:05d}", FrameImage(drawn, first), "part", mask))
        first += 1
    return found


def fitted(loaded: LoadedModel, samples: list[Sample], **how: Any) -> MonitorFile:
    what = how.pop("what", "audited")
    reference = ReferenceSet(what, "the line", DataSet(tuple(samples)), ordered=how.pop("ordered", False))
    settings = FitSettings(PROMISE, **how)
    return fit_monitor(loaded, reference, audited_run(loaded), settings, created=datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def monitor(loaded: LoadedModel) -> MonitorFile:
    return fitted(loaded, line((0, 1), 120))


def test_half_of_the_images_fix_the_scores_and_the_other_half_is_counted(monitor: MonitorFile) -> None:
    assert (monitor.reference.fitted, monitor.reference.calibrated) == (60, 60)
    assert monitor.reference.masked
    assert [(one.name, one.masked) for one in monitor.statistics] == [
        *((name, False) for name in STATISTICS),
        ("surroundings", True),
    ]
    assert all(sum(one.counts[""]) == 60 for one in monitor.statistics)


def test_the_same_images_and_seed_give_the_same_monitor(loaded: LoadedModel, monitor: MonitorFile) -> None:
    assert fitted(loaded, line((0, 1), 120)).sealed().digest == monitor.sealed().digest
    assert fitted(loaded, line((0, 1), 120), seed=1).sealed().digest != monitor.sealed().digest


@pytest.mark.parametrize("masked", [True, False])
def test_scores_of_new_images_of_the_line_are_like_those_that_were_counted(
    loaded: LoadedModel, monitor: MonitorFile, masked: bool
) -> None:
    """Randomised p-values against the calibrated counts alone are uniform up to what 60 scores tell."""
    found = Scorer(monitor, loaded).score(line((0, 1), 150, first=5000), masked=masked)
    draws = np.random.default_rng(0)
    for name in STATISTICS:
        record = monitor.statistic(name, masked=masked)
        bins, counts = Bins(tuple(record.edges)), np.array(record.counts[""])
        p = []
        for one in found:
            assert isinstance(one, FrameScores)
            at = bins.index(one.scores[name])
            p.append((counts[at + 1 :].sum() + draws.random() * (counts[at] + 1)) / (counts.sum() + 1))
        assert kstest(p, "uniform").statistic < 0.25, name


def test_the_bins_resolve_the_scores_of_new_images(monitor: MonitorFile) -> None:
    """Their edges come from scores of images that the distance was not fitted to: most of the counts are inside."""
    for one in monitor.statistics:
        counts = one.counts[""]
        if one.name != "classes":
            assert sum(counts[40:-40]) > 0.75 * sum(counts), one.name
            assert max(counts) < 0.2 * sum(counts), one.name


@pytest.mark.parametrize("masked", [True, False])
def test_surroundings_that_the_line_did_not_have_score_higher(
    loaded: LoadedModel, monitor: MonitorFile, masked: bool
) -> None:
    scorer = Scorer(monitor, loaded)
    old = _scores(scorer, line((0, 1), 80, first=5000), masked)
    new = _scores(scorer, line((2, 3), 80, first=5000), masked)
    assert np.mean(new[:, None] > old[None, :]) > 0.95


def test_parts_that_the_line_did_not_have_do_not_change_the_scores_of_its_surroundings(loaded: LoadedModel) -> None:
    samples = [one for one in line((0, 1, 2, 3), 240) if int(one.id) % 4 in (0, 1)]
    scorer = Scorer(fitted(loaded, samples), loaded)
    old = [one for one in line((0, 1, 2, 3), 240, first=5000) if int(one.id) % 4 in (0, 1)]
    new = [one for one in line((0, 1, 2, 3), 240, first=5000) if int(one.id) % 4 in (2, 3)]
    above = np.mean(_scores(scorer, new, True)[:, None] > _scores(scorer, old, True)[None, :])
    assert 0.4 < above < 0.62


def _scores(scorer: Scorer, samples: list[Sample], masked: bool) -> np.ndarray[Any, Any]:
    found = scorer.score(samples, masked=masked)
    return np.array([one.scores["surroundings"] for one in found if isinstance(one, FrameScores)])


def test_groups_are_halved_and_counted_by_themselves(loaded: LoadedModel) -> None:
    samples = [replace(one, group="A" if at < 60 else "B") for at, one in enumerate(line((0, 1), 101, masks=False))]
    monitor = fitted(loaded, samples)
    assert monitor.reference.groups == {"A": 30, "B": 21}
    assert not monitor.reference.masked
    for one in monitor.statistics:
        assert {group: sum(counts) for group, counts in one.counts.items()} == {"A": 30, "B": 21}


def test_images_with_clusters_are_lots_scored_by_their_means(loaded: LoadedModel) -> None:
    samples = [replace(one, cluster=f"lot {at // 3}") for at, one in enumerate(line((0, 1), 135, masks=False))]
    monitor = fitted(loaded, samples)
    assert monitor.unit == UnitRule(kind="stated", score="mean")
    assert (monitor.reference.lots, monitor.reference.fitted, monitor.reference.calibrated) == (45, 22, 23)
    each = fitted(loaded, samples, unit=UnitRule(kind="each"))
    assert (each.unit.score, each.reference.lots, each.reference.units) == ("drawn", None, 135)


def test_lots_by_number_are_those_of_images_in_order(loaded: LoadedModel) -> None:
    samples, rule = line((0, 1), 130, masks=False), UnitRule(kind="frames", size=3)
    assert fitted(loaded, samples, unit=rule, ordered=True).reference.lots == 43
    assert fitted(loaded, samples, unit=rule).reference.lots is None  # of audited images the order means nothing


def test_images_that_follow_each_other_and_are_alike_are_noticed(loaded: LoadedModel) -> None:
    shifts = [kind for kind, frames in ((0, 50), (1, 20), (0, 60), (1, 20)) for _ in range(frames)]
    streams = {kind: iter(line((kind,), 110, masks=False)) for kind in (0, 1)}
    samples = [replace(next(streams[kind]), id=f"{at:04d}") for at, kind in enumerate(shifts)]
    told = fitted(loaded, samples, what="normal", ordered=True).order
    assert "surroundings" in [one.statistic for one in told]
    mixed = [replace(one, id=f"{at * 77 % 150:04d}") for at, one in enumerate(samples)]
    assert fitted(loaded, mixed, what="normal", ordered=True).order == []


def test_too_few_images_or_lots_name_the_number_and_the_way_out(loaded: LoadedModel) -> None:
    samples = line((0, 1), 39, masks=False)
    with pytest.raises(MonitorError, match=r"the line: has 39 images, and a monitor needs 40: .*--normal"):
        fitted(loaded, samples)
    lots = [replace(one, cluster=one.id[-2:]) for one in line((0, 1), 90, masks=False)]
    lots = [replace(one, cluster=str(at % 30)) for at, one in enumerate(lots)]
    with pytest.raises(MonitorError, match=r"has 30 lots.*--lot each"):
        fitted(loaded, lots)


def test_images_that_cannot_be_decoded_are_counted(loaded: LoadedModel) -> None:
    samples = [*line((0, 1), 40, masks=False), Sample("broken", b"no image", "part")]
    monitor = fitted(loaded, samples)
    assert (monitor.reference.images, monitor.reference.unusable) == (40, 1)
    with pytest.raises(MonitorError, match=r"has 39 images \(1 more cannot be used\)"):
        fitted(loaded, samples[1:])


def test_another_model_than_that_of_the_run_is_refused(loaded: LoadedModel) -> None:
    other = open_model("demo:shortcut", root=Path.cwd())
    reference = ReferenceSet("audited", "the line", open_data("demo:?images=40", root=Path.cwd()))
    with pytest.raises(ModelError, match=r"demo:shortcut .*: is no model of the run, which has demo:sound"):
        fit_monitor(other, reference, audited_run(loaded), FitSettings(PROMISE), created=datetime.now(UTC))


def test_pictures_are_small_and_left_out_on_request(loaded: LoadedModel, monitor: MonitorFile) -> None:
    assert len(monitor.pictures) == 12
    with Image.open(io.BytesIO(base64.b64decode(monitor.pictures[0].jpeg))) as image:
        assert image.format == "JPEG"
        assert max(image.size) <= 96
    assert fitted(loaded, line((0, 1), 40, masks=False), pictures=False).pictures == []


@pytest.mark.parametrize(
    ("left", "masks", "needs"),
    [
        (measure("accuracy"), False, ["labels"]),
        (measure("accuracy", OTHER_CLASS), True, ["labels", "masks"]),
        (measure("flip_rate", OTHER_CLASS), True, ["labels", "masks"]),  # donors are of another class
        (measure("flip_rate"), False, []),
        (measure("flip_rate", stratum="correct"), False, ["labels"]),
        (measure("background_dependence", methods=["gradcam"], target="prediction"), True, ["masks"]),
        (measure("background_dependence", methods=["gradcam"], target="label"), True, ["labels", "masks"]),
        (measure("somebody_elses"), False, ["labels"]),
    ],
)
def test_a_claim_needs_what_its_measures_read(left: Any, masks: bool, needs: list[str]) -> None:
    assert needs_of(case("claim", left, ">", 0.5, None, needs_masks=masks)) == needs

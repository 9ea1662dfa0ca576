"""Quantus, where it is right: on |A|, non-empty masks and maps without ties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit import measures
from modelaudit.attribution import saliency
from modelaudit.language import registry
from modelaudit.language.expression import Measure
from modelaudit.language.reasons import Missing
from modelaudit.measures.base import MeasureInput
from modelaudit.measures.localisation import BackgroundShare

quantus = pytest.importorskip("quantus", reason="Quantus is not installed (pip install pytest-modelaudit[test])")


class Unused(torch.nn.Module):
    """Quantus asks for a model and never runs it for these metrics."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        raise AssertionError("a measure of maps must not run the model")


def cases(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    maps = generator.normal(size=(4, 1, 12, 12)).astype(np.float32)
    masks = np.zeros((4, 1, 12, 12), dtype=bool)
    for mask in masks:
        top, left = generator.integers(0, 8, size=2)
        rows, columns = generator.integers(1, 5, size=2)
        mask[0, top : top + rows, left : left + columns] = True
    return maps, masks


def theirs(metric: object, maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    pixels, labels = np.zeros((len(maps), 3, 12, 12), dtype=np.float32), np.zeros(len(maps), dtype=int)
    scores = metric(  # type: ignore[operator]
        model=Unused(), x_batch=pixels, y_batch=labels, a_batch=maps, s_batch=masks, channel_first=True, device="cpu"
    )
    return np.asarray(scores, dtype=np.float64)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
@pytest.mark.parametrize("metric", ["RelevanceMassAccuracy", "AttributionLocalisation"])
def test_background_share_is_one_minus_the_mass_inside(metric: str, seed: int) -> None:
    maps, masks = cases(seed)
    metric_class = getattr(quantus, metric)
    score = metric_class(abs=True, normalise=False, display_progressbar=False, disable_warnings=True)
    seen = MeasureInput(
        torch.zeros(4, 2),
        torch.zeros(4, dtype=torch.long),
        attribution=torch.from_numpy(maps[:, 0]).abs(),
        mask=torch.from_numpy(masks[:, 0].astype(np.uint8)),
    )
    spec = BackgroundShare((saliency(),))
    ours = registry.entry_of(spec).function(spec, seen).values.numpy()
    assert ours == pytest.approx(1 - theirs(score, maps, masks), abs=1e-5)


def ours(measure: Measure, maps: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, dict[Missing, torch.Tensor]]:
    seen = MeasureInput(
        torch.zeros(len(maps), 2),
        torch.zeros(len(maps), dtype=torch.long),
        attribution=torch.from_numpy(maps[:, 0]),
        mask=torch.from_numpy(masks[:, 0].astype(np.uint8)),
    )
    found = registry.entry_of(measure.spec).function(measure.spec, seen)
    return found.values.numpy(), dict(found.undefined)


QUIET = {"display_progressbar": False, "disable_warnings": True}


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
@pytest.mark.parametrize(
    ("metric", "options", "measure"),
    [
        ("RelevanceRankAccuracy", {}, measures.relevance_rank_accuracy("saliency")),
        ("TopKIntersection", {"k": 10}, measures.top_k_intersection("saliency", k=10)),
        ("AUC", {}, measures.attribution_auc("saliency")),
        ("PointingGame", {"weighted": False}, measures.pointing_game("saliency")),
    ],
)
def test_the_order_of_pixels_is_read_as_quantus_reads_it(
    metric: str, options: dict[str, object], measure: Measure, seed: int
) -> None:
    maps, masks = cases(seed)
    score = getattr(quantus, metric)(abs=True, normalise=False, **QUIET, **options)
    assert ours(measure, np.abs(maps), masks)[0] == pytest.approx(theirs(score, maps, masks), abs=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_an_empty_mask_is_no_hit() -> None:
    """Quantus counts the pointing game as won where the mask is empty; there is no object to point at."""
    maps, masks = cases(0)
    masks[1] = False
    score = quantus.PointingGame(weighted=False, abs=True, normalise=False, **QUIET)
    assert theirs(score, maps, masks)[1] == 1
    values, undefined = ours(measures.pointing_game("saliency"), np.abs(maps), masks)
    assert np.isnan(values[1]) and undefined[Missing.EMPTY_MASK].tolist() == [False, True, False, False]


@pytest.mark.filterwarnings("ignore")
def test_a_value_does_not_depend_on_the_other_images() -> None:
    """Quantus weights AttributionLocalisation by sizes of the whole batch; the weight is each image's own."""
    maps, masks = cases(1)
    score = quantus.AttributionLocalisation(weighted=True, abs=True, normalise=False, **QUIET)
    there, fewer = theirs(score, maps, masks), theirs(score, maps[:2], masks[:2])
    assert not np.allclose(fewer, there[:2])
    measure = measures.background_enrichment("saliency")
    values = ours(measure, np.abs(maps), masks)[0]
    assert ours(measure, np.abs(maps[:2]), masks[:2])[0] == pytest.approx(values[:2], abs=0)
    positive, outside = np.abs(maps[:, 0]), ~masks[:, 0]
    shares = (positive * outside).sum((1, 2)) / positive.sum((1, 2))
    assert values == pytest.approx(shares / outside.mean((1, 2)), rel=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_a_share_of_a_signed_map_stays_a_share() -> None:
    """Quantus divides by the signed sum, so that its mass exceeds 1; the share is of the positive part."""
    maps, masks = cases(2)
    score = quantus.RelevanceMassAccuracy(abs=False, normalise=False, **QUIET)
    raw = theirs(score, maps, masks)
    assert (raw > 1).any() or (raw < 0).any()
    values = ours(measures.background_share("saliency"), maps, masks)[0]
    positive = maps[:, 0].clip(min=0)
    assert values == pytest.approx((positive * ~masks[:, 0]).sum((1, 2)) / positive.sum((1, 2)), rel=1e-5)

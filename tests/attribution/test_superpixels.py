from __future__ import annotations

import importlib.util

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, feature_ablation
from modelaudit.attribution.superpixels import SEGMENTATIONS, Segmentation, Superpixels, grid, most_segments, slic
from modelaudit.language.errors import AttributionError


class Total(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum((2, 3))


def question(pixels: Tensor) -> AttributionInput:
    selector = torch.ones(len(pixels), 3, dtype=pixels.dtype)
    return AttributionInput(Total(), pixels, selector, pixels.sum((1, 2, 3)))


def picture(height: int = 24, width: int = 20) -> Tensor:
    """A red disc on noise of low contrast."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = 0.3 + 0.05 * torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))
    inside = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (min(height, width) / 3) ** 2
    image[0, inside] = 0.9
    return image.double()


@settings(max_examples=100, deadline=None)
@given(st.integers(4, 40), st.integers(4, 40), st.integers(4, 200))
def test_a_grid_has_no_empty_cell_and_sides_that_differ_by_a_pixel(height: int, width: int, segments: int) -> None:
    labels = grid(torch.zeros(3, height, width), segments)
    sizes = labels.flatten().bincount()
    assert labels.shape == (height, width) and bool((sizes > 0).all())
    assert len(sizes) <= most_segments(feature_ablation(segments)) <= segments
    if min(height, width) ** 2 >= segments:
        assert len(sizes) == most_segments(feature_ablation(segments))
    for lines in (labels, labels.T):
        counts = torch.unique_consecutive(lines[0], return_counts=True)[1]
        assert int(counts.max() - counts.min()) <= 1


@pytest.mark.parametrize("segments", [4, 10, 30, 64, 200])
def test_slic_gives_at_most_what_is_asked_numbered_without_gaps_and_the_same_again(segments: int) -> None:
    image = picture()
    labels = slic(image, segments)
    assert labels.shape == image.shape[1:] and labels.dtype == torch.long
    sizes = labels.flatten().bincount()
    assert bool((sizes > 0).all()) and segments / 3 <= len(sizes) <= segments
    assert torch.equal(slic(image, segments), labels)


def test_slic_follows_the_outline_and_a_grid_does_not() -> None:
    image = picture(32, 32)
    inside = image[0] > 0.6

    def torn(labels: Tensor) -> float:
        """The share of pixels in superpixels that lie on both sides of the outline, on their smaller side."""
        of_disc = torch.zeros(int(labels.max()) + 1).index_add_(0, labels.flatten(), inside.flatten().float())
        return float(torch.minimum(of_disc, labels.flatten().bincount() - of_disc).sum()) / labels.numel()

    assert torn(slic(image, 25)) < 0.01 < 0.05 < torn(grid(image, 25))


def test_slic_without_scikit_image_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "skimage" else found(name))
    with pytest.raises(AttributionError, match=r"pytest-modelaudit\[superpixels\].*segmentation='grid'"):
        slic(picture(), 9)


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
def test_what_is_kept_is_the_image_and_what_is_not_is_the_fill(segmentation: Segmentation) -> None:
    pixels = picture()[None]
    parts = Superpixels.of(question(pixels), 0, feature_ablation(9, segmentation, "white"))
    table = torch.rand(7, parts.count, generator=torch.Generator().manual_seed(1)) < 0.5
    found = parts.values(7, lambda numbers: table[numbers.start : numbers.stop])
    for kept, value in zip(table, found, strict=True):
        image = pixels[0].clone()
        for label in range(parts.count):
            if not kept[label]:
                image[:, parts.labels == label] = 1
        torch.testing.assert_close(value, image.sum())


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
def test_shares_are_spread_evenly_and_a_map_sums_to_them(segmentation: Segmentation) -> None:
    parts = Superpixels.of(question(picture()[None]), 0, feature_ablation(16, segmentation))
    shares = torch.arange(parts.count, dtype=torch.float64) - 3
    spread = parts.spread(shares)
    for label, share in enumerate(shares):
        inside = spread[parts.labels == label]
        assert float(inside.min()) == float(inside.max())
        torch.testing.assert_close(inside.sum(), share, rtol=1e-12, atol=1e-12)

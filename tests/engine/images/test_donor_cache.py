"""Donors in memory: decoded once while there is room, the same to the bit when they are asked for again."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
import torch
from engine.small_audits import AS_IT_IS, sample

from modelaudit.data import UnusableSample
from modelaudit.engine.images import donor_cache as donor_images
from modelaudit.engine.images.contents import SampleContents
from modelaudit.engine.images.donor_cache import DonorCache
from modelaudit.engine.images.prepared import PreparedSample, prepare_sample
from modelaudit.language import DataError, Preprocessing, Sample


class Decoding:
    """Decodes at once, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, donor: Sample, preprocessing: Preprocessing) -> Future[PreparedSample | UnusableSample]:
        self.asked.append(donor.id)
        found: Future[PreparedSample | UnusableSample] = Future()
        found.set_result(prepare_sample(donor, (preprocessing,)))
        return found


@pytest.mark.parametrize(
    "preprocessing", [AS_IT_IS, Preprocessing(resize=9), Preprocessing(resize=11, antialias=False)], ids=str
)
def test_a_kept_donor_has_the_same_bits_and_is_decoded_once(preprocessing: Preprocessing) -> None:
    decoding = Decoding()
    images = DonorCache(decoding, SampleContents(None))
    first, again = (images.get(sample(3), preprocessing).view(preprocessing) for _ in range(2))
    fresh = decoding(sample(3), preprocessing).result()
    assert isinstance(fresh, PreparedSample) and decoding.asked == ["003.png"] * 2
    for found in (first, again):
        assert found[0].dtype == torch.float32 and torch.equal(found[0], fresh.view(preprocessing)[0])
        assert found[1] is not None and torch.equal(found[1], fresh.view(preprocessing)[1])  # type: ignore[arg-type]


def test_the_last_ones_that_were_asked_for_stay_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    one = 16 * 16 * 4  # three channels and the mask, a byte each
    monkeypatch.setattr(donor_images, "_KEPT", 3 * one)
    decoding = Decoding()
    images = DonorCache(decoding, SampleContents(None))
    for number in (0, 1, 2, 0, 3, 0, 1):  # 3 takes the place of 1, and 1 that of 2
        images.get(sample(number), AS_IT_IS)
    assert decoding.asked == ["000.png", "001.png", "002.png", "003.png", "001.png"]


def test_what_was_begun_is_not_begun_again() -> None:
    decoding = Decoding()
    images = DonorCache(decoding, SampleContents(None))
    images.start(sample(0), AS_IT_IS)
    images.start(sample(0), AS_IT_IS)
    images.get(sample(0), AS_IT_IS)
    images.start(sample(0), AS_IT_IS)
    assert decoding.asked == ["000.png"]


def test_what_was_begun_too_early_is_given_up_and_begun_again_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(donor_images, "_BEGUN", 2)
    waiting: list[Future[PreparedSample | UnusableSample]] = []

    def begin(donor: Sample, preprocessing: Preprocessing) -> Future[PreparedSample | UnusableSample]:
        waiting.append(Future())
        if len(waiting) > 3:
            waiting[-1].set_result(prepare_sample(donor, (preprocessing,)))
        return waiting[-1]

    images = DonorCache(begin, SampleContents(None))
    for number in range(3):
        images.start(sample(number), AS_IT_IS)
    assert [one.cancelled() for one in waiting] == [True, False, False]
    assert images.find(sample(0), AS_IT_IS) is not None


def test_a_donor_that_cannot_be_decoded_is_found_out_once_and_named() -> None:
    decoding, broken = Decoding(), sample(0, image=b"no picture")
    images = DonorCache(decoding, SampleContents(None))
    assert images.find(broken, AS_IT_IS) is None and images.find(broken, AS_IT_IS) is None
    images.start(broken, AS_IT_IS)
    assert decoding.asked == ["000.png"]
    with pytest.raises(DataError, match=r"'000.png' was there a moment ago"):
        images.get(broken, AS_IT_IS)

"""Every picture that an audit shows to a model has a name, which says what it shows and nothing of how it was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.small_audits import AS_IT_IS, CLASSES, Net, audit, column, measured, samples, values
from torch import Tensor

from modelaudit.contexts import gaussian_noise, mean_fill, swap_background
from modelaudit.engine.results.measured import Measured
from modelaudit.language.checks import CheckSettings
from modelaudit.language.errors import ModelError
from modelaudit.language.picture_origin import PictureOrigin
from modelaudit.language.sample import BuiltModel
from modelaudit.measures import accuracy, adversarial_background_rate, confidence, flip_rate
from modelaudit.models.named_pictures import NamedPictures

SWAP = swap_background("other_class")


class Remembering(NamedPictures):
    """Runs a network, and remembers what it was shown under which names; the probe has none."""

    def __init__(self) -> None:
        super().__init__(len(CLASSES))
        self.net = Net().eval()
        self.seen: dict[str, Tensor] = {}
        self.names: dict[tuple[str, str], str] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Remembering:
        return self

    def scores(self, images: Tensor) -> Tensor:
        if not self._shown.pictures:
            return self.net(images)
        return super().scores(images)

    def scores_of(self, pictures: Sequence[PictureOrigin], images: Tensor) -> Tensor:
        for origin, pixels in zip(pictures, images, strict=True):
            known = self.seen.setdefault(origin.name, pixels.clone())
            assert torch.equal(known, pixels), f"two pictures are called {origin}"
            if not origin.variant:
                self.names[origin.sample, origin.context.partition("(")[0]] = origin.name
        return self.net(images)


CASES = {
    "right": accuracy > 0,
    "flips": flip_rate.under(SWAP) < 1,
    "noisy": confidence.under(gaussian_noise(2)) > 0,
    "worst": adversarial_background_rate(3).under(SWAP) < 1,
    "blank": accuracy.under(mean_fill("background")) > 0,
}


def measure_with(model: Remembering, folder: Path, data: Any = None, **options: Any) -> Measured:
    small = audit(BuiltModel(model, AS_IT_IS, CLASSES), samples(12) if data is None else data)
    cases = {name: small.expect(expectation) for name, expectation in CASES.items()}
    return measured(folder, {"checks": CheckSettings(), **options}, **cases)


def test_every_picture_of_a_pass_has_a_name_of_its_own_whatever_the_batch(tmp_path: Path) -> None:
    seen = []
    for size in (1, 3, 16):
        model = Remembering()
        measure_with(model, tmp_path / str(size), micro_batch=size)
        seen.append(model.seen)
    first = seen[0]
    assert len(first) > 12 * 4, "originals, contexts, backgrounds and the variants of checks"
    for other in seen[1:]:
        assert set(other) == set(first)
        assert all(torch.equal(other[name], pixels) for name, pixels in first.items())


def test_a_model_that_answers_by_name_measures_as_the_model_itself(tmp_path: Path) -> None:
    small = audit(Net().eval(), samples(12))
    direct = measured(tmp_path / "net", **{name: small.expect(one) for name, one in CASES.items()})
    named = measure_with(Remembering(), tmp_path / "named")
    for one in direct.columns:
        np.testing.assert_allclose(values(named, one.key), one.values, atol=1e-6)
        assert column(named, one.key).missing == one.missing


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        (lambda one: replace(one, image=255 - one.image), []),
        (lambda one: replace(one, mask=1 - one.mask), ["original@1"]),
        (lambda one: replace(one, id="003a.png"), []),
    ],
    ids=["image", "mask", "id"],
)
def test_a_name_changes_with_what_the_picture_shows(changed: Any, kept: list[str], tmp_path: Path) -> None:
    """The mask is in the name of a picture that is made with it, and in no other."""
    before, after = Remembering(), Remembering()
    data = samples(12)
    other = [changed(one) if one.id == "003.png" else one for one in data]
    measure_with(before, tmp_path / "before", data, checks=None)
    measure_with(after, tmp_path / "after", other, checks=None)
    contexts = [context for sample, context in before.names if sample == "003.png"]
    now = {context: after.names[other[3].id, context] for context in contexts}
    assert len(contexts) == 4
    assert sorted(one for one in contexts if before.names["003.png", one] == now[one]) == sorted(kept)


def test_pictures_without_a_name_are_refused_with_the_way_out() -> None:
    with pytest.raises(ModelError, match=r"2 image\(s\) that have no names.*no further passes"):
        NamedPictures.scores(Remembering(), torch.zeros(2, 3, 4, 4))

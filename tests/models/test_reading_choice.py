"""What a model's outputs mean: seen, said, or asked; and logits that equal those of the same model given as logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from modelaudit import Preprocessing
from modelaudit.language.errors import ModelError
from modelaudit.language.scores import ScoreSettings
from modelaudit.models import LoadedModel, black_box, open_model

SMALL = Preprocessing(resize=16, crop=16)
PIXELS = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))
Change = Callable[[Tensor], Any]


class Net(nn.Module):
    """A few layers, and whatever `change` makes of their logits [B, outputs]."""

    def __init__(self, outputs: int, change: Change = lambda z: z) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(4, outputs)
        self.change = change

    def forward(self, x: Tensor) -> Any:
        return self.change(4 * self.head(self.body(x)))


def opened(model: Any, classes: list[str] | None = None, labels: int | None = None, **said: Any) -> LoadedModel:
    return open_model(
        model, root=Path(), preprocessing=SMALL, classes=classes, labels=labels, scores=ScoreSettings(**said)
    )


def logits(model: Any, **said: Any) -> Tensor:
    with torch.no_grad():
        return opened(model, **said).pixel_model.eval()(PIXELS)


def plain(outputs: int) -> Tensor:
    with torch.no_grad():
        return Net(outputs).eval()(PIXELS)


def halves(z: Tensor) -> Tensor:
    return torch.cat([-z / 2, z / 2], 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda z: z.softmax(1),
        lambda z: functional.softmax(z, dim=-1),
        lambda z: torch.softmax(z, 1).float(),
        lambda z: nn.Softmax(dim=1)(z),
        lambda z: torch.log_softmax(z, 1),
        lambda z: z.softmax(1).log(),
        lambda z: nn.Softmax2d()(z[:, :, None, None]),
        lambda z: z.softmax(1).squeeze(),
    ],
)
def test_a_softmax_at_the_end_is_taken_off_to_the_bit(change: Change) -> None:
    assert torch.equal(logits(Net(3, change)), plain(3))
    assert torch.equal(logits(Net(3, change), scores="logits"), plain(3))
    assert opened(Net(3, change)).reading.scores == "probabilities"


@pytest.mark.parametrize(
    "change",
    [
        lambda z: torch.sigmoid(z),
        lambda z: z.sigmoid().squeeze(),
        lambda z: nn.Sigmoid()(z).flatten(),
        lambda z: z.clone().sigmoid_(),
        lambda z: z,
        lambda z: z.squeeze(1),
        lambda z: z[:, :, None, None],
    ],
)
@pytest.mark.parametrize("said", [{}, {"scores": "binary"}])
def test_one_output_becomes_two_logits_that_differ_by_it(change: Change, said: dict[str, Any]) -> None:
    found = logits(Net(1, change), **said)
    assert torch.equal(found, halves(plain(1)))
    assert torch.allclose(found.softmax(1)[:, 1], plain(1)[:, 0].sigmoid())


def test_probabilities_by_hand_are_noticed_and_their_log_is_a_logit() -> None:
    by_hand = Net(3, lambda z: z.exp() / z.exp().sum(1, keepdim=True))
    loaded = opened(by_hand)
    assert torch.allclose(logits(by_hand), plain(3).log_softmax(1), atol=1e-5)
    assert "attributions explain log p" in loaded.notes[0]
    net = Net(3).eval()
    outside = black_box(lambda x: net(torch.from_numpy(x)).softmax(1).detach().numpy(), preprocessing=SMALL)
    assert torch.allclose(logits(outside), plain(3).log_softmax(1), atol=1e-5)


def test_what_is_taken_for_probabilities_and_is_none_later_is_an_error() -> None:
    first = black_box(
        lambda x: torch.tensor([[0.25, 0.75] if image.mean() < 2 else [3.0, 1.0] for image in x]),
        preprocessing=SMALL,
        library="torch",
    )
    loaded = opened(first)
    assert loaded.reading.probabilities == "together"
    with pytest.raises(ModelError, match=r"from 1 to 3\); where they are logits say so: Audit\(scores='logits'\)"):
        loaded.pixel_model(PIXELS + 3)


def one_number(kind: Literal["logit", "probability"]) -> Any:
    net = Net(1).eval()

    def function(images: NDArray[np.float32]) -> NDArray[np.float32]:
        z: NDArray[np.float32] = net(torch.from_numpy(images)).detach().numpy()[:, 0]
        return 1 / (1 + np.exp(-z)) if kind == "probability" else 0 * z + 0.3

    return black_box(function, preprocessing=SMALL)


def test_one_number_in_the_unit_range_of_a_black_box_is_asked_and_either_answer_settles_it() -> None:
    for said in ({}, {"scores": "binary"}):
        with pytest.raises(ModelError, match=r"scores='probabilities'\), where it is a logit Audit\(scores='logits'\)"):
            opened(one_number("probability"), **said)
    found = logits(one_number("probability"), scores="probabilities")
    assert torch.allclose(found, halves(plain(1)), atol=1e-4)
    assert torch.allclose(logits(one_number("logit"), scores="logits"), halves(torch.full((5, 1), 0.3)))


def test_several_sigmoids_are_asked() -> None:
    model = Net(3, torch.sigmoid)
    with pytest.raises(ModelError, match=r"scores='multilabel'\), where one is and .* Audit\(scores='logits'\)"):
        opened(model)
    assert torch.equal(logits(model, scores="multilabel"), plain(3))
    assert torch.equal(logits(model, scores="logits"), plain(3))
    assert torch.equal(logits(Net(3), scores="multilabel"), plain(3))
    assert opened(Net(1), scores="multilabel").outputs == 1


@pytest.mark.parametrize(
    ("model", "said", "message"),
    [
        (Net(1, lambda z: z.softmax(1)), {}, "same for every image"),
        (Net(3), {"scores": "binary"}, "one output, and this one has 3"),
        (Net(3), {"scores": "probabilities"}, "do not sum to 1"),
        (Net(1, lambda z: z + 9), {"scores": "probabilities"}, r"outside of \[0, 1\]"),
        (Net(3, lambda z: z.softmax(1)), {"scores": "multilabel"}, "take from each other"),
        (Net(3), {"output": 1}, "returns one tensor"),
        (Net(3, lambda z: (z, z)), {"output": 5}, r"no such output.*'0' \[1, 3\], '1' \[1, 3\]"),
        (Net(3, lambda z: {"class": z, "aux": z}), {"output": "clas"}, "did you mean 'class'"),
    ],
)
def test_what_cannot_be_meant_is_refused(model: nn.Module, said: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        opened(model, **said)


def test_of_several_outputs_the_only_one_of_as_many_columns_as_classes_is_read() -> None:
    features = Net(3, lambda z: (torch.cat([z, z], 1), z))
    for known in ({"labels": 3}, {"classes": ["a", "b", "c"]}):
        loaded = opened(features, **known)
        assert torch.equal(loaded.pixel_model.eval()(PIXELS), plain(3)) and loaded.outputs == 3
        assert loaded.notes == (
            "outputs: '1' [1, 3] is read, the only one with a column for each of the 3 classes; not read: '0' [1, 6]",
        )
    with pytest.raises(
        ModelError, match=r"for 5 classes none of them .*Audit\(output=0\); its outputs are '0' \[1, 6\]"
    ):
        opened(features, labels=5)
    with pytest.raises(ModelError, match="several outputs"):
        opened(features)
    assert torch.equal(logits(features, output=1), plain(3))
    # of the class head and an auxiliary one of the same width neither is chosen
    with pytest.raises(ModelError, match="2 of them could be the scores"):
        opened(Net(3, lambda z: (z, -z)), labels=3)
    assert torch.equal(logits(Net(3, lambda z: {"main": z, "aux": -z}), output="main"), plain(3))
    assert torch.equal(logits(Net(3, lambda z: {"x": {"main": z.softmax(1)}, "aux": z}), output="x.main"), plain(3))
    # for two classes one column will do
    assert torch.equal(
        opened(Net(1, lambda z: (z.expand(-1, 8), z)), labels=2).pixel_model.eval()(PIXELS), halves(plain(1))
    )


def test_the_reading_enters_the_fingerprint_and_plain_logits_do_not() -> None:
    model = Net(3)
    first = opened(model).fingerprint
    assert opened(model, scores="logits").fingerprint == first
    assert len({first, *(opened(model, scores="multilabel", threshold=t).fingerprint for t in (0.5, 0.4))}) == 3
    both = Net(3, lambda z: (z, -z))
    assert opened(both, output=0).fingerprint != opened(both, output=1).fingerprint

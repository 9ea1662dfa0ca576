"""A faster precision is taken where it gives the numbers of float32 on the user's images, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from engine.small_audits import AS_IT_IS, CLASSES, Net, audit, groups_of, samples
from torch import Tensor

from modelaudit.contexts import gaussian_noise
from modelaudit.data import LabelMap
from modelaudit.engine.images.batches import BatchBuilder, Chunk, ContextBatch
from modelaudit.engine.inference.precision import settle
from modelaudit.engine.inference.running_model import RunningModel
from modelaudit.engine.planning.plan import PassAsk
from modelaudit.engine.results.measured import PassCounts
from modelaudit.language import BuiltModel
from modelaudit.measures import accuracy, background_dependence
from modelaudit.models import open_model
from modelaudit.models.acceleration import Precision


@dataclass
class Offering(RunningModel):
    """On a device that says it has these precisions."""

    offered: tuple[Precision, ...] = ("float32",)

    @property
    def candidates(self) -> tuple[Precision, ...]:
        return self.offered


class Breaking(Net):
    """Raises under autocast."""

    def forward(self, pixels: Tensor) -> Tensor:
        if torch.is_autocast_enabled("cpu"):
            raise RuntimeError("no kernel for this")
        return super().forward(pixels)


class Forgiving(Net):
    """Takes its own precision in everything that decides."""

    def forward(self, pixels: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return super().forward(pixels.float())


def asked(net: Net, offered: tuple[Precision, ...]) -> tuple[Offering, list[tuple[PassAsk, ContextBatch]], Chunk]:
    data = samples(8)
    (group,) = groups_of(
        one=audit(net, data).expect(accuracy.under(gaussian_noise(3)) > 0.1),
        two=audit(net, data).expect(background_dependence("saliency", "gradcam") < 0.9),
    )
    loaded = open_model(BuiltModel(net.eval().requires_grad_(False), AS_IT_IS, CLASSES), root=Path())
    labels = LabelMap({name: at for at, name in enumerate(CLASSES)})
    model = Offering(loaded, "cpu", labels, 4, PassCounts(), offered=offered)
    with BatchBuilder(data, seed=0, device="cpu", passes=PassCounts()) as stage:
        chunk = stage.finish(stage.begin(data, range(8)))
        return model, [(ask, stage.show(chunk, ask.context, AS_IT_IS)) for ask in group.passes], chunk


def test_without_anything_faster_nothing_is_run() -> None:
    model, passes, chunk = asked(Net(), ("float32",))
    settle(model, passes, chunk)
    assert (model.precision, model.passes.forward, model.notes) == ("float32", 0, [])


def test_what_agrees_is_taken_and_noted() -> None:
    model, passes, chunk = asked(Forgiving(), ("bfloat16", "float32"))
    settle(model, passes, chunk)
    assert model.precision == "bfloat16"
    (note,) = model.notes
    assert note.startswith("precision: bfloat16 agrees with float32 on the first 8 images (")


def test_what_differs_is_refused_with_the_measure_that_differs_most() -> None:
    model, passes, chunk = asked(Net(), ("bfloat16", "float32"))
    settle(model, passes, chunk)
    assert model.precision == "float32"
    (note,) = model.notes
    assert note.startswith("precision: bfloat16 differs from float32 on the first 8 images (")


def test_the_next_one_is_tried_after_a_refusal() -> None:
    model, passes, chunk = asked(Net(), ("bfloat16", "tf32", "float32"))
    settle(model, passes, chunk)
    assert model.precision == "tf32"  # on a CPU it is float32
    assert len(model.notes) == 2


def test_a_precision_that_the_model_cannot_run_in_is_refused_with_its_message() -> None:
    model, passes, chunk = asked(Breaking(), ("bfloat16", "float32"))
    settle(model, passes, chunk)
    assert model.precision == "float32"
    assert "no kernel for this" in model.notes[0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_the_first_images_decide() -> None:
    net = Net().cuda()
    loaded = open_model(BuiltModel(net.eval().requires_grad_(False), AS_IT_IS, CLASSES), root=Path())
    net.cuda()
    model = RunningModel(loaded, "cuda", LabelMap({name: at for at, name in enumerate(CLASSES)}), 4, PassCounts())
    data = samples(8)
    (group,) = groups_of(one=audit(net, data).expect(background_dependence("saliency", "gradcam") < 0.9))
    with BatchBuilder(data, seed=0, device="cuda", passes=PassCounts()) as stage:
        chunk = stage.finish(stage.begin(data, range(8)))
        settle(model, [(ask, stage.show(chunk, ask.context, AS_IT_IS)) for ask in group.passes], chunk)
    assert model.precision in model.candidates
    assert model.notes

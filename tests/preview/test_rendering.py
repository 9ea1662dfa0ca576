"""What is rendered is exactly what an audit asks: the engine itself is run, with a model that remembers every name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from engine.small_audits import AS_IT_IS, CLASSES, MICRO_BATCH, asked, sample, samples, settings
from torch import Tensor

from modelaudit.contexts import (
    fade,
    gaussian_noise,
    lighting,
    mean_fill,
    occlude_object,
    paste_back,
    stored,
    swap_background,
)
from modelaudit.engine.assembly import measure
from modelaudit.engine.planning.plan import plan
from modelaudit.language import Audit, AuditCase, Preprocessing, Sample
from modelaudit.language.checks import CheckSettings
from modelaudit.language.errors import DataError
from modelaudit.language.picture_origin import PictureOrigin
from modelaudit.language.progress import Silent
from modelaudit.language.sample import BuiltModel
from modelaudit.measures import (
    accuracy,
    adversarial_background_rate,
    background_dependence,
    confidence,
    flip_rate,
    miss_rate,
)
from modelaudit.models.named_pictures import NamedPictures
from modelaudit.preview.rendering import Rendering, render_sets

SWAP = swap_background("other_class")
SMALL = CheckSettings(masks=4, noise=5, blind=3, seams=4, sensitivity=3, sanity=2, agreement=2)


class Asked(NamedPictures):
    """Is right about every picture, so that every search goes on, and remembers what it was asked."""

    def __init__(self, labels: dict[str, str | int]) -> None:
        super().__init__(len(CLASSES))
        self.labels = labels
        self.seen: dict[str, Tensor] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Asked:
        return self

    def scores(self, images: Tensor) -> Tensor:
        if not self._shown.pictures:  # the probe, and the trial whether answers repeat
            return torch.cat(
                [torch.ones(len(images), 1), images.mean((1, 2, 3))[:, None], torch.zeros(len(images), 1)], 1
            )
        return torch.as_tensor(super().scores(images))

    def scores_of(self, pictures: Sequence[PictureOrigin], images: Tensor) -> Tensor:
        for origin, pixels in zip(pictures, images, strict=True):
            self.seen[origin.name] = pixels.clone()
        right = torch.tensor([CLASSES.index(str(self.labels[one.sample])) for one in pictures])
        return torch.nn.functional.one_hot(right, len(CLASSES)).float() * 9


def rendered(cases: dict[str, AuditCase], folder: Path, **options: Any) -> dict[str, Tensor]:
    """The pictures of all sets by name; two of one name show the same."""
    found: dict[str, Tensor] = {}
    for one in render_sets(cases.items(), root=folder, **{"seed": 0, "checks": True, "limit": None, **options}):
        before = set(found)
        for made in Rendering(one, folder).pictures():
            for origin, pixels in zip(made.origins, made.pixels, strict=True):
                assert torch.equal(found.setdefault(origin.name, pixels), pixels), origin
        count = len(set(found) - before)
        assert count <= one.at_most
        assert count == one.at_most or not one.exact
    return found


def compare(folder: Path, models: dict[str, Asked], cases: dict[str, AuditCase], **options: Any) -> None:
    """Measure as a run does, and render: the same names, and the same pixels."""
    given = {"checks": SMALL, "micro_batch": MICRO_BATCH, **options}
    for group in plan(asked(**cases)):
        measure(group, settings(folder, **given), Silent())
    shown = {name: pixels for model in models.values() for name, pixels in model.seen.items()}
    made = rendered(cases, folder, checks=given["checks"] is not None, limit=given.get("limit"))
    assert set(shown) - set(made) == set(), "asked, and not rendered"
    assert set(made) - set(shown) == set(), "rendered, and never asked"
    assert all(torch.equal(made[name], pixels) for name, pixels in shown.items())


def of_line(data: Sequence[Sample], model: Any = None, **options: Any) -> tuple[dict[str, Asked], Audit]:
    labels = {one.id: one.label for one in data}
    model = Asked(labels) if model is None else model
    built = BuiltModel(model, AS_IT_IS, CLASSES)
    return {"model": model}, Audit(built, list(data), classes=CLASSES, **{"checks": SMALL, **options})


EXPECTATIONS: dict[str, Any] = {
    "original": {"right": accuracy > 0},
    "fill": {"filled": accuracy.under(mean_fill("background")) > 0},
    "swap": {"swapped": accuracy.under(SWAP) > 0, "flips": flip_rate.under(SWAP) < 1},
    "doses": {"faded": accuracy.under(fade(each=[0, 0.5, 1])) > 0},
    "composed": {"both": accuracy.under(SWAP | lighting(2)) > 0},
    "noise": {"noisy": confidence.under(gaussian_noise(2)) > 0},
    "pasted": {
        "seam": accuracy.under(paste_back()) > 0,
        "hard": accuracy.under(swap_background("other_class", feather=0)) > 0,
    },
    "no object": {"hidden": accuracy.under(occlude_object(0.5)) < 1},
    "worst of three": {"worst": adversarial_background_rate(3).under(SWAP) < 1},
    "worst of all": {
        "worst": adversarial_background_rate().under(SWAP) < 1,
        "few": adversarial_background_rate(2).under(SWAP) < 1,
    },
    "stored": {"kept": accuracy.under(stored("line_b")) > 0},
}


@pytest.mark.parametrize("name", EXPECTATIONS)
@pytest.mark.parametrize("stop", [None, "early"])
def test_an_audit_asks_exactly_the_pictures_that_are_rendered(name: str, stop: str | None, tmp_path: Path) -> None:
    data = [sample(at, stored={"line_b": sample(at + 50).image} if at % 3 else {}) for at in range(11)]
    models, audit = of_line(data, stop=stop)
    compare(tmp_path, models, {key: audit.expect(one) for key, one in EXPECTATIONS[name].items()})


def test_everything_at_once_with_images_that_have_no_mask_or_cannot_be_read(tmp_path: Path) -> None:
    data = [sample(at) for at in range(9)]
    data += [sample(20, mask=None), sample(21, image=tmp_path / "nowhere.png")]
    models, audit = of_line(data)
    everything = {f"{key}{at}": one for at, cases in enumerate(EXPECTATIONS.values()) for key, one in cases.items()}
    compare(tmp_path, models, {key: audit.expect(one) for key, one in everything.items() if "kept" not in key})


def test_without_checks_and_in_a_quick_look_there_is_less(tmp_path: Path) -> None:
    cases = EXPECTATIONS["swap"]
    for options in ({"checks": None}, {"limit": 5}):
        models, audit = of_line(samples(9))
        compare(tmp_path, models, {key: audit.expect(one) for key, one in cases.items()}, **options)
        assert len(models["model"].seen) == 2 * options.get("limit", 9)


def test_columns_that_cannot_be_measured_take_no_picture_away(tmp_path: Path) -> None:
    """A map that needs gradients, and a name that means no class: both are errors of the audit, beside good columns."""
    models, audit = of_line(samples(9))
    for context in (SWAP, mean_fill("background"), gaussian_noise(1)):
        cases = {
            "map": audit.expect(background_dependence("gradcam").under(context) < 0.9),
            "right": audit.expect(accuracy.under(context) > 0),
            "unknown": audit.expect(miss_rate(good="screw").under(context) < 1),
        }
        models["model"].seen.clear()
        compare(tmp_path, models, cases)


def test_the_pictures_of_a_map_that_no_column_else_asks_for_are_rendered(tmp_path: Path) -> None:
    models, audit = of_line(samples(9))
    compare(tmp_path, models, {"map": audit.expect(background_dependence("gradcam") < 0.9)})


def test_labels_that_have_no_object_and_several_models_of_two_sizes(tmp_path: Path) -> None:
    data = [sample(at, mask=None if at % 3 == 0 else sample(at).mask) for at in range(10)]
    labels = {one.id: one.label for one in data}
    models = {name: Asked(labels) for name in ("old", "new")}
    sizes = {"old": 16, "new": 12}
    built = {name: BuiltModel(models[name], Preprocessing(resize=sizes[name]), CLASSES) for name in models}
    audit = Audit(built, data, classes=CLASSES, checks=SMALL, without_object=["bolt"])
    cases = {
        "each": audit.expect(accuracy.under(SWAP) > 0),
        "between": audit.expect(accuracy.of("new").under(mean_fill("background")) - accuracy.of("old") > -1),
    }
    compare(tmp_path, models, cases)
    assert len(render_sets(cases.items(), root=tmp_path, seed=0, checks=True, limit=None)) == 2


def test_of_a_closed_box_and_a_model_that_runs_the_box_alone_is_rendered(tmp_path: Path) -> None:
    """The answers need not be there: nothing is opened but the data."""
    data = samples(6)
    own = BuiltModel(Asked({one.id: one.label for one in data}), Preprocessing(resize=8), CLASSES)
    sized = {"box": AS_IT_IS, "net": Preprocessing(resize=8)}
    audit = Audit(
        {"box": "predictions:nowhere.csv", "net": own}, data, classes=CLASSES, preprocessing=sized, checks="off"
    )
    cases = {"same": audit.expect(accuracy.of("box").under(SWAP) - accuracy.of("net") > -1)}
    (only,) = render_sets(cases.items(), root=tmp_path, seed=0, checks=True, limit=None)
    assert only.preprocessing == AS_IT_IS
    assert {made.pixels.shape[-1] for made in Rendering(only, tmp_path).pictures()} == {16}
    assert only.at_most == 6 and only.exact


def test_a_context_that_cannot_be_shown_is_named_and_the_others_are_rendered(tmp_path: Path) -> None:
    data = [sample(at, "bolt") for at in range(5)]  # nobody of another class to lend
    _, audit = of_line(data, checks="off")
    cases = {
        "swap": audit.expect(accuracy.under(SWAP) > 0),
        "fill": audit.expect(accuracy.under(mean_fill("background")) > 0),
    }
    (one,) = render_sets(cases.items(), root=tmp_path, seed=0, checks=True, limit=None)
    rendering = Rendering(one, tmp_path)
    contexts = {str(made.context) for made in rendering.pictures()}
    assert list(rendering.failed) == [str(SWAP)] and "other classes" in rendering.failed[str(SWAP)]
    assert contexts == {str(mean_fill("background"))}


def test_pictures_of_several_sizes_are_refused_with_the_way_out(tmp_path: Path) -> None:
    data = [sample(0), sample(1, side=20)]
    audit = Audit("predictions:answers.csv", data, classes=CLASSES, checks="off")
    (one,) = render_sets([("right", audit.expect(accuracy > 0))], root=tmp_path, seed=0, checks=True, limit=None)
    with pytest.raises(DataError, match=r"differ in size.*Preprocessing\(resize=...\)"):
        list(Rendering(one, tmp_path).pictures())

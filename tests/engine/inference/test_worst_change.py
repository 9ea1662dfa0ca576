"""The search for the smallest change, against models with a planted cue of known colour, size and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.measurement.test_stored import Bench, what
from engine.small_audits import CLASSES, audit, column, groups_of, measured, values
from torch import Tensor, nn
from torch.nn import functional

from modelaudit.contexts import ContextInput, apply, surroundings
from modelaudit.contexts.surroundings import colour_of
from modelaudit.engine.planning.cost import PassCost, cost_of
from modelaudit.engine.planning.plan import column_key
from modelaudit.engine.results.counterexamples import Counterexample, KnownCase
from modelaudit.engine.results.measured import Measured
from modelaudit.language import CheckSettings, ExpressionError, Missing, Preprocessing, Sample, parse
from modelaudit.language.parser import parse_context
from modelaudit.measures import accuracy, worst_change

SIDE = 32
AS_IT_IS = Preprocessing(resize=SIDE)
ALONE: dict[str, Any] = {"donors": None, "stops": 0, "kelvin": []}


def cued(number: int, label: str | None = None, **changes: Any) -> Sample:
    """A noisy background, and in the middle an object whose grey says its class."""
    draw = np.random.default_rng(number)
    pixels = (90 + draw.integers(-40, 41, (SIDE, SIDE, 3))).astype(np.uint8)
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    kind = CLASSES[number % 3] if label is None else label
    top, left = int(draw.integers(8, 15)), int(draw.integers(8, 15))
    mask[top - 1 : top + 9, left - 1 : left + 9] = 255
    mask[top : top + 8, left : left + 8] = 1
    pixels[mask == 1] = 5 + CLASSES.index(kind)
    return Sample(**{"id": f"{number:03d}.png", "image": pixels, "label": kind, "mask": mask, **changes})


def images(count: int, first: int = 0) -> list[Sample]:
    return [cued(first + number) for number in range(count)]


class Cued(nn.Module):
    """Reads the class off the object's grey; any patch of a colour, of a size, makes it answer the next class.

    Args:
        place: (top, left) of the patch; None: anywhere.
        tolerance: how far the pixels of the patch may be from the colour.
    """

    def __init__(
        self, colour: str, size: tuple[int, int], place: tuple[int, int] | None = None, tolerance: float = 0.002
    ) -> None:
        super().__init__()
        self.register_buffer("colour", torch.tensor(colour_of(colour))[None, :, None, None])
        self.size, self.place, self.tolerance = size, place, tolerance

    def forward(self, pixels: Tensor) -> Tensor:
        codes = (pixels * 255).round()
        counts = torch.stack([(codes == 5 + k).all(dim=1).flatten(1).sum(dim=1) for k in range(3)], dim=1)
        near = ((pixels - self.colour).abs().amax(dim=1, keepdim=True) <= self.tolerance).float()
        full = functional.avg_pool2d(near, self.size, stride=1) > 0.999
        if self.place is not None:
            full = full[:, :, self.place[0] : self.place[0] + 1, self.place[1] : self.place[1] + 1]
        shifted = full.flatten(1).any(dim=1).long()
        answers = (counts.argmax(dim=1) + shifted) % 3
        return 4.0 * functional.one_hot(answers, 3).float()


def run(
    folder: Path, model: nn.Module, data: list[Sample], measure: Any = None, **options: Any
) -> tuple[Measured, str]:
    measure = worst_change(surroundings(**ALONE), calls=400) if measure is None else measure
    asked = audit(model, data, preprocessing=AS_IT_IS).expect(measure < 0.9)
    found = measured(folder, options, case=asked)
    assert found.failures == {}
    return found, column_key(measure.spec, None)


def pixels_of(one: Sample) -> tuple[Tensor, Tensor]:
    image, mask = np.asarray(one.image), np.asarray(one.mask)
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255, torch.from_numpy(mask)[None]


def test_a_patch_at_a_known_place_is_found_to_the_pixel(tmp_path: Path) -> None:
    data, model = images(4), Cued("grey", (5, 4), (2, 20))
    found, key = run(tmp_path, model, data)
    assert values(found, key).tolist() == [1.0] * 4
    assert {one.context for one in found.counterexamples} == {"background_patch(0.06, 0.62, 0.16, 0.12, grey)"}
    (facts,) = found.searches
    assert (facts.images, facts.flipped, facts.budget, facts.cut_off) == (4, 4, 400, 0)
    assert facts.calls == sum(one.calls for one in found.counterexamples) == sum(column(found, key).steps.values())


@pytest.mark.parametrize(("colour", "size"), [("black", (6, 6)), ("#ff8000", (3, 7)), ("blue", (5, 3))])
def test_the_smallest_change_found_is_at_most_twice_the_cue_in_nine_of_ten_images(
    tmp_path: Path, colour: str, size: tuple[int, int]
) -> None:
    data, model = images(10, first=20), Cued(colour, size)
    search = surroundings(colours=["grey", colour], **{**ALONE, "smallest": 0})
    found, _ = run(tmp_path, model, data, worst_change(search, calls=400))
    sizes = [one.size / (size[0] * size[1] / background_of(found, data, one)) for one in found.counterexamples]
    assert sum(one <= 2 for one in sizes) >= 9, sizes


def background_of(found: Measured, data: list[Sample], one: Counterexample) -> int:
    (own,) = (sample for sample in data if sample.id == one.sample)
    return int((np.asarray(own.mask) == 0).sum())


def test_every_found_change_flips_when_it_is_shown_alone_and_leaves_the_object(tmp_path: Path) -> None:
    """By the plain path: the context is written into an audit of its own."""
    data, model = images(6), Cued("white", (4, 4), tolerance=0.3)
    search = surroundings(stops=6, kelvin=[2000], backgrounds=2, contexts=["mean_fill(background)"])
    found, key = run(tmp_path, model, data, worst_change(search, calls=300))
    assert values(found, key).tolist() == [1.0] * 6
    for one in found.counterexamples:
        own = [sample for sample in data if sample.id == one.sample]
        asked = audit(model, data, preprocessing=AS_IT_IS).expect(accuracy.under(one.context) > 0.5)
        plain = measured(tmp_path, {"samples": frozenset([one.sample])}, case=asked)
        assert values(plain, str(accuracy.under(one.context))).tolist() == [0.0]
        context, (pixels, mask) = parse_context(one.context), pixels_of(own[0])
        if one.donor is None:
            done = apply(context, ContextInput(pixels, mask, (one.sample,), 0))
            assert torch.equal(done.pixels[:, :, mask[0] != 0], pixels[:, :, mask[0] != 0])
            other = (done.pixels != pixels).any(dim=1)
            assert one.size == pytest.approx(one.area * one.dose) and one.area >= float(other.sum() / (mask == 0).sum())


def test_neither_value_nor_calls_nor_what_is_found_depend_on_the_batch_or_the_other_images(tmp_path: Path) -> None:
    data, model = images(7, first=40), Cued("red", (3, 5))
    data[2] = cued(42, mask=None)
    measure = worst_change(surroundings(colours=["red", "grey"], stops=1, backgrounds=2), calls=130)

    def outcome(found: Measured, key: str) -> dict[str, Any]:
        changes = {one.sample: one for one in found.counterexamples}
        steps, missing = column(found, key).steps, column(found, key).missing
        return {
            one.id: (changes.get(one.id), steps[at], missing.get(at), str(value))
            for at, (one, value) in enumerate(zip(found.samples, values(found, key), strict=True))
        }

    whole = outcome(*run(tmp_path, model, data, measure, micro_batch=4))
    assert sum(one[0] is not None for one in whole.values()) == 6
    for micro_batch in (1, 3, 16):
        assert outcome(*run(tmp_path, model, data[::-1], measure, micro_batch=micro_batch)) == whole
    for chosen in (("040.png",), ("045.png", "041.png", "042.png")):
        part = outcome(*run(tmp_path, model, data, measure, samples=frozenset(chosen)))
        assert part == {name: whole[name] for name in sorted(chosen)}


def test_a_model_that_sees_the_object_alone_is_never_flipped_and_costs_all_calls(tmp_path: Path) -> None:
    found, key = run(tmp_path, Cued("#123456", (2, 2)), images(3), worst_change(calls=150))
    assert values(found, key).tolist() == [0.0] * 3 and found.counterexamples == []
    assert column(found, key).steps == dict.fromkeys(range(3), 150)
    assert found.searches[0].calls == 450


def test_wrong_answers_and_images_without_mask_are_not_searched(tmp_path: Path) -> None:
    wrong = cued(0, label=CLASSES[0])
    pixels = np.array(wrong.image)
    pixels[np.asarray(wrong.mask) == 1] = 6
    data = [Sample(id="000.png", image=pixels, label=wrong.label, mask=wrong.mask), cued(1, mask=None), cued(2)]
    found, key = run(tmp_path, Cued("grey", (4, 4)), data)
    assert values(found, key)[[0, 2]].tolist() == [0, 1]
    assert column(found, key).missing == {1: Missing.NO_MASK}
    assert found.searches[0].images == 1 and set(column(found, key).steps.items()) >= {(0, 0), (1, 0)}


def test_what_was_found_is_stored_and_found_again_without_a_pass(tmp_path: Path) -> None:
    bench, model, data = Bench(tmp_path), Cued("red", (3, 5)), images(6)
    asked = {"a": audit(model, data, preprocessing=AS_IT_IS).expect(worst_change(calls=120) < 0.9)}
    first, again = bench.run(asked), bench.again(asked)
    assert what(first) == what(again) and again.passes.forward == 0
    assert len(again.counterexamples) == 6
    more = {"a": audit(model, data, preprocessing=AS_IT_IS).expect(worst_change(calls=121) < 0.9)}
    assert bench.run(more).passes.forward > 0
    assert bench.run(asked, seed=1).passes.forward > 0  # other draws, other donors


def known_case(found: Measured, at: int = 0, **changes: Any) -> KnownCase:
    one = found.counterexamples[at]
    given = {"image": one.image, "mask": one.mask, "donor": one.donor, "context": one.context, "seed": 0, **changes}
    return KnownCase(f"cases/{at}.json", one.column, one.sample, **given)


def test_a_stored_case_is_tried_first_and_fails_whatever_the_search_finds(tmp_path: Path) -> None:
    model, data = Cued("grey", (4, 4)), images(3)
    whole, _ = run(tmp_path, model, data)
    # a single call is not enough to make the whole background smaller
    found, key = run(tmp_path, model, data, worst_change(surroundings(**ALONE), calls=1))
    assert found.replays == [] and found.counterexamples[0].area == 1
    case = known_case(whole)
    case = KnownCase(case.file, key, case.sample, case.image, case.mask, case.donor, case.context, case.seed)
    one_call = worst_change(surroundings(**ALONE), calls=1)
    found, _ = run(tmp_path, model, data, one_call, counterexamples=(case,))
    (replay,) = found.replays
    assert (replay.state, replay.why) == ("still_fails", "")
    (own,) = (one for one in found.counterexamples if one.sample == case.sample)
    assert own.file == case.file and own.context == case.context
    # a stored case is a pass of its own: it takes none from the search, or many of them would leave it nothing
    assert own.calls == 1 and found.searches[0].calls == 3 and column(found, key).steps[int(case.sample[:3])] == 2
    fixed, _ = run(
        tmp_path, Cued("#123456", (2, 2)), data, worst_change(surroundings(**ALONE), calls=1), counterexamples=(case,)
    )
    assert [one.state for one in fixed.replays] == ["fixed"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"image": "0" * 64}, "the image is another one than it was"),
        ({"mask": "0" * 64}, "the mask is another one than it was"),
        ({"donor": ("a", "b")}, "the background is another one than it was"),
        ({"context": "fog_of_war(3)"}, "there is no context 'fog_of_war(3)'"),
        ({"context": "snow(3)", "seed": 5}, "the change is drawn with seed 5, and this run has 0"),
        # a file that somebody wrote by hand must not fail a model by a change that the requirement does not ask about
        *(
            ({"context": context}, f"the search of this requirement tries no such change: {context}")
            for context in (
                "remove_object",
                "snow(4)",
                "background_patch(0, 0, 0.5, 0.5, '#808081')",
                "background_patch(0, 0, 0.03, 0.5, grey)",
                "exposure(1, region=background)",
                "white_balance(3000, region=background)",
                "donor_patch(random)",
            )
        ),
    ],
)
def test_a_stored_case_that_cannot_be_tried_says_why(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    data, model = images(2), Cued("grey", (4, 4))
    measure = worst_change(surroundings(contexts=["snow(3)"], **ALONE), calls=60)
    whole, _ = run(tmp_path, model, data, measure)
    found, _ = run(tmp_path, model, data, measure, counterexamples=(known_case(whole, **changes),))
    assert [(one.state, one.why) for one in found.replays] == [("cannot_replay", why)]
    gone, _ = run(
        tmp_path,
        model,
        [one for one in data if one.id != whole.counterexamples[0].sample],
        measure,
        counterexamples=(known_case(whole),),
    )
    assert [(one.state, one.why) for one in gone.replays] == [("cannot_replay", "the run has no image of that id")]


def test_the_key_of_a_value_knows_the_stored_cases_of_its_image(tmp_path: Path) -> None:
    bench, model, data = Bench(tmp_path), Cued("grey", (4, 4)), images(4)
    asked = {
        "a": audit(model, data, preprocessing=AS_IT_IS).expect(worst_change(surroundings(**ALONE), calls=60) < 0.9)
    }
    first = bench.run(asked)
    case = known_case(first)
    with_case = bench.run(asked, counterexamples=(case,))
    assert 0 < with_case.passes.forward < first.passes.forward and len(with_case.replays) == 1
    again = bench.run(asked, counterexamples=(case,))
    assert again.passes.forward == 0 and again.replays == with_case.replays and what(again) == what(with_case)


def test_images_that_the_time_cuts_off_have_no_value_and_are_not_stored(tmp_path: Path) -> None:
    bench, model, data = Bench(tmp_path), Cued("#123456", (2, 2)), images(3)
    measure = worst_change(surroundings(**ALONE), calls=50, seconds=1e-9)
    asked = {"a": audit(model, data, preprocessing=AS_IT_IS).expect(measure < 0.9)}
    found = bench.run(asked)
    (one,) = [one for one in found.columns if "worst_change" in one.key]
    assert one.missing == dict.fromkeys(range(3), Missing.SEARCH_CUT_OFF) and Missing.SEARCH_CUT_OFF.errored
    assert found.searches[0].cut_off == 3 and bench.values == 3  # accuracy alone
    assert bench.run(asked).searches[0].cut_off == 3


@pytest.mark.parametrize(
    "text",
    [
        "worst_change(search=surroundings).where(correct) < 0.05",
        "worst_change(search=surroundings(colours=[grey, '#ff0000'], donors=None), calls=50).where(correct) < 0.5",
        "worst_change(search=surroundings(contexts=[fog(3), blur(2) | fog(1)]), seconds=60).where(correct) <= 0.1",
    ],
)
def test_its_text_comes_back(text: str) -> None:
    assert str(parse(text)) == text and parse(str(parse(text))) == parse(text)
    assert "surroundings@1(colours=" in audit().expect(parse(text)).long_form(parse(text))


def test_it_refuses_a_context_of_its_own_and_arguments_without_meaning() -> None:
    with pytest.raises(ExpressionError, match="searches for its contexts itself"):
        audit().expect(worst_change().under("fog(3)") < 0.5)
    with pytest.raises(ExpressionError, match="calls must be an integer"):
        worst_change(calls=0)
    with pytest.raises(ExpressionError, match="seconds must be a number above 0"):
        worst_change(seconds=-1)


def test_a_plan_counts_all_calls_of_a_search() -> None:
    (group,) = groups_of(a=audit().expect(worst_change(calls=70) < 0.5))
    assert cost_of(group, CheckSettings.off()).of(10) == PassCost(710, 0)

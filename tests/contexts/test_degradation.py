"""Light, optics, sensor and camera, with strengths in natural units: what holds for every one of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, pairwise

import pytest
import torch
from contexts.scenes import part, scene
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.contexts import apply, camera, degradation, exempt, family, needs_mask
from modelaudit.contexts.degradation import Dosed
from modelaudit.language import registry
from modelaudit.language.errors import ContextError, ExpressionError
from modelaudit.language.parser import parse_context
from modelaudit.language.spec import Context, as_context

few = settings(max_examples=8, deadline=None)
#: the names, with a dose that is far from neutral and one beyond the range
DOSES = {
    "blur": (3.0, -0.1),
    "defocus": (2.5, 50.5),
    "exposure": (-2.0, 8.1),
    "fade": (0.7, 1.1),
    "flicker": (0.6, 1.1),
    "gamma": (2.0, 0.1),
    "glare": (2.0, -1.0),
    "jpeg": (10.0, 0.0),
    "lens_dirt": (0.8, 1.5),
    "motion": (6.0, 101.0),
    "perspective": (0.3, 0.6),
    "rotation": (20.0, -5.0),
    "sensor_noise": (6400.0, -1.0),
    "shadow": (0.7, 2.0),
    "shift": (4.0, 2000.0),
    "vignette": (0.8, 1.0),
    "white_balance": (3000.0, 1000.0),
    "zoom": (1.4, 5.0),
}
MOTIONS = ("perspective", "rotation", "shift", "zoom")
NEUTRAL = {name for name in DOSES if name != "jpeg"}
REGIONS = ("background", "object", "whole")


def spec_of(name: str) -> type[Dosed]:
    spec = registry.find("context", name).spec
    assert spec is not None and issubclass(spec, Dosed)
    return spec


def made(name: str, dose: float, **fields: object) -> Context:
    return spec_of(name)(dose, **fields)  # type: ignore[call-arg]


def test_every_context_with_a_strength_in_natural_units_is_tested_here() -> None:
    specs = {name: registry.find("context", name).spec for name in registry.names("context")}
    assert {name for name, spec in specs.items() if spec is not None and issubclass(spec, Dosed)} == set(DOSES)


@pytest.mark.parametrize("name", DOSES)
@few
@given(seed=st.integers(0, 1000), region=st.sampled_from(REGIONS))
def test_an_image_depends_on_seed_and_id_and_not_on_batch_order_or_global_state(
    name: str, seed: int, region: str
) -> None:
    # 23 x 19: rows and images that fill no vector register, where a library may round otherwise
    own, context = scene(4, 23, 19, seed=seed), made(name, DOSES[name][0], region=region)
    together = apply(context, own)
    torch.rand(5)
    shuffled = apply(context, part(own, 2, 0, 3, 1))
    for row, at in enumerate((2, 0, 3, 1)):
        single = apply(context, part(own, at))
        for done, place in ((shuffled, row), (single, 0)):
            assert torch.equal(together.pixels[at], done.pixels[place])
            assert torch.equal(together.mask[at], done.mask[place])  # type: ignore[index]
            assert bool(together.impossible[at]) == bool(done.impossible[place])


@pytest.mark.parametrize(("name", "region"), list(zip(DOSES, cycle(REGIONS), strict=False)))
def test_a_whole_batch_at_once_as_on_a_gpu_gives_the_same_images(
    name: str, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, context = scene(4, 23, 19, seed=5), made(name, DOSES[name][0], region=region)
    alone = apply(context, own)
    monkeypatch.setattr(degradation, "singles", lambda whole: iter([whole]))
    monkeypatch.setattr(camera, "singles", lambda whole: iter([whole]))
    together = apply(context, own)
    assert float((alone.pixels - together.pixels).abs().max()) < 1e-4
    assert torch.equal(alone.mask, together.mask)  # type: ignore[arg-type]
    assert torch.equal(alone.impossible, together.impossible)


@pytest.mark.parametrize("name", DOSES)
def test_nothing_is_left_on_the_cpu_when_the_scene_is_elsewhere(name: str) -> None:
    own = replace(scene(2), donors=None)
    there = replace(own, pixels=own.pixels.to("meta"), mask=own.mask.to("meta"))  # type: ignore[union-attr]
    done = apply(made(name, DOSES[name][0], region="whole"), there)
    assert done.pixels.device.type == done.mask.device.type == "meta"  # type: ignore[union-attr]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("name", "region"), list(zip(DOSES, cycle(REGIONS), strict=False)))
def test_a_gpu_gives_the_same_pixels_and_mask(name: str, region: str) -> None:
    own, context = replace(scene(4, 64, 48), donors=None), made(name, DOSES[name][0], region=region)
    there = replace(own, pixels=own.pixels.cuda(), mask=own.mask.cuda())  # type: ignore[union-attr]
    here, done = apply(context, own), apply(context, there)
    if name != "jpeg":  # a coefficient on the edge of a rounding may fall to the other side
        assert float((here.pixels - done.pixels.cpu()).abs().max()) <= 1 / 255
    assert torch.equal(here.mask, done.mask.cpu())  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize("name", ["flicker", "glare", "lens_dirt", "motion", "sensor_noise", "shadow", *MOTIONS[:3]])
def test_draws_differ_between_samples_and_between_seeds(name: str) -> None:
    own = scene(1, 32, 32)
    same = replace(
        own, pixels=own.pixels.repeat(8, 1, 1, 1), mask=own.mask.repeat(8, 1, 1), ids=tuple("abcdefgh"), donors=None
    )
    context = made(name, DOSES[name][0])
    first = apply(context, same).pixels
    assert len({image.numpy().tobytes() for image in first}) > 1
    assert not torch.equal(first, apply(context, replace(same, seed=1)).pixels)


@pytest.mark.parametrize(("name", "region"), list(zip(sorted(NEUTRAL), cycle(REGIONS), strict=False)))
def test_the_neutral_dose_is_the_image_to_the_bit_and_exempt(name: str, region: str) -> None:
    neutral = spec_of(name).neutral
    assert neutral is not None
    own, context = scene(3), made(name, neutral, region=region)
    done = apply(context, own)
    assert torch.equal(done.pixels, own.pixels) and torch.equal(done.mask, own.mask)  # type: ignore[arg-type]
    assert not done.impossible.any()
    assert exempt(context) and not exempt(made(name, DOSES[name][0], region=region))


def test_minus_zero_is_zero() -> None:
    assert str(made("exposure", -0.0)) == "exposure(0)" and exempt(made("exposure", -0.0))


def test_no_quality_of_jpeg_is_neutral() -> None:
    assert not exempt(made("jpeg", 100))


@pytest.mark.parametrize("name", sorted(set(DOSES) - set(MOTIONS)))
@pytest.mark.parametrize("region", REGIONS)
def test_outside_of_its_region_no_bit_changes_and_inside_it_does(name: str, region: str) -> None:
    own = scene(3, 40, 36)
    done = apply(made(name, DOSES[name][0], region=region), own)
    changed, kept = (done.pixels != own.pixels).any(dim=1), own.kept()[:, 0]
    allowed = {"background": ~kept, "object": kept, "whole": kept | ~kept}[region]
    assert not (changed & ~allowed).any()
    assert region == "object" or (changed & allowed).flatten(1).any(dim=1).all()
    assert torch.equal(done.mask, own.mask)  # type: ignore[arg-type]
    assert done.pixels.min() >= 0 and done.pixels.max() <= 1 and torch.isfinite(done.pixels).all()


@pytest.mark.parametrize("name", DOSES)
def test_the_whole_frame_needs_no_mask_and_a_region_does(name: str) -> None:
    whole, background = made(name, DOSES[name][0], region="whole"), made(name, DOSES[name][0], region="background")
    bare = replace(scene(2), mask=None)
    done = apply(whole, bare)
    assert done.mask is None and not done.impossible.any() and not torch.equal(done.pixels, bare.pixels)
    assert not needs_mask(whole) and needs_mask(background)
    with pytest.raises(ContextError, match="masks"):
        apply(background, bare)


@pytest.mark.parametrize("name", DOSES)
def test_camera_and_light_act_on_the_whole_frame_unless_told(name: str) -> None:
    default = made(name, DOSES[name][0])
    assert default.region == ("background" if name in ("blur", "fade") else "whole")  # type: ignore[attr-defined]
    assert family(default) == "perturbation"


@pytest.mark.parametrize("name", DOSES)
@pytest.mark.parametrize("region", ["background", "object"])
def test_an_empty_region_is_impossible(name: str, region: str) -> None:
    own = scene(2)
    mask = torch.zeros_like(own.mask) if region == "object" else torch.ones_like(own.mask)  # type: ignore[arg-type]
    assert apply(made(name, DOSES[name][0], region=region), replace(own, mask=mask)).impossible.all()


@pytest.mark.parametrize("name", DOSES)
def test_tiny_and_empty_batches_survive(name: str) -> None:
    context = made(name, DOSES[name][0], region="whole")
    own = scene(2)
    for height, width in ((1, 1), (1, 7), (5, 2)):
        tiny = replace(own, pixels=torch.full((2, 3, height, width), 0.5), mask=None, donors=None)
        assert torch.isfinite(apply(context, tiny).pixels).all()
    empty = replace(own, pixels=own.pixels[:0], mask=own.mask[:0], ids=(), donors=None)  # type: ignore[index]
    assert apply(context, empty).pixels.shape == (0, 3, 24, 20)


@pytest.mark.parametrize("name", DOSES)
def test_doses_out_of_range_are_refused_with_the_range(name: str) -> None:
    spec, (_, beyond) = spec_of(name), DOSES[name]
    low, high = spec.bounds
    for wrong in (beyond, float("nan"), float("inf"), True, "3"):
        with pytest.raises(ExpressionError, match=rf"^{name}: \w+: .* from {low:g} to {high:.10g}"):
            made(name, wrong)  # type: ignore[arg-type]
    for edge in (low, high):
        assert made(name, edge).amount == edge  # type: ignore[attr-defined]
    with pytest.raises(ExpressionError, match="region: 'hole' is not possible; did you mean 'whole'"):
        made(name, DOSES[name][0], region="hole")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jpeg(30.5)", "quality must be an integer from 1 to 100"),
        ("flicker(0.5, bands=0)", "bands: 0 is not a number from 0.5 to 100"),
        ("motion(3, direction=361)", r"direction \(degrees\): 361 is not a number from 0 to 360"),
        ("shift(3, direction=-1)", r"direction \(degrees\): -1 is not a number from 0 to 360"),
        ("rotation(3, turn=left)", "turn: 'left' is not possible"),
        ("zoom(2, fill=tyle, region=object)", "fill: 'tyle' is not possible; did you mean 'tile'"),
    ],
)
def test_bad_options_say_what_is_possible(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse_context(text)


@pytest.mark.parametrize("name", DOSES)
def test_texts_come_back(name: str) -> None:
    examples = registry.find("context", name).declares.examples
    assert examples
    assert [str(parse_context(text)) for text in examples] == list(examples)
    for context in (made(name, DOSES[name][0], region="object"), made(name, spec_of(name).bounds[1])):
        assert parse_context(str(context)) == context
    assert str(made(name, DOSES[name][0])) == f"{name}({DOSES[name][0]:g})"


@pytest.mark.parametrize("name", DOSES)
def test_a_series_is_one_context_a_dose(name: str) -> None:
    dose = DOSES[name][0]
    low, high = sorted((dose, spec_of(name).bounds[1]))
    series = parse_context(f"{name}(each=[{low:g}, {high:g}])")
    assert series.doses == (low, high) and parse_context(str(series)) == series
    assert series.at_dose(dose) == made(name, dose)
    with pytest.raises(ExpressionError, match="is a series"):
        apply(series, scene(1))
    with pytest.raises(ExpressionError, match="each"):
        as_context(name)


@pytest.mark.parametrize("name", [name for name in DOSES if name not in ("jpeg", "white_balance", "gamma", "zoom")])
def test_a_greater_dose_is_farther_from_the_image(name: str) -> None:
    spec = spec_of(name)
    own = scene(2, 48, 48)
    smooth = replace(own, pixels=torch.nn.functional.avg_pool2d(own.pixels, 9, 1, 4))
    top = abs(DOSES[name][0]) if name not in ("shift", "rotation") else 3.0
    distances = [
        float((apply(spec(top * share, region="whole"), smooth).pixels - smooth.pixels).abs().mean())  # type: ignore[call-arg]
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert distances[0] == 0 and all(later > earlier for earlier, later in pairwise(distances))

"""Variants: the masks pixel by pixel, who needs a pass, and values that depend on nothing but the variant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attribution.small_questions import asked as question_about
from attribution.small_questions import relu_net
from engine.small_audits import audit, groups_of, measured, sample, samples, settings
from torch import Tensor

from modelaudit.attribution import draws_at_random
from modelaudit.contexts import gaussian_noise, lighting, paste_back, swap_background
from modelaudit.engine.assembly import measure
from modelaudit.engine.images.interventions import blinded, changed_mask, radius
from modelaudit.engine.planning.plan import PassAsk, original_context
from modelaudit.engine.planning.reruns import feather_of, interventions_of, passes_of_rerun, seam_of, under_hard_edge
from modelaudit.engine.results.interventions import MASKS, Intervention
from modelaudit.engine.results.measured import Measured, RerunData, listed
from modelaudit.engine.store.store import Store
from modelaudit.language import AuditCase, registry
from modelaudit.language.checks import CheckSettings
from modelaudit.language.progress import Silent
from modelaudit.measures import accuracy, background_dependence, background_share

SWAP = swap_background("other_class", feather=0)
SOFT = swap_background("other_class", feather=2)
OFF = CheckSettings.off()


def drawn(*rows: str) -> Tensor:
    """[1, H, W]: ``.`` background, ``#`` object, ``o`` ignore."""
    return torch.tensor([[[".#o".index(letter) if letter != "o" else 255 for letter in row] for row in rows]]).byte()


# --- masks -----------------------------------------------------------------------------------------------------------


def test_masks_move_by_one_percent_of_the_shorter_side_and_by_a_pixel_at_least() -> None:
    assert [radius(size) for size in ((16, 16), (224, 224), (600, 300), (384, 1000))] == [1, 2, 3, 4]


OBJECT = drawn(".......", ".......", "..###..", "..###..", "..###..", ".......", ".......")


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (Intervention.ERODED, drawn(*[("." * 7)] * 3, "...#...", *[("." * 7)] * 3)),
        (Intervention.DILATED, drawn("." * 7, *[".#####."] * 5, "." * 7)),
        (Intervention.SHIFTED_X, drawn(*["." * 7] * 2, *["...###."] * 3, *["." * 7] * 2)),
        (Intervention.SHIFTED_Y, drawn(*["." * 7] * 3, *["..###.."] * 3, "." * 7)),
        (Intervention.GIVEN, OBJECT),
        (Intervention.REDRAWN, OBJECT),
        (Intervention.BLIND, OBJECT),
        (Intervention.SEAM, OBJECT),
    ],
)
def test_a_square_moved_by_a_pixel(variant: Intervention, expected: Tensor) -> None:
    assert torch.equal(changed_mask(OBJECT, variant), expected)


def test_at_a_side_of_224_edges_move_by_two_pixels() -> None:
    mask = torch.zeros(1, 224, 224, dtype=torch.uint8)
    mask[:, 50:100, 60:120] = 1
    areas = {variant: int(changed_mask(mask, variant).sum()) for variant in MASKS}
    assert areas == {
        Intervention.ERODED: 46 * 56,
        Intervention.DILATED: 54 * 64,
        Intervention.SHIFTED_X: 50 * 60,
        Intervention.SHIFTED_Y: 50 * 60,
    }


def test_the_ignore_ring_moves_with_the_edge() -> None:
    ring = drawn("." * 9, *[".ooooooo."] * 2, *[".oo###oo."] * 3, *[".ooooooo."] * 2, "." * 9)
    eroded = drawn(*["." * 9] * 2, "..ooooo..", "..ooooo..", "..oo#oo..", "..ooooo..", *["." * 9] * 2)
    found = changed_mask(ring, Intervention.ERODED)
    assert torch.equal(found[:, 3:5], eroded[:, 3:5]) and int((found == 1).sum()) == 1
    assert int((found != 0).sum()) == 5 * 5
    wide = changed_mask(ring, Intervention.DILATED)
    assert int((wide == 1).sum()) == 5 * 5 and bool((wide != 0).all())


def test_an_object_at_the_border_is_not_eroded_there() -> None:
    mask = drawn("###..", "###..", "###..", ".....", ".....")
    assert torch.equal(changed_mask(mask, Intervention.ERODED), drawn("##...", "##...", ".....", ".....", "....."))
    full = torch.ones(1, 5, 5, dtype=torch.uint8)
    assert torch.equal(changed_mask(full, Intervention.ERODED), full)


def test_a_shifted_mask_repeats_its_first_column() -> None:
    assert torch.equal(changed_mask(drawn("#...", "#..."), Intervention.SHIFTED_X), drawn("##..", "##.."))


def test_a_blind_model_sees_nothing_but_the_object() -> None:
    pixels = torch.rand(1, 3, 7, 7)
    found = blinded(pixels, OBJECT)
    inside = (OBJECT == 1)[:, None].expand_as(pixels)
    assert torch.equal(found[inside], pixels[inside])
    assert found[~inside].unique().numel() == 3


# --- which passes ----------------------------------------------------------------------------------------------------


def passes(variant: Intervention, **cases: AuditCase) -> dict[str, set[str]]:
    """Columns by context."""
    (group,) = groups_of(**cases)
    found: tuple[PassAsk, ...] = passes_of_rerun(group.passes, variant)
    return {str(ask.context): {column.key for column in ask.columns} for ask in found}


SHARE = background_share("saliency")
TINY = audit()


def test_other_masks_touch_only_what_reads_a_mask() -> None:
    cases = {"a": TINY.expect(accuracy > 0.5), "s": TINY.expect(SHARE < 0.9)}
    cases |= {"n": TINY.expect(accuracy.under(lighting(3)) > 0), "w": TINY.expect(accuracy.under(SWAP) > 0)}
    assert passes(Intervention.ERODED, **cases) == {
        "original": {str(SHARE)},
        str(SWAP): {str(accuracy.under(SWAP))},
    }


def test_a_second_seed_touches_drawn_contexts_and_drawing_methods() -> None:
    rise = background_share("rise")
    cases = {"a": TINY.expect(accuracy > 0.5), "s": TINY.expect(SHARE < 0.9), "r": TINY.expect(rise < 0.9)}
    cases |= {"n": TINY.expect(accuracy.under(gaussian_noise(3)) > 0)}
    assert passes(Intervention.REDRAWN, **cases) == {
        "original": {str(rise)},
        "gaussian_noise(3)": {"accuracy.under(gaussian_noise(3))"},
    }


def test_a_seam_is_measured_in_place_of_what_pastes_with_one() -> None:
    cases = {"o": TINY.expect(accuracy > 0.5), "h": TINY.expect(accuracy.under(SWAP) > 0)}
    cases |= {"f": TINY.expect(accuracy.under(SOFT) > 0)}
    assert passes(Intervention.SEAM, **cases) == {"paste_back(feather=2)": {"accuracy.under(paste_back(feather=2))"}}
    assert (feather_of(SWAP), feather_of(SOFT), feather_of(gaussian_noise(3))) == (0.0, 2.0, None)
    assert seam_of(SWAP) is None and seam_of(SOFT) == paste_back(2)


def test_a_blind_model_is_asked_of_the_original_first() -> None:
    found = passes(Intervention.BLIND, w=TINY.expect(accuracy.under(SWAP) > 0))
    assert list(found) == [str(original_context()), str(SWAP)]


def test_a_blind_model_is_shown_a_hard_edge_where_answers_are_read_and_the_seam_where_maps_are() -> None:
    """A feather mixes the background into the object, which the blind model sees."""
    bright = lighting(1)
    answers = passes(Intervention.BLIND, w=TINY.expect(accuracy.under(SOFT | bright) > 0))
    assert list(answers) == [str(original_context()), str(SWAP | bright)]
    maps = passes(Intervention.BLIND, w=TINY.expect(background_share("saliency").under(SOFT) < 1))
    assert list(maps) == [str(original_context()), str(SOFT)]
    assert under_hard_edge(accuracy.under(SOFT)) == accuracy.under(SWAP)
    assert under_hard_edge(accuracy.under(SWAP)) == accuracy.under(SWAP)


def test_checks_that_are_off_have_no_variant() -> None:
    assert list(interventions_of(OFF)) == []
    assert list(interventions_of(replace(OFF, masks=5))) == list(MASKS)
    assert list(interventions_of(replace(OFF, seams=5, blind=2))) == [Intervention.BLIND, Intervention.SEAM]


# --- measured --------------------------------------------------------------------------------------------------------


def run(folder: Path, checks: CheckSettings, options: dict[str, object] | None = None, count: int = 10) -> Measured:
    one = audit(data=samples(count), checks=checks)
    cases = {"share": one.expect(background_dependence("saliency", "gradcam") < 0.9)}
    cases |= {"swap": one.expect(accuracy.under(SOFT) > 0.1)}
    return measured(folder, {"checks": checks, **(options or {})}, **cases)


def values_of(found: Measured) -> dict[tuple[str, str, str], list[float | None]]:
    return {
        (data.variant, one.key, found.samples[at].id): [one.values[row]]
        for data in found.variants
        for one in data.columns
        for row, at in enumerate(data.positions)
    }


def variant(found: Measured, name: Intervention) -> RerunData:
    (one,) = [one for one in found.variants if one.variant == name]
    return one


ALL = CheckSettings(masks=6, noise=6, blind=6, seams=6, sensitivity=0, sanity=0, agreement=0)


def test_shares_under_other_masks_cost_no_pass(tmp_path: Path) -> None:
    """On original images the map is the same; only its sums are taken anew."""

    def shares(checks: CheckSettings) -> Measured:
        one = audit(data=samples(), checks=checks)
        case = one.expect(background_dependence("saliency", "gradcam", "integrated_gradients") < 0.9)
        return measured(tmp_path / str(checks.masks), {"checks": checks}, share=case)

    without, beside = shares(OFF), shares(replace(OFF, masks=10))
    assert without.variants == [] and len(beside.variants) == len(MASKS)
    counted = [(one.passes.decoded, one.passes.forward, one.passes.backward) for one in (without, beside)]
    assert counted[0] == counted[1]
    given = np.array([listed(one.values) for one in beside.columns], dtype=float)
    for data in beside.variants:
        assert len(data.positions) == 10
        assert not np.array_equal(np.array([listed(one.values) for one in data.columns], dtype=float), given)


def test_an_object_that_erosion_removes_is_undefined_there(tmp_path: Path) -> None:
    thin = np.zeros((16, 16), np.uint8)
    thin[4:6, 4:12] = 1
    checks = replace(OFF, masks=9)
    data = [*samples(8), sample(8, mask=thin)]
    one = audit(data=data, checks=checks)
    found = measured(tmp_path, {"checks": checks}, share=one.expect(SHARE < 0.9))
    (own,) = variant(found, Intervention.ERODED).columns
    at = next(
        row for row, at in enumerate(variant(found, Intervention.ERODED).positions) if found.samples[at].id == "008.png"
    )
    assert np.isnan(own.values[at]) and own.missing[at] == "empty_mask"
    (wide,) = variant(found, Intervention.DILATED).columns
    assert not np.isnan(wide.values[at])


def test_values_of_variants_depend_on_no_batch(tmp_path: Path) -> None:
    """To the bit where passes have one size; to float32's rounding where they have another."""
    four = values_of(run(tmp_path / "4", ALL, {"micro_batch": 4}))
    again = values_of(run(tmp_path / "again", ALL, {"micro_batch": 4}))
    seven = values_of(run(tmp_path / "7", ALL, {"micro_batch": 7}))
    assert four == again and four.keys() == seven.keys()
    for key, (value,) in four.items():
        assert seven[key][0] == (None if value is None else pytest.approx(value, abs=1e-5)), key


def test_fewer_images_of_a_check_are_part_of_more_with_the_same_values(tmp_path: Path) -> None:
    few = values_of(run(tmp_path / "few", replace(ALL, masks=3, noise=3, blind=3, seams=3)))
    many = values_of(run(tmp_path / "many", ALL))
    assert few and {key: many[key] for key in few} == few and len(many) == 2 * len(few)


def test_where_the_second_draw_shows_the_same_pixels_the_values_are_those_of_the_first(tmp_path: Path) -> None:
    """Of two classes with one image each, the other image lends the background whatever the seed is."""
    checks = replace(OFF, noise=2)
    one = audit(data=samples(2), checks=checks)
    alone = one.expect(background_dependence("saliency").under(swap_background("other_class")) < 0.9)
    found = measured(tmp_path / "on", {"checks": checks}, alone=alone)
    plain = audit(data=samples(2), checks=OFF)
    off = measured(
        tmp_path / "off",
        {"checks": OFF},
        alone=plain.expect(background_dependence("saliency").under(swap_background("other_class")) < 0.9),
    )
    data = variant(found, Intervention.REDRAWN)
    (drawn_again,) = data.columns
    (first,) = [one for one in found.columns if one.key == drawn_again.key]
    assert np.array_equal(drawn_again.values, first.values[data.positions], equal_nan=True)
    assert found.passes.forward == off.passes.forward and found.passes.backward == off.passes.backward


def test_a_second_draw_of_noise_gives_other_values(tmp_path: Path) -> None:
    checks = replace(OFF, noise=10)
    one = audit(checks=checks)
    case = one.expect(background_dependence("saliency").under(gaussian_noise(5)) < 0.9)
    found = measured(tmp_path, {"checks": checks}, noisy=case)
    (again,) = variant(found, Intervention.REDRAWN).columns
    (first,) = [one for one in found.columns if one.key == again.key]
    assert all(
        again.values[row] != first.values[at] for row, at in enumerate(variant(found, Intervention.REDRAWN).positions)
    )


# --- which methods draw ----------------------------------------------------------------------------------------------

METHODS: dict[str, dict[str, Any]] = {
    "saliency": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 4},
    "smoothgrad": {"samples": 3},
    "smoothgrad_squared": {"samples": 3},
    "vargrad": {"samples": 3},
    "gradient_shap": {"samples": 3},
    "shapley_sampling": {"samples": 2, "segments": 4},
    "kernel_shap": {"samples": 36, "segments": 9},
    "rise": {"masks": 8, "grid": 3},
    "captum": {"algorithm": "ShapleyValueSampling", "segments": 4, "n_samples": 2},
    "feature_ablation": {"segments": 4},
    "occlusion": {},
}


def test_every_method_that_says_that_it_draws_is_tried_below() -> None:
    named = {name: registry.find("attribution", name) for name in registry.names("attribution")}
    drawing = {name for name, entry in named.items() if getattr(entry.declares, "draws", False)}
    assert drawing and drawing <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_maps_of_two_seeds_differ_where_a_method_says_that_it_draws(name: str) -> None:
    entry = registry.find("attribution", name)
    assert entry.spec is not None
    spec = entry.spec(**METHODS[name])
    first = question_about(relu_net())
    maps = [entry.function(spec, replace(first, seed=seed)).values for seed in (0, 1)]
    assert torch.equal(*maps) is not draws_at_random(spec)


# --- stored ----------------------------------------------------------------------------------------------------------


def test_an_unchanged_second_run_computes_nothing_variants_included(tmp_path: Path) -> None:
    one = audit(data=samples(), checks=ALL)
    (group,) = groups_of(
        share=one.expect(background_dependence("saliency").under(SOFT) < 0.9),
        drop=one.expect(accuracy.under(SOFT) > 0.1),
    )
    found = []
    for _ in range(2):
        store = Store(tmp_path / "store")
        found.append(measure(group, settings(tmp_path, checks=ALL), Silent(), store))
        store.close()
    first, again = found
    assert first.passes.forward > 0 and len(first.variants) == 7
    assert (again.passes.decoded, again.passes.forward, again.passes.backward) == (0, 0, 0)
    assert again.variants == first.variants and again.columns == first.columns


def test_a_check_on_few_images_costs_as_many_passes_as_images(tmp_path: Path) -> None:
    """Its images are spread over the chunks; each chunk's few would be padded to a whole micro-batch."""
    one = audit(data=samples(32))
    (group,) = groups_of(drop=one.expect(accuracy.under(SOFT) > 0.1))
    few = replace(CheckSettings.off(), masks=8)
    without = measure(group, settings(tmp_path), Silent()).passes.forward
    found = measure(group, settings(tmp_path, checks=few), Silent())
    assert found.passes.forward - without == 4 * 8
    assert not any(np.isnan(one.values).any() for variant in found.variants for one in variant.columns)

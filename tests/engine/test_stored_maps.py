"""Heat maps beside stored answers are measured as those that a method of ours makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captum.attr import LayerGradCam
from engine.answered import Box, box
from engine.small_audits import SIDE, Net, audit, column, measured, samples, values
from PIL import Image

from modelaudit.attribution import gradcam
from modelaudit.contexts import mean_fill
from modelaudit.engine.results.measured import Measured
from modelaudit.language.checks import CheckSettings
from modelaudit.language.reasons import Missing
from modelaudit.measures import accuracy, background_dependence, pointing_game

GREY = mean_fill("background")
CAM = {
    "cam": background_dependence("gradcam").under(GREY) < 1,
    "point": pointing_game("gradcam").under(GREY) > 0,
    "right": accuracy > 0,
}


@pytest.fixture(scope="module")
def small_box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    return box(tmp_path_factory.mktemp("box"), {"grey": accuracy.under(GREY) > 0, "right": accuracy > 0})


def measured_from(reference: str, folder: Path, expectations: Any, data: Any = None, **options: Any) -> Measured:
    small = audit(reference, samples(12) if data is None else data, preprocessing=None, classes=None)
    return measured(folder, options, **{name: small.expect(one) for name, one in expectations.items()})


def write_maps(folder: Path, method: str, maps: dict[str, Any], suffix: str = "npz") -> Path:
    place = folder / "maps" / method
    place.mkdir(parents=True, exist_ok=True)
    for name, one in maps.items():
        if suffix == "npz":
            np.savez(place / f"{name}.npz", map=one)
        else:
            Image.fromarray(one).save(place / f"{name}.png")
    return folder / "maps"


def corner(side: int = 8) -> Any:
    """All heat in the upper left corner, where no object is."""
    found = np.zeros((side, side), dtype=np.float32)
    found[0, 0] = 1.0
    return found


def centre(side: int = 8) -> Any:
    """All heat where every object is."""
    found = np.zeros((side, side), dtype=np.float32)
    found[side // 4 + side // 16, side // 4 + side // 16] = 1.0
    return found


def dependence(found: Measured) -> Any:
    (key,) = [one.key for one in found.columns if one.key.startswith("background_dependence")]
    return values(found, key)


@pytest.mark.parametrize("side", [SIDE // 2, SIDE, 2 * SIDE])
@pytest.mark.parametrize("suffix", ["npz", "png"])
def test_heat_is_where_the_map_says_at_any_resolution(side: int, suffix: str, small_box: Box, tmp_path: Path) -> None:
    scale = (lambda one: one) if suffix == "npz" else (lambda one: (one * 255).astype(np.uint8))
    for number, (kind, expected) in enumerate(((corner, 1.0), (centre, 0.5))):
        maps = write_maps(
            tmp_path / str(number), "gradcam", {name: scale(kind(side)) for name in small_box.names()}, suffix
        )
        found = measured_from(f"{small_box.labels()}?maps={maps}", tmp_path / f"m{number}", CAM)
        assert not found.failures
        assert (dependence(found) > 0.9).all() if expected == 1.0 else (dependence(found) < expected).all()


def vendor_maps(pictures: Box) -> dict[str, Any]:
    """Grad-CAM of the answer as captum has it, on the grid of the last layer."""
    net = Net().eval()
    method = LayerGradCam(net, net.features[-1])
    found = {}
    for name, pixels in pictures.pixels.items():
        answer = int(net(pixels[None]).argmax())
        found[name] = method.attribute(pixels[None], answer, relu_attributions=True)[0, 0].detach().numpy()
    return found


def test_grad_cam_of_the_box_measures_as_ours_on_the_network_itself(small_box: Box, tmp_path: Path) -> None:
    small = audit(Net().eval(), samples(12))
    direct = measured(tmp_path / "direct", **{name: small.expect(one) for name, one in CAM.items()})
    maps = write_maps(tmp_path, "gradcam", vendor_maps(small_box))
    found = measured_from(f"{small_box.labels()}?maps={maps}", tmp_path / "stored", CAM)
    assert not direct.failures and not found.failures
    for one in direct.columns:
        np.testing.assert_allclose(values(found, one.key), one.values, atol=1e-5)
        assert column(found, one.key).missing == one.missing


@pytest.mark.parametrize("side", [SIDE // 2, SIDE])
def test_an_image_without_its_map_has_no_value_and_an_empty_map_is_told(
    side: int, small_box: Box, tmp_path: Path
) -> None:
    grey = {name: one.sample for name, one in small_box.origins.items() if one.context.startswith("mean_fill")}
    all_maps: dict[str, Any] = {name: corner(side) for name in grey if grey[name] != "003.png"}
    changed = {one: name for name, one in grey.items()}
    all_maps[changed["004.png"]] = np.zeros((side, side))
    all_maps[changed["005.png"]] = np.full((side, side), np.nan)
    all_maps[changed["006.png"]] = -corner(side)
    maps = write_maps(tmp_path, "gradcam", all_maps)
    found = measured_from(f"{small_box.labels()}?maps={maps}", tmp_path, {"cam": CAM["cam"]})
    (one,) = found.columns
    assert one.missing == {
        3: Missing.ATTRIBUTION_INVALID,
        4: Missing.ZERO_ATTRIBUTION,
        5: Missing.ATTRIBUTION_INVALID,
        6: Missing.ATTRIBUTION_INVALID,  # Grad-CAM has no negative values
    }


def test_the_vendor_s_own_map_keeps_its_sign(small_box: Box, tmp_path: Path) -> None:
    signed = corner() - 2 * centre()
    maps = write_maps(tmp_path, "given", dict.fromkeys(small_box.names(), signed))
    found = measured_from(
        f"{small_box.labels()}?maps={maps}", tmp_path, {"own": background_dependence("given_map").under(GREY) < 1}
    )
    assert not found.failures
    assert (dependence(found) > 0.9).all()


@pytest.mark.parametrize(
    ("expectation", "told"),
    [
        (background_dependence("occlusion") < 1, "occlusion needs a model that can be run, or its maps beside"),
        (background_dependence("given_map") < 1, "given_map needs a model that can be run, or its maps beside"),
        (background_dependence(gradcam(layer="features.3")) < 1, "has settings, and maps beside answers"),
        (background_dependence("gradcam", target="label") < 1, "explain the box's answer"),
    ],
)
def test_maps_that_are_not_there_are_named(expectation: Any, told: str, small_box: Box, tmp_path: Path) -> None:
    maps = write_maps(tmp_path, "gradcam", {name: corner() for name in small_box.names()})
    found = measured_from(f"{small_box.labels()}?maps={maps}", tmp_path, {"one": expectation, "right": accuracy > 0})
    (why,) = found.failures.values()
    assert why.startswith("not applicable: ") and told in why


def test_a_model_that_is_run_is_given_no_map(tmp_path: Path) -> None:
    small = audit(Net().eval(), samples(4))
    found = measured(tmp_path, own=small.expect(background_dependence("given_map") < 1))
    (why,) = found.failures.values()
    assert "given_map reads maps that lie beside stored answers" in why


DAMAGE: dict[str, tuple[str, str, Any, str]] = {
    # what is wrong: the method, the file ("NAME" of the first picture), what is in it, what is said
    "of another aspect": ("occlusion", "NAME.npz", np.ones((4, 9)), "of another aspect than the picture"),
    "of another resolution": ("gradcam", "NAME.npz", np.ones((4, 4)), "write all maps of a method at one resolution"),
    "of no picture": ("gradcam", "holiday.npz", np.ones((8, 8)), "not the one map of a picture.*holiday.npz"),
    "of no method": ("grdcam", "NAME.npz", np.ones((8, 8)), "'grdcam' is no method; did you mean 'gradcam'"),
    "with colours": ("gradcam", "NAME.npz", np.ones((8, 8, 3)), r"of shape \(8, 8, 3\); write real numbers"),
    "of complex numbers": ("gradcam", "NAME.npz", np.ones((8, 8), complex), "write real numbers"),
    "no archive": ("gradcam", "NAME.npz", None, "holds no array 'map'"),
    "a sign in a PNG": ("occlusion", "NAME.png", np.ones((8, 8), np.uint8), "have a sign, which a PNG cannot hold"),
    "a colour PNG": ("gradcam", "NAME.png", np.ones((8, 8, 3), np.uint8), "is a picture of mode RGB"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_map_that_does_not_fit_is_refused(what: str, small_box: Box, tmp_path: Path) -> None:
    method, name, content, told = DAMAGE[what]
    first, *others = sorted(name for name, one in small_box.origins.items() if one.context.startswith("mean_fill"))
    maps = write_maps(tmp_path, "gradcam", {name: corner() for name in others})
    place = maps / method
    place.mkdir(exist_ok=True)
    file = place / name.replace("NAME", first)
    if content is None:
        file.write_bytes(b"PK no more")
    elif file.suffix == ".png":
        Image.fromarray(content).save(file)
    else:
        np.savez(file, map=content)
    asked = {"one": background_dependence("gradcam" if method == "grdcam" else method).under(GREY) < 1}
    found = measured_from(f"{small_box.labels()}?maps={maps}", tmp_path, asked)
    assert re.search(told, "\n".join(found.failures.values())), found.failures


def test_checks_of_stored_maps_are_made_or_named(tmp_path: Path) -> None:
    """Weights cannot be drawn anew, and maps of another target are not there; masks and agreement are read off."""
    checks = CheckSettings(masks=8, noise=8, blind=8, seams=8, sensitivity=8, sanity=8, agreement=8)
    asked = {**CAM, "own": background_dependence("given_map").under(GREY) < 1}
    of_checks = {"checks": checks}
    pictures = box(tmp_path, {"grey": CAM["right"], "cam": CAM["cam"]}, options=of_checks)
    write_maps(tmp_path, "gradcam", vendor_maps(pictures))
    maps = write_maps(tmp_path, "given", {name: corner() for name in pictures.names()})
    found = measured_from(f"{pictures.labels()}?maps={maps}", tmp_path / "stored", asked, checks=checks)
    assert not found.failures
    assert {one.note for one in found.sanity} == {"the model has no parameters here that could be drawn anew"}
    assert all(one.passed is None for one in found.sanity)
    assert found.agreement
    moved = [one for one in found.variants if one.variant in ("eroded", "dilated")]
    assert moved and all(not one.failures for one in moved)

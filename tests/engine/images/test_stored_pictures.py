"""Pictures that the data keep: shown, missing, of another size, unreadable; known without decoding in the next run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.measurement.test_stored import Bench, cost, what
from engine.small_audits import SIDE, Net, audit, column, measured, sample, values
from numpy.typing import NDArray
from PIL import Image

from modelaudit.contexts import gaussian_noise, stored, swap_background
from modelaudit.language import Audit, AuditCase, Missing, Preprocessing, Sample
from modelaudit.measures import accuracy, background_dependence, confidence

COUNT = 9
LINE_B = "confidence.under(stored(line_b))"
Pixels = NDArray[np.uint8]


def picture(number: int, side: int = SIDE) -> Pixels:
    """What the data keep of a sample: nothing like its image."""
    return np.asarray(sample(number + 100, side=side).image)


def kept(number: int, **pictures: Any) -> Sample:
    return sample(number, stored={"line_b": picture(number), **pictures})


def data() -> list[Sample]:
    return [kept(number) for number in range(COUNT)]


def cases(one: Audit) -> dict[str, AuditCase]:
    return {
        "there": one.expect(confidence.under(stored("line_b")) > 0.1),
        "map": one.expect(background_dependence("saliency").under(stored("line_b")) < 0.9),
        "right": one.expect(accuracy > 0.1),
    }


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_model_sees_the_stored_picture(tmp_path: Path) -> None:
    net = Net()
    found = measured(tmp_path, **cases(audit(net, data())))
    batch = torch.stack([torch.from_numpy(picture(at)).permute(2, 0, 1) / 255 for at in range(COUNT)])
    expected = net(batch).double().softmax(1)[torch.arange(COUNT), torch.arange(COUNT) % 3]
    assert values(found, LINE_B) == pytest.approx(expected.detach().numpy(), abs=1e-6)


def test_maps_on_it_are_read_with_the_mask_of_the_original(tmp_path: Path) -> None:
    net, images = Net(), data()
    under = values(
        measured(tmp_path, **cases(audit(net, images))), "background_dependence(saliency).under(stored(line_b))"
    )
    as_images = [replace(one, image=one.stored["line_b"], stored={}) for one in images]
    plain = audit(net, as_images).expect(background_dependence("saliency") < 0.9)
    assert np.array_equal(under, values(measured(tmp_path, a=plain), "background_dependence(saliency)"))


def test_with_another_place_of_the_object_only_what_needs_no_mask_is_measured(tmp_path: Path) -> None:
    one, elsewhere = audit(Net(), [kept(at, line_b=picture(at, 24)) for at in range(COUNT)]), stored("line_b", "none")
    found = measured(
        tmp_path,
        there=one.expect(confidence.under(elsewhere) > 0.1),
        map=one.expect(background_dependence("saliency").under(elsewhere) < 0.9),
        noise=one.expect(confidence.under(elsewhere | gaussian_noise(3)) > 0.1),
    )
    assert found.failures == {}
    assert not np.isnan(values(found, f"confidence.under({elsewhere})")).any()
    for key in (
        f"background_dependence(saliency).under({elsewhere})",
        f"confidence.under({elsewhere} | gaussian_noise(3))",
    ):
        assert column(found, key).missing == dict.fromkeys(range(COUNT), Missing.NO_MASK)


def test_a_picture_is_decoded_once_whatever_is_done_to_it(tmp_path: Path) -> None:
    one = audit(Net(), data())
    under = [stored("line_b"), stored("line_b") | gaussian_noise(each=[1, 3, 5])]
    asked = {f"a{at}": one.expect(confidence.under(context) > 0.1) for at, context in enumerate(under)}
    assert measured(tmp_path, **asked).passes.decoded == 2 * COUNT
    asked["b"] = one.expect(confidence.under(stored("line_b", "none")) > 0.1)  # other masks, so another decoding
    assert measured(tmp_path, **asked).passes.decoded == 3 * COUNT


def test_a_sample_without_the_picture_is_undefined_and_a_name_that_none_has_is_an_error(tmp_path: Path) -> None:
    images = data()
    images[4] = sample(4, stored={"line_c": picture(4)})
    one = audit(Net(), images)
    found = measured(tmp_path, typo=one.expect(accuracy.under(stored("line_d")) > 0.1), **cases(one))
    assert column(found, LINE_B).missing == {4: Missing.NO_STORED}
    assert found.failures == {
        "model:Net|accuracy.under(stored(line_d))": (
            "'stored(line_d)': the data keep no picture 'line_d' of any sample; did you mean 'line_c' or 'line_b'?"
        )
    }
    bare = audit(Net(), [sample(at) for at in range(3)])
    (message,) = measured(tmp_path, a=bare.expect(accuracy.under(stored("x")) > 0.1)).failures.values()
    assert "they keep none beside their images" in message


def test_a_picture_of_another_size_or_that_cannot_be_read_is_counted_and_named(tmp_path: Path) -> None:
    images = data()
    images[2], images[5] = kept(2, line_b=picture(2, 20)), kept(5, line_b=b"no picture")
    found = measured(tmp_path, **cases(audit(Net(), images)))
    assert column(found, LINE_B).missing == {2: Missing.MASK_SIZE, 5: Missing.UNREADABLE_IMAGE}
    assert column(found, "accuracy").missing == {}
    assert found.data is not None
    reason, message = found.data.unusable["002.png (line_b)"]
    assert reason is Missing.MASK_SIZE and "16 x 16" in message and "20 x 20" in message and "mask=none" in message
    assert found.data.unusable["005.png (line_b)"][0] is Missing.UNREADABLE_IMAGE


def test_pictures_of_different_sizes_after_the_geometry_are_an_error_of_that_context_alone(tmp_path: Path) -> None:
    images = [sample(at, mask=None, mask_kind="none", stored={"line_b": picture(at, 20)}) for at in range(3)]
    one = audit(Net(), images, preprocessing=Preprocessing())
    found = measured(tmp_path, there=one.expect(accuracy.under(stored("line_b")) > 0), right=one.expect(accuracy > 0))
    (message,) = found.failures.values()
    assert "differ in size" in message and "accuracy" in [one.key for one in found.columns]


def test_a_picture_that_equals_its_image_changed_nothing(tmp_path: Path) -> None:
    images = data()
    images[3] = kept(3, line_b=sample(3).image)
    assert column(measured(tmp_path, **cases(audit(Net(), images))), LINE_B).missing == {3: Missing.CONTEXT_UNCHANGED}


def test_a_swap_may_follow(tmp_path: Path) -> None:
    one, both = audit(Net(), data()), stored("line_b") | swap_background("random")
    found = measured(tmp_path, a=one.expect(confidence.under(both) > 0), b=one.expect(accuracy > 0))
    assert found.failures == {} and not np.isnan(values(found, f"confidence.under({both})")).any()


# --- what is stored of them ------------------------------------------------------------------------------------------


def in_files(folder: Path) -> list[Sample]:
    found = []
    for at in range(COUNT):
        path = folder / f"{at}.png"
        Image.fromarray(picture(at)).save(path)
        found.append(kept(at, line_b=path))
    return found


def test_an_unchanged_run_computes_nothing_and_says_the_same(bench: Bench, tmp_path: Path) -> None:
    images = in_files(tmp_path)
    images[1], images[2] = sample(1), kept(2, line_b=picture(2, 20))
    (tmp_path / "5.png").write_bytes(b"no picture")
    (tmp_path / "6.png").unlink()
    net = Net()
    first = bench.run(cases(audit(net, images)))
    again = bench.again(cases(audit(net, images)))
    assert column(again, LINE_B).missing == {
        1: Missing.NO_STORED,
        2: Missing.MASK_SIZE,
        5: Missing.UNREADABLE_IMAGE,
        6: Missing.UNREADABLE_IMAGE,
    }
    assert cost(again) == (0, 0) and what(again) == what(first)
    assert again.data is not None and len(again.data.unusable) == 3


def test_another_picture_is_computed_again_and_no_other(bench: Bench, tmp_path: Path) -> None:
    images, net = in_files(tmp_path), Net()
    bench.run(cases(audit(net, images)))
    before = bench.values
    Image.fromarray(picture(40)).save(tmp_path / "4.png")
    again = bench.again(cases(audit(net, images)))
    assert bench.values - before == 2  # two columns under the context
    assert again.passes.decoded == 2  # the image and its picture
    assert cost(bench.run(cases(audit(net, images)))) == (0, 0)


def test_a_new_question_is_read_off_stored_logits_with_the_same_reasons(bench: Bench, tmp_path: Path) -> None:
    images, net = in_files(tmp_path), Net()
    images[1] = sample(1)
    bench.run(cases(audit(net, images)))
    again = bench.again({"a": audit(net, images).expect(accuracy.under(stored("line_b")) > 0.1)})
    assert cost(again)[1] == 0
    assert column(again, "accuracy.under(stored(line_b))").missing == {1: Missing.NO_STORED}


def test_the_error_of_a_missing_name_is_the_same_in_every_run(bench: Bench) -> None:
    asked = {"a": audit(Net(), data()).expect(accuracy.under(stored("line_x")) > 0.1)}
    first, again = bench.run(asked), bench.run(asked)
    assert first.failures == again.failures != {}

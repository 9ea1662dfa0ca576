"""What is stored is not computed again, what changed is, and a value never depends on which of the two it was."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.small_audits import (
    CLASSES,
    MICRO_BATCH,
    SIDE,
    Broken,
    Net,
    audit,
    column,
    groups_of,
    sample,
    samples,
    settings,
    values,
)
from PIL import Image

from modelaudit.contexts import gaussian_noise, lighting, mean_fill, swap_background
from modelaudit.engine.assembly import measure
from modelaudit.engine.results.measured import Measured, listed
from modelaudit.engine.store.file_digests import FileDigests
from modelaudit.engine.store.location import FILE
from modelaudit.engine.store.store import Store
from modelaudit.language import Audit, AuditCase, Missing, Preprocessing, Sample, correct
from modelaudit.language.progress import Silent
from modelaudit.measures import accuracy, background_dependence, background_share, confidence, flip_rate

SWAP = swap_background("other_class")
COUNT = 12
Cases = dict[str, AuditCase]


def cases(one: Audit) -> Cases:
    """Three contexts; maps by two methods, flips, a stratum."""
    return {
        "right": one.expect(accuracy > 0.5),
        "swapped": one.expect(background_dependence("gradcam", "saliency").under(SWAP) < 0.5),
        "noisy": one.expect(confidence.under(gaussian_noise(3)).where(correct) > 0.1),
        "flips": one.expect(flip_rate.under(gaussian_noise(3)) < 0.5),
    }


class Bench:
    """Runs audits one after the other on one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []

    @property
    def values(self) -> int:
        """How many values of measures are stored: a value that is computed again under another key is one more."""
        with closing(sqlite3.connect(self.folder / "store" / FILE)) as connection:
            query = (
                "SELECT COUNT(*) FROM cells JOIN keys ON keys.id = cells.key "
                "WHERE kind = 'values' AND measure != 'predicted_class'"
            )
            return int(connection.execute(query).fetchone()[0])

    def run(self, asked: Cases, *, stored: bool = True, **options: Any) -> Measured:
        (group,) = groups_of(**asked)
        store = Store(self.folder / "store" if stored else None)
        found = measure(group, settings(self.folder, **options), Silent(), store)
        store.close()
        self.notes = store.notes
        return found

    def again(self, asked: Cases, **options: Any) -> Measured:
        """A run on the store, which gives what a run without one gives."""
        found, plain = self.run(asked, **options), self.run(asked, stored=False, **options)
        assert what(found) == what(plain)
        return found


def what(found: Measured) -> dict[str, Any]:
    """Everything but the cost."""
    return found.model_dump(exclude={"passes"})


def cost(found: Measured) -> tuple[int, int]:
    """Images decoded, and micro-batches that went forward."""
    assert found.passes.forward % MICRO_BATCH == 0
    return found.passes.decoded, found.passes.forward // MICRO_BATCH


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def in_files(tmp_path: Path) -> list[Sample]:
    """Samples as image and mask files, long enough ago to be trusted."""
    found = []
    for at in range(COUNT):
        one = sample(at)
        image, mask = tmp_path / "data" / f"{at:03d}.png", tmp_path / "data" / f"{at:03d}-mask.png"
        image.parent.mkdir(exist_ok=True)
        Image.fromarray(np.asarray(one.image)).save(image)
        Image.fromarray(np.asarray(one.mask)).save(mask)
        found.append(replace(one, image=image, mask=mask))
    return found


# --- nothing changed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["arrays", "files"])
def test_an_unchanged_run_decodes_nothing_and_asks_the_model_nothing(
    bench: Bench, in_files: list[Sample], where: str
) -> None:
    net, data = Net(), in_files if where == "files" else samples(COUNT)
    first = bench.run(cases(audit(net, data)))
    again = bench.again(cases(audit(net, data)))
    assert cost(first) == (COUNT, 9) and cost(again) == (0, 0) and again.passes.backward == 0
    assert what(again) == what(first)
    assert all(rows and all(row.pictures for row in rows) for rows in again.galleries.values())
    assert first.models[0].layer is not None and again.models[0].layer == first.models[0].layer


def test_another_model_object_with_the_same_weights_is_the_same_model(bench: Bench) -> None:
    first = bench.run(cases(audit(Net(4), samples(COUNT))))
    again = bench.run(cases(audit(Net(4), samples(COUNT))))
    assert what(first) == what(again) and cost(again) == (0, 0)


def test_demo_samples_and_masks_by_a_function_know_their_content(bench: Bench) -> None:
    one = audit(Net(outputs=4), "demo:?images=8", classes=None, labels={"washer": 0, "nut": 1, "bolt": 2, "pin": 3})
    data = bench.run({"a": one.expect(background_dependence("saliency") < 0.9)})
    if "data" in data.failures or data.failures:
        labels = {name: at for at, name in enumerate(data.data.labels)} if data.data else {}
        one = audit(Net(outputs=4), "demo:?images=8", classes=None, labels=labels)
        bench.run({"a": one.expect(background_dependence("saliency") < 0.9)})
    again = bench.run({"a": one.expect(background_dependence("saliency") < 0.9)})
    assert again.failures == {} and cost(again) == (0, 0)


def test_samples_of_which_only_decoding_tells_the_content_are_decoded_and_not_passed_again(bench: Bench) -> None:
    def drawn(at: int) -> Callable[[], np.ndarray[Any, Any]]:
        return lambda: np.asarray(sample(at).image)

    data = [sample(at, image=drawn(at)) for at in range(COUNT)]
    bench.run(cases(audit(Net(), data)))
    again = bench.again(cases(audit(Net(), data)))
    assert cost(again)[1] == 0


# --- what is asked changed -------------------------------------------------------------------------------------------


def test_another_threshold_recomputes_nothing(bench: Bench) -> None:
    one = audit()
    bench.run({"a": one.expect(background_dependence("saliency").under(SWAP) < 0.5)})
    again = bench.again({"b": one.expect(background_dependence("saliency").under(SWAP) < 0.4)})
    assert cost(again) == (0, 0)


def test_another_context_is_computed_alone(bench: Bench) -> None:
    one = audit(Net(), samples(COUNT))
    bench.run({"a": one.expect(accuracy - accuracy.under(gaussian_noise(3)) < 0.5)})
    again = bench.again({"a": one.expect(accuracy - accuracy.under(gaussian_noise(4)) < 0.5)})
    assert cost(again)[1] == 3


def test_a_new_measure_of_behaviour_is_read_off_stored_logits(bench: Bench) -> None:
    one = audit(Net(), samples(COUNT))
    bench.run({"a": one.expect(accuracy.under(gaussian_noise(3)) > 0.5), "b": one.expect(accuracy > 0.5)})
    again = bench.again(
        {
            "a": one.expect(confidence.under(gaussian_noise(3)) > 0.5),
            "b": one.expect(flip_rate.under(gaussian_noise(3)) < 1),
        }
    )
    assert cost(again)[1] == 0
    assert cost(bench.run({"a": one.expect(confidence.under(gaussian_noise(3)) > 0.5)}))[1] == 0


def test_a_new_map_is_computed_and_the_old_one_is_not(bench: Bench) -> None:
    one = audit(Net(), samples(COUNT))
    bench.run({"a": one.expect(background_dependence("integrated_gradients", "saliency") < 0.5)})
    again = bench.again({"a": one.expect(background_share("saliency") < 0.5)})
    assert cost(again)[1] == 3
    assert cost(bench.run({"a": one.expect(background_share("saliency") < 0.5)})) == (0, 0)


@pytest.mark.parametrize("mapped", [{"bolt": [0, 2], "nut": 1, "washer": 3}, {"bolt": 0, "nut": 1, "washer": 3}])
def test_what_labels_mean_has_no_part_in_what_the_model_answered(bench: Bench, mapped: dict[str, Any]) -> None:
    def asked(labels: dict[str, Any]) -> Cases:
        one = audit(Net(outputs=4), samples(COUNT), classes=None, labels=labels)
        return {
            "right": one.expect(accuracy.under(SWAP) > 0.1),
            "flips": one.expect(flip_rate.under(gaussian_noise(3)).where(correct) < 0.9),
            "sure": one.expect(confidence > 0.1),
        }

    before = bench.run(asked({"bolt": [0, 3], "nut": 1, "washer": 2}))
    again = bench.again(asked(mapped))
    assert cost(again)[1] == 0
    assert [listed(one.values) for one in again.columns] != [listed(one.values) for one in before.columns]
    assert cost(bench.again(asked({"bolt": [0, 3], "nut": 1, "washer": 2}))) == (0, 0)


def test_what_labels_mean_has_a_part_in_maps(bench: Bench) -> None:
    def asked(*bolt: int) -> Cases:
        one = audit(Net(outputs=4), samples(COUNT), classes=None, labels={"bolt": bolt, "nut": 1, "washer": 2})
        return {"a": one.expect(background_dependence("saliency", target="label") < 0.9)}

    bench.run(asked(0))
    assert cost(bench.again(asked(3))) == (COUNT // 3, 1)
    assert cost(bench.again(asked(0, 3)))[1] == 3


def test_another_seed_recomputes_what_draws(bench: Bench) -> None:
    one = audit(Net(), samples(COUNT))
    asked = {"a": one.expect(accuracy > 0.5), "b": one.expect(accuracy.under(gaussian_noise(3)) > 0.5)}
    bench.run(asked)
    assert cost(bench.again(asked, seed=1))[1] == 3


def test_a_quick_look_and_the_whole_share_their_values(bench: Bench) -> None:
    one = audit(Net(), samples(COUNT))
    asked = {"a": one.expect(accuracy.under(lighting(3)) > 0.5)}
    bench.run(asked, limit=8)
    assert bench.values == 8
    bench.again(asked)
    assert bench.values == COUNT
    assert cost(bench.again(asked, limit=5))[1] == 0


# --- what it is asked of changed -------------------------------------------------------------------------------------


def swap_only(one: Audit) -> Cases:
    return {"a": one.expect(background_dependence("saliency").under(SWAP) < 0.5), "b": one.expect(accuracy > 0.5)}


def test_new_images_are_computed_and_few_others(bench: Bench) -> None:
    bench.run({"a": audit(Net(), samples(COUNT)).expect(accuracy > 0.5)})
    again = bench.again({"a": audit(Net(), samples(COUNT + 4)).expect(accuracy > 0.5)})
    assert cost(again) == (4, 1)


def test_only_those_are_computed_again_whose_donor_is_another(bench: Bench) -> None:
    data = samples(30)
    bench.run(swap_only(audit(Net(), data[1:])))
    again = bench.again(swap_only(audit(Net(), data)))
    assert 1 <= again.passes.decoded < 12  # the new one, and about one who borrows from it


class Gain(Net):
    """Answers with a gain that neither its parameters nor its text tell of."""

    gain = 1.0

    def forward(self, pixels: Any) -> Any:
        return super().forward(pixels) * self.gain


@pytest.mark.parametrize("what_changed", ["weights", "buffer", "preprocessing", "forward"])
def test_another_model_is_computed_again(bench: Bench, what_changed: str) -> None:
    data, net = samples(COUNT), Gain()
    bench.run(cases(audit(net, data)))
    options: dict[str, Any] = {}
    if what_changed == "weights":
        with torch.no_grad():
            net.head.bias[1] += 1e-6
    elif what_changed == "buffer":
        net.register_buffer("calibration", torch.ones(1))
    elif what_changed == "preprocessing":
        options["preprocessing"] = Preprocessing(resize=SIDE, mean=(0.5, 0.5, 0.5))
    else:
        net.gain = 1.5
    assert cost(bench.again(cases(audit(net, data, **options)))) == (COUNT, 9)


def test_classes_in_another_order_give_other_values(bench: Bench) -> None:
    data, net = samples(COUNT), Net()
    bench.run({"a": audit(net, data).expect(accuracy > 0.5)})
    again = bench.again({"a": audit(net, data, classes=CLASSES[::-1]).expect(accuracy > 0.5)})
    assert 0 < cost(again)[0] < COUNT  # the class in the middle keeps its index


def mend_mask(data: list[Sample], at: int) -> list[Sample]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[2:14, 3:12] = 1
    path = data[at].mask
    assert isinstance(path, Path)
    before = path.stat()
    Image.fromarray(mask).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return data


def change_image(data: list[Sample], at: int) -> list[Sample]:
    path = data[at].image
    assert isinstance(path, Path)
    Image.fromarray(np.asarray(sample(at + 500).image)).save(path)
    return data


def change_label(data: list[Sample], at: int) -> list[Sample]:
    return [
        replace(one, label="nut" if one.label != "nut" else "bolt") if row == at else one
        for row, one in enumerate(data)
    ]


def rename(data: list[Sample], at: int) -> list[Sample]:
    return [replace(one, id="renamed.png") if row == at else one for row, one in enumerate(data)]


def lose_mask(data: list[Sample], at: int) -> list[Sample]:
    return [replace(one, mask=None, mask_kind="none") if row == at else one for row, one in enumerate(data)]


def break_image(data: list[Sample], at: int) -> list[Sample]:
    path = data[at].image
    assert isinstance(path, Path)
    path.write_bytes(path.read_bytes()[:60])
    return data


def remove_image(data: list[Sample], at: int) -> list[Sample]:
    path = data[at].image
    assert isinstance(path, Path)
    path.unlink()
    return data


@pytest.mark.parametrize(
    "change", [mend_mask, change_image, change_label, rename, lose_mask, break_image, remove_image]
)
@pytest.mark.parametrize("context", [lighting(3), SWAP], ids=str)
def test_a_change_of_one_image_is_seen_and_costs_that_image_and_those_it_lends_to(
    bench: Bench, in_files: list[Sample], change: Callable[[list[Sample], int], list[Sample]], context: Any
) -> None:
    net = Net()

    def asked(data: list[Sample]) -> Cases:
        one = audit(net, data)
        return {"a": one.expect(background_dependence("saliency").under(context) < 0.5), "b": one.expect(accuracy > 0)}

    bench.run(asked(in_files))
    before = bench.values
    assert before == 2 * COUNT
    changed = change(in_files, 5)
    again = bench.again(asked(changed))
    gone = change in (break_image, remove_image)
    own = 0 if gone else 2
    borrowed = bench.values - before - own
    assert borrowed == 0 if context != SWAP else 0 <= borrowed < 6
    third = bench.run(asked(changed))
    assert third.passes.forward == 0 and third.passes.decoded == (1 if change is remove_image else 0)
    assert what(third) == what(again)


def test_what_cannot_be_decoded_is_remembered_with_its_message(bench: Bench) -> None:
    data = samples(COUNT)
    data[2] = sample(2, image=b"no picture")
    data[5] = sample(5, mask=np.zeros((3, 3), np.uint8))
    asked = cases(audit(Net(), data))
    first, again = bench.run(asked), bench.run(asked)
    assert what(first) == what(again) and again.passes.decoded == 0
    assert column(again, "accuracy").missing == {2: Missing.UNREADABLE_IMAGE}  # which needs no mask
    reasons = {one.key: one.missing.get(5) for one in again.columns}
    assert {key for key, reason in reasons.items() if reason is not Missing.MASK_SIZE} == {
        "accuracy",
        "confidence",
        "correct",
    } & {*reasons}
    assert again.data is not None and "000" not in again.data.unusable and "3 x 3" in again.data.unusable["005.png"][1]


def test_a_file_that_changes_between_the_look_and_the_reading_is_stored_as_what_was_read(
    bench: Bench, in_files: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest is taken of the old content, the new one is decoded: the old content must not get the new values."""
    net, target = Net(), in_files[3].image
    assert isinstance(target, Path)
    old = target.read_bytes()
    asked = {"a": audit(net, in_files).expect(confidence > 0.5)}
    look = FileDigests.of

    def late(self: FileDigests, paths: Any) -> Any:
        found = look(self, paths)
        change_image(in_files, 3)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(FileDigests, "of", late)
        changed = bench.run(asked)
    assert values(bench.again(asked), "confidence")[3] == values(changed, "confidence")[3]
    target.write_bytes(old)
    restored = bench.again(asked)
    assert values(restored, "confidence")[3] != values(changed, "confidence")[3]


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_context_that_changes_nothing_is_an_error_of_every_run(bench: Bench) -> None:
    data = [sample(at, image=np.full((SIDE, SIDE, 3), (123, 116, 103), np.uint8)) for at in range(5)]
    asked = {"a": audit(Net(), data).expect(accuracy.under(mean_fill("background")) > 0.5)}
    first, again = bench.run(asked), bench.again(asked)
    assert what(first) == what(again) and "changed no pixel of any of 5 images" in str(again.failures)
    assert cost(again) == (0, 0)


def test_images_of_different_sizes_are_an_error_whatever_is_stored(bench: Bench) -> None:
    data = [*samples(8), *(sample(at, side=24) for at in range(8, 12))]
    raw = {"preprocessing": Preprocessing()}
    first = bench.run({"a": audit(Net(), data, **raw).expect(accuracy > 0.5)})
    again = bench.run({"a": audit(Net(), data, **raw).expect(accuracy > 0.5)})
    for found in (first, again):
        assert "images differ in size" in str(found.failures)


def test_what_was_committed_before_a_failure_stays(bench: Bench) -> None:
    broken = bench.folder / "broken"  # no part of the model, which stays what it is
    broken.touch()

    class Late(Net):
        def forward(self, pixels: Any) -> Any:
            if broken.exists() and bool((pixels.flatten(1).amin(1) == 1).any()):
                raise ZeroDivisionError("a white image")
            return super().forward(pixels)

    white = sample(11, image=np.full((SIDE, SIDE, 3), 255, np.uint8))
    net = Late()
    asked = {"a": audit(net, [*samples(11), white]).expect(accuracy > 0.5)}
    failed = bench.run(asked)
    assert "ZeroDivisionError" in str(failed.failures)
    broken.unlink()
    again = bench.again(asked)
    assert again.failures == {} and cost(again) == (4, 1)


def test_a_model_that_fails_fails_again(bench: Bench) -> None:
    asked = {"a": audit(Broken(), samples(8)).expect(accuracy > 0.5)}
    for _ in range(2):
        assert "the belt stands still" in str(bench.run(asked).failures)


def test_data_that_can_lend_nothing_are_the_same_error_twice(bench: Bench) -> None:
    data = [sample(at, label="bolt") for at in range(6)]
    asked = {"a": audit(Net(), data).expect(accuracy.under(SWAP) > 0.5)}
    first, again = bench.run(asked), bench.run(asked)
    assert first.failures == again.failures and "other classes" in str(again.failures)


def test_a_damaged_store_costs_a_computation_and_says_so(bench: Bench) -> None:
    asked = cases(audit(Net(), samples(COUNT)))
    first = bench.run(asked)
    file = bench.folder / "store" / FILE
    file.write_bytes(file.read_bytes()[:100] + b"nonsense" * 1000)  # its head says whose it is
    again = bench.run(asked)
    assert [listed(one.values) for one in again.columns] == [listed(one.values) for one in first.columns]
    assert cost(again) == cost(first) and again.data is not None
    assert [note for note in again.data.notes if "was damaged" in note]
    assert cost(bench.run(asked)) == (0, 0)


def test_pictures_that_were_lost_are_drawn_again(bench: Bench) -> None:
    asked = cases(audit(Net(), samples(COUNT)))
    first = bench.run(asked)
    with sqlite3.connect(bench.folder / "store" / FILE) as connection:
        connection.execute("DELETE FROM blobs WHERE key IN (SELECT id FROM keys WHERE kind = 'pictures')")
    connection.close()
    again = bench.run(asked)
    assert what(again) == what(first) and again.passes.forward > 0
    assert cost(bench.run(asked)) == (0, 0)


def test_several_models_share_the_images_and_keep_their_values_apart(bench: Bench) -> None:
    data = samples(COUNT)
    one, other = Net(), Net(1)
    bench.run({"a": audit(one, data).expect(accuracy.under(gaussian_noise(3)) > 0.5)})
    both = audit({"one": one, "other": other}, data)
    asked = {"a": both.expect(accuracy.under(gaussian_noise(3)) > 0.5)}
    again = bench.again(asked)
    assert cost(again) == (COUNT, 3)
    assert cost(bench.run(asked)) == (0, 0)

"""A run: measured once for all its processes, and decided case by case."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.small_audits import (
    CLASSES,
    SIDE,
    Broken,
    Net,
    asked,
    audit,
    measured,
    registered,
    results,
    sample,
    samples,
    settings,
    values,
)
from PIL import Image

from modelaudit.contexts import fade, gaussian_noise, lighting, mean_fill, swap_background
from modelaudit.engine.decision.case import Result
from modelaudit.engine.executors.run import MEASURED_FOLDER, Run, discard_measured, read_measured
from modelaudit.engine.results.measured import Measured, tie_break
from modelaudit.language import (
    Measure,
    Missing,
    Preprocessing,
    correct,
    label,
    misclassified,
    object_area,
)
from modelaudit.language.progress import Silent
from modelaudit.language.spec import MeasureSpec
from modelaudit.measures import accuracy, background_dependence, background_share, confidence, flip_rate
from modelaudit.measures.base import MeasureDeclaration, MeasureInput, MeasureOutput
from modelaudit.measures.base import measure as measure_of
from modelaudit.statistics import Reason, Verdict

SWAP = swap_background("other_class")


class Counting:
    """Progress that remembers what was measured."""

    def __init__(self) -> None:
        self.tasks: list[tuple[str, int]] = []

    def task(self, title: str, total: int) -> Any:
        self.tasks.append((title, total))
        return Silent().task(title, total)


# --- measured once ---------------------------------------------------------------------------------------------------


def test_a_group_is_measured_once_for_all_its_cases(tmp_path: Path) -> None:
    one, progress = audit(), Counting()
    run = Run(settings(tmp_path), progress)
    run.select(asked(a=one.expect(accuracy > 0.1), b=one.expect(confidence > 0.1), c=one.expect(accuracy > 0.9)))
    for name in "abcab":
        run.result(name)
    assert progress.tasks == [("samples", 10)]


def test_a_second_run_on_the_folder_reads_what_the_first_measured(tmp_path: Path) -> None:
    one = audit()
    cases = {"a": one.expect(accuracy > 0.1), "b": one.expect(background_dependence("saliency").under(SWAP) < 0.9)}
    progress = Counting()
    first, second = Run(settings(tmp_path), Counting()), Run(settings(tmp_path), progress)
    found = []
    for run in (first, second):
        run.select(asked(**cases))
        found.append([run.result(name) for name in cases])
    assert progress.tasks == []
    assert found[0] == found[1]


def test_two_at_once_measure_once(tmp_path: Path) -> None:
    """The lock lets one of them measure, and the other waits for what it finds."""
    case = audit().expect(background_dependence("gradcam") < 0.5)
    barrier, counts = threading.Barrier(2), [Counting(), Counting()]

    def work(progress: Counting) -> Result:
        run = Run(settings(tmp_path), progress)
        run.select(asked(a=case))
        barrier.wait()
        return run.result("a")

    with ThreadPoolExecutor(2) as workers:
        first, second = workers.map(work, counts)
    assert sorted(len(progress.tasks) for progress in counts) == [0, 1]
    assert first == second


def test_another_interpreter_reads_what_this_one_measured(tmp_path: Path) -> None:
    """Keys and files are the same where every object has another address."""
    here = results(tmp_path, a=audit().expect(confidence > 0.5))["a"]
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from pathlib import Path\n"
        "from engine.small_audits import audit, results\n"
        "from modelaudit.engine.executors import run\n"
        "from modelaudit.measures import confidence\n"
        "run.measure = None  # nothing may be measured again\n"
        f"found = results(Path({str(tmp_path)!r}), a=audit().expect(confidence > 0.5))['a']\n"
        "print(repr(found.decision), [row.sample for row in found.gallery])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip() == f"{here.decision!r} {[row.sample for row in here.gallery]}", done.stderr


def test_what_was_measured_is_read_back_whole_and_then_discarded(tmp_path: Path) -> None:
    one, other = audit(), audit(seed=7)
    results(tmp_path, a=one.expect(accuracy > 0.1), b=other.expect(confidence.under(gaussian_noise(3)) > 0.1))
    folder = settings(tmp_path).folder
    found = read_measured(folder)
    assert {part.group for part in found} == {"data:samples", "data:samples#2"}
    assert all(Measured.model_validate_json(part.model_dump_json()) == part for part in found)
    discard_measured(folder)
    assert not (folder / MEASURED_FOLDER).exists() and read_measured(folder) == []


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    settings(tmp_path).folder.write_text("in the way")
    found = results(tmp_path, a=audit().expect(accuracy > 0.1))["a"]
    assert found.verdict is Verdict.ERROR
    assert re.search(r"cannot be written.*--audit-results", found.message)


def test_an_error_of_the_data_is_not_taken_for_one_of_the_folder(tmp_path: Path) -> None:
    def stream() -> Any:
        raise PermissionError("the camera is locked")
        yield

    run = Run(settings(tmp_path), Silent())
    run.select(asked(a=audit(data=stream()).expect(accuracy > 0.1), b=audit().expect(accuracy > 0.1)))
    for _ in range(2):
        found = run.result("a")
        assert found.verdict is Verdict.ERROR
        assert found.message.startswith("PermissionError: the camera is locked")
    assert run.result("b").verdict in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE)


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_failures_are_errors_of_the_cases_that_need_them_alone(tmp_path: Path) -> None:
    one = audit({"good": Net(), "bad": Broken()})
    found = results(
        tmp_path,
        each=one.expect(accuracy >= 0),
        gap=one.expect(accuracy.of("good") - accuracy.of("bad") > 0),
        typo=one.expect(background_dependence("saliency", target="nutt").of("good") < 0.5),
    )
    assert {name: result.verdict for name, result in found.items()} == {
        "each[good]": Verdict.PASS,
        "each[bad]": Verdict.ERROR,
        "gap": Verdict.ERROR,
        "typo": Verdict.ERROR,
    }
    assert "the belt stands still" in found["each[bad]"].message and "the belt" in found["gap"].message
    assert "did you mean 'nut'" in found["typo"].message
    assert found["gap"].models == ("model:good", "model:bad") and found["gap"].data == "data:samples"


def test_a_stratum_of_an_unknown_class_is_an_error_of_its_case_alone(tmp_path: Path) -> None:
    one = audit()
    found = results(tmp_path, typo=one.expect(confidence.where(label("nutt")) > 0), right=one.expect(confidence > 0))
    assert found["typo"].verdict is Verdict.ERROR and "did you mean 'nut'" in found["typo"].message
    assert found["right"].verdict is Verdict.PASS


def test_a_class_that_a_quick_look_did_not_draw_is_an_empty_stratum_and_no_error(tmp_path: Path) -> None:
    rare = sample(40, label="rare")
    one = audit(data=[*samples(12), rare], labels={"rare": "nut"})
    for limit in range(1, 4):
        found = results(tmp_path / str(limit), {"limit": limit}, a=one.expect(confidence.where(label("rare")) > 0))["a"]
        assert found.decision is not None and found.decision.counts.asked == 0
        assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.MISSING_DATA)


def test_data_of_which_nothing_can_be_read_are_an_error_with_the_advice(tmp_path: Path) -> None:
    data = [sample(at, image=b"no picture") for at in range(4)]
    found = results(tmp_path, a=audit(data=data).expect(accuracy > 0.5))["a"]
    assert found.verdict is Verdict.ERROR
    assert "not one of 4 images could be measured: 4 x unreadable_image" in found.message
    assert Missing.UNREADABLE_IMAGE.advice in found.message and "000.png" in found.message


def test_images_without_masks_are_an_error_of_the_cases_that_need_masks(tmp_path: Path) -> None:
    one = audit(data=[sample(at, mask=None, mask_kind="none") for at in range(6)])
    found = results(
        tmp_path,
        map=one.expect(background_dependence("saliency") < 0.5),
        fill=one.expect(accuracy.under(mean_fill("background")) > 0),
        swap=one.expect(accuracy.under(SWAP) > 0),
        plain=one.expect(accuracy >= 0),
    )
    assert [found[name].verdict for name in ("map", "fill", "swap", "plain")] == [*[Verdict.ERROR] * 3, Verdict.PASS]
    for name in ("map", "fill", "swap"):
        assert "mask" in found[name].message


def test_a_measure_that_gives_nan_without_a_reason_never_gets_a_verdict(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Careless(MeasureSpec):
        """Says nothing."""

    def careless() -> Any:
        return measure_of("careless", Careless, MeasureDeclaration(scale="mean", better="high"))(
            lambda spec, seen: MeasureOutput(torch.full((len(_logits(seen)),), torch.nan, dtype=torch.float64))
        )

    with registered(careless):
        found = results(tmp_path, a=audit().expect(Measure(Careless()) >= 0))["a"]
    assert found.verdict is Verdict.ERROR and found.message


def _logits(seen: MeasureInput) -> torch.Tensor:
    return seen.logits


def test_a_quick_look_is_a_sample_even_of_an_acceptance_set(tmp_path: Path) -> None:
    one = audit(about="this_set")
    case = one.expect(confidence > 0.01)
    whole, part = results(tmp_path / "a", a=case)["a"], results(tmp_path / "b", {"limit": 4}, a=case)["a"]
    assert whole.decision is not None and part.decision is not None
    assert whole.decision.lower == whole.decision.estimate == whole.decision.upper
    assert part.decision.lower is not None and part.decision.lower < float(part.decision.estimate or 0)


def test_every_method_must_hold_and_all_values_are_kept(tmp_path: Path) -> None:
    one = audit(about="this_set")
    alone = {method: one.expect(background_dependence(method) <= 1) for method in ("gradcam", "saliency")}
    estimates = {name: result.decision.estimate for name, result in results(tmp_path, **alone).items()}  # type: ignore[union-attr]
    low, high = sorted((float(value or 0), name) for name, value in estimates.items())
    between = (low[0] + high[0]) / 2
    both = background_dependence("gradcam", "saliency")
    found = results(
        tmp_path / "both",
        fails=one.expect(both < between),
        holds=one.expect(both < high[0] + 0.01),
        over=one.expect(both > between),
    )
    assert [found[name].verdict for name in ("fails", "holds", "over")] == [Verdict.FAIL, Verdict.PASS, Verdict.FAIL]
    decision = found["fails"].decision
    assert decision is not None and decision.method == high[1] and decision.estimate == pytest.approx(high[0])
    assert {part.method: part.verdict for part in decision.parts} == {low[1]: Verdict.PASS, high[1]: Verdict.FAIL}
    assert {part.method: part.estimate for part in decision.parts} == pytest.approx({low[1]: low[0], high[1]: high[0]})


# --- strata ----------------------------------------------------------------------------------------------------------


def test_strata_from_the_images_to_the_verdict(tmp_path: Path) -> None:
    """Every mean is the plain mean over the images that a look at the values alone would choose."""
    one = audit(Net(2), samples(24), about="this_set")
    under = confidence.under(SWAP)
    strata: dict[str, Any] = {
        "correct": correct,
        "misclassified": misclassified,
        "nuts": label("nut"),
        "by_index": label(1),
        "small": object_area < 0.1,
        "both": correct & (object_area >= 0.1),
    }
    found = results(tmp_path, **{name: one.expect(under.where(stratum) >= 0) for name, stratum in strata.items()})
    plain = measured(tmp_path / "plain", a=one.expect(accuracy > 0), b=one.expect(under > 0))
    right, value = values(plain, "accuracy") == 1, values(plain, f"confidence.under({SWAP})")
    areas = np.array([(np.asarray(each.mask) == 1).mean() for each in samples(24)])
    nuts = np.arange(24) % 3 == CLASSES.index("nut")
    inside = {
        "correct": right,
        "misclassified": ~right,
        "nuts": nuts,
        "by_index": nuts,
        "small": areas < 0.1,
        "both": right & (areas >= 0.1),
    }
    assert 0 < right.sum() < 24
    for name, members in inside.items():
        decision = found[name].decision
        assert decision is not None and 0 < members.sum() < 24
        assert decision.counts.asked == decision.counts.measured == members.sum()
        assert decision.estimate == pytest.approx(value[members].mean(), abs=1e-12)
        names = {row.sample for row in found[name].gallery} | {image.sample for image in found[name].worst}
        assert names <= {f"{at:03d}.png" for at in np.flatnonzero(members)}


def test_images_of_an_unknown_stratum_are_counted(tmp_path: Path) -> None:
    data = samples(12)
    data[3] = sample(3, mask=None, mask_kind="none")
    data[4] = sample(4, image=b"no picture")
    found = results(tmp_path, a=audit(data=data).expect(confidence.where(object_area < 0.99) > 0))["a"]
    assert found.decision is not None
    counts = found.decision.counts
    assert (counts.asked, counts.measured) == (12, 10)
    assert counts.measured + counts.undefined + counts.errored == counts.asked


def test_the_stratum_of_one_model_is_judged_by_that_model(tmp_path: Path) -> None:
    one = audit({"a": Net(2), "b": Net(5)}, samples(24), about="this_set")
    found = results(tmp_path, case=one.expect(confidence.where(correct) >= 0))
    plain = measured(tmp_path / "plain", a=one.expect(accuracy >= 0), b=one.expect(confidence >= 0))
    means = []
    for name in "ab":
        right = values(plain, "accuracy", f"model:{name}") == 1
        means.append(values(plain, "confidence", f"model:{name}")[right].mean())
        decision = found[f"case[{name}]"].decision
        assert decision is not None and decision.estimate == pytest.approx(means[-1], abs=1e-12)
    assert means[0] != means[1]


# --- what people look at ---------------------------------------------------------------------------------------------


def test_the_worst_images_are_named_and_those_without_a_value_first(tmp_path: Path) -> None:
    data = samples(12)
    data[6] = sample(6, mask=np.ones((SIDE, SIDE), np.uint8))
    one = audit(data=data)
    found = results(tmp_path, low=one.expect(background_dependence("saliency") < 0.5))["low"]
    key = "background_dependence(saliency)"
    measured_values = values(measured(tmp_path / "plain", a=one.expect(background_dependence("saliency") < 0.5)), key)
    order = np.argsort(-measured_values)[:5]
    assert (found.worst[0].sample, found.worst[0].missing) == ("006.png", "full_mask")
    assert [image.sample for image in found.worst[1:]] == [f"{at:03d}.png" for at in order]
    assert [image.value for image in found.worst[1:]] == pytest.approx(measured_values[order].tolist())


def test_lists_and_galleries_name_the_same_worst_images_where_many_are_equal(tmp_path: Path) -> None:
    one = audit(Net(2), samples(24))
    found = results(tmp_path, a=one.expect(accuracy > 0.99))["a"]
    wrong = [image.sample for image in found.worst]
    assert wrong == sorted(wrong, key=tie_break) and {image.value for image in found.worst} == {0.0}
    shown = [row.sample for row in found.gallery if row.rank == "worst"]
    assert shown == wrong[: len(shown)]


def test_rows_show_the_original_the_contexts_and_the_maps_asked_for(tmp_path: Path) -> None:
    one = audit({"a": Net(), "b": Net(1)})
    found = results(
        tmp_path,
        single=one.expect(background_dependence("gradcam", "saliency").under(SWAP).of("a") < 0.5),
        gap=one.expect(confidence.of("a") - confidence.of("b").under(lighting(3)) > 0),
        flips=one.expect(flip_rate.under(SWAP).of("b") < 0.5),
    )
    kinds = {
        name: [(part.kind, part.model, part.context, part.method) for part in result.gallery[0].pictures]
        for name, result in found.items()
    }
    swap = str(SWAP)
    assert kinds["single"] == [
        ("original", "model:a", None, None),
        ("context", "model:a", swap, None),
        ("attribution", "model:a", swap, "gradcam"),
        ("attribution", "model:a", swap, "saliency"),
    ]
    assert kinds["gap"] == [
        ("original", "model:a", None, None),
        ("original", "model:b", None, None),
        ("context", "model:b", "lighting(3)", None),
    ]
    assert kinds["flips"] == [("original", "model:b", None, None), ("context", "model:b", swap, None)]
    for result in found.values():
        for row in result.gallery:
            for part in row.pictures:
                assert (settings(tmp_path).folder / part.file).is_file()
                assert (part.map is not None) == (part.kind == "attribution")
                if part.prediction is not None:
                    assert part.prediction in CLASSES and 0 <= float(part.probability or 0) <= 1


def test_a_map_is_laid_over_the_picture_it_explains_and_says_how_much_of_it_is_on_the_object(tmp_path: Path) -> None:
    found = results(tmp_path, a=audit().expect(background_share("saliency").under(SWAP) < 0.5))["a"]
    for row in found.gallery:
        original, changed, heat = row.pictures
        assert heat.file == changed.file != original.file and heat.map is not None
        with Image.open(settings(tmp_path).folder / heat.map) as drawn:
            assert drawn.format == "PNG" and "transparency" in drawn.info
        assert heat.share_on_object == pytest.approx(1 - row.value, abs=1e-6)
        assert heat.heat_at is not None and len(heat.contours) == 3
        assert changed.outline and original.outline and heat.outline is None


@pytest.mark.parametrize(
    ("doses", "shown"),
    [
        ((0, 0.5), (0, 0.5)),
        ((0, 0.25, 0.5), (0, 0.25, 0.5)),
        ((0, 0.25, 0.5, 1), (0.25, 0.5, 1)),
        ((0, 0.1, 0.2, 0.3, 0.4, 1), (0.1, 0.3, 1)),
    ],
)
def test_of_a_curve_of_many_doses_the_pictures_go_from_the_least_to_the_greatest(
    tmp_path: Path, doses: tuple[float, ...], shown: tuple[float, ...]
) -> None:
    one = audit(Net(), samples(6))
    found = results(tmp_path, a=one.expect(accuracy.under(fade(each=list(doses))) > 0.1))["a"]
    told = [part.context for part in found.gallery[0].pictures if part.kind == "context"]
    assert told == [str(fade(dose)) for dose in shown]


def test_a_prediction_is_right_where_its_class_means_the_label(tmp_path: Path) -> None:
    one = audit(Net(), samples(9), labels={"bolt": ["bolt", "washer"], "nut": "nut", "washer": ["bolt", "washer"]})
    found = results(tmp_path, a=one.expect(accuracy > 0.1), b=one.expect(accuracy.under(SWAP) > 0.1))
    told = [(row.label, part) for result in found.values() for row in result.gallery for part in row.pictures]
    for name, part in told:
        assert part.right is ((part.prediction == "nut") == (name == "nut"))
    assert {part.right for _, part in told} == {True, False}
    assert any(part.right and part.prediction != name for name, part in told)


def test_rows_tell_the_area_of_the_object_as_the_table_does(tmp_path: Path) -> None:
    data = samples(6)
    data[1] = sample(1, mask=None)
    one = audit(Net(), data)
    cases = {"plain": one.expect(accuracy > 0.5), "noise": one.expect(accuracy.under(lighting(3)) > 0.5)}
    found = results(tmp_path / "results", **cases)
    for name, case in cases.items():
        table = measured(tmp_path / name, a=case)
        areas = dict(zip((each.id for each in table.samples), table.models[0].areas, strict=True))
        rows = {row.sample: row.object_area for row in found[name].gallery}
        assert rows == {name: areas[name] for name in rows} and len(rows) == 6
        assert [area for area in rows.values() if area is None] == [None]
        assert all(area is None or 0 < area < 1 for area in rows.values())


def test_two_models_of_different_sizes_are_compared_image_by_image(tmp_path: Path) -> None:
    data = [sample(at, side=24) for at in range(9)]
    sizes = {"small": Preprocessing(resize=8), "large": Preprocessing(resize=24, crop=20)}
    one = audit({"small": Net(), "large": Net(1)}, data, preprocessing=sizes, about="this_set")
    found = results(tmp_path, gap=one.expect(confidence.of("small") - confidence.of("large") >= -1))["gap"]
    parts = measured(tmp_path / "plain", a=one.expect(confidence > 0))
    gap = values(parts, "confidence", "model:small") - values(parts, "confidence", "model:large")
    assert found.verdict is Verdict.PASS and found.decision is not None
    assert found.decision.estimate == pytest.approx(gap.mean(), abs=1e-12)
    assert [image.sample for image in found.worst] == [f"{at:03d}.png" for at in np.argsort(gap)[:5]]

"""Stopping early: what is looked at, when it ends, and that nothing else changes it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.small_audits import CLASSES, SIDE, Broken, asked, audit, column, groups_of, measured, results, settings
from torch import Tensor, nn

from modelaudit.contexts import gaussian_noise, swap_background
from modelaudit.engine.assembly import measure
from modelaudit.engine.decision.case import Result, decide_case
from modelaudit.engine.decision.interim_analysis import FIRST_LOOK, looks_of
from modelaudit.engine.images.donor_ranking import limited
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.store.store import Store
from modelaudit.language import Audit, AuditCase, CheckSettings, Sample, label
from modelaudit.language.progress import Silent
from modelaudit.measures import accuracy, confidence, worst_group_accuracy
from modelaudit.statistics import Verdict

COUNT = 200
NOISE = gaussian_noise(3)


class Colours(nn.Module):
    """Names the brightest channel: right exactly where the label says so too."""

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(60.0))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.sharpness * pixels.mean((2, 3))


def coloured(number: int, *, wrong: bool = False, **changes: Any) -> Sample:
    """An image that is brightest in the channel of its label; in another one, where it is to be taken wrongly."""
    pixels = np.random.default_rng(number).integers(0, 60, (SIDE, SIDE, 3)).astype(np.uint8)
    pixels[..., (number + wrong) % 3] += 120
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    mask[4:9, 4:9] = 1
    fields: dict[str, Any] = {"id": f"{number:04d}.png", "image": pixels, "label": CLASSES[number % 3], "mask": mask}
    return Sample(**{**fields, **changes})


def data(count: int = COUNT, every: int = 20) -> list[Sample]:
    """One of `every` images is taken wrongly."""
    return [coloured(number, wrong=number % every == every - 1) for number in range(count)]


def early(samples: list[Sample] | None = None, **options: Any) -> Audit:
    return audit(Colours(), data() if samples is None else samples, stop="early", **options)


def wide(one: Audit) -> dict[str, AuditCase]:
    """Decided after few images."""
    return {"right": one.expect(accuracy > 0.6), "noisy": one.expect(accuracy - accuracy.under(NOISE) < 0.3)}


def ids(found: Measured) -> list[str]:
    return [sample.id for sample in found.samples]


def plain(found: Measured) -> dict[str, Any]:
    """What must not depend on chunks or on the store."""
    kept = found.model_dump(exclude={"passes", "galleries"})
    for model in kept["models"]:
        del model["micro_batch"]
    return kept


# --- when to look ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 15, 16, 17, 640, 10_000])
def test_looks_are_geometric_and_end_with_all_images(count: int) -> None:
    looks = list(looks_of(count))
    assert looks[0] == min(FIRST_LOOK, count)
    assert looks[-1] == count
    assert all(later >= 1.1 * before for before, later in list(pairwise(looks))[:-1])
    assert len(looks) < 80


# --- what is looked at -----------------------------------------------------------------------------------------------


def test_it_stops_when_all_is_decided_and_says_the_same_as_the_whole(tmp_path: Path) -> None:
    whole = audit(Colours(), data())
    full = results(tmp_path / "full", **wide(whole))
    found = results(tmp_path / "early", **wide(early()))
    for name, result in found.items():
        assert result.verdict is full[name].verdict is Verdict.PASS
        assert result.checks is not None
        assert result.checks.stopped is not None
        assert result.checks.stopped.available == COUNT
        assert result.checks.stopped.looked <= COUNT // 5
        assert result.decision is not None
        assert result.decision.rule == "betting_sequence"
        assert result.decision.counts.asked == result.checks.stopped.looked
    assert all(result.checks is not None and result.checks.stopped is None for result in full.values())


def test_the_images_are_the_first_of_the_fixed_random_order(tmp_path: Path) -> None:
    found = measured(tmp_path, **wide(early(seed=7)))
    assert set(ids(found)) == {sample.id for sample in limited(data(), len(found.samples), 7)}
    assert ids(found) != sorted(ids(found))
    turned = measured(tmp_path, **wide(early(data()[::-1], seed=7)))
    assert ids(turned) == ids(found)
    assert ids(measured(tmp_path, **wide(early(seed=8))))[:10] != ids(found)[:10]


def test_the_rest_is_not_decoded(tmp_path: Path) -> None:
    found = measured(tmp_path, **wide(early()))
    assert len(found.samples) <= found.passes.decoded < len(found.samples) + 4 * 4
    assert found.data is not None
    assert found.data.available == COUNT
    assert len(found.models[0].indices) == len(found.models[0].areas) == len(found.samples)
    assert all(len(one.values) == len(found.samples) for one in found.columns)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_looks_do_not_depend_on_the_micro_batch(tmp_path: Path, size: int) -> None:
    cases = {"right": early().expect(accuracy > 0.8), "sure": early().expect(confidence > 0.5)}
    four = measured(tmp_path, right=cases["right"])
    other = measured(tmp_path, {"micro_batch": size}, right=cases["right"])
    assert plain(four) == plain(other)
    assert four.looks is not None
    assert four.looks > 1


def test_galleries_show_what_was_looked_at(tmp_path: Path) -> None:
    found = measured(tmp_path, {"micro_batch": 64}, **wide(early()))
    shown = {row.sample for rows in found.galleries.values() for row in rows}
    assert shown
    assert shown <= set(ids(found))


def test_checks_are_made_on_what_was_looked_at(tmp_path: Path) -> None:
    swap = swap_background("other_class")
    one = early(checks=CheckSettings(masks=50, noise=50, blind=20, seams=20, sensitivity=20, sanity=0, agreement=0))
    case = one.expect(accuracy.under(swap) > 0.2)
    found = measured(tmp_path, {"checks": CheckSettings()}, swapped=case)
    assert len(found.samples) < 50
    assert found.variants
    for variant in found.variants:
        assert max(variant.positions) < len(found.samples)
        assert all(len(one.values) == len(variant.positions) for one in variant.columns)


# --- who keeps it looking --------------------------------------------------------------------------------------------


def test_one_open_case_keeps_all_looking(tmp_path: Path) -> None:
    one = early()
    found = results(tmp_path, **wide(one), open=one.expect(accuracy > 0.95))
    assert found["open"].verdict is Verdict.INCONCLUSIVE
    assert found["right"].verdict is Verdict.PASS
    for result in found.values():
        assert result.checks is not None
        assert result.checks.stopped is not None
        assert result.checks.stopped.looked == COUNT


def test_when_the_data_end_the_process_is_still_decided_by_the_sequence(tmp_path: Path) -> None:
    """Right in 95 %: a set of which that is all there is passes, a process of which it is a sample does not."""
    process = results(tmp_path / "process", right=early().expect(accuracy > 0.94))["right"]
    this_set = results(tmp_path / "set", right=early(about="this_set").expect(accuracy > 0.94))["right"]
    assert process.decision is not None
    assert this_set.decision is not None
    assert (process.verdict, process.decision.rule) == (Verdict.INCONCLUSIVE, "betting_sequence")
    assert this_set.verdict is Verdict.PASS
    assert this_set.decision.rule in ("exact", "wor_sequence")


def test_an_exhausted_set_is_exact(tmp_path: Path) -> None:
    found = results(tmp_path, right=early(about="this_set").expect(accuracy >= 0.95))["right"]
    assert found.decision is not None
    assert (found.verdict, found.decision.rule) == (Verdict.PASS, "exact")
    assert found.decision.lower == found.decision.upper == 0.95


def test_a_set_is_decided_before_its_end_too(tmp_path: Path) -> None:
    found = results(tmp_path, right=early(about="this_set").expect(accuracy > 0.7))["right"]
    assert found.decision is not None
    assert found.checks is not None
    assert found.checks.stopped is not None
    assert (found.verdict, found.decision.rule) == (Verdict.PASS, "wor_sequence")
    assert found.checks.stopped.looked < COUNT // 4


def test_what_cannot_be_measured_keeps_nobody_looking(tmp_path: Path) -> None:
    one = audit({"sound": Colours(), "broken": Broken()}, data(), stop="early")
    found = results(
        tmp_path, right=one.expect(accuracy.of("sound") > 0.6), broken=one.expect(accuracy.of("broken") > 0)
    )
    assert found["broken"].verdict is Verdict.ERROR
    assert found["right"].verdict is Verdict.PASS
    assert found["right"].checks is not None
    assert found["right"].checks.stopped is not None
    assert found["right"].checks.stopped.looked < COUNT // 4


def test_a_group_that_no_image_has_come_of_keeps_the_worst_group_open(tmp_path: Path) -> None:
    """The last image of the order is the only washer, and it is wrong."""
    bolts = [coloured(3 * number) for number in range(60)]
    order = limited(bolts, 60, 0)
    last = next(one for one in order if one not in limited(bolts, 59, 0))
    bolts[bolts.index(last)] = coloured(int(last.id[:4]), wrong=True, label="washer")
    one = early(bolts, seed=0)
    found = results(tmp_path, worst=one.expect(worst_group_accuracy() > 0.3))["worst"]
    assert found.checks is not None
    assert found.checks.stopped is not None
    assert found.checks.stopped.looked == 60
    assert found.verdict is not Verdict.PASS


def test_a_stratum_is_decided_by_its_own_images(tmp_path: Path) -> None:
    found = results(tmp_path, bolts=early().expect(accuracy.where(label("bolt")) > 0.5))["bolts"]
    assert found.verdict is Verdict.PASS
    assert found.decision is not None
    assert found.checks is not None
    assert found.checks.stopped is not None
    assert found.decision.counts.asked < found.checks.stopped.looked < COUNT


# --- what takes its place --------------------------------------------------------------------------------------------


def clustered() -> list[Sample]:
    return [coloured(number, cluster=f"lot {number // 8}", wrong=number % 20 == 19) for number in range(COUNT)]


def test_images_of_clusters_are_looked_at_once_and_all(tmp_path: Path) -> None:
    found = results(tmp_path / "early", **wide(early(clustered())))
    usual = results(tmp_path / "usual", **wide(audit(Colours(), clustered())))
    for name, result in found.items():
        assert result.checks is not None
        assert result.checks.stopped is not None
        assert (result.checks.stopped.looked, result.checks.stopped.looks) == (COUNT, 1)
        assert any("images of one cluster depend on each other" in note for note in result.checks.notes)
        assert result.decision == usual[name].decision


def test_a_set_with_clusters_stops_early_all_the_same(tmp_path: Path) -> None:
    """Its images are drawn one by one, and nothing but the order is left to chance."""
    found = results(tmp_path, right=early(clustered(), about="this_set").expect(accuracy > 0.6))["right"]
    assert found.checks is not None
    assert found.checks.stopped is not None
    assert found.checks.stopped.looked < COUNT // 4


def test_a_quick_look_is_one_look(tmp_path: Path) -> None:
    case = early().expect(accuracy > 0.5)
    found = measured(tmp_path, {"limit": 30}, right=case)
    assert found.looks is None
    assert len(found.samples) == 30


# --- what is stored --------------------------------------------------------------------------------------------------


class Bench:
    """Runs audits one after the other on one store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, cases: dict[str, AuditCase], **options: Any) -> Measured:
        (group,) = groups_of(**cases)
        store = Store(self._folder / "store")
        try:
            return measure(group, settings(self._folder, **options), Silent(), store)
        finally:
            store.close()


def decided(found: Measured, cases: dict[str, AuditCase]) -> dict[str, Result]:
    (group,) = groups_of(**cases)
    return {case.asked.id: decide_case(case, group, found, limited=False) for case in group.cases}


def cases_of(**options: Any) -> dict[str, AuditCase]:
    one = early(**options)
    return {"right": one.expect(accuracy > 0.8), "noisy": one.expect(accuracy - accuracy.under(NOISE) < 0.2)}


def test_a_second_run_looks_at_the_same_and_costs_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    first, again = bench.run(cases_of()), bench.run(cases_of())
    bare = measured(tmp_path / "bare", **cases_of())
    assert plain(first) == plain(again) == plain(bare)
    assert again.passes.forward == 0
    assert decided(first, cases_of()) == decided(again, cases_of())
    assert first.galleries == again.galleries == bare.galleries


@pytest.mark.parametrize("stored", [20, COUNT])
def test_where_it_stops_does_not_depend_on_what_is_stored(tmp_path: Path, stored: int) -> None:
    """A run that went on to its end, or was broken off in the middle, left values behind."""
    bench = Bench(tmp_path)
    whole = audit(Colours(), data())
    cases = {"right": whole.expect(accuracy > 0.8), "noisy": whole.expect(accuracy - accuracy.under(NOISE) < 0.2)}
    bench.run(cases, limit=None if stored == COUNT else stored)
    resumed, bare = bench.run(cases_of()), measured(tmp_path / "bare", **cases_of())
    assert plain(resumed) == plain(bare)
    assert resumed.passes.decoded < bare.passes.decoded
    assert resumed.galleries == bare.galleries


def test_an_image_that_cannot_be_read_counts_as_looked_at(tmp_path: Path) -> None:
    broken = data()
    first = limited(broken, 1, 0)[0]
    broken[broken.index(first)] = coloured(int(first.id[:4]), image=b"no picture")
    found = measured(tmp_path, right=early(broken, seed=0).expect(accuracy > 0.6))
    assert ids(found)[0] == first.id
    assert np.isnan(column(found, "accuracy").values[0])
    assert found.data is not None
    assert set(found.data.unusable) == {first.id}


def test_what_was_decoded_ahead_is_no_part_of_what_is_told(tmp_path: Path) -> None:
    """An unreadable image beyond the last look, in the same chunk as the look."""
    whole = data()
    looked = len(measured(tmp_path, **wide(early(whole, seed=0))).samples)
    beyond = next(one for one in limited(whole, looked + 1, 0) if one not in limited(whole, looked, 0))
    whole[whole.index(beyond)] = coloured(int(beyond.id[:4]), image=b"no picture")
    found = measured(tmp_path, {"micro_batch": 64}, **wide(early(whole, seed=0)))
    assert len(found.samples) == looked
    assert found.data is not None
    assert not found.data.unusable


def test_audits_that_stop_early_share_no_group_with_others() -> None:
    samples = data(20)
    model = Colours()
    one, two = audit(model, samples, stop="early"), audit(model, samples)
    assert len(groups_of(a=one.expect(accuracy > 0.5), b=two.expect(accuracy > 0.5))) == 2
    assert [item.id for item in asked(a=one.cases[0])] == ["a"]

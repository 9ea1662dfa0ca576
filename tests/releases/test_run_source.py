"""A model by the values of an earlier run: paired by what images hold, and whatever differs is named."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.small_audits import asked, groups_of, settings
from pytest_plugin.line import Colour, samples, told

from modelaudit.contexts import gaussian_noise, swap_background
from modelaudit.engine.assembly import measure, model_fingerprints
from modelaudit.engine.decision.case import Result
from modelaudit.engine.executors.run import Run
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.store.store import Store
from modelaudit.language import Audit, Sample, registry
from modelaudit.language.errors import ModelError, ResultsError
from modelaudit.language.progress import Silent
from modelaudit.language.reasons import Missing
from modelaudit.measures import accuracy, confidence, flip_rate
from modelaudit.models import open_model
from modelaudit.releases.baselines import baseline_of, read_run, write_baseline

SWAP, NOISE = swap_background("other_class"), gaussian_noise(3)
AUDIT = """
import sys
sys.path.insert(0, {here!r})
from line import *
from modelaudit import Audit
from modelaudit.contexts import *
from modelaudit.measures import *

audit = Audit(**told(data=samples(40)))
right = audit.expect(accuracy > 0.5)
swapped = audit.expect(accuracy.under(swap_background("other_class")) > 0.1)
flips = audit.expect(flip_rate.under(swap_background("other_class")) < 0.5)
noisy = audit.expect(confidence.under(gaussian_noise(3)) > 0.1)
caught = Audit(**told() | {{"model": Blind()}}).expect(accuracy > 0.8, must_fail=True)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``run.json`` of a run in a process of its own."""
    folder = tmp_path_factory.mktemp("run")
    line = Path(__file__).parents[1] / "pytest_plugin" / "line.py"
    (folder / "line.py").write_text(line.read_text("utf-8"), "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "audit_line.py").write_text(AUDIT.format(here=str(folder)), encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", "--audit-store=off", "--audit-checks=off", "."]
    done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=folder, capture_output=True, text=True)
    file = folder / "audit-results" / "latest" / "run.json"
    assert done.returncode == 0, done.stdout + done.stderr
    return file


@pytest.fixture
def here(run: Path, tmp_path: Path) -> Path:
    """A folder with ``baselines/v1.json``."""
    write_baseline(baseline_of(read_run(run), "run"), tmp_path / "baselines" / "v1.json")
    return tmp_path


def two(data: Sequence[Sample], reference: str = "run:baselines/v1", **options: Any) -> Audit:
    return Audit(**told(data=data, **options) | {"model": {"new": Colour(2.0), "current": reference}})


def difference(audit: Audit, measure: Any = accuracy) -> Any:
    return audit.expect(measure.of("new") - measure.of("current") > -0.3)


def results(folder: Path, audit: Audit, options: dict[str, Any] | None = None, **cases: Any) -> dict[str, Result]:
    cases = cases or {"right": difference(audit)}
    own = folder / f"run-{len(list(folder.iterdir()))}"  # what another run measured is not taken over
    one = Run(replace(settings(folder, **(options or {})), folder=own), Silent())
    items = asked(**cases)
    one.select(items)
    return {item.id: one.result(item.id) for item in items}


def found(folder: Path, audit: Audit, store: Store | None = None, **cases: Any) -> Measured:
    (group,) = groups_of(**(cases or {"right": difference(audit)}))
    return measure(group, settings(folder), Silent(), store)


def current(measured: Measured, key: str = "accuracy") -> Any:
    (one,) = [one for one in measured.columns if one.model.startswith("model:run:") and one.key == key]
    return one


def notes(measured: Measured) -> str:
    return "\n".join(note for model in measured.models if model.key.startswith("model:run:") for note in model.notes)


def changed(at: int, **changes: Any) -> list[Sample]:
    data = samples(40)
    data[at] = replace(data[at], **changes)
    return data


def other_mask() -> np.ndarray[Any, Any]:
    mask = np.zeros((12, 12), dtype=np.uint8)
    mask[2:10, 2:10] = 1
    return mask


def test_stored_values_decide_as_the_model_itself_does(here: Path) -> None:
    live = Audit(**told(data=samples(40)) | {"model": {"new": Colour(2.0), "current": Colour()}})
    stored = two(samples(40))
    for measure_ in (accuracy, accuracy.under(SWAP), flip_rate.under(SWAP), confidence.under(NOISE)):
        one, other = (results(here, audit, a=difference(audit, measure_))["a"] for audit in (live, stored))
        assert one.decision is not None and other.decision is not None
        fields = ("verdict", "estimate", "lower", "upper", "rule", "counts")
        assert [getattr(one.decision, name) for name in fields] == [getattr(other.decision, name) for name in fields]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (lambda: changed(7, mask=other_mask()), "007.png (the mask differs)"),
        (lambda: changed(7, image=samples(60)[51].image), "007.png (the image differs)"),
        (lambda: changed(7, label="red"), "007.png (the label was green, now red)"),
        (lambda: [*samples(40), replace(samples(40)[7], id="copy.png")], "copy.png (the same picture as 007.png)"),
        (lambda: [*samples(40), replace(samples(60)[51], id="more.png")], "more.png (new)"),
    ],
    ids=["mask", "image", "label", "doubled", "new"],
)
def test_an_image_without_a_partner_is_missing_and_named(here: Path, data: Any, why: str) -> None:
    audit = two(data())
    measured = found(here, audit)
    column = current(measured)
    assert list(column.missing.values()) == [Missing.NO_PARTNER]
    (at,) = column.missing
    assert measured.samples[at].id in why
    assert f"1 of {len(data())} images have no partner and count as missing: {why}" in notes(measured)
    decision = results(here, audit)["right"].decision
    assert decision is not None and decision.counts.by_reason == {"no_partner": 1}
    assert decision.counts.asked == len(data())


def test_an_image_that_the_data_lack_is_an_error_that_names_it(here: Path) -> None:
    data = samples(40)
    del data[7]
    result = results(here, two(data))["right"]
    assert result.verdict.value == "ERROR"
    assert "1 of the 40 images of run" in result.message and "007.png" in result.message
    assert "unpaired=0.03" in result.message


def test_unpaired_images_leave_both_terms_as_far_as_that_is_declared(here: Path) -> None:
    data = [*changed(7, mask=other_mask())[1:], replace(samples(60)[51], id="more.png")]
    strict = results(here, two(data))["right"]
    assert strict.verdict.value == "ERROR" and "000.png" in strict.message
    audit = two(data, "run:baselines/v1?unpaired=0.1")
    decision = results(here, audit)["right"].decision
    assert decision is not None
    assert (decision.counts.asked, decision.counts.measured, decision.counts.unpaired) == (38, 38, 2)
    told_ = notes(found(here, audit))
    assert "2 of 40 images have no partner and are left out, as unpaired=0.1 allows" in told_
    assert "1 of its 40 images are not in these data, as unpaired=0.1 allows: 000.png" in told_
    beyond = results(here, two(data[1:], "run:baselines/v1?unpaired=0.04"))["right"]
    assert beyond.verdict.value == "ERROR" and "2 of the 40 images" in beyond.message
    more = [*samples(40), *(replace(one, id=f"more-{one.id}") for one in samples(60)[40:45])]
    some = results(here, two(more, "run:baselines/v1?unpaired=0.05"))["right"].decision
    assert some is not None and (some.counts.unpaired, some.counts.by_reason) == (0, {"no_partner": 5})


def test_a_donor_that_moved_takes_the_partners_of_those_it_lent_to(here: Path) -> None:
    before = found(here, two(samples(40)), a=difference(two(samples(40)), accuracy.under(SWAP)))
    donors = next(one.donors for one in before.shown if one.model.startswith("model:run:"))
    lender = donors[0]
    audit = two(changed([one.id for one in samples(40)].index(str(lender)), image=samples(60)[51].image))
    measured = found(here, audit, a=difference(audit, accuracy.under(SWAP)), b=difference(audit))
    key = "accuracy.under(swap_background(other_class))"
    lost = {measured.samples[at].id for at in current(measured, key).missing}
    assert "000.png" in lost and lost == {
        lender,
        *(one.id for one, by in zip(samples(40), donors, strict=True) if by == lender),
    }
    assert len(current(measured).missing) == 1
    assert f"000.png (its background is from {lender}, which differs)" in notes(measured)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"seed": 7}, "seed 0, and this one with 7"),
        ({"object_kept": 0.9}, "object_kept 0.5, and this one with 0.9"),
        ({"labels": {"red": "red", "green": "green"}}, "labels none, and this one with green: ['green']"),
    ],
)
def test_other_settings_are_an_error_that_names_both(here: Path, options: dict[str, Any], says: str) -> None:
    result = results(here, two(samples(40), **options))["right"]
    assert result.verdict.value == "ERROR" and says in result.message


def test_another_definition_is_an_error_that_names_both(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = two(samples(40))
    entry = registry.find("context", "gaussian_noise")
    for name, where in (
        (entry.spec, registry._registry.by_spec),
        (("context", entry.name), registry._registry.entries),
    ):
        monkeypatch.setitem(where, name, replace(entry, version=9))  # type: ignore[arg-type]
    result = results(here, audit, a=difference(audit, confidence.under(NOISE)), b=difference(audit))
    assert "is defined otherwise than in run" in result["a"].message
    assert "gaussian_noise@1(" in result["a"].message and "gaussian_noise@9(" in result["a"].message
    assert result["b"].verdict.value == "PASS"


def test_what_the_baseline_did_not_measure_is_an_error_with_the_way_out(here: Path) -> None:
    audit = two(samples(40))
    result = results(here, audit, a=difference(audit, confidence.under(gaussian_noise(5))))["a"]
    assert (
        "has no values of 'confidence.under(gaussian_noise(5))' of Colour; run the audit of that model"
        in result.message
    )


def test_renamed_images_are_paired_by_what_they_hold(here: Path) -> None:
    measured = found(here, two(changed(7, id="other.png")))
    assert current(measured).missing == {}
    assert "1 images have other names in it and were paired by what they hold: other.png (there 007.png)" in notes(
        measured
    )


def test_a_quick_look_compares_the_images_that_it_has(here: Path) -> None:
    decision = results(here, two(samples(40)), {"limit": 8})["right"].decision
    assert decision is not None and (decision.counts.asked, decision.counts.measured) == (8, 8)


def test_the_store_changes_nothing(here: Path) -> None:
    def once() -> Measured:
        audit = two(changed(7, mask=other_mask()))
        store = Store(here / "store")
        try:
            return found(here, audit, store, a=difference(audit, accuracy.under(SWAP)), b=difference(audit))
        finally:
            store.close()

    cold, warm = once(), once()
    assert cold.columns == warm.columns
    assert [one.notes for one in cold.models if one.key.startswith("model:run")] == [
        one.notes for one in warm.models if one.key.startswith("model:run")
    ]
    assert warm.passes.values == warm.passes.stored


def test_an_edited_baseline_has_another_fingerprint_or_contradicts_itself(here: Path) -> None:
    (group,) = groups_of(right=difference(two(samples(40))))
    before = model_fingerprints([group], here)
    file = here / "baselines" / "v1.json"
    record = json.loads(file.read_text())
    table = max(record["tables"], key=lambda one: len(one["samples"]))
    (noisy,) = [one for one in table["columns"] if one["measure"].startswith("confidence")]
    noisy["long_form"] += " "
    file.write_text(json.dumps(record))
    assert model_fingerprints([group], here) != before
    noisy["values"][0] = 0.0
    file.write_text(json.dumps(record))
    with pytest.raises(ResultsError, match="contradicts itself"):
        model_fingerprints([group], here)


def test_it_is_not_a_network(here: Path) -> None:
    with pytest.raises(ModelError, match="holds the values of an earlier run and no network"):
        open_model("run:baselines/v1", root=here)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("run:baselines/v2", "no run is there; the baselines are v1"),
        ("run:v1?unpaired=2", "unpaired=2 must be a share between 0 and 1"),
        ("run:v1?mode=x", "unknown option 'mode'"),
        ("run:v1?model=nobody", "has no model 'nobody'"),
    ],
)
def test_a_wrong_reference_says_what_there_is(here: Path, reference: str, says: str) -> None:
    assert says in results(here, two(samples(40), reference))["right"].message


def test_a_wrong_name_of_a_model_is_answered_with_names_and_references(here: Path) -> None:
    said = results(here, two(samples(40), "run:v1?model=nobody"))["right"].message
    assert said is not None and "; known: " in said and "model:" not in said.split("known: ")[1]


def test_a_results_folder_and_a_known_bad_model_can_be_named(here: Path, run: Path) -> None:
    folder = run.parents[2] / "audit-results"
    for reference in (f"run:{folder}", f"run:{run}", "run:v1", "run:baselines/v1.json"):
        assert results(here, two(samples(40), reference))["right"].verdict.value == "PASS"
    twenty = results(here, two(samples(20), "run:v1?model=Blind"))["right"].decision
    assert twenty is not None and twenty.estimate == 0.5

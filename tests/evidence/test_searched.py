"""What searches found travels from the measurement to the record, and names no image in a redacted one."""

from __future__ import annotations

from report.sample_record import record

from modelaudit.engine.results.counterexamples import Counterexample, ReplayFacts, SearchFacts
from modelaudit.engine.results.measured import Measured, PassCounts
from modelaudit.evidence.build import searched
from modelaudit.evidence.record import RunRecord
from modelaudit.evidence.redaction import redacted

PLACE = {"model": "model:m", "column": "worst_change().where(correct)"}
FOUND = Counterexample(
    **PLACE,
    sample="canary/1.png",
    image="c" * 64,
    mask="d" * 64,
    donor=("canary/2.png", "e" * 64),
    context="donor_patch(random, 0.1, 0.1, 0.2, 0.2, dose=1.0)",
    area=0.05,
    dose=1.0,
    size=0.05,
    calls=77,
    label="iron",
    before="iron",
    after="kettle",
    before_probability=0.9,
    after_probability=None,
    file="audits/counterexamples/canary.json",
)
SEARCH = SearchFacts(**PLACE, images=3, flipped=1, calls=900, budget=400, seconds=None, cut_off=0)
REPLAY = ReplayFacts(
    **PLACE,
    file="audits/counterexamples/canary.json",
    sample="canary/1.png",
    context=FOUND.context,
    state="still_fails",
    why="",
)


def _record() -> RunRecord:
    measured = Measured(
        group="data:d",
        data=None,
        samples=[],
        models=[],
        columns=[],
        galleries={},
        failures={},
        passes=PassCounts(),
        counterexamples=[FOUND],
        searches=[SEARCH],
        replays=[REPLAY],
    )
    read_back = Measured.model_validate_json(measured.model_dump_json())
    return record().model_copy(update=searched([read_back]))


def test_what_a_search_found_is_in_the_record() -> None:
    found = RunRecord.model_validate_json(_record().model_dump_json())
    assert (found.counterexamples, found.searches, found.replays) == ([FOUND], [SEARCH], [REPLAY])


def test_older_records_hold_none() -> None:
    older = record().model_dump(mode="json", exclude={"counterexamples", "searches", "replays"})
    assert RunRecord.model_validate(older).counterexamples == []


def test_a_redacted_record_names_no_image_of_a_counterexample() -> None:
    shown = redacted(_record(), b"0123456789abcdef").model_dump_json()
    assert "canary" not in shown and FOUND.image not in shown and "e" * 64 not in shown
    assert FOUND.context in shown

"""Several models in one table, the worst first."""

from __future__ import annotations

from report.sample_record import OTHER_CLASS, case, decision, measure, record

from modelaudit.evidence.record import ColumnRecord, SampleRecord, TableRecord
from modelaudit.report.anchors import anchors_of
from modelaudit.report.side_by_side import model_rows
from modelaudit.report.words import words_of


def test_each_model_has_its_verdict_its_worst_requirement_and_its_accuracy() -> None:
    named = (("m0", "old"), ("m1", "new"))
    models = [record().models[0].model_copy(update={"key": key, "names": [name]}) for key, name in named]
    changes = measure("flip_rate", OTHER_CLASS)
    cases = [
        case("keeps[old]", changes, "<", 0.2, "PASS", decision=decision("PASS", 0.02, 0.01, 0.05)),
        case("keeps[new]", changes, "<", 0.2, "FAIL", decision=decision("FAIL", 0.4, 0.3, 0.5), models=["m1"]),
        case("right[new]", measure(), ">", 0.9, "ERROR", message="boom", models=["m1"]),
    ]
    column = ColumnRecord(measure="accuracy", model="m1", scale="proportion", values=[1, 0])
    table = TableRecord(data="d0", samples=[SampleRecord(id=each, label="gear") for each in "ab"], columns=[column])
    run = record(cases=cases, models=models, tables=[table])
    new, old = model_rows(run, words_of("en"))
    assert (new.name, new.badge.kind, new.counts) == ("new", "fail", ("0", "1", "0", "1"))
    assert (new.worst, new.value, new.limit, new.accuracy) == ("keeps[new]", "40.0%", "less than 20%", "50.0%")
    assert new.anchor == anchors_of(run.cases)[1]
    assert (old.name, old.badge.kind, old.counts, old.accuracy) == ("old", "pass", ("1", "0", "0", "0"), "–")
    assert model_rows(record(cases=cases[:1]), words_of("en")) == ()

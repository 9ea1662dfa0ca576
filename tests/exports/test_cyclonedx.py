"""The CycloneDX document: what the schema of 1.7 says of it, and that it states what was measured and nothing more."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from report.sample_record import case, decision, measure, record
from report.test_matrix import cells, matrix

from modelaudit.cli import main
from modelaudit.evidence.about import About
from modelaudit.evidence.record import ByClass, RunRecord, read_record, record_digest
from modelaudit.evidence.redaction import redacted
from modelaudit.exports.cyclonedx import cyclonedx
from modelaudit.standards.standard_file import read_standard

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_7)
SALT = b"0123456789abcdef"


def of(run: RunRecord) -> dict[str, Any]:
    document = cyclonedx(run)
    assert VALIDATOR.validate_str(json.dumps(document)) is None
    return document


def refs(value: Any) -> Iterator[str]:
    """Every ``bom-ref`` of a document."""
    if isinstance(value, dict):
        if "bom-ref" in value:
            yield value["bom-ref"]
        for one in value.values():
            yield from refs(one)
    elif isinstance(value, list):
        for one in value:
            yield from refs(one)


def referred(document: dict[str, Any]) -> Iterator[str]:
    """Everything that a document refers to."""
    declared = document["declarations"]
    for claim in declared["claims"]:
        yield from (claim["target"], *claim["evidence"])
    for attestation in declared["attestations"]:
        yield from [attestation["assessor"]] if "assessor" in attestation else []
        for one in attestation["map"]:
            yield from (one["requirement"], *one.get("claims", ()), *one.get("counterClaims", ()))
    for standard in document["definitions"]["standards"]:
        yield from (each for level in standard.get("levels", ()) for each in level["requirements"])
    for component in document["components"]:
        if "modelCard" in component:
            yield from (each["ref"] for each in component["modelCard"]["modelParameters"]["datasets"])
    for one in document["dependencies"]:
        yield from (one["ref"], *one["dependsOn"])


def metrics(document: dict[str, Any]) -> list[dict[str, Any]]:
    cards = [one["modelCard"] for one in document["components"] if "modelCard" in one]
    return [each for card in cards for each in card["quantitativeAnalysis"]["performanceMetrics"]]


RUNS = {
    "every_ending": record(),
    "quick_look": record(quick_look=5),
    "nothing_measured": record(cases=[], models=[], data=[]),
    "by_class": record(by_class=ByClass(matrices=[matrix(cells()).model_copy(update={"model": "m0"})], wanted=[])),
    "redacted": redacted(record(), SALT),
    "issuer": record(about=About.model_validate({"issuer": {"en": "Test house", "ja": "検査機関"}})),
}


@pytest.mark.parametrize("name", RUNS)
def test_it_validates_and_every_reference_leads_somewhere(name: str) -> None:
    document = of(RUNS[name])
    there = Counter(refs(document))
    assert [ref for ref, count in there.items() if count > 1] == []
    assert set(referred(document)) <= set(there)


def test_the_schema_refuses_what_is_not_1_7() -> None:
    document = cyclonedx(record())
    document["components"][0]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["value"] = 0.5
    assert VALIDATOR.validate_str(json.dumps(document)) is not None


def test_what_was_measured_keeps_its_bounds() -> None:
    found = {one["type"]: one for one in metrics(of(record()))}
    assert found["accuracy - accuracy.under(swap_background(other_class))"] == {
        "type": "accuracy - accuracy.under(swap_background(other_class))",
        "value": "0.121",
        "slice": "data=folder:data/line_a",
        "confidenceInterval": {"lowerBound": "0.087", "upperBound": "0.161"},
    }


def test_classes_are_slices() -> None:
    sliced = [one for one in metrics(of(RUNS["by_class"])) if one["slice"].startswith("class=")]
    with_mean = [one for one in cells() if one.mean is not None]
    assert len(sliced) == len(with_mean) > 3
    assert any("under=" in one["slice"] for one in sliced)


def test_an_error_is_no_number_no_claim_and_no_evidence_and_is_named() -> None:
    document = of(record())
    text = json.dumps([document["declarations"], document["components"]])
    assert "robust_to_dust" not in text and "recognises_small_parts" not in text
    without = [one["value"] for one in document["properties"] if one["name"] == "modelaudit:without_result"]
    assert [one.rpartition("::")[2] for one in without] == ["robust_to_dust: ERROR", "recognises_small_parts: NOT_RUN"]


def test_what_is_undecided_is_evidence_and_no_claim() -> None:
    declared = of(record())["declarations"]
    name = "audits/audit_line_a.py::survives_lighting"
    assert f"evidence:{name}" in list(refs(declared["evidence"]))
    assert f"claim:{name}" not in list(refs(declared["claims"]))


def test_what_is_not_met_speaks_against_an_item() -> None:
    (guideline,) = (
        one["map"] for one in of(record())["declarations"]["attestations"] if "Machine Learning" in one["summary"]
    )
    (stable,) = (one for one in guideline if one["requirement"] == "item:mlqm-3:C-2")
    assert stable["counterClaims"] == ["claim:audits/audit_line_a.py::survives_layout_change"]
    assert "claim:audits/audit_line_a.py::decides_on_the_part" in stable["claims"]


def test_a_known_bad_model_that_is_caught_is_said_so() -> None:
    (claim,) = (one for one in of(record())["declarations"]["claims"] if "shortcut_is_caught" in one["bom-ref"])
    assert claim["predicate"].endswith("is failed by the known-bad model, which must be caught")
    found = decision("PASS", 0.9, 0.8, 0.95)
    missed = case("missed", measure(), ">", 0.5, "PASS", must_fail=True, outcome="failed", decision=found)
    (claim,) = (one for one in of(record(cases=[missed]))["declarations"]["claims"] if "missed" in one["bom-ref"])
    assert "is not failed by the known-bad model" in claim["predicate"]


def test_no_score_of_conformance_is_stated() -> None:
    document = of(record())
    mapped = [one for each in document["declarations"]["attestations"] for one in each["map"]]
    assert len(mapped) > 20 and all(set(one) <= {"requirement", "claims", "counterClaims"} for one in mapped)
    assert "affirmation" not in document["declarations"]
    for word in ("conform", "complian", "certif", "fulfils"):
        assert word not in json.dumps(document)


def test_a_quick_look_states_nothing() -> None:
    document = of(RUNS["quick_look"])
    assert metrics(document) == []
    assert all(one["bom-ref"].startswith("claim:record:") for one in document["declarations"]["claims"])


def test_the_document_is_bound_to_the_record_and_the_data() -> None:
    run = record()
    document = of(run)
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": record_digest(run)}]
    (data,) = (one for one in document["components"] if one["type"] == "data")
    assert data["hashes"] == [{"alg": "SHA-256", "content": "c1" * 32}]
    assert cyclonedx(run) == document  # the same run makes the same document
    assert cyclonedx(record(id="another"))["serialNumber"] != document["serialNumber"]


def test_the_issuer_is_the_assessor_and_else_nobody_is() -> None:
    declared = of(RUNS["issuer"])["declarations"]
    assert declared["assessors"] == [{"bom-ref": "assessor", "organization": {"name": "Test house"}}]
    assert "assessors" not in of(record())["declarations"]


def test_only_the_standards_that_are_asked_for() -> None:
    document = cyclonedx(record(), [read_standard("mlqm-3")])
    (standard,) = document["definitions"]["standards"]
    assert [one["identifier"] for one in standard["requirements"]][:2] == ["A-1", "A-2"]
    assert "A-1-L1" in [one["identifier"] for one in standard["levels"]]


def test_the_command_writes_a_valid_document_of_a_real_run(
    audited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, file = audited / "audit-results" / "latest", tmp_path / "bom.json"
    assert main(["export", "cyclonedx", str(run), "-o", str(file)]) == 0
    assert VALIDATOR.validate_str(file.read_text(encoding="utf-8")) is None
    assert capsys.readouterr().out == f"{file}\n"
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["metadata"]["component"]["hashes"][0]["content"] == record_digest(read_record(run))
    text = json.dumps(document)
    assert str(audited) not in text

"""The evidence of a run as in-toto Statements, read by in-toto's own package."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from acceptance.openssl import private_key, public_key
from google.protobuf.json_format import ParseDict, ParseError
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult as Predicate
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Fields

from modelaudit.acceptance.envelope import STATEMENT, read_envelope, signed_by
from modelaudit.acceptance.keys import load_public_key, load_signer
from modelaudit.acceptance.statement import (
    details_statement,
    result_of,
    result_statement,
    sign_evidence,
    write_evidence,
)
from modelaudit.evidence.record import (
    CaseRecord,
    CountsRecord,
    DataRecord,
    DecisionRecord,
    InputFile,
    LockRecord,
    MeasureNode,
    ModelRecord,
    PassesRecord,
    Provenance,
    RunRecord,
    write_record,
)
from modelaudit.evidence.states import RUN_TABLE
from modelaudit.language.errors import AcceptanceError


def case(name: str, verdict: str | None, **changed: Any) -> CaseRecord:
    text = "accuracy"
    counts = CountsRecord(asked=20, measured=20, undefined=0, errored=0)
    decision = DecisionRecord(
        verdict=verdict or "PASS",
        reason=None,
        estimate=0.95,
        lower=0.8,
        upper=0.99,
        confidence=0.95,
        rule="clopper_pearson",
        guaranteed=True,
        counts=counts,
    )
    fields: dict[str, Any] = {
        "id": f"audit_line.py::{name}",
        "name": name,
        "file": "audit_line.py",
        "line": 3,
        "clause": "4.2",
        "says": None,
        "expectation": "accuracy > 0.5",
        "long_form": "accuracy > 0.5; confidence 0.95",
        "fingerprint": "f" * 64,
        "left": MeasureNode(
            measure=text,
            methods=[],
            scale="proportion",
            better="high",
            contexts=[],
            model=None,
            stratum=None,
            text=text,
        ),
        "op": ">",
        "threshold": 0.5,
        "confidence": 0.95,
        "about": "process",
        "must_fail": False,
        "verdict": verdict,
        "standing": "not_run" if verdict is None else "counted",
        "outcome": "not_run" if verdict is None else "passed" if verdict == "PASS" else "failed",
        "decision": None if verdict is None else decision,
    }
    return CaseRecord(**fields | changed)


@pytest.fixture
def record() -> RunRecord:
    model = ModelRecord(
        key="model:net",
        names=["net"],
        reference="net.pt",
        architecture="Net",
        parameters=1,
        outputs=2,
        classes=None,
        preprocessing={},
        fingerprint="a" * 64,
        probe_digest="b" * 64,
    )
    data = DataRecord(
        key="data:photos",
        reference="folder:photos",
        available=20,
        images=20,
        labels={},
        mask_kinds={},
        fingerprint=None,
    )
    origin = Provenance(
        versions={},
        platform="Linux",
        device="cpu",
        device_name="",
        precision="float32",
        threads=1,
        micro_batch=8,
        seed=2**60,  # larger than canonical JSON has integers
        git_commit="c" * 40,
        git_dirty=False,
        files=[
            InputFile(path="audit_line.py", role="audit", sha256="d" * 64),
            InputFile(path="gone.py", role="plugin", sha256=None),
        ],
    )
    return RunRecord(
        id="20260101-000000-abcd",
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:01:00+00:00",
        command="pytest audits",
        overall="FAIL",
        whole=False,
        partial=False,
        exit_status=1,
        provenance=origin,
        cases=[
            case("holds", "PASS"),
            case("breaks", "FAIL"),
            case("open", "INCONCLUSIVE"),
            case("caught", "FAIL", must_fail=True),
            case("missed", "PASS", must_fail=True),
            case("tolerated", "FAIL", standing="xfail"),
            case("left_out", None),
        ],
        models=[model],
        data=[data],
        passes=PassesRecord(decoded=20, forward=20, backward=0),
    )


@pytest.fixture
def folder(record: RunRecord, tmp_path: Path) -> Path:
    """A run's folder, with its evidence."""
    write_record(record, tmp_path)
    (tmp_path / "report.html").write_text("<html>")
    write_evidence(record, tmp_path)
    return tmp_path


def test_the_table_of_states_has_the_words_of_in_toto() -> None:
    columns = RUN_TABLE[0].index("run"), RUN_TABLE[0].index("in-toto")
    for row in RUN_TABLE[1:]:
        name, said = (row[at] for at in columns)
        whole = not name.endswith(" of a selection")
        state = name.removesuffix(" of a selection").replace(" ", "_").upper()
        assert result_of(state, whole=whole) == said, name
    assert result_of("PASS_WITH_EXCEPTIONS", whole=True) == "WARNED"
    assert {result_of(state, whole=True) for state in ("NOT_AS_AGREED", "", "pass")} == {"FAILED"}


def test_the_evidence_is_a_statement_of_in_toto(folder: Path) -> None:
    for name in ("evidence.json", "evidence.modelaudit.json"):
        document = json.loads((folder / name).read_bytes())
        found = Statement.copy_from_pb(ParseDict({"type": document.pop("_type"), **document}, Fields()))
        found.validate()
        assert len({subject.name for subject in found.pb.subject}) == len(found.pb.subject)


def test_the_predicate_has_the_fields_of_its_schema_and_no_other(folder: Path) -> None:
    predicate = json.loads((folder / "evidence.json").read_bytes())["predicate"]
    found = ParseDict(predicate, Predicate())
    assert found.result == "FAILED"
    assert [one.rpartition("::")[2] for one in found.passed_tests] == ["holds", "caught"]
    assert [one.rpartition("::")[2] for one in found.failed_tests] == ["breaks", "open", "missed", "tolerated"]
    assert list(found.warned_tests) == []
    assert [(one.name, dict(one.digest)) for one in found.configuration] == [
        ("audit_line.py", {"sha256": "d" * 64}),
        ("gone.py", {}),
    ]
    with pytest.raises(ParseError):  # which is why the fuller predicate is in a file of its own
        ParseDict(predicate | {"cases": []}, Predicate())


def test_subjects_are_what_was_audited_and_what_was_written(folder: Path) -> None:
    document = json.loads((folder / "evidence.json").read_bytes())
    subjects = {one["name"]: one["digest"] for one in document["subject"]}
    for name in ("run.json", "report.html", "evidence.modelaudit.json"):
        assert subjects.pop(name) == {"sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
    assert subjects == {"model:net": {"modelauditFingerprint": "a" * 64}}


def test_the_fuller_predicate_has_every_case(folder: Path) -> None:
    document = json.loads((folder / "evidence.modelaudit.json").read_bytes())
    predicate = document["predicate"]
    assert document["predicateType"].startswith("https://pypi.org/project/pytest-modelaudit/")
    assert (predicate["overall"], predicate["whole"], predicate["exit_status"]) == ("FAIL", False, 1)
    assert predicate["finished"] == "2026-01-01T00:01:00+00:00" and predicate["provenance"]["git_commit"] == "c" * 40
    assert [one["verdict"] for one in predicate["cases"]] == [
        "PASS",
        "FAIL",
        "INCONCLUSIVE",
        "FAIL",
        "PASS",
        "FAIL",
        None,
    ]
    decision = predicate["cases"][0]["decision"]
    assert (decision["estimate"], decision["lower"], decision["upper"]) == (0.95, 0.8, 0.99)
    assert decision["counts"]["measured"] == 20
    assert predicate["cases"][5]["standing"] == "xfail"


def test_a_case_that_is_agreed_not_to_count_is_a_warning(record: RunRecord) -> None:
    cases = [
        case(name, verdict).model_copy(update={"standing": name})
        for name, verdict in (("waived", "FAIL"), ("advisory", "PASS"))
    ]
    predicate = result_statement(record.model_copy(update={"cases": cases}), {})["predicate"]
    assert predicate["warnedTests"] == ["audit_line.py::waived"] and not predicate["failedTests"]
    assert predicate["passedTests"] == ["audit_line.py::advisory"]


def test_waivers_and_their_signatures_are_subjects(record: RunRecord) -> None:
    files = [
        InputFile(path=f"audits/{name}", role=role, sha256="f" * 64)
        for name, role in (("waivers.yaml", "waivers"), ("waivers.dsse", "waivers"), ("conftest.py", "conftest"))
    ]
    made = record.provenance.model_copy(update={"files": files})
    subjects = result_statement(record.model_copy(update={"provenance": made}), {})["subject"]
    named = [one["name"] for one in subjects if one["digest"].get("sha256") == "f" * 64]
    assert named == ["audits/waivers.yaml", "audits/waivers.dsse"]


def test_what_was_agreed_is_named(record: RunRecord) -> None:
    lock = LockRecord(sha256="e" * 64, created="2026-01-01T00:00:00+00:00", signed_by=["vendor"])
    agreed = record.model_copy(update={"lock": lock, "nonce": "of the customer"})
    document = details_statement(agreed, {})
    assert {"name": "agreement.lock", "digest": {"sha256": "e" * 64}} in document["subject"]
    assert document["predicate"]["lock"]["signed_by"] == ["vendor"]
    assert document["predicate"]["nonce"] == "of the customer"


def test_the_evidence_is_signed_as_it_is(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    key = private_key(tmp_path_factory.mktemp("keys") / "key.pem")
    envelope = read_envelope(sign_evidence(folder, load_signer(key)), STATEMENT)
    assert envelope.payload == (folder / "evidence.json").read_bytes()
    assert signed_by(envelope, {"vendor": load_public_key(public_key(key))}, source="evidence.dsse") == ("vendor",)
    assert {file.name for file in folder.iterdir()} == {
        "run.json", "report.html", "evidence.json", "evidence.modelaudit.json", "evidence.dsse"
    }  # fmt: skip


def test_evidence_of_what_is_not_there_is_refused(record: RunRecord, tmp_path: Path) -> None:
    write_record(record, tmp_path)
    with pytest.raises(AcceptanceError, match=r"report\.html: No such file or directory; the evidence of the run"):
        write_evidence(record, tmp_path)


def test_evidence_that_is_not_signed_loads_no_cryptography() -> None:
    """Every run writes it, also where nobody has a key."""
    program = "import sys, modelaudit.acceptance.statement; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "modelaudit.acceptance.canonical" in loaded
    assert not {"cryptography", "securesystemslib", "rfc3161_client", "torch"} & set(loaded)

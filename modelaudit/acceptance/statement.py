"""The evidence of a run: in-toto Statements, which name what was audited by digest, and say how it ended.

``evidence.json`` has the predicate that in-toto tools know, ``test-result/v0.1``, and nothing else: readers that are
generated from its schema, as those of ``in-toto-attestation``, refuse a field that it does not have, and read no file
with two Statements. What the predicate cannot say (every case with its value and bounds, the state of the run) is a
Statement of its own, ``evidence.modelaudit.json``. The first names the second by its digest as a subject, so that
one signature, ``evidence.dsse``, is over both.

Subjects are files (``sha256``), and what was measured, by digests of this package in hexadecimal digits:
``modelauditFingerprint`` of a model (parameters, architecture, preprocessing and code) and ``modelauditMerkleRoot`` of
the images, masks and labels of a data set. Both Statements are functions of the record and the files next to it, so
that whoever has these can make them again.

https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..evidence.record import RECORD_NAME, CaseRecord, RunRecord
from ..evidence.results_folder import EVIDENCE_NAME as EVIDENCE_NAME
from ..evidence.results_folder import SIGNED_NAME as SIGNED_NAME
from ..evidence.states import is_exception, meant_as
from ..language.errors import AcceptanceError
from ..language.regular_files import read_file
from ..language.whole_file import write_whole
from .canonical import canonical, sha256_of

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

DETAILS_NAME = "evidence.modelaudit.json"
REPORT_NAME = "report.html"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
RUN = "https://pypi.org/project/pytest-modelaudit/#run-v1"

Result = Literal["PASSED", "WARNED", "FAILED"]
Statement = dict[str, Any]

#: what the fuller predicate has of the record; a field that a record lacks is left out
_OF_RUN: Any = {
    **dict.fromkeys(("id", "started", "finished", "overall", "whole", "partial", "missing", "absent_files"), True),
    **dict.fromkeys(("allow_partial", "exit_status", "quick_look", "inconclusive", "checks", "merged"), True),
    **dict.fromkeys(("lock", "nonce", "parent"), True),
    "reviews": {"__all__": {"file", "sha256", "signed_by"}},
    "provenance": {"versions", "platform", "device", "device_name", "precision", "git_commit", "git_dirty"},
}
_OF_CASE: Any = {
    **dict.fromkeys(("id", "name", "file", "clause", "long_form", "fingerprint", "importance", "must_fail"), True),
    **dict.fromkeys(("reviewed_by", "complete_reviews"), True),
    **dict.fromkeys(("verdict", "standing", "absence", "waiver", "weakened", "reason", "outcome"), True),
    "decision": {"estimate", "lower", "upper", "confidence", "rule", "guaranteed", "counts"},
}


def result_of(state: str, *, whole: bool) -> Result:
    """A run's state in the words of in-toto: only a whole run can have passed, and what is not known has failed.

    >>> result_of("PASS", whole=True), result_of("PASS", whole=False), result_of("INCONCLUSIVE", whole=True)
    ('PASSED', 'FAILED', 'FAILED')
    """
    words: dict[str, Result] = {"PASS": "PASSED", "PASS_WITH_EXCEPTIONS": "WARNED"}
    return words.get(state, "FAILED") if whole else "FAILED"


def result_statement(record: RunRecord, files: dict[str, str]) -> Statement:
    """The Statement that in-toto tools read.

    A case that was not run is in none of the lists; one with the standing *advisory* or *waived* that is not met is in
    ``warnedTests``, and one that is marked xfail in ``failedTests``. ``configuration`` are the audit files and whatever
    else of the project's code pytest loaded. ``url`` is left out: a run is a folder.

    Args:
        files: the sha256 of the files of the run's folder, by name.
    """
    lists: dict[Result, list[str]] = {"PASSED": [], "WARNED": [], "FAILED": []}
    for case in record.cases:
        if case.verdict is not None:
            lists[_result_of_case(case)].append(case.id)
    predicate = {
        "result": result_of(record.overall, whole=record.whole),
        "configuration": [
            {"name": file.path, **({} if file.sha256 is None else {"digest": {"sha256": file.sha256}})}
            for file in record.provenance.files
        ],
        "passedTests": lists["PASSED"],
        "warnedTests": lists["WARNED"],
        "failedTests": lists["FAILED"],
    }
    return _statement(record, files, TEST_RESULT, predicate)


def details_statement(record: RunRecord, files: dict[str, str]) -> Statement:
    """The Statement with every case: verdict, standing, reason, value, bounds and counts.

    Fields that a record which was read does not have, as an older one, are left out.

    Args:
        files: as for :func:`result_statement`.
    """
    read: Any = {"mode": "json", "exclude_unset": "schema_version" in record.model_fields_set}
    cases = [case.model_dump(include=_OF_CASE, **read) for case in record.cases]
    return _statement(record, files, RUN, {**record.model_dump(include=_OF_RUN, **read), "cases": cases})


def write_evidence(record: RunRecord, folder: Path) -> Path:
    """Write both Statements of a run into its folder, which holds its record and its report.

    Returns:
        ``evidence.json``.

    Raises:
        AcceptanceError: a file of the run cannot be read, or the evidence cannot be written.
    """
    files = {name: _digest(folder / name) for name in (RECORD_NAME, REPORT_NAME)}
    for name, make in ((DETAILS_NAME, details_statement), (EVIDENCE_NAME, result_statement)):
        content = canonical(make(record, files))
        write_whole(folder / name, content, AcceptanceError)
        files[name] = sha256_of(content)
    return folder / EVIDENCE_NAME


def sign_evidence(folder: Path, signer: Signer) -> Path:
    """Sign ``evidence.json`` of a run into ``evidence.dsse``.

    Raises:
        AcceptanceError: it cannot be read or written, or the key cannot sign.
    """
    from .envelope import STATEMENT, Envelope, sign, write_envelope

    signed = sign(Envelope(STATEMENT, _read(folder / EVIDENCE_NAME)), signer)
    return write_envelope(signed, folder / SIGNED_NAME)


def _result_of_case(case: CaseRecord) -> Result:
    """Whether the requirement is met, whatever its standing; what is not met is a warning where that was agreed on."""
    if meant_as(case) == "PASS":
        return "PASSED"
    return "WARNED" if is_exception(case) else "FAILED"


def _statement(record: RunRecord, files: dict[str, str], kind: str, predicate: dict[str, Any]) -> Statement:
    return {
        "_type": STATEMENT_TYPE,
        "subject": list(_subjects(record, files)),
        "predicateType": kind,
        "predicate": predicate,
    }


def _subjects(record: RunRecord, files: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name, digest in files.items():
        yield {"name": name, "digest": {"sha256": digest}}
    for model in record.models:
        yield {"name": model.key, "digest": {"modelauditFingerprint": model.fingerprint}}
    for data in record.data:
        root = data.model_dump(include={"root"}).get("root")
        if root is not None:
            yield {"name": data.key, "digest": {"modelauditMerkleRoot": root}}
    if record.lock is not None:
        yield {"name": "agreement.lock", "digest": {"sha256": record.lock.sha256}}
    for file in record.provenance.files:
        if file.role in ("waivers", "review") and file.sha256 is not None:
            yield {"name": file.path, "digest": {"sha256": file.sha256}}


def _digest(file: Path) -> str:
    return sha256_of(_read(file))


def _read(file: Path) -> bytes:
    try:
        return read_file(file)
    except OSError as error:
        raise AcceptanceError(f"{file}: {error.strerror or error}; the evidence of the run needs it") from error

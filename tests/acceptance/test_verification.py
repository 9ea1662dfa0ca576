"""Checks that fail, and checks that were not made: neither is taken for the other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from acceptance.frozen_pack import KNOWN, content, received

from modelaudit.acceptance.received import Expected, Received
from modelaudit.acceptance.verification import Check, verify

COMMIT = "1" * 40


def checks(given: Received, expected: Expected = KNOWN, made: Mapping[str, bytes] | None = None) -> dict[str, Check]:
    """What `verify` says, by the names of the checks; reports are made as they are there, or as `made`."""
    same = {name: there for name, there in given.files.items() if name.endswith((".html", ".md"))}
    return {one.name: one for one in verify(given, expected, lambda *_: same if made is None else made).checks}


def test_what_was_found_is_not_lost_where_the_rest_is_not_checked(tmp_path: Path) -> None:
    """No key is given, so nobody can say who signed; that something else was signed shows all the same."""
    changed = content("run/evidence.json", lambda document: document["predicate"].update(result="PASSED"))
    check = checks(received(tmp_path, run__evidence_json=changed), Expected())["evidence_signature"]
    assert check.status == "failed"
    assert check.said == (
        "run/evidence.dsse: what was signed: predicate.result: is 'FAILED', and run/evidence.json has 'PASSED'",
    )


def test_a_file_that_cannot_be_read_fails_its_check_and_no_other(tmp_path: Path) -> None:
    found = checks(received(tmp_path, environment_json=b"{"))
    assert found["environment"].status == "failed" and "is not valid JSON" in found["environment"].said[0]
    assert str(tmp_path) not in " ".join(line for one in found.values() for line in one.said)
    assert [one.name for one in found.values() if one.status == "failed"] == ["environment"]
    (tmp_path / "other").mkdir()
    listless = checks(received(tmp_path / "other", environment_json=b'{"distributions": []}'))["environment"]
    assert (listless.status, listless.said) == ("failed", ("environment.json: distributions: is missing",))


def test_without_a_list_of_what_is_installed_nothing_is_checked(tmp_path: Path) -> None:
    assert checks(received(tmp_path, "environment.json"))["environment"].status == "not_checked"


@pytest.mark.parametrize(
    ("origin", "status", "said"),
    [
        ({"git_commit": COMMIT, "git_dirty": False}, "held", ""),
        ({"git_commit": COMMIT, "git_dirty": True}, "failed", "git_dirty"),
        ({"git_commit": COMMIT, "git_dirty": None}, "failed", "git_dirty"),
        ({"git_commit": "2" * 40, "git_dirty": False}, "failed", f"is {'2' * 40}, and {COMMIT} was expected"),
        ({"git_commit": None, "git_dirty": None}, "failed", f"is None, and {COMMIT} was expected"),
    ],
)
def test_a_commit_counts_where_nothing_else_was_changed(
    tmp_path: Path, origin: dict[str, Any], status: str, said: str
) -> None:
    changed = content("run/run.json", lambda document: document["provenance"].update(origin))
    check = checks(received(tmp_path, run__run_json=changed), Expected(commit=COMMIT))["commit"]
    assert check.status == status and said in " ".join(check.said)


def test_reports_that_nobody_signed_are_compared_with_those_made_of_the_record(tmp_path: Path) -> None:
    given, other = received(tmp_path / "pack"), {"run/summary.md": b"else"}
    assert checks(given)["reports"].status == "held"
    assert checks(given, made=other)["reports"].status == "warned"
    unsigned = checks(given, Expected(), made=other)["reports"]
    assert unsigned.status == "failed"
    assert unsigned.said[0].startswith("run/summary.md:1: is not what run/run.json makes: it was edited")


def test_reports_that_cannot_be_made_again_are_not_checked(tmp_path: Path) -> None:
    redact = content("run/run.json", lambda document: document.update(command="pytest audits --audit-redact"))
    run = received(tmp_path / "run", is_pack=False, run__run_json=redact)
    check = checks(run, made={"run/summary.md": b"else"})["reports"]
    assert check.status == "not_checked" and "they are redacted" in check.said[0]
    false = content("run/run.json", lambda document: document["cases"][0].update(verdict="FAIL"))
    contradicting = checks(received(tmp_path / "false", run__run_json=false), made={})
    assert (contradicting["record"].status, contradicting["reports"].status) == ("failed", "not_checked")


def test_one_failed_check_leaves_no_level(tmp_path: Path) -> None:
    given = received(tmp_path)
    same = {name: there for name, there in given.files.items() if name.endswith((".html", ".md"))}
    sound = verify(given, KNOWN, lambda *_: same)
    assert (sound.level, sound.signed_by) == ("signed", ("vendor",))
    failed = verify(given, Expected(keys=KNOWN.keys, nonce="another"), lambda *_: same)
    assert (failed.holds, failed.level) == (False, "none")
    assert verify(given, Expected(), lambda *_: same).level == "self_declared"


def test_of_evidence_that_another_version_wrote_the_digests_of_files_are_compared(tmp_path: Path) -> None:
    def older(document: dict[str, Any]) -> None:
        document["provenance"]["versions"]["pytest-modelaudit"] = "0.0.1"

    check = checks(received(tmp_path, run__run_json=content("run/run.json", older)))["evidence"]
    assert check.status == "failed"
    assert {line.partition(": ")[2].partition(".sha256")[0] for line in check.said} == {"run.json"}

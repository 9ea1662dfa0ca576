"""``modelaudit review add``: a run is decided anew beside the old one; what is void writes nothing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from acceptance.openssl import private_key, public_key
from evidence.reviews import reviewed, save
from pytest_plugin.runs import Line

from modelaudit.acceptance.envelope import LOCK, Envelope, sign, write_envelope
from modelaudit.acceptance.keys import load_signer
from modelaudit.acceptance.pack import read_pack, write_pack
from modelaudit.cli import main
from modelaudit.evidence.consistency import contradictions, read_consistent_record
from modelaudit.evidence.record import RunRecord, record_digest

ASKED = """
A = Audit(**told())
swapped = A.expect(accuracy.under(gaussian_noise(1)) > 0.5, reviewed_by=1)
maps = A.expect(background_dependence("saliency") < 0.99, reviewed_by=2, importance="advisory")
plain = A.expect(accuracy > 0.5)
"""


@pytest.fixture
def line(pytester: pytest.Pytester) -> Line:
    return Line(pytester)


@pytest.fixture
def run(line: Line, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    """A run that waits for reviews, in the folder where the commands are typed."""
    line.write("audits/audit_line.py", "")
    line.audit(ASKED, "audits/audit_line.py")
    monkeypatch.chdir(line.path)
    assert line.run("audits").ret == 1
    return line.record()


def files(folder: Path) -> dict[str, str]:
    found = (file for file in folder.rglob("*") if file.is_file() and ".modelaudit" not in file.parts)
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in found}


def latest(line: Line) -> Path:
    return (line.path / "audit-results" / "latest").resolve()


def test_a_run_is_decided_anew_beside_the_old_one(
    line: Line, run: RunRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    first = latest(line)
    before = files(first)
    assert main(["review", "add", "audit-results/latest", str(save(reviewed(run), line.path / "review.json"))]) == 0
    said = capsys.readouterr().out
    assert "Aoi Sato" in said and "PASS" in said
    second = latest(line)
    assert second != first and files(first) == before
    found = read_consistent_record(second)
    assert (found.parent, found.overall, found.exit_status) == (record_digest(run), "PASS_WITH_EXCEPTIONS", 0)
    ends = {case.name: (case.verdict, case.reason, case.standing, case.outcome) for case in found.cases}
    assert ends == {
        "swapped": ("PASS", None, "counted", "passed"),
        "maps": ("INCONCLUSIVE", "review_open", "advisory", "xfailed"),
        "plain": ("PASS", None, "counted", "passed"),
    }
    kept = [*(line.path / "audits" / "reviews").iterdir()]
    assert [file.read_bytes() for file in kept] == [(line.path / "review.json").read_bytes()]
    assert {"report.html", "summary.md", "evidence.json", "run.json"} <= set(files(second))
    assert {name for name in before if name.startswith("images/")} <= set(files(second))
    # a second person, added to the run that followed
    assert main(["review", "add", "audit-results/latest", str(save(reviewed(run, "Ren"), line.path / "2.json"))]) == 0
    third = read_consistent_record(latest(line))
    assert third.parent == record_digest(found) and third.overall == "PASS"
    assert [one.who for one in third.reviews] == ["Aoi Sato", "Ren"]
    # and every later run counts both
    assert line.run("audits").ret == 0
    again = line.record()
    assert contradictions(again) == [] and again.parent is None and len(again.reviews) == 2


def stale(review: dict[str, Any], field: str) -> dict[str, Any]:
    first, *others = review["answers"]
    return {**review, "answers": [{**first, "picture": {**first["picture"], field: "ab" * 32}}, *others]}


#: what is not added: the file, and what is said of it
VOID: dict[str, tuple[Callable[[RunRecord], str], int, str]] = {
    "another model": (lambda r: json.dumps(stale(reviewed(r), "model")), 1, f"model: {'ab' * 32} is not in the run"),
    "another image": (lambda r: json.dumps(stale(reviewed(r), "image")), 1, f"image: {'ab' * 32} is not in the run"),
    "another change": (lambda r: json.dumps(stale(reviewed(r), "changed")), 1, f"changed: {'ab' * 32} is not in"),
    "cut short": (lambda r: json.dumps(reviewed(r))[:-9], 2, "is not valid JSON"),
    "no review": (lambda r: "{}", 2, "is not a review"),
    "an answer twice": (
        lambda r: json.dumps(reviewed(r) | {"answers": reviewed(r)["answers"][:1] * 2}),
        2,
        "is answered twice",
    ),
}


def test_what_is_void_writes_nothing(line: Line, run: RunRecord, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(line.path / "audit-results")
    file = line.path / "review.json"
    for what, (make, status, says) in VOID.items():
        file.write_text(make(run), encoding="utf-8")
        assert main(["review", "add", "audit-results/latest", "review.json"]) == status, what
        said = " ".join(capsys.readouterr().err.split())
        assert says in said, (what, said)
        assert files(line.path / "audit-results") == before and not (line.path / "audits" / "reviews").exists()
    save(reviewed(run), file)
    assert main(["review", "add", "audit-results/latest", "review.json", "--audits", "elsewhere"]) == 2
    picture = next(latest(line).glob("images/*"))
    picture.write_bytes(picture.read_bytes() + b"x")
    assert main(["review", "add", "audit-results/latest", "review.json"]) == 2
    assert "is not the picture that the run drew" in capsys.readouterr().err


def test_a_review_is_added_once(line: Line, run: RunRecord, capsys: pytest.CaptureFixture[str]) -> None:
    save(reviewed(run), line.path / "review.json")
    assert main(["review", "add", "audit-results/latest", "review.json"]) == 0
    before = files(line.path)
    assert main(["review", "add", "audit-results/latest", "review.json"]) == 1
    assert "counts it already" in capsys.readouterr().err and files(line.path) == before


AGREEMENT = """
title: Acceptance of line A
parties:
  vendor: {name: Vendor, public_key: vendor.pem}
system: {name: Sorter}
clauses:
  "1": {expectations: [swapped, plain]}
signs: [vendor]
reviewers:
  - {name: Aoi Sato, public_key: aoi.pub.pem}
"""


def sign_lock(lock: Path, key: Path) -> None:
    signed = sign(Envelope(LOCK, lock.read_bytes()), load_signer(key))
    write_envelope(signed, lock.with_name(f"{lock.name}.dsse"))


def packed_and_verified(line: Line, keys: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Reviews and signatures travel in the pack; verify finds one that is edited, taken away or added."""
    assert main(["pack", "audit-results/latest", "-o", "run.zip", "--sign", str(keys["vendor"])]) == 0
    publics = [str(public_key(keys[name])) for name in ("vendor", "aoi")]
    capsys.readouterr()
    assert main(["verify", "run.zip", "--keys", *publics]) == 0
    assert re.search("held +reviews are as they were saved", capsys.readouterr().out)
    pack = read_pack(line.path / "run.zip")
    (name,) = (name for name in pack.files if name.startswith("agreement/reviews/") and name.endswith(".json"))
    forged = {
        "edited": {**pack.files, name: pack.files[name].replace(b"Somebody", b"Someone.")},
        "taken away": {each: content for each, content in pack.files.items() if each != name},
        "unsigned": {each: content for each, content in pack.files.items() if each != f"{name}.dsse"},
        "added": {**pack.files, "agreement/reviews/more.json": pack.files[name]},
    }
    said = {"edited": "has sha256", "taken away": "is missing", "unsigned": "None signed", "added": "does not count it"}
    for what, files_ in forged.items():
        write_pack(line.path / "forged.zip", files_, pack.manifest.report)
        assert main(["verify", "forged.zip", "--keys", *publics]) == 1, what
        assert said[what] in " ".join(capsys.readouterr().out.split()), what


def test_under_a_lock_only_signed_reviews_count(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line.checks = None
    line.audit(ASKED.replace("maps =", "#"), "audits/audit_line.py")
    line.write("audits/agreement.yaml", AGREEMENT)
    keys = {name: private_key(line.path / f"{name}.pem") for name in ("vendor", "aoi", "stranger")}
    (line.path / "audits" / "vendor.pem").write_bytes(public_key(keys["vendor"]).read_bytes())
    (line.path / "audits" / "aoi.pub.pem").write_bytes(public_key(keys["aoi"]).read_bytes())
    monkeypatch.chdir(line.path)
    line.write("audits/agreement.yaml", AGREEMENT.partition("reviewers:")[0])
    refused = line.run("audits", "--collect-only", "--audit-write-lock=audits/agreement.lock")
    refused.stderr.fnmatch_lines(["*asks for 1 reviewers, and the agreement names 0*"])
    line.write("audits/agreement.yaml", AGREEMENT)
    assert line.run("audits", "--collect-only", "--audit-write-lock=audits/agreement.lock").ret == 0
    sign_lock(line.path / "audits" / "agreement.lock", keys["vendor"])
    assert "Aoi Sato" in json.loads((line.path / "audits" / "agreement.lock").read_text())["reviewers"]
    locked = ("audits", "--audit-lock=audits/agreement.lock")
    line.run(*locked)
    run = line.record()
    assert run.as_agreed, run.lock
    save(reviewed(run, "Somebody"), line.path / "review.json")
    assert main(["review", "add", "audit-results/latest", "review.json"]) == 1
    assert "not signed by a reviewer whom the lock names" in " ".join(capsys.readouterr().err.split())
    assert main(["review", "add", "audit-results/latest", "review.json", "--sign", str(keys["stranger"])]) == 2
    assert "is of no reviewer" in capsys.readouterr().err
    # a file that somebody puts there without a signature is void, and is told
    save(reviewed(run, "Somebody"), line.path / "audits" / "reviews" / "somebody.json")
    line.run(*locked)
    told = line.record()
    statement = json.loads((latest(line) / "evidence.modelaudit.json").read_text())
    assert "audits/reviews/somebody.json" in {one["name"] for one in statement["subject"]}
    assert told.reviews == [] and "by Somebody is void: it is not signed" in told.notes[0]
    (line.path / "audits" / "reviews" / "somebody.json").unlink()
    assert main(["review", "add", "audit-results/latest", "review.json", "--sign", str(keys["aoi"])]) == 0
    found = line.record()
    assert [(one.who, one.review.reviewer) for one in found.reviews] == [("Aoi Sato", "Somebody")]
    assert found.overall == "PASS" and found.as_agreed
    assert line.run(*locked).ret == 0
    packed_and_verified(line, keys, capsys)
    # an edited review under a signature stops the run
    (kept,) = (line.path / "audits" / "reviews").glob("*.json")
    kept.write_text(kept.read_text().replace("Somebody", "Nobody"))
    result = line.run(*locked)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*differs from what*signs*"])


def test_what_follows_from_a_redacted_run_is_redacted_with_the_same_salt(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line.audit(ASKED, "audits/audit_line.py")
    monkeypatch.chdir(line.path)
    line.run("audits", "--audit-redact")
    first = latest(line)
    review = reviewed(line.record())
    review["answers"][0]["comment"] = "seen by Tanaka"
    save(review, line.path / "review.json")
    assert main(["review", "add", str(first), "review.json"]) == 0, capsys.readouterr().err
    second = latest(line)
    assert second != first and (second / "redaction-salt").read_bytes() == (first / "redaction-salt").read_bytes()
    for name in ("report.html", "summary.md"):
        text = (second / name).read_text(encoding="utf-8")
        assert "reviewer 1" in text and "Aoi Sato" not in text and "Tanaka" not in text and "000.png" not in text

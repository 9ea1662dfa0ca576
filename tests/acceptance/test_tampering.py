"""Thirty ways to change what was handed over, each twice: the file alone, and by a forger who makes the manifest again.

The forger has every file and no key. What is changed before a run (an image, a mask, a conftest, an option) is in
tests/pytest_plugin/test_lock.py, where it is found by the run; here it is found in the record.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from acceptance.handed_over import NONCE, copy_public, hand_over
from acceptance.openssl import private_key
from pytest_plugin import line as parts
from pytest_plugin.runs import Line

from modelaudit.acceptance.canonical import canonical, sha256_of
from modelaudit.acceptance.envelope import PACK, Envelope, sign
from modelaudit.acceptance.keys import load_signer
from modelaudit.acceptance.pack import Pack, manifest_of, read_pack
from modelaudit.acceptance.statement import sign_evidence, write_evidence
from modelaudit.cli import main
from modelaudit.cli.packed import made_of
from modelaudit.evidence.record import RunRecord, write_record
from modelaudit.report.error_texts import verification_line
from modelaudit.report.words import words_of

Answer = dict[str, tuple[str, str]]
Files = dict[str, bytes]


@dataclass(frozen=True)
class Story:
    """A signed pack, its run and the folder of its audits; what its receiver has: public keys of the parties, and the
    root of the authority; and two private keys: the vendor's, and one of somebody ``other``."""

    pack: Pack
    run: Path
    audits: Path
    keys: Path
    root: Path
    vendor: Path
    other: Path

    def answer(self, file: Path, *more: str, nonce: str = NONCE) -> tuple[int, Answer]:
        """What ``modelaudit verify`` says: its exit status, and of each check how it ended and the lines."""
        result = file.with_suffix(".json")
        known = ["--keys", str(self.keys), "--trust-anchor", str(self.root), "--expect-nonce", nonce]
        status = main(["verify", str(file), *known, *more, "--json", str(result)])
        checks = json.loads(result.read_text())["checks"]
        said = [line for one in checks for line in one["said"]]
        assert [line for line in said if verification_line(line, words_of("ja")) == line] == []
        return status, {one["name"]: (one["status"], "\n".join(one["said"])) for one in checks}


@pytest.fixture(scope="module")
def made() -> dict[str, Story]:
    """What the first test of the module has made for the others."""
    return {}


@pytest.fixture
def story(request: pytest.FixtureRequest, made: dict[str, Story], tmp_path_factory: pytest.TempPathFactory) -> Story:
    if not made:
        made["story"] = _story(Line(request.getfixturevalue("pytester")), tmp_path_factory.mktemp("story"))
    return made["story"]


def _story(line: Line, folder: Path) -> Story:
    line.checks = line.store = None
    file = hand_over(line.path, lambda arguments: line.run(*arguments))
    (folder / "keys").mkdir()
    copy_public(line.path, folder / "keys")
    root = (folder / "keys/authority.pem").rename(folder / "authority.pem")
    return Story(
        read_pack(file),
        next((line.path / "audit-results").glob("2*")),
        line.path / "audits",
        folder / "keys",
        root,
        line.path / "keys/vendor.pem",
        private_key(folder / "other.pem"),
    )


def zipped(path: Path, manifest: bytes, signature: bytes | None, files: Mapping[str, bytes]) -> Path:
    outer = {"pack.json": manifest} | ({} if signature is None else {"pack.dsse": signature})
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (outer | dict(files)).items():
            archive.writestr(name, content)
    return path


def forged(path: Path, pack: Pack, files: Mapping[str, bytes]) -> Path:
    """With a manifest that fits the files, and the signature that was over the other one."""
    return zipped(path, manifest_of(files, pack.manifest.report).content(), pack.signature, files)


def test_what_nobody_changed_holds(story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = story.pack
    status, answer = story.answer(zipped(tmp_path / "p.zip", pack.manifest.content(), pack.signature, pack.files))
    assert {name: one for name, one in answer.items() if one[0] != "held"} == {
        "reviews": ("not_checked", "the run has no reviews"),
        "commit": ("not_checked", "no --expect-commit was given"),
    }
    assert status == 0
    assert "Level reached: signed.\nSigned with the keys: vendor.\n" in capsys.readouterr().out


def record(change: Callable[[dict[str, Any]], None]) -> Callable[[Files], None]:
    """A change of run.json."""

    def apply(files: Files) -> None:
        document = json.loads(files["run/run.json"])
        change(document)
        files["run/run.json"] = (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()

    return apply


def put(*where: Any) -> Callable[[Files], None]:
    """Another value in run.json: the way there, and the value."""
    *way, last, value = where

    def change(document: Any) -> None:
        for step in way:
            document = document[step]
        assert document[last] != value
        document[last] = value

    return record(change)


def text(name: str, old: str, new: str) -> Callable[[Files], None]:
    """Another text in a file."""

    def apply(files: Files) -> None:
        assert old.encode() in files[name], name
        files[name] = files[name].replace(old.encode(), new.encode(), 1)

    return apply


def without(name: str) -> Callable[[Files], None]:
    return lambda files: files.pop(name) and None


def other_terms(document: dict[str, Any]) -> None:
    """A default of a definition that is another one: in the long form, and the fingerprint made to fit."""
    case = document["cases"][0]
    assert "fill='mean'" in case["long_form"] or "mean" in case["long_form"]
    case["long_form"] = case["long_form"].replace("mean", "grey", 1)
    case["fingerprint"] = sha256_of(case["long_form"].encode())


def added(document: dict[str, Any]) -> None:
    case = document["cases"][1]
    document["cases"].append(case | {"id": f"{case['id']}_too", "name": "is_right_too"})


def reordered(document: dict[str, Any]) -> None:
    (table,) = document["tables"]
    table["samples"].reverse()


def only_a_part(document: dict[str, Any]) -> None:
    case = document["cases"][1]
    case |= {"verdict": None, "standing": "not_run", "decision": None, "reason": None, "outcome": "not_run"}


def flipped(files: Files) -> None:
    """A bit of the time stamp's signature."""
    stamp = bytearray(files["agreement/agreement.lock.tsr"])
    stamp[-8] ^= 1
    files["agreement/agreement.lock.tsr"] = bytes(stamp)


def of_another_run(document: dict[str, Any]) -> None:
    document["id"], document["lock"] = "20200101-000000-abcd", None


def other_signature(files: Files) -> None:
    """The signature of the customer, over something else."""
    envelopes = json.loads(files["agreement/waivers.dsse"])
    lock = json.loads(files["agreement/agreement.lock.dsse"])
    keyid = envelopes[0]["signatures"][0]["keyid"]
    envelopes[0]["signatures"] = [one for one in lock["signatures"] if one["keyid"] == keyid]
    files["agreement/waivers.dsse"] = json.dumps(envelopes, indent=1).encode()


CASE = r"audits/audit_line\.py::looks_at_it"
WAIVED = r"run/run\.json: audits/audit_line\.py::is_waived"
#: what is changed in which file, the check that finds it, and what it says
CHANGES: dict[str, tuple[Callable[[Files], None], str, str, str]] = {
    "threshold": (put("cases", 0, "threshold", 0.3), "run/run.json", "record", rf"{CASE}: expectation is"),
    "verdict": (put("cases", 0, "verdict", "FAIL"), "run/run.json", "record", rf"{CASE}: verdict is 'FAIL'"),
    "value": (
        put("tables", 0, "columns", 0, "values", 3, 0.0),
        "run/run.json",
        "record",
        r"run/run\.json: audits/audit_line\.py::\w+: decision\.estimate is",
    ),
    "count": (
        put("cases", 0, "decision", "counts", "measured", 23),
        "run/run.json",
        "record",
        rf"{CASE}: decision\.counts\.measured is 23",
    ),
    "bound": (
        put("cases", 0, "decision", "lower", 0.99),
        "run/run.json",
        "record",
        rf"{CASE}: decision\.lower is 0\.99",
    ),
    "root of images, masks and labels": (
        put("data", 0, "root", "0" * 64),
        "run/run.json",
        "departures",
        r"run/run\.json: data folder:photos\?masks=masks: 0{64} \(agreed: [0-9a-f]{64}\): it departs",
    ),
    "number of images": (
        put("data", 0, "available", 23),
        "run/run.json",
        "departures",
        r"run/run\.json: data folder:photos",
    ),
    "label": (
        put("tables", 0, "samples", 0, "label", parts.CLASSES[0]),
        "run/run.json",
        "evidence",
        r"run/evidence\.modelaudit\.json: subject\[run\.json\]\.digest\.sha256: is",
    ),
    "model": (
        put("models", 0, "fingerprint", "0" * 64),
        "run/run.json",
        "evidence",
        r"subject\[.*\]\.digest\.modelauditFingerprint: is '[0-9a-f]{64}', and what run/run\.json .* has '0{64}'",
    ),
    "threshold of the lock": (
        text("agreement/agreement.lock", "> 0.5", "> 0.3"),
        "agreement/agreement.lock",
        "lock",
        r"agreement/agreement\.lock: has sha256 [0-9a-f]{64}, and run/run\.json: lock\.sha256 is",
    ),
    "report": (
        text("run/report.html", "requirements", "requirementz"),
        "run/report.html",
        "reports",
        r"run/report\.html:\d+: is not what run/run\.json makes",
    ),
    "redacted report": (
        text("run/report.redacted.html", "requirements", "requirementz"),
        "run/report.redacted.html",
        "reports",
        r"run/report\.redacted\.html:\d+: is not what",
    ),
    "summary": (
        text("run/summary.md", "modelaudit", "audit"),
        "run/summary.md",
        "reports",
        r"run/summary\.md:1: is not",
    ),
    "readme": (
        text("README.en.md", "does not show", "shows"),
        "README.en.md",
        "reports",
        r"README\.en\.md:\d+: is not",
    ),
    "evidence": (
        text("run/evidence.json", '"WARNED"', '"PASSED"'),
        "run/evidence.json",
        "evidence",
        r"run/evidence\.json: predicate\.result: is 'PASSED', and what run/run\.json and the files make has 'WARNED'",
    ),
    "fuller evidence": (
        text("run/evidence.modelaudit.json", '"exit_status":0', '"exit_status":1'),
        "run/evidence.modelaudit.json",
        "evidence",
        r"run/evidence\.modelaudit\.json: predicate\.exit_status: is 1",
    ),
    "environment": (
        text("environment.json", '"numpy": "', '"numpy": "9'),
        "environment.json",
        "environment",
        r"environment\.json: numpy: is 9",
    ),
    "versions": (
        put("provenance", "versions", "torch", "9.9"),
        "run/run.json",
        "environment",
        r"environment\.json: torch: is .*, and the run had 9\.9",
    ),
    "dropped case": (
        record(lambda document: document["cases"].pop(0)),
        "run/run.json",
        "departures",
        rf"expectation {CASE}: missing \(agreed: accuracy",
    ),
    "added case": (
        record(added),
        "run/run.json",
        "departures",
        r"expectation audits/audit_line\.py::is_right_too: accuracy > 0\.5 \(agreed: nothing\)",
    ),
    "record of another run": (
        record(of_another_run),
        "run/run.json",
        "lock",
        r"run/run\.json: lock: is missing, although agreement/agreement\.lock is there",
    ),
    "changed default of a definition": (
        record(other_terms),
        "run/run.json",
        "departures",
        rf"long form {CASE}: .*grey.* \(agreed: .*mean",
    ),
    "seed": (put("provenance", "seed", 7), "run/run.json", "departures", r"option seed: 7 \(agreed: 0\)"),
    "option": (
        put("inconclusive", "warn"),
        "run/run.json",
        "departures",
        r"option inconclusive: warn \(agreed: fail\)",
    ),
    "conftest": (
        record(
            lambda document: document["provenance"]["files"].append(
                {"path": "audits/conftest.py", "role": "conftest", "sha256": "0" * 64, "cases": None}
            )
        ),
        "run/run.json",
        "departures",
        r"conftest file audits/conftest\.py: sha256 0{64} \(agreed: nothing\)",
    ),
    "data order": (
        record(reordered),
        "run/run.json",
        "evidence",
        r"run/evidence\.json: subject\[run\.json\]\.digest\.sha256: is",
    ),
    "time stamp": (
        flipped,
        "agreement/agreement.lock.tsr",
        "lock_time",
        r"agreement/agreement\.lock\.tsr: .*(not trusted|is damaged)",
    ),
    "run before the lock": (
        put("started", "2020-01-01T00:00:00+00:00"),
        "run/run.json",
        "lock_time",
        r"run/run\.json: started: is 2020.*, before the time stamp of the lock",
    ),
    "stripped time stamp": (
        without("agreement/agreement.lock.tsr"),
        "agreement/agreement.lock.tsr",
        "lock_time",
        r"agreement/agreement\.lock\.tsr: is missing",
    ),
    "stripped signatures of the lock": (
        without("agreement/agreement.lock.dsse"),
        "agreement/agreement.lock.dsse",
        "lock_signatures",
        r"agreement/agreement\.lock\.dsse: signs: vendor must sign the lock and has not",
    ),
    "stripped lock": (
        without("agreement/agreement.lock"),
        "agreement/agreement.lock",
        "lock",
        r"agreement/agreement\.lock: is missing, although the run was held to a lock",
    ),
    "partial run presented as whole": (
        record(only_a_part),
        "run/run.json",
        "record",
        r"run/run\.json: the run: whole is True, and False follows",
    ),
    "name of a party": (
        text("agreement/agreement.yaml", "The customer", "Somebody"),
        "agreement/agreement.yaml",
        "agreement",
        r"agreement/agreement\.yaml: its terms have sha256 [0-9a-f]{64}, and agreement/agreement\.lock: agreement is",
    ),
    "name of a party in the record": (
        text("run/run.json", '"The customer"', '"Somebody"'),
        "run/run.json",
        "agreement",
        r"run/run\.json: agreement\.parties\[Somebody\]: is not in agreement/agreement\.yaml",
    ),
    "date of a waiver": (
        text("agreement/waivers.yaml", "expires: 2126", "expires: 2127"),
        "agreement/waivers.yaml",
        "waivers",
        rf"{WAIVED}: waiver\.expires: is '2126-01-01T00:00:00\+09:00', and agreement/waivers\.yaml has '2127",
    ),
    "date of a waiver in the record": (
        put("cases", 2, "waiver", "expires", "2127-01-01T00:00:00+09:00"),
        "run/run.json",
        "waivers",
        rf"{WAIVED}: waiver\.expires: is '2127",
    ),
    "who answers for a waiver": (
        put("cases", 2, "waiver", "owner", "Sato"),
        "run/run.json",
        "waivers",
        rf"{WAIVED}: waiver\.owner: is 'Sato', and agreement/waivers\.yaml has 'Tanaka'",
    ),
    "signature of a waiver": (
        other_signature,
        "agreement/waivers.dsse",
        "waivers",
        r"agreement/waivers\.dsse: \[0\]: the signature of customer .* does not fit",
    ),
    "stripped signature of a waiver": (
        without("agreement/waivers.dsse"),
        "agreement/waivers.dsse",
        "waivers",
        rf"{WAIVED}: waiver\.signed_by: is 'customer', and agreement/waivers\.yaml has None",
    ),
    "stripped waivers": (
        without("agreement/waivers.yaml"),
        "agreement/waivers.yaml",
        "waivers",
        r"agreement/waivers\.yaml: is missing, although .*::is_waived has a waiver",
    ),
    "another nonce": (
        put("nonce", "of-tuesday"),
        "run/run.json",
        "nonce",
        r"run/run\.json: nonce: is 'of-tuesday', and 'of-monday' was expected",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found_with_file_and_field(
    story: Story, change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apply, file, check, said = CHANGES[change]
    pack, files = story.pack, dict(story.pack.files)
    apply(files)
    alone = zipped(tmp_path / "alone.zip", pack.manifest.content(), pack.signature, files)
    status, answer = story.answer(alone)
    assert status == 1 and list(answer) == ["pack"]
    assert f"alone.zip: {file}: " in answer["pack"][1]
    status, answer = story.answer(forged(tmp_path / "forged.zip", pack, files))
    assert status == 1
    assert f"pack.dsse: what was signed: files.{file}" in answer["pack_signature"][1]
    assert answer[check][0] == "failed" and re.search(said, answer[check][1]), answer[check]
    assert "Level reached: none" in capsys.readouterr().out


def signed_by(key: Path, manifest: bytes) -> bytes:
    return canonical(sign(Envelope(PACK, manifest), load_signer(key)).document())


def test_a_forger_who_makes_everything_again_has_no_key(story: Story, tmp_path: Path) -> None:
    """Record, reports, evidence and manifest fit together, and the values are others."""
    pack = story.pack
    changed = json.loads(pack.files["run/run.json"])
    changed["provenance"]["device_name"] = "a faster machine"
    (tmp_path / "run").mkdir()
    pack.unpack(tmp_path)
    run = RunRecord.model_validate(changed)
    write_record(run, tmp_path / "run")
    made = made_of(run, tmp_path / "run", pack.manifest.report)
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    write_evidence(run, tmp_path / "run")
    files = {name: (tmp_path / name).read_bytes() for name in pack.files}
    status, answer = story.answer(forged(tmp_path / "forged.zip", pack, files))
    assert status == 1
    failed = {name for name, one in answer.items() if one[0] == "failed"}
    assert failed == {"evidence_signature", "pack_signature"}
    assert "run/evidence.dsse: what was signed: subject[run.json].digest.sha256: is" in answer["evidence_signature"][1]
    manifest = manifest_of(files, pack.manifest.report).content()
    sign_evidence(tmp_path / "run", load_signer(story.other))
    files["run/evidence.dsse"] = (tmp_path / "run/evidence.dsse").read_bytes()
    manifest = manifest_of(files, pack.manifest.report).content()
    status, answer = story.answer(zipped(tmp_path / "other.zip", manifest, signed_by(story.other, manifest), files))
    assert status == 1
    for check in ("evidence_signature", "pack_signature"):
        assert ".dsse: signatures: is signed by an unknown key" in answer[check][1]


def rendered_otherwise(story: Story, folder: Path, key: Path, *, made_by: str | None = None) -> Path:
    """A pack whose report is another text of the same record, as other templates make it, under evidence and a manifest
    that fit and that `key` signs; `made_by`: the version that its manifest states."""
    pack, run = story.pack, folder / "run"
    pack.unpack(folder)
    report = run / "report.html"
    report.write_bytes(report.read_bytes().replace(b"requirements", b"requirementz"))
    write_evidence(RunRecord.model_validate_json((run / "run.json").read_bytes()), run)
    sign_evidence(run, load_signer(key))
    files = {name: (folder / name).read_bytes() for name in pack.files}
    manifest = manifest_of(files, pack.manifest.report)
    content = manifest.model_copy(update={"modelaudit": made_by or manifest.modelaudit}).content()
    return zipped(folder / "p.zip", content, signed_by(key, content), files)


def test_a_signed_report_that_another_version_rendered_is_told_with_both_versions(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, answer = story.answer(rendered_otherwise(story, tmp_path, story.vendor, made_by="9.9"))
    assert status == 0 and {one[0] for name, one in answer.items() if name not in ("reviews", "commit")} == {
        "held",
        "warned",
    }
    assert [name for name, one in answer.items() if one[0] == "warned"] == ["reports"]
    why = "9.9 made it, and that version can check it"
    assert re.fullmatch(
        r"run/report\.html:\d+: is the file that was signed \(by vendor\), and this installation \(modelaudit "
        rf"{re.escape(version('pytest-modelaudit'))}\) renders it differently: {why}; what counts is run/run\.json",
        answer["reports"][1],
    )
    assert "WARNING  " in capsys.readouterr().out


def test_who_signs_a_report_that_says_something_else_than_the_record_is_found(story: Story, tmp_path: Path) -> None:
    """The vendor's own keys under a report of this version that the vendor edited, as a pack and as a folder."""
    status, answer = story.answer(rendered_otherwise(story, tmp_path, story.vendor))
    assert (status, answer["reports"][0]) == (1, "failed")
    assert re.match(r"run/report\.html:\d+: is not what run/run\.json makes: it was edited", answer["reports"][1])
    shutil.copytree(tmp_path / "run", tmp_path / "folder")
    status, answer = story.answer(tmp_path / "folder", "--audits", str(story.audits))
    assert (status, answer["reports"][0]) == (1, "failed")


@pytest.mark.parametrize("made_by", [None, "9.9"])
def test_a_report_that_nobody_known_signed_is_not_excused_by_a_version(
    story: Story, made_by: str | None, tmp_path: Path
) -> None:
    """The forger makes evidence and manifest again, says that another version did it, and signs with a key of his own,
    or takes all signatures away."""
    pack = read_pack(rendered_otherwise(story, tmp_path, story.other, made_by=made_by))
    bare = {name: content for name, content in pack.files.items() if name != "run/evidence.dsse"}
    left = {name: one for name, one in pack.manifest.files.items() if name in bare}
    without_signatures = zipped(
        tmp_path / "bare.zip", pack.manifest.model_copy(update={"files": left}).content(), None, bare
    )
    for file in (pack.path, without_signatures):
        result = file.with_suffix(".json")
        for keys in ([], ["--keys", str(story.keys)]):
            assert main(["verify", str(file), *keys, "--json", str(result)]) == 1
            (found,) = (one for one in json.loads(result.read_text())["checks"] if one["name"] == "reports")
            assert found["status"] == "failed" and "report.html:" in found["said"][0]
            assert ("it says modelaudit 9.9" in found["said"][0]) == (made_by == "9.9")


def test_what_another_version_rendered_alike_holds(story: Story, tmp_path: Path) -> None:
    content = story.pack.manifest.model_copy(update={"modelaudit": "9.9"}).content()
    file = zipped(tmp_path / "p.zip", content, signed_by(story.vendor, content), story.pack.files)
    status, answer = story.answer(file)
    assert (status, answer["reports"]) == (0, ("held", ""))


def test_a_signature_that_was_taken_away(story: Story, tmp_path: Path) -> None:
    status, answer = story.answer(zipped(tmp_path / "p.zip", story.pack.manifest.content(), None, story.pack.files))
    assert status == 1 and answer["pack_signature"][1].startswith("pack.dsse: is missing")
    shutil.copytree(story.run, tmp_path / "run")
    how = ("--audits", str(story.audits))
    assert story.answer(tmp_path / "run", *how)[0] == 0
    (tmp_path / "run/evidence.dsse").unlink()
    status, answer = story.answer(tmp_path / "run", *how)
    assert status == 1 and answer["evidence_signature"][1].startswith("run/evidence.dsse: is missing")


def test_without_a_key_nothing_is_signed(story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = story.pack
    file = zipped(tmp_path / "p.zip", pack.manifest.content(), pack.signature, pack.files)
    assert main(["verify", str(file)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Level reached: self-declared." in said and "no key was given to check it by (--keys)" in said
    (tmp_path / "keys").mkdir()
    shutil.copy(story.keys / "vendor.pub.pem", tmp_path / "keys")
    status, answer = replace(story, keys=tmp_path / "keys").answer(file)
    assert status == 1
    assert "agreement.lock.dsse: customer signed with the key" in answer["lock_signatures"][1]


def test_what_the_receiver_expects(story: Story, tmp_path: Path) -> None:
    pack = story.pack
    file = zipped(tmp_path / "p.zip", pack.manifest.content(), pack.signature, pack.files)
    lock = sha256_of(pack.files["agreement/agreement.lock"])
    assert story.answer(file, "--expect-lock", lock)[0] == 0
    status, answer = story.answer(file, "--expect-lock", "0" * 64, "--expect-commit", "1" * 40, nonce="of-sunday")
    assert status == 1
    assert answer["lock"][1] == f"run/run.json: lock.sha256: is {lock}, and {'0' * 64} was expected"
    assert "provenance.git_commit: is " in answer["commit"][1] and "of-sunday" in answer["nonce"][1]
    with pytest.raises(SystemExit):
        main(["verify", str(file), "--expect-lock"])
    assert main(["verify", str(file), "--expect-commit", "main"]) == 2
    assert main(["verify", str(tmp_path / "none.zip")]) == 2


def test_packing_refuses_what_is_not_of_the_run(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def packed(run: Path, audits: Path) -> str:
        status = main(["pack", str(run), "--audits", str(audits), "-o", str(tmp_path / "p.zip")])
        assert status == 2 and not (tmp_path / "p.zip").exists()
        return " ".join(capsys.readouterr().err.split())

    assert "is not there, and the run was held to the lock" in packed(story.run, tmp_path / "none")
    audits = Path(shutil.copytree(story.audits, tmp_path / "audits"))
    (audits / "agreement.yaml").write_text("title: another", encoding="utf-8")
    assert "agreement.yaml: is not the audits/agreement.yaml that the run read" in packed(story.run, audits)
    lock = audits / "agreement.lock"
    lock.write_text(lock.read_text().replace("0.5", "0.4"), encoding="utf-8")
    assert "agreement.lock: has sha256" in packed(story.run, audits)
    run = Path(shutil.copytree(story.run, tmp_path / "run"))
    report = run / "report.html"
    report.write_text(report.read_text(encoding="utf-8").replace("requirements", "wishes"), encoding="utf-8")
    assert "report.html: is not what the record makes" in packed(run, story.audits)
    record = run / "run.json"
    record.write_text(record.read_text(encoding="utf-8").replace('"threshold": 0.5', '"threshold": 0.4'))
    assert "the record contradicts itself" in packed(run, story.audits)

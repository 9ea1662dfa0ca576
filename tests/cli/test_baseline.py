"""``modelaudit baseline``: what is kept of a run, what is refused, and audits that compare with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_plugin.runs import Line

from modelaudit.cli import main
from modelaudit.evidence.consistency import contradictions
from modelaudit.evidence.redaction import redacted
from modelaudit.releases.baselines import read_run

OLD = """
A = Audit(**told(model={"current": Colour(), "other": Colour(2.0)}, data=samples(40)))
right = A.expect(accuracy.of("current") > 0.5)
swapped = A.expect(accuracy.under(swap_background("other_class")) > 0.1)
"""
NEW = """
two = {{"candidate": Colour(3.0), "current": "{ref}"}}
A = Audit(**told(data=samples(40)[1:] + samples(44)[40:]) | {{"model": two}})
right = A.expect(accuracy.of("candidate") > 0.5)
no_worse = A.expect(accuracy.of("candidate") - accuracy.of("current") > -0.3)
elsewhere = A.expect(
    accuracy.under(swap_background("other_class")).of("candidate")
    - accuracy.under(swap_background("other_class")).of("current").where(label("red")) > -0.6
)
"""


@pytest.fixture
def line(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Line:
    line = Line(pytester)
    monkeypatch.chdir(line.path)
    return line


def said(capsys: pytest.CaptureFixture[str], *typed: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main(list(typed))
    out, err = capsys.readouterr()
    return status, out, err


def test_a_run_is_kept_listed_shown_and_compared_with(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.audit(OLD)
    line.run()
    status, _, err = said(capsys, "baseline", "set", "v1", "audit-results")
    assert status == 2 and "holds 2 models (current, other)" in err
    status, out, _ = said(capsys, "baseline", "set", "v1", "audit-results", "--model", "current")
    assert status == 0 and "its model current" in out and "KiB" in out
    file = line.path / "baselines" / "v1.json"
    assert file.stat().st_size < 80_000 and b"images/" not in file.read_bytes()
    kept = read_run(file)
    assert kept.baseline_of is not None and all(not case.gallery for case in kept.cases)
    assert said(capsys, "baseline", "set", "v1", "audit-results", "--model", "other")[0] == 2
    assert said(capsys, "baseline", "set", "v1", "audit-results", "--model", "other", "--force")[0] == 0
    assert said(capsys, "baseline", "set", "v1", "audit-results", "--model", "current", "--force")[0] == 0
    (line.path / "baselines" / "broken.json").write_text("{}")
    status, out, _ = said(capsys, "baseline", "list")
    assert status == 0 and "v1" in out and "broken.json: has schema version None" in out
    for text in (file.read_text()[:900], "", '{"schema_version": NaN}', "[1]"):
        (line.path / "baselines" / "broken.json").write_text(text)
        (told,) = [one for one in said(capsys, "baseline", "list")[1].splitlines() if "broken.json" in one]
        assert told.endswith("; set the baseline again, or restore the file")
        assert "作成し直してください" in said(capsys, "baseline", "list", "--language", "ja")[1]
    listed = json.loads(said(capsys, "baseline", "list", "--json")[1])
    assert [("error" in one, one["name"]) for one in listed] == [(True, "broken"), (False, "v1")]
    shown = json.loads(said(capsys, "baseline", "show", "v1", "--json")[1])
    assert shown["baseline_of"] == kept.baseline_of and len(shown["requirements"]) == len(kept.cases) == 3
    assert "実行" in said(capsys, "baseline", "show", "v1", "--language", "ja")[1]
    for typed in (("report", str(file)), ("pack", str(file)), ("merge", str(file), "audit-results")):
        status, _, err = said(capsys, *typed)
        assert status == 2 and "a baseline holds no pictures" in err

    line.audit("from modelaudit.language import label\n" + NEW.format(ref="run:baselines/v1?unpaired=0.2"))
    line.run()
    record = line.record()
    assert [case.message for case in record.cases if case.verdict == "ERROR"] == []
    assert contradictions(record) == []
    cases = {case.name: case for case in record.cases}
    decision = cases["no_worse"].decision
    assert decision is not None and (decision.counts.asked, decision.counts.unpaired) == (39, 4)
    assert cases["no_worse"].weakened[0] == "checks_off_run" or "checks_left_out" in cases["no_worse"].weakened
    assert cases["right"].decision is not None and cases["right"].decision.counts.asked == 43
    assert ("baselines/v1.json", "baseline") in [(one.path, one.role) for one in record.provenance.files]
    forged = record.model_copy(
        update={"models": [one.model_copy(update={"reference": "run:baselines/v1"}) for one in record.models]}
    )
    assert any("images left out" in one.field for one in contradictions(forged))
    shown_copy = redacted(record, b"0" * 32).model_dump_json()
    assert "040.png" not in shown_copy and "unpaired=0.2" in record.model_dump_json()
    page = (line.path / "audit-results" / "latest" / "report.html").read_text(encoding="utf-8")
    assert "040.png (new)" in page and "have no partner in the baseline" in page


def test_quick_looks_partial_runs_and_copies_are_refused(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.audit("A = Audit(**told())\nfirst = A.expect(accuracy > 0.5)\nsecond = A.expect(accuracy > 0.4)")
    line.run("--audit-limit=8")
    assert "is a quick look at 8 images" in said(capsys, "baseline", "set", "v1", "audit-results")[2]
    line.run("-k", "first")
    assert "is not whole: 1 of 2 declared expectations" in said(capsys, "baseline", "set", "v1", "audit-results")[2]
    line.run()
    file = line.path / "audit-results" / "latest" / "run.json"
    record = json.loads(file.read_text())
    for changes, says in (
        ({"redacted": True}, "is a copy for showing"),
        ({"overall": "FAIL"}, "contradicts itself"),
    ):
        (line.path / "other.json").write_text(json.dumps(record | changes))
        assert says in said(capsys, "baseline", "set", "v1", "other.json")[2]
    older = json.loads(file.read_text())
    for sample in older["tables"][0]["samples"]:
        del sample["image"], sample["mask"]
    (line.path / "other.json").write_text(json.dumps(older))
    assert "older modelaudit" in said(capsys, "baseline", "set", "v1", "other.json")[2]
    assert not (line.path / "baselines").exists()


def test_workers_yaml_and_a_lock(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.photos(12)
    line.write("net.py", "from line import Colour\ndef build(): return Colour()\n")
    text = """
    model: {model}
    data: folder:photos?masks=masks
    classes: [red, green]
    preprocessing: {{}}
    expect:
      right: {expect}
    """
    audit = line.write("audits/line.audit.yaml", text.format(model="net.py:build", expect="accuracy > 0.5"))
    options = ("--audit-allow-code", "audits")
    line.run(*options)
    assert said(capsys, "baseline", "set", "v1", "audit-results")[0] == 0
    both = "{candidate: 'net.py:build', current: 'run:v1'}"
    audit.write_text(
        text.format(model=both, expect="accuracy.of(candidate) - accuracy.of(current) > -0.5").replace("    ", ""),
        encoding="utf-8",
    )
    line.checks = None
    line.run(*options, "--audit-write-lock=agreement.lock", "--collect-only")
    Path("audit-results/latest").unlink()
    result = line.pytester.runpytest_subprocess("-n", "2", "--audit-checks=off", "--audit-store=off", *options)
    assert line.record().cases[0].verdict == "PASS", result.outlines
    assert [one.role for one in line.record().provenance.files].count("baseline") == 1
    file = line.path / "baselines" / "v1.json"
    file.write_text(
        file.read_text(encoding="utf-8").replace('"git_dirty": null', '"git_dirty": true'), encoding="utf-8"
    )
    line.run(*options, "--audit-lock=agreement.lock")
    lock = line.record().lock
    assert lock is not None
    assert ("baseline file", "baselines/v1.json") in [(one.what, one.where) for one in lock.departures]


def test_measuring_again_takes_the_baseline_and_no_network(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.audit('a = Audit("demo:sound", "demo:?images=8").expect(accuracy > 0.1)')
    line.run()
    assert said(capsys, "baseline", "set", "v1", "audit-results")[0] == 0
    line.audit('a = Audit("run:v1", "demo:?images=8").expect(accuracy > 0.1)')
    line.run()
    again = ("verify", "audit-results/latest", "--recompute", "3", "--data", "demo:?images=8", "--model")
    status, _, err = said(capsys, *again, "demo:sound")
    assert status == 2 and "its values are those of an earlier run (run:v1), and no network was run for them" in err
    assert "values measured again are those of the record" in said(capsys, *again, "run:v1")[1]


@pytest.mark.parametrize("name", ["latest", "a/b", "../x", ".hidden", ""])
def test_a_name_that_means_something_else_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["baseline", "set", name, "audit-results"])
    assert repr(name) in capsys.readouterr().err

"""``about.yaml``: what the head of page one says, in the record; and errors of it before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_plugin.runs import Line

from modelaudit.cli import main
from modelaudit.evidence.about import About, about_files, read_about
from modelaudit.evidence.record import read_record
from modelaudit.language.errors import AboutFileError

AUDIT = """
audit = Audit(**told())
first = audit.expect(accuracy > 0.5)
second = audit.expect(confidence > 0.1)
"""
WHOLE = """
title: Release audit
customer: {en: Example Ltd., ja: 株式会社サンプル}
issuer: Audit office
number: "0017"
model: {name: Line classifier, version: "2.10"}
data: {name: Line A, where: Kobe plant, when: 2026-11-23}
"""


def test_it_stands_in_the_record(line: Line) -> None:
    line.audit(AUDIT, "audits/audit_line.py")
    line.write("audits/about.yaml", WHOLE)
    assert line.run().ret == pytest.ExitCode.OK
    about = line.record().about
    assert about is not None
    assert (about.title, about.number, about.model.version) == ("Release audit", "0017", "2.10")
    assert about.customer == {"en": "Example Ltd.", "ja": "株式会社サンプル"}
    assert [(one.where, one.when) for one in about.data] == [("Kobe plant", "2026-11-23")]
    assert ("about", "audits/about.yaml") in [(one.role, one.path) for one in line.record().provenance.files]


def test_without_one_the_record_has_none(line: Line) -> None:
    line.audit(AUDIT, "audits/audit_line.py")
    line.write("about.yaml", "this: one stands in the rootdir, and is another tool's")
    line.write("elsewhere/about.yaml", "nor: this one")
    assert line.run().ret == pytest.ExitCode.OK
    assert line.record().about is None


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("costumer: Example Ltd.", "about.yaml:1: costumer: unknown key; did you mean 'customer' or"),
        ("title: a\nmodel:\n  version: 2.10", "about.yaml:3: model.version: must be text, got 2.1; put quotes"),
    ],
)
def test_a_mistake_ends_the_run_before_anything_is_measured(
    line: Line, text: str, said: str, workers: tuple[str, ...]
) -> None:
    line.audit(AUDIT, "audits/audit_line.py")
    line.write("audits/about.yaml", text)
    ended = line.run(*workers)
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    assert said in ended.stderr.str()
    assert not list(line.path.glob("audit-results/*/run.json"))


def test_it_is_checked_when_only_collecting(line: Line) -> None:
    line.audit(AUDIT, "audits/audit_line.py")
    line.write("audits/about.yaml", "- a list")
    ended = line.run("--collect-only")
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "about.yaml:1: must be a mapping with some of title, customer, issuer, number, model, data"
        in ended.stderr.str()
    )


def test_two_are_an_error_that_names_both(line: Line) -> None:
    line.audit(AUDIT, "audits/a/audit_line.py")
    above, here = line.write("audits/about.yaml", ""), line.write("audits/a/about.yml", "")
    ended = line.run()
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    assert str(above) in ended.stderr.str()
    assert str(here) in ended.stderr.str()


def test_workers_write_it_too(line: Line) -> None:
    line.audit(AUDIT)
    line.write("about.yaml", WHOLE)
    assert line.run("-n", "2").ret == pytest.ExitCode.OK
    about = line.record().about
    assert about is not None
    assert about.title == "Release audit"


def test_a_merged_run_keeps_it_and_refuses_two(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.audit("first = Audit(**told()).expect(accuracy > 0.5)", "audits/a/audit_a.py")
    line.audit("second = Audit(**told()).expect(accuracy > 0.6)", "audits/b/audit_b.py")
    line.write("pytest.ini", "[pytest]\ntestpaths = audits\n")
    about = line.write("audits/about.yaml", WHOLE)
    folders = []
    for name in ("a", "b"):
        line.run(f"audits/{name}", f"--audit-results={name}")
        folders.append(str((line.path / name / "latest").resolve()))
    assert main(["merge", *folders, "-o", str(line.path / "merged")]) == 0
    found = read_record((line.path / "merged" / "latest").resolve()).about
    assert found is not None
    assert found.title == "Release audit"
    about.write_text("title: Another one\n", encoding="utf-8")
    line.run("audits/b", "--audit-results=b2")
    assert main(["merge", folders[0], str((line.path / "b2" / "latest").resolve()), "-o", "x"]) == 2
    assert "about.yaml" in capsys.readouterr().err


def _read(folder: Path, text: str) -> About | None:
    file = folder / "about.yaml"
    file.write_text(text, encoding="utf-8")
    return read_about([file])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data: [{name: a}, {were: b}]", "1: data.1.were: unknown key; did you mean 'where'"),
        ("data:\n  name: a\n  were: b", "3: data.0.were: unknown key; did you mean 'where'"),
        ("title: {en: a, jp: b}", "1: title: unknown language 'jp'; did you mean 'ja'?"),
        ("title: {}", "1: title: must not be empty"),
        ("customer: '  '", "1: customer: must not be empty; leave the key out"),
        ("issuer: [a]", "1: issuer: must be text, got ['a']"),
        (f"title: {'a' * 101}", "1: title: has 101 characters; at most 100 fit"),
        ("model: resnet50", "1: model: must be a mapping, got 'resnet50'"),
        ("title: a\ntitle: b", "2: the key 'title' stands twice"),
        ("number: 17", "1: number: must be text, got 17; put quotes around what you wrote"),
    ],
)
def test_a_mistake_is_named_with_line_and_field(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(AboutFileError) as raised:
        _read(tmp_path, text)
    assert f"about.yaml:{said}" in str(raised.value)


def test_an_empty_file_says_nothing_and_a_line_is_one_line(tmp_path: Path) -> None:
    assert _read(tmp_path, "# all of it is optional\n") == About()
    found = _read(tmp_path, "title: |\n  two\n  lines\n")
    assert found is not None
    assert found.title == "two lines"


def test_it_is_looked_for_next_to_audit_files_and_above_them_below_the_rootdir(tmp_path: Path) -> None:
    for folder in (".", "audits", "audits/a", "other"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "about.yaml").touch()
    found = about_files([tmp_path / "audits/a/audit_x.py"], tmp_path)
    assert found == [tmp_path / "audits/a/about.yaml", tmp_path / "audits/about.yaml"]
    assert about_files([tmp_path / "audit_x.py"], tmp_path) == [tmp_path / "about.yaml"]
    assert about_files([tmp_path / "audits/a/audit_x.py"], tmp_path / "elsewhere") == [tmp_path / "audits/a/about.yaml"]

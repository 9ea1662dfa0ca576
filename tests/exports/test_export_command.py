"""``modelaudit export`` on a real run: what each kind writes, redacted too, and what it says where it cannot."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelaudit.cli import main
from modelaudit.evidence.record import read_record


@pytest.fixture
def run(audited: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(audited)
    return str(audited / "audit-results" / "latest")


def test_without_a_file_it_goes_to_standard_output(run: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["export", "openmetrics", run]) == 0
    assert capsysbinary.readouterr().out.endswith(b"# EOF\n")


def test_a_prom_file_is_in_prometheus_own_format(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "audit.prom"
    assert main(["export", "openmetrics", run, "-o", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert "# EOF" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["csv", "parquet", "openmetrics", "github", "gitlab"])
def test_a_redacted_export_names_no_image_file_or_group(kind: str, run: str, tmp_path: Path) -> None:
    salt = tmp_path / "salt"
    target = tmp_path / "out"
    assert main(["export", kind, run, "-o", str(target), "--redact", "--salt", str(salt)]) == 0
    written = b"".join(file.read_bytes() for file in ([target] if target.is_file() else sorted(target.iterdir())))
    samples = [sample for table in read_record(Path(run)).tables for sample in table.samples]
    names = [text for one in samples for text in (one.id, one.image, one.mask) if text]
    assert [one for one in names if one.encode() in written] == []
    assert b"audit_line.py" not in written and str(Path(run).parent).encode() not in written


def test_the_summary_goes_where_github_wants_it_after_what_is_there(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# tests\n\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert main(["export", "github", run]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["::error"] * 3 + ["::notice"]
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("# tests\n\n## modelaudit: Fail (not everything was measured)") and "| **undecided**" in text


def test_files_are_named_from_the_root_of_the_repository(
    run: str, audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    for project, prefix, place in (
        (audited.parent, None, f"{audited.name}/audits/audit_line.py"),
        (audited, None, "audits/audit_line.py"),
        (tmp_path, None, "audits/audit_line.py"),
        (audited, "./lines/a/", "lines/a/audits/audit_line.py"),
    ):
        monkeypatch.setenv("GITHUB_WORKSPACE", str(project))
        given = [] if prefix is None else ["--prefix", prefix]
        assert main(["export", "github", run, *given]) == 0
        assert f"file={place},line=" in capsys.readouterr().out


def test_gitlab_gets_three_files(run: str, tmp_path: Path) -> None:
    assert main(["export", "gitlab", run, "-o", str(tmp_path / "gitlab"), "--language", "ja"]) == 0
    made = {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / "gitlab").iterdir()}
    assert set(made) == {"gl-code-quality-report.json", "metrics.txt", "audit-summary.md"}
    assert len(json.loads(made["gl-code-quality-report.json"])) == 4 and "不合格" in made["audit-summary.md"]


def test_a_salt_without_redact_is_refused(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "csv", run, "-o", str(tmp_path / "out"), "--salt", str(tmp_path / "salt")]) == 2
    assert "--salt is for --redact" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["export", "csv", run, "-o", str(tmp_path / "file" / "below")]) == 2
    assert "cannot be made" in capsys.readouterr().err


def test_a_baseline_and_a_pack_are_exported_as_their_run(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["baseline", "set", "v1", run, "--model", "Colour"]) == 0
    assert main(["pack", run, "-o", "run.zip"]) == 0
    found = {}
    for given, folder in (("v1", "of_baseline"), ("run.zip", "of_pack"), (run, "of_run")):
        assert main(["export", "csv", given, "-o", folder]) == 0
        found[given] = (tmp_path / folder / "values.csv").read_text(encoding="utf-8").splitlines()
    assert found["run.zip"] == found[run] and set(found["v1"]) <= set(found[run]) and len(found["v1"]) > 40
    capsys.readouterr()
    assert main(["export", "csv", "run.zip", "-o", "codes", "--redact"]) == 2
    assert "name a file for it with --salt" in capsys.readouterr().err
    assert main(["export", "csv", "v1", "-o", "codes", "--redact", "--salt", "salt"]) == 0


def test_a_relative_run_keeps_the_salt_and_names_its_report(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(Path(run).parent, tmp_path / "audit-results", symlinks=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    kept = tmp_path / "audit-results" / "latest" / "redaction-salt"
    for given in ([], ["audit-results"], ["audit-results/latest"]):
        assert main(["export", "github", *given, "--redact"]) == 0
        assert "report: audit-results/latest/report.html" in capsys.readouterr().out
        assert kept.is_file()
        kept.unlink()


def test_an_edited_record_is_not_exported(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads((Path(run) / "run.json").read_text(encoding="utf-8"))
    document["cases"][0]["decision"]["estimate"] = 0.123
    (tmp_path / "run.json").write_text(json.dumps(document), encoding="utf-8")
    assert main(["export", "openmetrics", str(tmp_path)]) == 2
    assert "estimate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "library", "extra"),
    [
        ("parquet", "pyarrow", "parquet"),
        ("mlflow", "mlflow", "mlflow"),
        ("model-card", "huggingface_hub", "model-card"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    kind: str,
    library: str,
    extra: str,
    run: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    given = {"parquet": ["-o", str(tmp_path / "out")], "mlflow": [], "model-card": ["--model", "Colour"]}[kind]
    assert main(["export", kind, run, *given]) == 2
    assert f"pip install 'pytest-modelaudit[{extra}]'" in capsys.readouterr().err


def test_nothing_heavy_is_loaded_before_a_kind_needs_it(run: str) -> None:
    code = "import sys; from modelaudit.cli import main; main(['export', 'openmetrics', sys.argv[1]])"
    code += "; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, run], capture_output=True, text=True, check=True, timeout=120)
    loaded = set(done.stdout.splitlines()[-1].strip("[]").replace("'", "").split(", "))
    assert "prometheus_client" in loaded
    assert loaded & {"torch", "mlflow", "huggingface_hub", "pyarrow", "pandas"} == set()

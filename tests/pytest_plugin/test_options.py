"""Options, their ini twins, and wrong values."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import Line

AUDIT = """
audit = Audit(**told(Corner()))
right = audit.expect(confidence.under(gaussian_noise(5)) > 0.1)
"""


def values(line: Line) -> list[float | None]:
    """The per-image values of the latest run's last column."""
    return line.record().tables[0].columns[-1].values


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--audit-limit=0", "--audit-limit must be at least 1, got 0"),
        ("--audit-limit=few", "--audit-limit must be an integer, got few"),
        ("--audit-seed=x", "--audit-seed must be an integer, got x"),
        ("--audit-micro-batch=0", "--audit-micro-batch must be at least 1, got 0"),
        ("--audit-inconclusive=pass", "--audit-inconclusive=pass: use fail or warn"),
        ("--audit-report-budget=huge", "--audit-report-budget=huge: not a size; write 5MB, 800kB or a number of bytes"),
        ("--audit-language=jp", "--audit-language=jp: use en or ja"),
    ],
)
@pytest.mark.parametrize("how", ["option", "ini"])
def test_a_wrong_value_is_a_usage_error(line: Line, option: str, says: str, how: str) -> None:
    line.audit(AUDIT)
    name, value = option.removeprefix("--").split("=")
    line.write("pytest.ini", f"[pytest]\n{name.replace('-', '_')} = {value}\n" if how == "ini" else "[pytest]\n")
    result = line.run(*((option,) if how == "option" else ()))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert says in result.stderr.str()
    assert not (line.path / "audit-results").exists()


def test_every_option_has_a_twin_in_the_ini_and_a_help(line: Line) -> None:
    text = line.run("--help").stdout.str()
    names = "results store device seed limit micro-batch inconclusive language report-budget allow-code"
    for name in names.split():
        assert f"--audit-{name}" in text
        assert f"audit_{name.replace('-', '_')} (" in text


def test_the_micro_batch_can_be_said(line: Line) -> None:
    line.audit(AUDIT)
    line.run("--audit-micro-batch=5")
    record = line.record()
    assert (record.provenance.micro_batch, record.models[0].micro_batch) == (5, 5)


@pytest.mark.parametrize("how", ["option", "ini"])
def test_the_seed_decides_the_draws(line: Line, how: str) -> None:
    line.audit(AUDIT)
    line.run()
    first = values(line)
    line.write("pytest.ini", "[pytest]\naudit_seed = 5\n" if how == "ini" else "[pytest]\n")
    line.run(*(("--audit-seed=5",) if how == "option" else ()))
    assert line.record().provenance.seed == 5
    assert values(line) != first
    line.run("--audit-seed=0")
    assert values(line) == first


def test_an_audits_own_seed_stands_above_the_runs(line: Line) -> None:
    line.audit(AUDIT.replace("Corner()", "Corner(), seed=5"))
    line.run("--audit-seed=1")
    first = values(line)
    line.run("--audit-seed=2")
    assert values(line) == first


@pytest.mark.parametrize("how", ["option", "ini"])
def test_limit_and_device_come_from_either_place(line: Line, how: str) -> None:
    line.audit(AUDIT)
    line.write("pytest.ini", "[pytest]\n" + ("audit_limit = 6\naudit_device = cpu\n" if how == "ini" else ""))
    line.run(*(("--audit-limit=6", "--audit-device=cpu") if how == "option" else ()))
    assert (line.record().quick_look, line.record().provenance.device) == (6, "cpu")
    assert "--audit-device cpu --audit-limit 6" in line.record().cases[0].reproduce


@pytest.mark.parametrize("how", ["option", "ini"])
def test_results_lie_relative_to_rootdir_from_wherever_pytest_is_started(
    line: Line, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    line.audit(AUDIT, name="audits/audit_line.py")
    line.write("pytest.ini", "[pytest]\n" + ("audit_results = out/here\n" if how == "ini" else ""))
    monkeypatch.chdir(line.path / "audits")
    result = line.run(*(("--audit-results=out/here",) if how == "option" else ()))
    assert result.ret == pytest.ExitCode.OK
    assert line.record("out/here").cases[0].id == "audits/audit_line.py::right"
    assert not (line.path / "audits" / "out").exists()


def test_an_audit_means_the_same_files_from_every_folder(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.write("pytest.ini", "[pytest]\n")
    line.audit('right = Audit(**told("line.py:Colour")).expect(accuracy > 0.5)', name="audits/audit_line.py")
    line.run()
    first = line.record()
    monkeypatch.chdir(line.path / "audits")
    assert line.run().ret == pytest.ExitCode.OK
    again = line.record()
    assert again.id != first.id
    assert again.models == first.models
    assert again.tables == first.tables


YAML = """
model: line.py:wrong
data: folder:photos
classes: [red, green]
preprocessing: {resize: 12}
expect:
  wrong: accuracy > 0.5
"""


@pytest.mark.parametrize("how", ["option", "ini", "neither"])
def test_yaml_runs_code_only_where_the_user_allows_it(line: Line, how: str) -> None:
    from PIL import Image
    from pytest_plugin.line import pixels

    for at, label in enumerate(("red", "green")):
        (line.path / "photos" / label).mkdir(parents=True)
        Image.fromarray(pixels(at, label)).save(line.path / "photos" / label / f"{at}.png")
    line.write("model.py", "from pathlib import Path\nPath('ran').touch()\nfrom line import wrong as build\n")
    line.write("line.audit.yaml", YAML.replace("line.py:wrong", "model.py:build"))
    line.write("pytest.ini", "[pytest]\n" + ("audit_allow_code = true\n" if how == "ini" else ""))
    result = line.run(*(("--audit-allow-code",) if how == "option" else ()))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (case,) = line.record().cases
    assert (line.path / "ran").exists() == (how != "neither")
    if how == "neither":
        assert case.verdict == "ERROR"
        assert "'model.py:build' runs code; allow it with --audit-allow-code" in case.message
    else:
        assert case.verdict == "INCONCLUSIVE"  # both wrong, and two images are too few to say so
        assert "--audit-allow-code" in case.reproduce


@pytest.mark.parametrize(
    "args",
    [
        ("-p", "no:terminal"),
        ("-q",),
        ("-qq",),
        ("-s",),
        ("-p", "no:cacheprovider"),
        ("-p", "no:junitxml"),
        ("--tb=no",),
        ("-p", "no:warnings"),
    ],
    ids=" ".join,
)
def test_pytest_without_one_of_its_parts_audits_all_the_same(line: Line, args: tuple[str, ...]) -> None:
    line.audit("wrongly = Audit(**told(wrong())).expect(accuracy > 0.5)")
    assert line.run(*args).ret == pytest.ExitCode.TESTS_FAILED
    assert line.record().cases[0].verdict == "FAIL"


def test_the_plugin_can_be_switched_off(line: Line) -> None:
    line.store = line.checks = None  # nobody knows the options
    line.audit("wrongly = Audit(**told(wrong())).expect(accuracy > 0.5)")
    assert line.run("-p", "no:modelaudit").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert not (line.path / "audit-results").exists()


@pytest.mark.parametrize("how", ["option", "ini"])
def test_the_report_opens_in_the_language_that_was_asked_for(line: Line, how: str) -> None:
    line.audit("right = Audit(**told()).expect(accuracy > 0.5)")
    line.write("pytest.ini", "[pytest]\n" + ("audit_language = ja\n" if how == "ini" else ""))
    line.run(*(("--audit-language=ja",) if how == "option" else ()))
    latest = line.path / "audit-results" / "latest"
    assert '<html lang="ja"' in (latest / "report.html").read_text(encoding="utf-8")
    assert "合格" in (latest / "summary.md").read_text(encoding="utf-8")

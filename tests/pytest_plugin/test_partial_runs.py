"""How people run a part of their audits, or without what the rest needs: each with the exit status that they expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from pytest_plugin.runs import HEADER, Line

RIGHT = "right = Audit(**told()).expect(accuracy > 0.5)\n"
WRONG = "wrong = Audit(**told(Blind())).expect(accuracy > 0.9)\n"
SLOW = "import pytest\nslow = Audit(**told()).expect(accuracy > 0.4, marks=pytest.mark.slow)\n"
KNOWN = "import pytest\nknown = Audit(**told(Blind())).expect(accuracy > 0.9, marks=pytest.mark.xfail(reason='#12'))\n"
NO_GPU = "pytest.mark.skipif(True, reason='no GPU')"
GPU = f"import pytest\ngpu = Audit(**told()).expect(accuracy > 0.4, marks={NO_GPU})\n"
NO_DATA = "import pytest\npytest.skip('no data here', allow_module_level=True)\n"
CAUGHT = "caught = Audit(**told(wrong())).expect(accuracy > 0.5, must_fail=True)\n"
MODELS = "two = Audit(**told({'old': Colour(), 'new': Colour()}))\nright = two.expect(accuracy > 0.5)\n"
EARLY = "right = Audit(**told(data=samples(200)), stop='early').expect(accuracy > 0.5)\n"
TEST = "def test_ordinary():\n    pass\n"
SKIPPED_TEST = "import pytest\n@pytest.mark.skip\ndef test_later():\n    pass\n" + TEST
FAILING_TEST = "def test_ordinary():\n    assert False\n"
ONE = {"audits/audit_a.py": RIGHT}
TWO = {"audits/audit_a.py": RIGHT, "audits/audit_b.py": WRONG}
#: in the file a shard's first half passes
FOUR = {
    "audits/audit_a.py": "".join(RIGHT.replace("right", f"right_{at}") for at in range(2)),
    "audits/audit_b.py": WRONG,
}


@dataclass(frozen=True)
class Pattern:
    """Files, what is typed, the exit status, and lines of the terminal; ``before``: a session that came first."""

    files: Mapping[str, str]
    typed: tuple[str, ...]
    status: int
    says: tuple[str, ...] = ()
    before: tuple[str, ...] | None = None
    ini: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def selected(count: int, of: int) -> str:
    return f"not the whole: {count} of {of} declared requirements are not counted ({count} not selected)*"


PATTERNS: dict[str, Pattern] = {
    "everything": Pattern(
        {**ONE, "audits/audit_c.py": CAUGHT}, ("audits",), 0, ("PASS: 1 PASS, 1 of 1 known-bad model caught: Colour",)
    ),
    "everything, by testpaths": Pattern({**ONE, "other/audit_b.py": WRONG}, (), 0, ini="testpaths = audits"),
    "-k": Pattern(TWO, ("audits", "-k", "right"), 0, ("PASS of a selection*", selected(1, 2))),
    "-k, of the one that fails": Pattern(TWO, ("audits", "-k", "wrong"), 1),
    "a node id": Pattern(
        TWO, ("audits/audit_a.py::right",), 0, ("not the whole: 1 audit file is not counted (1 not selected)",)
    ),
    "two node ids of one file": Pattern(FOUR, ("audits/audit_a.py::right_0", "audits/audit_a.py::right_1"), 0),
    "all models of a name": Pattern({"audits/audit_a.py": MODELS}, ("audits/audit_a.py::right",), 0, ("PASS: 2 PASS",)),
    "one model": Pattern({"audits/audit_a.py": MODELS}, ("audits/audit_a.py::right[new]",), 0, (selected(1, 2),)),
    "a file": Pattern(TWO, ("audits/audit_a.py",), 0, ("not the whole: 1 audit file is not counted (1 not selected)",)),
    "the only file": Pattern(ONE, ("audits/audit_a.py",), 0, ("PASS: 1 PASS",)),
    "-m": Pattern({**ONE, "audits/audit_s.py": SLOW}, ("audits", "-m", "not slow"), 0, (selected(1, 2),)),
    "--deselect": Pattern(TWO, ("audits", "--deselect=audits/audit_b.py"), 0, (selected(1, 2),)),
    "--ignore": Pattern(TWO, ("audits", "--ignore=audits/audit_b.py"), 0, ("not the whole: 1 audit file*",)),
    "--ignore-glob": Pattern(TWO, ("audits", "--ignore-glob=*_b.py"), 0, ("not the whole: 1 audit file*",)),
    "--lf": Pattern(FOUR, ("audits", "--lf"), 1, ("not the whole: *",), before=("audits",)),
    "--ff": Pattern({**ONE, "audits/audit_c.py": SLOW}, ("audits", "--ff"), 0, ("PASS: 2 PASS",), before=("audits",)),
    # pytest's own status of a run that --sw stopped
    "--sw": Pattern(FOUR, ("audits", "--sw"), 2, (selected(2, 3),), before=("audits", "--sw")),
    "-x": Pattern({"audits/audit_a.py": WRONG, "audits/audit_b.py": RIGHT}, ("audits", "-x"), 1, (selected(1, 2),)),
    "a shard": Pattern(FOUR, ("audits", "--splits=2", "--group=1"), 0, ("PASS of a selection*",)),
    "the other shard": Pattern(FOUR, ("audits", "--splits=2", "--group=2"), 1, ("FAIL: 1 FAIL*",)),
    "audits and tests": Pattern({**ONE, "tests/test_a.py": TEST}, ("audits", "tests"), 0, ("PASS: 1 PASS",)),
    "ordinary tests beside them": Pattern(
        {"audits/audit_a.py": RIGHT + SKIPPED_TEST}, ("audits",), 0, ("PASS: 1 PASS",)
    ),
    "a test function of an audit file that fails": Pattern(
        {"audits/audit_a.py": RIGHT + FAILING_TEST}, ("audits",), 1, ("PARTIAL: 1 PASS", "*failed: test_ordinary")
    ),
    "an ordinary test that fails": Pattern(
        {"audits/audit_a.py": RIGHT, "audits/test_a.py": FAILING_TEST}, ("audits",), 1, ("PASS: 1 PASS",)
    ),
    "ordinary tests alone": Pattern({**TWO, "tests/test_a.py": TEST}, ("tests",), 0),
    "no data, without a word": Pattern(
        {**ONE, "audits/audit_d.py": NO_DATA}, ("audits",), 10, ("PARTIAL: 1 PASS", "*no data here*")
    ),
    "no data": Pattern(
        {**ONE, "audits/audit_d.py": NO_DATA}, ("audits", "--audit-partial"), 0, ("PARTIAL: *", "--audit-partial: *")
    ),
    "no GPU, without a word": Pattern(
        {**ONE, "audits/audit_g.py": GPU}, ("audits",), 10, ("*audit_g.py::gpu: no GPU",)
    ),
    "no GPU": Pattern({**ONE, "audits/audit_g.py": GPU}, ("audits", "--audit-partial"), 0),
    "xfail on purpose, without a word": Pattern({**ONE, "audits/audit_x.py": KNOWN}, ("audits",), 10, ("*xfail: #12",)),
    "xfail on purpose": Pattern({**ONE, "audits/audit_x.py": KNOWN}, ("audits", "--audit-partial"), 0),
    "known-bad models alone, selected": Pattern({**ONE, "audits/audit_c.py": CAUGHT}, ("audits", "-k", "caught"), 0),
    "several audit folders": Pattern({"a/audit_a.py": RIGHT, "b/audit_b.py": SLOW}, ("a", "b"), 0, ("PASS: 2 PASS",)),
    "one of several folders": Pattern({"a/audit_a.py": RIGHT, "b/audit_b.py": WRONG}, ("a",), 0, ("PASS: 1 PASS",)),
    "early stop": Pattern(
        {"audits/audit_a.py": EARLY}, ("audits",), 0, ("PASS: 1 PASS", "*then everything was decided")
    ),
    "a virtual environment beside the audits": Pattern(
        {
            **ONE,
            **dict.fromkeys(("env/pyvenv.cfg", "env/bin/activate"), ""),  # before pytest 8.3 the second tells it
            "env/lib/audit_b.py": WRONG,
            "node_modules/audit_b.py": WRONG,
        },
        (),
        0,
        ("PASS: 1 PASS",),
    ),
    "--collect-only": Pattern(TWO, ("audits", "--collect-only"), 0),
    "the gate": Pattern(ONE, ("audits", "--audit-gate", "--audit-checks=on"), 0, ("PASS: 1 PASS",)),
    "the gate in CI": Pattern(
        ONE, ("audits", "--audit-checks=on"), 0, ini="audit_gate = ci", environment={"CI": "true"}
    ),
    "a selection at a desk, with the gate for CI": Pattern(TWO, ("audits", "-k", "right"), 0, ini="audit_gate = ci"),
}


def need_what_is_typed(typed: Sequence[str]) -> None:
    """Skips where the plugin is missing that an option belongs to."""
    if any(option.startswith("--splits") for option in typed):
        pytest.importorskip("pytest_split")


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_partial_run_exits_as_expected(line: Line, monkeypatch: pytest.MonkeyPatch, pattern: Pattern) -> None:
    need_what_is_typed(pattern.typed)
    monkeypatch.delenv("CI", raising=False)
    for name, value in pattern.environment.items():
        monkeypatch.setenv(name, value)
    line.write("pytest.ini", f"[pytest]\nmarkers =\n    slow: takes long\n{pattern.ini}\n")
    for name, text in pattern.files.items():
        line.write(name, HEADER + text if "audit_" in name else text)
    if pattern.before is not None:
        line.run(*pattern.before)
    result = line.run(*pattern.typed)
    assert int(result.ret) == pattern.status, result.stdout.str()
    result.stdout.fnmatch_lines(pattern.says, consecutive=False)


GATED = {
    "-k": (("-k", "right"), "-k right"),
    "a file": (("audits/audit_a.py",), "audits/audit_a.py"),
    "a node id": (("audits/audit_a.py::right",), "audits/audit_a.py::right"),
    "--lf": (("--lf",), "--lf"),
    "--ignore": (("--ignore=audits/b.py",), "--ignore=audits/b.py"),
    "shards": (("--splits=2", "--group=1"), "--splits 2, --group 1"),
    "quick look": (("--audit-limit=3",), "--audit-limit=3"),
    "tolerance": (("--audit-inconclusive=warn",), "--audit-inconclusive=warn"),
    "partial": (("--audit-partial",), "--audit-partial"),
}


@pytest.mark.parametrize("how", ["option", "ini"])
@pytest.mark.parametrize(("typed", "named"), GATED.values(), ids=GATED)
def test_the_gate_refuses_what_selects_or_tolerates(
    line: Line, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...], named: str, how: str
) -> None:
    need_what_is_typed(typed)
    monkeypatch.setenv("CI", "1")
    line.checks = None
    line.write("audits/audit_a.py", HEADER + RIGHT)
    line.write("pytest.ini", "[pytest]\n" + ("audit_gate = ci\n" if how == "ini" else ""))
    folder = () if named.startswith("audits/") else ("audits",)
    result = line.run(*folder, *typed, *(("--audit-gate",) if how == "option" else ()))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"refuses what selects or tolerates: {named};" in result.stderr.str()
    assert not (line.path / "audit-results").exists()


def test_the_gate_refuses_a_run_without_checks(line: Line) -> None:
    line.write("audits/audit_a.py", HEADER + RIGHT)
    line.checks = "off"
    assert "tolerates: --audit-checks=off;" in line.run("audits", "--audit-gate").stderr.str()


def test_ini_values_of_the_gate(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.checks = None
    line.write("audits/audit_a.py", HEADER + RIGHT)
    line.write("pytest.ini", "[pytest]\naudit_gate = yes\n")
    assert "audit_gate = yes: use ci, on or off" in line.run("audits").stderr.str()
    line.write("pytest.ini", "[pytest]\naudit_gate = on\naudit_limit = 5\n")
    assert "--audit-limit=5" in line.run("audits").stderr.str()
    line.write("pytest.ini", "[pytest]\naudit_gate = ci\n")
    for value in ("", "false", "0"):
        monkeypatch.setenv("CI", value)
        assert line.run("audits", "-k", "right", "--collect-only").ret == pytest.ExitCode.OK


def test_a_skipped_case_of_an_audit_without_checks_is_in_the_report(line: Line) -> None:
    line.audit(
        """
        import pytest
        audit = Audit(**told(checks="off"))
        right = audit.expect(accuracy > 0.5)
        left = audit.expect(accuracy > 0.6, marks=pytest.mark.skip(reason="n/a"))
        """
    )
    line.run()
    assert line.cases()["left"].weakened
    assert (line.path / "audit-results" / "latest" / "report.html").is_file()

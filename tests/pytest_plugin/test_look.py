"""``pytest --audit-model REF --audit-data REF``: a look at the default expectations, without an audit file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelaudit.evidence.consistency import read_consistent_record
from modelaudit.starter.expectations import starting_expectations
from modelaudit.starter.subject import look_at

DATA = "demo:?images=40&seed=1"
LOOK = ("--audit-model=demo:sound", f"--audit-data={DATA}", "--audit-limit=8", "--audit-store=off")
NEVER = "raise RuntimeError('nothing on disk is collected')"


@pytest.fixture(autouse=True)
def files_on_disk(pytester: pytest.Pytester) -> None:
    """An audit and a test that a look leaves alone."""
    audits = pytester.mkdir("audits")
    (audits / "audit_line.py").write_text(NEVER)
    pytester.makepyfile(test_other=NEVER)


def record_of(pytester: pytest.Pytester) -> dict[str, Any]:
    folder = pytester.path / "audit-results" / "latest"
    read_consistent_record(folder)
    return dict(json.loads((folder / "run.json").read_text(encoding="utf-8")))


def test_it_asks_the_default_expectations_and_decides_nothing(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_inprocess(*LOOK, "--audit-inconclusive=warn", "--junitxml=out.xml")
    done.stdout.fnmatch_lines(["QUICK LOOK: *", "quick look at 8 images: decides nothing", "no audit file: *"])
    assert done.ret == 10
    record = record_of(pytester)
    wanted = starting_expectations(look_at(DATA, "demo:sound", root=Path()).subject)
    assert {case["name"]: case["expectation"] for case in record["cases"]} == {one.name: one.text for one in wanted}
    assert record["overall"] == "QUICK_LOOK" and record["absent_files"] == [] and record["whole"]
    assert 'tests="8"' in Path("out.xml").read_text(encoding="utf-8")
    assert "QUICK_LOOK" in Path("out.xml").read_text(encoding="utf-8")


def test_a_case_that_fails_ends_with_1_and_says_how_to_repeat_it(pytester: pytest.Pytester) -> None:
    shortcut = ("--audit-model=demo:shortcut", *LOOK[1:])
    done = pytester.runpytest_inprocess(*shortcut, "-k", "survives_another_background")
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["  reproduce: pytest --audit-model demo:shortcut --audit-data 'demo:*' -k survives_another_background *"]
    )
    assert {case["verdict"] for case in record_of(pytester)["cases"]} == {"FAIL", None}


def test_workers_share_one_look(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    done = pytester.runpytest_inprocess(*LOOK, "-n1", "-k", "is_right", "--audit-inconclusive=warn")
    assert done.ret == 10
    assert record_of(pytester)["overall"] == "QUICK_LOOK"


def test_paths_that_were_typed_are_collected_too(pytester: pytest.Pytester) -> None:
    (pytester.path / "audits" / "audit_line.py").write_text(
        "from modelaudit import Audit\nfrom modelaudit.measures import accuracy\n"
        f"right = Audit(model='demo:sound', data={DATA!r}, checks='off').expect(accuracy > 0.2)\n"
    )
    done = pytester.runpytest_inprocess("audits", *LOOK, "-k", "right", "--audit-inconclusive=warn")
    assert done.ret == 10
    record = record_of(pytester)
    run = {case["id"] for case in record["cases"] if case["verdict"] is not None}
    assert run == {"audits/audit_line.py::right", "look::is_right"}
    assert record["overall"] == "QUICK_LOOK"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--audit-model=demo:sound"], "--audit-model: --audit-data missing"),
        (["--audit-data=demo:"], "--audit-data: --audit-model missing"),
        (["--audit-classes=a,b"], "--audit-classes: --audit-model and --audit-data missing"),
        ([*LOOK[:2], "--audit-limit=all"], "modelaudit init DATA MODEL"),
        ([*LOOK, "--audit-gate"], "refuses what selects or tolerates: --audit-model"),
    ],
)
def test_a_wrong_call_says_what_is_missing(pytester: pytest.Pytester, arguments: list[str], says: str) -> None:
    done = pytester.runpytest_inprocess(*arguments)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert says in done.stderr.str()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--audit-model=demo:other", f"--audit-data={DATA}"], "demo:other"),
        (["--audit-model=demo:sound", "--audit-data=nowhere"], "no file or folder"),
        ([*LOOK, "--audit-classes=a,b,c,d"], "--audit-classes bracket,gear,nut,washer"),
        ([*LOOK, "--audit-preprocessing=x"], "--audit-preprocessing x: a size is e.g. 224"),
    ],
)
def test_what_cannot_be_opened_is_an_error_at_collection(
    pytester: pytest.Pytester, arguments: list[str], says: str
) -> None:
    done = pytester.runpytest_inprocess(*arguments)
    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert says in done.stdout.str()


def test_relative_paths_start_where_they_were_typed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makeini("[pytest]")
    (pytester.path / "net.py").write_text(
        "from modelaudit.demo.source_models import *\n"
        "def build():\n    from modelaudit.language import registry\n"
        "    from modelaudit.language.reference import parse_reference\n"
        "    from pathlib import Path\n"
        "    return registry.find('model', 'demo').function(parse_reference('demo:sound'), Path())\n"
    )
    monkeypatch.chdir(pytester.path / "audits")
    done = pytester.runpytest_inprocess(
        "--audit-model=../net.py:build", *LOOK[1:], "-k", "is_right", "--audit-inconclusive=warn"
    )
    assert done.ret == 10

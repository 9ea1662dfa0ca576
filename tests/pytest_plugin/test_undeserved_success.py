"""Ways to be green without having earned it, none of which exits with 0.

``easy`` passes and ``hard`` would fail; each way keeps ``hard`` from failing, by one kind of trick in one place.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pytest_plugin.runs import HEADER, Line

EASY = "easy = Audit(**told()).expect(accuracy > 0.5)\n"
HARD = "hard = Audit(**told()).expect(accuracy < 0.5)\n"
BOTH = EASY + HARD
OPEN = EASY + "hard = Audit(**told()).expect(accuracy > 0.99)\n"  # 20 images are too few
ORDINARY = "def test_ordinary():\n    pass\n"
YAML = """
model: demo:sound
data: demo:?images=40
checks: off
expect:
  hard:
    that: accuracy < 0.1
    marks: [{mark}]
"""


@dataclass(frozen=True)
class Way:
    """The files of a project, what is typed, and what the environment adds; audit files get their imports."""

    files: dict[str, str]
    typed: tuple[str, ...] = ("audits",)
    addopts: str = ""
    ini: str = ""
    both: str = BOTH
    listed: str = ""


def audit(text: str, **how: object) -> Way:
    return Way({}, both=text, **how)  # type: ignore[arg-type]


def beside(text: str, **how: object) -> Way:
    """`hard` in a file of its own."""
    return Way({"audits/audit_hard.py": text}, both=EASY, **how)  # type: ignore[arg-type]


def conftest(text: str, **how: object) -> Way:
    return Way({"audits/conftest.py": "import pytest, sys\n" + text}, **how)  # type: ignore[arg-type]


def root_conftest(text: str, **how: object) -> Way:
    return Way({"conftest.py": "import pytest, sys\n" + text}, **how)  # type: ignore[arg-type]


def hook(signature: str, body: str, implementation: str = "") -> str:
    decorator = f"@pytest.hookimpl({implementation})\n" if implementation else ""
    lines = "\n".join(f"    {text}" for text in body.splitlines())
    return f"{decorator}def pytest_{signature}:\n{lines}\n"


def marked(mark: str) -> str:
    return "import pytest\n" + EASY + f"hard = Audit(**told()).expect(accuracy < 0.5, marks=pytest.mark.{mark})\n"


def modify(body: str) -> str:
    return hook("collection_modifyitems(config, items)", body)


def raising(what: str, place: str) -> str:
    """An audit whose model, factory or data raise when the images are measured."""
    bodies = {
        "model": "class Bad(Colour):\n    def forward(self, images):\n        if images.shape[-1] == SIDE: {raise}\n"
        "        return super().forward(images)\nbad = told(Bad())",
        "factory": "def bad_factory():\n    {raise}\nbad = told(bad_factory)",
        "data": "class Bad:\n    def __iter__(self):\n        {raise}\nbad = told(data=Bad())",
        "image": "def broken():\n    {raise}\nbad = told(data=[Sample(s.id, broken, s.label) for s in samples()])",
    }
    code = bodies[place].replace("{raise}", what)
    return f"import pytest, sys\n{EASY}{code}\nhard = Audit(**bad).expect(accuracy < 0.5)\n"


HARD_ALONE = "items[:] = [item for item in items if item.name != 'hard']"
SET_0 = "session.exitstatus = 0"
OPTIONS = {
    "-k": "-k easy",
    "-m": "-m 'not slow'",
    "--deselect": "--deselect=audits/audit_line.py::hard",
    "--ignore": "--ignore=audits/audit_hard.py",
    "--ignore-glob": "--ignore-glob=*hard*",
    "--collect-only": "--collect-only",
    "--setup-only": "--setup-only",
    "--setup-plan": "--setup-plan",
    "--splits": "--splits 2 --group 1",
    "--audit-partial": "--audit-partial",
}


def by_option(name: str) -> Way:
    if name.startswith("--ignore"):
        return beside(HARD, addopts=OPTIONS[name], listed="audits/audit_hard.py")
    text = marked("slow") if name == "-m" else marked("skip") if name == "--audit-partial" else BOTH
    return audit(text, addopts=OPTIONS[name])


WAYS: dict[str, Way] = {
    # skip and xfail
    **{
        f"{mark} in a mark": audit(marked(mark), listed="audits/audit_line.py::hard")
        for mark in (
            "skip(reason='no')",
            "skipif(True, reason='no')",
            "xfail",
            "xfail(run=False)",
            "xfail(strict=False)",
        )
    },
    **{
        f"{mark} in YAML": Way(
            {"audits/line.audit.yaml": YAML.format(mark=mark)}, both=EASY, listed="line.audit.yaml::hard"
        )
        for mark in ("skip", "xfail")
    },
    **{
        f"{mark} by a conftest at collection": conftest(
            modify(f"[item.add_marker(pytest.mark.{mark}) for item in items if item.name == 'hard']"), listed="::hard"
        )
        for mark in ("skip", "xfail")
    },
    **{
        f"{name} by a conftest before {when}": conftest(
            hook(f"runtest_{when}(item)", f"if item.name == 'hard': {name}", "tryfirst=True"), listed="hard"
        )
        for name in ("pytest.skip('no')", "pytest.xfail('no')")
        for when in ("setup", "call")
    },
    "skip after the failure": conftest(
        hook(
            "runtest_call(item)",
            "try:\n    return (yield)\nexcept BaseException:\n    pytest.skip('no')",
            "wrapper=True",
        )
    ),
    "pytestmark": audit("import pytest\npytestmark = pytest.mark.skip\n" + BOTH, listed="::hard"),
    "module-level skip": beside(
        "import pytest\npytest.skip('no GPU', allow_module_level=True)\n" + HARD, listed="no GPU"
    ),
    "importorskip": beside(
        "import pytest\npytest.importorskip('nowhere_to_be_found')\n" + HARD, listed="audit_hard.py"
    ),
    "unittest.SkipTest": beside("import unittest\nraise unittest.SkipTest('no')\n" + HARD, listed="audit_hard.py"),
    "an autouse fixture that skips": conftest("@pytest.fixture(autouse=True)\ndef no():\n    pytest.skip('no')\n"),
    "ordinary tests beside skipped audits": Way(
        {"tests/test_ordinary.py": ORDINARY}, ("audits", "tests"), both=marked("skip")
    ),
    # what the audited side raises: everything from every place is in test_raising.py
    **{
        f"{what} in a {place}": audit(raising(what, place))
        for what, place in (
            ("pytest.skip('no')", "model"),
            ("pytest.exit('no', returncode=0)", "factory"),
            ("sys.exit(0)", "data"),
            ("pytest.skip('no')", "image"),
        )
    },
    # deselected and removed
    "removed by a conftest": conftest(modify(HARD_ALONE), listed="::hard"),
    "deselected by a conftest": conftest(
        modify(f"config.hook.pytest_deselected(items=[i for i in items if i.name == 'hard'])\n{HARD_ALONE}"),
        listed="::hard",
    ),
    "removed when collection is finished": conftest(
        hook("collection_finish(session)", HARD_ALONE.replace("items", "session.items"), "trylast=True"),
        listed="::hard",
    ),
    "everything removed, beside ordinary tests": Way(
        {
            "audits/conftest.py": modify("items[:] = [i for i in items if 'audit' not in i.nodeid]"),
            "test_a.py": ORDINARY,
        },
        (".",),
        listed="::hard",
    ),
    "removed by a plugin": Way({"trick.py": modify(HARD_ALONE)}, addopts="-p trick", listed="::hard"),
    "removed from the collected file": conftest(
        hook(
            "make_collect_report(collector)",
            "report = yield\nreport.result = [i for i in report.result if i.name != 'hard']\nreturn report",
            "wrapper=True",
        ),
        listed="::hard",
    ),
    "made no item": conftest(
        hook("pycollect_makeitem(name)", "return [] if name == 'hard' else None"), listed="::hard"
    ),
    "__test__": beside("__test__ = False\n" + HARD, listed="audit_hard.py::hard"),
    **{f"{name} in addopts": by_option(name) for name in OPTIONS},
    "a file in addopts": beside(HARD, typed=(), addopts="audits/audit_line.py", listed="audits/audit_hard.py"),
    "collect_ignore": conftest("collect_ignore = ['audit_line.py']"),
    "collect_ignore_glob": Way(
        {"audits/conftest.py": "collect_ignore_glob = ['*hard*']", "audits/audit_hard.py": HARD},
        both=EASY,
        listed="audit_hard",
    ),
    "norecursedirs": Way(
        {"audits/deep/audit_hard.py": HARD}, both=EASY, ini="norecursedirs = deep", listed="audits/deep/audit_hard.py"
    ),
    "pytest_ignore_collect": Way(
        {
            "conftest.py": hook(
                "ignore_collect(collection_path)", "return True if 'hard' in collection_path.name else None"
            ),
            "audits/audit_hard.py": HARD,
        },
        both=EASY,
        listed="audits/audit_hard.py",
    ),
    "collected as an ordinary module": root_conftest(
        hook("pycollect_makemodule(module_path, parent)", "return pytest.Module.from_parent(parent, path=module_path)")
    ),
    "all audits ignored, beside ordinary tests": Way(
        {"conftest.py": "collect_ignore = ['audits']", "test_a.py": ORDINARY}, (), listed="audits/audit_line.py"
    ),
    "no collection": root_conftest(hook("collection(session)", "return True")),
    # errors at collection
    "a collection error": beside(
        "1 / 0\n" + HARD, typed=("audits", "--continue-on-collection-errors"), listed="audit_hard.py"
    ),
    "rebound": audit(BOTH + "hard = None\n"),
    "kept only in a list": audit(EASY + "all_of_them = [Audit(**told()).expect(accuracy < 0.5)]\n"),
    "no model at all": audit(EASY + "hard = Audit(**told({})).expect(accuracy < 0.5)\n"),
    "expect in a test function": audit(EASY + "a = Audit(**told())\ndef test_hard():\n    a.expect(accuracy < 0.5)\n"),
    "expect in an empty parametrisation": audit(
        "import pytest\na = Audit(**told())\n@pytest.mark.parametrize('at', [])\n"
        "def test_hard(at):\n    a.expect(accuracy < 0.5)\n"
    ),
    # something else in its place
    "runtest replaced": conftest(
        modify("for i in items:\n    if i.name == 'hard': i.runtest = i.setup = lambda: None"), listed="::hard"
    ),
    "runtest alone replaced": conftest(modify("for i in items:\n    if i.name == 'hard': i.runtest = lambda: None")),
    "the item replaced": conftest(
        "class Fake(pytest.Item):\n    def runtest(self):\n        pass\n"
        + modify("items[:] = [Fake.from_parent(i.parent, name=i.name) if i.name == 'hard' else i for i in items]"),
        listed="::hard",
    ),
    "the protocol replaced": conftest(
        hook("runtest_protocol(item)", "return True if item.name == 'hard' else None"), listed="::hard"
    ),
    "the loop replaced": root_conftest(hook("runtestloop(session)", "return True")),
    "the report rewritten": conftest(
        hook(
            "runtest_makereport(item)",
            "report = yield\nreport.outcome = 'passed'\nreturn report",
            "wrapper=True, tryfirst=True",
        )
    ),
    "the threshold rewritten": conftest(
        modify("for i in items:\n    object.__setattr__(i.expectation, 'threshold', 2.0)")
    ),
    # the exit status
    "exitstatus rewritten": root_conftest(hook("sessionfinish(session)", SET_0, "trylast=True")),
    "exitstatus rewritten by a wrapper": root_conftest(
        hook("sessionfinish(session)", f"yield\n{SET_0}", "wrapper=True, tryfirst=True")
    ),
    "the status of pytest rewritten": root_conftest(
        hook("cmdline_main(config)", "yield\nreturn 0", "wrapper=True, tryfirst=True")
    ),
    "failures not counted": root_conftest(
        "from _pytest.main import Session\n"
        + hook(
            "runtest_logfinish(nodeid)",
            "import gc\nfor s in gc.get_objects():\n    if type(s) is Session: s.testsfailed = 0",
        )
    ),
    **{
        f"pytest.exit in {name}": root_conftest(hook(signature, "pytest.exit('enough', returncode=0)"))
        for name, signature in {
            "configure": "configure(config)",
            "sessionstart": "sessionstart(session)",
            "collection": "collection_modifyitems(items)",
            "the loop": "runtestloop(session)",
            "setup": "runtest_setup(item)",
        }.items()
    },
    "sys.exit in a conftest": root_conftest("sys.exit(0)"),
    "sys.exit in an audit file": beside("import sys\nsys.exit(0)\n" + HARD),
    "pytest.exit in an audit file": beside("import pytest\npytest.exit('enough', returncode=0)\n" + HARD),
    # what decides nothing
    "a quick look": audit(EASY, typed=("audits", "--audit-limit=12")),
    "a quick look by the ini": audit(EASY, ini="audit_limit = 12"),
    "a quick look in addopts": audit(EASY, addopts="--audit-limit=12"),
    "a tolerated INCONCLUSIVE": audit(OPEN, typed=("audits", "--audit-inconclusive=warn")),
    "a tolerated INCONCLUSIVE by the ini": audit(OPEN, ini="audit_inconclusive = warn"),
    "only known-bad models": audit("caught = Audit(**told(wrong())).expect(accuracy > 0.5, must_fail=True)\n"),
    "a model of both kinds": audit(
        "a = Audit(**told())\neasy = a.expect(accuracy > 0.5)\nhard = a.expect(accuracy < 0.5, must_fail=True)\n"
    ),
    "--audit-partial where nothing passes": Way(
        {}, ("audits", "--audit-partial"), both=marked("skip").replace(EASY, "")
    ),
    "--audit-partial beside what a conftest removes": conftest(modify(HARD_ALONE), typed=("audits", "--audit-partial")),
}


def write(line: Line, way: Way) -> None:
    ini = f"[pytest]\nmarkers =\n    slow: takes long\naddopts = {way.addopts}\n{way.ini}\n"
    line.write("pytest.ini", ini)
    for name, text in {"audits/audit_line.py": way.both, **way.files}.items():
        line.write(name, HEADER + text if name.endswith(".py") and "audit_" in name else text)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_undeserved_success_does_not_exit_with_0(line: Line, way: Way) -> None:
    write(line, way)
    result = line.run(*way.typed)
    text = result.stdout.str() + result.stderr.str()
    assert int(result.ret) != 0, text
    if (line.path / "audit-results").exists():
        record = line.record()
        assert record.overall != "PASS", text
        assert record.exit_status != 0
    if way.listed:
        assert way.listed in text


@pytest.mark.parametrize("name", ["-k", "--collect-only", "--audit-partial"])
def test_what_the_environment_selects_is_missing(line: Line, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    way = by_option(name)
    write(line, Way(way.files, both=way.both))
    monkeypatch.setenv("PYTEST_ADDOPTS", OPTIONS[name])
    result = line.run("audits")
    assert int(result.ret) != 0, result.stdout.str()


def test_there_are_at_least_40_ways() -> None:
    assert len(WAYS) >= 40

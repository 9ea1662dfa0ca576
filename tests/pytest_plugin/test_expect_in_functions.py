"""An expectation inside a function is measured by nothing: its test is an error, whatever else it does."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import Line, counts

INSIDE = {
    "a test function": "def test_right():\n    audit.expect(accuracy < 0.1)",
    "a method": "class TestIt:\n    def test_right(self):\n        audit.expect(accuracy < 0.1)",
    "a fixture": """
@pytest.fixture
def stated():
    audit.expect(accuracy < 0.1)

def test_right(stated):
    pass
""",
    "the end of a fixture of the module": """
@pytest.fixture(scope="module", autouse=True)
def stated():
    yield
    audit.expect(accuracy < 0.1)

def test_right():
    pass
""",
    "a parametrised test": """
@pytest.mark.parametrize("threshold", [0.1, 0.2])
def test_right(threshold):
    if threshold == 0.1:
        audit.expect(accuracy < threshold)
""",
    "a test of Hypothesis": """
from hypothesis import given, settings, strategies

@settings(max_examples=3, database=None)
@given(strategies.floats(0.1, 0.1))
def test_right(threshold):
    audit.expect(accuracy < threshold)
""",
    "a test case of unittest": """
import unittest

class Case(unittest.TestCase):
    def test_right(self):
        audit.expect(accuracy < 0.1)
""",
    "a helper": """
def states(expectation):
    return audit.expect(expectation)

def test_right():
    states(accuracy < 0.1)
""",
    "a thread": """
from concurrent.futures import ThreadPoolExecutor

def test_right():
    with ThreadPoolExecutor() as pool:
        pool.submit(audit.expect, accuracy < 0.1).result()
""",
    "a test that is expected to fail": """
@pytest.mark.xfail
def test_right():
    audit.expect(accuracy < 0.1)
    assert False
""",
    "a test that skips itself": """
def test_right():
    audit.expect(accuracy < 0.1)
    pytest.skip("later")
""",
    "a test that raises": """
def test_right():
    with pytest.raises(ZeroDivisionError):
        audit.expect(accuracy < 0.1)
        1 / 0
""",
}


def test_an_expectation_inside_a_function_is_an_error(line: Line) -> None:
    for name, body in INSIDE.items():
        line.audit("import pytest\naudit = Audit(**told())\n" + body, name=f"audit_{name.replace(' ', '_')}.py")
    result = line.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    errors = [text.split()[1].split("::")[0] for text in result.outlines if text.startswith("ERROR audit_")]
    assert sorted(errors) == sorted(f"audit_{name.replace(' ', '_')}.py" for name in INSIDE)


def test_the_error_says_how_to_write_it(line: Line) -> None:
    line.audit("audit = Audit(**told())\ndef test_right():\n    audit.expect(accuracy < 0.1)")
    result = line.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert counts(result) == {"passed": 1, "errors": 1}
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_right*",
            "expect() was called inside a function, where nothing measures what it states:",
            "  *: accuracy < 0.1",
            "Bind it to a module-level name of an audit file (audit_*.py), which becomes the name of its item:",
            "  name_of_the_requirement = audit.expect(accuracy < 0.1)",
        ]
    )


def test_a_file_is_listed_once_whatever_its_functions_state(line: Line) -> None:
    body = "def test_one():\n    audit.expect(accuracy < 0.1)\ndef test_two():\n    audit.expect(accuracy < 0.2)"
    line.audit(f"audit = Audit(**told())\n{body}")
    line.run()
    (absent,) = line.record().absent_files
    assert "accuracy < 0.1" in absent.why and "accuracy < 0.2" in absent.why


def test_the_error_names_the_line(line: Line) -> None:
    file = line.audit("audit = Audit(**told())\ndef test_right():\n    audit.expect(accuracy < 0.1)")
    number = 1 + file.read_text().splitlines().index("    audit.expect(accuracy < 0.1)")
    line.run().stdout.fnmatch_lines([f"  {file}:{number}: accuracy < 0.1"])


def test_only_the_test_that_states_it_is_an_error(line: Line) -> None:
    line.audit(
        """
        audit = Audit(**told())
        right = audit.expect(accuracy > 0.5)

        def test_before():
            assert len(samples()) == 20

        def test_states():
            audit.expect(accuracy < 0.1)

        def test_after():
            assert samples()
        """
    )
    result = line.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert counts(result) == {"passed": 4, "errors": 1}
    assert line.cases()["right"].verdict == "PASS"


def test_junit_has_the_error(line: Line) -> None:
    line.audit("audit = Audit(**told())\ndef test_right():\n    audit.expect(accuracy < 0.1)")
    (error,) = [node for node in line.junit()["test_right"] if node.tag == "error"]
    assert "inside a function" in error.attrib["message"]


def test_other_tests_of_the_session_are_held_to_it_too(line: Line) -> None:
    line.write(
        "test_usual.py",
        "from line import *\nfrom modelaudit import Audit\nfrom modelaudit.measures import accuracy\n"
        "def test_right():\n    Audit(**told()).expect(accuracy < 0.1)",
    )
    result = line.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert counts(result) == {"passed": 1, "errors": 1}


@pytest.mark.parametrize(
    "exempts",
    [
        "@pytest.mark.usefixtures('allow_expect')",
        "@pytest.fixture(autouse=True)\ndef allowed(allow_expect):\n    pass\n",
    ],
    ids=["by mark", "for all"],
)
def test_a_test_of_the_language_is_exempt(line: Line, exempts: str) -> None:
    line.audit(
        "import pytest\nfrom modelaudit.testing import allow_expect\naudit = Audit(**told())\n"
        "right = audit.expect(accuracy > 0.5)\n"
        f"{exempts}\ndef test_right():\n    assert audit.expect(accuracy < 0.1)"
    )
    result = line.run()
    assert result.ret == pytest.ExitCode.OK
    assert counts(result) == {"passed": 2}


def test_an_audit_that_a_test_imports_states_its_own_expectations(line: Line) -> None:
    line.audit("audit = Audit(**told())\nright = audit.expect(accuracy > 0.5)", name="audits/audit_line.py")
    line.write(
        "test_usual.py",
        """
        def test_model(monkeypatch):
            monkeypatch.syspath_prepend("audits")
            import audit_line

            assert audit_line.audit.models
        """,
    )
    assert counts(line.run("test_usual.py")) == {"passed": 1}


def test_a_session_inside_a_test_measures_its_own(line: Line) -> None:
    """What a YAML file states is stated inside a function, the collector's."""
    line.write(
        "inner/line.audit.yaml",
        "model: line.py:Colour\ndata: folder:photos\nclasses: [red, green]\nexpect:\n  right: accuracy > 0.5\n",
    )
    line.write(
        "test_usual.py",
        """
        pytest_plugins = ["pytester"]

        def test_inner(pytester):
            result = pytester.inline_run("--collect-only", "-p", "no:cacheprovider", "PLACE")
            assert result.ret == 0
        """.replace("PLACE", str(line.path / "inner")),
    )
    assert counts(line.run("test_usual.py")) == {"passed": 1}


def test_an_expectation_of_a_test_module_is_an_error(line: Line) -> None:
    line.audit("audit = Audit(**told())\nright = audit.expect(accuracy > 0.5)", name="test_line.py")
    result = line.run("test_line.py")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*test_line.py:*: right is an expectation, and only audit files*audit_line.py"])


def test_an_expectation_of_a_helper_is_an_error_where_an_audit_imports_it(line: Line) -> None:
    line.audit("audit = Audit(**told())\nright = audit.expect(accuracy > 0.5)", name="common.py")
    line.audit("from common import right")
    result = line.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*right is an expectation that *common.py:* states*"])

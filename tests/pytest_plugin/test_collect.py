"""Expectations are items under the names their users gave them, and what has no such name is an error."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import Line

TWO = """
audit = Audit(**told())
right_on_the_line = audit.expect(accuracy > 0.5)
stays_right_in_noise = audit.expect(accuracy.under(gaussian_noise(3)) > 0.5, marks=[pytest.mark.slow])
"""

YAML = """
model: line.py:Colour
data: folder:photos
classes: [red, green]
expect:
  right_on_the_line: accuracy > 0.5
  stays_right_in_noise:
    that: accuracy.under(gaussian_noise(3)) > 0.5
    marks: [slow, {skip: no noise today}]
"""


def collected(line: Line, *args: str) -> list[str]:
    """The node ids that a session would run."""
    result = line.run("--collect-only", "-q", *args)
    return [text for text in result.outlines if "::" in text]


def passed(line: Line, *args: str) -> list[str]:
    """The node ids that a session ran, all of which passed."""
    result = line.run("-v", *args)
    lines = [text.split() for text in result.outlines if "::" in text and "%]" in text]
    assert lines, result.outlines
    assert {words[1] for words in lines} == {"PASSED"}
    return [words[0] for words in lines]


@pytest.fixture
def two(line: Line) -> Line:
    """Two expectations, which pass."""
    line.write("pytest.ini", "[pytest]\nmarkers =\n    slow: takes long\n    nightly: runs at night\n")
    line.audit("import pytest\n" + TWO)
    return line


def complaint(line: Line, *expected: str) -> None:
    """Collection fails (which no later item can make good) and says all of this."""
    result = line.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    text = result.stdout.str()
    assert "errors" in result.parseoutcomes(), text
    for part in expected:
        assert part in text
    assert not (line.path / "audit-results").exists()


def test_an_expectation_is_an_item_under_its_name(two: Line) -> None:
    assert collected(two) == ["audit_line.py::right_on_the_line", "audit_line.py::stays_right_in_noise"]


@pytest.mark.parametrize("ending", ["yaml", "yml"])
def test_a_yaml_expectation_is_an_item_under_its_name(line: Line, ending: str) -> None:
    line.write(f"audits/line.audit.{ending}", YAML)
    assert collected(line) == [
        f"audits/line.audit.{ending}::right_on_the_line",
        f"audits/line.audit.{ending}::stays_right_in_noise",
    ]


def test_ordinary_and_hypothesis_tests_stand_beside_expectations(two: Line) -> None:
    two.audit(
        "import pytest\n"
        + TWO
        + """
from hypothesis import given, strategies

def test_of_the_usual_kind():
    assert len(samples()) == 20

class TestOfAClass:
    def test_in_it(self, tmp_path):
        assert tmp_path.is_dir()

@given(strategies.integers())
def test_of_hypothesis(number):
    assert number == number
"""
    )
    assert {name.split("::", 1)[1] for name in passed(two)} == {
        "right_on_the_line",
        "stays_right_in_noise",
        "test_of_the_usual_kind",
        "TestOfAClass::test_in_it",
        "test_of_hypothesis",
    }


def test_an_explicit_id_runs_once(two: Line) -> None:
    assert passed(two, "audit_line.py::right_on_the_line") == ["audit_line.py::right_on_the_line"]


def test_an_explicit_file_is_collected_once(two: Line) -> None:
    assert len(collected(two, "audit_line.py")) == 2


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("-k", "noise"), ["stays_right_in_noise"]),
        (("-k", "not noise"), ["right_on_the_line"]),
        (("-m", "slow"), ["stays_right_in_noise"]),
        (("-m", "not slow"), ["right_on_the_line"]),
        (("--deselect", "audit_line.py::right_on_the_line"), ["stays_right_in_noise"]),
    ],
    ids=" ".join,
)
def test_selection_is_that_of_pytest(two: Line, args: tuple[str, ...], expected: list[str]) -> None:
    assert collected(two, *args) == [f"audit_line.py::{name}" for name in expected]


def test_marks_of_yaml_and_of_a_module_select_too(two: Line) -> None:
    two.write("line.audit.yaml", YAML)
    two.audit("import pytest\npytestmark = pytest.mark.nightly\n" + TWO)
    assert collected(two, "-m", "slow") == [
        "audit_line.py::stays_right_in_noise",
        "line.audit.yaml::stays_right_in_noise",
    ]
    assert len(collected(two, "-m", "nightly")) == 2
    assert collected(two, "-m", "skip") == ["line.audit.yaml::stays_right_in_noise"]


def test_an_unknown_mark_is_an_error_under_strict_markers(two: Line) -> None:
    two.audit("import pytest\n" + TWO.replace("mark.slow", "mark.slwo"))
    complaint_of = two.run("--strict-markers")
    assert complaint_of.ret == pytest.ExitCode.INTERRUPTED
    assert "'slwo' not found in `markers`" in complaint_of.stdout.str()


def test_several_models_make_an_item_each(line: Line) -> None:
    line.audit(
        """
        both = Audit(**told({"candidate": Colour(), "current": Colour(2.0)}))
        right = both.expect(accuracy > 0.5)
        no_worse = both.expect(accuracy.of("candidate") - accuracy.of("current") > -0.5)
        """
    )
    names = ["right[candidate]", "right[current]", "no_worse"]
    assert collected(line) == [f"audit_line.py::{name}" for name in names]
    assert passed(line, "audit_line.py::right[current]") == ["audit_line.py::right[current]"]


NO_WORSE = TWO + "no_worse = audit.no_worse_than(Colour(2.0), margin=0.5)\n"


def test_a_comparison_with_a_baseline_makes_an_item_of_each_requirement(two: Line) -> None:
    two.audit("import pytest\n" + NO_WORSE)
    names = [f"audit_line.py::no_worse[{name}]" for name in ("right_on_the_line", "stays_right_in_noise")]
    assert collected(two, "-k", "no_worse") == names
    assert passed(two, names[0]) == names[:1]


def test_a_yaml_file_is_compared_with_a_baseline_too(line: Line) -> None:
    line.write("line.audit.yaml", YAML + "no_worse_than: {baseline: baselines/v1, margin: 0.05}\n")
    names = [
        "right_on_the_line",
        "stays_right_in_noise",
        "no_worse[right_on_the_line]",
        "no_worse[stays_right_in_noise]",
    ]
    assert collected(line) == [f"line.audit.yaml::{name}" for name in names]
    line.write("line.audit.yaml", YAML + "no_worse_than: {baseline: baselines/v1, margin: 5}\n")
    complaint(line, "line.audit.yaml:10: no_worse_than: margin=5.0", "did you mean 0.05?")


def test_a_comparison_without_a_name_is_an_error(two: Line) -> None:
    two.audit("import pytest\n" + NO_WORSE.replace("no_worse = ", ""))
    complaint(two, "has no name of its own")


def test_an_imported_case_is_collected_where_it_was_stated(two: Line) -> None:
    two.audit(
        """
        from audit_line import audit, right_on_the_line
        another = audit.expect(accuracy.under(lighting(1)) > 0.5)
        """,
        name="audit_other.py",
    )
    assert collected(two) == [
        "audit_line.py::right_on_the_line",
        "audit_line.py::stays_right_in_noise",
        "audit_other.py::another",
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("right = audit.expect(accuracy > 0.5)\nright = audit.expect(accuracy > 0.6)", "has no name of its own"),
        ("kept = [audit.expect(accuracy > 0.5)]", "has no name of its own"),
        ("audit.expect(accuracy > 0.5)", "has no name of its own"),
        ("class Kept:\n    right = audit.expect(accuracy > 0.5)", "has no name of its own"),
        ("right = audit.expect(accuracy > 0.5)\nalso = right", "2 names (right, also)"),
    ],
    ids=["rebound", "in a list", "nowhere", "in a class", "two names"],
)
def test_an_expectation_without_one_name_is_an_error(line: Line, body: str, expected: str) -> None:
    file = line.audit("audit = Audit(**told())\n" + body)
    first = 1 + file.read_text().splitlines().index(body.splitlines()[0])
    complaint(line, f"{file}:{first}: ", "accuracy > 0.5", expected)


@pytest.mark.parametrize(
    ("old", "new", "number", "expected"),
    [
        ("data:", "dta:", 3, "dta: unknown key; did you mean 'data'?"),
        ("accuracy > 0.5", "acuracy > 0.5", 6, "acuracy"),
        ("accuracy > 0.5", "accuracy", 6, "right_on_the_line"),
        ("expect:", "expect: [", 7, "not valid YAML"),
        ("  right_on_the_line: accuracy > 0.5", "  stays_right_in_noise: accuracy > 0.5", 7, "stands twice"),
        ("[red, green]", "&names [*names]", 4, "alias"),
    ],
    ids=["unknown key", "unknown measure", "no comparison", "no YAML", "twice", "alias"],
)
def test_wrong_yaml_is_an_error_with_its_line(line: Line, old: str, new: str, number: int, expected: str) -> None:
    assert old in YAML
    file = line.write("line.audit.yaml", YAML.replace(old, new, 1))
    complaint(line, f"{file}:{number}: ", expected)


def test_an_error_in_audit_code_is_shown(line: Line) -> None:
    line.audit("audit = Audit(**told())\nright = audit.expect(acuracy > 0.5)")
    complaint(line, "audit_line.py:8: in <module>", "NameError: name 'acuracy' is not defined")


def test_an_expectation_that_means_nothing_is_an_error(line: Line) -> None:
    line.audit("audit = Audit(**told())\nright = audit.expect(accuracy.of('cadidate') > 0.5)")
    complaint(line, "audit_line.py:8: in <module>", "no model 'cadidate'; known: model")


def test_the_other_distribution_of_our_name_is_told_where_audits_are_collected(
    two: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = two.path / "elsewhere"
    two.write(
        "elsewhere/modelaudit-9.8.7.dist-info/METADATA", "Metadata-Version: 2.1\nName: modelaudit\nVersion: 9.8.7\n"
    )
    two.write("test_usual.py", "def test_usual(): pass")
    monkeypatch.syspath_prepend(other)
    assert passed(two, "test_usual.py") == ["test_usual.py::test_usual"]
    complaint(two, "'modelaudit' 9.8.7", "pip uninstall modelaudit")


def test_a_session_without_audits_leaves_nothing_behind(line: Line) -> None:
    line.write("test_usual.py", "def test_usual(): pass")
    assert passed(line) == ["test_usual.py::test_usual"]
    assert not (line.path / "audit-results").exists()


def test_a_wrong_call_is_shown_with_the_lines_of_the_users_file_alone(line: Line) -> None:
    line.audit(
        """
        audit = Audit(**told())

        def under_light(severity):
            return accuracy.under(lighting(severity)) > 0.9

        survives_light = audit.expect(under_light(9))
        """
    )
    line.write("a.audit.yaml", YAML.replace("gaussian_noise(3)", "gaussian_nois(3)"))
    result = line.run()
    text = result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            "audit_line.py:*: in <module>",
            "    survives_light = audit.expect(under_light(9))",
            "audit_line.py:*: in under_light",
            "    return accuracy.under(lighting(severity)) > 0.9",
            "lighting: severity must be an integer from 1 to 5, got 9",
        ],
        consecutive=True,
    )
    assert "__post_init__" not in text and "spec.py" not in text
    assert "a.audit.yaml:8: stays_right_in_noise: in 'accuracy.under(gaussian_nois(3)) > 0.5': unknown context" in text

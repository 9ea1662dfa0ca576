"""Test functions in audit files: `model`, `sample` and `predict` of the file's audit, also under Hypothesis."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pytest_plugin.runs import Line, counts

from modelaudit.pytest_plugin.completeness import NO_EXPECTATION

HYPOTHESIS = """
import pytest
from hypothesis import HealthCheck, given, settings
from modelaudit import strategies
line = Audit(**told(Corner()))
right = line.expect(accuracy > 0.1)
"""
#: looks at the object alone, so that its answers are those of the originals
SOUND = HYPOTHESIS.replace("Corner()", "Colour()")
KEEPS = """
@given(context=strategies.surroundings())
def test_keeps_its_answer(context, sample, predict):
    assert predict(sample, context) == predict(sample)
"""


def test_a_model_that_looks_at_the_object_keeps_its_answers_and_one_that_does_not_is_caught(line: Line) -> None:
    line.audit(SOUND + KEEPS, "audit_sound.py")
    line.audit(HYPOTHESIS + KEEPS, "audit_corner.py")
    result = line.run()
    found = counts(result)
    assert found["passed"] >= 7 and found["failed"] >= 1 and found["passed"] + found["failed"] == 12
    result.stdout.fnmatch_lines(
        ["*Failing test case: test_keeps_its_answer(", "*sample=Sample('0*.png', label='*'),", "*context=*(*),"]
    )
    assert "audit_sound.py::test" not in "\n".join(one for one in result.outlines if "FAILED" in one)


def test_a_test_is_repeated_for_a_few_samples_whose_names_are_listed_where_that_is_cheap(line: Line) -> None:
    line.photos(12)
    line.audit("""
        import pytest
        drawn = Audit(**told())
        photos = Audit(**told(data="folder:photos?masks=masks"))

        @pytest.mark.audit(drawn)
        def test_drawn(sample):
            assert sample.id in {one.id for one in samples()}

        @pytest.mark.audit(photos, samples=3)
        def test_photos(sample):
            assert sample.label in CLASSES

        @pytest.mark.audit(photos, samples=["red/00.png", "green/01.png"])
        def test_named(sample):
            assert sample.id in ("red/00.png", "green/01.png")
    """)
    names = [one for one in line.run("--collect-only", "-q").outlines if "::" in one]
    assert [name for name in names if "test_drawn" in name] == [
        f"audit_line.py::test_drawn[sample {at}]" for at in range(5)
    ]
    photos = [name for name in names if "test_photos" in name]
    assert len(photos) == 3 and all(".png]" in name for name in photos)
    assert [name for name in names if "test_named" in name] == [
        "audit_line.py::test_named[red/00.png]",
        "audit_line.py::test_named[green/01.png]",
    ]
    assert counts(line.run("-k", "test_")) == {"passed": 10}
    assert [name for name in line.run("--collect-only", "-q").outlines if "::" in name] == names


def test_collecting_loads_no_model_and_no_image(line: Line) -> None:
    line.photos(4)
    line.audit("""
        def refused():
            raise RuntimeError("loaded")

        photos = Audit(**told(refused, data="folder:photos?masks=masks"))

        def generator():
            raise RuntimeError("read")
            yield

        def test_it(sample, model):
            pass
    """)
    for file in line.path.glob("photos/*/*.png"):
        file.write_bytes(b"no picture")
    assert line.run("--collect-only").ret == 0
    result = line.run()
    assert counts(result)["errors"] == 4
    result.stdout.fnmatch_lines(["*ModelError: *loaded*"])


def test_fewer_samples_than_places_are_skipped(line: Line) -> None:
    line.audit("line = Audit(**told(data=samples(3)))\ndef test_it(sample, predict):\n    assert predict(sample).right")
    assert counts(line.run("-k", "test_it")) == {"passed": 3, "skipped": 2}


def test_the_model_maps_pixel_values_to_logits_is_opened_once_and_given_back(line: Line) -> None:
    line.audit("""
        import torch
        opened = []

        def build():
            opened.append(1)
            return Colour()

        line = Audit(**told(build))

        def test_pixels(model):
            assert model(torch.full((2, 3, 12, 12), 0.5)).shape == (2, 2)

        def test_frozen(model, sample, predict):
            assert not any(one.requires_grad for one in model.parameters())
            assert predict(sample).label == sample.label and predict(sample).right
            assert len(opened) == 1
    """)
    assert counts(line.run("-k", "test_")) == {"passed": 6}


def test_a_fixture_of_the_user_comes_first_wherever_it_is(line: Line) -> None:
    line.write(
        "conftest.py",
        """
        import pytest

        @pytest.fixture
        def model():
            return "of the conftest"
        """,
    )
    line.audit("""
        import pytest
        line = Audit(**told())

        @pytest.fixture
        def predict():
            return "of the module"

        def test_them(model, predict, sample):
            assert (model, predict) == ("of the conftest", "of the module") and sample.label in CLASSES

        @pytest.mark.parametrize("sample", [1, 2])
        def test_parametrised(sample):
            assert sample in (1, 2)

        @pytest.mark.audit(samples=2)
        class TestOver:
            @pytest.fixture
            def sample(self, sample):
                return sample.id

            def test_it(self, sample):
                assert isinstance(sample, str)
    """)
    assert counts(line.run("-k", "test_")) == {"passed": 9}


def test_other_test_files_have_no_such_fixture(line: Line) -> None:
    line.audit("line = Audit(**told())\nright = line.expect(accuracy > 0.1)\ndef test_it(model): pass")
    for name in ("model", "sample", "predict"):
        line.write(f"test_{name}.py", f"def test_it({name}):\n    pass\n")
    result = line.run("audit_line.py", "test_model.py", "test_sample.py", "test_predict.py")
    assert counts(result) == {"passed": 2, "errors": 3}
    result.stdout.fnmatch_lines(["*fixture 'model' not found*", "*fixture 'sample' not found*"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("a = Audit(**told())\nb = Audit(**told())\n{}", "*has several audits (a, b)*@pytest.mark.audit(a)*"),
        ("{}", "*audit_line.py has no audit*@pytest.mark.audit(line)*"),
        (
            "a = Audit(**told({'old': Colour(), 'new': Colour()}))\n{}",
            "*has several models ('old', 'new')*@pytest.mark.audit(model='old')*",
        ),
        ("a = Audit(**told())\n@pytest.mark.audit(model='nwe')\n{}", "*no model 'nwe'*"),
        ("a = Audit(**told())\n@pytest.mark.audit('a')\n{}", "*give the audit itself, got 'a'*"),
        ("a = Audit(**told())\n@pytest.mark.audit(model='model', smaples=3)\n{}", "*takes no 'smaples'*'samples'*"),
    ],
)
def test_a_test_that_may_mean_several_audits_is_an_error_that_says_how_to_say_which(
    line: Line, body: str, message: str
) -> None:
    line.audit("import pytest\n" + body.replace("{}", "def test_it(predict):\n    pass\n"))
    result = line.run("-k", "test_it")
    assert counts(result) == {"errors": 1}
    result.stdout.fnmatch_lines([message])


@pytest.mark.parametrize("samples", ["0", "True", "[]", "'all'", "2.5", "[1]"])
def test_a_wrong_number_of_samples_is_an_error_of_the_collection(line: Line, samples: str) -> None:
    line.audit(f"import pytest\na = Audit(**told())\n@pytest.mark.audit(samples={samples})\ndef test_it(sample): pass")
    result = line.run()
    assert counts(result) == {"errors": 1}
    result.stdout.fnmatch_lines(["*give how many, an integer from 1, or a list of ids*"])


def test_markers_say_which_audit_and_which_model_and_a_bare_one_is_somebody_elses(line: Line) -> None:
    line.audit("""
        import pytest
        pytestmark = pytest.mark.audit
        first = Audit(**told())
        second = Audit(**told({"sound": Colour(), "wrong": wrong}))

        @pytest.mark.audit(first, samples=1)
        def test_first(sample, predict):
            assert predict(sample).right

        @pytest.mark.audit(second, model="wrong", samples=1)
        class TestSecond:
            def test_wrong(self, sample, predict):
                assert not predict(sample).right

            @pytest.mark.audit(second, "sound", 1)
            def test_sound(self, sample, predict):
                assert predict(sample).right
    """)
    assert counts(line.run("-m", "audit", "-k", "test_", "--strict-markers")) == {"passed": 3}


def test_a_context_without_meaning_is_passed_over_under_hypothesis_and_an_error_elsewhere(line: Line) -> None:
    line.audit(
        HYPOTHESIS
        + """
whole = Audit(**told(data=[Sample("0", pixels(0, "red"), "red", mask(True)), *samples(3)[1:]]))

@pytest.mark.audit(whole, samples=["0"])
@given(context=strategies.doses("fade") | strategies.doses("exposure"))
def test_passed_over(context, sample, predict):
    predict(sample, context)
    assert type(context).__name__ == "Exposure"

@pytest.mark.audit(whole, samples=["0"])
@given(context=strategies.doses("fade"))
def test_nothing_left(context, sample, predict):
    assert predict(sample, context) == predict(sample)

@pytest.mark.audit(whole, samples=["0"])
def test_elsewhere(sample, predict):
    predict(sample, "fade(0.5)")
"""
    )
    result = line.run("-k", "test_")
    assert counts(result) == {"passed": 1, "failed": 2, "deselected": 1}
    result.stdout.fnmatch_lines(["*NoValueUnder: 0 has no value under fade(0.5): context_impossible*"])
    result.stdout.fnmatch_lines(["FAILED audit_line.py::test_nothing_left*"])


SETTINGS = """
def of(test):
    return test._hypothesis_internal_use_settings

@given(context=strategies.light())
def test_own(context): pass

@settings(deadline=300, max_examples=7)
@given(context=strategies.light())
def test_stated(context): pass

@given(context=strategies.light())
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_checks(context): pass

def test_them():
    assert of(test_own).deadline is None
    assert HealthCheck.function_scoped_fixture in of(test_own).suppress_health_check
    assert of(test_stated).deadline.total_seconds() == 0.3 and of(test_stated).max_examples == 7
    assert HealthCheck.too_slow in of(test_stated).suppress_health_check
    assert of(test_checks).suppress_health_check == (HealthCheck.filter_too_much,)
    assert of(test_checks).deadline is None
    assert of(test_own).max_examples == EXAMPLES
"""


def test_deadline_and_health_checks_are_set_in_audit_files_alone_and_where_nobody_set_them(line: Line) -> None:
    line.audit(SOUND + SETTINGS.replace("EXAMPLES", "100"))
    line.write(
        "test_ordinary.py",
        """
        from datetime import timedelta
        from hypothesis import given, settings, strategies

        @given(strategies.booleans())
        def test_own(value):
            found = test_own._hypothesis_internal_use_settings
            assert found.deadline == timedelta(milliseconds=200) and not found.suppress_health_check
        """,
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-k", "test_", "audit_line.py", "test_ordinary.py"],
        cwd=line.path,
        capture_output=True,
        text=True,
        env=_desk(line),
    )
    assert "5 passed" in done.stdout, done.stdout


def test_a_profile_of_the_user_holds(line: Line) -> None:
    line.write(
        "conftest.py",
        """
        from hypothesis import settings
        settings.register_profile("few", deadline=5000, max_examples=3)
        settings.register_profile("default", max_examples=11)
        """,
    )
    line.audit(
        SOUND
        + """
@given(context=strategies.light())
def test_own(context): pass

def test_them():
    found = test_own._hypothesis_internal_use_settings
    assert found.max_examples == 3 and found.deadline.total_seconds() == 5
"""
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-k", "test_", "--hypothesis-profile=few", "audit_line.py"],
        cwd=line.path,
        capture_output=True,
        text=True,
        env=_desk(line),
    )
    assert "2 passed" in done.stdout, done.stdout


def _desk(line: Line) -> dict[str, str]:
    """The environment of somebody at a desk: in CI Hypothesis has other defaults, and keeps no examples."""
    import os

    others = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_ACTIONS")}
    return {**others, "PYTHONPATH": os.pathsep.join([str(line.path), *sys.path])}


KEPT = """
from hypothesis.database import DirectoryBasedExampleDatabase
TRIED = Path(__file__).with_name("tried")

@pytest.mark.audit(samples=2)
@settings(max_examples=30, derandomize=False, database=DirectoryBasedExampleDatabase(Path(__file__).with_name("kept")))
@given(context=strategies.doses("exposure", -2, 2, region="background"))
def test_keeps(context, sample, predict):
    with TRIED.open("a") as file:
        file.write(f"{sample.id} {context}\\n")
    assert predict(sample).probability < 0.9 and context.stops > -0.5
"""
SMALLEST = "exposure(-0.5, region=background)"


def first_tried(line: Line) -> dict[str, str]:
    """What was tried first of each sample in the last run."""
    file = line.path / "tried"
    firsts: dict[str, str] = {}
    for one in file.read_text().splitlines():
        firsts.setdefault(*one.split(" ", 1))
    file.unlink()
    return firsts


def test_what_failed_is_tried_first_in_the_next_run(line: Line) -> None:
    line.audit(HYPOTHESIS + KEPT)
    result = line.run("-k", "test_keeps")
    assert counts(result)["failed"] == 2
    assert 'exposure(-0.5, region="background")' in result.stdout.str()
    assert next(iter(first_tried(line).values())) != SMALLEST  # it is then tried first of the other samples
    assert counts(line.run("-k", "test_keeps"))["failed"] == 2
    assert set(first_tried(line).values()) == {SMALLEST}


@pytest.mark.nightly
def test_what_failed_is_tried_first_by_the_workers_of_xdist_too(line: Line) -> None:
    pytest.importorskip("xdist")
    line.audit(HYPOTHESIS + KEPT)
    line.run("-k", "test_keeps")
    first_tried(line)
    command = [sys.executable, "-m", "pytest", "-q", "-k", "test_keeps", "-n", "1", "audit_line.py"]
    shown = subprocess.run(command, cwd=line.path, capture_output=True, text=True, env=_desk(line)).stdout
    assert "2 failed" in shown, shown
    assert set(first_tried(line).values()) == {SMALLEST}


def test_a_test_function_that_fails_leaves_the_run_without_a_verdict_on_the_whole(line: Line) -> None:
    line.audit("""
        line = Audit(**told())
        right = line.expect(accuracy > 0.1)

        def test_it(sample, predict):
            assert predict(sample).label == "red"

        def test_right():
            pass
    """)
    line.write("test_ordinary.py", "def test_it():\n    assert False\n")
    result = line.run("audit_line.py", "test_ordinary.py")
    record = line.record()
    assert result.ret == 1 and record.overall == "PARTIAL" and not record.whole and record.exit_status == 10
    (file,) = record.absent_files
    assert (file.file, file.by) == ("audit_line.py", "failed")
    assert file.why.startswith("failed: test_it[sample ") and "test_right" not in file.why
    result.stdout.fnmatch_lines(["*1 audit file is not counted (1 with a test function that failed)*"])
    assert line.cases()["right"].verdict == "PASS"


def test_test_functions_alone_are_no_verdict_and_the_run_says_what_is_missing(line: Line) -> None:
    line.audit(
        "line = Audit(**told())\ndef test_it(sample, predict):\n    assert predict(sample).right in (True, False)\n"
    )
    result, record = line.run(), line.record()
    assert result.ret == 10 and record.overall == "PARTIAL" and not record.cases
    (file,) = record.absent_files
    assert (file.by, file.why) == ("empty", NO_EXPECTATION)
    result.stdout.fnmatch_lines(["*1 audit file is not counted (1 without an expectation)*"])
    assert "error" not in result.stdout.str().partition("= audit =")[2]


@pytest.mark.parametrize("tolerated", [["--audit-partial"], ["--audit-partial", "--audit-inconclusive=warn"]])
def test_nothing_excuses_a_test_function_that_fails(line: Line, tolerated: list[str]) -> None:
    line.audit("line = Audit(**told())\nright = line.expect(accuracy > 0.1)\ndef test_it():\n    assert False\n")
    assert line.run(*tolerated).ret == 1
    assert line.record().exit_status == 10


def test_a_test_function_that_a_rerun_passes_counts_as_passed(line: Line) -> None:
    pytest.importorskip("pytest_rerunfailures")
    line.audit("""
        line = Audit(**told())
        right = line.expect(accuracy > 0.1)
        runs = []

        def test_it():
            runs.append(1)
            assert len(runs) > 1
    """)
    assert line.run("--reruns=1").ret == 0
    assert line.record().whole


def test_selected_alone_test_functions_go_by_the_rules_of_pytest(line: Line) -> None:
    line.audit("line = Audit(**told())\nright = line.expect(accuracy > 0.1)\ndef test_it():\n    assert False\n")
    assert line.run("-k", "test_it").ret == 1
    assert not (line.path / "audit-results").exists()

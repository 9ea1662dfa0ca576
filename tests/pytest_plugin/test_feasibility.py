"""What so few images could never show is said when the audits are collected, and stands in the record."""

from __future__ import annotations

import pytest
from PIL import Image
from pytest_plugin.line import CLASSES, pixels
from pytest_plugin.runs import Line

DEMO = """
audit = Audit(model="demo:shortcut", data="demo:?images={images}", checks="off")
drop = audit.expect(accuracy - accuracy.under(swap_background("other_class")) < 0.05)
"""
TOLD = "audit: audit_line.py::drop cannot pass with 40 images even where the context changes nothing; needs at least 59"


@pytest.mark.parametrize("args", [("--collect-only",), ("--collect-only", "-q")], ids=" ".join)
def test_it_is_said_at_collection_without_a_run(line: Line, args: tuple[str, ...]) -> None:
    line.audit(DEMO.format(images=40))
    result = line.run(*args)
    result.stdout.fnmatch_lines([TOLD])
    assert result.ret == pytest.ExitCode.OK
    assert not (line.path / "audit-results").exists()


def test_enough_images_are_not_mentioned(line: Line) -> None:
    line.audit(DEMO.format(images=59))
    line.run("--collect-only").stdout.no_fnmatch_line("*cannot pass*")


def test_it_runs_all_the_same_and_says_why_it_is_open(line: Line) -> None:
    for at in range(30):
        file = line.path / "data" / CLASSES[at % 2] / f"{at}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(at, CLASSES[at % 2])).save(file)
    line.audit(
        """
        audit = Audit(**told(data="folder:data"), checks="off")
        right = audit.expect(accuracy > 0.95)
        wrong = audit.expect(accuracy < 0.5)
        """
    )
    result = line.run()
    result.stdout.fnmatch_lines(["audit: audit_line.py::right cannot pass with 30 images; needs at least 59"])
    cases = line.cases()
    assert cases["right"].verdict == "INCONCLUSIVE" and cases["right"].decision is not None
    assert "it cannot pass with 30 images; needs at least 59" in cases["right"].decision.note
    assert cases["wrong"].verdict == "FAIL" and cases["wrong"].decision is not None
    assert "cannot pass" not in cases["wrong"].decision.note


def test_too_few_clusters_are_said_at_collection_and_hold_the_verdict_up(line: Line) -> None:
    for at in range(42):
        file = line.path / "data" / CLASSES[at % 2] / f"lot{at % 7}_{at}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(at, CLASSES[at % 2])).save(file)
    line.audit(
        """
        audit = Audit(**told(data="folder:data?cluster=path:lot(\\d+)"), checks="off")
        right = audit.expect(accuracy > 0.7)
        limited = Audit(**told(data="folder:data?cluster=path:lot(\\d+)"), checks="off", claim="these_clusters")
        here = limited.expect(accuracy > 0.7)
        """
    )
    result = line.run()
    result.stdout.fnmatch_lines(
        ["audit: audit_line.py::right cannot pass with images of 7 clusters; needs at least 10*"]
    )
    result.stdout.no_fnmatch_line("*::here cannot pass*")
    cases = line.cases()
    assert (cases["right"].verdict, cases["right"].reason) == ("INCONCLUSIVE", "too_few_clusters")
    assert cases["right"].decision is not None and cases["right"].decision.more_images is None
    assert (cases["here"].verdict, cases["here"].claim) == ("PASS", "these_clusters")
    assert cases["here"].decision is not None
    assert cases["here"].decision.note.startswith("holds for these clusters alone")
    assert ", claim=these_clusters" in cases["here"].long_form


def test_samples_of_a_program_are_not_read_before_the_run(line: Line) -> None:
    line.audit(
        """
        class Lazy:
            def __iter__(self):
                raise RuntimeError("read while collecting")
        audit = Audit(**told(data=Lazy()), checks="off")
        many = audit.expect(accuracy > 0.99)
        """
    )
    result = line.run("--collect-only")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*cannot pass*")


def test_data_that_are_not_there_do_not_stop_the_collection(line: Line) -> None:
    line.audit('audit = Audit(model="demo:sound", data="folder:nowhere")\nmany = audit.expect(accuracy > 0.99)')
    result = line.run("--collect-only")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*cannot pass*")


def test_known_bad_models_and_quick_looks_need_not_be_able_to_pass(line: Line) -> None:
    line.audit(DEMO.format(images=40).replace("< 0.05)", "< 0.05, must_fail=True)"))
    line.run("--collect-only").stdout.no_fnmatch_line("*cannot pass*")
    line.audit(DEMO.format(images=40))
    line.run("--collect-only", "--audit-limit=5").stdout.no_fnmatch_line("*cannot pass*")


def folder(line: Line, **counts: int) -> None:
    """Labels with so many files: their names are read, no image is."""
    for label, count in counts.items():
        (line.path / "data" / label).mkdir(parents=True)
        for at in range(count):
            (line.path / "data" / label / f"{at}.png").touch()


def test_the_images_of_a_label_are_counted(line: Line) -> None:
    folder(line, rare=8, common=70)
    line.audit(
        """
        from modelaudit import label
        audit = Audit(model="demo:sound", data="folder:data")
        rare = audit.expect(accuracy.where(label("rare")) > 0.9)
        common = audit.expect(accuracy.where(label("common")) > 0.9)
        """
    )
    result = line.run("--collect-only")
    result.stdout.fnmatch_lines(["*::rare cannot pass with 8 images of label(rare); needs at least 29"])
    result.stdout.no_fnmatch_line("*::common*cannot pass*")


def many(data: str) -> str:
    cases = "\n".join(f"c{at} = audit.expect(accuracy >= 0.99{at:02})" for at in range(50))
    return f'audit = Audit(model="demo:sound", data="{data}")\n{cases}'


def test_of_many_that_cannot_pass_the_first_are_named(line: Line) -> None:
    line.audit(many("demo:?images=20"))
    result = line.run("--collect-only")
    result.stdout.fnmatch_lines(["audit: and 40 more that cannot pass"])
    assert sum("cannot pass with" in one for one in result.outlines) == 10

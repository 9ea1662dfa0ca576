"""Under pytest-xdist a run is one run: one id, one record, the same values, and nothing is measured twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_plugin.runs import Line, counts

pytest.importorskip("xdist")

AUDIT = """
import pytest
right = Audit(**told(Counting(Path(__file__).with_name("counted"))))
passes = right.expect(accuracy > 0.5)
in_noise = right.expect(confidence.under(gaussian_noise(3)) > 0.5)
on_the_part = right.expect(background_dependence("saliency", "input_x_gradient").under(gaussian_noise(3)) < 0.5)
swapped = right.expect(flip_rate.under(swap_background("random")) < 0.9)
too_few = right.expect(accuracy > 0.99)
fails = Audit(**told(wrong())).expect(accuracy > 0.5)
control = Audit(**told(wrong())).expect(accuracy > 0.4, must_fail=True)
skipped = right.expect(accuracy > 0.3, marks=pytest.mark.skip(reason="not today"))
errs = Audit(**told("missing.py:build")).expect(accuracy > 0.5)
"""


def images(counted: Path) -> int:
    """How many images the model has seen; the file is removed."""
    seen = sum(int(text.split()[1]) for text in counted.read_text().splitlines())
    counted.unlink()
    return seen


def test_two_workers_make_one_run_with_the_same_values(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as here: values are equal to the bit at one thread count
    line.audit(AUDIT)
    line.run("--junitxml=alone.xml")
    alone, seen_alone = line.record(), images(line.path / "counted")
    result = line.run("-n", "2", "--dist=load", "--junitxml=together.xml")
    together, seen_together = line.record(), images(line.path / "counted")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert counts(result) == {"passed": 5, "failed": 1, "inconclusive": 1, "skipped": 1, "errors": 1}
    results = [path.name for path in (line.path / "audit-results").iterdir() if path.name != "latest"]
    assert sorted(results) == sorted([alone.id, together.id])
    assert (line.path / "audit-results" / together.id / "report.html").is_file()

    def stable(case: object) -> object:
        return {key: value for key, value in case.model_dump().items() if key != "duration_s"}  # type: ignore[attr-defined]

    assert [stable(case) for case in together.cases] == [stable(case) for case in alone.cases]
    assert together.tables == alone.tables
    assert together.models == alone.models
    assert together.passes.model_copy(update={"seconds": alone.passes.seconds}) == alone.passes
    assert seen_together == seen_alone
    assert (together.overall, together.whole, together.missing) == (alone.overall, alone.whole, alone.missing)
    assert (together.overall, together.whole, together.partial) == ("ERROR", False, True)
    failures = (line.path / "together.xml").read_text()
    assert 'type="FAIL"' in failures
    assert 'type="INCONCLUSIVE"' in failures


def test_what_is_missing_is_the_same_with_two_workers(line: Line) -> None:
    line.write("pytest.ini", "[pytest]\npythonpath = .\n")
    line.write(
        "conftest.py",
        """
        collect_ignore = ["audit_other.py"]

        def pytest_collection_modifyitems(items):
            items[:] = [item for item in items if item.name != "hidden"]
        """,
    )
    line.audit("other = Audit(**told()).expect(accuracy > 0.5)", name="audit_other.py")
    line.audit("import pytest\npytest.skip('no data', allow_module_level=True)", name="audit_skipped.py")
    line.audit(
        """
        import pytest
        audit = Audit(**told())
        right = audit.expect(accuracy > 0.5)
        hidden = audit.expect(accuracy > 0.6)
        unwanted = audit.expect(accuracy > 0.7)
        skipped = audit.expect(accuracy > 0.4, marks=pytest.mark.skip(reason="not today"))
        """
    )
    found = []
    for workers in ((), ("-n", "2")):
        result = line.run("--deselect=audit_line.py::unwanted", *workers)
        record = line.record()
        listed = [text for text in result.outlines if text.startswith(("PARTIAL", "partial", "  audit_"))]
        standings = {case.name: (case.standing, case.absence) for case in record.cases}
        found.append((int(result.ret), record.overall, record.missing, record.absent_files, standings, listed))
    assert found[0] == found[1]
    assert (found[0][0], found[0][1], len(found[0][5])) == (10, "PARTIAL", 6)

"""``audit.check(...)``: the numbers of pytest, in a notebook or a shell, and nothing left behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from modelaudit import Audit, CheckedExpectation
from modelaudit.contexts import swap_background
from modelaudit.language import ExpressionError
from modelaudit.language.looked import NO_GATE
from modelaudit.measures import accuracy, background_dependence

DATA = "demo:?images=24&seed=1"
SWAP = swap_background("other_class")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def line(**more: object) -> Audit:
    return Audit(model="demo:sound", data=DATA, **{"checks": "off", **more})  # type: ignore[arg-type]


def test_it_decides_as_pytest_does(pytester: pytest.Pytester) -> None:
    text = "background_dependence(gradcam).under(swap_background(other_class)) < 0.4"
    pytester.makefile(".audit.yaml", line=f"model: demo:sound\ndata: {DATA}\nexpect: {{on_the_part: {text}}}\n")
    pytester.runpytest_inprocess("--audit-store=off")
    record = json.loads((pytester.path / "audit-results" / "latest" / "run.json").read_text(encoding="utf-8"))
    (case,) = record["cases"]
    found = Audit(model="demo:sound", data=DATA).check(
        background_dependence("gradcam").under(SWAP) < 0.4, progress=False
    )
    assert (found.verdict, found.reason) == (case["verdict"], case["reason"])
    decision = case["decision"]
    assert (found.estimate, found.lower, found.upper) == tuple(
        decision[name] for name in ("estimate", "lower", "upper")
    )
    assert found.n == decision["counts"]["measured"] == 24
    assert found.expectation == case["expectation"]


def test_nothing_is_stated_and_no_results_are_left(here: Path) -> None:
    audit = line()
    found = audit.check("accuracy > 0.9", progress=False)
    assert found.verdict in ("PASS", "INCONCLUSIVE")
    assert audit.cases == []
    assert [path.name for path in here.iterdir()] == [".modelaudit"]
    assert (here / ".modelaudit" / ".gitignore").read_text() == "*\n"


def test_a_file_that_checks_declares_only_what_it_expects(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        audit_line=f"""
from modelaudit import Audit
from modelaudit.measures import accuracy

line = Audit(model="demo:sound", data={DATA!r}, checks="off")
looked = line.check(accuracy > 0.2, progress=False)
right = line.expect(accuracy > 0.2)

def test_a_look_in_a_function():
    assert line.check(accuracy > 0.2, progress=False).verdict == "PASS"
"""
    )
    done = pytester.runpytest_inprocess()
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(["PASS: 1 PASS"])


def test_a_notebook_shows_the_plot_and_the_pictures() -> None:
    found = line().check(background_dependence("gradcam").under(SWAP) < 0.4, progress=False)
    html = found._repr_html_()
    assert 'class="intervals"' in html and "data:image/" in html
    assert "A look, not a gate" in html
    assert "<script" not in html
    assert set(re.findall(r'href="([^"]{5})', html)) == {"data:"}  # pictures of the page itself, and no link
    assert NO_GATE in repr(found)


def test_text_of_the_data_is_escaped() -> None:
    audit = Audit(model={"<b>new</b>": "demo:sound"}, data=DATA, checks="off")
    html = audit.check("accuracy > 0.5", progress=False)._repr_html_()
    assert "<b>new" not in html


def test_several_models_have_a_result_each_and_the_worst_verdict() -> None:
    audit = Audit(model={"sound": "demo:sound", "shortcut": "demo:shortcut"}, data=DATA, checks="off")
    found = audit.check(accuracy - accuracy.under(SWAP) < 0.3, progress=False, language="ja")
    assert list(found.by_model) == ["sound", "shortcut"]
    assert found.verdict == found.by_model["shortcut"].verdict == "FAIL"
    assert found.by_model["sound"].estimate is not None and found.estimate is None
    assert "sound: " in repr(found) and "shortcut: FAIL" in repr(found)
    assert "不合格" in found.html


def test_a_limit_looks_at_so_many_images() -> None:
    assert line().check(accuracy > 0.5, limit=5, progress=False).n == 5


def test_what_cannot_be_measured_is_an_error_with_its_message() -> None:
    found = Audit(model="demo:other", data=DATA).check(accuracy > 0.5, progress=False)
    assert found.verdict == "ERROR" and found.n == 0 and found.lower is None
    assert "demo:other" in found.message and "demo:other" in repr(found) and "demo:other" in found.html


def test_what_has_no_meaning_is_refused_before_anything_runs() -> None:
    with pytest.raises(ExpressionError):
        line().check(accuracy.of("nobody") > 0.5)
    with pytest.raises(ExpressionError):
        line().check(accuracy)  # type: ignore[arg-type]


def test_progress_goes_to_the_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    line().check(accuracy > 0.5)
    captured = capsys.readouterr()
    assert "auditing demo:" in captured.err and not captured.out


def test_a_result_reads_in_a_shell() -> None:
    found = CheckedExpectation("accuracy > 0.9", "INCONCLUSIVE", "too_few_images", "", 0.95, 0.85, None, 20)
    assert repr(found).splitlines()[:2] == [
        "INCONCLUSIVE (too_few_images): accuracy > 0.9",
        "  measured 0.95 [0.85, -] on 20 images",
    ]

"""Whatever the audited side raises is an ERROR of the cases concerned; the others are measured."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import Line

#: what may be raised, as a statement
RAISED = {
    "skip": 'pytest.skip("mine")',
    "importorskip": 'pytest.importorskip("mine")',
    "fail": 'pytest.fail("mine")',
    "xfail": 'pytest.xfail("mine")',
    "exit": 'pytest.exit("mine", returncode=0)',
    "SkipTest": 'raise unittest.SkipTest("mine")',
    "SystemExit": 'raise SystemExit("mine")',
    "KeyboardInterrupt": 'raise KeyboardInterrupt("mine")',
    "own interrupt": 'raise type("Own", (KeyboardInterrupt,), {})("mine")',
    "GeneratorExit": 'raise GeneratorExit("mine")',
    "BaseException": 'raise BaseException("mine")',
    "StopIteration": 'raise StopIteration("mine")',
    "ValueError": 'raise ValueError("mine")',
}
#: every place from which audited code can raise, each in an audit of its own, beside one that is sound
PLACES = """
import pytest
from modelaudit.models import black_box
from raising import mine

class Forward(Colour):
    def forward(self, images):
        if images.shape[-1] == SIDE:
            mine()
        return super().forward(images)

class Opening(Colour):
    def forward(self, images):
        mine()

class Identity(torch.autograd.Function):
    @staticmethod
    def forward(ctx, images):
        return images.clone()
    @staticmethod
    def backward(ctx, gradient):
        if gradient.shape[-1] == SIDE:
            mine()
        return gradient

class Backward(Colour):
    def forward(self, images):
        return super().forward(Identity.apply(images))

class Listed:
    def __iter__(self):
        yield from samples()
        mine()

def predict(images):
    if images.shape[-1] == SIDE:
        mine()
    return images.mean((2, 3))[:, :2]

def drawn(which):
    first, *others = samples()
    kept = {"image": first.image, "mask": first.mask, which: mine}
    return [Sample(first.id, kept["image"], first.label, kept["mask"]), *others]

sound = Audit(**told()).expect(accuracy > 0.5)
forward = Audit(**told(Forward())).expect(accuracy < 0.5)
opening = Audit(**told(Opening())).expect(accuracy > 0.5)
backward = Audit(**told(Backward())).expect(background_dependence("saliency") < 0.9)
factory = Audit(**told(mine)).expect(accuracy > 0.5)
imported = Audit(**told("raising_at_import.py:build")).expect(accuracy > 0.5)
built = Audit(**told("raising.py:mine")).expect(accuracy > 0.5)
predicted = Audit(**told(black_box(predict))).expect(accuracy > 0.5)
listed = Audit(**told(data=Listed())).expect(accuracy > 0.5)
"""
#: callables of samples: an ordinary exception is an unreadable image, which counts against the expectation
DRAWN = """
image = Audit(**told(data=drawn("image"))).expect(accuracy > 0.5)
mask = Audit(**told(data=drawn("mask"))).expect(accuracy > 0.5)
"""
RAISING = "import unittest\nimport pytest\n\ndef mine():\n    {}\n"


@pytest.mark.parametrize("what", RAISED)
def test_whatever_is_raised_is_an_error_of_the_cases_concerned(line: Line, what: str) -> None:
    line.write("raising.py", RAISING.format(RAISED[what]))
    line.write("raising_at_import.py", "from raising import mine\nmine()")
    ordinary = what in ("StopIteration", "ValueError")
    line.audit(PLACES + ("" if ordinary else DRAWN))
    result = line.run(no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.TESTS_FAILED, result.stdout.str()
    cases = line.cases()
    assert cases.pop("sound").verdict == "PASS"
    assert {name: case.verdict for name, case in cases.items()} == dict.fromkeys(cases, "ERROR")
    assert {case.outcome for case in cases.values()} == {"error"}
    assert all("mine" in case.message for case in cases.values()), [case.message for case in cases.values()]
    assert line.record().overall == "ERROR"


def test_a_model_that_raises_for_batches_alone_takes_down_its_own_cases(line: Line) -> None:
    """One image passes, as it does when the model is opened."""
    line.audit(
        """
        import pytest

        class NoGpu(Colour):
            def forward(self, images):
                if len(images) > 1:
                    pytest.skip("no GPU")
                return super().forward(images)

        must_hold = Audit(**told(NoGpu())).expect(accuracy < 0.5)
        easy = Audit(**told()).expect(accuracy > 0.5)
        """
    )
    assert line.run().ret == pytest.ExitCode.TESTS_FAILED
    cases = line.cases()
    assert {name: case.verdict for name, case in cases.items()} == {"must_hold": "ERROR", "easy": "PASS"}
    assert "Skipped: no GPU (raised at" in cases["must_hold"].message
    assert "audit_line.py:" in cases["must_hold"].message


@pytest.mark.parametrize("what", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "exit"])
def test_an_audit_file_that_would_end_the_run_is_an_error_of_its_own(line: Line, what: str) -> None:
    line.audit("sound = Audit(**told()).expect(accuracy > 0.5)")
    line.write("audit_other.py", f"import pytest\n{RAISED[what]}")
    result = line.run("--continue-on-collection-errors", no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert line.cases()["sound"].verdict == "PASS"
    assert line.record().overall != "PASS"
    result.stdout.fnmatch_lines(["*audit_other.py*mine*"])

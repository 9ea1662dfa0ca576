"""Classes that are listed in another order than the model was trained with."""

from __future__ import annotations

import json

import pytest

AUDIT = """
import numpy as np, torch
from modelaudit import Audit, Preprocessing
from modelaudit.data import Sample
from modelaudit.measures import accuracy

class Net(torch.nn.Module):  # 0: blue ("broken"), 1: red ("good"), as ImageFolder numbers them
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 2, 1, bias=False)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[0, 2] = self.conv.weight[1, 0] = 5
    def forward(self, x):
        return self.conv(x).mean((2, 3)){change}

def images():
    for number in range(40):
        image = np.random.RandomState(number).randint(60, 140, (16, 16, 3)).astype(np.uint8)
        image[4:12, 4:12, 0 if number % 2 else 2] = 250
        yield Sample(f"{number:03d}", image, "good" if number % 2 else "broken")

line = Audit(model=Net(), data=images(), classes=[{classes}], preprocessing=Preprocessing(crop=16), checks="off")
right = line.expect(accuracy > 0.5)
"""


def run(pytester: pytest.Pytester, classes: str, change: str = "") -> tuple[str, str, str]:
    pytester.makepyfile(audit_line=AUDIT.replace("{classes}", classes).replace("{change}", change))
    result = pytester.runpytest_subprocess("audit_line.py", "-p", "no:randomly")
    folder = pytester.path / "audit-results" / "latest"
    assert json.loads((folder / "run.json").read_text())["tables"][0]["views"][0]["predicted"]
    return result.stdout.str(), (folder / "summary.md").read_text(), (folder / "report.html").read_text()


def test_the_order_that_explains_the_answers_stands_in_run_summary_and_report(pytester: pytest.Pytester) -> None:
    output, summary, report = run(pytester, '"good", "broken"')
    said = " ".join(output.split())
    assert "On the original images 0 of 40 answers of the model " in said
    assert "trained with the classes in the order broken, good? That is the order of the alphabet" in said
    assert "The order of the classes may be wrong" in summary and "broken, good?" in summary
    assert "The order of the classes may be wrong" in report and "クラスの順序が誤っている可能性があります" in report


def test_the_right_order_and_a_model_that_guesses_are_left_alone(pytester: pytest.Pytester) -> None:
    output, summary, _ = run(pytester, '"broken", "good"')
    assert "classes=" not in output and "may be wrong" not in summary
    output, summary, _ = run(pytester, '"good", "broken"', "* torch.sin(1e4 * x.mean((1, 2, 3)))[:, None]")
    assert "another order" not in output and "may be wrong" not in summary

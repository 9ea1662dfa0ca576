"""The arithmetic of ImageNet-9 on a small tree in its layout, against numbers that were worked out by hand.

Right on the originals are all but object 16: 17 of 18. Then (see :mod:`end_to_end.small_imagenet9`):

- Mixed-Same, the other image of the class lends: objects 0 to 7 are answered by a background of their own class, 8 to
  15 and 17 by themselves: 8 + 8 + 0 + 1 = 17.
- Mixed-Rand, image i + 4 lends, so always another class: objects 0 to 7 are wrong: 0 + 8 + 0 + 1 = 9. Gap 8 / 18.
- Mixed-Next, image i + 2 lends: 9 too.
- Only-FG: objects 0 to 7 see no background to go by: 9. Only-BG-T, without object: answered by the background: 18.
- Some background of another class flips objects 0 to 7 (any does) and object 17 (that of image 0): 9 of the 17
  that are right at first; so do those of the next class, which for object 17 is the first one. A carnivore's flips 0 to
  7 and not 17: 8. No background of the same class flips any.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from end_to_end.small_imagenet9 import CLASSES, IMAGES, Classifier, written
from engine.measurement.test_stored import Bench, cost, what
from engine.small_audits import column, results, values
from pytest_plugin.runs import Line

from modelaudit.contexts import mixed_same, stored, swap_background
from modelaudit.engine.decision.case import Result
from modelaudit.language import Audit, AuditCase, Expression, Preprocessing, correct
from modelaudit.measures import accuracy, adversarial_background_rate, flip_rate

OTHER, SAME = swap_background("other_class"), swap_background("same_class")
BY_HAND: dict[str, tuple[Expression, float]] = {
    "original": (accuracy, 17 / 18),
    "mixed_same": (accuracy.under(stored("mixed_same")), 17 / 18),
    "mixed_rand": (accuracy.under(stored("mixed_rand")), 9 / 18),
    "mixed_next": (accuracy.under(stored("mixed_next")), 9 / 18),
    "only_fg": (accuracy.under(stored("only_fg")), 9 / 18),
    "only_bg_t": (accuracy.under(stored("only_bg_t")), 18 / 18),
    "gap": (accuracy.under(stored("mixed_same")) - accuracy.under(stored("mixed_rand")), 8 / 18),
    "adversarial": (adversarial_background_rate().under(OTHER), 9 / 17),
    "said twice": (adversarial_background_rate().under(OTHER).where(correct), 9 / 17),
    "of the same class": (adversarial_background_rate().under(SAME), 0.0),
    "one carnivore's": (adversarial_background_rate(1).under(swap_background("class:04_carnivore")), 8 / 17),
    "all of the next class": (adversarial_background_rate().under(swap_background("next_class")), 9 / 17),
    "made here": (accuracy.under(mixed_same()), 17 / 18),
}


@pytest.fixture
def in9(tmp_path: Path) -> Audit:
    written(tmp_path / "bg_challenge")
    return Audit(Classifier(), "imagenet9:bg_challenge", preprocessing=Preprocessing())


def asked(one: Audit) -> dict[str, AuditCase]:
    return {name: one.expect(expression <= 1) for name, (expression, _) in BY_HAND.items()}


def estimate(result: Result) -> float | None:
    assert result.decision is not None, result.message
    assert result.decision.counts.undefined == result.decision.counts.errored == 0
    return result.decision.estimate


def test_gap_and_adversarial_rate_are_those_worked_out_by_hand(tmp_path: Path, in9: Audit) -> None:
    found = results(tmp_path, **asked(in9))
    assert {name: estimate(found[name]) for name in BY_HAND} == {
        name: pytest.approx(by_hand, abs=1e-12) for name, (_, by_hand) in BY_HAND.items()
    }


def test_outputs_of_one_class_are_one_answer_and_none_of_the_nine_is_an_error(tmp_path: Path, in9: Audit) -> None:
    """Under Mixed-Same every output is another one than on the original, and only 16 means another class or none."""
    flips = in9.expect(flip_rate.under(stored("mixed_same")) < 0.5)
    right = in9.expect(accuracy > 0.5)
    bench = Bench(tmp_path)
    found = bench.run({"flips": flips, "right": right})
    assert values(found, "flip_rate.under(stored(mixed_same))").tolist() == [0.0] * IMAGES
    assert values(found, "accuracy").tolist() == [1.0] * 16 + [0.0, 1.0]


def test_the_backgrounds_are_tried_until_one_flips(tmp_path: Path, in9: Audit) -> None:
    found = Bench(tmp_path).run({"a": in9.expect(adversarial_background_rate().under(OTHER) <= 1)})
    steps = column(found, f"adversarial_background_rate.under({OTHER})").steps
    assert [steps[at] for at in range(17)] == [1] * 8 + [16] * 8 + [0]
    assert 1 <= steps[17] <= 16


def test_an_unchanged_run_asks_the_model_nothing(tmp_path: Path, in9: Audit) -> None:
    bench = Bench(tmp_path)
    first, again = bench.run(asked(in9)), bench.run(asked(in9))
    assert cost(again) == (0, 0) and what(again) == what(first)


AUDIT = """
from end_to_end.small_imagenet9 import Classifier
from modelaudit import Preprocessing, correct

in9 = Audit(Classifier, "imagenet9:bg_challenge", preprocessing=Preprocessing())
another_class = swap_background("other_class")

background_gap = in9.expect(accuracy.under(stored("mixed_same")) - accuracy.under(stored("mixed_rand")) < 0.9)
some_background_flips = in9.expect(adversarial_background_rate().under(another_class) < 0.9)
of_the_right_ones = in9.expect(adversarial_background_rate().under(another_class).where(correct) < 0.9)
"""


def test_the_same_numbers_stand_in_the_record_of_a_session(pytester: pytest.Pytester) -> None:
    line = Line(pytester)
    written(line.path / "bg_challenge")
    line.audit(AUDIT)
    line.run()
    estimates = {name: case.decision.estimate for name, case in line.cases().items() if case.decision is not None}
    assert estimates == {
        "background_gap": pytest.approx(8 / 18),
        "some_background_flips": pytest.approx(9 / 17),
        "of_the_right_ones": pytest.approx(9 / 17),
    }
    assert line.record().data[0].labels == dict.fromkeys(CLASSES, 2)

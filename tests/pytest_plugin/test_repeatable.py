"""A model that draws has no verdict, in whatever batches it is run."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import Line


@pytest.mark.parametrize("batch", [1, 10, 16])
def test_a_model_with_dropout_left_on_is_an_error_and_the_others_go_on(line: Line, batch: int) -> None:
    line.audit(
        """
        class Draws(Colour):
            def forward(self, images):
                uneven = images * torch.linspace(1, 2, images.shape[-1])  # no two sets of pixels have one mean
                return super().forward(nn.functional.dropout(uneven, 0.5, training=True))

        draws = Audit(**told(Draws())).expect(accuracy > 0.1)
        sound = Audit(**told()).expect(accuracy > 0.5)
        """
    )
    result = line.run("--audit-micro-batch", str(batch))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    cases = line.cases()
    assert {name: case.verdict for name, case in cases.items()} == {"draws": "ERROR", "sound": "PASS"}
    assert "dropout is left on in forward()" in cases["draws"].message


def test_nothing_of_it_is_stored(line: Line) -> None:
    line.store = "store"
    line.audit(
        """
        def predict(images):
            return torch.rand(len(images), 2).numpy()

        from modelaudit.models import black_box
        draws = Audit(**told(black_box(predict))).expect(accuracy.under(gaussian_noise(1)) > 0.1)
        """
    )
    for _ in range(2):
        assert line.run().ret == pytest.ExitCode.TESTS_FAILED
        assert line.cases()["draws"].verdict == "ERROR"


def test_a_black_box_that_says_that_it_draws_is_measured_and_marked(line: Line) -> None:
    line.audit(
        """
        def predict(images):
            answers = images[:, :, 4:8, 4:8].mean((2, 3))[:, :2]
            return answers + 0.01 * torch.rand(len(images), 2).numpy()

        from modelaudit.models import black_box
        draws = Audit(**told(black_box(predict, deterministic=False))).expect(accuracy > 0.5)
        sound = Audit(**told()).expect(accuracy > 0.5)
        """
    )
    line.checks = None
    result = line.run()
    assert result.ret == pytest.ExitCode.OK
    cases = line.cases()
    assert {name: (case.verdict, case.weakened) for name, case in cases.items()} == {
        "draws": ("PASS", ["not_deterministic"]),
        "sound": ("PASS", []),
    }
    (note,) = [note for model in line.record().models for note in model.notes if note.startswith("answers:")]
    assert note.startswith("answers: declared as not deterministic")
    assert "1 of 2 verdicts weakened: the model may answer otherwise each time" in result.stdout.str()
    summary = (line.path / "audit-results" / "latest" / "summary.md").read_text(encoding="utf-8")
    assert summary.count("the model may answer otherwise each time") == 1

"""What is said about a model's outputs is read back from a record as it was said."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from modelaudit.language.scores import UNSAID, Scores, ScoreSettings, recorded_settings


@dataclass(frozen=True)
class Recorded:
    kind: Scores
    output: str | None = None
    threshold: float | None = None


@pytest.mark.parametrize(
    ("recorded", "settings"),
    [
        (None, UNSAID),
        (Recorded("logits"), ScoreSettings("logits")),
        (Recorded("binary", "scores"), ScoreSettings("binary", "scores")),
        (Recorded("logits", "1"), ScoreSettings("logits", 1)),  # the record has an index as text
        (Recorded("multilabel", None, 0.3), ScoreSettings("multilabel", None, 0.3)),
    ],
)
def test_a_record_opens_a_model_as_it_was(recorded: Recorded | None, settings: ScoreSettings) -> None:
    assert recorded_settings(recorded) == settings

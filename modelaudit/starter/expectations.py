"""The default expectations: what a first audit of these data asks, and what a look without an audit file asks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ..language.expression import Expectation
from ..language.parser import parse
from ..language.spec import name_text
from .subject import Subject

_MOST = 8
#: labels that say that nothing is wrong with a part, in lower case without signs
_GOOD = frozenset(
    {
        *("good", "ok", "okay", "free", "normal", "pass", "passed", "clean", "intact", "fine", "accept", "accepted"),
        *("nodefect", "defectfree", "nodefects", "undamaged", "healthy", "negative", "io"),
        *("良品", "正常", "合格", "良", "合格品", "正常品"),
    }
)
#: how much better than always naming the most frequent label a model may be that does not see the object
_WITHOUT_OBJECT = 0.2


@dataclass(frozen=True)
class StartingExpectation:
    """A default expectation: its name, its text in the language, and the question that it answers."""

    name: str
    text: str
    question: str

    @property
    def expectation(self) -> Expectation:
        """What it states."""
        return parse(self.text)


def starting_expectations(subject: Subject) -> tuple[StartingExpectation, ...]:
    """Six to eight expectations that make sense for these data and this model, the most telling first.

    Their thresholds are proposals: what is enough is to be agreed with whoever relies on the model.
    """
    return tuple(islice(_expectations(subject), _MOST))


def good_label(subject: Subject) -> str | None:
    """The label of parts without a defect, where exactly one says so; None elsewhere."""
    good = [label for label in subject.labels if _plain(label) in _GOOD]
    return good[0] if len(good) == 1 and len(subject.labels) > 1 else None


def _expectations(subject: Subject) -> Iterator[StartingExpectation]:
    yield StartingExpectation("is_right", "accuracy > 0.9", "Is it right on the images as they are?")
    good = good_label(subject)
    if good is not None:
        yield from _on_defects(name_text(good))
    if subject.objects != "none":
        yield from _on_the_background(subject)
    yield StartingExpectation(
        "survives_lighting", _drop("lighting(3)"), "What does light from one side cost, at severity 3 of 5?"
    )
    yield StartingExpectation(
        "survives_noise", _drop("sensor_noise(3200)"), "What does the noise of a camera at ISO 3200 cost?"
    )
    if subject.groups > 1:
        yield StartingExpectation(
            "is_right_in_every_group", "worst_group_accuracy(by=group) > 0.8", "Is it right in the worst group?"
        )
    if subject.objects == "none":
        yield from _on_the_camera()
    else:
        yield StartingExpectation(
            "survives_exposure", _drop("exposure(-1)"), "What does an exposure one stop too short cost?"
        )


def _on_defects(good: str) -> Iterator[StartingExpectation]:
    yield StartingExpectation(
        "misses_few_defects", f"miss_rate({good}) < 0.05", "How many defective parts does it call good?"
    )
    yield StartingExpectation(
        "raises_few_false_alarms", f"false_alarm_rate({good}) < 0.1", "How many good parts does it call defective?"
    )


def _on_the_background(subject: Subject) -> Iterator[StartingExpectation]:
    swap = f"swap_background({'other_class' if len(subject.labels) > 1 else 'random'})"
    yield StartingExpectation(
        "survives_another_background", _drop(swap), "What do the backgrounds of other images cost?"
    )
    yield StartingExpectation(
        "keeps_its_answer",
        f"flip_rate.under({swap}) < 0.1",
        "How many answers change with the background, right or wrong?",
    )
    method = subject.method
    if subject.objects == "box":
        yield StartingExpectation(
            "looks_at_the_object",
            f"energy_pointing_game({method}).under({swap}) > 0.5",
            "Where does it look: how much of the heat map lies in the box of the object?",
        )
    else:
        yield StartingExpectation(
            "looks_at_the_object",
            f"background_dependence({method}).under({swap}) < 0.4",
            "Where does it look: how much of the heat map lies on the background? A uniform map has 0.5.",
        )
    counts = [count for label, count in subject.labels.items() if label not in subject.without_object]
    most = max(counts) / sum(counts)
    limit = round(most + _WITHOUT_OBJECT, 2)
    if limit < 1:
        yield StartingExpectation(
            "needs_the_object",
            f"accuracy.under(remove_object) < {limit:g}",
            f"Is it right without the object? Naming the most frequent label always would be in {most:.0%}.",
        )


def _on_the_camera() -> Iterator[StartingExpectation]:
    yield StartingExpectation(
        "survives_exposure", _drop("exposure(-1)"), "What does an exposure one stop too short cost?"
    )
    yield StartingExpectation("survives_defocus", _drop("defocus(2)"), "What does a picture out of focus cost?")
    yield StartingExpectation(
        "survives_compression", _drop("jpeg(40)"), "What does storing the picture as a JPEG of quality 40 cost?"
    )
    yield StartingExpectation(
        "keeps_its_answer", "flip_rate.under(shift(8)) < 0.1", "How many answers change when the camera moves a little?"
    )


def _drop(context: str) -> str:
    return f"accuracy - accuracy.under({context}) < 0.05"


def _plain(label: str) -> str:
    text = unicodedata.normalize("NFKC", label).lower()
    return "".join(letter for letter in text if letter.isalnum())

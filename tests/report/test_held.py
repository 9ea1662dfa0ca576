"""What page one says of a lock."""

from __future__ import annotations

import pytest
from report.sample_record import record

from modelaudit.evidence.record import Departure, LockRecord, RunRecord, ShownVerification
from modelaudit.report.held import departure_sentence, lock_lines
from modelaudit.report.words import Words, words_of

EN, JA = words_of("en"), words_of("ja")

THRESHOLD = Departure(what="expectation", where="audits/a.py::right", agreed="accuracy > 0.5", found="accuracy > 0.4")
IMAGE = Departure(what="image", where="red/00.png", agreed=f"sha256 {'ab' * 32}", found=f"sha256 {'cd' * 32}")
ADDED = Departure(what="sample", where="red/99.png", agreed=None, found="there")


def held(*departures: Departure, signed_by: tuple[str, ...] = ("vendor",)) -> RunRecord:
    lock = LockRecord(
        sha256="ef" * 32, created="2026-11-12T09:00:00+00:00", signed_by=list(signed_by), departures=list(departures)
    )
    return record().model_copy(update={"lock": lock})


def test_a_run_without_a_lock_says_nothing_of_one() -> None:
    assert list(lock_lines(record(), EN)) == [] and departure_sentence(record(), EN) == ""


def test_what_departs_is_said_with_what_was_agreed_and_what_was_found() -> None:
    head, threshold, image, added, level = lock_lines(held(THRESHOLD, IMAGE, ADDED), EN)
    assert head.text == "Held to the lock of November 12, 2026 (sha256 efefefefefef), signed by vendor"
    assert threshold.text == "requirement audits/a.py::right: agreed: accuracy > 0.5, found: accuracy > 0.4"
    assert image.text == "image red/00.png: agreed: sha256 abababababab, found: sha256 cdcdcdcdcdcd"
    assert added.text == "sample red/99.png: not in the lock, found: there"
    assert [head.unmet, threshold.unmet] == [False, True]
    assert level.text == "Not verified by the other party: modelaudit verify checks it"


@pytest.mark.parametrize("words", [EN, JA], ids=["en", "ja"])
def test_of_many_departures_the_first_are_shown_and_the_rest_are_counted(words: Words) -> None:
    many = held(*[THRESHOLD] * 8)
    *_, last, _ = lock_lines(many, words)
    assert len(list(lock_lines(many, words))) == 8 and "3" in last.text
    assert "7" in departure_sentence(many, words)
    assert "audits/a.py::right" in departure_sentence(many, words)


def test_the_sentence_names_the_first_departure_and_counts_the_others() -> None:
    said = departure_sentence(held(IMAGE, THRESHOLD, ADDED), EN)
    assert "image red/00.png" in said and "2" in said
    assert "audits/a.py::right" not in said and "red/99.png" not in said
    alone = departure_sentence(held(ADDED), EN)
    assert "sample red/99.png: not in the lock, found: there" in alone and "more" not in alone


def test_a_lock_that_nobody_signed_is_no_proof() -> None:
    head, _ = lock_lines(held(signed_by=()), EN)
    assert head.unmet and "nobody has signed" in head.text


@pytest.mark.parametrize(
    ("level", "signed_by", "said"),
    [
        ("spot_checked", ["vendor"], "spot-checked (some images were measured again); signatures: vendor"),
        ("self_declared", [], "self-declared (consistent in itself, nobody vouches for it)"),
        ("none", [], "something does not hold"),
    ],
)
def test_the_level_that_a_verification_reached_is_shown(level: str, signed_by: list[str], said: str) -> None:
    shown = ShownVerification(level=level, signed_by=signed_by)  # type: ignore[arg-type]
    (line,) = lock_lines(record(verified=shown), EN)
    assert line.text == f"Verified by modelaudit verify: {said}" and line.unmet == (level == "none")

"""Reviews as they are read: what a page saves, and what nobody's page does."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from modelaudit.evidence.review import (
    LONGEST_COMMENT,
    LONGEST_NAME,
    Review,
    ReviewAnswer,
    ReviewPicture,
    ReviewRecord,
)

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def picture(name: str = "a", **changed: Any) -> dict[str, Any]:
    return {name_: digest(f"{name} {name_}") for name_ in ("model", "image", "changed", "map")} | changed


def answer(**changed: Any) -> dict[str, Any]:
    return {"picture": picture(), "looks_at": "object"} | changed


def review(**changed: Any) -> dict[str, Any]:
    fields = {"run": digest("run"), "reviewer": "Aoi Sato", "seed": 3, "answers": [answer()]}
    return {**fields, "started": NOW, "finished": NOW + timedelta(minutes=4), **changed}


def test_what_a_page_saves_is_read_and_written_again() -> None:
    read = Review.model_validate(review())
    assert Review.model_validate_json(read.model_dump_json()) == read
    assert read.answers[0].comment == "" and read.answers[0].map_plausible is None


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"verdict": "PASS"}, "verdict"),
        ({"run": "0" * 63}, "run"),
        ({"run": "0" * 64 + "\n"}, "run"),
        ({"reviewer": ""}, "reviewer"),
        ({"reviewer": "n" * (LONGEST_NAME + 1)}, "reviewer"),
        ({"reviewer": " "}, "reviewer"),
        ({"reviewer": "Aoi\nSato"}, "on one line"),
        ({"reviewer": "Aoi\u200b"}, "on one line"),
        ({"reviewer": "\x1b[32mAoi"}, "on one line"),
        ({"reviewer": "Aoi\u202eotaS"}, "on one line"),
        ({"started": NOW + timedelta(hours=1)}, "is before started"),
        ({"started": NOW.replace(tzinfo=None)}, "started"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"answers": []}, "answers"),
        ({"answers": [answer(), answer(looks_at="background")]}, "answered twice"),
        ({"answers": [answer(looks_at="elsewhere")]}, "looks_at"),
        ({"answers": [answer(looks_at=None)]}, "looks_at"),
        ({"answers": [answer(comment="x" * (LONGEST_COMMENT + 1))]}, "comment"),
        ({"answers": [answer(comment=7)]}, "comment"),
        ({"answers": [answer(map_plausible="yes", picture=picture(map=None))]}, "has no heat map"),
        ({"answers": [answer(change_realistic="no", picture=picture(changed=None))]}, "has no changed image"),
        ({"answers": [answer(picture=picture(image="../run.json"))]}, "image"),
    ],
)
def test_what_no_page_saves_is_refused(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Review.model_validate(review(**changed))


@given(st.text(max_size=200))
def test_a_comment_loses_control_characters_and_nothing_else(text: str) -> None:
    read = ReviewAnswer.model_validate(answer(comment=text)).comment
    assert not any((ord(letter) < 32 and letter != "\n") or 127 <= ord(letter) < 160 for letter in read)
    assert ReviewAnswer.model_validate(answer(comment=read)).comment == read
    if all(unicodedata.category(letter) != "Cc" for letter in text):
        assert read == text.strip()


def test_a_picture_is_told_apart_by_each_of_its_four_parts() -> None:
    variants = [picture(), *(picture(**{name: digest("other")}) for name in ("model", "image", "changed", "map"))]
    variants += [picture(changed=None), picture(map=None), picture(changed=None, map=picture()["changed"])]
    assert len({ReviewPicture.model_validate(one).digest for one in variants}) == len(variants)
    assert ReviewPicture(model="0" * 64, image="1" * 64).digest == digest(
        f"model {'0' * 64}\nimage {'1' * 64}\nchanged -\nmap -\n"
    )


def test_one_name_is_one_person_however_it_is_written() -> None:
    names = ["Aoi Sato", "aoi sato", "\uff21\uff4f\uff49\u3000\uff33\uff41\uff54\uff4f"]  # the last one full width
    found = {
        ReviewRecord(file="a.json", sha256=digest("a"), review=Review.model_validate(review(reviewer=name))).person
        for name in names
    }
    assert found == {"aoi sato"}
    signed = ReviewRecord(
        file="a.json", sha256=digest("a"), signed_by="Ren Mori", review=Review.model_validate(review())
    )
    assert (signed.who, signed.person) == ("Ren Mori", "ren mori")

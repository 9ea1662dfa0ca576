"""Reviews: what people say of the pictures of a run, each bound to the model and the files that it looks at.

A picture for review is the same one wherever the digests of its model, its image, its changed image and its heat map
are the same, so that a review counts for every later run that shows it.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from ..language.plain_text import plain
from .part import Part

LooksAt = Literal["object", "background", "both", "cannot_tell"]
Opinion = Literal["yes", "no", "cannot_tell"]
#: how a note on a review begins
REVIEW_NOTE = "reviews/"
LONGEST_NAME, LONGEST_COMMENT, MOST_ANSWERS = 100, 2_000, 10_000


def _name(text: object) -> object:
    """A name with single spaces, on one line and without anything that would hide or move text where it is shown."""
    if not isinstance(text, str):
        return text
    if plain(text, len(text)) != text:
        raise ValueError("must be a name on one line, without characters that cannot be seen")
    return " ".join(text.split())


def _comment(text: object) -> object:
    """A comment without control characters, which pasted text may bring; its lines stay."""
    if not isinstance(text, str):
        return text
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    seen = "".join(" " if letter != "\n" and unicodedata.category(letter) == "Cc" else letter for letter in lines)
    return seen.strip()


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, BeforeValidator(_name), Field(min_length=1, max_length=LONGEST_NAME)]
Comment = Annotated[str, BeforeValidator(_comment), Field(max_length=LONGEST_COMMENT)]


class ReviewPicture(Part):
    """What was shown, by digest.

    ``model``: its fingerprint. ``image``: sha256 of the file with the original as shown. ``changed``: of the changed
    image; None if the original alone was shown. ``map``: of the heat map's file; None if none was shown.
    """

    model: Sha256
    image: Sha256
    changed: Sha256 | None = None
    map: Sha256 | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of four lines, ``model``, ``image``, ``changed`` and ``map``, each with its digest or ``-``."""
        lines = [f"{name} {getattr(self, name) or '-'}\n" for name in ("model", "image", "changed", "map")]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


class ReviewAnswer(Part):
    """What a reviewer says of one picture.

    ``looks_at`` and ``map_plausible``: None if no map was shown. ``change_realistic``: None if nothing was
    changed. The latter two may be left open.
    """

    picture: ReviewPicture
    looks_at: LooksAt | None = None
    map_plausible: Opinion | None = None
    change_realistic: Opinion | None = None
    comment: Comment = ""

    @model_validator(mode="after")
    def _about_what_was_shown(self) -> ReviewAnswer:
        if self.map_plausible is not None and self.picture.map is None:
            raise ValueError("map_plausible is answered, and the picture has no heat map")
        if self.change_realistic is not None and self.picture.changed is None:
            raise ValueError("change_realistic is answered, and the picture has no changed image")
        if (self.looks_at is None) != (self.picture.map is None):
            raise ValueError("looks_at must be answered where the picture has a heat map, and nowhere else")
        return self


class Review(Part):
    """``review.json`` as the review page saves it: one person's answers, each picture once.

    ``run``: sha256 of the ``run.json`` whose pictures were shown; it binds nothing, the digests of the pictures do.
    ``started`` and ``finished`` are what the reviewer's machine says. ``seed``: of the order of the pictures.
    """

    schema_version: Literal[1] = 1
    run: Sha256
    reviewer: Name
    started: AwareDatetime
    finished: AwareDatetime
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    answers: Annotated[list[ReviewAnswer], Field(min_length=1, max_length=MOST_ANSWERS)]

    @model_validator(mode="after")
    def _each_picture_once(self) -> Review:
        if self.finished < self.started:
            raise ValueError(f"finished ({self.finished}) is before started ({self.started})")
        seen: set[ReviewPicture] = set()
        for at, answer in enumerate(self.answers):
            if answer.picture in seen:
                raise ValueError(f"answers[{at}]: the picture {answer.picture.digest} is answered twice")
            seen.add(answer.picture)
        return self


class ReviewRecord(Part):
    """A review that counts for a run: its file in ``audits/reviews`` by name and sha256.

    ``signed_by``: the reviewer of the agreement whose signature on the file fits; None if nobody's was asked for.
    """

    file: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}\.json$")]
    sha256: Sha256
    signed_by: Name | None = None
    review: Review

    @property
    def who(self) -> str:
        """The reviewer's name: of the key where it is signed."""
        return self.signed_by or self.review.reviewer

    @property
    def person(self) -> str:
        """What tells reviewers apart: the name, whatever its case, width and spaces."""
        return " ".join(unicodedata.normalize("NFKC", self.who).casefold().split())

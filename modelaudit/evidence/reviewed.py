"""The rule of reviews: what passes by its numbers stays open until enough people have looked at its pictures.

A review of a case is complete where one person has answered every picture of it (what its heat map highlights, or,
without a map, whether its change is realistic), and could tell that of one of them at least. Of several answers of one
person to one picture the last counts. People are told apart by the keys that they sign with, or else by their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Literal

from ..statistics import Reason, Verdict
from ..statistics.raters import RaterAgreement as RaterAgreement
from ..statistics.raters import rater_agreement
from .case_record import CaseRecord
from .review import Review, ReviewAnswer, ReviewPicture, ReviewRecord
from .review_pictures import PictureFiles, pictures_of_case
from .states import is_exception, standing_of

#: digits of a SHA-256 that name a picture in older records
_LEAST_DIGITS = 24
_Key = tuple[str, ...]
PictureField = Literal["model", "image", "changed", "map"]
_FIELDS: tuple[PictureField, ...] = ("model", "image", "changed", "map")


class Answers:
    """What every person says of every picture of a run.

    Args:
        fingerprints: of the models, by what a record names them by.
    """

    def __init__(self, reviews: Iterable[ReviewRecord], fingerprints: Mapping[str, str]) -> None:
        self._fingerprints = fingerprints
        self._given: dict[_Key, dict[str, ReviewAnswer]] = {}
        for one in sorted(reviews, key=lambda one: (one.review.finished, one.sha256)):
            for answer in one.review.answers:
                self._given.setdefault(_key_of(answer.picture), {})[one.person] = answer

    def to(self, files: PictureFiles) -> dict[str, ReviewAnswer]:
        """The answers to a picture by person."""
        shown = _digests(files, self._fingerprints)
        found = self._given.get(tuple(digest[:_LEAST_DIGITS] for digest in shown), {})
        return {person: answer for person, answer in found.items() if _fits(answer.picture, shown)}

    def complete(self, case: CaseRecord) -> list[str]:
        """The people whose review of a case is complete, in the order of their names."""
        told = [
            {person: said for person, answer in self.to(files).items() if (said := main_answer(answer)) is not None}
            for files in pictures_of_case(case)
        ]
        people = set.intersection(*map(set, told)) if told else set()
        return sorted(one for one in people if any(said[one] != "cannot_tell" for said in told))


def main_answer(answer: ReviewAnswer) -> str | None:
    """What the heat map highlights, or, without a map, whether the change is realistic; None where that is open."""
    return answer.looks_at if answer.picture.map is not None else answer.change_realistic


def with_reviews(case: CaseRecord, answers: Answers, *, quick_look: bool) -> CaseRecord:
    """The case with how many reviews of it are complete, and the verdict that follows: a PASS that lacks some is open.

    FAIL, ERROR and any other INCONCLUSIVE stay what they are, and so do known-bad models and quick looks.
    """
    if case.reviewed_by is None or case.decision is None or case.verdict in (None, "ERROR"):
        return case
    complete = len(answers.complete(case))
    changes: dict[str, object] = {"complete_reviews": complete}
    if case.verdict == "PASS" or case.reason == Reason.REVIEW_OPEN:
        is_open = complete < case.reviewed_by and not case.must_fail and not quick_look
        changes["verdict"] = Verdict.INCONCLUSIVE.value if is_open else Verdict.PASS.value
        changes["reason"] = Reason.REVIEW_OPEN.value if is_open else None
    return case.model_copy(update=changes)


def differing_parts(
    answers: Sequence[ReviewAnswer], cases: Iterable[CaseRecord], fingerprints: Mapping[str, str]
) -> Iterator[tuple[ReviewPicture, PictureField]]:
    """The pictures of a review that a run does not show, each with the first part that is another one there."""
    known: dict[_Key, set[_Key]] = {}
    for case in cases:
        for files in pictures_of_case(case):
            shown = _digests(files, fingerprints)
            for end in range(1, len(_FIELDS) + 1):
                known.setdefault(tuple(digest[:_LEAST_DIGITS] for digest in shown[:end]), set()).add(shown[:end])
    for answer in answers:
        own, key = _parts_of(answer.picture), _key_of(answer.picture)
        for end, part in enumerate(_FIELDS, 1):
            if not any(_begins(own[:end], shown) for shown in known.get(key[:end], ())):
                yield answer.picture, part
                break


def is_void(review: Review, cases: Iterable[CaseRecord], fingerprints: Mapping[str, str]) -> bool:
    """Whether a review answers no picture of a run."""
    return len(list(differing_parts(review.answers, cases, fingerprints))) == len(review.answers)


def decided_anew(
    case: CaseRecord, answers: Answers, *, start: datetime, tolerated: bool, quick_look: bool = False
) -> CaseRecord:
    """A case of a record after more reviews, with the ending that pytest would have given it.

    Args:
        start: of the run, when waivers were in force.
        tolerated: INCONCLUSIVE fails no item (``--audit-inconclusive=warn``).
        quick_look: the run decides nothing, and nothing in it waits for reviews.
    """
    before, case = case, with_reviews(case, answers, quick_look=quick_look)
    if case.verdict == before.verdict or case.standing not in ("counted", "advisory", "waived"):
        return case
    waived = case.waiver is not None and case.waiver.covers(case.verdict, start)
    standing = standing_of(case, waived=waived)
    kept = [one for one in case.weakened if one != "tolerated"]
    found = case.model_copy(update={"standing": standing, "weakened": kept})
    if case.verdict == "PASS":
        return found.model_copy(update={"outcome": "passed"})
    if is_exception(found):
        return found.model_copy(update={"outcome": "xfailed"})
    if tolerated:
        return found.model_copy(update={"outcome": "warned", "weakened": [*kept, "tolerated"]})
    return found.model_copy(update={"outcome": "failed"})


@lru_cache(maxsize=64)  # a report is laid out several times
def agreement_of(answers: tuple[tuple[tuple[str, str], ...], ...]) -> RaterAgreement:
    """How far people agree.

    Args:
        answers: of each picture, as pairs of a person and an answer.
    """
    return rater_agreement([dict(one) for one in answers])


def _digests(files: PictureFiles, fingerprints: Mapping[str, str]) -> _Key:
    """What names a picture in a record: the model's fingerprint, and the digests that its files are named by."""
    names = (files.image, files.changed, files.map)
    return fingerprints.get(files.model, ""), *("" if name is None else PurePosixPath(name).stem for name in names)


def _parts_of(picture: ReviewPicture) -> _Key:
    return picture.model, picture.image, picture.changed or "", picture.map or ""


def _key_of(picture: ReviewPicture) -> _Key:
    return tuple(digest[:_LEAST_DIGITS] for digest in _parts_of(picture))


def _fits(picture: ReviewPicture, shown: _Key) -> bool:
    return _begins(_parts_of(picture), shown)


def _begins(digests: _Key, shown: _Key) -> bool:
    """Whether full digests are those that a record has, or the beginning of in older ones; the model's is whole."""
    if digests[0] != shown[0]:
        return False
    return all(
        digest == name if len(name) < _LEAST_DIGITS else digest.startswith(name)
        for digest, name in zip(digests[1:], shown[1:], strict=True)
    )

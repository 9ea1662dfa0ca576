"""The pictures of a run that people reviewed, with what each of them says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..evidence.record import CaseRecord, GalleryRow, Panel, ReviewAnswer, RunRecord
from ..evidence.review_pictures import PictureFiles, pictures_of_case
from ..evidence.reviewed import Answers, RaterAgreement, agreement_of

#: so many pictures that reviewers say different things of are shown, and no more
MOST_SHOWN = 12
QUESTIONS = ("looks_at", "map_plausible", "change_realistic")


@dataclass(frozen=True)
class ReviewedPicture:
    """A picture with its answers, by person; ``case``: the place of a requirement that shows it, in ``row``."""

    files: PictureFiles
    case: int
    row: GalleryRow
    answers: Mapping[str, ReviewAnswer]

    @property
    def panels(self) -> list[int]:
        """Which panels of the row it is made of."""
        wanted = {"original": self.files.image, "context": self.files.changed}
        return [
            at
            for at, panel in enumerate(self.row.panels)
            if panel.model == self.files.model
            and (
                (panel.map is not None and panel.map == self.files.map and panel.kind == "attribution")
                or (panel.kind != "attribution" and panel.file == wanted[panel.kind])
            )
        ]

    @property
    def map(self) -> Panel | None:
        """The heat map."""
        return next((self.row.panels[at] for at in self.panels if self.row.panels[at].kind == "attribution"), None)

    def said(self, question: str) -> dict[str, str]:
        """The answers to one of the three questions, by person; those that are open are left out."""
        found = {person: getattr(answer, question) for person, answer in self.answers.items()}
        return {person: said for person, said in found.items() if said is not None}

    @property
    def differing(self) -> tuple[str, ...]:
        """The questions that people answer differently."""
        return tuple(question for question in QUESTIONS if len(set(self.said(question).values())) > 1)


def reviewed_pictures(record: RunRecord) -> list[ReviewedPicture]:
    """Every picture that somebody reviewed, once, in the order of the requirements."""
    if not record.reviews:
        return []
    answers, found = Answers(record.reviews, record.fingerprints), dict[PictureFiles, ReviewedPicture]()
    people = list(dict.fromkeys(one.person for one in record.reviews))
    for index, case in enumerate(record.cases):
        for files, row in pictures_with_rows(case):
            if files not in found and (given := answers.to(files)):
                ordered = {person: given[person] for person in people if person in given}
                found[files] = ReviewedPicture(files, index, row, ordered)
    return list(found.values())


def pictures_with_rows(case: CaseRecord) -> Iterator[tuple[PictureFiles, GalleryRow]]:
    """Every picture of a case that reviewers answer, with the row that it is of."""
    rows = case.review or case.gallery
    for files in pictures_of_case(case):
        row = next(row for row in rows if any(panel.file == files.image for panel in row.panels))
        yield files, row


def to_settle(record: RunRecord) -> list[ReviewedPicture]:
    """The pictures that people answer differently, and then those that they comment on."""
    found = reviewed_pictures(record)
    differing = [one for one in found if one.differing]
    return differing + [
        one for one in found if not one.differing and any(answer.comment for answer in one.answers.values())
    ]


def agreement_on(question: str, pictures: list[ReviewedPicture]) -> RaterAgreement:
    """How far people agree on one of the questions."""
    return agreement_of(tuple(tuple(sorted(one.said(question).items())) for one in pictures))

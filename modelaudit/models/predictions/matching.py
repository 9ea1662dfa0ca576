"""Whether answers fit the manifest: every picture once, as it was written, with labels that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ...language.errors import ModelError, nearest
from .answers import StoredAnswers
from .damage import Damage
from .manifest import RenderManifest

_MOST_CLASSES = 100_000


@dataclass(frozen=True)
class MatchedAnswers:
    """Answers by the names of their pictures.

    Args:
        rows: the row of each picture that was answered.
        unanswered: pictures of the manifest without an answer.
        classes: the names by index; None where labels are indices.
        outputs: how many classes there are; 1 of a score for yes or no.
        scores: [n, outputs], or of labels [n, labels] those beside them; None without.
        ranked: [n, labels] the classes of the strongest labels; None of scores.
    """

    rows: Mapping[str, int]
    unanswered: int
    classes: tuple[str, ...] | None
    outputs: int
    scores: NDArray[np.float32] | None
    ranked: NDArray[np.int64] | None


def match_answers(
    answers: StoredAnswers,
    manifest: RenderManifest,
    stated: Sequence[str] | None,
    allowed: float | None,
    damage: Damage,
) -> MatchedAnswers:
    """The answers to the pictures of a manifest.

    Args:
        stated: the class names by index, where the audit says them; else they are the labels of the data.
        allowed: the share of the pictures that may be without an answer.

    Raises:
        ModelError: anything does not fit; each kind with its number and examples.
    """
    rows, refused = _rows(answers, manifest, damage)
    _count_unanswered(rows.keys() | refused, manifest, allowed, damage)
    known = tuple(manifest.header.classes) if stated is None else tuple(stated)
    indices = stated is None and bool(known) and all(name.isdecimal() for name in known)
    if answers.kind == "top":
        ranked, outputs = _ranked(answers, known, indices, damage)
        damage.refuse()
        found = MatchedAnswers(rows, 0, None if indices else known, outputs, answers.scores, ranked)
    else:
        order, classes, outputs = _columns(answers, known, stated is not None, indices, damage)
        damage.refuse()
        assert answers.scores is not None
        found = MatchedAnswers(rows, 0, classes, outputs, answers.scores[:, order], None)
    return MatchedAnswers(**{**vars(found), "unanswered": len(manifest.pictures) - len(rows)})


def _rows(answers: StoredAnswers, manifest: RenderManifest, damage: Damage) -> tuple[dict[str, int], set[str]]:
    """The row of each picture, and the pictures whose row was refused: these are not missing."""
    rows: dict[str, int] = {}
    refused = {_name(written) for written in answers.refused}
    for row, (written, place, digest) in enumerate(zip(answers.pictures, answers.places, answers.digests, strict=True)):
        name = _name(written)
        picture = manifest.pictures.get(name)
        if picture is None:
            damage.count(
                "row(s) of a picture that the manifest does not hold",
                f"{place}: {written!r}{_other_case(name, manifest)}",
                "leave them out, or give the manifest of the folder that the box read: ?manifest=FOLDER/manifest.jsonl",
            )
        elif digest and digest.lower() != picture.sha256:
            refused.add(name)
            damage.count(
                "picture(s) of which the box read another content (sha256)",
                f"{place}: {name}",
                "the files were changed after they were written, or are those of another folder: render again, and run "
                "the box on what is written",
            )
        elif name in rows:
            same = _same(answers, rows[name], row)
            damage.count(
                f"picture(s) answered twice, {'with the same answer' if same else 'with different answers'}",
                f"{name} ({answers.places[rows[name]]} and {place})",
                "keep one row a picture",
            )
        else:
            rows[name] = row
    return rows, refused


def _name(written: str) -> str:
    """The name of a picture in what a row says: the name, or the path of its file."""
    return PurePosixPath(written.replace("\\", "/")).name.partition(".")[0]


def _other_case(name: str, manifest: RenderManifest) -> str:
    return f" (did you mean {name.lower()!r}?)" if name.lower() in manifest.pictures else ""


def _same(answers: StoredAnswers, one: int, other: int) -> bool:
    scores = answers.scores
    alike = scores is None or bool((scores[one] == scores[other]).all())
    return alike and (answers.kind == "scores" or answers.labels[one] == answers.labels[other])


def _count_unanswered(answered: Set[str], manifest: RenderManifest, allowed: float | None, damage: Damage) -> None:
    unanswered = [name for name in manifest.pictures if name not in answered]
    if len(unanswered) <= (allowed or 0.0) * len(manifest.pictures):
        return
    share = len(unanswered) / len(manifest.pictures)
    more = "" if allowed is None else f", and unanswered={allowed:g} allows fewer"
    for name in unanswered:
        damage.count(
            f"of {len(manifest.pictures)} pictures without an answer (a share of {share:.3g}{more})",
            name,
            "run the box on them; a share that may be missing is declared with ?unanswered=0.02, and each of these "
            "counts at its worst",
        )


def _columns(
    answers: StoredAnswers, known: tuple[str, ...], stated: bool, indices: bool, damage: Damage
) -> tuple[list[int], tuple[str, ...] | None, int]:
    """The order of the columns, the names of their classes, and how many outputs there are.

    Raises:
        ModelError: scores without names, of which nobody said which class is which.
    """
    width, names = answers.width, answers.names
    if names is None:
        if width == 1:
            return [0], known if stated else None, 1
        if stated and width != len(known):
            raise ModelError(f"{answers.path}: {width} scores a picture, and Audit(classes=...) names {len(known)}")
        if not stated and not (indices and max(map(int, known)) < width):
            raise ModelError(
                f"{answers.path}: {width} scores a picture without names; say which class is which: "
                "Audit(classes=[...]) in their order"
            )
        return list(range(width)), known if stated else None, width
    if indices:
        return _numbered(answers, names)
    absent = [name for name in known if name not in names]
    more = [name for name in names if name not in known]
    if absent and (stated or not answers.prefixed):
        for name in absent:
            damage.count("class(es) without a column", f"{name!r}{_near(name, more)}", _way_to_classes(stated))
    if more and (stated or not answers.prefixed):
        for name in more:
            damage.count(
                f"column(s) that are {'none of Audit(classes=...)' if stated else 'no label of the data'}",
                f"{name!r}{_near(name, absent or known)}",
                _way_to_classes(stated),
            )
    if not stated or absent or more:
        return list(range(width)), names, width
    at = {name: number for number, name in enumerate(names)}
    return [at[name] for name in known], known, width


def _way_to_classes(stated: bool) -> str:
    if stated:
        return "name the columns as Audit(classes=[...]) does"
    return (
        "leave other columns out; where the box has other classes than the data name them score:NAME, or give "
        "Audit(classes=[...])"
    )


def _numbered(answers: StoredAnswers, names: tuple[str, ...]) -> tuple[list[int], None, int]:
    """Columns that are named by the index of their class, since the labels of the data are indices."""
    try:
        numbers = sorted((int(name), at) for at, name in enumerate(names))
    except ValueError:
        numbers = []
    if [number for number, _ in numbers] != list(range(len(names))):
        raise ModelError(
            f"{answers.path}: the labels of the data are numbers, and the columns are {', '.join(names[:5])}…; name "
            "them 0, 1, 2, … without a gap, or give Audit(classes=[...])"
        )
    return [at for _, at in numbers], None, len(names)


def _near(name: str, known: Sequence[str]) -> str:
    """What a name is a misspelling of, other case or spaces first."""
    for other in known:
        if other.strip().lower() == name.strip().lower():
            return f" (did you mean {other!r}?)"
    found = nearest(name, known)
    return f" ({found.removeprefix('; ')})" if found.startswith("; did") else ""


def _ranked(
    answers: StoredAnswers, known: tuple[str, ...], indices: bool, damage: Damage
) -> tuple[NDArray[np.int64], int]:
    """[n, labels] the class of every label, and how many classes there are."""
    index = {name: at for at, name in enumerate(known)}
    if indices:
        index = {name: int(name) for name in known}
    outputs = max(index.values(), default=-1) + 1
    found = np.zeros((len(answers.pictures), answers.width), dtype=np.int64)
    for row, labels in enumerate(answers.labels):
        for rank, label in enumerate(labels):
            at = index.get(label)
            if at is None and indices and label.isdecimal() and int(label) < _MOST_CLASSES:
                at = index[label] = int(label)
                outputs = max(outputs, at + 1)
            if at is None:
                damage.count(
                    "label(s) that mean no class",
                    f"{answers.places[row]}: {label!r}{_near(label, known)}",
                    "write the labels as the data do, or name the classes of the box: Audit(classes=[...])",
                )
                break
            found[row, rank] = at
        else:
            if len(set(labels)) < len(labels):
                damage.count("row(s) that name a label twice", answers.places[row], "write the labels of each row once")
    return found, outputs

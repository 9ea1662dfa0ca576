"""Answers that do not fit: every kind is named with its number and examples, and none of them is opened."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.language.errors import ModelError
from modelaudit.language.picture_origin import PictureOrigin
from modelaudit.language.sample import Preprocessing
from modelaudit.language.scores import ScoreSettings
from modelaudit.models import LoadedModel, open_model
from modelaudit.models.predictions.manifest import ManifestHeader, RenderedPicture, manifest_text

CLASSES = ("free", "gear", "scratch")
GEOMETRY = Preprocessing(resize=64)
ORIGINS = [
    PictureOrigin(f"{number}.png", "5f", "", "original@1()", "", None, None, None, "(64, None, 'bilinear', True)")
    for number in range(6)
]
NAMES = [one.name for one in ORIGINS]
SHA = {name: f"{number:064x}" for number, name in enumerate(NAMES)}
#: of each picture, as logits
SCORES = {name: [float(number), 2.5, -1.0] for number, name in enumerate(NAMES)}
LABELS = {name: CLASSES[number % 3] for number, name in enumerate(NAMES)}


def write_manifest(folder: Path, **others: Any) -> Path:
    kept: dict[str, Any] = {"pictures": "png", "data": "folder:data", "audit": "", "made_with": "0"}
    geometry = json.loads(json.dumps(asdict(GEOMETRY)))
    head = ManifestHeader(**{**kept, "classes": CLASSES, "preprocessing": geometry, **others})
    path = folder / "manifest.jsonl"
    text = manifest_text(head, [RenderedPicture.of(one, "original", SHA[one.name]) for one in ORIGINS])
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def table(columns: list[str], rows: list[list[Any]], separator: str = ",") -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerows([columns, *rows])
    return text.getvalue()


def scores(change: Callable[[list[list[Any]]], Any] = lambda rows: None, columns: tuple[str, ...] = CLASSES) -> str:
    rows: list[list[Any]] = [[name, *SCORES[name]] for name in NAMES]
    return table(["picture", *columns], change(rows) or rows)


def labels(change: Callable[[list[list[Any]]], Any] = lambda rows: None) -> str:
    rows: list[list[Any]] = [[name, LABELS[name]] for name in NAMES]
    return table(["picture", "label"], change(rows) or rows)


def with_digests(change: Callable[[list[list[Any]]], Any] = lambda rows: None) -> str:
    rows: list[list[Any]] = [[name, SHA[name], *SCORES[name]] for name in NAMES]
    return table(["picture", "sha256", *CLASSES], change(rows) or rows)


def lines(*rows: Any) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def put(at: int, column: int, value: Any) -> Callable[[list[list[Any]]], None]:
    def change(rows: list[list[Any]]) -> None:
        rows[at][column] = value

    return change


def opened(folder: Path, text: str | bytes, name: str = "answers.csv", options: str = "", **others: Any) -> LoadedModel:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_model(f"predictions:{name}{options}", root=folder, **others)


def json_scores(name: str, **changes: Any) -> dict[str, Any]:
    return {"picture": name, "scores": dict(zip(CLASSES, SCORES[name], strict=True)), **changes}


ALL_LINES = [json_scores(name) for name in NAMES]
DAMAGE: dict[str, tuple[str, str, str]] = {
    # what is wrong: the file, its content, what is said
    "answers are missing": (
        "answers.csv",
        scores(lambda rows: rows[:4]),
        f"2 of 6 pictures without an answer .*: {NAMES[4]}|2 of 6 pictures without an answer .*{NAMES[5]}",
    ),
    "an answer is there twice": (
        "answers.csv",
        scores(lambda rows: [*rows, rows[1]]),
        rf"1 picture\(s\) answered twice, with the same answer: {NAMES[1]} \(line 3 and line 8\)",
    ),
    "two answers contradict each other": (
        "answers.csv",
        scores(lambda rows: [*rows, [NAMES[1], 9, 9, 9]]),
        rf"1 picture\(s\) answered twice, with different answers: {NAMES[1]}",
    ),
    "labels contradict each other": (
        "answers.csv",
        labels(lambda rows: [*rows, [NAMES[0], "gear"]]),
        r"answered twice, with different answers",
    ),
    "a picture was changed on disk, or is of another folder": (
        "answers.csv",
        with_digests(put(2, 1, "ff" * 32)),
        rf"1 picture\(s\) of which the box read another content \(sha256\): line 4: {NAMES[2]}; .*render again",
    ),
    "a picture is unknown": (
        "answers.csv",
        scores(put(0, 0, "holiday.png")),
        r"1 row\(s\) of a picture that the manifest does not hold: line 2: 'holiday.png'",
    ),
    "a picture's name is in another case": (
        "answers.csv",
        scores(put(0, 0, NAMES[0].upper())),
        rf"line 2: '{NAMES[0].upper()}' \(did you mean '{NAMES[0]}'\?\)",
    ),
    "a label is unknown": (
        "answers.csv",
        labels(put(0, 1, "holiday")),
        r"1 label\(s\) that mean no class: line 2: 'holiday';",
    ),
    "a label is in another case": (
        "answers.csv",
        labels(put(0, 1, "Free")),
        r"line 2: 'Free' \(did you mean 'free'\?\)",
    ),
    "a label has spaces": ("answers.csv", labels(put(0, 1, " free ")), r"' free ' \(did you mean 'free'\?\)"),
    "a label is empty": ("answers.csv", labels(put(0, 1, "")), r"1 row\(s\) with an empty label: line 2"),
    "a score is empty": ("answers.csv", scores(put(3, 2, "")), r"1 row\(s\) with an empty score: line 5, 'gear'"),
    "a score is NaN": (
        "answers.csv",
        scores(put(3, 2, "nan")),
        r"1 score\(s\) that are not finite: line 5, 'gear': 'nan'",
    ),
    "a score is infinite": ("answers.csv", scores(put(3, 2, "-inf")), r"not finite: line 5, 'gear': '-inf'"),
    "a score is larger than any float": ("answers.csv", scores(put(3, 2, "1e300")), r"not finite: .*'1e300'"),
    "a score is text": ("answers.csv", scores(put(3, 2, "high")), r"1 score\(s\) that are not numbers: .*'high'"),
    "a score is a number of Python alone": ("answers.csv", scores(put(3, 2, "1_0")), r"not numbers: .*'1_0'"),
    "a score has a decimal comma among commas": ("answers.csv", scores(put(3, 2, "1,5")), r"not numbers: .*'1,5'"),
    "a class has no column": (
        "answers.csv",
        table(["picture", "free", "gear"], [[name, *SCORES[name][:2]] for name in NAMES]),
        r"1 class\(es\) without a column: 'scratch'",
    ),
    "a column is of no class": (
        "answers.csv",
        table(["picture", *CLASSES, "time_ms"], [[name, *SCORES[name], 12] for name in NAMES]),
        r"1 column\(s\) that are no label of the data: 'time_ms'; .*score:NAME",
    ),
    "a class is misspelt": (
        "answers.csv",
        scores(columns=("free", "gear", "Scratch")),
        r"class\(es\) without a column: 'scratch' \(did you mean 'Scratch'\?\)",
    ),
    "a column is named twice": (
        "answers.csv",
        scores(columns=("free", "gear", "gear")),
        r"column 'gear' is there twice",
    ),
    "there is no column of pictures": ("answers.csv", "file,free\na,1\n", r"line 1: no column 'picture'"),
    "there is nothing beside the pictures": ("answers.csv", "picture\nab\n", r"no answers beside 'picture'"),
    "labels and scores at once": (
        "answers.csv",
        table(["picture", "label", *CLASSES], [[name, "free", *SCORES[name]] for name in NAMES]),
        r"the column 'free' means nothing beside 'label'",
    ),
    "a rank is missing": (
        "answers.csv",
        "picture,top1,top3\na,free,gear\n",
        r"column 'top3' means nothing beside 'top1'.*'top2'",
    ),
    "a label is named twice": (
        "answers.csv",
        table(["picture", "top1", "top2"], [[name, "free", "free"] for name in NAMES]),
        r"6 row\(s\) that name a label twice: line 2, line 3, line 4, line 5, line 6, and 1 more",
    ),
    "labels do not stand by falling score": (
        "answers.csv",
        table(["picture", "top1", "score1", "top2", "score2"], [[n, "free", 0.1, "gear", 0.9] for n in NAMES]),
        r"6 row\(s\) whose labels do not stand by falling score",
    ),
    "the file is cut off in a line": (
        "answers.csv",
        scores()[:-8],
        r"1 row\(s\) with another number of cells .*cut off",
    ),
    "the file is empty": ("answers.csv", "", "is empty"),
    "the file has a header alone": ("answers.csv", scores(lambda rows: rows[:0] or [[]]), "6 of 6 pictures without"),
    "the file is not UTF-8": ("answers.csv", scores().encode("utf-16"), "is not UTF-8"),  # type: ignore[dict-item]
    "the file is no format": ("answers.xlsx", "PK", r"CSV \(.csv\), JSON lines \(.jsonl\) and Parquet"),
    "a line is not JSON": ("answers.jsonl", lines(*ALL_LINES[:-1], '{"picture": "ab'), r"not JSON: line 6: .*cut off"),
    "rows are of different kinds": (
        "answers.jsonl",
        lines(*ALL_LINES[:-1], {"picture": NAMES[5], "label": "free"}),
        r"1 row\(s\) of another kind than the first: line 6: 1 label\(s\) without scores after 3 scores",
    ),
    "a row lacks a class": (
        "answers.jsonl",
        lines(*ALL_LINES[:-1], {"picture": NAMES[5], "scores": {"free": 1, "gear": 2}}),
        r"1 row\(s\) without a class that others have: line 6: 'scratch'",
    ),
    "a row has a class more": (
        "answers.jsonl",
        lines(*ALL_LINES[:-1], json_scores(NAMES[5], scores={**dict.fromkeys(CLASSES, 1), "nut": 2})),
        r"1 row\(s\) with a class that others have not: line 6: 'nut'",
    ),
    "a key is there twice": (
        "answers.jsonl",
        lines(*ALL_LINES[:-1], '{"picture": "a", "scores": {"free": 1, "free": 2}}'),
        r"a key that is there twice: line 6: 'free' is there twice",
    ),
    "a score is a text in JSON": (
        "answers.jsonl",
        lines(*ALL_LINES[:-1], json_scores(NAMES[5], scores={**dict.fromkeys(CLASSES, 1), "gear": "2"})),
        r"not numbers: line 6: '2'",
    ),
    "a score is true": (
        "answers.jsonl",
        lines(*ALL_LINES[:-1], json_scores(NAMES[5], scores={**dict.fromkeys(CLASSES, 1), "gear": True})),
        r"not numbers: line 6, 'gear': True",
    ),
    "a row holds nothing": (
        "answers.jsonl",
        lines(*ALL_LINES, {"picture": NAMES[5]}),
        r"neither scores, label nor top",
    ),
    "scores without names": (
        "answers.jsonl",
        lines(*({"picture": name, "scores": SCORES[name]} for name in NAMES)),
        r"3 scores a picture without names; say which class is which: Audit\(classes=",
    ),
    "scores look like rounded probabilities": (
        "answers.csv",
        table(["picture", *CLASSES], [[name, 0.33, 0.33, 0.33] for name in NAMES]),
        r"all scores are between 0 and 1, and those of a picture do not sum to 1 .*0.99",
    ),
    "Parquet is cut off": ("answers.parquet", "PAR1 and no more", "cannot be read as Parquet"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named_and_none_passes(what: str, tmp_path: Path) -> None:
    name, content, said = DAMAGE[what]
    write_manifest(tmp_path)
    with pytest.raises(ModelError, match=said) as raised:
        opened(tmp_path, content, name)
    assert str(tmp_path / name) in str(raised.value)


MANIFESTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut off": (lambda text: text[: len(text) // 2], "is not JSON|its last line is missing"),
    "cut off at the end of a line": (lambda text: b"".join(text.splitlines(True)[:-1]), "its last line is missing"),
    "edited": (lambda text: text.replace(b"3.png", b"9.png"), "was changed after it was written"),
    "of another version": (lambda text: text.replace(b"render/1", b"render/2"), "its format is 'modelaudit-render/2'"),
    "empty": (lambda text: b"", "is empty"),
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_damaged_manifest_is_refused(what: str, tmp_path: Path) -> None:
    change, said = MANIFESTS[what]
    path = write_manifest(tmp_path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ModelError, match=f"(?s)manifest.jsonl.*({said})"):
        opened(tmp_path, scores())


def test_the_first_audit_is_told_how_to_get_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"manifest.jsonl: cannot be read .*; modelaudit render AUDIT -o FOLDER"):
        open_model("predictions:answers.csv", root=tmp_path)
    write_manifest(tmp_path)
    with pytest.raises(
        ModelError, match=r"answers.csv: cannot be read .*render AUDIT -o FOLDER.*run the box on FOLDER"
    ):
        open_model("predictions:answers.csv", root=tmp_path)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("predictions:", "name the file of answers"),
        ("predictions:answers.csv?unanswerd=0.1", "unknown option 'unanswerd'; did you mean 'unanswered'"),
        ("predictions:answers.csv?unanswered=2", "unanswered=2 must be a share between 0 and 1"),
        ("predictions:answers.csv?unanswered=nan", "unanswered=nan must be a share"),
        ("predictions:answers.csv?maps=nowhere", "maps=nowhere is no folder"),
        ("predictions:answers.csv?manifest=other.jsonl", "other.jsonl: cannot be read"),
    ],
)
def test_a_reference_that_cannot_mean_anything_is_refused(reference: str, said: str, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    (tmp_path / "answers.csv").write_text(scores())
    with pytest.raises(ModelError, match=said):
        open_model(reference, root=tmp_path)


def test_every_kind_of_damage_is_told_at_once(tmp_path: Path) -> None:
    write_manifest(tmp_path)

    def change(rows: list[list[Any]]) -> list[list[Any]]:
        return [[NAMES[0], "", 1, 1], [NAMES[1], "x", 1, 1], [NAMES[2], 1, 1, 1], [NAMES[2], 1, 1, 1], ["?", 1, 1, 1]]

    with pytest.raises(ModelError) as raised:
        opened(tmp_path, scores(change))
    told = str(raised.value)
    first, *kinds = told.splitlines()
    assert first.endswith("7 thing(s) in which answers and manifest do not fit; nothing is guessed")
    assert [line.partition(":")[0][:22] for line in kinds] == [
        "1 row(s) with an empty",
        "1 score(s) that are no",
        "1 picture(s) answered ",
        "1 row(s) of a picture ",
        "3 of 6 pictures withou",
    ]


def test_missing_answers_alone_are_allowed(tmp_path: Path) -> None:
    write_manifest(tmp_path)
    found = opened(tmp_path, scores(lambda rows: rows[:5]), options="?unanswered=0.2")
    assert found.answers is not None
    assert (found.answers.pictures, found.answers.unanswered) == (6, 1)
    with pytest.raises(ModelError, match=r"2 of 6 pictures .*unanswered=0.2 allows fewer"):
        opened(tmp_path, scores(lambda rows: rows[:4]), options="?unanswered=0.2")
    with pytest.raises(ModelError, match="that the manifest does not hold"):
        opened(tmp_path, scores(put(0, 0, "other")), options="?unanswered=0.9")


def test_another_geometry_than_the_pictures_have_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path)
    with pytest.raises(ModelError, match=r"of another size or crop than those that were rendered"):
        opened(tmp_path, scores(), preprocessing=Preprocessing(resize=32))
    assert opened(tmp_path, scores(), preprocessing=GEOMETRY).preprocessing == GEOMETRY


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (ScoreSettings("probabilities"), "scores='probabilities', and its 3 outputs do not sum to 1"),
        (ScoreSettings("binary"), "scores='binary' is of a model with one output"),
        (ScoreSettings(output=1), "stored answers have one"),
    ],
)
def test_scores_that_are_not_what_the_audit_says_are_refused(
    settings: ScoreSettings, said: str, tmp_path: Path
) -> None:
    write_manifest(tmp_path)
    with pytest.raises(ModelError, match=said):
        opened(tmp_path, scores(), scores=settings)


@pytest.mark.parametrize("kind", ["multilabel", "binary", "probabilities"])
def test_labels_are_nothing_but_labels(kind: Any, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    with pytest.raises(ModelError, match=rf"scores='{kind}'"):
        opened(tmp_path, labels(), scores=ScoreSettings(kind))


# --- what is read ----------------------------------------------------------------------------------------------------


def logits(model: LoadedModel) -> dict[str, list[float]]:
    module: Any = model.module
    with module.showing(ORIGINS):
        found = model.pixel_model(torch.zeros(len(NAMES), 3, 4, 4))
    return dict(zip(NAMES, found.tolist(), strict=True))


def parquet(folder: Path) -> bytes:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    columns = {"picture": NAMES, **{one: [SCORES[name][at] for name in NAMES] for at, one in enumerate(CLASSES)}}
    pq.write_table(pa.table(columns), folder / "x.parquet")
    return (folder / "x.parquet").read_bytes()


SAME: dict[str, tuple[str, Callable[[Path], str | bytes]]] = {
    "commas": ("answers.csv", lambda _: scores()),
    "a BOM and CRLF": ("answers.csv", lambda _: b"\xef\xbb\xbf" + scores().replace("\n", "\r\n").encode()),
    "semicolons and decimal commas": (
        "answers.csv",
        lambda _: table(
            ["picture", *CLASSES], [[n, *(str(one).replace(".", ",") for one in SCORES[n])] for n in NAMES], ";"
        ),
    ),
    "tabs": ("answers.csv", lambda _: table(["picture", *CLASSES], [[n, *SCORES[n]] for n in NAMES], "\t")),
    "columns in another order": (
        "answers.csv",
        lambda _: table(["gear", "scratch", "picture", "free"], [[*SCORES[n][1:], n, SCORES[n][0]] for n in NAMES]),
    ),
    "paths of files": (
        "answers.csv",
        lambda _: scores(lambda rows: [[f"C:\\box\\pictures\\{r[0][:2]}\\{r[0]}.png", *r[1:]] for r in rows]),
    ),
    "digests": ("answers.csv", lambda _: with_digests()),
    "digests in capitals": (
        "answers.csv",
        lambda _: with_digests(lambda rows: [[r[0], r[1].upper(), *r[2:]] for r in rows]),
    ),
    "JSON lines": ("answers.jsonl", lambda _: lines(*ALL_LINES)),
    "JSON lines with a BOM and empty lines": (
        "answers.jsonl",
        lambda _: b"\xef\xbb\xbf" + lines(*ALL_LINES).replace("\n", "\n\n").encode(),
    ),
    "Parquet": ("answers.parquet", parquet),
}


@pytest.mark.parametrize("what", SAME)
def test_the_same_answers_are_read_from_every_form(what: str, tmp_path: Path) -> None:
    name, write = SAME[what]
    write_manifest(tmp_path)
    found = opened(tmp_path, write(tmp_path), name)
    assert found.classes is not None
    order = [found.classes.index(one) for one in CLASSES]
    assert {name: [row[at] for at in order] for name, row in logits(found).items()} == SCORES


def test_classes_that_the_data_do_not_have_are_said_by_their_columns_or_by_the_audit(tmp_path: Path) -> None:
    write_manifest(tmp_path)
    more = ("score:free", "score:gear", "score:scratch", "score:nut")
    text = table(["picture", *more], [[name, *SCORES[name], 0] for name in NAMES])
    assert opened(tmp_path, text).classes == (*CLASSES, "nut")
    stated = ("nut", *CLASSES)
    found = opened(tmp_path, text, classes=stated)
    assert found.classes == stated
    assert logits(found) == {name: [0.0, *SCORES[name]] for name in NAMES}
    with pytest.raises(ModelError, match=r"none of Audit\(classes=...\): 'nut'"):
        opened(tmp_path, text, classes=CLASSES)


def test_one_score_is_for_yes_or_no(tmp_path: Path) -> None:
    write_manifest(tmp_path, classes=("good", "scratch"))
    text = table(["picture", "score"], [[name, number / 10] for number, name in enumerate(NAMES)])
    with pytest.raises(ModelError, match="nothing shows what it is"):
        opened(tmp_path, text, classes=("good", "scratch"))
    found = opened(tmp_path, text, classes=("good", "scratch"), scores=ScoreSettings("logits"))
    assert (found.outputs, found.classes) == (2, ("good", "scratch"))
    assert logits(found)[NAMES[4]] == pytest.approx([-0.2, 0.2])


def test_probabilities_are_known_from_all_answers(tmp_path: Path) -> None:
    write_manifest(tmp_path)
    text = table(["picture", *CLASSES], [[name, 0.5, 0.25, 0.25] for name in NAMES])
    assert opened(tmp_path, text).reading.probabilities == "together"
    odd = table(["picture", *CLASSES], [[name, 0.5, 0.25, 0.25 + (name == NAMES[3])] for name in NAMES])
    assert opened(tmp_path, odd, scores=ScoreSettings("logits")).reading.probabilities is None
    with pytest.raises(ModelError):
        opened(tmp_path, odd, scores=ScoreSettings("probabilities"))


@pytest.mark.parametrize("share", [[90, 5, 5], [33.3, 33.3, 33.3], [0, 0, 100]])
def test_percentages_are_not_read_as_logits(tmp_path: Path, share: list[float]) -> None:
    write_manifest(tmp_path)
    text = table(["picture", *CLASSES], [[name, *share] for name in NAMES])
    with pytest.raises(ModelError, match=r"sum of 100 .* as percentages are; .*divide them by 100"):
        opened(tmp_path, text)
    assert opened(tmp_path, text, scores=ScoreSettings("logits")).reading.probabilities is None
    other = table(["picture", *CLASSES], [[name, 90, 5, 5 + 9 * (name == NAMES[3])] for name in NAMES])
    assert opened(tmp_path, other).reading.probabilities is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("answers.csv", scores(put(3, 2, "nan"))),
        ("answers.csv", scores(lambda rows: [*rows[:5], [*rows[5], ""]])),
        ("answers.csv", labels(put(0, 1, ""))),
        ("answers.csv", with_digests(put(2, 1, "ff" * 32))),
        ("answers.jsonl", lines(*ALL_LINES[:5], json_scores(NAMES[5], scores={"free": 1, "gear": "x", "scratch": 2}))),
        ("answers.jsonl", lines(*ALL_LINES[:5], json_scores(NAMES[5], scores={"free": 1, "gear": 2}))),
        ("answers.jsonl", lines(*ALL_LINES[:5], json_scores(NAMES[5], scores={"free": 1, "gear": 2, "scratch": None}))),
    ],
)
def test_a_row_that_counts_for_nothing_is_told_once_and_is_not_missing(tmp_path: Path, name: str, text: str) -> None:
    write_manifest(tmp_path)
    with pytest.raises(ModelError) as told:
        opened(tmp_path, text, name)
    assert ": 1 thing(s) in which" in str(told.value) and "without an answer" not in str(told.value)


def test_the_fingerprint_knows_answers_manifest_and_what_they_mean(tmp_path: Path) -> None:
    write_manifest(tmp_path)
    first = opened(tmp_path, scores()).fingerprint
    assert opened(tmp_path, scores()).fingerprint == first
    others = [
        opened(tmp_path, scores(put(0, 1, 0.25))).fingerprint,
        opened(tmp_path, scores(), classes=("gear", "free", "scratch")).fingerprint,
    ]
    write_manifest(tmp_path, made_with="1")
    others.append(opened(tmp_path, scores()).fingerprint)
    assert len({first, *others}) == 4


@given(
    names=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1, max_size=8),
        min_size=2,
        max_size=4,
        unique=True,
    )
)
def test_labels_of_any_text_are_read_as_they_are(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("labels")
    write_manifest(folder, classes=tuple(names))
    given = [names[number % len(names)] for number in range(len(NAMES))]
    text = table(["picture", "label"], [[name, one] for name, one in zip(NAMES, given, strict=True)])
    found = opened(folder, text)
    if found.classes is not None:  # labels that are numbers are indices
        answered = [found.classes[row.index(max(row))] for row in logits(found).values()]
        assert answered == given

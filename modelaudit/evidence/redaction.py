"""A run record without what identifies images: a pure function of a record and a secret salt.

Ids of images, groups, clusters, columns and their values become HMAC-SHA256 of the salt, so that one name has one code
in all reports made with the same salt, and without it no name can be tried. Files, commands, settings and what
the photographs are called are left out. Labels, what the parties called their requirements, and who the parties are
stay: without them nobody can read what was decided.

The redacted record is for showing alone and is not written: its fingerprints and hashes are those of the record that
it was made from, and that one was checked (consistency.py).
"""

from __future__ import annotations

import ast
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel

from ..engine.results.baseline_model import ON_BASELINE
from ..language.errors import ResultsError
from ..language.machine_paths import without_machine_paths
from ..language.reference import parse_reference
from .about import About, AboutModel
from .record import (
    AgreementRecord,
    CaseRecord,
    ChangedPictures,
    Counterexample,
    LockRecord,
    ModelRecord,
    Panel,
    PhraseRecord,
    RequirementHistory,
    Review,
    ReviewPicture,
    ReviewRecord,
    RunRecord,
    SampleRecord,
    TableRecord,
    record_digest,
)
from .record_texts import places_of_references, references_of, with_texts
from .review import REVIEW_NOTE

SALT_NAME = "redaction-salt"
_SALT_BYTES, _LEAST_BYTES = 32, 16
_CODE_LENGTH = 10
#: a shorter name, or a part of one, also stands where it names nothing
_LEAST_LETTERS = 3

Kind = Literal["image", "group", "cluster", "column", "value", "data", "model", "file", "test"]

#: fields that hold such a name and nothing else
_NAMES: dict[tuple[str, str], Kind] = {
    ("ImageValue", "sample"): "image",
    ("GalleryRow", "sample"): "image",
    ("Unusable", "sample"): "image",
    ("SampleRecord", "id"): "image",
    ("SampleRecord", "copy_of"): "image",
    ("CropRecord", "worst"): "image",
    ("Counterexample", "sample"): "image",
    ("Counterexample", "donor"): "image",
    ("Counterexample", "file"): "file",
    ("ReplayFacts", "sample"): "image",
    ("ReplayFacts", "file"): "file",
    ("SampleRecord", "group"): "group",
    ("DataRecord", "groups"): "group",
    ("SampleRecord", "cluster"): "cluster",
    ("DataRecord", "clusters"): "cluster",
    ("InputFile", "path"): "file",
    ("EarlierRun", "baseline"): "file",
    ("UnreadRun", "name"): "file",
    ("AbsentFile", "file"): "file",
    ("CaseRecord", "file"): "file",
    ("DataRecord", "reference"): "data",
    ("DomainAttribute", "attribute"): "column",
    ("DomainValue", "value"): "value",
    ("DomainCombination", "attributes"): "column",
    ("CombinedValues", "values"): "value",
}
#: what departs from a lock and is named by the id of a sample
_OF_SAMPLES = ("sample", "image", "mask", "label")
#: sources of models that everybody knows; what is named after ``?`` is a file of somebody
_PUBLIC_MODELS = ("torchvision", "timm", "demo")
#: what the parties wrote for readers, and what declarations say: a slash in it does not make it a path
_WORDS = {("CaseRecord", name) for name in ("name", "clause", "says")} | {
    ("ModelRecord", "architecture"),
    ("AgreementRecord", "number"),
    ("UnmetTerm", "expectation"),
    ("UnmetTerm", "clause"),
}
#: of a panel or a pair: files by the hash of their content, which no report names, and lines
_DRAWN = frozenset({"file", "map", "outline", "contours", "original", "changed", "object", "place"})
#: moments, digests, numbers of versions and the like
_MADE_BY_THE_TOOL = frozenset(
    {
        "started",
        "finished",
        "fingerprint",
        "sha256",
        "root",
        "created",
        "probe_digest",
        "digest",
        "git_commit",
        "versions",
        "platform",
        "device",
    }
)

_TOKEN = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\w+"
_GROUP = re.compile(rf"\bgroup\(({_TOKEN})\)")
_COLUMN = re.compile(rf"\bcolumn\(({_TOKEN}), ({_TOKEN})\)")
_IN_PATH = r"[^\s'\"(),;<>|=\[\]{}]"
_PATH = re.compile(rf"{_IN_PATH}*[^\s'\"(),;<>|=\[\]{{}}/\\][/\\]{_IN_PATH}+")
_FRACTION = re.compile(r"[\d.]+/[\d.]+\.?")
_FILE = re.compile(
    r"[^\s'\"(),;:<>|=]+\.(?:png|jpe?g|bmp|gif|tiff?|webp|py|pth?|safetensors|onnx|ya?ml|json|csv|txt|ini|toml)\b",
    re.IGNORECASE,
)
LEFT_OUT = "…"


def redacted(record: RunRecord, salt: bytes) -> RunRecord:
    """The record without ids, files and settings; see the head of this module.

    Raises:
        ResultsError: a salt of fewer than 16 bytes, which could be guessed.
    """
    if len(salt) < _LEAST_BYTES:
        raise ResultsError(
            f"a salt of {len(salt)} bytes can be guessed; give a file with at least {_LEAST_BYTES} random bytes"
        )
    redaction = _Redaction(record, salt)
    return with_texts(redaction.without_settings(record), redaction.change)


def read_salt(file: Path) -> bytes:
    """The salt in a file; a missing file is made, readable by its owner alone.

    Raises:
        ResultsError: it can be neither read nor written.
    """
    try:
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(_SALT_BYTES) + "\n", encoding="ascii")
        return file.read_bytes().strip()
    except OSError as error:
        raise ResultsError(
            f"{file}: the salt cannot be read or written ({error.strerror}); give another file"
        ) from error


def code(salt: bytes, kind: Kind, name: str) -> str:
    """What stands for a name: the same for the same name, kind and salt."""
    digest = hmac.new(salt, f"{kind}\0{name}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    return f"{kind}_{digest[:_CODE_LENGTH]}"


class _Redaction:
    """What becomes of the texts of one record."""

    def __init__(self, record: RunRecord, salt: bytes) -> None:
        self._salt = salt
        self._labels = _labels(record)
        self._references = self._new_references(record)
        self._keys = self._new_keys(record)
        self._places = places_of_references(references_of(record))
        self._columns = {ast.literal_eval(name) if name[0] in "'\"" else name for name in _columns_named(record)}
        self._known = self._known_names(record)
        self._scrubbed: dict[str, str] = {}

    def code(self, kind: Kind, name: str) -> str:
        return code(self._salt, kind, name)

    def without_settings(self, record: RunRecord) -> RunRecord:
        """Without what only reproduces the run, and without what the photographs are called."""
        made = record.provenance.model_copy(update={"plugins": [], "options": {}})
        about = record.about and record.about.model_copy(update={"data": []})
        return record.model_copy(
            update={
                "digest": record_digest(record),
                "redacted": True,
                "command": LEFT_OUT,
                "provenance": made,
                "about": about,
                "costs": None,
                "probes": [],
                "counterexamples": [_without_contents(one) for one in record.counterexamples],
                "agreement": record.agreement and _without_parties(record.agreement),
                "lock": record.lock and self._lock(record.lock),
                "nonce": None,
                "cases": [_without_waiver(one.model_copy(update={"reproduce": ""})) for one in record.cases],
                "merged": [one.model_copy(update={"command": LEFT_OUT}) for one in record.merged],
                "tables": [self._table(one) for one in record.tables],
                "data": [one.model_copy(update={"pools": {}, "label_classes": None}) for one in record.data],
                "models": [_without_partners(one) for one in record.models],
                "reviews": _without_reviewers(record.reviews),
                "notes": [note for note in record.notes if not note.startswith(REVIEW_NOTE)],
            }
        )

    def change(self, owner: type[BaseModel], field: str, text: str) -> str:
        """One text of the record, as it stands in the redacted one."""
        if kind := _NAMES.get((owner.__name__, field)):
            return self.code(kind, text)
        if (
            text in self._labels
            or field in _MADE_BY_THE_TOOL
            or (owner in (Panel, ChangedPictures) and field in _DRAWN)
        ):
            return text
        if owner in (Review, ReviewPicture, ReviewRecord):
            return text
        if text in self._keys:
            return self._keys[text]
        if owner is ModelRecord and field in ("reference", "names"):
            return self._references.get(text, text)
        if (owner, field) == (CaseRecord, "stated_models"):
            return self._references.get(text) or (text if self._scrub(text) == text else self.code("model", text))
        if (owner, field) in ((CaseRecord, "id"), (RequirementHistory, "case")):
            file, colons, name = text.partition("::")
            return f"{self.code('file', file)}{colons}{self._said(name)}"
        if owner in (PhraseRecord, About, AboutModel) or (owner.__name__, field) in _WORDS:
            return self._said(text)
        return self._scrub(text)

    def _table(self, table: TableRecord) -> TableRecord:
        """With codes for the columns that no requirement names, for all of their values, and for donors.

        Without the digests of contents, by which anybody who has a picture would recognise it.
        """
        samples = [
            one.model_copy(
                update={
                    "columns": {self._column(name): self.code("value", value) for name, value in one.columns.items()},
                    "image": None,
                    "mask": None,
                }
            )
            for one in table.samples
        ]
        donors = {
            place: [None if one is None else self.code("image", one) for one in lent]
            for place, lent in table.donors.items()
        }
        return table.model_copy(update={"samples": samples, "donors": donors, "donor_contents": {}, "pictures": {}})

    def _lock(self, lock: LockRecord) -> LockRecord:
        """With codes for the samples that depart from it, of which some are in no table, and without who signed it."""
        departures = [
            one.model_copy(update={"where": self.code("image", one.where)}) if one.what in _OF_SAMPLES else one
            for one in lock.departures
        ]
        return lock.model_copy(update={"signed_by": [LEFT_OUT] * len(lock.signed_by), "departures": departures})

    def _column(self, name: str) -> str:
        return name if name in self._columns else self.code("column", name)

    def _scrub(self, text: str) -> str:
        """A message, note, expression or key: without known names, folders and files."""
        if text not in self._scrubbed:
            key = next((key for key in self._keys if text.startswith(f"{key}|")), "")
            found = without_machine_paths(self._said(text[len(key) :]), known=self._places)
            found = _PATH.sub(lambda part: part[0] if _FRACTION.fullmatch(part[0]) else LEFT_OUT, found)
            self._scrubbed[text] = self._keys.get(key, "") + _FILE.sub(LEFT_OUT, found)
        return self._scrubbed[text]

    def _said(self, text: str) -> str:
        """Without the names of images, groups, clusters and values."""
        text = _GROUP.sub(lambda found: f"group({self.code('group', _name(found[1]))})", text)
        text = _COLUMN.sub(lambda found: f"column({found[1]}, {self.code('value', _name(found[2]))})", text)
        for name, code in self._known.items():
            if name in text:
                text = _whole(name).sub(code, text)
        return text

    def _known_names(self, record: RunRecord) -> dict[str, str]:
        """Names that occur in texts that anybody wrote, each with its code; the longest first."""
        texts: list[str] = []

        def collect(owner: type[BaseModel], field: str, text: str) -> str:
            if (owner.__name__, field) not in _NAMES and owner not in (SampleRecord, TableRecord):
                texts.append(text)
            return text

        with_texts(record, collect)
        together = "\0".join(dict.fromkeys(texts))
        names = {name: code for name, code in self._names(record) if name in together and name not in self._labels}
        return {name: names[name] for name in sorted(names, key=len, reverse=True)}

    def _names(self, record: RunRecord) -> Iterator[tuple[str, str]]:
        for table in record.tables:
            donors = (one for lent in table.donors.values() for one in lent if one is not None)
            yield from self._images((*(one.id for one in table.samples), *donors))
            for sample in table.samples:
                yield from self._named("group", sample.group or "")
                yield from self._named("cluster", sample.cluster or "")
                for value in sample.columns.values():
                    yield from self._named("value", value)
        for case in record.cases:
            rows = (*case.gallery, *case.review)
            yield from self._images((*(one.sample for one in case.worst), *(row.sample for row in rows)))
        yield from self._images(one.sample for data in record.data for one in data.unusable)
        for data in record.data:
            for name in data.groups:
                yield from self._named("group", name)
            for name in data.clusters:
                yield from self._named("cluster", name)

    def _images(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Images by their ids, by the names of their files, and by these without the ending."""
        for name in names:
            code = self.code("image", name)
            file = PurePosixPath(name)
            for text in (file.stem, file.name, name):
                if text == name or (len(text) >= _LEAST_LETTERS and re.search(r"\d|\.\w", text)):
                    yield text, code

    def _named(self, kind: Kind, name: str) -> Iterator[tuple[str, str]]:
        """A short name or a number stands in texts of all kinds: it is taken for this one where it is quoted."""
        if len(name) >= _LEAST_LETTERS and not name.isdigit():
            yield name, self.code(kind, name)
        for quote in "'\"" if name else "":
            yield f"{quote}{name}{quote}", f"{quote}{self.code(kind, name)}{quote}"

    def _new_references(self, record: RunRecord) -> dict[str, str]:
        """Models of known collections by their names there, others by a code; none stands for two."""
        found: dict[str, str] = {}
        for model in record.models:
            parsed = parse_reference(model.reference)
            public = parsed.scheme in _PUBLIC_MODELS and re.fullmatch(r"[\w.@-]+", parsed.body)
            new = f"{parsed.scheme}:{parsed.body}" if public else self.code("model", model.reference)
            while new in found.values() and model.reference not in found:
                new = f"{new}#{len(found) + 1}"
            found.setdefault(model.reference, new)
        return found

    def _new_keys(self, record: RunRecord) -> dict[str, str]:
        keys = {
            one.key: f"model:{self._references.get(one.key.removeprefix('model:'), self.code('model', one.key))}"
            for one in record.models
        }
        return keys | {one.key: f"data:{self.code('data', one.key)}" for one in record.data}


def _without_waiver(case: CaseRecord) -> CaseRecord:
    """Without who waived it, who signed that, and why, which names people; that it is waived, and until when, stays."""
    if case.waiver is None:
        return case
    signed_by = case.waiver.signed_by and LEFT_OUT
    changes = {"owner": "", "reason": "", "signed_by": signed_by}
    return case.model_copy(update={"waiver": case.waiver.model_copy(update=changes)})


def _without_partners(model: ModelRecord) -> ModelRecord:
    """Without the images that notes on a baseline name, of which some are in no table of the run."""
    notes = [_head(note) if note.startswith(ON_BASELINE) else note for note in model.notes]
    return model.model_copy(update={"notes": notes})


def _without_contents(found: Counterexample) -> Counterexample:
    """Without the digests, by which anybody who has a picture would recognise it."""
    donor = None if found.donor is None else (found.donor[0], "")
    return found.model_copy(update={"image": "", "mask": "", "donor": donor})


def _head(note: str) -> str:
    head, colon, _ = note.removeprefix(ON_BASELINE).partition(": ")
    return f"{ON_BASELINE}{head}{f': {LEFT_OUT}' if colon else ''}"


def _without_reviewers(reviews: list[ReviewRecord]) -> list[ReviewRecord]:
    """Without names, files and comments; who gave which review stays told apart, by a number."""
    people = {one.person: f"reviewer {number}" for number, one in enumerate(reviews, 1)}
    found = []
    for number, one in enumerate(reviews, 1):
        answers = [answer.model_copy(update={"comment": ""}) for answer in one.review.answers]
        name = people[one.person]
        review = one.review.model_copy(update={"reviewer": name, "answers": answers})
        changes = {"file": f"review-{number}.json", "signed_by": one.signed_by and name, "review": review}
        found.append(one.model_copy(update=changes))
    return found


def _without_parties(agreement: AgreementRecord) -> AgreementRecord:
    """Without who agreed, what a mistake costs them, and their words for attributes."""
    domain = agreement.domain
    if domain is not None:
        domain = domain.model_copy(
            update={"attributes": [one.model_copy(update={"says": None}) for one in domain.attributes]}
        )
    return agreement.model_copy(update={"title": None, "parties": [], "costs": None, "domain": domain})


def _labels(record: RunRecord) -> frozenset[str]:
    """What the parties call classes; models and data."""
    found = {label for data in record.data for label in data.labels}
    found.update(label for table in record.tables for label in table.labels)
    found.update(name for model in record.models for name in model.classes or ())
    return frozenset(found)


def _columns_named(record: RunRecord) -> Iterator[str]:
    for case in record.cases:
        yield from re.findall(rf"\bcolumn\(({_TOKEN})", case.expectation)


def _name(token: str) -> str:
    """A name as an expression writes it: bare, or quoted with its escapes."""
    return str(ast.literal_eval(token)) if token[0] in "'\"" else token


@lru_cache(maxsize=4096)
def _whole(name: str) -> re.Pattern[str]:
    """A name as a whole word, not inside a longer one."""
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)" if name[0] not in "'\"" else re.escape(name))

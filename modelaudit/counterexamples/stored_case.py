"""One counterexample as a file: what it is, of what, who found it, and how it looks. The file is the whole of it.

A file is read as something that anybody may have written: one that is damaged, edited by hand or of a later version is
refused with its name. What it says is never believed: it tells a run what to try first, and the run tries the rest all
the same, so that no file makes a value better.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ..evidence.json_record import read_json_record
from ..evidence.part import Part
from ..language.errors import ResultsError

FORMAT = "modelaudit-counterexample/1"
FOLDER = "counterexamples"
#: of one file with its two pictures; those that are written have some twenty thousand
MOST_BYTES = 4 * 2**20
#: of a name's parts in the name of the file, in characters, of which each may have four bytes
_LONGEST_CASE, _LONGEST_SAMPLE = 32, 24
_DIGITS = 8
_CALLED = "a stored counterexample"
_WAY_OUT = "restore it, or remove it: the search runs all the same"

Share = Annotated[float, Field(ge=0, le=1)]


class CaseImage(Part):
    """The image that the answer flips on, and the one that lends it a background: ids and digests of their contents."""

    data: str
    sample: str
    label: str
    image: str
    mask: str
    donor: tuple[str, str] | None = None


class CaseChange(Part):
    """The change: ``context`` as it is written in an audit, ``long_form`` with every field and the version of its
    definition; ``area``, ``dose`` and ``size`` as in
    :class:`~modelaudit.engine.results.counterexamples.Counterexample`."""

    context: str
    long_form: str
    area: Share
    dose: Share
    size: Share
    calls: Annotated[int, Field(ge=0)]


class CaseModel(Part):
    """The model that answered, and its answers before and after the change."""

    reference: str
    fingerprint: str
    before: str
    after: str
    before_probability: Share | None
    after_probability: Share | None


class CasePictures(Part):
    """Data URIs of small pictures; see :class:`~modelaudit.engine.results.counterexamples.ChangedPictures`."""

    original: str
    changed: str
    object: str | None = None
    place: str | None = None


class StoredCase(Part):
    """A counterexample of a case.

    ``case``: its node id, ``measure``: the key of the column that its search fills. ``run``: the id of the run that
    found it, ``seed``: that of its draws. ``digest``: the sha256 of everything else in the file. ``pictures``: none
    where the run's reports are redacted.
    """

    format: Literal["modelaudit-counterexample/1"] = "modelaudit-counterexample/1"
    digest: str = ""
    case: str
    measure: str
    image: CaseImage
    change: CaseChange
    model: CaseModel
    seed: int
    run: str
    versions: dict[str, str]
    pictures: CasePictures | None = None

    @property
    def name(self) -> str:
        """The name of its file, which its case, image and change decide."""
        what = [self.case, self.measure, self.image.sample, self.image.image, self.image.mask, self.image.donor]
        identity = json.dumps([*what, self.change.context])
        case, sample = self.case.partition("::")[2] or self.case, self.image.sample
        code = hashlib.sha256(identity.encode()).hexdigest()[:_DIGITS]
        return f"{_slug(case[:_LONGEST_CASE])}-{_slug(sample[-_LONGEST_SAMPLE:])}-{code}.json"

    def sealed(self) -> StoredCase:
        """With its digest."""
        return self.model_copy(update={"digest": _digest(self)})


def case_text(case: StoredCase) -> str:
    """What stands in the file."""
    return json.dumps(case.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"


def read_case(file: Path) -> StoredCase:
    """The counterexample in a file.

    Raises:
        ResultsError: it cannot be read, is no counterexample, is of another version, or is not as it was written.
    """
    if _size(file) > MOST_BYTES:
        raise ResultsError(f"{file}: is larger than {MOST_BYTES} bytes; {_WAY_OUT}")

    def check(document: Any) -> None:
        found = document.get("format") if isinstance(document, dict) else None
        if found != FORMAT:
            raise ResultsError(
                f"{file}: has the format {found!r}, and this modelaudit reads {FORMAT!r}; use the version that wrote "
                "it, or remove it"
            )

    case = read_json_record(
        file, StoredCase, ResultsError, called=_CALLED, way_out=_WAY_OUT, invalid=_WAY_OUT, check=check
    )
    if case.digest != _digest(case):
        raise ResultsError(f"{file}: is not as modelaudit wrote it: its digest does not fit what it says; {_WAY_OUT}")
    return case


def is_case(file: Path) -> bool:
    """Whether a file holds a counterexample as it was written."""
    try:
        read_case(file)
    except (ResultsError, ValidationError):
        return False
    return True


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except (OSError, ValueError):
        return 0  # reading it says what is wrong


def _digest(case: StoredCase) -> str:
    text = json.dumps(case.model_dump(mode="json", exclude={"digest"}), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _slug(text: str) -> str:
    """A part of a file's name on every system: letters, digits, and a hyphen for anything else."""
    return re.sub(r"[^\w.]+", "-", unicodedata.normalize("NFC", text)).strip("-._") or "x"

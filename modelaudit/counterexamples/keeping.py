"""Keeps the smallest counterexamples of a run's cases as files beside their audits."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from ..engine.results.counterexamples import ChangedPictures
from ..evidence.record import CaseRecord, RunRecord
from ..language.errors import ResultsError
from ..language.regular_files import read_file
from ..language.whole_file import write_whole
from .of_cases import counterexamples_of
from .stored_case import FOLDER, CaseChange, CaseImage, CaseModel, CasePictures, StoredCase, case_text, is_case
from .stored_cases import StoredCases

#: of one case
DEFAULT_KEPT = 5
#: begins a note of a run on a folder that cannot be written
NOT_KEPT = "counterexamples: "


def keep(record: RunRecord, stored: StoredCases, *, root: Path, folder: Path, most: int, pictures: bool) -> list[str]:
    """Write the smallest counterexamples of every case into the folder ``counterexamples`` beside its audit file.

    Those that were replayed from a file are among them and stay as they are, as does every file that is there already.
    Of a known-bad model, which must fail, none is kept: nobody is going to mend it.

    Args:
        stored: what the run tried first.
        folder: of the run, where its pictures are.
        most: of one case.
        pictures: whether small pictures are written with them.

    Returns:
        A note on each folder that cannot be written.
    """
    notes: dict[str, None] = {}
    for case in record.cases:
        if case.must_fail:
            continue
        target = (root / case.file).parent / FOLDER
        for one in _new(record, case, stored, folder, most, pictures):
            try:
                _write(one, target)
            except (ResultsError, OSError) as error:
                why = (error.strerror if isinstance(error, OSError) else "") or str(error)
                shown = target.relative_to(root).as_posix() if target.is_relative_to(root) else target.name
                notes[f"counterexamples: {shown} cannot be written ({why}); the next run searches anew"] = None
                break
    return list(notes)


def _write(case: StoredCase, folder: Path) -> None:
    file = folder / case.name
    if file.exists() and is_case(file):
        return
    folder.mkdir(exist_ok=True)
    write_whole(file, case_text(case))


def _new(
    record: RunRecord, case: CaseRecord, stored: StoredCases, folder: Path, most: int, pictures: bool
) -> Iterator[StoredCase]:
    models = {model.key: model for model in record.models}
    data = next((one for one in record.data if one.key == case.data), None)
    for one in counterexamples_of(record, case)[:most]:
        known = None if one.file is None else stored.cases.get(one.file)
        if (known is not None and known.case == case.id) or data is None or one.model not in models:
            continue
        change = record.changes.get(one.context)
        yield StoredCase(
            case=case.id,
            measure=one.column,
            image=CaseImage(
                data=data.reference,
                sample=one.sample,
                label=one.label,
                image=one.image,
                mask=one.mask,
                donor=one.donor,
            ),
            change=CaseChange(
                context=one.context,
                long_form="" if change is None else change.long_form,
                area=one.area,
                dose=one.dose,
                size=one.size,
                calls=one.calls,
            ),
            model=CaseModel(
                reference=models[one.model].reference,
                fingerprint=models[one.model].fingerprint,
                before=one.before,
                after=one.after,
                before_probability=one.before_probability,
                after_probability=one.after_probability,
            ),
            seed=record.provenance.seed if data.seed is None else data.seed,
            run=record.id,
            versions=record.provenance.versions,
            pictures=_embedded(one.pictures, folder) if pictures and one.pictures is not None else None,
        ).sealed()


def _embedded(pictures: ChangedPictures, folder: Path) -> CasePictures | None:
    try:
        uris = [_uri(read_file(folder / file)) for file in (pictures.original, pictures.changed)]
    except OSError:
        return None
    return CasePictures(original=uris[0], changed=uris[1], object=pictures.object, place=pictures.place)


def _uri(content: bytes) -> str:
    kind = "png" if content.startswith(b"\x89PNG") else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"

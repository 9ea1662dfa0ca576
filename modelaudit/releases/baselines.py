"""Baselines: runs without their pictures, which are kept to compare later models with (``baselines/NAME.json``).

Wherever a baseline can be named, so can a run's folder, its ``run.json`` and a pack.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from ..evidence.consistency import require_consistent
from ..evidence.record import RECORD_NAME, ModelRecord, RunRecord, read_record, record_digest
from ..evidence.results_folder import run_of
from ..language.errors import ResultsError, nearest
from ..language.recorded_models import is_recorded
from ..language.regular_files import open_file
from ..language.whole_file import write_whole

BASELINES = "baselines"
SUFFIX = ".json"
_PACKED = f"run/{RECORD_NAME}"
_MOST_BYTES = 2**30
#: what to do where a file is damaged: of a run, a baseline, a pack
_RUN_AGAIN = "restore it, or run the audit again"
_SET_AGAIN = "set the baseline again, or restore the file"
_PACK_AGAIN = "take the pack again from who made it"


def run_file(text: str, root: Path) -> Path:
    """The file of a run by its name or path: a baseline, a run's folder or ``run.json``, a results folder, or a pack.

    ``v1`` and ``baselines/v1`` find ``baselines/v1.json``; relative paths start at `root`.

    Raises:
        ResultsError: nothing is there; the message lists the baselines.
    """
    given = root / Path(text).expanduser()
    named = [given.with_name(given.name + SUFFIX)] if given.name else []
    if "/" not in text and "\\" not in text:
        named.append(root / BASELINES / (text if text.endswith(SUFFIX) else f"{text}{SUFFIX}"))
    for one in (given, *named):
        if one.is_dir() or (one.is_file() and one.name == "latest"):
            return run_of(one) / RECORD_NAME
        if one.is_file():
            return one
    known = ", ".join(file.stem for file in baseline_files(root / BASELINES))
    there = f"; the baselines are {known}" if known else f"; {root / BASELINES} holds no baseline"
    raise ResultsError(f"{text}: no run is there{there}. modelaudit baseline set NAME RUN makes a baseline of a run")


def baseline_files(folder: Path) -> list[Path]:
    """The files of the baselines in a folder, in the order of their names."""
    return sorted(file for file in folder.glob(f"*{SUFFIX}") if file.is_file())


def read_run(file: Path) -> RunRecord:
    """The record of a run, of a baseline, or in a pack; see :func:`run_file`.

    Raises:
        ResultsError: it cannot be read, contradicts itself, or is a copy for showing.
    """
    try:
        packed = zipfile.is_zipfile(file)
    except OSError:
        packed = False
    if not packed:
        return _checked(file, file, _RUN_AGAIN if file.name == RECORD_NAME else _SET_AGAIN)
    with TemporaryDirectory() as folder:
        draft = Path(folder) / RECORD_NAME
        draft.write_bytes(_packed(file))
        try:
            return _checked(draft, file, _PACK_AGAIN)
        except ResultsError as error:
            raise ResultsError(*(str(line).replace(str(draft), f"{file}: {_PACKED}") for line in error.args)) from error


def _checked(file: Path, named: Path, damaged: str) -> RunRecord:
    record = read_record(file, damaged)
    if record.redacted or record.digest is not None or record.verified is not None:
        raise ResultsError(
            f"{named}: is a copy for showing, without the names and digests of images; give the run that it was made "
            "from"
        )
    return require_consistent(record, named)


def _packed(file: Path) -> bytes:
    """The record in a pack; that the pack is whole is for ``modelaudit verify`` to say."""
    try:
        with open_file(file, most=_MOST_BYTES) as opened, zipfile.ZipFile(opened) as archive:
            entry = archive.getinfo(_PACKED)
            if entry.file_size > _MOST_BYTES:
                raise ResultsError(f"{file}: {_PACKED}: has {entry.file_size} bytes, which is too large")
            return archive.read(entry)
    except KeyError as error:
        raise ResultsError(f"{file}: has no {_PACKED}, so it is not a pack; modelaudit pack makes one") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
        raise ResultsError(f"{file}: is not a whole pack ({error}); take it again from who made it") from error


def chosen_model(record: RunRecord, name: str | None, where: str) -> ModelRecord:
    """The model of a run that is compared with, by a name that the audit has for it, or its reference.

    Without a name: that of the baseline, else the only one that was run and is not a known-bad model.

    Args:
        where: the run, for messages.

    Raises:
        ResultsError: no such model, several, or one whose values are those of an earlier run themselves.
    """
    names = {model.key: sorted(set(_names(record, model))) for model in record.models}
    models = {model.key: model for model in record.models}
    if name is None and record.baseline_model in models:
        return models[str(record.baseline_model)]
    if name is not None:
        found = [key for key, known in names.items() if name in known]
        if not found:
            every = {
                one for key, known in names.items() for one in known if one not in (key, key.removeprefix("model:"))
            }
            every |= {model.reference for model in record.models}
            raise ResultsError(f"{where}: has no model {name!r}{nearest(name, every)}")
    else:
        bad = {key for case in record.cases if case.must_fail for key in case.models}
        run = [key for key, model in models.items() if not is_recorded(model.reference)]
        found = [key for key in run if key not in bad] or run
    if len(found) != 1:
        listed = ", ".join(shown_name(record, models[key]) for key in found or models)
        held = f"{len(found)} models ({listed})" if found else "no model that was run"
        raise ResultsError(f"{where}: holds {held}; name one of them, --model NAME or ?model=NAME in a reference")
    model = models[found[0]]
    if is_recorded(model.reference):
        raise ResultsError(
            f"{where}: the values of {shown_name(record, model)} are those of an earlier run themselves; name "
            f"that one, {model.reference}"
        )
    return model


def shown_name(record: RunRecord, model: ModelRecord) -> str:
    """What a model is called: by the audit, else by its reference."""
    called = [name for case in record.cases for name, key in case.model_names.items() if key == model.key and name]
    return called[0] if called else model.key.removeprefix("model:")


def _names(record: RunRecord, model: ModelRecord) -> Iterator[str]:
    yield from (model.key, model.key.removeprefix("model:"), model.reference)
    for case in record.cases:
        yield from (name for name, key in case.model_names.items() if key == model.key and name)


def require_comparable(record: RunRecord, where: str) -> None:
    """Raise a ResultsError for a run whose values cannot be compared with image by image."""
    if record.quick_look is not None:
        raise ResultsError(
            f"{where}: is a quick look at {record.quick_look} images, which decides nothing; run the audit without "
            "--audit-limit"
        )
    if not record.tables:
        raise ResultsError(f"{where}: holds no values, since nothing could be measured; run the audit again")
    if any(sample.image is None for table in record.tables for sample in table.samples):
        raise ResultsError(
            f"{where}: was written by an older modelaudit, which kept no digests of images; run the audit again"
        )


def baseline_of(record: RunRecord, where: str, model: str | None = None) -> RunRecord:
    """A run without its pictures, and without what earlier runs found.

    Args:
        model: the name of the model that is meant, where there are several.

    Raises:
        ResultsError: a quick look, a run that is not whole, one of an older version, or already a baseline.
    """
    require_comparable(record, where)
    if record.baseline_of is not None:
        raise ResultsError(f"{where}: is a baseline already; copy its file, or give a run")
    if record.missing is not None or not record.whole:
        raise ResultsError(f"{where}: is not whole: {record.missing}; run all of the audits")
    chosen = chosen_model(record, model, where)
    cases = [case.model_copy(update={"gallery": []}) for case in record.cases]
    changes = {"cases": cases, "baseline_of": record_digest(record), "baseline_model": chosen.key}
    return record.model_copy(update={**changes, "since_last_run": None})


def write_baseline(record: RunRecord, file: Path, *, force: bool = False) -> int:
    """Write a baseline, whole or not at all; its size in bytes.

    Raises:
        ResultsError: the file is there already and not `force`, or cannot be written.
    """
    if file.exists() and not force:
        raise ResultsError(f"{file}: exists; choose another name, or replace it with --force")
    text = record.model_dump_json(indent=1, exclude_unset=True) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text)
    except OSError as error:
        raise ResultsError(f"{file}: cannot be written ({error.strerror}); choose another folder") from error
    return len(text.encode())

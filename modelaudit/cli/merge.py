"""``modelaudit merge``: the runs of shards as one run."""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evidence.results_folder import new_run_id, point_latest, run_of
from ..language.errors import ResultsError
from .command_help import Example, add_command
from .terminal import add_budget, add_language, say

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

    from ..evidence.record import RunRecord
    from ..report.words import Words

_PICTURE = re.compile(r"images/([0-9a-f]{16,64})\.[a-z]{3,4}")
_MOST_BYTES = 2**24


def add(commands: Any) -> None:
    """Add the command to those of ``modelaudit``."""
    merge = add_command(
        commands,
        "merge",
        "combine the runs of shards into one run: one record, one report, one verdict",
        Example(
            "two jobs of CI, each with its results folder",
            "modelaudit merge shard-1/audit-results shard-2/audit-results \\\n    --junitxml junit.xml",
        ),
        status="that of one run of all cases: 0, 1 or 10; 2 a wrong call, or runs that cannot be one",
        description="Combines the runs of shards (pytest --splits/--group, a matrix of CI jobs) into one record, one "
        "report and one verdict, and exits as one run of all of them would. A case that none of them ran, or two, is "
        "an error, and so are runs of other files, settings, models or data, and a run that was interrupted.",
    )
    merge.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="folder of a run, its run.json, or a results folder (its latest)",
    )
    merge.add_argument(
        "-o",
        "--audit-results",
        dest="results",
        type=Path,
        default=Path("audit-results"),
        metavar="OUT",
        help="the folder of results that gets the new run",
    )
    merge.add_argument(
        "--audit-sign", dest="key", metavar="KEY", help="private key that signs the evidence of the merged run"
    )
    merge.add_argument("--junitxml", type=Path, metavar="FILE", help="write the merged run as JUnit XML too")
    add_budget(merge)
    add_language(merge, "the terminal, of JUnit XML and summary.md, and that in which the report opens")
    merge.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    from ..acceptance.statement import sign_evidence, write_evidence
    from ..evidence.merged_tables import Shard
    from ..evidence.merging import merge
    from ..evidence.record import write_record
    from ..language.whole_file import write_whole
    from ..releases.baselines import BASELINES
    from ..releases.since_last_run import with_history
    from ..report import write_reports
    from ..report.junit import render_junit
    from ..report.run_lines import run_lines
    from .words import command_words

    signer = None if given.key is None else _signer(given.key)
    folders = [run_of(path) for path in given.runs]
    shards = [Shard(str(folder), _read(folder)) for folder in folders]
    record = merge(shards, new_run_id())
    record = with_history(record, given.results, Path(BASELINES))
    pictures = {
        name: content
        for shard, folder in zip(shards, folders, strict=True)
        for name, content in pictures_of_run(shard.record, folder)
    }
    folder = given.results / record.id
    try:
        write_record(record, folder)
        for name, content in pictures.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
    except OSError as error:
        raise ResultsError(f"{folder}: cannot be written ({error.strerror}); give another folder with -o") from error
    words = command_words(given.language)
    page, _ = write_reports(folder, record=record, language=given.language, budget_bytes=given.budget)
    write_evidence(record, folder)
    if signer is not None:
        sign_evidence(folder, signer)
    if given.junitxml is not None:
        given.junitxml.parent.mkdir(parents=True, exist_ok=True)
        write_whole(given.junitxml, render_junit(record, str(page), words))
    point_latest(given.results, record.id)
    merged = words._("merge_merged", n=words.count(len(shards)), runs=_ran(record, words))
    say(merged, *run_lines(record, words), words._("run_report", path=page))
    return record.exit_status


def _signer(key: str) -> Signer:
    from ..acceptance.keys import load_signer

    return load_signer(key)


def _read(folder: Path) -> RunRecord:
    from ..evidence.consistency import read_record_with_pictures

    return read_record_with_pictures(folder)


def _ran(record: RunRecord, words: Words) -> str:
    runs = (words._("merge_run", n=words.count(one.cases), run=one.id) for one in record.merged)
    return words._("comma").join(runs)


def pictures_of_run(record: RunRecord, folder: Path) -> Iterator[tuple[str, bytes]]:
    """The pictures that a run shows, by their names; one that is not there is missing in the report too.

    Raises:
        ResultsError: a picture of another content than its name says; a record names nothing else.
    """
    from ..language.regular_files import read_file

    for name in record.files:
        digest = _PICTURE.fullmatch(name)
        if digest is None:
            raise ResultsError(f"{folder}: names a picture {name!r}, which no run writes; run it again")
        try:
            content = read_file(folder / name, most=_MOST_BYTES)
        except OSError:
            continue
        if not hashlib.sha256(content).hexdigest().startswith(digest[1]):
            raise ResultsError(f"{folder / name}: is not the picture that the run drew; run it again")
        yield name, content

"""The record that succeeds another one, with more reviews: a record is never altered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from ..language.errors import ResultsError
from .consistency import contradictions
from .decisions import with_holm, without_holm
from .record import InputFile, ReviewRecord, RunRecord, record_digest
from .reviewed import Answers, decided_anew
from .states import exit_status, is_partial, is_whole, missing_text, run_state


def successor(parent: RunRecord, reviews: Iterable[ReviewRecord], files: Iterable[InputFile], run_id: str) -> RunRecord:
    """The record of the same measurement with more reviews: verdicts and the state of the run are decided anew.

    Args:
        reviews: those that are added.
        files: their files, for its provenance.
        run_id: of the new record.

    Raises:
        ResultsError: what follows contradicts itself.
    """
    counted = [*parent.reviews, *reviews]
    answers = Answers(counted, parent.fingerprints)
    start, tolerated = datetime.fromisoformat(parent.started), parent.inconclusive == "warn"
    quick = parent.quick_look is not None
    anew = [decided_anew(case, answers, start=start, tolerated=tolerated, quick_look=quick) for case in parent.cases]
    cases = with_holm(without_holm(anew))
    absent, as_agreed = parent.absent_files, parent.as_agreed
    origin = parent.provenance
    record = parent.model_copy(
        update={
            "id": run_id,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "parent": record_digest(parent),
            "reviews": counted,
            "cases": cases,
            "provenance": origin.model_copy(update={"files": [*origin.files, *files]}),
            "overall": run_state(cases, absent, quick_look=quick, as_agreed=as_agreed),
            "whole": is_whole(cases, absent),
            "partial": is_partial(cases, absent),
            "missing": missing_text(cases, absent),
            "exit_status": exit_status(
                cases,
                absent,
                quick_look=quick,
                tolerate_inconclusive=tolerated,
                allow_partial=parent.allow_partial,
                as_agreed=as_agreed,
            ),
        }
    )
    # as if it had been made at once: a record that was read leaves out what it did not have
    record = RunRecord.model_validate(record.model_dump())
    wrong = contradictions(record)
    if wrong:
        raise ResultsError("what follows contradicts itself, so it is not written:", *(f"  {one}" for one in wrong))
    return record

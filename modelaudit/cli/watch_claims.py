"""The audited requirements in words, for the alarms of a monitor: what was found, and under which changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..evidence.record import RunRecord
    from ..monitoring.monitor_file import AuditedClaim


def told_claims(claims: Iterable[AuditedClaim], record: RunRecord) -> Iterator[AuditedClaim]:
    """The claims with what the report says of each in every language, and the kinds of changes that it is about."""
    from ..advice.kinds import kinds_of
    from ..report.sentences import sentence
    from ..report.words import LANGUAGES, words_of

    cases = {case.id: case for case in record.cases}
    for claim in claims:
        case = cases[claim.node_id]
        found = {language: sentence(case, words_of(language)) for language in LANGUAGES}
        yield claim.model_copy(update={"found": found, "kinds": kinds_of(case), "must_fail": case.must_fail})

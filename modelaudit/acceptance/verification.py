"""Checks a run that somebody else hands over: whether it is what was signed, and follows from its own values.

It needs neither the model nor the data, no network and no torch. Every check is one of four: it holds, it holds with a
warning, it does not hold, or it was not made, and then it says why; nothing that was not looked at counts as holding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from ..evidence.consistency import contradictions
from ..evidence.record import RECORD_NAME, RunRecord, read_record, record_digest
from ..language.errors import AcceptanceError, AuditError
from ..language.json_file import json_of
from . import verified_evidence, verified_lock
from .pack import ENVIRONMENT, RUN, environment_departs
from .received import Expected, NotChecked, Received, Warned
from .verified_reports import Make, reports
from .verified_reviews import reviews
from .verified_waivers import waivers

Status = Literal["held", "warned", "failed", "not_checked"]
Level = Literal["none", "self_declared", "signed", "spot_checked", "reproduced"]
CheckName = Literal[
    "pack",
    "record",
    "reports",
    "evidence",
    "evidence_signature",
    "pack_signature",
    "lock",
    "lock_signatures",
    "lock_time",
    "agreement",
    "departures",
    "waivers",
    "reviews",
    "environment",
    "nonce",
    "commit",
    "measured_again",
]
#: of everything that is wrong with one file so much is named
_NAMED = 20


@dataclass(frozen=True)
class Check:
    """A check and how it ended; ``said``: what does not hold with file, case and field, or why it was not made;
    of one that warns, what is to be known."""

    name: CheckName
    status: Status
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verification:
    """How all checks ended, of which run, and who signed it; ``measured``: the level that measuring again reached.

    ``record``: the SHA-256 of the run.json that was looked at.
    """

    run: str | None
    overall: str | None
    finished: str | None
    checks: tuple[Check, ...]
    signed_by: tuple[str, ...] = field(default=())
    measured: Literal["spot_checked", "reproduced"] | None = None
    record: str | None = None

    @property
    def holds(self) -> bool:
        """Whether no check failed."""
        return all(check.status != "failed" for check in self.checks)

    @property
    def level(self) -> Level:
        """How far the result can be believed: "none" where a check failed, "signed" where a given key fits."""
        if not self.holds:
            return "none"
        return self.measured or ("signed" if self.signed_by else "self_declared")

    def document(self) -> dict[str, Any]:
        """Its JSON form."""
        return {
            "format": "modelaudit verification",
            "version": 1,
            "modelaudit": version("pytest-modelaudit"),
            "run": self.run,
            "record_sha256": self.record,
            "overall": self.overall,
            "level": self.level,
            "signed_by": list(self.signed_by),
            "checks": [{"name": one.name, "status": one.status, "said": list(one.said)} for one in self.checks],
        }


def verify(received: Received, expected: Expected, make: Make) -> Verification:
    """Check everything that can be checked.

    Args:
        make: see :data:`.verified_reports.Make`.
    """
    try:
        record = read_record(received.folder / RUN / RECORD_NAME)
    except AuditError as error:
        return Verification(None, None, None, (Check("record", "failed", _lines(error, received.folder)),))
    contradicted = contradictions(record)
    signers: dict[str, None] = {}
    checks: dict[CheckName, Callable[[], Iterable[str]]] = {
        "record": lambda: [f"{RUN}{RECORD_NAME}: {one}" for one in contradicted],
        "reports": lambda: reports(received, record, expected, make, contradicted=bool(contradicted)),
        "evidence": lambda: verified_evidence.statements(received, record),
        "evidence_signature": lambda: verified_evidence.evidence_signature(received, expected, signers),
    }
    if received.is_pack:
        checks["pack_signature"] = lambda: verified_evidence.pack_signature(received, expected, signers)
    checks |= {
        "lock": lambda: verified_lock.of_record(received, record, expected),
        "lock_signatures": lambda: verified_lock.signatures(received, record, expected),
        "lock_time": lambda: verified_lock.time(received, record, expected),
        "agreement": lambda: verified_lock.agreement(received, record),
        "departures": lambda: verified_lock.departing(received, record),
        "waivers": lambda: waivers(received, record, expected),
        "reviews": lambda: reviews(received, record, expected),
        "environment": lambda: _environment(received, record),
        "nonce": lambda: _nonce(record, expected.nonce),
        "commit": lambda: _commit(record, expected.commit),
    }
    done = [_check(name, problems, received.folder) for name, problems in checks.items()]
    whole = [Check("pack", "held")] if received.is_pack else []  # one that is not is not even opened
    return Verification(
        record.id, record.overall, record.finished, (*whole, *done), tuple(signers), record=record_digest(record)
    )


def named(lines: Sequence[str]) -> tuple[str, ...]:
    """As many of the lines as are named, and how many more there are."""
    more = [f"and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    return (*lines[:_NAMED], *more)


def _check(name: CheckName, problems: Callable[[], Iterable[str]], folder: Path) -> Check:
    found: list[str] = []
    try:
        found.extend(problems())
    except NotChecked as reason:
        if not found:
            return Check(name, "not_checked", (str(reason),))
    except AuditError as error:
        found += str(error).split("\n")
    fails = not all(isinstance(line, Warned) for line in found)
    found = [line.replace(f"{folder}{os.sep}", "") for line in found]
    return Check(name, "failed" if fails else "warned" if found else "held", named(found))


def _lines(error: AuditError, folder: Path) -> tuple[str, ...]:
    return tuple(str(error).replace(f"{folder}{os.sep}", "").split("\n"))


def _environment(received: Received, record: RunRecord) -> list[str]:
    content = received.files.get(ENVIRONMENT)
    if content is None:
        raise NotChecked("the installed packages were not recorded (a pack lists them in environment.json)")
    found = json_of(content, ENVIRONMENT, lambda problem: AcceptanceError(f"{problem}; take the pack again"))
    if not isinstance(found, dict) or not isinstance(found.get("distributions"), dict):
        return [f"{ENVIRONMENT}: distributions: is missing"]
    return [f"{ENVIRONMENT}: {line}" for line in environment_departs(found, record)]


def _nonce(record: RunRecord, expected: str | None) -> list[str]:
    if expected is None:
        raise NotChecked("no --expect-nonce was given, so an earlier run could be handed over for this one")
    if record.nonce == expected:
        return []
    return [f"{RUN}{RECORD_NAME}: nonce: is {record.nonce!r}, and {expected!r} was expected: it is another run"]


def _commit(record: RunRecord, expected: str | None) -> Iterator[str]:
    if expected is None:
        raise NotChecked("no --expect-commit was given")
    where, found = f"{RUN}{RECORD_NAME}: provenance", record.provenance.git_commit
    if found != expected:
        yield f"{where}.git_commit: is {found}, and {expected} was expected"
    elif record.provenance.git_dirty is not False:
        yield f"{where}.git_dirty: files under git were changed and not committed, so the commit does not say what ran"

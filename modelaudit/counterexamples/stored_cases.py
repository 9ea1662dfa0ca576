"""The counterexamples beside the audits: what a run tries first, and what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..engine.results.counterexamples import KnownCase, ReplayFacts
from ..evidence.record import CaseRecord
from ..language.errors import AuditError
from .stored_case import StoredCase, read_case


@dataclass(frozen=True)
class StoredCases:
    """What the folders of counterexamples hold.

    Args:
        cases: by file, relative to the root of the run.
        damaged: files that cannot be read as one, and why.
    """

    cases: Mapping[str, StoredCase] = field(default_factory=dict)
    damaged: Mapping[str, str] = field(default_factory=dict)

    @property
    def known(self) -> tuple[KnownCase, ...]:
        """What the engine tries first."""
        return tuple(
            KnownCase(
                file,
                case.measure,
                case.image.sample,
                case.image.image,
                case.image.mask,
                case.image.donor,
                case.change.context,
                case.seed,
            )
            for file, case in self.cases.items()
        )


def case_files(folder: Path) -> list[Path]:
    """The files of counterexamples in a folder, in the order of their names; none where there is no folder."""
    return sorted(file for file in folder.glob("*.json") if not file.name.startswith("."))


def read_cases(files: Iterable[Path], root: Path) -> StoredCases:
    """Every counterexample; a file that cannot be read is kept by name with its error, and stops nothing."""
    cases: dict[str, StoredCase] = {}
    damaged: dict[str, str] = {}
    for file in files:
        name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
        try:
            cases[name] = read_case(file)
        except AuditError as error:
            damaged[name] = str(error).replace(str(file), file.name)
    return StoredCases(cases, damaged)


def settled(stored: StoredCases, replays: Sequence[ReplayFacts], cases: Sequence[CaseRecord]) -> list[ReplayFacts]:
    """What became of every stored counterexample, in the order of its files.

    Args:
        replays: what the measurement says, which knows no cases.
        cases: of the run. A counterexample whose case was left out by what the user selected is not mentioned.
    """
    by_id = {case.id: case for case in cases}
    found: list[ReplayFacts] = []
    for file in sorted({*stored.cases, *stored.damaged}):
        if file in stored.damaged:
            found.append(_not_tried(file, stored.damaged[file]))
            continue
        one = stored.cases[file]
        case = by_id.get(one.case)
        own = [] if case is None else [facts for facts in replays if facts.file == file and _is_of(facts, case)]
        if tried := [facts for facts in own if facts.state != "cannot_replay"]:
            found += tried
        elif own:
            found.append(own[0])  # one data set of several holds its image; the others say why not
        elif case is None:
            found.append(_not_tried(file, f"no case {one.case} is declared; remove the file if it was renamed", one))
        elif case.absence is None:
            why = case.message.split("\n")[0] or f"{one.case} no longer searches by {one.measure}"
            found.append(_not_tried(file, why, one))
        elif case.absence.by != "selection":
            found.append(_not_tried(file, f"{one.case} was not run: {case.absence.why}", one))
    return found


def _is_of(facts: ReplayFacts, case: CaseRecord) -> bool:
    return facts.model in case.model_names.values()


def _not_tried(file: str, why: str, one: StoredCase | None = None) -> ReplayFacts:
    return ReplayFacts(
        file=file,
        model="",
        column="" if one is None else one.measure,
        sample="" if one is None else one.image.sample,
        context="" if one is None else one.change.context,
        state="cannot_replay",
        why=why,
    )

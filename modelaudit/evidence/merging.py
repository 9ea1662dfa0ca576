"""Combines the records of shards into the record of the whole: pure functions of what was read.

A shard is a run of a part of the declared cases (``--splits``/``--group``, paths, ``-k``). Every case must have been
run in exactly one of them, from the same files, with the same settings, on the same models and data. What two shards
measured both must agree; what is counted over a run (the state, Holm's correction, the tables by class) is computed
anew, as for one run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeVar

from ..language.errors import ResultsError
from .consistency import contradictions
from .decisions import with_holm, without_holm
from .matrix import by_class
from .merged_tables import Shard, Together, measured_together
from .record import AbsentFile, AgreementRecord, CaseRecord, InputFile, MergedRun, PassesRecord, Provenance, RunRecord
from .reviewed import Answers, decided_anew
from .states import exit_status, is_partial, is_whole, missing_text, run_state

#: how many cases, files or fields a message names
_NAMED = 10
_Part = TypeVar("_Part")


def merge(shards: Sequence[Shard], run_id: str) -> RunRecord:
    """The record of the whole.

    Args:
        shards: at least one; each is consistent in itself.
        run_id: of the new record.

    Raises:
        ResultsError: a case that was run in none of them, or in two; a shard that was interrupted, could not collect a
            file, or is a quick look; shards of other files, settings, models or data; or what does not fit together.
    """
    _refuse_unfinished(shards)
    _refuse_different(shards)
    cases = _cases(shards)
    files = _absent_files(shards)
    found = measured_together(_in_order(shards, cases))
    reviews = list({one.sha256: one for shard in shards for one in shard.record.reviews}.values())
    answers = Answers(reviews, {model.key: model.fingerprint for model in found.models})
    tolerated = shards[0].record.inconclusive == "warn"
    start = datetime.fromisoformat(min(one.record.started for one in shards))
    reviewed = [decided_anew(found.of_case(case), answers, start=start, tolerated=tolerated) for case in cases]
    decided = with_holm(without_holm(reviewed))
    record = _record(shards, run_id, decided, files, found).model_copy(update={"reviews": reviews})
    wrong = contradictions(record)
    if wrong:
        raise ResultsError(
            "the runs contradict each other, so they cannot be merged:", *_listed([str(one) for one in wrong])
        )
    return record


def _record(
    shards: Sequence[Shard], run_id: str, cases: list[CaseRecord], files: list[AbsentFile], found: Together
) -> RunRecord:
    records = [one.record for one in shards]
    first = records[0]
    terms = {"tolerate_inconclusive": first.inconclusive == "warn", "allow_partial": first.allow_partial}
    stopped = frozenset(table.data for table in found.tables if table.available is not None)
    return RunRecord(
        id=run_id,
        started=min(one.started for one in records),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        command=" && ".join(one.command for one in records),
        overall=run_state(cases, files, quick_look=False),
        whole=is_whole(cases, files),
        partial=is_partial(cases, files),
        missing=missing_text(cases, files),
        absent_files=files,
        allow_partial=first.allow_partial,
        exit_status=exit_status(cases, files, **terms),
        inconclusive=first.inconclusive,
        provenance=_provenance(shards),
        cases=cases,
        models=found.models,
        data=found.data,
        tables=found.tables,
        passes=_passes(records),
        notes=[*dict.fromkeys(note for one in records for note in one.notes), *_machines(shards), *found.notes],
        sanity=found.sanity,
        checks=first.checks,
        by_class=by_class(found.tables, cases, stopped, found.models),
        merged=[
            MergedRun(
                id=one.id,
                command=one.command,
                started=one.started,
                finished=one.finished,
                exit_status=one.exit_status,
                cases=sum(_ran(case) for case in one.cases),
            )
            for one in records
        ],
        about=next((one.about for one in records if one.about is not None), None),
        agreement=_agreement(records),
        costs=next((one.costs for one in records if one.costs is not None), None),
        probes=_each_once([probe for one in records for probe in one.probes]),
        counterexamples=_each_once([found for one in records for found in one.counterexamples]),
        searches=_each_once([facts for one in records for facts in one.searches]),
        replays=_each_once([replay for one in records for replay in one.replays]),
        changes={text: change for one in records for text, change in one.changes.items()},
    )


def _each_once(parts: Sequence[_Part]) -> list[_Part]:
    return [one for at, one in enumerate(parts) if one not in parts[:at]]


def _agreement(records: Sequence[RunRecord]) -> AgreementRecord | None:
    """The agreement of all shards, with everything that is unmet in one, and the coverage of the one with the most
    images."""
    agreed = [one.agreement for one in records if one.agreement is not None]
    if not agreed:
        return None
    unmet = [term for one in agreed for term in one.unmet]
    whole = max(agreed, key=lambda one: one.domain.images if one.domain else 0)
    costs = next((one.costs for one in agreed if one.costs and one.costs.expected), whole.costs)
    distinct = [term for at, term in enumerate(unmet) if term not in unmet[:at]]
    return whole.model_copy(update={"unmet": distinct, "costs": costs})


def _refuse_unfinished(shards: Sequence[Shard]) -> None:
    for one in shards:
        if one.record.quick_look is not None:
            raise ResultsError(
                f"{one.name}: is a quick look at {one.record.quick_look} images, which decides nothing; run it without "
                "--audit-limit"
            )
        ended = [f"  {case.id}: {_why(case)}" for case in one.record.cases if _by(case) in ("interrupted", "error")]
        if ended:
            raise ResultsError(f"{one.name}: ended before all of its cases were run; run it again:", *_listed(ended))
        broken = [f"  {file.file}: {file.why}" for file in one.record.absent_files if file.by == "error"]
        if broken:
            raise ResultsError(
                f"{one.name}: its audit files were not all collected; mend them and run all shards again:",
                *_listed(broken),
            )
    for at, one in enumerate(shards):
        for other in shards[:at]:
            if one.record.id == other.record.id:
                raise ResultsError(
                    f"{one.name}: is the run {one.record.id}, and so is {other.name}; give each run once"
                )


def _refuse_different(shards: Sequence[Shard]) -> None:
    for one, other in pairwise(shards):
        settings, others = _settings(one.record), _settings(other.record)
        for name in dict.fromkeys([*settings, *others]):
            if settings.get(name) != others.get(name):
                raise ResultsError(
                    f"{other.name}: {name} is {_said(others.get(name))}, and {_said(settings.get(name))} in "
                    f"{one.name}; run all shards alike"
                )
    said = [(one.name, one.record.about) for one in shards if one.record.about is not None]
    for (name, about), (other_name, other_about) in pairwise(said):
        if about != other_about:
            raise ResultsError(
                f"{other_name}: its about.yaml says something else than that of {name}; a run has one about.yaml"
            )
    priced = [(one.name, one.record.costs) for one in shards]
    for (name, costs), (other_name, other_costs) in pairwise(priced):
        if costs != other_costs:
            raise ResultsError(f"{other_name}: states other costs than {name}; run all shards with the same costs.yaml")
    agreed = {one.record.agreement and one.record.agreement.sha256: one.name for one in shards}
    if len(agreed) > 1:
        raise ResultsError(
            f"{' and '.join(agreed.values())}: do not have the same agreement.yaml; run all shards under the same one"
        )
    seen: dict[tuple[str, str], tuple[str, InputFile]] = {}
    for shard in shards:
        for file in shard.record.provenance.files:
            name, known = seen.setdefault((file.role, file.path), (shard.name, file))
            if known.sha256 != file.sha256:
                raise ResultsError(
                    f"{file.path}: has the sha256 {_said(file.sha256)} in {shard.name}, and {_said(known.sha256)} in "
                    f"{name}; run all shards from the same files"
                )
            if known.cases != file.cases:
                raise ResultsError(
                    f"{file.path}: declares {file.cases} cases in {shard.name}, and {known.cases} in {name}; what it "
                    "declares must not depend on where it is run"
                )


def _settings(record: RunRecord) -> dict[str, object]:
    """Everything that must be the same for one run to be one run."""
    origin = record.provenance
    return {
        "the version of pytest-modelaudit": origin.versions.get("pytest-modelaudit"),
        "the git commit": origin.git_commit,
        "--audit-seed": origin.seed,
        "--audit-checks": record.checks,
        "--audit-inconclusive": record.inconclusive,
        "--audit-partial": record.allow_partial,
        **{name: value for name, value in origin.options.items() if name.startswith("ini ")},
    }


def _cases(shards: Sequence[Shard]) -> list[CaseRecord]:
    """Every declared case once, as the one shard ended it that ran it, in the order of the declarations."""
    declared: dict[str, list[tuple[Shard, CaseRecord]]] = {}
    for shard in shards:
        for case in shard.record.cases:
            declared.setdefault(case.id, []).append((shard, case))
    missing, twice, chosen = [], [], []
    for name, found in declared.items():
        _refuse_other_terms(name, found)
        ran = [(shard, case) for shard, case in found if _ran(case)]
        # what a conftest or a plugin leaves out is missing from a run of the whole too, which is then PARTIAL
        ran = ran or [(shard, case) for shard, case in found if _by(case) == "removed"][:1]
        if not ran:
            missing.append(f"  {name}: {'; '.join(f'{shard.name}: {_why(case)}' for shard, case in found)}")
        elif len(ran) > 1:
            twice.append(f"  {name}: {', '.join(shard.name for shard, _ in ran)}")
        else:
            chosen.append(ran[0][1])
    if missing:
        raise ResultsError(
            f"{len(missing)} of {len(declared)} declared cases were run in none of these runs; give the run of every "
            "shard:",
            *_listed(missing),
        )
    if twice:
        raise ResultsError(
            f"{len(twice)} of {len(declared)} cases were run more than once; give each shard once:", *_listed(twice)
        )
    if not chosen:
        raise ResultsError(f"{shards[0].name}: declares no case; there is nothing to merge")
    return _declared_order(shards, chosen)


def _declared_order(shards: Sequence[Shard], cases: Sequence[CaseRecord]) -> list[CaseRecord]:
    """Cases in the order of the shard that declares most of them; those of other files behind them."""
    longest = max(shards, key=lambda one: len(one.record.cases)).record.cases
    place = {case.id: at for at, case in enumerate(longest)}
    return sorted(cases, key=lambda case: place.get(case.id, len(place)))


def _refuse_other_terms(name: str, found: Sequence[tuple[Shard, CaseRecord]]) -> None:
    """Refuse a case that means something else in another run."""
    shard, first = found[0]
    for other, case in found[1:]:
        for field in ("long_form", "must_fail", "known_bad", "clause", "claim", "about", "confidence", "bounds"):
            one, two = getattr(first, field), getattr(case, field)
            if one != two:
                raise ResultsError(
                    f"{name}: its {field} is {_said(two)} in {other.name}, and {_said(one)} in {shard.name}"
                )


def _absent_files(shards: Sequence[Shard]) -> list[AbsentFile]:
    """Audit files that no shard collected, or of which a test function failed; one that every shard left out by what
    was typed is an error."""
    collected = {
        file.path for shard in shards for file in shard.record.provenance.files if file.role == "audit" and file.cases
    }
    found: dict[str, list[tuple[Shard, AbsentFile]]] = {}
    for shard in shards:
        for file in shard.record.absent_files:
            if file.by == "failed" or file.file not in collected:
                found.setdefault(file.file, []).append((shard, file))
    kept, missing = [], []
    for name, seen in found.items():
        responsible = [file for _, file in seen if file.by != "selection"]
        if responsible:
            kept.append(responsible[0])
        else:
            missing.append(f"  {name}: {'; '.join(f'{shard.name}: {file.why}' for shard, file in seen)}")
    if missing:
        raise ResultsError(
            "audit files that none of these runs collected; give the run of every shard:", *_listed(missing)
        )
    return kept


def _in_order(shards: Sequence[Shard], cases: Sequence[CaseRecord]) -> list[Shard]:
    """The shard of the first case first: what one run has of several models comes of the first case."""
    place = {case.id: at for at, case in enumerate(cases)}
    return sorted(
        shards, key=lambda one: min((place[case.id] for case in one.record.cases if _ran(case)), default=len(place))
    )


def _ran(case: CaseRecord) -> bool:
    """Whether a run is the one that had to run a case: it did, or something else than a selection kept it from it."""
    return case.standing != "not_run" or _by(case) not in ("selection", "removed")


def _by(case: CaseRecord) -> str | None:
    return None if case.absence is None else case.absence.by


def _why(case: CaseRecord) -> str:
    return case.absence.why if case.absence is not None else "not run"


def _provenance(shards: Sequence[Shard]) -> Provenance:
    """That of the first shard, with the files of all, and with both values where the environments differ."""
    origins = [one.record.provenance for one in shards]
    files = {(file.role, file.path): file for origin in origins for file in origin.files}
    plugins = {one.name: one for origin in origins for one in origin.plugins}
    return origins[0].model_copy(
        update={
            "versions": _joined([origin.versions for origin in origins]),
            "platform": " | ".join(dict.fromkeys(origin.platform for origin in origins)),
            "device_name": " | ".join(dict.fromkeys(origin.device_name for origin in origins)),
            "git_dirty": None if origins[0].git_dirty is None else any(origin.git_dirty for origin in origins),
            "files": list(files.values()),
            "plugins": list(plugins.values()),
            "options": _joined([origin.options for origin in origins]),
        }
    )


def _joined(found: Sequence[Mapping[str, str]]) -> dict[str, str]:
    names = dict.fromkeys(name for one in found for name in one)
    return {name: " | ".join(dict.fromkeys(one[name] for one in found if name in one)) for name in names}


def _machines(shards: Sequence[Shard]) -> Iterator[str]:
    """What the machines of the shards differ in and numbers may depend on."""
    for name in ("device", "device_name", "platform", "precision", "threads", "micro_batch"):
        yield from _differing(shards, name, [str(getattr(one.record.provenance, name)) for one in shards])
    for name in shards[0].record.provenance.versions:
        yield from _differing(shards, name, [one.record.provenance.versions.get(name, "-") for one in shards])


def _differing(shards: Sequence[Shard], what: str, values: Sequence[str]) -> Iterator[str]:
    if len(set(values)) > 1:
        listed = ", ".join(f"{value} ({shard.record.id})" for shard, value in zip(shards, values, strict=True))
        yield f"the merged runs differ in {what}: {listed}"


def _passes(records: Sequence[RunRecord]) -> PassesRecord:
    """What all shards cost together; what two of them measured counts twice."""
    found = [one.passes for one in records]
    return PassesRecord(
        decoded=sum(one.decoded for one in found),
        forward=sum(one.forward for one in found),
        backward=sum(one.backward for one in found),
        seconds=_sum([one.seconds for one in found]),
        values=_whole(_sum([one.values for one in found])),
        stored=_whole(_sum([one.stored for one in found])),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return sum(known) if len(known) == len(values) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _listed(lines: Sequence[str]) -> list[str]:
    more = [f"  and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    return [*lines[:_NAMED], *more]


def _said(value: object) -> str:
    return "not known" if value is None else repr(value) if isinstance(value, str) else str(value)

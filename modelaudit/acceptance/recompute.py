"""The other party measures again: a part of the images, drawn after the record is out of the vendor's hands.

Whoever runs the tool can write any value into a record. Who has the model and the data draws images that nobody could
foresee, measures them with the record's own expectations, and compares.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..engine.assembly import measure
from ..engine.planning.plan import Asked, PlanGroup, plan
from ..engine.results.measured import Measured
from ..engine.results.settings import Settings
from ..evidence.build import model_records, table_records
from ..evidence.record import CaseRecord, DataRecord, ModelRecord, RunRecord, TableRecord
from ..language.audit import Audit, AuditCase
from ..language.errors import AcceptanceError, AuditError
from ..language.merkle import merkle_root
from ..language.parser import parse
from ..language.progress import Progress, Silent
from ..language.recorded_models import is_recorded
from ..language.sample import Preprocessing
from ..language.scores import recorded_settings
from .draw import Draw
from .lock import Lock, LockedSample
from .locked_data import samples_of
from .recomputed_values import Difference, differing_samples, differing_values

DEFAULT_COUNT = 30
Level = Literal["spot_checked", "reproduced"]


@dataclass(frozen=True)
class SpotCheck:
    """What measuring again found.

    Args:
        seed: that the images were drawn by; with it the check can be repeated.
        draws: of each data set how many images were drawn, and what that can find.
        values: how many values were compared.
        differences: where the record does not say what was found.
    """

    seed: int
    draws: tuple[Draw, ...]
    values: int
    differences: tuple[Difference, ...]

    @property
    def level(self) -> Level | None:
        """What was reached: "reproduced" where every image was measured again; None if anything differs."""
        if self.differences:
            return None
        return "reproduced" if all(draw.drawn == draw.images for draw in self.draws) else "spot_checked"


def spot_check(
    record: RunRecord,
    *,
    model: Any,
    data: Any,
    count: int = DEFAULT_COUNT,
    seed: int | None = None,
    root: Path | None = None,
    lock: Lock | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> SpotCheck:
    """Measure some images of every data set again, without a store, and compare the values with those of the record.

    The record must not contradict itself (:func:`~modelaudit.evidence.consistency.contradictions`).

    The model's fingerprint, the data's digests, what the record says about each image, and every value are compared;
    see :mod:`~modelaudit.acceptance.recomputed_values` for the tolerance. All images of the data lend
    their backgrounds, as in the run.

    Args:
        model: the model, as :class:`~modelaudit.Audit` takes one; several by the names that the record has for them.
        data: likewise.
        count: images of each data set; all of them where there are fewer.
        seed: of the draw; None draws one now, which nobody could foresee.
        root: what relative paths are relative to; None: the working directory.
        lock: whose digests of the drawn images are compared; without them the data's root is compared, for which
            every image is read.

    Raises:
        AcceptanceError: a copy for showing, an older record, or one without values; a model or data that are not given,
            or cannot be opened; an expectation that cannot be read here.
    """
    _refuse_what_cannot_be_measured(record, count, seed)
    drawn_by = secrets.randbits(64) if seed is None else seed
    where = root or Path.cwd()
    settings = Settings(
        where, where, device, seed=record.provenance.seed, micro_batch=record.provenance.micro_batch, checks=None
    )
    models = _given(model, {one.key: _names(one.key, one.names) for one in record.models}, "--model")
    _refuse_networks_for_values(record, models)
    sets = _given(data, {one.key: _names(one.key, [one.reference]) for one in record.data}, "--data")
    draws, differences, values = [], [], 0
    for table in record.tables:
        facts = next(one for one in record.data if one.key == table.data)
        drawn = _drawn(table, count, drawn_by)
        group, odd = _group(record, table, facts, models, sets[table.data])
        differences += odd
        narrowed = replace(settings, samples=drawn, attributes=_attributes(table))
        measured = measure(group, narrowed, progress or Silent())
        _refuse_failed(measured, sets[table.data])
        again = table_records([measured])[0]
        differences += _differing_models(record.models, model_records([measured]))
        if measured.data is not None and measured.data.available != facts.available:
            texts = f"{facts.available} images", f"{measured.data.available} images"
            differences.append(Difference("data", facts.key, *texts))
        differences += _differing_data(table, facts, drawn, sets[table.data], lock, where)
        differences += differing_samples(table, again, drawn)
        compared, found = differing_values(table, again, drawn, measured.failures)
        values, differences = values + compared, differences + list(found)
        draws.append(Draw(table.data.removeprefix("data:"), len(table.samples), len(drawn)))
    return SpotCheck(drawn_by, tuple(draws), values, tuple(dict.fromkeys(differences)))


def _refuse_what_cannot_be_measured(record: RunRecord, count: int, seed: int | None) -> None:
    if record.redacted or record.digest is not None:
        raise AcceptanceError("the record is a copy for showing, without the names of images; measure by the run's own")
    if count < 1:
        raise AcceptanceError(f"--recompute {count}: give the number of images to measure again, 1 or more")
    if seed is not None and seed < 0:
        raise AcceptanceError(f"--seed {seed}: give a whole number from 0, or leave it out to have one drawn")
    if not any(table.samples and table.columns for table in record.tables):
        raise AcceptanceError("the record holds no values, so there is nothing to measure again")
    for data in record.data:
        if data.seed is None or data.object_kept is None:
            raise AcceptanceError(
                f"{data.key}: the record does not say which seed its values were measured with; it was written by an "
                "older modelaudit, and only runs of a newer one can be measured again"
            )


def _refuse_networks_for_values(record: RunRecord, models: Mapping[str, Any]) -> None:
    """Raise an AcceptanceError where a network is given for a model whose values an earlier run measured."""
    for one in record.models:
        if is_recorded(one.reference) and not is_recorded(models[one.key]):
            raise AcceptanceError(
                f"--model {one.names[-1]}: its values are those of an earlier run ({one.reference}), and no network "
                f"was run for them; give that run itself, --model {one.names[-1]}=run:PATH"
            )


def _names(key: str, names: list[str]) -> list[str]:
    return list(dict.fromkeys([key, key.partition(":")[2], *names]))


def _given(given: Any, known: Mapping[str, list[str]], option: str) -> dict[str, Any]:
    """What was given, by the keys of the record."""
    if not isinstance(given, Mapping):
        if len(known) > 1:
            listed = ", ".join(names[-1] for names in known.values())
            raise AcceptanceError(f"{option}: the record has {len(known)}: {listed}; give each as NAME=REFERENCE")
        return dict.fromkeys(known, given)
    found = {key: next((given[name] for name in names if name in given), None) for key, names in known.items()}
    missing = [known[key][-1] for key, one in found.items() if one is None]
    if missing:
        raise AcceptanceError(f"{option}: {', '.join(missing)} is not given; add {option} {missing[0]}=REFERENCE")
    strange = sorted(set(given) - {name for names in known.values() for name in names})
    if strange:
        listed = ", ".join(names[-1] for names in known.values())
        raise AcceptanceError(f"{option} {strange[0]}: the record does not have this name; it has {listed}")
    return found


def _drawn(table: TableRecord, count: int, seed: int) -> frozenset[str]:
    """The drawn ids: which they are follows from the seed, and from the ids in the order of their names."""
    names = sorted(sample.id for sample in table.samples)
    generator = np.random.default_rng([seed, *table.data.encode("utf-8", "surrogatepass")])
    chosen = generator.choice(len(names), size=min(count, len(names)), replace=False)
    return frozenset(names[at] for at in chosen.tolist())


def _attributes(table: TableRecord) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for sample in table.samples for name in sample.columns))


def _group(
    record: RunRecord, table: TableRecord, facts: DataRecord, models: Mapping[str, Any], data: Any
) -> tuple[PlanGroup, list[Difference]]:
    """What the expectations on one data set ask for, named as the record names it."""
    known = {one.key: one for one in record.models}
    asked, odd, named = [], [], {}
    for case in record.cases:
        if case.data == table.data and case.model_names and set(case.model_names.values()) <= set(known):
            stated, said = _asked(case, facts, known, models, data)
            asked.append(stated)
            named[case.id] = case.model_names
            odd += said
    if not asked:
        raise AcceptanceError(f"{table.data}: no expectation of the record was measured on it")
    group, *others = plan(asked)
    assert not others
    keys = {key: named[case.asked.id][name or ""] for case in group.cases for name, key in case.models.items()}
    return (
        replace(
            group,
            key=table.data,
            models={keys[key]: replace(ask, key=keys[key]) for key, ask in group.models.items()},
            passes=tuple(replace(ask, model=keys[ask.model]) for ask in group.passes),
            cases=(),  # nothing is drawn or decided
        ),
        odd,
    )


def _asked(
    case: CaseRecord, facts: DataRecord, known: Mapping[str, ModelRecord], models: Mapping[str, Any], data: Any
) -> tuple[Asked, list[Difference]]:
    names = {name or "model": key for name, key in case.model_names.items()}
    records = {name: known[key] for name, key in names.items()}
    try:
        expectation = parse(case.expectation)
        references = {name: models[key] for name, key in names.items()}
        audit = restated_audit(references, records, data, facts, case.without_object)
    except AuditError as error:
        raise AcceptanceError(
            f"{case.id}: '{case.expectation}' cannot be measured here ({error}); install the package that it needs"
        ) from error
    stated = AuditCase(
        audit, expectation, None, None, case.confidence, False, "major", case.reviewed_by, (), "", 0, None
    )
    now, then = expectation.long_form(), case.long_form.partition("; confidence=")[0]
    return Asked(case.id, stated, expectation), [] if now == then else [Difference("definition", case.id, then, now)]


def restated_audit(
    references: Mapping[str, Any],
    records: Mapping[str, ModelRecord],
    data: Any,
    facts: DataRecord,
    without_object: Iterable[str],
    *,
    allow_code: bool = True,
) -> Audit:
    """The audit of a run again, as far as its record says it: preprocessing, classes, scores, labels, seed and pools.

    Args:
        references: the models by name; ``records`` what the run says of each.
        facts: what it says of the data.
        allow_code: whether a text may name a Python factory, or a saved program.

    Raises:
        AuditError: what the record says is not possible here.
    """
    scores = {name: recorded_settings(one.scores) for name, one in records.items() if one.scores is not None}
    return Audit(
        model=dict(references),
        data=data,
        classes={name: one.classes for name, one in records.items() if one.classes is not None},
        preprocessing={name: Preprocessing(**one.preprocessing) for name, one in records.items()},  # type: ignore[arg-type]
        scores={name: one.scores for name, one in scores.items() if one.scores is not None},
        output={name: one.output for name, one in scores.items() if one.output is not None},
        score_threshold={name: one.threshold for name, one in scores.items()},
        labels=facts.label_classes,
        object_kept=facts.object_kept or 0.0,
        seed=facts.seed,
        pools=facts.pools,
        without_object=tuple(without_object),
        checks="off",
        allow_code=allow_code,
    )


def _refuse_failed(measured: Measured, data: Any) -> None:
    for key, message in measured.failures.items():
        if key == "data":
            raise AcceptanceError(f"--data {data}: {message}")
        if key.startswith("model:"):
            raise AcceptanceError(f"--model, {key.removeprefix('model:')}: {message}")


def _differing_models(then: list[ModelRecord], now: list[ModelRecord]) -> Iterator[Difference]:
    known = {one.key: one for one in then}
    for found in now:
        if known[found.key].fingerprint != found.fingerprint:
            yield Difference("model", found.key, known[found.key].fingerprint, found.fingerprint)


def _differing_data(
    table: TableRecord, facts: DataRecord, drawn: frozenset[str], data: Any, lock: Lock | None, root: Path
) -> Iterator[Difference]:
    """The digests of the drawn images against the lock's, else the root of all that the run looked at."""
    locked = next((one for one in lock.data if facts.key == one.key or facts.root == one.root), None) if lock else None
    if locked is not None and locked.samples is not None:
        known = {one.id: one for one in locked.samples if one.id in drawn}
        found = {one.id: one for one in samples_of(data, facts.without_object, root, Silent(), facts.key, drawn)}
        for name in sorted(known.keys() & found.keys()):
            yield from _differing_digests(known[name], found[name])
        return
    names = {sample.id for sample in table.samples}
    there = samples_of(data, facts.without_object, root, Silent(), facts.key, names)
    now = merkle_root({one.id: one.digest for one in there})
    if facts.root is not None and now != facts.root:
        yield Difference("data", facts.key, facts.root, now)


def _differing_digests(then: LockedSample, now: LockedSample) -> Iterator[Difference]:
    parts = [part for part in ("image", "mask", "label") if getattr(then, part) != getattr(now, part)]
    if not parts and then.digest != now.digest:
        parts = ["digest"]
    for part in parts:
        yield Difference(part, then.id, getattr(then, part), getattr(now, part))

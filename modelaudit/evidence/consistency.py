"""Checks that a run record is consistent: verdicts follow from bounds, bounds from the tables, the run from its cases.

Everything is computed anew from what the record holds, by the code that decided the run; it needs numpy and scipy, and
neither torch nor models nor data. A whole forgery of per-image values that is consistent in itself is not found: that
takes the data and the model (docs/report.md).
"""

from __future__ import annotations

import hashlib
import math
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..engine.decision.objections import objections_of
from ..engine.results.checks import DECIDES, CheckResults
from ..language.audit import deciding_text
from ..language.errors import AuditError, ResultsError
from ..language.expression import Expectation, Measure
from ..language.merkle import fingerprint, merkle_root
from ..language.reasons import Missing
from ..language.recorded_models import is_recorded
from ..language.reference import parse_reference
from ..language.spec import Method, number_text
from ..language.strata import ColumnIs, Group, Label, ObjectArea, Stratum, conjuncts, strata_of
from ..statistics import ColumnTable, Decision, Verdict, decide
from ..statistics.decide import holds
from ..statistics.objections import apply_objections, decide_on_valid_methods
from .class_order import class_order_of
from .confusion import confusions_of
from .content_digests import digests_of_samples
from .decisions import decision_record, with_holm, without_holm
from .record import (
    ArithmeticNode,
    CaseRecord,
    CompositeNode,
    CurveNode,
    DataRecord,
    Node,
    RunRecord,
    SampleRecord,
    TableRecord,
    WaiverRecord,
    read_record,
)
from .recorded import RecordedSpec, RecordTable, Values, column_key, expectation_of, text_of
from .reviewed import Answers, is_void, with_reviews
from .since_last_run import faults_of
from .states import (
    can_be_waived,
    exit_status,
    is_exception,
    is_partial,
    is_whole,
    missing_text,
    run_state,
    standing_of,
)

#: how far a recomputed number may differ from the stored one: searches end there, and machines round differently
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
_NAMED = 10
#: entries of a list in a message
_SHOWN = 3


@dataclass(frozen=True)
class Contradiction:
    """A statement of a record that does not follow from the rest of it.

    ``case``: its id; None for the run as a whole.
    """

    case: str | None
    field: str
    stored: object
    recomputed: object

    def __str__(self) -> str:
        where, place, stored, recomputed = (
            "the run" if self.case is None else self.case,
            "",
            self.stored,
            self.recomputed,
        )
        if isinstance(stored, list) and isinstance(recomputed, list) and len(stored) == len(recomputed) > _SHOWN:
            pairs = enumerate(zip(stored, recomputed, strict=True))
            for at, (one, other) in pairs:  # of long lists the first entry that differs: their beginnings may be alike
                if not _same(one, other):
                    place, stored, recomputed = f"[{at}]", one, other
                    break
        return f"{where}: {self.field}{place} is {_shown(stored)}, and {_shown(recomputed)} follows from the record"


def read_consistent_record(path: Path) -> RunRecord:
    """The record of a run, from its ``run.json`` or the folder that holds it.

    Raises:
        ResultsError: it cannot be read, or it contradicts itself: every contradiction names case, field and values.
    """
    return require_consistent(read_record(path), path)


def read_record_with_pictures(path: Path) -> RunRecord:
    """The record of a run, as :func:`read_consistent_record`, for who shows its pictures or hands them on.

    Raises:
        ResultsError: it is a baseline, which holds none.
    """
    record = read_consistent_record(path)
    if record.baseline_of is not None:
        raise ResultsError(
            f"{path}: a baseline holds no pictures: give the run that it was made from ({record.id}); modelaudit "
            "baseline show says what it holds"
        )
    return record


def require_consistent(record: RunRecord, path: Path) -> RunRecord:
    """The record itself.

    Raises:
        ResultsError: it contradicts itself.
    """
    found = contradictions(record)
    if found:
        more = [f"  and {len(found) - _NAMED} more"] if len(found) > _NAMED else []
        again = "Run the audit again" if record.baseline_of is None else "Set the baseline again, or restore its file"
        raise ResultsError(  # callers that have room for one line show the first
            f"{path}: the record contradicts itself, so it cannot be used: {found[0]}",
            *(f"  {one}" for one in found[1:_NAMED]),
            *more,
            f"{again}; a record is never edited by hand",
        )
    return record


def contradictions(record: RunRecord) -> list[Contradiction]:
    """Everything in a record that does not follow from the rest of it, in the order of its cases."""
    return [
        *_of_cases(record),
        *_of_reviews(record),
        *_of_tables(record),
        *_of_predictions(record),
        *_of_run(record),
    ]


def _of_cases(record: RunRecord) -> Iterator[Contradiction]:
    classes = {model.key: model.classes for model in record.models}
    values = {table.data: Values(table, classes) for table in record.tables}
    answers = Answers(record.reviews, record.fingerprints)
    for case in record.cases:
        try:
            yield from _of_case(case, record, values, answers)
        except AuditError as error:  # what cannot be computed anew is not believed
            yield Contradiction(case.id, "decision", _verdict(case), f"nothing ({error})")
    for before, after in zip(record.cases, with_holm(without_holm(record.cases)), strict=True):
        yield from _differing(before.id, "checks.holm", _holm(before), _holm(after))


def _of_case(
    case: CaseRecord, record: RunRecord, values: Mapping[str, Values], answers: Answers
) -> Iterator[Contradiction]:
    yield from _texts(case)
    if case.verdict in ("PASS", "FAIL", "INCONCLUSIVE"):
        yield from _decided(case, record, values, answers)
    elif case.verdict is None and case.decision is not None:
        yield Contradiction(case.id, "decision", case.decision.verdict, "none: the case was not run")
    if case.standing not in ("xfail", "not_run"):
        waived = case.waiver is not None and case.waiver.covers(case.verdict, _started(record))
        yield from _differing(case.id, "standing", case.standing, standing_of(case, waived=waived))
    if case.waiver is not None:
        yield from _waiver(case, case.waiver, under_lock=record.lock is not None)
    allowed = _outcomes(case, quick_look=record.quick_look is not None)
    if case.outcome not in allowed:
        yield Contradiction(case.id, "outcome", case.outcome, " or ".join(sorted(allowed)))


def _of_reviews(record: RunRecord) -> Iterator[Contradiction]:
    """Every review says something of a picture of the run, and is there once."""
    for at, one in enumerate(record.reviews):
        if one.sha256 in {other.sha256 for other in record.reviews[:at]}:
            yield Contradiction(None, f"reviews[{at}]", f"{one.file} once more", "each review once")
        if is_void(one.review, record.cases, record.fingerprints):
            yield Contradiction(
                None, f"reviews[{at}]", f"counted: {one.file}", "void: it answers no picture of the run"
            )


def _started(record: RunRecord) -> datetime:
    """When the run began, which decides what waivers are in force."""
    try:
        found = datetime.fromisoformat(record.started)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ResultsError(f"started is {record.started!r}, which is not a date and time with a time zone")
    return found


def _waiver(case: CaseRecord, waiver: WaiverRecord, *, under_lock: bool) -> Iterator[Contradiction]:
    """A waiver that a run refuses, or that has a signature, or lacks one, without a lock that names whose it is."""
    if not can_be_waived(case):
        why = "of a known-bad model" if case.must_fail else "critical"
        yield Contradiction(case.id, "waiver", f"by {waiver.owner}", f"none: the requirement is {why}")
    if waiver.expires <= waiver.issued:
        yield Contradiction(case.id, "waiver.expires", str(waiver.expires), f"a time after {waiver.issued}")
    if under_lock and (waiver.signed_by is None) == (waiver.lacks is None):
        said = waiver.signed_by if waiver.lacks else "nobody"
        yield Contradiction(case.id, "waiver.signed_by", said, "a party, or what the waiver lacks")
    if not under_lock:
        yield from _differing(case.id, "waiver.signed_by", waiver.signed_by, None)
        yield from _differing(case.id, "waiver.lacks", waiver.lacks, None)


def _texts(case: CaseRecord) -> Iterator[Contradiction]:
    """The expectation in all of its forms."""
    limit = f" {case.op} {number_text(case.threshold)}"
    terms = deciding_text(
        case.confidence,
        case.about,
        case.bounds,
        case.claim,
        case.must_fail,
        case.without_object,
        importance=case.importance if "importance" in case.model_fields_set else None,
        reviewed_by=case.reviewed_by,
    )
    end = f"{limit}; {terms}"
    yield from _differing(case.id, "expectation", case.expectation, f"{text_of(case.left)}{limit}")
    if not case.long_form.endswith(end):
        yield Contradiction(case.id, "long_form", case.long_form[-len(end) :], end)
    yield from _differing(case.id, "must_fail", case.must_fail, bool(case.known_bad))
    digest = hashlib.sha256(case.long_form.encode()).hexdigest()
    yield from _differing(case.id, "fingerprint", case.fingerprint, digest)


def _decided(
    case: CaseRecord, record: RunRecord, values: Mapping[str, Values], answers: Answers
) -> Iterator[Contradiction]:
    """The verdict, from the tables by way of the bounds, of what the checks found, and of reviews."""
    if case.decision is None:
        yield Contradiction(case.id, "decision", "none", "a decision with bounds")
        return
    if case.data is None or case.data not in values:
        raise ResultsError(f"the table of {case.data!r} is missing")
    expectation, checks = expectation_of(case), case.checks or CheckResults()
    yield from _groups(case, expectation, values[case.data].table)
    yield from _declared(case, expectation, values[case.data])
    decider = _Decider(case, record, values[case.data])
    yield from _differing(case.id, "checks.insane", checks.insane, decider.failed_methods(expectation))
    whole = decider.decide(expectation)
    base, against_maps = decide_on_valid_methods(whole, decider.on_valid_methods(expectation), checks.insane)
    yield from _checked(case, expectation, base, checks)
    objections = [*([] if against_maps is None else [against_maps]), *objections_of(checks, base)]
    final = apply_objections(base, objections)
    taken = final.verdict is not whole.verdict
    said = [one.note for one in objections] if taken else []
    yield from _differing(case.id, "checks.objections", checks.objections, said)
    yield from _differing(case.id, "checks.unguarded", checks.unguarded, whole.verdict.value if taken else None)
    yield from _compared(case.id, "decision", case.decision, decision_record(final))
    reason = None if final.reason is None else final.reason.value
    decided = case.model_copy(update={"verdict": final.verdict.value, "reason": reason, "complete_reviews": None})
    again = with_reviews(decided, answers, quick_look=record.quick_look is not None)
    for field in ("verdict", "reason", "complete_reviews"):
        yield from _differing(case.id, field, getattr(case, field), getattr(again, field))


def _groups(case: CaseRecord, expectation: Expectation, table: TableRecord) -> Iterator[Contradiction]:
    """Every group that the samples are divided into has its part in a worst group."""
    named = {str(part) for leaf in expectation.expression.measures() for part in conjuncts(leaf.stratum)}
    for by in _divisions(case.left):
        there = dict.fromkeys(_group_of(sample, by) for sample in table.samples)
        missing = [str(group) for group in there if group is not None and str(group) not in named]
        if missing:
            yield Contradiction(case.id, "formula", "without " + ", ".join(missing), "a part for each of them")


def _declared(case: CaseRecord, expectation: Expectation, values: Values) -> Iterator[Contradiction]:
    """Whether images that have no object leave the case, as its columns and strata show; their masks hold none."""
    rows = [at for at, label in enumerate(values.labels) if label in case.without_object]
    if not rows:
        return
    leaves = list(expectation.expression.measures())
    keys = {(case.model_names[leaf.model or ""], column) for leaf in leaves for column in _columns_of(leaf)}
    columns = [values.column(*key) for key in keys]
    by_area = any(isinstance(part, ObjectArea) for leaf in leaves for part in strata_of(leaf.stratum))
    reasons = {column.missing.get(at) for column in columns for at in rows}
    if by_area or Missing.NO_OBJECT in reasons:
        yield from _differing(case.id, "needs_masks", case.needs_masks, True)
    elif any(all(at not in column.missing for column in columns) for at in rows):
        yield from _differing(case.id, "needs_masks", case.needs_masks, False)
    views = [one for one in values.table.views if one.model in case.models] if case.needs_masks else []
    for at in (at for at in rows if any(view.areas[at] is not None for view in views)):
        name = values.table.samples[at].id
        yield Contradiction(case.id, f"the mask of {name}", "one that holds an object", "none, as declared")


def _columns_of(leaf: Measure) -> Iterator[str]:
    """The names of the columns that a measure reads: one a method."""
    assert isinstance(leaf.spec, RecordedSpec)
    for method in leaf.spec.methods or (None,):
        spec = leaf.spec if method is None else replace(leaf.spec, methods=(method,))
        yield column_key(replace(leaf, spec=spec))


def _divisions(node: Node) -> Iterator[str]:
    """What the worst groups of a left side are grouped by."""
    if isinstance(node, CompositeNode) and node.name == "worst_group_accuracy":
        yield str(node.arguments.get("by", "label"))
    elif isinstance(node, ArithmeticNode):
        yield from _divisions(node.left)
        yield from _divisions(node.right)
    elif isinstance(node, CurveNode):
        yield from _divisions(node.of)


def _group_of(sample: SampleRecord, by: str) -> Stratum | None:
    if by == "label":
        return Label(sample.label)
    name = sample.group if by == "group" else sample.columns.get(by)
    if not name:
        return None
    return Group(name) if by == "group" else ColumnIs(by, name)


class _Decider:
    """Decides the expectations of one recorded case."""

    def __init__(self, case: CaseRecord, record: RunRecord, values: Values) -> None:
        self._case, self._record, self._values = case, record, values
        self._table: ColumnTable = RecordTable(case, values)

    def decide(self, expectation: Expectation) -> Decision:
        """As the run did: a quick look is a sample whatever the audit is about."""
        return decide(
            expectation,
            self._table,
            confidence=self._case.confidence,
            about="process" if self._record.quick_look is not None else self._case.about,
            bounds=self._case.bounds,
            claim=self._case.claim,
            sequential=self._values.table.available,
        )

    def failed_methods(self, expectation: Expectation) -> list[str]:
        """The methods that failed their sanity check on a model that the case asks them of, each once."""
        leaves = expectation.expression.measures()
        return list(dict.fromkeys(text for leaf in leaves for _, text in self._failed(leaf)))

    def on_valid_methods(self, expectation: Expectation) -> Decision | None:
        """The decision without the methods that failed; None where none did, or a measure has none left."""
        gone: dict[tuple[Method, ...], set[Method]] = {}
        for leaf in expectation.expression.measures():
            for method, _ in self._failed(leaf):
                gone.setdefault(leaf.spec.methods, set()).add(method)
        if not gone or any(set(methods) <= lost for methods, lost in gone.items()):
            return None

        def kept(leaf: Measure) -> Measure:
            lost = gone.get(leaf.spec.methods, set())
            spec: Any = leaf.spec
            left = tuple(one for one in leaf.spec.methods if one not in lost)
            return replace(leaf, spec=replace(spec, methods=left)) if lost else leaf

        return self.decide(replace(expectation, expression=expectation.expression._refined(kept)))

    def _failed(self, leaf: Measure) -> Iterator[tuple[Method, str]]:
        """The methods of a measure that failed on its model, with the names that sanity checks have for them."""
        assert isinstance(leaf.spec, RecordedSpec)
        model = self._case.model_names.get(leaf.model or "")
        of = "" if leaf.spec.target == "prediction" else f" of {leaf.spec.target}"
        failed = {
            one.method
            for one in self._record.sanity
            if one.model == model and one.check == DECIDES and one.passed is False
        }
        return ((method, f"{method}{of}") for method in leaf.spec.methods if f"{method}{of}" in failed)


def _checked(
    case: CaseRecord, expectation: Expectation, base: Decision, checks: CheckResults
) -> Iterator[Contradiction]:
    """Recomputes what the checks state: verdicts with other masks, the noise floor, a map that is all on the object."""
    if checks.masks is not None:
        for one in checks.masks.variants:
            if not base.parts:
                verdict = _verdict_of(expectation, one.lower, one.upper)
                yield from _differing(case.id, f"checks.masks.{one.variant}.verdict", one.verdict, verdict)
        agree = all(one.verdict == base.verdict for one in checks.masks.variants)
        yield from _differing(case.id, "checks.masks.agree", checks.masks.agree, agree)
    if checks.noise is not None and checks.noise.passed is not None and not base.parts and base.estimate is not None:
        distance = abs(base.estimate - expectation.threshold)
        yield from _differing(case.id, "checks.noise.distance", checks.noise.distance, distance)
        yield from _differing(case.id, "checks.noise.passed", checks.noise.passed, checks.noise.floor <= distance)
    if checks.sensitivity is not None and checks.sensitivity.alone is not None:
        meets = expectation.holds(checks.sensitivity.alone)
        yield from _differing(case.id, "checks.sensitivity.alone_passes", checks.sensitivity.alone_passes, meets)
    if checks.blind is not None:
        decides = expectation.holds(checks.blind.value)
        yield from _differing(case.id, "checks.blind.decides", checks.blind.decides, decides)


def _verdict_of(expectation: Expectation, lower: float | None, upper: float | None) -> str:
    low, high = -math.inf if lower is None else lower, math.inf if upper is None else upper
    worse, better = (high, low) if expectation.wants_low else (low, high)
    if holds(expectation, worse):
        return Verdict.PASS.value
    return Verdict.INCONCLUSIVE.value if holds(expectation, better) else Verdict.FAIL.value


def _outcomes(case: CaseRecord, *, quick_look: bool) -> set[str]:
    """What pytest can have made of a case with that verdict and standing (states.py)."""
    if case.verdict is None:
        return {"not_run", "skipped", "xfailed"}
    if case.standing == "xfail":
        return {"xfailed"}
    if is_exception(case):
        return {"xfailed", "xpassed", "failed", "skipped"}  # one that is marked xfail too
    if case.verdict == "ERROR":
        return {"error", "failed", "skipped"}
    if case.verdict == ("FAIL" if case.must_fail else "PASS"):
        return {"quick_look" if quick_look else "passed", "xpassed", "failed"}  # a strict xfail that passes has failed
    tolerated = {"quick_look", "warned"} if case.verdict == "INCONCLUSIVE" and not case.must_fail else set()
    return {"failed", "skipped", *tolerated}


def _holm(case: CaseRecord) -> object:
    return None if case.checks is None or case.checks.holm is None else case.checks.holm


def _of_tables(record: RunRecord) -> Iterator[Contradiction]:
    """Counts of the data, from the tables."""
    tables = {table.data: table for table in record.tables}
    for data in record.data:
        table = tables.get(data.key)
        if table is None:
            yield Contradiction(None, f"data {data.key}", "read", "nothing: it has no table")
            continue
        yield from _of_data(record, data, table)
        yield from _of_views(record, table)
        yield from _of_unpaired(record, table)


def _of_unpaired(record: RunRecord, table: TableRecord) -> Iterator[Contradiction]:
    """Images are left out for want of a partner in a baseline only where its reference allows for so many."""
    references = {model.key: model.reference for model in record.models}
    for column in table.columns:
        count = sum(reason == Missing.UNPAIRED for reason in column.missing.values())
        if not count:
            continue
        reference = parse_reference(references.get(column.model, ""))
        text = reference.options.get("unpaired", "0") if is_recorded(reference.text) else "0"
        most = float(text) * len(table.samples) if text.replace(".", "", 1).isdecimal() else 0.0
        if count > most + 1e-9:
            field = f"data {table.data}: {column.measure} of {column.model}: images left out"
            yield Contradiction(None, field, count, f"at most {math.floor(most + 1e-9)}")


def _of_views(record: RunRecord, table: TableRecord) -> Iterator[Contradiction]:
    """What is odd about the answers of each model, from the answers."""
    classes, labels = {model.key: model.classes for model in record.models}, [one.label for one in table.samples]
    for view in table.views:
        found = class_order_of(labels, view.indices, view.predicted, classes.get(view.model))
        yield from _differing(None, f"class_order of {view.model}", view.class_order, found)


def _of_data(record: RunRecord, data: DataRecord, table: TableRecord) -> Iterator[Contradiction]:
    samples = table.samples
    name = f"data {data.key}"
    yield from _differing(None, f"{name}: images", data.images, len(samples))
    yield from _differing(None, f"{name}: labels", data.labels, dict(Counter(one.label for one in samples)))
    groups = Counter(one.group for one in samples if one.group is not None)
    yield from _differing(None, f"{name}: groups", data.groups, dict(groups))
    yield from _of_contents(name, data, samples)
    declared = {label: data.labels.get(label) for label in data.without_object}
    yield from _differing(None, f"{name}: without_object", data.without_object, declared)
    if table.available is not None:
        yield from _differing(None, f"{name}: available", data.available, table.available)
    elif record.quick_look is None:
        yield from _differing(None, f"{name}: available", data.available, len(samples))


def _of_contents(name: str, data: DataRecord, samples: Sequence[SampleRecord]) -> Iterator[Contradiction]:
    """The digests of the data, where the samples have theirs."""
    found = digests_of_samples(samples)
    if not found or None in (data.root, data.fingerprint):
        return
    digests = next((one for one in found if merkle_root(one) == data.root), found[0])
    yield from _differing(None, f"{name}: root", data.root, merkle_root(digests))
    yield from _differing(None, f"{name}: fingerprint", data.fingerprint, fingerprint(digests))


def _of_predictions(record: RunRecord) -> Iterator[Contradiction]:
    """Predicted classes against the accuracy of the same images, and the confusion tables that follow from them."""
    for table in record.tables:
        right = {one.model: one.values for one in table.columns if one.measure == "accuracy"}
        for view in table.views:
            if not view.predicted:
                continue
            field, sizes = f"data {table.data}: predicted by {view.model}", (len(view.predicted), len(view.indices))
            if set(sizes) != {len(table.samples)}:
                yield Contradiction(None, f"{field}: images", sizes[0], len(table.samples))
                return
            pairs = zip(view.predicted, view.indices, strict=True)
            found = [None if one is None else float(one == own) for one, own in pairs]
            if view.model in right:
                yield from _differing(None, f"{field}: accuracy", right[view.model], found)
    stored = [] if record.by_class is None else record.by_class.confusions
    if record.quick_look is not None:
        return
    again = confusions_of(record.tables, record.cases, record.models)
    yield from _differing(None, "by_class.confusions: tables", len(stored), len(again))
    for one, other in zip(stored, again, strict=False):
        yield from _compared(None, "by_class.confusions", one, other.model_copy(update={"stopped": one.stopped}))


def _of_run(record: RunRecord) -> Iterator[Contradiction]:
    """The state of the run, from its cases and absent files, and how many cases each file declares."""
    cases, files, quick_look = record.cases, record.absent_files, record.quick_look is not None
    status = exit_status(
        cases,
        files,
        quick_look=quick_look,
        tolerate_inconclusive=record.inconclusive == "warn",
        allow_partial=record.allow_partial,
        as_agreed=record.as_agreed,
    )
    state = run_state(cases, files, quick_look=quick_look, as_agreed=record.as_agreed)
    yield from _differing(None, "overall", record.overall, state)
    yield from _differing(None, "whole", record.whole, is_whole(cases, files))
    yield from _differing(None, "partial", record.partial, is_partial(cases, files))
    yield from _differing(None, "missing", record.missing, missing_text(cases, files))
    yield from _differing(None, "exit_status", record.exit_status, status)
    yield from _differing(None, "digest", record.digest, None)
    yield from _differing(None, "redacted", record.redacted, False)
    yield from _differing(None, "verified", record.verified, None)
    if record.since_last_run is not None:
        for field, stored, expected in faults_of(record.since_last_run, {case.id for case in cases}, record.id):
            yield Contradiction(None, f"since_last_run: {field}", stored, expected)
    typed = shlex.split(record.command)
    if not any(word.startswith("@") for word in typed):  # pytest reads further arguments from such a file
        yield from _differing(None, "allow_partial", record.allow_partial, "--audit-partial" in typed)
    declared = Counter(case.file for case in cases)
    for file in record.provenance.files:
        if file.cases is not None:
            yield from _differing(None, f"number of cases of {file.path}", file.cases, declared[file.path])


def _compared(case: str | None, field: str, stored: Any, recomputed: Any) -> Iterator[Contradiction]:
    """Compares the fields of two records of one kind, except notes, which decide nothing."""
    for name in type(stored).model_fields:
        if name == "note":
            continue
        one, other = getattr(stored, name), getattr(recomputed, name)
        if isinstance(one, BaseModel):
            yield from _compared(case, f"{field}.{name}", one, other)
        elif isinstance(one, list) and one and isinstance(one[0], BaseModel) and len(one) == len(other):
            for at, (part, again) in enumerate(zip(one, other, strict=True)):
                yield from _compared(case, f"{field}.{name}[{at}]", part, again)
        else:
            yield from _differing(case, f"{field}.{name}", one, other)


def _differing(case: str | None, field: str, stored: object, recomputed: object) -> Iterator[Contradiction]:
    if not _same(stored, recomputed):
        yield Contradiction(case, field, stored, recomputed)


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    if isinstance(one, BaseModel) and isinstance(other, BaseModel):
        return all(_same(getattr(one, name), getattr(other, name)) for name in type(one).model_fields)
    return one == other


def _shown(value: object) -> str:
    if isinstance(value, list) and len(value) > _SHOWN:
        text = f"[{', '.join(map(repr, value[:_SHOWN]))}, ... {len(value) - _SHOWN} more]"
    else:
        text = repr(value) if isinstance(value, str | list | dict) else str(value)
    return text if len(text) <= 120 else f"{text[:119]}…"


def _verdict(case: CaseRecord) -> str:
    return case.verdict or "none"

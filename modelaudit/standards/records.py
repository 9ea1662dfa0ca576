"""What a run's record holds of each kind of evidence: numbers, or None where it has nothing of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from ..evidence.record import RunRecord
from ..evidence.states import meant_as
from .standard_file import RecordKind

Numbers = dict[str, int]
#: what is counted
NUMBERS = (
    "advisory",
    "answers",
    "attributes",
    "caught",
    "cells",
    "checked",
    "clauses",
    "clusters",
    "combinations",
    "covered",
    "decided",
    "departures",
    "estimates",
    "files",
    "groups",
    "images",
    "labels",
    "maps",
    "models",
    "objections",
    "packages",
    "passed",
    "people",
    "pictures",
    "requirements",
    "runs",
    "stated",
    "tables",
    "unmet",
    "unusable",
    "values",
    "waived",
    "wanted",
)
#: an attribution method decides where this check of its maps passes
_DECIDES = "mprt"


def numbers_of(kind: RecordKind, record: RunRecord) -> Numbers | None:
    """What there is of a kind of evidence, by name; None where there is nothing."""
    return _FOUND[kind](record)


def _about(record: RunRecord) -> Numbers | None:
    return None if record.about is None else {"stated": len(record.about.model_fields_set)}


def _agreement(record: RunRecord) -> Numbers | None:
    agreed = record.agreement
    return None if agreed is None else {"clauses": agreed.clauses, "unmet": len(agreed.unmet)}


def _operating_domain(record: RunRecord) -> Numbers | None:
    domain = None if record.agreement is None else record.agreement.domain
    if domain is None:
        return None
    standings: Counter[str] = Counter(value.standing for one in domain.attributes for value in one.values)
    standings.update(value.standing for one in domain.combinations for value in one.values)
    return {
        "attributes": len(domain.attributes),
        "combinations": len(domain.combinations),
        "values": standings.total(),
        "covered": standings["covered"],
    }


def _lock(record: RunRecord) -> Numbers | None:
    return None if record.lock is None else {"departures": len(record.lock.departures)}


def _data_read(record: RunRecord) -> Numbers | None:
    if not record.data:
        return None
    labels = {label for data in record.data for label in data.labels}
    return {
        "images": sum(data.images for data in record.data),
        "labels": len(labels),
        "unusable": sum(len(data.unusable) for data in record.data),
    }


def _clusters(record: RunRecord) -> Numbers | None:
    groups, clusters = sum(len(data.groups) for data in record.data), sum(len(data.clusters) for data in record.data)
    return {"groups": groups, "clusters": clusters} if groups or clusters else None


def _class_by_context(record: RunRecord) -> Numbers | None:
    matrices = [] if record.by_class is None else record.by_class.matrices
    wanted = 0 if record.by_class is None else len(record.by_class.wanted)
    return {"cells": sum(len(one.cells) for one in matrices), "wanted": wanted} if matrices else None


def _confusion(record: RunRecord) -> Numbers | None:
    tables = [] if record.by_class is None else record.by_class.confusions
    return {"tables": len(tables)} if tables else None


def _audit_checks(record: RunRecord) -> Numbers | None:
    checked = [case.checks for case in record.cases if case.checks is not None]
    return (
        {"requirements": len(checked), "objections": sum(bool(one.objections) for one in checked)} if checked else None
    )


def _map_checks(record: RunRecord) -> Numbers | None:
    decided = [one for one in record.sanity if one.check == _DECIDES and one.passed is not None]
    return {"checked": len(decided), "passed": sum(bool(one.passed) for one in decided)} if decided else None


def _pictures(record: RunRecord) -> Numbers | None:
    panels = [panel for case in record.cases for row in (*case.gallery, *case.review) for panel in row.panels]
    maps = sum(panel.kind == "attribution" for panel in panels)
    return {"pictures": len(panels), "maps": maps} if panels else None


def _reviews(record: RunRecord) -> Numbers | None:
    people = {one.person for one in record.reviews}
    answers = sum(len(one.review.answers) for one in record.reviews)
    return {"people": len(people), "answers": answers} if people else None


def _exceptions(record: RunRecord) -> Numbers | None:
    waived = sum(case.standing == "waived" for case in record.cases)
    advisory = sum(case.standing == "advisory" for case in record.cases)
    return {"waived": waived, "advisory": advisory} if waived or advisory else None


def _known_bad(record: RunRecord) -> Numbers | None:
    ends = [meant_as(case) for case in record.cases if case.must_fail]
    decided = [end for end in ends if end in ("PASS", "FAIL")]
    return {"caught": decided.count("PASS"), "decided": len(decided)} if decided else None


def _model_identity(record: RunRecord) -> Numbers | None:
    return {"models": len(record.models)} if record.models else None


def _files(record: RunRecord) -> Numbers | None:
    digests = sum(file.sha256 is not None for file in record.provenance.files)
    return {"files": digests} if digests else None


def _versions(record: RunRecord) -> Numbers | None:
    packages = len(record.provenance.versions) + len(record.provenance.plugins)
    return {"packages": packages} if packages else None


def _probe(record: RunRecord) -> Numbers | None:
    return {"estimates": sum(len(one.effects) for one in record.probes)} if record.probes else None


def _earlier_runs(record: RunRecord) -> Numbers | None:
    since = record.since_last_run
    return {"runs": len(since.runs)} if since is not None and since.runs else None


_FOUND: Mapping[RecordKind, Callable[[RunRecord], Numbers | None]] = {
    "about": _about,
    "agreement": _agreement,
    "audit_checks": _audit_checks,
    "class_by_context": _class_by_context,
    "clusters": _clusters,
    "confusion": _confusion,
    "data_read": _data_read,
    "earlier_runs": _earlier_runs,
    "exceptions": _exceptions,
    "files": _files,
    "known_bad": _known_bad,
    "lock": _lock,
    "map_checks": _map_checks,
    "model_identity": _model_identity,
    "operating_domain": _operating_domain,
    "pictures": _pictures,
    "probe": _probe,
    "reviews": _reviews,
    "versions": _versions,
}

"""What a plan without a run reads off the data of an audit: labels, groups, clusters, and what each stratum holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import declare_without_object, open_data
from ..engine.results.strata import MOST, Facts, may_hold, membership
from ..language.audit import Audit
from ..language.boundary import contained, failure_text
from ..language.errors import ExpressionError
from ..language.expression import Expectation
from ..language.sample import DataSet
from ..language.strata import ColumnIs, Group, Label, Stratum, strata_of
from ..language.without_object import left_out
from ..statistics.assumptions import Assumptions

_ELSEWHERE = ("://", "hf:")


@dataclass
class AuditData:
    """The data of audits, each opened once; ``unknown``: those that could not be read, and why.

    Args:
        root: what relative paths are relative to.
    """

    root: Path
    unknown: list[tuple[str, str]] = field(default_factory=list)
    _opened: dict[Any, DataSet | None] = field(default_factory=dict)

    def of(self, audit: Audit) -> DataSet | None:
        """The data of an audit; None if they cannot be read here, or would have to be fetched from elsewhere."""
        key = audit.data if isinstance(audit.data, str) else id(audit.data)
        if key not in self._opened:
            self._opened[key] = self._open(audit)
        found = self._opened[key]
        return None if found is None else declare_without_object(found, tuple(audit.without_object))

    def _open(self, audit: Audit) -> DataSet | None:
        reference = audit.data
        named = reference if isinstance(reference, str) else "the samples"
        why = "they are not on this machine"
        if not isinstance(reference, str) or not any(part in reference for part in _ELSEWHERE):
            try:
                return open_data(reference, root=self.root, quiet=True)
            except BaseException as error:  # they may be yet to be gathered
                why = failure_text(contained(error)).splitlines()[0]
        self.unknown.append((named, why))
        return None


def label_counts(data: DataSet | None) -> dict[str, int]:
    """The images of each label; {} where the data are not known."""
    return {} if data is None else dict(sorted(Counter(str(sample.label) for sample in data.samples).items()))


def of_data(
    guess: Assumptions, expectation: Expectation, audit: Audit, data: DataSet, *, clustered: bool
) -> Assumptions:
    """The assumptions with what the data show: the parts of worst groups, the share of each stratum, cluster sizes.

    Args:
        clustered: how many images share a cluster is given, and not read.
    """
    samples = data.samples
    declared = left_out(expectation.expression, tuple(audit.without_object))
    about = np.array([str(sample.label) not in declared for sample in samples], dtype=bool)
    clusters = Counter(sample.cluster for sample in samples if sample.cluster is not None)
    if clusters and not clustered and audit.claim is None:
        guess = replace(guess, cluster=max(1, round(clusters.total() / len(clusters))))
    return replace(
        guess,
        divisions=_divisions(data, about),
        share_of=lambda stratum: float((_inside(stratum, data) & about).mean()),
    )


def of_classes(guess: Assumptions, shares: Mapping[str, float], expectation: Expectation, audit: Audit) -> Assumptions:
    """The assumptions with the shares of labels that are to come."""
    declared = left_out(expectation.expression, tuple(audit.without_object))
    labels = [label for label in shares if label not in declared]

    def share_of(stratum: Stratum | None) -> float:
        inside = np.ones(len(labels), dtype=bool) if stratum is None else may_hold(stratum, labels)
        return float(sum(shares[label] for label, there in zip(labels, inside, strict=True) if there))

    return replace(guess, divisions={"label": tuple(map(Label, labels))}, share_of=share_of)


def _divisions(data: DataSet, about: NDArray[np.bool_]) -> dict[str, tuple[Stratum, ...]]:
    """By "label", "group" and column: the strata that the images which count are divided into."""
    samples = [sample for sample, there in zip(data.samples, about, strict=True) if there]
    labels = sorted({str(sample.label) for sample in samples})
    groups = sorted({sample.group for sample in samples if sample.group})
    found: dict[str, tuple[Stratum, ...]] = {"label": tuple(map(Label, labels)), "group": tuple(map(Group, groups))}
    for name in sorted({name for sample in samples for name in sample.attributes}):
        values = sorted({sample.attributes[name] for sample in samples if sample.attributes.get(name)})
        if len(values) <= MOST:
            found.setdefault(name, tuple(ColumnIs(name, value) for value in values))
    return found


def _inside(stratum: Stratum | None, data: DataSet) -> NDArray[np.bool_]:
    """[n] bool: the images that are in a stratum, or may be: what the model answers and the masks are not known.

    Raises:
        ExpressionError: a label that the data do not have.
    """
    samples = data.samples
    if stratum is None:
        return np.ones(len(samples), dtype=bool)
    unknown = np.full(len(samples), np.nan)
    names = {name for part in strata_of(stratum) if (name := getattr(part, "name", None)) is not None}
    facts = Facts(
        labels=[str(sample.label) for sample in samples],
        indices=np.full(len(samples), -1, dtype=np.int64),
        correct=unknown,
        areas=unknown,
        classes=None,
        known_labels=frozenset(str(sample.label) for sample in samples),
        groups=[sample.group for sample in samples],
        columns={name: [sample.attributes.get(name) or None for sample in samples] for name in names},
    )
    try:
        inside, perhaps = membership(stratum, facts)
    except ExpressionError as error:  # a label by the model's name for it, perhaps
        raise ExpressionError(f"{error} (only a run knows the names that a model has for its classes)") from error
    return np.asarray(inside | perhaps, dtype=bool)

"""Who could lend a background at all: the images of the audit's own data, or those of a pool from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...contexts.donor_rules import DonorRule
from ...data import open_data
from ...language.errors import AuditError, ContextError, nearest
from ...language.sample import DataSet, Sample
from ...language.spec import Context

_NAMED = 5


@dataclass(frozen=True, eq=False)
class DonorPool:
    """Images whose backgrounds others may take.

    Args:
        samples: from outside with the name of their pool before the id, so that they never meet the data's own.
        names: what their weights are drawn for: the ids as the source gives them, so that a pool may be renamed.
        outside: whether they come from other data; such an image needs no mask, and has no object then.
    """

    samples: tuple[Sample, ...]
    names: tuple[str, ...]
    outside: bool = False

    @classmethod
    def own(cls, samples: Sequence[Sample]) -> DonorPool:
        """A data set that lends to itself."""
        return cls(tuple(samples), tuple(sample.id for sample in samples))

    def may(self, sample: Sample) -> bool:
        """Whether it is known where one of them has its object, or that it has none."""
        return self.outside or _may_lend(sample)


class DonorPools:
    """The pool of every rule; pools are opened when a rule first asks for them.

    Args:
        samples: the audit's own data.
        pools: references or samples by name, as the audit gives them.
        root: what relative paths are relative to.
    """

    def __init__(self, samples: Sequence[Sample], pools: Mapping[str, Any], root: Path) -> None:
        self._own = DonorPool.own(samples)
        self._pools = pools
        self._root = root
        self._opened: dict[str, DonorPool | AuditError] = {}
        self._ids = {sample.id for sample in samples}
        self.notes: dict[str, str] = {}

    def of(self, rule: DonorRule, context: Context) -> DonorPool:
        """Those who may lend by a rule.

        Raises:
            ContextError: data that can lend nothing at all by it; of a single sample that is an undefined value.
        """
        if not rule.outside:
            _refuse_hopeless(context, rule, self._own.samples)
            return self._own
        if rule.text not in self._opened:
            try:
                self._opened[rule.text] = self._open(rule)
            except AuditError as error:
                self._opened[rule.text] = error
        found = self._opened[rule.text]
        if isinstance(found, AuditError):
            raise ContextError(f"'{context}': {found}") from found
        return found

    def _open(self, rule: DonorRule) -> DonorPool:
        data = open_data(self._reference(rule), root=self._root)
        samples = tuple(replace(sample, id=f"{rule.text}: {sample.id}") for sample in data.samples)
        met = next((sample.id for sample in samples if sample.id in self._ids), None)
        if met is not None:
            raise ContextError(f"two images are called {met!r}; rename the pool")
        self._ids.update(sample.id for sample in samples)
        self.notes[rule.text] = self._note(rule, data)
        return DonorPool(samples, tuple(sample.id for sample in data.samples), outside=True)

    def _reference(self, rule: DonorRule) -> Any:
        if rule.kind == "photos":
            return rule.text
        if rule.name not in self._pools:
            known = nearest(rule.name, self._pools) or f"; say Audit(pools={{{rule.name!r}: 'photos:DIR'}})"
            raise ContextError(f"the audit names no pool {rule.name!r}{known}")
        return self._pools[rule.name]

    def _note(self, rule: DonorRule, data: DataSet) -> str:
        given = self._pools.get(rule.name) if rule.kind == "pool" else None
        source = f" ({given})" if isinstance(given, str) else ""
        notes = "".join(f"; {note}" for note in data.notes)
        return f"backgrounds from {rule.text}{source}: {len(data.samples)} images{notes}"


def _may_lend(sample: Sample) -> bool:
    """Whether an image of the audit's own data has a background that is known: all of it where it has no object."""
    return sample.mask is not None or sample.without_object


def sorted_labels(samples: Sequence[Sample]) -> list[str]:
    """The labels in order: indices by their number, names by their letters."""
    labels = {sample.label for sample in samples}
    if all(isinstance(label, int) for label in labels):
        return [str(label) for label in sorted(labels)]
    return sorted({str(label) for label in labels})


def _refuse_hopeless(context: Context, rule: DonorRule, samples: Sequence[Sample]) -> None:
    """Raise where no image of the data set could ever have a donor."""
    able = [sample for sample in samples if _may_lend(sample)]
    if not able:
        raise ContextError(f"'{context}' takes backgrounds from other images, and no image has a mask; add masks")
    if len(able) < 2:
        raise ContextError(f"'{context}' takes backgrounds from other images, and only {able[0].id!r} has a mask")
    if rule.kind in ("other_class", "next_class"):
        _require_two(context, "classes", {str(sample.label) for sample in able})
    if rule.kind == "other_group":
        _require_two(context, "groups", {sample.group for sample in able if sample.group is not None})
    if rule.kind == "class":
        _require_name(context, rule, {str(sample.label) for sample in samples}, {str(sample.label) for sample in able})
    if rule.kind == "group":
        groups = {sample.group for sample in samples if sample.group is not None}
        _require_name(context, rule, groups, {sample.group for sample in able if sample.group is not None})


def _require_two(context: Context, what: str, names: set[str]) -> None:
    if len(names) < 2:
        found = f"only {names}" if names else "none"
        raise ContextError(f"'{context}' takes backgrounds from other {what}, and the data have {found}")


def _require_name(context: Context, rule: DonorRule, names: set[str], with_masks: set[str]) -> None:
    if rule.name not in names:
        known = nearest(rule.name, names) if names else "; they have none at all"
        raise ContextError(f"'{context}': the data have no {rule.kind} {rule.name!r}{known}")
    if rule.name not in with_masks:
        raise ContextError(f"'{context}': no image of the {rule.kind} {rule.name!r} has a mask; add masks")

"""Takes the values of a model from an earlier run, aligned to the images of today by what these hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...contexts import donor_rule, stored_picture
from ...language.errors import AuditError, ResultsError
from ...language.reasons import Missing
from ...language.sample import Preprocessing, Sample
from ...language.spec import Context, name_text
from ...measures.base import searches_changes, tries_backgrounds
from ..images.batches import BatchBuilder
from ..images.donor_selector import UNKNOWN
from ..planning.plan import ColumnAsk, PassAsk, PlanGroup
from ..results.baseline_model import ON_BASELINE, BaselineModel, BaselineTable, Donor, aligned, missing_at
from ..results.measured import MeasuredModel
from ..results.pairing import ImageContent, Pairing, pair
from ..store.keys import long_column_text
from .store_lookup import StoreLookup
from .value_table import ValueTable

Rows = NDArray[np.intp]
#: images that a message names
_NAMED = 5
_AGAIN = "run the audit of that model again, and set the baseline again"


@dataclass
class _Aligned:
    """A baseline whose images are paired with those of today.

    ``rows`` [n]: the place of each image in the baseline, -1 without a partner; ``why``: what differs, by position.
    """

    baseline: BaselineModel
    table: BaselineTable
    rows: Rows
    why: dict[int, str]
    notes: list[str] = field(default_factory=list)

    def reason(self, rows: Rows) -> Missing:
        """Why an image without a partner has no value: left out as declared, or missing."""
        share = self.baseline.unpaired
        allowed = share is not None and int((rows < 0).sum()) <= share * len(rows) + 1e-9
        return Missing.UNPAIRED if allowed else Missing.NO_PARTNER


class BaselineValues:
    """The models of a group whose values an earlier run measured.

    Args:
        samples: those of the table's rows.
        whole: they are all that the audit is about; of a part it is not known what the data lack.
    """

    def __init__(
        self,
        group: PlanGroup,
        models: Mapping[str, BaselineModel],
        samples: Sequence[Sample],
        builder: BatchBuilder,
        lookup: StoreLookup,
        table: ValueTable,
        label_classes: Mapping[str, list[str | int]] | None,
        *,
        whole: bool,
    ) -> None:
        self._group, self._models, self._samples = group, models, samples
        self._builder, self._lookup, self._table = builder, lookup, table
        self._label_classes, self._whole = label_classes, whole
        self._passes = [ask for ask in group.passes if ask.model in models]
        self._contents: tuple[ImageContent, ...] = ()
        self._donors: dict[tuple[Context, object], list[Donor | None]] = {}
        self._aligned: dict[str, _Aligned] = {}

    def preprocessings(self) -> Iterator[Preprocessing]:
        """The geometries in which donors are looked for."""
        for ask in self._passes:
            if donor_rule(ask.context) is not None:
                yield self._preprocessing(ask.model)

    def fill(self, size: int) -> None:
        """Decode what is not known of the images, and fill the columns of every model; what fails is noted.

        Args:
            size: images in a chunk.
        """
        if not self._models:
            return
        self._read_contents(size)
        for key, baseline in self._models.items():
            try:
                self._aligned[key] = self._align(baseline)
            except ResultsError as error:
                self._table.failures[f"model:{key}"] = str(error)
        for ask in self._passes:
            if ask.model in self._aligned:
                self._fill(ask, self._aligned[ask.model])

    def settle(self) -> None:
        """Take back the values of images that changed while the audit ran."""
        if not self._aligned:
            return
        changed = [at for at, (was, now) in enumerate(zip(self._contents, self._now(), strict=True)) if was != now]
        for at in changed:
            for (model, _), column in self._table.columns.items():
                if model in self._aligned and column.missing.get(at) is None:
                    column.put(at, np.nan, Missing.NO_PARTNER)

    def models(self) -> list[MeasuredModel]:
        """The models as the record has them."""
        return [self._facts(key, one) for key, one in self._aligned.items()]

    # --- contents and donors ------------------------------------------------------------------------------------------

    def _read_contents(self, size: int) -> None:
        """What the images hold, and who lends their backgrounds; decoded where the store does not know it."""
        self._lookup.outcomes(self._samples)
        needed = {at for at, sample in enumerate(self._samples) if self._builder.image_and_mask(sample) is None}
        asks = {(ask.context, self._preprocessing(ask.model).geometry()): ask for ask in self._passes}
        lending = {key: ask for key, ask in asks.items() if donor_rule(ask.context) is not None}
        for key, ask in lending.items():
            found = self._recalled(ask)
            self._donors[key] = [one if isinstance(one, tuple) else None for one in found]
            needed |= {at for at, one in enumerate(found) if one == UNKNOWN}
        positions = sorted(needed)
        for first in range(0, len(positions), size):
            part = positions[first : first + size]
            chunk = self._builder.finish(self._builder.begin([self._samples[at] for at in part], part))
            for key, ask in lending.items() if chunk.samples else ():
                try:
                    preprocessing = self._preprocessing(ask.model)
                    lent = self._builder.donors.donors(chunk.samples, chunk.prepared, ask.context, preprocessing)
                except AuditError:  # nobody can lend: then nobody lent in the baseline either, or it is said there
                    continue
                for at, donor in zip(chunk.positions, lent.donors, strict=True):
                    self._donors[key][at] = donor
        self._contents = tuple(self._now())

    def _recalled(self, ask: PassAsk) -> Sequence[object]:
        try:
            return self._builder.donors.recall(self._samples, ask.context, self._preprocessing(ask.model), decode=True)
        except AuditError:
            return [None] * len(self._samples)

    def _now(self) -> Iterator[ImageContent]:
        for sample in self._samples:
            image, mask = self._builder.image_and_mask(sample) or ("", "")
            yield ImageContent(sample.id, image, mask, str(sample.label))

    def _preprocessing(self, model: str) -> Preprocessing:
        return Preprocessing(**self._models[model].model.preprocessing)  # type: ignore[arg-type]

    # --- images -------------------------------------------------------------------------------------------------------

    def _align(self, baseline: BaselineModel) -> _Aligned:
        """The data set of the baseline that has most of today's images, paired with these.

        Raises:
            ResultsError: it has none of them, it was measured with other settings, or today's data lack some of it.
        """
        paired = [(pair(table.images, self._contents), table) for table in baseline.tables]
        found, table = max(paired, key=lambda one: (len(one[0].pairs), one[1].data == self._group.reference))
        if not found.pairs:
            raise ResultsError(
                f"{baseline.text}: none of these {len(self._contents)} images is in run {baseline.run}, by what they "
                "hold; name a run on these data"
            )
        self._require_settings(baseline, table)
        rows = np.full(len(self._contents), -1, dtype=np.intp)
        for old, new in found.pairs:
            rows[new] = old
        result = _Aligned(baseline, table, rows, dict(_reasons(found, table.images, self._contents)))
        result.notes.append(
            f"{ON_BASELINE}the values are those of run {baseline.run}, where the model is called {baseline.name}; it "
            "was not run again"
        )
        if found.missing and self._whole:
            result.notes.append(_absent(baseline, table, found))
        if found.renamed:
            names = (f"{self._contents[new].id} (there {table.images[old].id})" for old, new in found.renamed)
            result.notes.append(
                f"{ON_BASELINE}{len(found.renamed)} images have other names in it and were paired by what they hold: "
                f"{_listed(names)}"
            )
        if result.why:
            result.notes.append(self._without_partner(result))
        return result

    def _require_settings(self, baseline: BaselineModel, table: BaselineTable) -> None:
        """Raise a ResultsError where values of the baseline would be others under the settings of this run."""
        declared = {str(sample.label) for sample in self._samples} & set(self._group.without_object)
        settings: list[tuple[str, object, object]] = [
            ("seed", table.seed, self._builder.seed),
            ("object_kept", table.object_kept, self._builder.object_kept),
            ("labels", table.label_classes, self._label_classes),
        ]
        if self._whole:
            settings.append(("without_object", sorted(table.without_object), sorted(declared)))
        for name, then, now in settings:
            if then != now:
                raise ResultsError(
                    f"{baseline.text}: run {baseline.run} was measured with {name} {_said(then)}, and this one with "
                    f"{_said(now)}; use the same, or {_AGAIN}"
                )

    def _without_partner(self, found: _Aligned) -> str:
        start = f"{ON_BASELINE}{len(found.why)} of {len(found.rows)}"
        names = _listed(f"{self._contents[at].id} ({text})" for at, text in sorted(found.why.items()))
        if found.reason(found.rows) is Missing.UNPAIRED:
            share = found.baseline.unpaired
            return f"{start} images have no partner and are left out, as unpaired={share:g} allows: {names}"
        return f"{start} images have no partner and count as missing: {names}"

    def _moved(self, found: _Aligned, context: str, rows: Rows, moved: Mapping[int, str]) -> str:
        start = f"{ON_BASELINE}under {context} {len(moved)} of {len(rows)}"
        names = _listed(f"{self._contents[at].id} ({why})" for at, why in sorted(moved.items()))
        if found.reason(rows) is Missing.UNPAIRED:
            return f"{start} images have another background and are left out: {names}"
        return f"{start} images have another background and count as missing: {names}"

    # --- values -------------------------------------------------------------------------------------------------------

    def _fill(self, ask: PassAsk, found: _Aligned) -> None:
        self._table.add_recorded(ask)
        rows, lent = self._rows_under(ask, found)
        images = self._table.images[ask.place]
        images.areas[:] = aligned(_numbers(found.table.areas), found.rows)
        for at, donor in lent.items():
            images.donors[at] = donor[0]
            self._table.donor_contents[donor[0]] = donor[1]
        reason = found.reason(rows)
        for one in ask.columns:
            try:
                self._require_column(ask, one, found)
            except ResultsError as error:
                self._table.failures[f"{ask.model}|{one.key}"] = str(error)
                del self._table.columns[ask.model, one.key]
                continue
            then, column = found.table.columns[one.key], self._table.columns[ask.model, one.key]
            values, missing = aligned(then.values, rows), missing_at(then.missing, rows)
            for at in range(len(rows)):
                absent = reason if rows[at] < 0 else missing.get(at)
                column.put(at, float(values[at]), absent, then.steps.get(int(rows[at])))

    def _rows_under(self, ask: PassAsk, found: _Aligned) -> tuple[Rows, dict[int, Donor]]:
        """The rows of the images under a context: those with another background have no partner; and who lends."""
        rows, text = found.rows.copy(), str(ask.context)
        moved: dict[int, str] = {}
        lent: dict[int, Donor] = {}
        if donor_rule(ask.context) is not None:
            now = self._donors[ask.context, self._preprocessing(ask.model).geometry()]
            then = found.table.donors.get(text, (None,) * len(found.table.images))
            for at in np.flatnonzero(rows >= 0).tolist():
                before, donor = then[rows[at]], now[at]
                if (before and before[1]) != (donor and donor[1]):
                    moved[at] = _other_background(before, donor)
                elif donor is not None:
                    lent[at] = donor
        if stored_picture(ask.context) is not None:
            moved |= self._other_pictures(ask, found)
        if moved:
            rows[list(moved)] = -1
            found.notes.append(self._moved(found, text, rows, moved))
        return rows, lent

    def _other_pictures(self, ask: PassAsk, found: _Aligned) -> dict[int, str]:
        """Images of which the data keep another picture than in the baseline."""
        try:
            now = self._builder.stored.recall(self._samples, ask.context, self._preprocessing(ask.model), decode=True)
        except AuditError:
            now = [None] * len(self._samples)
        then = found.table.pictures.get(str(ask.context), (None,) * len(found.table.images))
        there = np.flatnonzero(found.rows >= 0).tolist()
        return {at: "its picture differs" for at in there if then[found.rows[at]] != now[at]}

    def _require_column(self, ask: PassAsk, column: ColumnAsk, found: _Aligned) -> None:
        """Raise a ResultsError where the baseline has no values of a column, or of another definition."""
        baseline, then = found.baseline, found.table.columns.get(column.key)
        start = f"{baseline.text}: "
        if then is None:
            raise ResultsError(
                f"{start}run {baseline.run} has no values of '{column.key}' of {baseline.name}; run the audit of that "
                "model with this expectation, and set the baseline again"
            )
        now = long_column_text(column.spec, ask.context)
        if then.long_form is None:
            raise ResultsError(
                f"{start}run {baseline.run} does not say how '{column.key}' is defined, since an older modelaudit "
                f"wrote it; {_AGAIN}"
            )
        if then.long_form != now:
            raise ResultsError(
                f"{start}'{column.key}' is defined otherwise than in run {baseline.run}: then {then.long_form}, now "
                f"{now}; {_AGAIN}"
            )
        same = not found.table.pools and not self._group.pools and self._same_data(found)
        if (tries_backgrounds(column.spec) or searches_changes(column.spec)) and not same:
            raise ResultsError(
                f"{start}'{column.key}' tries several backgrounds of each image, and the data are not those of run "
                f"{baseline.run}; set the baseline again on these data"
            )

    def _same_data(self, found: _Aligned) -> bool:
        return not self._whole or {one.key for one in found.table.images} == {one.key for one in self._contents}

    def _facts(self, key: str, found: _Aligned) -> MeasuredModel:
        table, rows = found.table, found.rows
        by_label = {one.label: index for one, index in zip(table.images, table.indices, strict=True)}
        indices = [
            table.indices[row] if row >= 0 else by_label.get(one.label, -1)
            for row, one in zip(rows.tolist(), self._contents, strict=True)
        ]
        areas = aligned(_numbers(table.areas), rows)
        predicted = [table.predicted[row] if row >= 0 else None for row in rows.tolist()] if table.predicted else []
        return found.baseline.model.model_copy(
            update={
                "key": key,
                "indices": indices,
                "areas": [None if math.isnan(area) else float(area) for area in areas],
                "predicted": predicted,
                "notes": [*found.notes, *found.baseline.model.notes],
            }
        )


def _reasons(found: Pairing, old: Sequence[ImageContent], new: Sequence[ImageContent]) -> Iterator[tuple[int, str]]:
    """What differs of each image of today without a partner, by its position."""
    for one in found.changed:
        then, now = old[one.old], new[one.new]
        parts = [f"the {part}" for part in one.what if part != "label"]
        said = [f"{' and '.join(parts)} {'differ' if len(parts) > 1 else 'differs'}"] if parts else []
        said += [f"the label was {then.label}, now {now.label}"] if "label" in one.what else []
        yield one.new, "; ".join(said)
    first: dict[str, str] = {}
    for content in new:
        first.setdefault(content.image, content.id)
    for at in found.new:
        other = first[new[at].image]
        yield at, f"the same picture as {other}" if at in found.doubled_new and other != new[at].id else "new"


def _other_background(then: Donor | None, now: Donor | None) -> str:
    """How the image that lends a background differs from that of the baseline."""
    if then is not None and now is not None and then[0] == now[0]:
        return f"its background is from {now[0]}, which differs"
    return f"from {then[0] if then else 'none'}, now from {now[0] if now else 'none'}"


def _absent(baseline: BaselineModel, table: BaselineTable, found: Pairing) -> str:
    """What is said of images of the baseline that today's data lack, as far as that is allowed.

    Raises:
        ResultsError: the reference does not allow for so many.
    """
    share, total = len(found.missing) / len(table.images), len(table.images)
    names = _listed(table.images[at].id for at in found.missing)
    if baseline.unpaired is None or share > baseline.unpaired + 1e-9:
        raise ResultsError(
            f"{baseline.text}: {len(found.missing)} of the {total} images of run {baseline.run} are not in these data, "
            f"and the comparison would leave them out: {names}; put them back, set the baseline again, or allow for it "
            f"with unpaired={math.ceil(100 * share) / 100:g}"
        )
    return (
        f"{ON_BASELINE}{len(found.missing)} of its {total} images are not in these data, as "
        f"unpaired={baseline.unpaired:g} allows: {names}"
    )


def _listed(names: Iterable[str]) -> str:
    """The first of some names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more


def _numbers(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _said(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name_text(str(key))}: {one}" for key, one in sorted(value.items()))
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)

"""The pictures that an audit shows to its models, made without running one: what a closed box is asked.

What is made of which image is asked of the functions by which the engine plans passes, checks and searches, so that an
audit of the box's answers finds every picture that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..contexts import donor_rule, needs_mask
from ..data import declare_without_object, labels_of, open_data
from ..engine.assembly import opened_model
from ..engine.checks.sensitivity.collect import first_with_object, swap_of
from ..engine.images.batches import BatchBuilder, Chunk, ContextBatch, PendingChunk
from ..engine.images.donor_pools import DonorPools
from ..engine.images.donor_ranking import first_positions, limited
from ..engine.inference.values import pass_wide
from ..engine.planning.plan import Asked, ModelAsk, PassAsk, PlanGroup, original_context, plan, with_predicted_class
from ..engine.planning.reruns import images_of, interventions_of, may_draw, passes_of_rerun, passes_with_maps
from ..engine.results.interventions import Intervention
from ..engine.results.measured import PassCounts
from ..language.audit import AuditCase
from ..language.boundary import contained, failure_text
from ..language.checks import CheckSettings
from ..language.errors import AuditError, DataError
from ..language.picture_origin import PictureOrigin
from ..language.reasons import Missing
from ..language.sample import DataSet, Preprocessing, Sample
from ..language.spec import Context
from ..language.stored_answers import is_stored

#: images that are shown at once
_SIZE = 16
#: chunks that are decoded ahead
_AHEAD = 2


@dataclass(frozen=True)
class PictureJob:
    """The pictures of some images under one context, as the audit itself or one of its checks shows them.

    Args:
        images: on how many images of the fixed random order; None for all of them.
        with_object: those that are declared to have no object do not count for `images`.
        new_alone: a second draw that shows what the first did is not shown.
        backgrounds: on how many backgrounds a search shows each image, by the search; None for all there are.
    """

    context: Context
    intervention: Intervention = Intervention.GIVEN
    images: int | None = None
    with_object: bool = False
    new_alone: bool = False
    backgrounds: frozenset[int | None] = frozenset()

    def merged(self, other: PictureJob) -> PictureJob:
        """What this and another job of the same context and intervention show."""
        first, second = (self, other) if self.images is None else (other, self)
        return replace(
            first,
            images=None if first.images is None else max(first.images, second.images or 0),
            new_alone=first.new_alone and second.new_alone,
            backgrounds=first.backgrounds | second.backgrounds,
        )


@dataclass(frozen=True)
class RenderPart:
    """What the audits of one planned group show in one geometry.

    ``samples``: the images of the audit; donors come from all of the data. ``donors``: how many images may lend their
    background, by the context of a search. ``searches``: measures that choose their pictures by the answers to others,
    of which nothing can be rendered.
    """

    group: PlanGroup
    data: DataSet
    samples: tuple[Sample, ...]
    checks: CheckSettings
    seed: int
    jobs: tuple[PictureJob, ...]
    donors: Mapping[Context, int]
    searches: tuple[str, ...] = ()

    def positions(self, job: PictureJob) -> frozenset[int]:
        """Where the images of a job stand among the samples."""
        if job.images is None:
            return frozenset(range(len(self.samples)))
        first = first_with_object if job.with_object else first_positions
        return frozenset(first(self.samples, job.images, self.seed))

    @property
    def at_most(self) -> int:
        """How many pictures there are, at most where :attr:`exact` is False."""
        return sum(self._of_job(job) for job in self.jobs)

    @property
    def exact(self) -> bool:
        """Whether the number is known before donors and second draws are looked at."""
        return not any(job.new_alone or job.backgrounds for job in self.jobs)

    def _of_job(self, job: PictureJob) -> int:
        images = len(self.positions(job))
        lent = self.donors.get(job.context, 0)
        tried = max((lent if one is None else min(one, lent) for one in job.backgrounds), default=1)
        return images * max(tried, 1)


@dataclass(frozen=True)
class RenderSet:
    """One data set in one geometry: the pictures of one folder.

    ``reference``: the data, as the audits write it. ``preprocessing``: the geometry alone, without normalisation.
    """

    reference: Any
    preprocessing: Preprocessing
    parts: tuple[RenderPart, ...]

    @property
    def data_text(self) -> str:
        """The data, for people."""
        return self.reference if isinstance(self.reference, str) else "samples"

    @property
    def searches(self) -> tuple[str, ...]:
        """Measures that choose their pictures by the answers to others: of these nothing is rendered."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.searches))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the data."""
        return tuple(sorted({str(sample.label) for part in self.parts for sample in part.data.samples}))

    @property
    def at_most(self) -> int:
        """How many pictures there are, at most where :attr:`exact` is False."""
        return sum(part.at_most for part in self.parts)

    @property
    def exact(self) -> bool:
        """Whether that number is known beforehand."""
        return len(self.parts) == 1 and self.parts[0].exact


@dataclass(frozen=True)
class MadePictures:
    """Pictures [n, 3, H, W] in [0, 1] under one context, and what each was made of."""

    context: Context
    origins: tuple[PictureOrigin, ...]
    pixels: Tensor


@dataclass
class Rendering:
    """Makes the pictures of a set; what cannot be made is noted.

    ``failed``: contexts that cannot be shown on these data, with the reason. ``unusable``: samples that cannot be
    decoded, with the reason.
    """

    whole: RenderSet
    root: Path
    failed: dict[str, str] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)

    @property
    def images(self) -> int:
        """How many images are looked at, for a progress bar."""
        return sum(len(part.samples) for part in self.whole.parts)

    def pictures(self, advance: Callable[[int], None] = lambda count: None) -> Iterator[MadePictures]:
        """All pictures; some may come twice.

        Raises:
            DataError: the originals themselves cannot be shown.
        """
        for part in self.whole.parts:
            yield from self._of_part(part, advance)

    def size(self) -> tuple[int, int]:
        """(height, width) of the pictures, by the first image that can be decoded.

        Raises:
            DataError: none can, or a size that cannot be made.
        """
        part = self.whole.parts[0]
        with self._builder(part) as builder:
            for first in range(0, len(part.samples), _SIZE):
                chunk = builder.chunk(part.samples[first : first + _SIZE], first)
                if chunk.samples:
                    height, width = builder.scene(chunk, self.whole.preprocessing).pixels.shape[2:]
                    return height, width
            raise DataError(
                f"{self.whole.data_text}: no image can be read ({next(iter(builder.unusable.values()), ('', ''))[1]}); "
                "run modelaudit data check"
            )

    def _builder(self, part: RenderPart) -> BatchBuilder:
        builder = BatchBuilder(
            part.data.samples,
            seed=part.seed,
            device="cpu",
            passes=PassCounts(),
            pools=part.group.pools,
            root=self.root,
            object_kept=part.group.object_kept,
        )
        builder.prepare_for([self.whole.preprocessing])
        return builder

    def _of_part(self, part: RenderPart, advance: Callable[[int], None]) -> Iterator[MadePictures]:
        positions = {job: part.positions(job) for job in part.jobs}
        by_context: dict[Context, list[PictureJob]] = {}
        for job in part.jobs:
            by_context.setdefault(job.context, []).append(job)
        with self._builder(part) as builder:
            builders = {
                one: builder if one is Intervention.GIVEN else builder.varied(one, part.checks.radius)
                for one in {job.intervention for job in part.jobs}
            }
            for chunk, count in _chunks(builder, part.samples):
                for jobs in by_context.values():
                    for job in jobs:
                        rows = [row for row, at in enumerate(chunk.positions) if at in positions[job]]
                        if rows:
                            yield from self._try(job, builders, chunk.part(rows))
                    chunk.forget_shown()
                advance(count)
            self.unusable.update({name: message for name, (_, message) in builder.unusable.items()})

    def _try(
        self, job: PictureJob, builders: Mapping[Intervention, BatchBuilder], part: Chunk
    ) -> Iterator[MadePictures]:
        text = str(job.context)
        if text in self.failed:
            return
        try:
            made = list(self._of_job(job, builders, part))
        except BaseException as error:  # of a context that may be a third party's: told, the others are made
            message = failure_text(contained(error))
            if text == "original":
                raise DataError(message) from error
            self.failed[text] = message
            return
        yield from made

    def _of_job(
        self, job: PictureJob, builders: Mapping[Intervention, BatchBuilder], part: Chunk
    ) -> Iterator[MadePictures]:
        preprocessing = self.whole.preprocessing
        builder = builders[job.intervention]
        shown = builder.show(part, job.context, preprocessing)
        rows = list(range(len(part.samples)))
        if job.new_alone:
            first = builders[Intervention.GIVEN].show(part, job.context, preprocessing)
            same = (first.pixels == shown.pixels).flatten(1).all(dim=1).tolist()
            rows = [row for row in rows if not same[row]]
        if rows:
            yield MadePictures(job.context, tuple(shown.origins[row] for row in rows), shown.pixels[rows])
        for count in job.backgrounds:
            yield from self._of_search(job, builder, part, shown, count)

    def _of_search(
        self, job: PictureJob, builder: BatchBuilder, part: Chunk, shown: ContextBatch, count: int | None
    ) -> Iterator[MadePictures]:
        """Each image on its other backgrounds, where a search would have a value of it."""
        undefined = torch.zeros(len(part.samples), dtype=torch.bool)
        for reason, flags in pass_wide(job.context, shown):
            if reason is not Missing.CONTEXT_UNCHANGED:
                undefined |= flags
        preprocessing = self.whole.preprocessing
        several = builder.donors.backgrounds(part.samples, part.prepared, job.context, preprocessing, count)
        pairs = [(row, donor) for row, donors in enumerate(several) if not undefined[row] for donor in donors[1:]]
        for first in range(0, len(pairs), _SIZE):
            rows, donors = zip(*pairs[first : first + _SIZE], strict=True)
            pixels, _, origins = builder.show_on(shown, rows, donors, job.context, preprocessing)
            yield MadePictures(job.context, origins, pixels)


def render_sets(
    cases: Iterable[tuple[str, AuditCase]], *, root: Path, seed: int, checks: bool, limit: int | None
) -> list[RenderSet]:
    """What must be rendered for some named cases, in one set for each data set and geometry.

    Where some of the audits' models are answers that are given beforehand, the pictures are those of these models
    alone; else of all their models.

    Args:
        seed: of audits that give none.
        checks: False leaves out what checks of the audits show.
        limit: images per data set; the checks are left out with it, as in a run.

    Raises:
        AuditError: data or a model that cannot be opened.
    """
    groups = plan(
        Asked(f"{name}[{model}]", case, expectation) for name, case in cases for model, expectation in case.variants()
    )
    closed = any(_is_closed(ask.reference) for group in groups for ask in group.models.values())
    opened: dict[Any, DataSet] = {}
    found: dict[Any, RenderSet] = {}
    for group in groups:
        key = group.reference if isinstance(group.reference, str) else id(group.reference)
        if key not in opened:
            opened[key] = open_data(group.reference, root=root)
        data = declare_without_object(opened[key], group.without_object)
        by_geometry: dict[Any, tuple[Preprocessing, list[str]]] = {}
        for name, ask in group.models.items():
            if ask.recorded or (closed and not _is_closed(ask.reference)):
                continue
            prepared = _geometry_of(ask, data, group, root)
            by_geometry.setdefault(prepared.geometry(), (prepared, []))[1].append(name)
        for geometry, (preprocessing, models) in by_geometry.items():
            part = _part(group, models, data, root, seed=seed, checks=checks, limit=limit)
            before = found.get((key, geometry))
            parts = (part,) if before is None else (*before.parts, part)
            found[key, geometry] = RenderSet(group.reference, preprocessing, parts)
    return list(found.values())


def jobs_of(passes: Sequence[PassAsk], checks: CheckSettings) -> tuple[PictureJob, ...]:
    """What the passes of an audit and its checks show: each context and intervention once."""
    found: dict[tuple[Context, Intervention], PictureJob] = {}
    for job in (*_own(passes), *_of_checks(passes, checks), *_of_sensitivity(passes, checks)):
        key = (job.context, job.intervention)
        found[key] = found[key].merged(job) if key in found else job
    return tuple(found.values())


def _own(passes: Sequence[PassAsk]) -> Iterator[PictureJob]:
    for ask in passes:
        wanted = [(column.spec, column.declares.backgrounds) for column in ask.columns]
        counts = frozenset(of(spec) for spec, of in wanted if of is not None)
        yield PictureJob(ask.context, backgrounds=counts)


def _of_checks(passes: Sequence[PassAsk], checks: CheckSettings) -> Iterator[PictureJob]:
    for intervention in interventions_of(checks):
        reruns = passes_of_rerun(passes, intervention)
        if not any(ask.columns for ask in reruns):
            continue
        for ask in reruns:
            if intervention.of_masks and not needs_mask(ask.context):
                continue  # with another mask the same picture: what the audit asks of it is read again
            copied = intervention is Intervention.REDRAWN and not any(may_draw(column) for column in ask.columns)
            yield PictureJob(ask.context, intervention, images_of(intervention, checks), new_alone=copied)


def _of_sensitivity(passes: Sequence[PassAsk], checks: CheckSettings) -> Iterator[PictureJob]:
    """The original and a swap with another class, of every model whose maps are measured."""
    if checks.sensitivity:
        for model in dict.fromkeys(ask.model for ask in passes_with_maps(passes)):
            for context in (original_context(), swap_of(model, passes)):
                yield PictureJob(context, images=checks.sensitivity, with_object=True)


def _part(
    group: PlanGroup, models: Sequence[str], data: DataSet, root: Path, *, seed: int, checks: bool, limit: int | None
) -> RenderPart:
    own = seed if group.seed is None else group.seed
    made = CheckSettings.off()
    if checks and limit is None:
        made = CheckSettings() if group.checks is None else group.checks
    passes = [with_predicted_class(ask) for ask in group.run_passes if ask.model in models]
    samples = limited(data.samples, limit, own)
    jobs = jobs_of(passes, made)
    pools = DonorPools(data.samples, group.pools, root)
    donors = {job.context: _donors(job.context, pools) for job in jobs if job.backgrounds}
    searches = [column.key for ask in passes for column in ask.columns if column.declares.searches is not None]
    return RenderPart(group, data, samples, made, own, jobs, donors, tuple(searches))


def _donors(context: Context, pools: DonorPools) -> int:
    """How many images there are that may lend to a context; 0 where none can, which is told when it is shown."""
    rule = donor_rule(context)
    try:
        return 0 if rule is None else len(pools.of(rule, context).samples)
    except AuditError:
        return 0


def _is_closed(reference: Any) -> bool:
    return is_stored(reference)


def _geometry_of(ask: ModelAsk, data: DataSet, group: PlanGroup, root: Path) -> Preprocessing:
    """The geometry of a model: what the audit says, else what the model itself brings; closed boxes bring none."""
    given = ask.preprocessing
    if given is not None and not isinstance(given, Preprocessing):
        given = Preprocessing.from_transform(given)
    if given is None:
        given = Preprocessing() if _is_closed(ask.reference) else _brought(ask, data, group, root)
    return Preprocessing(given.resize, given.crop, interpolation=given.interpolation, antialias=given.antialias)


def _brought(ask: ModelAsk, data: DataSet, group: PlanGroup, root: Path) -> Preprocessing:
    return opened_model(ask, data, labels_of(group.labels, root), root).preprocessing


def _chunks(builder: BatchBuilder, samples: Sequence[Sample]) -> Iterator[tuple[Chunk, int]]:
    """The samples chunk by chunk, decoded ahead, and how many were to be decoded for each."""
    starts = list(range(0, len(samples), _SIZE))
    ahead: list[PendingChunk] = []
    for number, first in enumerate(starts):
        for more in starts[number + len(ahead) : number + _AHEAD + 1]:
            part = samples[more : more + _SIZE]
            ahead.append(builder.begin(part, range(more, more + len(part))))
        pending = ahead.pop(0)
        yield builder.finish(pending), len(samples[first : first + _SIZE])

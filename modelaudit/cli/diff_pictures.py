"""The pictures of a comparison: images that are newly wrong or recovered, as each model saw them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..language.errors import AuditError

if TYPE_CHECKING:
    from ..engine.results.measured import KeptImage, Measured
    from ..evidence.record import DataRecord, ModelRecord, Panel, RunRecord, TableRecord
    from ..language.progress import Progress
    from ..releases.comparison_record import AnswerComparison, ChangedAnswer, ComparisonRecord, NoPictures
    from ..report.words import Words

#: images of one kind that are shown of every pair of models and context
FIRST_FEW = 6
#: pairs of models and contexts for which images are drawn anew: those with the most changed answers
MOST_DRAWN = 6
#: where no requirement of the runs names a method
_METHOD = "gradcam"
Why = Literal["baseline", "needs_code", "not_opened", "other_model", "other_data", "other_answer", "not_drawn"]


def draw_pictures(
    comparison: ComparisonRecord,
    old: RunRecord,
    new: RunRecord,
    folder: Path,
    *,
    pictures_old: Path | None,
    pictures_new: Path | None,
    redraw: bool = True,
    allow_code: bool = False,
    device: str = "auto",
    root: Path | None = None,
    progress: Progress | None = None,
) -> ComparisonRecord:
    """The comparison with pictures of the first newly wrong and recovered images of every pair of models.

    They are taken from the galleries of the runs where these show the image with a heat map; the others are drawn anew
    with the models and data that the records name, and kept where model, image and answer are those of the record.
    What cannot be drawn is in ``no_pictures``, and never an error; without `redraw` nothing is missing.

    Args:
        folder: of the comparison: pictures are written to ``images/`` in it.
        pictures_old: the folder that the pictures of the old run are relative to; None of a baseline.
        pictures_new: likewise.
        redraw: open models and data for images that no gallery shows.
        allow_code: open also models that are Python code.
        root: what relative paths of the records are relative to; None: the working directory.
    """
    order = sorted(comparison.answers, key=lambda one: -len(one.newly_wrong) - len(one.recovered))
    drawn = {id(one) for one in order[:MOST_DRAWN]}
    method, data_old = _method(old, new), {one.data_new: one.data_old for one in comparison.images}
    how = _Drawing(folder, method, allow_code, device, root or Path.cwd(), progress)
    sides = (_Side("old", old, pictures_old, how), _Side("new", new, pictures_new, how))
    answers: list[AnswerComparison] = []
    missing: list[NoPictures] = []
    for one in comparison.answers:
        wanted = [_first_few(images) for images in (one.newly_wrong, one.recovered)]
        found: dict[str, dict[str, list[Panel]]] = {}
        for side in sides:
            asked = side.wanted(one, wanted, data_old.get(one.data, one.data))
            found[side.name], why = side.panels(asked, redraw=redraw and id(one) in drawn)
            missing += why if redraw else ()
        lists = [[_with_panels(image, found) for image in images] for images in (one.newly_wrong, one.recovered)]
        answers.append(one.model_copy(update={"newly_wrong": lists[0], "recovered": lists[1]}))
    return comparison.model_copy(update={"answers": answers, "no_pictures": list(_joined(missing))})


def drawing_progress(words: Words) -> Progress:
    """A bar on a terminal while pictures are drawn, and nothing elsewhere."""
    from ..language.progress import ProgressBar, ProgressTexts, Silent

    if not sys.stderr.isatty():
        return Silent()
    said = words._("diff_pictures_drawing").replace("{", "{{").replace("}", "}}")
    return ProgressBar(lambda: sys.stderr, texts=ProgressTexts(said, said, said, said))


def _first_few(images: Sequence[ChangedAnswer]) -> list[ChangedAnswer]:
    """Some of the images, of each class by turns, in their order."""
    turns: Counter[str] = Counter()
    placed = []
    for at, image in enumerate(images):
        placed.append((turns[image.label], at))
        turns[image.label] += 1
    return [images[at] for _, at in sorted(placed)[:FIRST_FEW]]


class _Wanted(NamedTuple):
    """An image as one of the runs names it, and whether its model answered rightly."""

    id: str
    right: bool


@dataclass(frozen=True)
class _Ask:
    """The images whose pictures are wanted of one model on one data set, under one context or on the originals."""

    model: str
    data: str
    context: str | None
    images: tuple[_Wanted, ...]


@dataclass(frozen=True)
class _Drawing:
    """How pictures are drawn anew, and where they are written."""

    folder: Path
    method: str
    allow_code: bool
    device: str
    root: Path
    progress: Progress | None


@dataclass(frozen=True)
class _Side:
    """One of the two runs, and where its pictures are."""

    name: Literal["old", "new"]
    record: RunRecord
    pictures: Path | None
    how: _Drawing
    copied: dict[str, str | None] = field(default_factory=dict)

    def wanted(self, one: AnswerComparison, images: Sequence[Sequence[ChangedAnswer]], data_old: str) -> _Ask:
        """What is asked of this side; newly wrong images come first."""
        old = self.name == "old"
        asked = tuple(
            _Wanted(image.id_old if old else image.id, lost is old)
            for lost, part in zip((True, False), images, strict=True)
            for image in part
        )
        return _Ask(one.model_old if old else one.model_new, data_old if old else one.data, one.context, asked)

    def panels(self, ask: _Ask, *, redraw: bool) -> tuple[dict[str, list[Panel]], list[NoPictures]]:
        """The pictures of each image by its id, and what could not be drawn."""
        found = {image.id: panels for image in ask.images if (panels := self._of_gallery(ask, image))}
        left = [image for image in ask.images if not _complete(found.get(image.id, ()))]
        if not left:
            return found, []
        if not redraw:
            return found, [self._missing(ask, "not_drawn", len(left))]
        drawn, missing = self._drawn(ask, left)
        return found | drawn, missing

    def _of_gallery(self, ask: _Ask, image: _Wanted) -> list[Panel]:
        """The pictures of an image that a gallery of the run shows; empty where none does."""
        best: list[Panel] = []
        for case in self.record.cases if self.pictures is not None else ():
            for row in (*case.gallery, *case.review) if case.data == ask.data else ():
                if row.sample == image.id and not _complete(best):
                    best = self._shown(ask, image, row.panels) or best
        return best

    def _shown(self, ask: _Ask, image: _Wanted, panels: Sequence[Panel]) -> list[Panel]:
        """Of a gallery's row the original, the changed image and one map, copied; empty where one image is missing."""
        own = [panel for panel in panels if panel.model == ask.model]
        images = [next((one for one in own if one.kind == "original"), None)]
        if ask.context is not None:
            images.append(next((one for one in own if one.kind == "context" and one.context == ask.context), None))
        maps = [one for one in own if one.kind == "attribution" and one.context == ask.context]
        maps.sort(key=lambda one: one.method != self.how.method)
        kept = [one for one in (*images, *maps[:1]) if one is not None]
        if None in images or kept[len(images) - 1].right is not image.right:
            return []
        copied = [self._copied(panel) for panel in kept]
        return [panel for panel in copied if panel is not None] if all(copied[: len(images)]) else []

    def _copied(self, panel: Panel) -> Panel | None:
        """A panel whose files are in the folder of the comparison; None where one cannot be read."""
        files = [self._copy(file) for file in panel.files]
        if None in files:
            return None
        return panel.model_copy(update={"file": files[0], "map": None if panel.map is None else files[1]})

    def _copy(self, file: str) -> str | None:
        from ..engine.gallery.drawing import store
        from ..language.regular_files import read_file

        if file not in self.copied:
            self.copied[file] = None
            assert self.pictures is not None
            path = (self.pictures / file).resolve()
            if path.is_relative_to(self.pictures.resolve()) and path.is_file():
                self.copied[file] = store(self.how.folder, read_file(path))
        return self.copied[file]

    def _drawn(self, ask: _Ask, images: Sequence[_Wanted]) -> tuple[dict[str, list[Panel]], list[NoPictures]]:
        """Pictures that are drawn anew, of images whose model and content are those of the record."""
        from ..models.opening import runs_code

        model = next((one for one in self.record.models if one.key == ask.model), None)
        data = next((one for one in self.record.data if one.key == ask.data), None)
        if model is None or data is None:
            return {}, [self._missing(ask, "not_opened", len(images))]
        if runs_code(model.reference) and not self.how.allow_code:
            return {}, [self._missing(ask, "needs_code", len(images))]
        try:
            measured = self._measured(ask, model, data, images)
        except AuditError as error:
            return {}, [self._missing(ask, self._not_opened, len(images), str(error))]
        failed = next(
            (why for key, why in measured.failures.items() if key == "data" or key.startswith("model:")), None
        )
        if failed is not None:
            return {}, [self._missing(ask, self._not_opened, len(images), failed)]
        if measured.models[0].fingerprint != model.fingerprint:
            return {}, [self._missing(ask, "other_model", len(images))]
        return self._kept(ask, images, measured)

    @property
    def _not_opened(self) -> Why:
        return "baseline" if self.record.baseline_of is not None else "not_opened"

    def _measured(self, ask: _Ask, model: ModelRecord, data: DataRecord, images: Sequence[_Wanted]) -> Measured:
        """What measuring these images again finds: with a heat map where the method can be applied, else without."""
        maps = f"background_dependence({self.how.method})"
        found = self._measure(ask, model, data, images, ("accuracy", maps))
        failed = [key for key in found.failures if "|" in key]
        return self._measure(ask, model, data, images, ("accuracy",)) if failed else found

    def _measure(
        self,
        ask: _Ask,
        model: ModelRecord,
        data: DataRecord,
        images: Sequence[_Wanted],
        measures: Sequence[str],
    ) -> Measured:
        from ..acceptance.recompute import restated_audit
        from ..engine.assembly import measure
        from ..engine.planning.plan import Asked, plan
        from ..engine.results.settings import Settings
        from ..language.audit import AuditCase
        from ..language.parser import parse
        from ..language.progress import Silent

        how, provenance = self.how, self.record.provenance
        audit = restated_audit(
            {"model": model.reference},
            {"model": model},
            data.reference,
            data,
            data.without_object,
            allow_code=how.allow_code,
        )
        asked = []
        for name in measures:
            text = name if ask.context is None else f"{name}.under({ask.context})"
            expectation = parse(f"{text} > 0.5")
            case = AuditCase(audit, expectation, None, None, 0.95, False, "major", 1, (), "", 0, None)
            asked.append(Asked(name, case, expectation))
        (group,) = plan(asked)
        settings = Settings(
            how.root,
            how.folder,
            how.device,
            seed=provenance.seed,
            micro_batch=provenance.micro_batch,
            samples=frozenset(image.id for image in images),
            reviewed=len(images),
        )
        with redirect_stdout(sys.stderr):  # a model may print while it is built, and the comparison goes to stdout
            return measure(group, settings, how.progress or Silent())

    def _kept(
        self, ask: _Ask, images: Sequence[_Wanted], measured: Measured
    ) -> tuple[dict[str, list[Panel]], list[NoPictures]]:
        """Of what was drawn that which is of the images and answers in the record."""
        known = {sample.id: sample for table in self._tables(ask) for sample in table.samples}
        now = {sample.id: sample for sample in measured.samples}
        rows = {row.sample: row for row in measured.reviews.get("accuracy", ())}
        found: dict[str, list[Panel]] = {}
        why: Counter[Why] = Counter()
        for image in images:
            then, sample, row = known.get(image.id), now.get(image.id), rows.get(image.id)
            if then is None or sample is None or _differ((then.image, then.mask), (sample.image, sample.mask)):
                why["other_data"] += 1
                continue
            panels = [] if row is None else _panels(row, ask.model)
            shown = [panel for panel in panels if panel.kind != "attribution"]
            if not shown:
                why["not_drawn"] += 1
            elif shown[-1].right is not image.right:
                why["other_answer"] += 1
            else:
                found[image.id] = panels
        return found, [self._missing(ask, each, count) for each, count in why.items()]

    def _tables(self, ask: _Ask) -> Iterator[TableRecord]:
        return (table for table in self.record.tables if table.data == ask.data)

    def _missing(self, ask: _Ask, why: Why, images: int, detail: str = "") -> NoPictures:
        from ..releases.comparison_record import NoPictures

        return NoPictures(side=self.name, model=ask.model, why=why, images=images, detail=detail)


def _method(old: RunRecord, new: RunRecord) -> str:
    """The attribution method of the heat maps: the first that requirements of both runs name, else of one of them."""
    from ..evidence.leaves import leaves_of

    named = [
        dict.fromkeys(method for case in record.cases for leaf in leaves_of(case.left) for method in leaf.methods)
        for record in (new, old)
    ]
    common = [method for method in named[0] if method in named[1]]
    return next(iter([*common, *named[0], *named[1]]), _METHOD)


def _complete(panels: Sequence[Panel]) -> bool:
    """Whether a heat map is among the pictures of an image."""
    return any(panel.kind == "attribution" for panel in panels)


def _panels(row: KeptImage, model: str) -> list[Panel]:
    """The pictures of a row, under the key that the record has for its model."""
    from ..evidence.record import Panel

    return [Panel.model_validate(picture.model_dump() | {"model": model}) for picture in row.pictures]


def _differ(then: tuple[str | None, str | None], now: tuple[str | None, str | None]) -> bool:
    """Whether digests that both sides have are not the same."""
    return any(one is not None and other is not None and one != other for one, other in zip(then, now, strict=True))


def _with_panels(image: ChangedAnswer, found: dict[str, dict[str, list[Panel]]]) -> ChangedAnswer:
    panels = {"panels_old": found["old"].get(image.id_old, []), "panels_new": found["new"].get(image.id, [])}
    return image.model_copy(update=panels)


def _joined(missing: Sequence[NoPictures]) -> Iterator[NoPictures]:
    """The same, what is missing of a model for one reason in one entry."""
    images: Counter[tuple[str, str, str, str]] = Counter()
    first: dict[tuple[str, str, str, str], NoPictures] = {}
    for one in missing:
        key = (one.side, one.model, one.why, one.detail)
        images[key] += one.images
        first.setdefault(key, one)
    return (one.model_copy(update={"images": images[key]}) for key, one in first.items())

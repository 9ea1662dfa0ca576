"""The probe: refits the last layer of a model to images with other backgrounds, and measures what that changes.

It is an estimate of what diversified training images would bring. Only the last layer moves, on features that were
learned from the images as they are; docs/validation/probe.md compares it with networks that were really trained again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..contexts import SwapBackground
from ..data import declare_without_object, label_map
from ..data.copies import Copies
from ..evidence.probe import Assumption, LearningCurve, LeftOut, ProbeRecord
from ..language.audit import DEFAULT_OBJECT_KEPT
from ..language.errors import DataError
from ..language.progress import Advance
from ..language.sample import LEAST_CLUSTERS, DataSet
from ..language.spec import Context
from ..models import LoadedModel
from ..models.last_layer import LastLayer, last_layer
from .features import SeenData, copies_between, see
from .fitting import ORIGINAL, Codes, Fitting, clusters
from .learning_curve import sizes_of
from .probe_curves import DRAWS, learning_curves
from .probe_effects import effects_under

#: shows how far it is: what is being done, and how many steps it has
Steps = Callable[[str, int], AbstractContextManager[Advance]]
#: fewer training images fit nothing
LEAST_IMAGES = 20


@dataclass(frozen=True)
class ProbeSettings:
    """How a probe is done.

    Args:
        trained: the context of the copies of the training images that the layer is fitted to besides the images as they
            are; a random background tells nothing of the class.
        contexts: that the effect is measured under, besides the images as photographed.
        good: the labels that are not defects: miss and false alarm rates are measured; empty: they are not.
        resamples: of training and test images, for the intervals.
        curve: fit learning curves too.
    """

    trained: Context = field(default_factory=lambda: SwapBackground("random"))
    contexts: tuple[Context, ...] = field(default_factory=lambda: (SwapBackground("other_class"),))
    good: tuple[str, ...] = ()
    seed: int = 0
    confidence: float = 0.95
    resamples: int = 200
    curve: bool = False


@dataclass(frozen=True)
class ProbeData:
    """Data and what a record calls them.

    Args:
        without_object: the labels of images that are declared to have no object.
        object_kept, pools: as :class:`~modelaudit.Audit` takes them.
    """

    reference: str
    data: DataSet
    without_object: tuple[str, ...] = ()
    object_kept: float = DEFAULT_OBJECT_KEPT
    pools: Mapping[str, Any] = field(default_factory=dict)


def probe(
    loaded: LoadedModel,
    train: ProbeData,
    test: ProbeData,
    settings: ProbeSettings,
    *,
    created: datetime,
    given: Mapping[str | int, Any] | None = None,
    run: str | None = None,
    device: str = "cpu",
    root: Path | None = None,
    steps: Steps,
) -> ProbeRecord:
    """Refit the last layer to the training images and their copies with other backgrounds; measure on the test images.

    A training image that is the same picture as a test image, or of the same cluster, is left out, and counted.

    Args:
        given: which classes the labels mean, as ``Audit(labels=...)``.
        run: sha256 of the run that the test data are of.

    Raises:
        DataError: too few training images, labels that the model or the training images do not have.
        ModelError: the model has no last layer that can be fitted.
    """
    layer = last_layer(loaded)
    where = root or Path.cwd()
    train_set = declare_without_object(train.data, train.without_object)
    test_set = declare_without_object(test.data, test.without_object)
    labels = label_map(_together(train_set, test_set), classes=loaded.classes, outputs=loaded.outputs, given=given)
    _check_good(settings.good, test)
    with steps("train", len(train_set.samples)) as advance:
        learned, its_builder = see(
            train_set.samples, (ORIGINAL, settings.trained), loaded, layer, seed=settings.seed, device=device,
            root=where, advance=advance, object_kept=train.object_kept, pools=train.pools,
        )  # fmt: skip
    contexts = tuple(dict.fromkeys((ORIGINAL, *settings.contexts)))
    with steps("test", len(test_set.samples)) as advance:
        measured, builder = see(
            test_set.samples, contexts, loaded, layer, seed=settings.seed, device=device,
            root=where, advance=advance, object_kept=test.object_kept, pools=test.pools,
        )  # fmt: skip
    found, of_train, of_test = copies_between(its_builder, builder)
    kept, left_out = _without_test_images(learned, measured, found, of_train, of_test)
    groups = clusters(learned.samples, _pictures(learned, found, of_train))
    fitting = Fitting.of(loaded, layer, labels, learned, kept, settings.trained, groups)
    left_out = left_out.model_copy(update={"unchanged": len(kept) - fitting.copies})
    with steps("fit", settings.resamples) as advance:
        refitted = fitting.refitted(settings.seed, settings.resamples, advance)
    own = clusters(measured.samples, _pictures(measured, found, of_test))
    effects = [
        effect
        for context in contexts
        if context in measured.contexts
        for effect in effects_under(
            measured, context, own, refitted, labels, settings.good, settings.seed, settings.confidence
        )
    ]
    curves: list[LearningCurve] = []
    if settings.curve:
        sizes = sizes_of(fitting.images)
        with steps("curve", len(sizes) * DRAWS) as advance:
            curves = learning_curves(fitting, sizes, measured, own, labels, settings.seed, settings.confidence, advance)
    return ProbeRecord(
        modelaudit=__version__,
        created=created,
        model=loaded.fingerprint,
        model_reference=loaded.ref,
        layer=layer.name,
        train=train.reference,
        train_root=learned.root,
        train_images=fitting.images,
        train_copies=fitting.copies,
        trained=str(settings.trained),
        left_out=left_out,
        data=test.reference,
        data_root=measured.root,
        images=len(measured.samples),
        run=run,
        classes=sorted({str(sample.label) for sample in measured.samples}),
        good=list(settings.good),
        seed=settings.seed,
        confidence=settings.confidence,
        resamples=settings.resamples,
        penalty=refitted.penalty,
        effects=effects,
        curves=curves,
        assumptions=_assumptions(layer, own, fitting, curves),
    )


def _check_good(good: Sequence[str], test: ProbeData) -> None:
    known = {str(sample.label) for sample in test.data.samples}
    strange = [label for label in good if label not in known]
    if strange:
        raise DataError(f"--good {strange[0]}: {test.reference} has no such label; it has {', '.join(sorted(known))}")
    if good and known <= set(good):
        raise DataError(f"--good: every label of {test.reference} would be good, and none a defect; name fewer")


def _together(train: DataSet, test: DataSet) -> DataSet:
    """The labels of both, and what the test data say their labels mean."""
    return DataSet((*test.samples, *train.samples), label_map=test.label_map, outputs=test.outputs)


def _pictures(seen: SeenData, found: Copies, named: Callable[[str], str]) -> dict[str, str]:
    """The first image that is the same picture, of each that has copies."""
    names = {sample.id: named(sample.id) for sample in seen.samples}
    return {name: found.copy_of[full] for name, full in names.items() if full in found.copy_of}


def _without_test_images(
    learned: SeenData,
    measured: SeenData,
    found: Copies,
    of_train: Callable[[str], str],
    of_test: Callable[[str], str],
) -> tuple[NDArray[np.intp], LeftOut]:
    """The training images that are used, by position, and how many are not, and why.

    Raises:
        DataError: too few remain.
    """
    pictures = {found.copy_of[name] for one in measured.samples if (name := of_test(one.id)) in found.copy_of}
    clusters = {sample.cluster for sample in measured.samples} - {None}
    kept, why = [], Counter[str]()
    for at, sample in enumerate(learned.samples):
        if found.copy_of.get(of_train(sample.id)) in pictures:
            why["same_picture"] += 1
        elif sample.cluster in clusters:
            why["same_cluster"] += 1
        else:
            kept.append(at)
    left_out = LeftOut(**why, unusable=len(learned.unusable))
    if len(kept) < LEAST_IMAGES:
        raise DataError(
            f"of {len(learned.samples) + left_out.unusable} training images {len(kept)} can be used, and a probe needs "
            f"{LEAST_IMAGES}: {left_out.same_picture} are the same picture as a test image, {left_out.same_cluster} "
            f"are of the same cluster, {left_out.unusable} cannot be read; give images that the audit does not "
            "measure on"
        )
    return np.array(kept, dtype=np.intp), left_out


def _assumptions(layer: LastLayer, own: Codes, fitting: Fitting, curves: Sequence[LearningCurve]) -> list[Assumption]:
    found: list[Assumption] = ["last_layer_alone", "computed_backgrounds", "same_process", "interval_of_the_refit"]
    if layer.rectified:
        found.append("pooled_before_relu")
    if min(len(np.unique(own)), len(np.unique(fitting.rows.groups))) < LEAST_CLUSTERS:
        found.append("few_clusters")
    if any(one.refused is None for one in curves):
        found += ["curve_of_the_last_layer", "curve_same_kind"]
    return found

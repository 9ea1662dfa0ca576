"""What the last layer is fitted to: its rows, made of what the model sees of the training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contexts import Original
from ..data import LabelMap
from ..language.errors import DataError
from ..language.progress import Advance
from ..language.sample import Sample
from ..language.spec import Context
from ..models import LoadedModel
from ..models.last_layer import LastLayer
from .features import SeenData
from .refit import Problem, Rows, cross_validated, resampled

Values = NDArray[np.float64]
Codes = NDArray[np.int64]
ORIGINAL = Original()


@dataclass(frozen=True, eq=False)
class Refitted:
    """The weights [K, D] fitted to all training images, to them without their copies, and to each bootstrap sample."""

    fitting: Fitting
    penalty: float
    weight: Values
    without_copies: Values
    draws: tuple[Values, ...]


@dataclass(frozen=True, eq=False)
class Fitting:
    """The rows that the last layer is fitted to, and the outputs of the model that are fitted.

    Args:
        outputs: [K] those that mean a label of the data; all others stay as they are.
        start: [K, D] the model's own weights of them.
        rest: [C - K, D] the weights of the others.
        images, copies: how many images there are, and how many of them with another background besides.
    """

    rows: Rows
    outputs: NDArray[np.intp]
    start: Values
    rest: Values
    rest_outputs: NDArray[np.intp]
    bias: bool
    images: int
    copies: int

    @classmethod
    def of(
        cls,
        loaded: LoadedModel,
        layer: LastLayer,
        labels: LabelMap,
        learned: SeenData,
        kept: NDArray[np.intp],
        trained: Context,
        groups: Codes,
    ) -> Fitting:
        """Of the training images at `kept`."""
        weight = layer.weight.numpy() if layer.bias is None else np.column_stack([layer.weight, layer.bias])
        classes = class_of_outputs(labels, loaded.outputs)
        wanted = {labels.indices[sample.label] for sample in learned.samples}
        fitted = np.isin(classes, sorted(wanted))
        bias = layer.bias is not None
        parts, own, codes = [], [], []
        for context in (ORIGINAL, trained):
            seen = learned.contexts[context]
            rows = kept[seen.known[kept]]
            parts.append(_with_ones(seen.features[rows], bias))
            codes.append(groups[rows])
            index = np.array([labels.indices[learned.samples[at].label] for at in rows], dtype=np.int64)
            own.append(classes[fitted][None, :] == index[:, None])
        if not len(parts[1]):
            raise DataError(
                f"no training image can be shown under {trained}: the object is cut out by its mask, and the "
                "training images have none that can be used; make them: modelaudit masks --help"
            )
        features = np.concatenate(parts)
        rest = weight[~fitted]
        others = np.full(len(features), -np.inf)
        if len(rest):
            logits = features @ rest.T
            others = np.logaddexp.reduce(logits, axis=1)
        rows_ = Rows(features, np.concatenate(own), others, np.concatenate(codes))
        return cls(
            rows_, np.flatnonzero(fitted), weight[fitted], rest, np.flatnonzero(~fitted), bias, len(parts[0]),
            len(parts[1]),
        )  # fmt: skip

    def refitted(self, seed: int, resamples: int, advance: Advance) -> Refitted:
        """The penalty by cross-validation, the weights, and those of every bootstrap sample at the same penalty."""
        penalty = cross_validated(self.rows, self.start, seed=seed)
        problem = Problem.of(self.rows, self.start, penalty)
        weight = problem.solved()
        draws = []
        for at in range(resamples):
            draws.append(resampled(problem, np.random.default_rng([seed, 1, at]), weight))
            advance(1)
        as_they_are = self.rows.chosen(np.arange(self.images))
        lighter = cross_validated(as_they_are, self.start, seed=seed)
        without_copies = Problem.of(as_they_are, self.start, lighter).solved()
        return Refitted(self, penalty, weight, without_copies, tuple(draws))

    def answers(self, features: Values, weight: Values) -> NDArray[np.intp]:
        """[n] the output with the largest logit, where the fitted outputs have these weights."""
        wide = _with_ones(features, self.bias)
        logits = np.empty((len(wide), len(self.outputs) + len(self.rest)))
        logits[:, self.outputs] = wide @ weight.T
        logits[:, self.rest_outputs] = wide @ self.rest.T
        answers: NDArray[np.intp] = logits.argmax(axis=1)
        return answers


def class_of_outputs(labels: LabelMap, outputs: int) -> Codes:
    """[outputs] the class of each."""
    return np.arange(outputs) if labels.merged is None else np.array(labels.merged, dtype=np.int64)


def _with_ones(features: Values, bias: bool) -> Values:
    return np.column_stack([features, np.ones(len(features))]) if bias else features


def clusters(samples: Sequence[Sample], pictures: Mapping[str, str]) -> Codes:
    """[n] a number for what makes images depend on each other: their cluster, else the picture that they share."""
    names = [
        f"cluster {sample.cluster}" if sample.cluster is not None else f"image {pictures.get(sample.id, sample.id)}"
        for sample in samples
    ]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)

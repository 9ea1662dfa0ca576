"""A model by its stored answers: it is never run, and every picture that it is shown is looked up by its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...language.answer_levels import AnswersHeld
from ...language.errors import ModelError
from ...language.picture_origin import PictureOrigin
from ...language.sample import Preprocessing
from ...language.scores import ScoreSettings
from ..loaded import LoadedModel
from ..named_pictures import NamedPictures
from ..probe import fixed_size
from .damage import Damage
from .manifest import RenderManifest, read_manifest
from .matching import match_answers
from .reading import read_answers
from .stored_maps import StoredMaps
from .stored_reading import read_stored

_VERSION = "predictions@1"
#: of the size of a chunk alone, where the geometry leaves the size open
_OPEN_SIZE = (224, 224)
_NAMED = 5
#: what a picture is made of, as it is told where it differs
_PARTS = {
    "image": "another image",
    "mask": "another mask",
    "context": "another context, or another version of it",
    "variant": "a variant that a check asks for",
    "donor": "the background of another image",
    "stored": "another stored picture",
    "seed": "another seed",
    "geometry": "another size or crop",
}


class StoredPredictions(NamedPictures):
    """What a box answered to rendered pictures.

    Args:
        path: the file of answers.
        manifest: of the pictures.
        maps: the folder of heat maps; None for none.
        allowed: the share of the pictures that may be without an answer.
    """

    def __init__(self, path: Path, manifest: Path, maps: Path | None, allowed: float | None) -> None:
        super().__init__()
        self.path, self.allowed = path, allowed
        self.manifest: RenderManifest = read_manifest(manifest)
        self.maps = StoredMaps(maps)
        self._rows: Mapping[str, int] = {}
        self._values = torch.zeros(0, 0)
        self._ranked: Tensor | None = None

    def opened(
        self, text: str, stated: Preprocessing | None, classes: Sequence[str] | None, settings: ScoreSettings
    ) -> LoadedModel:
        """The model, once it is known that answers and manifest fit.

        Raises:
            ModelError: they do not fit, or not what the audit says.
        """
        preprocessing = self._preprocessing(text, stated)
        damage = Damage(self.path)
        answers = read_answers(self.path, damage)
        matched = match_answers(answers, self.manifest, classes, self.allowed, damage)
        try:
            values, reading, held, notes = read_stored(matched, settings, answers.pictures)
        except ModelError as error:
            raise ModelError(f"{self.path}: {error}") from error
        maps = self.maps.opened(self.manifest)
        self._rows, self._values = matched.rows, values
        self._ranked = None if matched.ranked is None else torch.from_numpy(matched.ranked)
        pictures = len(self.manifest.pictures)
        held = AnswersHeld(held.kind, held.labels, held.probabilities, pictures, matched.unanswered)
        outputs = 2 if reading.scores == "binary" else matched.outputs
        names = classes if matched.classes is None else matched.classes
        made_of = (_VERSION, answers.digest, self.manifest.digest, maps.digest, repr(preprocessing))
        digest = hashlib.sha256("\n".join((*made_of, repr(names), reading.text(), str(held))).encode()).hexdigest()
        unanswered = f", {matched.unanswered} without an answer" if matched.unanswered else ""
        about = (
            f"answers: {held}, of {pictures} rendered pictures{unanswered}; the model was not run and is known by them "
            "alone"
        )
        return LoadedModel(
            ref=text,
            module=self,
            preprocessing=preprocessing,
            classes=self._checked_names(text, names, outputs),
            outputs=outputs,
            input_size=fixed_size(preprocessing) or _OPEN_SIZE,
            architecture=f"{type(self).__module__}.{type(self).__qualname__}",
            parameters=0,
            fingerprint=digest,
            probe_digest=answers.digest,
            notes=(about, *notes, *maps.notes),
            differentiable=False,
            reading=reading,
            answers=held,
        )

    def _preprocessing(self, text: str, stated: Preprocessing | None) -> Preprocessing:
        written: dict[str, Any] = self.manifest.header.preprocessing
        try:
            known = Preprocessing(**written)
        except TypeError as error:
            raise ModelError(f"{self.manifest.path}, line 1: its preprocessing cannot be read ({error})") from error
        if stated is not None and stated.geometry() != known.geometry():
            raise ModelError(
                f"{text}: Audit(preprocessing={stated!r}) shows pictures of another size or crop than those that were "
                f"rendered ({known!r}); leave preprocessing out, or render again"
            )
        return known

    def _checked_names(self, text: str, names: Sequence[str] | None, outputs: int) -> tuple[str, ...] | None:
        if names is None:
            return None
        if len(names) != outputs:
            raise ModelError(f"{text}: {len(names)} class names for {outputs} classes; name each once, in their order")
        return tuple(names)

    def scores_of(self, pictures: Sequence[PictureOrigin], images: Tensor) -> Tensor:
        """[B, outputs] what was answered; NaN of a picture whose answer may be missing, and is.

        Raises:
            ModelError: a picture that was not rendered; with samples, and what differs.
        """
        self.require_rendered(pictures)
        found = torch.full((len(pictures), self._values.shape[1]), torch.nan)
        for at, origin in enumerate(pictures):
            row = self._rows.get(origin.name)
            if row is not None:
                found[at] = self._values[row]
        return found

    def knows_label(self, pictures: Sequence[PictureOrigin], labels: Tensor, merged: Sequence[int] | None) -> Tensor:
        """[B] bool: whether the answers hold a score of every class that means the label of the picture.

        Args:
            labels: [B], the class of each.
            merged: the class of every output, where several mean one label.
        """
        means = torch.arange(self._values.shape[1]) if merged is None else torch.tensor(merged)
        known = torch.zeros(len(pictures), dtype=torch.bool)
        for at, (origin, label) in enumerate(zip(pictures, labels, strict=True)):
            row = self._rows.get(origin.name)
            if row is not None:
                own = (means == label).nonzero()
                known[at] = self._ranked is None or bool(torch.isin(own, self._ranked[row]).all())
        return known

    def fewest_meanings(self, merged: Tensor) -> int:
        """How many meanings the labels of every picture have at least, where several classes mean one label."""
        if self._ranked is None:
            return len(merged)
        meant = merged.cpu()[self._ranked].sort(dim=1).values
        return int((1 + (meant.diff(dim=1) != 0).sum(1)).amin())

    def require_rendered(self, pictures: Sequence[PictureOrigin]) -> None:
        """Refuse pictures that the manifest does not hold.

        Raises:
            ModelError: with the first of their samples, and what differs from what was rendered.
        """
        absent = list(dict.fromkeys(one for one in pictures if one.name not in self.manifest.pictures))
        if not absent:
            return
        told = "; ".join(f"{one.sample}: {self._difference(one)}" for one in absent[:_NAMED])
        more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
        raise ModelError(
            f"{self.manifest.path}: {len(absent)} picture(s) of this pass were not rendered ({told}{more}); render "
            "again (modelaudit render AUDIT -o FOLDER; what is there is kept), and run the box on what is new"
        )

    def _difference(self, wanted: PictureOrigin) -> str:
        """What the nearest rendered picture of a sample was made of instead."""
        near = self._by_sample.get(wanted.sample)
        if near is None:
            return "no picture of it was rendered"
        differing = [
            [part.name for part in fields(PictureOrigin) if getattr(one, part.name) != getattr(wanted, part.name)]
            for one in near
        ]
        fewest = min(differing, key=len)
        return ", ".join(_PARTS[name] for name in fewest if name in _PARTS)

    @cached_property
    def _by_sample(self) -> Mapping[str, list[PictureOrigin]]:
        found: dict[str, list[PictureOrigin]] = {}
        for picture in self.manifest.pictures.values():
            found.setdefault(picture.sample, []).append(picture.origin)
        return found

    def extra_repr(self) -> str:
        return str(self.path)

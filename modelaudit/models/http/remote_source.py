"""``remote:box.yaml``: a model that a server runs, asked over HTTP as an ordinary black box."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor

from ...language.errors import ModelError
from ...language.reference import ADDRESS_ALONE, Reference, may_hold_secret
from ...language.sample import BuiltModel
from ..black_box import NOT_DETERMINISTIC, SCORES_ONLY, ScoresOnly
from ..loaded import model_source
from .asking import Asking
from .cassette import Cassette
from .remote_file import MODES, RemoteFields, checked_fields, read_remote_file
from .request_body import sent_images

_FORMATS = {
    "png": "as PNG of 8 bits a channel",
    "npy": "as arrays of float32",
    "float32": "as numbers",
}


class RemoteModel(ScoresOnly):
    """A model behind an address as a module."""

    declare = "deterministic: false"

    def __init__(self, fields: RemoteFields, asking: Asking) -> None:
        super().__init__()
        self.deterministic = fields.deterministic
        self._fields, self._asking, self._time = fields, asking, 0

    def scores(self, images: Tensor) -> Any:
        """The scores [B, C] of images [B, 3, H, W]: off the cassette, or asked.

        Raises:
            ModelError: some have none.
        """
        fields = self._fields
        sent = sent_images(images, fields.image, fields.layout, fields.address)
        return torch.tensor(self._asking.answers(sent, self._time), dtype=torch.float32)

    @contextmanager
    def asked_anew(self, time: int) -> Iterator[None]:
        """For the length of a ``with`` block every image is asked once more; the cassette keeps that apart."""
        before, self._time = self._time, time
        try:
            yield
        finally:
            self._time = before

    def extra_repr(self) -> str:
        """Address, stated version, and a digest of the settings that decide the answers; no secret."""
        fields = self._fields
        text = f"{fields.address}, version={fields.version!r}, settings={fields.identity()}"
        return text if self.deterministic else f"{text}, deterministic=False"

    def _name(self) -> str:
        return self._fields.address


@model_source("remote")
def remote_model(reference: Reference, root: Path) -> BuiltModel:
    """A model behind an address: ``remote:box.yaml``, or ``remote:https://host/path`` where nothing needs to be said.

    The short form sends ``{"image": "<PNG in base64>"}`` for each image and takes the scores from ``{"scores":
    [...]}``. ``?cassette=replay`` asks nothing, whatever the file says.

    Raises:
        ModelError: no such file, or something in it is wrong; with line and field.
    """
    short = re.match(r"https?://", reference.body) is not None
    mode = reference.options.get("cassette")
    if short:
        if may_hold_secret(reference.text):
            raise ModelError(f"remote: {ADDRESS_ALONE}")
        fields = checked_fields({"url": reference.body}, lambda line: "remote: ")
        digest = hashlib.sha256(reference.body.encode()).hexdigest()[:8]
        beside = root / f"{urlsplit(reference.body).hostname}-{digest}.yaml"
    else:
        reference.only(("cassette",), ModelError)
        beside = (root / reference.body).resolve()
        if not beside.is_file():
            raise ModelError(f"{reference.text!r}: no file {beside}; relative paths start at pytest's rootdir")
        fields = read_remote_file(beside)
    if mode is not None:
        if mode not in MODES:
            raise ModelError(f"{reference.body}: cassette={mode!r} must be {' or '.join(MODES)}")
        fields = fields.model_copy(update={"cassette": fields.cassette.model_copy(update={"mode": mode})})
    return _built(fields, beside)


def remote(file: str | Path | None = None, **settings: Any) -> BuiltModel:
    """A model behind an address: ``Audit(model=remote("box.yaml"))``, or ``remote(url="https://...", ...)``.

    Args:
        file: as ``remote:box.yaml`` reads it; relative paths start at the current folder.
        settings: the same fields, instead of those of the file.

    Raises:
        ModelError: as :func:`remote_model`.
    """
    beside = Path(file if file is not None else "remote.yaml").resolve()
    if file is None:
        return _built(checked_fields(settings, lambda line: "remote(...): "), beside)
    if not beside.is_file():
        raise ModelError(f"remote({str(file)!r}): no file {beside}")
    fields = read_remote_file(beside)
    if settings:
        values = {**fields.model_dump(exclude_unset=True), **settings}
        fields = checked_fields(values, lambda line: f"remote({str(file)!r}, ...): ")
    return _built(fields, beside)


def _built(fields: RemoteFields, beside: Path) -> BuiltModel:
    named = fields.cassette.file
    place = beside.with_name(f"{beside.stem}.cassette.jsonl") if named is None else beside.parent / named
    cassette = Cassette(place, model=fields.identity(), address=fields.address, version=fields.version)
    classes = None if fields.classes is None else tuple(fields.classes)
    asking = Asking(fields, cassette, beside)
    return BuiltModel(RemoteModel(fields, asking), fields.prepared(), classes, _notes(fields, place))


def _notes(fields: RemoteFields, cassette: Path) -> tuple[str, ...]:
    version = f"version {fields.version!r} as stated" if fields.version else "no version is stated"
    notes = [
        SCORES_ONLY,
        f"answers: of {fields.address}, {version}; what stands behind an address can change without a change of the "
        f"fingerprint. Those on {cassette.name} are not asked again",
        f"images: sent to {fields.host} {_FORMATS[fields.image]}",
    ]
    if fields.in_clear:
        notes.append(f"images: not encrypted on their way to {fields.host}")
    return tuple(notes if fields.deterministic else [*notes, NOT_DETERMINISTIC])

"""Makes masks where there are none: written as PNG files, and marked as made by a machine."""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from ..language.errors import DataError
from ..language.findings import MaskMade
from ..language.reasons import Missing
from ..language.sample import DataSet, Sample
from .base import Decoded, Pixels, UnusableSample
from .checking import mask_facts, without_mask
from .decode import decode
from .files import confined, files_below, is_image, relative_id
from .machine_masks import MadeMasks, read_made_masks
from .masks import checked_mask, read_mask

#: masks are written in lots of so many, or an eighth of those that there are, whichever is more
_LOT = 32
#: of GrabCut
_ROUNDS = 5
#: the longer side at which the cut is made: its cost grows faster than the image
_LARGEST = 1024


@dataclass(frozen=True)
class Maker:
    """A maker of masks.

    Args:
        by, version: for the mark.
        function: from the image [H, W, 3] uint8, the mask of its boxes [H, W] (None without boxes) and the label to a
            mask [H, W] of bool or of 0, 1, 255.
    """

    by: str
    version: str
    function: Callable[[Pixels, Pixels | None, str | int], Any]


@dataclass(frozen=True)
class Policy:
    """Which existing masks may be replaced.

    Args:
        machine: those that a machine made, and that nobody has edited.
        edited: all others in the folder.
    """

    machine: bool = False
    edited: bool = False


def make_masks(
    data: DataSet, maker: Maker, folder: Path, *, policy: Policy, stamp: dict[str, str]
) -> Iterator[MaskMade]:
    """A mask for every sample that has none, or only a box; what became of each, in the order of the samples.

    The mask of ``bolt/1.jpg`` is ``bolt/1.png`` below `folder`: where ``folder:...?masks=`` looks for it. No mask is
    ever there without its mark: the mark is written first.

    Args:
        stamp: further entries of the mark (date, version of this package).

    Raises:
        DataError: two samples would have one mask, an id that leads out of the folder, a folder that cannot be written.
    """
    wanted = [sample for sample in data.samples if _is_wanted(sample, folder, policy)]
    targets = _targets(data.samples, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be made ({error.strerror}); give another --into") from error
    marks = read_made_masks(folder) or MadeMasks(folder)
    marks.makers.append({"by": maker.by, "version": maker.version, **stamp})
    present = _present(folder)
    writer = _Writer(marks)
    try:
        for sample in wanted:
            target = targets[sample.id]
            taken = present.get(_stem(sample.id))
            if taken is not None and not _may_go(taken, marks, policy):
                yield _kept(sample, taken, relative_id(taken, folder))
                continue
            made = _made(sample, maker, relative_id(target, folder))
            if made.content:
                writer.add(target, made.content, taken)
            yield made.result
    finally:
        writer.flush()


def _is_wanted(sample: Sample, folder: Path, policy: Policy) -> bool:
    """Whether a sample has no mask that a person made; of those in the folder the policy decides."""
    if sample.mask is None or sample.mask_kind in ("box", "machine"):
        return True
    inside = isinstance(sample.mask, Path) and sample.mask.resolve().is_relative_to(folder.resolve())
    return policy.edited and inside


@dataclass(frozen=True)
class _Made:
    result: MaskMade
    content: bytes = b""


class _Writer:
    """Collects masks and writes them in lots: first their marks, then the masks."""

    def __init__(self, marks: MadeMasks) -> None:
        self._marks = marks
        self._waiting: list[tuple[Path, bytes, Path | None]] = []

    def add(self, target: Path, content: bytes, instead_of: Path | None) -> None:
        """A mask, and the file that it takes the place of."""
        self._waiting.append((target, content, instead_of))
        name = relative_id(target, self._marks.folder)
        self._marks.files[name] = (hashlib.sha256(content).hexdigest(), len(self._marks.makers) - 1)
        if len(self._waiting) >= max(_LOT, len(self._marks.files) // 8):
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        try:
            # an old mask with a new mark would look like an edited one, so the old ones are removed first
            for _, _, old in self._waiting:
                if old is not None:
                    old.unlink()
            self._marks.write()
            for target, content, _ in self._waiting:
                target.parent.mkdir(parents=True, exist_ok=True)
                draft = target.with_name(f".{target.name}")
                draft.write_bytes(content)
                draft.replace(target)
        except OSError as error:
            raise DataError(f"{error.filename}: cannot be written ({error.strerror}); give another --into") from error
        finally:
            self._waiting.clear()


def _kept(sample: Sample, mask: Path, name: str) -> MaskMade:
    """The result for a mask that is kept, with its facts."""
    try:
        return MaskMade(sample.id, str(sample.label), "kept", name, mask=mask_facts(read_mask(mask, "ignore")))
    except UnusableSample as error:
        return MaskMade(sample.id, str(sample.label), "kept", name, str(error))


def _made(sample: Sample, maker: Maker, name: str) -> _Made:
    label = str(sample.label)
    try:
        decoded = _decoded(sample)
        mask = _checked(sample, maker, decoded)
    except UnusableSample as error:
        return _Made(MaskMade(sample.id, label, "failed", message=str(error)))
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG", optimize=True)
    return _Made(MaskMade(sample.id, label, "made", name, mask=mask_facts(mask)), buffer.getvalue())


def _decoded(sample: Sample) -> Decoded:
    """Decodes the sample, with the mask of its boxes where it has some; masks made by a machine are left out."""
    return decode(sample if sample.mask_kind == "box" else without_mask(sample))


def _checked(sample: Sample, maker: Maker, decoded: Decoded) -> Pixels:
    name = f"the mask that {maker.by} made of {sample.id!r}"
    try:
        found = np.asarray(maker.function(decoded.image, decoded.mask, sample.label))
    except DataError:
        raise
    except Exception as error:  # whatever the user's function raises
        raise UnusableSample(Missing.UNREADABLE_MASK, f"{maker.by}: {type(error).__name__}: {error}") from error
    mask = checked_mask(found, name, None)
    if mask.shape != decoded.image.shape[:2]:
        high, wide = decoded.image.shape[:2]
        raise UnusableSample(
            Missing.MASK_SIZE, f"{name} differs in size: {mask.shape[1]} x {mask.shape[0]}, the image {wide} x {high}"
        )
    return mask


def _targets(samples: Sequence[Sample], folder: Path) -> dict[str, Path]:
    """The place of every sample's mask."""
    owners: dict[str, list[str]] = defaultdict(list)
    targets: dict[str, Path] = {}
    for sample in samples:
        stem = _stem(sample.id)
        targets[sample.id] = confined(folder / f"{stem}.png", folder, f"the mask of {sample.id!r}")
        owners[stem].append(sample.id)
    shared = next((ids for ids in owners.values() if len(ids) > 1), None)
    if shared is not None:
        raise DataError(f"{shared[0]!r} and {shared[1]!r} would share one mask; rename one of them")
    return targets


def _present(folder: Path) -> dict[str, Path]:
    """The masks that are there, by their path without ending."""
    return {_stem(relative_id(path, folder)): path for path in files_below(folder) if is_image(path)}


def _stem(name: str) -> str:
    """A path without the ending of its last part."""
    path = PurePosixPath(name)
    return str(path.parent / path.stem)


def _may_go(mask: Path, marks: MadeMasks, policy: Policy) -> bool:
    return policy.edited or (policy.machine and marks.maker_of(mask) is not None)


def grabcut(image: Pixels, boxes: Pixels | None) -> Pixels:
    """[H, W] uint8: the pixels inside the boxes that are unlike those outside.

    Outside is background for sure; inside, two Gaussian mixtures and a cut tell object from background, in 5 rounds.
    Images with a side of more than 1024 pixels are cut at 1024, and the mask enlarged (nearest).

    Args:
        image: [H, W, 3] uint8, RGB.
        boxes: [H, W], 1 inside of any box.

    Raises:
        UnusableSample: no box, or one that covers the whole image: then nothing is known to be background.
        DataError: OpenCV is not installed.
    """
    if boxes is None or not boxes.any():
        raise UnusableSample(Missing.NO_MASK, "GrabCut needs a box round the object, and the image has none")
    if boxes.all():
        raise UnusableSample(
            Missing.NO_MASK, "the box covers the whole image, which leaves GrabCut no background; draw it closer"
        )
    cv2 = opencv()
    size = _working_size(image)
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    inside = np.asarray(Image.fromarray((boxes != 0).astype(np.uint8)).resize(size, Image.Resampling.NEAREST)) != 0
    state = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    cv2.setRNGSeed(0)  # the mixtures start from clusters that are drawn
    try:
        cv2.grabCut(
            np.ascontiguousarray(small[:, :, ::-1]),
            state,
            None,
            np.zeros((1, 65)),
            np.zeros((1, 65)),
            _ROUNDS,
            cv2.GC_INIT_WITH_MASK,
        )
    except cv2.error as error:
        raise UnusableSample(Missing.NO_MASK, f"GrabCut gave up: {str(error).strip().splitlines()[-1]}") from error
    found = np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(found).resize((width, height), Image.Resampling.NEAREST))


def opencv() -> Any:
    """Imports OpenCV.

    Raises:
        DataError: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise DataError("GrabCut is OpenCV's; install it with: pip install 'pytest-modelaudit[masks]'") from error
    return cv2


def _working_size(image: Pixels) -> tuple[int, int]:
    """(width, height) at which an image is cut."""
    height, width = image.shape[:2]
    scale = min(1.0, _LARGEST / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))

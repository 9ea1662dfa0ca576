"""Opens references and iterables as data sets."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..language import registry
from ..language.errors import DataError
from ..language.reference import Reference, parse_reference
from ..language.sample import DataSet, Sample
from .base import DataSource
from .groups import ColumnGroup, Finder, apply_grouping, grouping_options
from .machine_masks import mark_machine_masks
from .masks import ReadMask
from .refusal import refusal
from .remote import read_remote
from .remote.urls import is_url
from .root import ROOT_OPTIONS, read_below, refuse_outside, root_of

#: sources that read the names of files alone; others open every file, or ask a network
_NAMES = ("demo", "folder", "photos", "imagenet9", "imagenet_s")
#: sources that read one file, which takes seconds from some size on
_ONE_FILE = ("csv", "jsonl", "coco")
_LARGEST = 32 * 2**20


def lists_names(reference: Any, root: Path) -> bool:
    """Whether opening these data reads names of local files alone, or one file of at most 32 MB.

    Samples that a Python audit hands over are not touched: a generator may do anything.
    """
    if not isinstance(reference, str):
        return False
    parsed = parse_reference(reference)
    scheme = parsed.scheme or parsed.body
    reads_headers = any(value.startswith("exif:") for value in parsed.options.values())
    if reads_headers or any(map(is_url, (parsed.body, *parsed.options.values()))):
        return False
    if scheme in _ONE_FILE:
        try:
            return (root / Path(parsed.body).expanduser()).stat().st_size <= _LARGEST
        except OSError:
            return False
    return scheme in _NAMES


def open_data(
    reference: str | DataSet | Iterable[Sample],
    *,
    root: Path,
    cache: Path | None = None,
    quiet: bool = False,
    contradicting: bool = False,
) -> DataSet:
    """The samples behind a reference, sorted by id; nothing is decoded yet.

    Args:
        reference: ``scheme:body?option=value`` (or the bare name of a source that needs no body), or the samples.
        root: what relative paths are relative to.
        cache: where copies of remote files go; by default ``.modelaudit/remote`` below `root`.
        quiet: no progress is shown while they are made.
        contradicting: open data that contradict themselves too, to look at them.

    Raises:
        DataError: no such data, no sample in it, two samples with one id, more than a few contradictions
            (:func:`~modelaudit.language.contradictions.too_many`).
        UnknownNameError: no such source.
    """
    by: dict[str, Finder] = {}
    if isinstance(reference, str):
        (data, by), named = _from_text(reference, root, cache, quiet), f"{reference!r}"
    elif isinstance(reference, DataSet):
        data, named = reference, "the data set"
    elif isinstance(reference, Iterable) and not isinstance(reference, bytes):
        data, named = DataSet(tuple(reference)), "the iterable of samples"
    else:
        raise DataError(
            f"data={reference!r} is a {type(reference).__name__}; give a reference such as 'folder:data/line_a', "
            "or an iterable of Sample"
        )
    samples = tuple(sorted((_checked(sample, named, root) for sample in data.samples), key=lambda one: one.id))
    if not samples:
        raise DataError(f"{named} has no sample; give Sample(id, image, label, mask)")
    for one, other in pairwise(samples):
        if one.id == other.id:
            raise DataError(f"{named}: two samples have the id {one.id!r}; ids are unique (compared in Unicode's NFC)")
    refused = refusal(replace(data, samples=samples))
    if refused and not contradicting:
        raise DataError(f"{named}: {refused}")
    samples, on_masks = mark_machine_masks(samples)
    notes = (*data.notes, *on_masks)
    for option, finder in by.items():
        samples, on_texts = apply_grouping(samples, option, finder, named)
        notes += on_texts
    return replace(data, samples=samples, notes=notes)


def _from_text(text: str, root: Path, cache: Path | None, quiet: bool) -> tuple[DataSet, dict[str, Finder]]:
    """The data, and who finds what its source has not read itself: groups, clusters, attributes, by their options."""
    reference = parse_reference(text)
    scheme = reference.scheme
    if not scheme:
        scheme = reference.body
        if scheme not in registry.names("data"):
            known = ", ".join(f"{name}:" for name in registry.names("data"))
            raise DataError(f"data={text!r} has no scheme; write e.g. 'folder:{text}' (known: {known})")
        if (root / scheme).is_dir():
            raise DataError(
                f"data={text!r} names a source and a folder; write 'folder:{text}' for photos in folders named after "
                f"their labels, or '{scheme}:{text}'"
            )
        reference = Reference(scheme, "", reference.options, text)
    entry = registry.find("data", scheme)
    asked = grouping_options(reference)
    for option, one in asked.items():
        if isinstance(one, ColumnGroup) and not getattr(entry.declares, "columns", False):
            raise DataError(f"{text!r}: {scheme} has no columns; write {option}=path:REGEX, folder:N or exif:TAG")
    by = {option: one for option, one in asked.items() if not isinstance(one, ColumnGroup)}
    others = {key: value for key, value in reference.options.items() if key not in by}
    source: DataSource = entry.function
    if getattr(entry.declares, "files", False):
        source = _within_root(source, {key: others.pop(key) for key in ROOT_OPTIONS if key in others})
    reference = replace(reference, options=others)
    kind = getattr(entry.declares, "remote", None)
    if kind is not None and any(map(is_url, (reference.body, *reference.options.values()))):
        return read_remote(source, reference, root, kind, cache=cache, quiet=quiet), by
    return source(reference, root), by


def _within_root(source: DataSource, options: dict[str, str]) -> DataSource:
    """The source, reading the files of its reference's root alone."""

    def confined_source(reference: Reference, rootdir: Path) -> DataSet:
        root = root_of(reference, options, rootdir)
        with read_below(root):
            data = source(reference, rootdir)
            refuse_outside(data.samples, repr(reference.text))
        return data

    return confined_source


def _checked(sample: object, named: str, root: Path) -> Sample:
    if not isinstance(sample, Sample):
        raise DataError(f"{named} contains {sample!r}, a {type(sample).__name__}; give Sample(id, image, label, mask)")
    if not isinstance(sample.id, str) or not sample.id:
        raise DataError(f"{named} holds a sample with the id {sample.id!r}; give each a text of its own")
    if not _is_unicode(sample.id):
        raise DataError(f"{named} has the file name or id {sample.id!r}, which is not valid Unicode; rename it")
    if isinstance(sample.label, bool) or not isinstance(sample.label, str | int):
        raise DataError(f"{sample.id!r} has the label {sample.label!r}; give the class as a text or an index")
    image, mask = _rooted(sample.image, root), _rooted(sample.mask, root)
    stored = {key: _rooted(source, root) for key, source in sample.stored.items()}
    file = mask.path if isinstance(mask, ReadMask) else mask
    if isinstance(file, Path) and file == image:
        raise DataError(f"{sample.id!r}: {file} would be the image and its own mask; name the file of the mask")
    _check_texts(sample)
    name = unicodedata.normalize("NFC", sample.id)
    same = all(source is sample.stored[key] for key, source in stored.items())
    if name == sample.id and image is sample.image and mask is sample.mask and same:
        return sample
    return replace(sample, id=name, image=image, mask=mask, stored=stored)


def _check_texts(sample: Sample) -> None:
    """Raises a DataError where a cluster or an attribute is not a text: 7 and "7" would be two clusters."""
    texts = {"cluster": sample.cluster, **{f"attributes[{key!r}]": text for key, text in sample.attributes.items()}}
    for what, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise DataError(f"{sample.id!r}: {what} must be a text, got {text!r}; write str(...)")


def _is_unicode(text: str) -> bool:
    """False for a file name in another encoding, whose bytes are not valid characters."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _rooted(source: Any, root: Path) -> Any:
    """A path, relative to `root` where it is not absolute; anything else as it is."""
    if isinstance(source, Path):
        return source if source.is_absolute() else root / source
    return root / source if isinstance(source, str) else source

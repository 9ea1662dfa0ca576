"""Which data can be listed before a run at next to no cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..language.reference import parse_reference
from .remote.urls import is_url

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

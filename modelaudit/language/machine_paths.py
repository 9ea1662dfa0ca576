"""Takes the folders of a machine out of texts: reports name files, and never where somebody keeps them.

A path below the rootdir becomes relative to it, one of an installed package begins with the package, and of any other
path that is absolute or leads out of the rootdir (``../x``) its last part is left. URLs and other relative paths stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

#: what may stand in a part of a path where nothing says where the path ends
_PART = r"[^\s/\\'\"`<>|:;,?&()\[\]{}]+"
#: ~/x, ~user/x, C:\x, ../x, \\host\x
_BEGINS = r"(?:~\w*/|[A-Za-z]:[\\/]|(?:\.\.?[\\/]+)*\.\.[\\/]|\\\\)"
#: and /home/x; a single part such as /tmp names nobody's folder
_OUTSIDE = rf"(?:{_BEGINS}[\\/]*{_PART}|/+{_PART}/+{_PART})(?:[\\/]+{_PART})*[\\/]*"
#: not what follows a word, as in and/or, and not //host/x of https://host/x
_LONG = re.compile(rf"(?:file://(?:localhost)?(?=/)|(?<![\w./\\~<>%)\]}}*:-])|(?<=:)(?!//\w)){_OUTSIDE}")
_QUOTED = re.compile(rf"(?P<quote>['\"`])(?P<path>(?:{_BEGINS}|/)[^'\"`\n]*)(?P=quote)")
_WHOLE = re.compile(rf"(?:(?:file://)?/+[^\s/]|{_BEGINS})")
_INSTALLED = re.compile(r".*[\\/](?:site|dist)-packages[\\/](?=.)")
_SEPARATORS = re.compile(r"[\\/]+")
#: what divides a reference: scheme:body@tag?key=value&key=value
_DIVIDES = re.compile(r"(?<![A-Za-z])(?=[A-Za-z]:[\\/])|(?<=[?&=])|(?<=[A-Za-z]{2}:)")


def without_machine_paths(text: str, *, root: str = "", known: Iterable[str] = ()) -> str:
    """The text with its paths shortened.

    Args:
        root: the rootdir; of what is below it the path relative to it stays.
        known: further folders or files, which may have spaces in their names.

    >>> without_machine_paths("no file '/home/jane doe/line a/x.png' (/srv/data/y.png:3)", root="/srv")
    "no file 'x.png' (data/y.png:3)"
    >>> without_machine_paths("accuracy / 2, https://example.org/a/b, data/line_a")
    'accuracy / 2, https://example.org/a/b, data/line_a'
    """
    if "/" not in text and "\\" not in text:
        return text
    text = _below(text, root)
    for place in sorted(set(known), key=len, reverse=True):
        text = _shortened_known(text, place)
    if leaves_root(text) and "\n" not in text and not re.search(r"[\s:;,]", text):
        return last_part(text)
    text = _QUOTED.sub(lambda found: f"{found['quote']}{last_part(found['path'])}{found['quote']}", text)
    return _LONG.sub(lambda found: last_part(found[0]), text)


def without_folders(reference: str) -> str:
    """A reference to a model or data with its paths shortened, spaces in them or not.

    >>> without_folders("folder:/mnt/my data/line a?masks=~/masks&labels=l.csv")
    'folder:line a?masks=masks&labels=l.csv'
    """
    return "".join(_part_of_reference(part) for part in _divided(reference))


def places_of(reference: str) -> list[str]:
    """The paths in a reference that lead out of the rootdir.

    >>> places_of("net.py:build"), places_of("folder:/mnt/my data/line a?masks=m")
    ([], ['/mnt/my data/line a'])
    """
    return [part for part in (each.rstrip("?&=:") for each in _divided(reference)) if _is_place(part)]


def leaves_root(text: str) -> bool:
    """Whether a text begins as a path outside of the rootdir does, of any system."""
    return _WHOLE.match(text) is not None


def last_part(path: str) -> str:
    """The last part of a path; of a file of an installed package everything from the package on.

    >>> last_part("/opt/venv/lib/python3.12/site-packages/torch/nn/module.py"), last_part("/srv/"), last_part("/")
    ('torch/nn/module.py', 'srv', '')
    """
    inside, found = _INSTALLED.subn("", path)
    if found:
        return inside.replace("\\", "/")
    parts = [part for part in _SEPARATORS.split(path) if part]
    return parts[-1] if parts else ""


def _divided(reference: str) -> list[str]:
    return [part for part in _DIVIDES.split(reference) if part]


def _part_of_reference(part: str) -> str:
    body = part.rstrip("?&=:")
    return last_part(body) + part[len(body) :] if _is_place(body) else part


def _is_place(part: str) -> bool:
    """A path outside of the rootdir, and not the rest of a URL."""
    return leaves_root(part) and not re.match(r"//\w", part)


def _below(text: str, root: str) -> str:
    """What is below the rootdir is relative to it, and the rootdir itself is a dot."""
    root = root.rstrip("/\\")
    if len(root) < 2 or root not in text:
        return text
    return _below_pattern(root).sub(lambda found: "" if found[1] else ".", text)


@lru_cache(maxsize=64)
def _below_pattern(root: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w./\\-]){re.escape(root)}(?:([\\/]+(?=[^\s\\/'\"]))|[\\/]*(?![\w.-]))")


def _shortened_known(text: str, place: str) -> str:
    place = place.rstrip("/\\")
    if len(place) < 2 or place not in text:
        return text
    return _known_pattern(place).sub(lambda found: last_part(found[1] or place), text)


@lru_cache(maxsize=64)
def _known_pattern(place: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w./\\-]){re.escape(place)}(?![\w.-])((?:[\\/]+{_PART})*)")

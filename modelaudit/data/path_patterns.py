"""Searches names with a regular expression that somebody wrote, in a process of its own that can be ended.

Python's :mod:`re` cannot be stopped: ``(a+)+$`` takes longer than anybody waits for a name of forty letters. (The
package ``regex`` knows a time limit for a search, but none for reading an expression: ``((a{1000}){1000}){1000}`` takes
all memory.)
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Sequence

from ..language.errors import DataError

#: for all names of a data set together, and more for each of many
SECONDS = 20.0
_SECONDS_A_NAME = 0.001
_SEARCH = """
import json, re, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
except (ImportError, ValueError, OSError):
    pass
text, names = json.load(sys.stdin.buffer)
pattern = re.compile(text)
for name in names:
    found = pattern.search(name)
    parts = () if found is None else found.groups() or (found[0],)
    print(json.dumps(next((part for part in parts if part is not None), None)), flush=True)
"""


def check_pattern(pattern: str, named: str) -> None:
    """Refuses what is not a regular expression of Python.

    Raises:
        DataError: says why.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise DataError(
            f"{named}: not a valid pattern: {error} (an option ends at '&'; write it as \\x26 in a pattern)"
        ) from error


def first_groups(pattern: str, names: Sequence[str], named: str) -> list[str | None]:
    """Of each name what the first capture group that takes part has found, or the whole match; None where nothing is.

    Args:
        named: the option, for messages.

    Raises:
        DataError: the search took longer than twenty seconds, or more memory than a gigabyte; with the name.
    """
    given = json.dumps([pattern, names]).encode()
    limit = SECONDS + _SECONDS_A_NAME * len(names)
    command = [sys.executable, "-I", "-S", "-c", _SEARCH]
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=limit, check=False)
        output, problem = done.stdout, "" if done.returncode == 0 else "could not be searched for"
    except subprocess.TimeoutExpired as error:
        output, problem = error.stdout or b"", f"was still being searched for after {limit:.0f} s"
    except OSError as error:
        raise DataError(f"{named}: cannot be searched for: {sys.executable} does not start ({error})") from error
    lines = output.splitlines()
    if problem:
        at = names[min(len(lines), len(names) - 1)] if names else ""
        raise DataError(
            f"{named}: the pattern {problem} in {at!r}; repetitions inside of repetitions, as in (a+)+, take time that "
            "doubles with every letter: write it without, e.g. a+"
        )
    return [json.loads(line) for line in lines]

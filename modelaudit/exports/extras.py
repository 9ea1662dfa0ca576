"""Libraries that not everybody needs: imported when they are used, and an error that says how to install them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..language.errors import ResultsError, first_line


@contextmanager
def needs(extra: str, package: str) -> Iterator[None]:
    """Around the imports of an extra.

    Raises:
        ResultsError: it cannot be imported; with the command that installs it.
    """
    try:
        yield
    except ImportError as error:
        raise ResultsError(
            f"this export needs {package}: pip install 'pytest-modelaudit[{extra}]' ({first_line(error)})"
        ) from error

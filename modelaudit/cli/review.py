"""``modelaudit review``: the page on which people review the pictures of a run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..evidence.results_folder import resolve_run
from .command_help import Example, add_command
from .terminal import add_language, at_least, say

PAGE = "review.html"


def add(commands: Any) -> None:
    """Add the command to those of ``modelaudit``."""
    review = add_command(
        commands,
        "review",
        "write the page on which people review the pictures of a run",
        Example("the latest run", "modelaudit review audit-results/latest -o review.html"),
        Example("in another order, opening in Japanese", "modelaudit review RUN -o review.html --seed 2 --language ja"),
        description="Writes one HTML file for reviewers, which works without network and without Python. It shows "
        "images, changed images and heat maps, and neither verdicts nor values nor answers of the model. Reviewers "
        "save review.json there; modelaudit review add takes it.",
    )
    review.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a run, or its run.json")
    review.add_argument(
        "-o", dest="output", type=Path, default=Path(PAGE), metavar="FILE", help=f"the page (default: {PAGE})"
    )
    review.add_argument(
        "--seed", type=at_least(0, "--seed"), default=0, metavar="N", help="of the order of the pictures (default: 0)"
    )
    add_language(review, "the terminal, and that in which the page opens")
    review.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    from ..evidence.consistency import read_record_with_pictures
    from ..language.whole_file import write_whole
    from ..report.review_page import pictures_to_review, render_review
    from .words import command_words

    folder = resolve_run(given.run_folder)
    record = read_record_with_pictures(folder)
    page = render_review(record, folder, language=given.language, seed=given.seed)
    words = command_words(given.language)
    say(str(write_whole(given.output, page)))
    say(words.ngettext("review_pictures", len(pictures_to_review(record))))
    say(words._("review_next_step", run=given.run_folder))
    return 0

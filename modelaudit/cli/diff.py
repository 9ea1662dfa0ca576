"""``modelaudit diff``: is a new run no worse than an old one, where did it change, and which images show it?"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import ResultsError
from .command_help import Example, add_command
from .terminal import add_language, between, say

if TYPE_CHECKING:
    from ..releases.comparison_record import ComparisonRecord, RequirementComparison

_NOTES = """OLD and NEW are results folders, folders of runs, their run.json, packs (.zip),
or baselines by name or file. Nothing is measured again: the change of every
requirement follows from the values that the two records hold, image by image
where an image is in both, by what it shows and not by its name.

better, worse: a difference is shown. equivalent: the change is smaller than
the margin, up or down. cannot tell: too few images for either. not comparable:
the two runs do not measure the same, or one of them did not measure it."""
_STATUS = (
    "0 compared; 1 by --fail-on: worse, not comparable, or more images of OLD that NEW lacks than --unpaired allows; "
    "with not-equivalent also unless a requirement is shown to be worse by at most the margin; 2 a wrong call"
)
#: characters of a name in the name of a folder
_UNUSUAL = re.compile(r"[^\w.-]+")


def add(commands: Any) -> None:
    """Add the command to those of ``modelaudit``."""
    diff = add_command(
        commands,
        "diff",
        "compare two runs: better, worse or equivalent, and on which images",
        Example("the latest run against a stored baseline", "modelaudit diff v1 audit-results/latest"),
        Example(
            "in CI: fail unless no requirement can be more than one point worse",
            "modelaudit diff v1 audit-results/latest --margin 0.01 --fail-on not-equivalent",
        ),
        Example("as data", "modelaudit diff v1 audit-results/latest --json -"),
        notes=_NOTES,
        status=_STATUS,
    )
    diff.add_argument("old", metavar="OLD", help="run, pack or baseline of before")
    diff.add_argument("new", metavar="NEW", help="run, pack or baseline of now")
    diff.add_argument(
        "--margin",
        type=float,
        default=0.02,
        metavar="M",
        help="change that does not matter, in the unit of each requirement (default 0.02: two points of a share)",
    )
    diff.add_argument("--confidence", type=float, default=0.95, metavar="C", help="of every outcome (default 0.95)")
    diff.add_argument(
        "--fail-on",
        choices=("worse", "not-equivalent"),
        metavar="WHAT",
        help="exit with 1 where a requirement is worse, or where it is not-equivalent",
    )
    diff.add_argument(
        "--unpaired",
        type=between(0, 1, "a share"),
        default=0.0,
        metavar="SHARE",
        help="with --fail-on: share of the images of OLD that NEW may lack, or hold changed (default 0)",
    )
    diff.add_argument("--json", metavar="FILE", help="write the comparison as data; - for standard output alone")
    diff.add_argument(
        "-o",
        dest="output",
        type=Path,
        metavar="DIR",
        help="folder for the page, its pictures and diff.json (default: audit-results/diff-OLD-NEW)",
    )
    diff.add_argument("--no-pictures", action="store_true", help="do not draw images that the runs do not show")
    diff.add_argument("--allow-code", action="store_true", help="draw also with models that are Python code")
    add_language(diff, "the terminal, and that in which the page opens")
    diff.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    from ..language.whole_file import write_whole
    from ..releases.comparison import compare
    from ..releases.comparison_record import COMPARISON_NAME
    from ..report.comparison import write_comparison_page
    from .compared_runs import opened_run
    from .diff_pictures import draw_pictures, drawing_progress
    from .diff_text import comparison_lines, lacking_lines
    from .words import command_words

    words = command_words(given.language)
    with opened_run(given.old) as old, opened_run(given.new) as new:
        found = compare(
            old.record,
            new.record,
            margin=given.margin,
            confidence=given.confidence,
            old_name=old.name,
            new_name=new.name,
        )
        names = (_UNUSUAL.sub("-", one.short_name) for one in (old, new))
        folder = given.output or Path("audit-results") / "-".join(("diff", *names))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultsError(f"{folder}: cannot be made ({error.strerror}); give another folder with -o") from error
        found = draw_pictures(
            found,
            old.record,
            new.record,
            folder,
            pictures_old=old.folder,
            pictures_new=new.folder,
            redraw=not given.no_pictures,
            allow_code=given.allow_code,
            progress=drawing_progress(words),
        )
    text = found.model_dump_json(indent=1) + "\n"
    write_whole(folder / COMPARISON_NAME, text)
    page, _ = write_comparison_page(found, folder, language=given.language)
    if given.json == "-":
        print(text, end="")
    else:
        if given.json is not None:
            write_whole(Path(given.json), text)
        say(*comparison_lines(found, page, words))
        if given.fail_on is not None and lacks_images(found, given.unpaired):
            say(*lacking_lines(found, words))
    return exit_status(found, given.fail_on, given.unpaired)


def exit_status(found: ComparisonRecord, fail_on: str | None, unpaired: float = 0.0) -> int:
    """1 where `fail_on` says so, else 0; what cannot be compared fails under both of its values.

    So do images of the old run that the new one lacks or holds changed, beyond the share that `unpaired` allows:
    whoever leaves out the images on which a model fails would otherwise pass.
    """
    if fail_on is None:
        return 0
    counted = [one for one in found.requirements if one.counts]
    fails = not counted or any(_fails(one, fail_on) for one in counted)
    return int(fails or lacks_images(found, unpaired))


def lacks_images(found: ComparisonRecord, unpaired: float) -> bool:
    """Whether on some data set more than that share of the old images have no partner in the new run."""
    return any(len(one.without_partner) > unpaired * one.of_old + 1e-9 for one in found.images)


def _fails(one: RequirementComparison, fail_on: str) -> bool:
    if one.outcome_in_all in ("worse", "not_comparable"):
        return True
    return fail_on == "not-equivalent" and one.outcome == "cannot_tell" and "no_worse" not in one.notes

"""``modelaudit contexts``: lists the contexts, and shows them on the user's own images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .command_help import Example, add_command
from .terminal import add_language, at_least, reference_of

if TYPE_CHECKING:
    from ..report.words import Words


def add(commands: Any) -> None:
    """Adds the command and its steps."""
    names = Example("all that there are", "modelaudit contexts list")
    sheet = Example(
        "two of them on your images, as contexts.html",
        "modelaudit contexts show --data data/line_a \\\n"
        '    --context "swap_background(other_class) | lighting(2)" --context "fog(3)"',
    )
    contexts = add_command(commands, "contexts", "what is done to the surroundings of an object", names, sheet)
    steps = contexts.add_subparsers(required=True, metavar="STEP")
    listed = add_command(steps, "list", "names, families, needs, and how they are written", names)
    add_language(listed, "the table")
    listed.set_defaults(run=_list)
    show = add_command(steps, "show", "a contact sheet of contexts on your images, before any model is run", sheet)
    show.add_argument("--data", required=True, metavar="REFERENCE", help="folder:DIR, coco:FILE, ... or a bare DIR")
    show.add_argument(
        "--context",
        action="append",
        metavar="TEXT",
        help="as in an audit, e.g. 'swap_background(other_class) | lighting(2)'; may be said several times (default: "
        "every context)",
    )
    show.add_argument("--images", type=at_least(1, "images"), default=4, metavar="N", help="how many (default 4)")
    show.add_argument(
        "--out", type=Path, default=Path("contexts.html"), metavar="FILE", help="the page (default contexts.html)"
    )
    show.add_argument(
        "--size", type=at_least(8, "pixels"), default=224, metavar="PIXELS", help="side of the frame (default 224)"
    )
    show.add_argument("--seed", type=at_least(0, "the seed"), default=0, help="of the audit (default 0)")
    add_language(show, "the terminal and the page")
    show.set_defaults(run=_show)


def _list(given: argparse.Namespace) -> int:
    from ..contexts import donor_rule, needs_mask
    from ..language import registry
    from ..language.spec import as_context
    from .terminal import say, table
    from .words import command_words

    words = command_words(given.language)
    rows = []
    for name in registry.names("context"):
        declares = registry.find("context", name).declares
        contexts = [as_context(text) for text in declares.examples]
        masks = {needs_mask(one) for one in contexts}
        needs = [words._("contexts_mask" if masks == {True} else "contexts_mask_for_region")] if True in masks else []
        needs += [words._("contexts_donors")] if any(donor_rule(one) is not None for one in contexts) else []
        family = words.named("family", declares.family)
        example = declares.examples[0] if contexts else f"{name}(...)"
        rows.append((name, family, words._("comma").join(needs) or "-", example))
    heading = tuple(words._(f"contexts_{column}") for column in ("name", "family", "needs", "example"))
    say(*table(heading, rows, numbers=False, indent=0))
    return 0


def _show(given: argparse.Namespace) -> int:
    from ..data import open_data
    from ..language.progress import counting
    from ..language.whole_file import write_whole
    from ..preview.contact_sheet import showcase, texts_of
    from ..report.error_texts import detail_text
    from ..report.sheets import context_sheet, render_sheet
    from .terminal import say, table, wrapped
    from .words import command_words

    words = command_words(given.language)
    reference = reference_of(given.data)
    data = open_data(reference, root=Path.cwd())
    texts = tuple(given.context) if given.context else texts_of(data)
    with counting(words._("contexts_drawing"), len(texts), unit="context") as step:
        originals, rows = showcase(
            data, texts, images=given.images, size=given.size, seed=given.seed, root=Path.cwd(), progress=step
        )
    labels = {sample.id: str(sample.label) for sample in data.samples}
    sheet = context_sheet(reference, originals, rows, labels, size=given.size, seed=given.seed, words=words)
    write_whole(given.out, render_sheet(sheet, language=given.language))
    heading = (words._("column_image"), words._("column_label"))
    say(*table(heading, [(cell.sample, labels[cell.sample]) for cell in originals], numbers=False, indent=0))
    for row in rows:
        if trouble := detail_text(row.message, words) or _absences(row, words):
            say(*wrapped(words._("contexts_trouble", context=row.text, trouble=trouble), indent=2, first=""))
    say(str(given.out), file=sys.stderr)
    return 0


def _absences(row: Any, words: Words) -> str:
    """Counts the images on which a context cannot be shown, with the reasons."""
    found = {
        "contexts_without_mask": sum(cell.absence == "needs_mask" for cell in row.cells),
        "contexts_impossible": sum(cell.absence == "impossible" for cell in row.cells),
        "contexts_unchanged": sum(cell.unchanged for cell in row.cells),
    }
    return words._("comma").join(
        words._(key, n=words.count(count), all=words.count(len(row.cells))) for key, count in found.items() if count
    )

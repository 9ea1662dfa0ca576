"""``modelaudit data check``: checks a data set before any model is run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import DataError
from ..language.json_file import read_json
from .command_help import Example, add_command
from .data_against import Against, add_against
from .terminal import add_language, at_least, reference_of, say

if TYPE_CHECKING:
    from ..data.base import Pixels
    from ..language.findings import DataFacts, LabelMatches
    from ..language.sample import DataSet, Sample
    from ..models import LoadedModel
    from ..preview.model_surroundings import SurroundingsOfModel

_NOTES = """options of a folder, after its path (quote the reference; & joins several):
  where masks are    ?masks=DIR|beside|alpha|none, ?mask_suffix=_mask,
                     ?mask_prefix=mask_
  what values mean   ?mask_threshold=128, ?mask_object=any|1,2|#fa3253,
                     ?mask_background=0, ?mask_ignore=3, ?mask_255=object|ignore
  what is left out   ?ignore=PATTERN,PATTERN

problems: images or masks that cannot be read; masks of another size than their
image; annotations that contradict themselves or their image; images without a
mask where others have one; masks without an object or without a background; an
object in a mask of a label that is declared to have none; objects of which less
than half is left by the crop; labels that match no class; the same picture
twice; nearly the same picture in different classes; images, changed copies and
lots of the training data; agreed conditions that are not covered. Everything
else is a remark."""
_EXAMPLES = (
    Example("a folder with one folder a class, as an audit would read it", "modelaudit data check data/line_a"),
    Example(
        "what a crop cuts off, and a page to look at",
        "modelaudit data check data/line_a --preprocessing 256,224 --html check.html",
    ),
    Example(
        "what leaked from the training data, and which agreed conditions lack photos",
        "modelaudit data check data/test --training data/train --agreement audits/agreement.yaml",
    ),
)


def add(commands: Any) -> None:
    """Adds the command and its steps."""
    data = add_command(commands, "data", "look at data before an audit", _EXAMPLES[0])
    steps = data.add_subparsers(required=True, metavar="STEP")
    check = add_command(
        steps,
        "check",
        "what an audit would read: counts, sizes, masks, duplicates, what is broken",
        *_EXAMPLES,
        notes=_NOTES,
        status="0 no problems (there may be remarks), 1 problems, 2 a wrong call",
    )
    check.add_argument("reference", metavar="REFERENCE", help="folder:DIR, coco:FILE, ... or a bare DIR (a folder:)")
    check.add_argument(
        "--model",
        metavar="REF",
        help="show which of its classes the labels match, what its crop cuts off, and what its features of the "
        "surroundings say of the class",
    )
    check.add_argument("--classes", type=Path, metavar="FILE", help="class names by index: one a line, or a JSON list")
    check.add_argument(
        "--without-object",
        metavar="LABELS",
        help="labels whose images have nothing to mask, as Audit(without_object=[...]) declares them: good or good,ok",
    )
    check.add_argument("--labels", metavar="FILE", help="label map of the audit: JSON or CSV (label, class)")
    check.add_argument(
        "--preprocessing", metavar="RESIZE,CROP", help="show what a crop cuts off the objects, e.g. 256,224"
    )
    check.add_argument(
        "--near",
        type=at_least(0, "bits"),
        metavar="BITS",
        help="pictures are alike where at most so many of the 255 bits of their hashes differ (default 32)",
    )
    check.add_argument("--html", type=Path, metavar="FILE", help="write a contact sheet, problems first")
    check.add_argument("--json", type=Path, metavar="FILE", help="write everything that was found as data")
    check.add_argument(
        "--pictures",
        type=at_least(0, "pictures"),
        default=200,
        metavar="N",
        help="most pictures in --html (default 200)",
    )
    add_against(check)
    add_language(check, "the terminal and of --html")
    check.set_defaults(run=_check)


def _check(given: argparse.Namespace) -> int:
    from ..data import declare_without_object, open_data
    from ..data.checking import check
    from ..data.leakage import MiniaturesSeen
    from ..data.signature import NEAR
    from ..language.progress import counting
    from ..preview.associations import SurroundingsSeen, associations, tied
    from .data_text import report_lines
    from .words import command_words

    reference = reference_of(given.reference)
    declared = [label.strip() for label in (given.without_object or "").split(",") if label.strip()]
    data = declare_without_object(open_data(reference, root=Path.cwd(), contradicting=True), declared)
    classes, model = _classes(given, data)
    preprocessing = None if model is None else model.preprocessing
    if given.preprocessing is not None:
        from ..starter.preparing import preprocessing_of

        preprocessing = preprocessing_of(given.preprocessing)
    near = NEAR if given.near is None else given.near
    against, small = Against.of(given), MiniaturesSeen()
    words = command_words(given.language)
    surroundings, of_model = SurroundingsSeen(data), _of_model(data, model)

    def look(sample: Sample, image: Pixels, mask: Pixels | None) -> None:
        surroundings(sample, image, mask)
        if of_model is not None:
            of_model(sample, image, mask)
        if against.training is not None:
            small(sample, image, mask)

    with counting(words._("check_looking"), len(data.samples)) as step:
        facts = check(
            data,
            reference,
            preprocessing=preprocessing,
            near=near,
            classes=classes,
            progress=step,
            seen=look,
        )
    view = None if of_model is None or model is None else of_model.view(model)
    found = associations(data, facts, surroundings.places, view=view)
    facts = replace(facts, associations=found).with_findings(tied(found, facts))
    facts = against.found(data, facts, small, words)
    say(*report_lines(facts, words))
    if given.json is not None:
        _write_json(given.json, facts)
    if given.html is not None:
        _write_html(given, data, against.training, facts)
    return 1 if facts.problems else 0


def _of_model(data: DataSet, model: LoadedModel | None) -> SurroundingsOfModel | None:
    if model is None:
        return None
    from ..preview.model_surroundings import SurroundingsOfModel

    return SurroundingsOfModel(data)


def _classes(given: argparse.Namespace, data: DataSet) -> tuple[LabelMatches | None, LoadedModel | None]:
    """Which labels match classes, and the model, where one was named."""
    from ..data.check_findings import match_labels
    from ..data.labels import labels_of

    if given.model is not None and given.classes is not None:
        raise DataError("--model and --classes both name classes; give one of them")
    mapping = labels_of(given.labels, Path.cwd())
    if given.classes is not None:
        names = read_classes(given.classes)
        return match_labels(data, source=str(given.classes), classes=names, outputs=len(names), given=mapping), None
    if given.model is None:
        if mapping is not None:
            raise DataError("--labels maps labels to classes; name them by --model REF or --classes FILE")
        return None, None
    from ..models import open_model

    # named on the command line by the person who runs it, as a Python audit would
    model = open_model(given.model, root=Path.cwd(), allow_code=True)
    met = match_labels(data, source=given.model, classes=model.classes, outputs=model.outputs, given=mapping)
    return met, model


def read_classes(path: Path) -> Sequence[str]:
    """Class names by index from a text file (one a line) or a JSON list.

    Raises:
        DataError: it cannot be read, or has no names.
    """
    from ..data.files import text_of

    names = read_json(path, DataError) if path.suffix.lower() == ".json" else text_of(path).splitlines()
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names) or not names:
        raise DataError(f"{path} must hold class names: one a line (no empty ones), or a JSON list of texts")
    return [name.strip() for name in names]


def _write_json(path: Path, facts: DataFacts) -> None:
    from ..language.whole_file import write_whole
    from .data_text import document

    write_whole(path, json.dumps(document(facts), indent=1, ensure_ascii=False) + "\n")
    say(str(path), file=sys.stderr)


def _write_html(given: argparse.Namespace, data: DataSet, training: DataSet | None, facts: DataFacts) -> None:
    from ..language.progress import counting
    from ..language.whole_file import write_whole
    from ..preview.thumbnails import thumbnails
    from ..report.data_sheet import choose_findings, data_sheet
    from ..report.sheets import render_sheet
    from .words import command_words

    words = command_words(given.language)
    choice = choose_findings(facts, given.pictures)
    wanted = [sample for sample in data.samples if sample.id in choice.ids]
    wanted_there = [] if training is None else [one for one in training.samples if one.id in choice.training_ids]
    with counting(words._("check_drawing"), len(wanted) + len(wanted_there)) as step:
        pictures, beside = thumbnails(wanted, step), thumbnails(wanted_there, step)
    sheet = data_sheet(facts, choice, pictures, words, beside)
    write_whole(given.html, render_sheet(sheet, language=given.language))
    say(str(given.html), file=sys.stderr)

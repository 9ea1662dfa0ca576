"""``modelaudit masks``: makes masks where there are none, and marks them as made by a machine."""

from __future__ import annotations

import argparse
import csv
import datetime
import io
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..language.errors import DataError
from ..language.reference import parse_reference
from .command_help import Example, add_command
from .terminal import add_language, at_least, reference_of

if TYPE_CHECKING:
    from ..language.findings import MaskMade
    from ..language.sample import DataSet
    from ..report.words import Words

TABLE, PAGE = "modelaudit-masks.csv", "modelaudit-masks.html"
_NOTES = """makers:
  grabcut                 from boxes, by OpenCV:
                          pip install 'pytest-modelaudit[masks]'
  torchvision:deeplabv3_resnet101?checkpoint=FILE
                          a segmentation model; @TAG instead of ?checkpoint=
                          fetches weights; &object=label|any|dog,cat says which
                          classes are the object (label: the class with the
                          label's name, else everything that is not background)
  path/file.py:function   your own: function(image, box, label) -> mask, with
                          image uint8 [height, width, 3], box (left, top, right,
                          bottom) or None, and the mask bool or 0, 1, 255
                          (ignore) [height, width]"""


def add(commands: Any) -> None:
    """Adds the command."""
    masks = add_command(
        commands,
        "masks",
        "make masks where there are none",
        Example("from the boxes of a COCO file", "modelaudit masks coco:labels.json --into masks --by grabcut"),
        Example(
            "by a segmentation model; everything that it finds is the object",
            "modelaudit masks data/line_a --into masks \\\n"
            '    --by "torchvision:deeplabv3_resnet101@COCO_WITH_VOC_LABELS_V1?object=any"',
        ),
        description="Makes a mask for every image that has none, or only a box. Masks that people made stay.",
        notes=_NOTES,
        status="0 a mask for every image, 1 some could not be made, are empty or fill the image, 2 a wrong call",
    )
    masks.add_argument("reference", metavar="REFERENCE", help="folder:DIR, coco:FILE, ... or a bare DIR (a folder:)")
    masks.add_argument("--into", type=Path, required=True, metavar="DIR", help="folder of the masks; made if missing")
    masks.add_argument("--by", required=True, metavar="MAKER", help="who makes them (below)")
    masks.add_argument("--overwrite", action="store_true", help="make masks anew that a machine made")
    masks.add_argument(
        "--overwrite-edited", action="store_true", help="also those in DIR that a person drew or has edited since"
    )
    masks.add_argument("--device", metavar="DEVICE", help="of a segmentation model (default: cuda where there is one)")
    masks.add_argument(
        "--pictures",
        type=at_least(0, "pictures"),
        default=200,
        metavar="N",
        help="most on the page (default 200)",
    )
    add_language(masks, "the terminal and the page")
    masks.set_defaults(run=_masks)


def _masks(given: argparse.Namespace) -> int:
    from ..data import open_data
    from ..data.mask_making import Policy, make_masks
    from ..language.progress import counting
    from ..language.whole_file import write_whole
    from ..preview.mask_makers import maker_of
    from .terminal import say
    from .words import command_words

    words = command_words(given.language)
    reference = reference_of(given.reference)
    data = open_data(reference, root=Path.cwd())
    _check_place(reference, data, given.into)
    policy = Policy(machine=given.overwrite or given.overwrite_edited, edited=given.overwrite_edited)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    made: list[MaskMade] = []
    with maker_of(given.by, root=Path.cwd(), device=given.device) as maker:
        with counting(words._("masks_making"), len(data.samples)) as step:
            for one in make_masks(
                data, maker, given.into, policy=policy, stamp={"date": now, "modelaudit": __version__}
            ):
                made.append(one)
                step()
        by = f"{maker.by} ({maker.version})"
    write_whole(given.into / TABLE, table_of(data, made))
    _write_page(given, reference, by, data, made)
    say(*report_lines(reference, by, data, made, words))
    say("", *_way_back(reference, given.into, any(one.outcome != "failed" for one in made), words))
    say(str(given.into / TABLE), str(given.into / PAGE), file=sys.stderr)
    bad = any(one.outcome == "failed" or {"empty", "full"} & set(one.remarks) for one in made)
    return 1 if bad else 0


def _check_place(reference: str, data: DataSet, into: Path) -> None:
    """Refuses a folder of masks among the images, where they would be read as images the next time.

    Raises:
        DataError: they would be there.
    """
    parsed = parse_reference(reference)
    named = parsed.options.get("masks")
    if parsed.scheme != "folder" or (
        named and into.resolve() in [(Path(parsed.body) / named).resolve(), Path(named).resolve()]
    ):
        return
    for sample in data.samples:
        if isinstance(sample.image, Path) and str(sample.image).endswith(sample.id):
            start = Path(str(sample.image)[: -len(sample.id)])
            if into.resolve().is_relative_to(start.resolve()):
                raise DataError(
                    f"--into {into} is among the images in {start}, and its masks would be read as images; choose a "
                    "folder beside it"
                )
            return


def table_of(data: DataSet, made: Sequence[MaskMade]) -> str:
    """One row an image as CSV; ``csv:`` reads it as data, with ``?images=`` for the folder of the images."""
    groups = {sample.id: sample.group or "" for sample in data.samples}
    grouped = ("group",) if any(groups.values()) else ()
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("image", "label", "mask", *grouped, "outcome", "object", "pieces", "remarks", "message"))
    for one in made:
        share = "" if one.mask is None or one.mask.share is None else f"{one.mask.share:.6f}"
        pieces = "" if one.mask is None else one.mask.pieces
        group = (groups[one.id],) if grouped else ()
        told = (one.outcome, share, pieces, " ".join(one.remarks), one.message)
        writer.writerow((one.id, one.label, one.file, *group, *told))
    return buffer.getvalue()


def report_lines(reference: str, by: str, data: DataSet, made: Sequence[MaskMade], words: Words) -> Iterator[str]:
    """The summary for the terminal: what was done, and what to check."""
    from ..report.error_texts import detail_text
    from ..report.sheets import REMARKS
    from .terminal import table, wrapped

    count = Counter(one.outcome for one in made)
    yield from wrapped(words._("masks_head", reference=reference, by=by), indent=2, first="")
    kept = words._("masks_kept_anew") if count["kept"] else words._("masks_kept")
    yield f"  {len(data.samples) - len(made):>6}  {words._('masks_of_people')}"
    yield f"  {count['kept']:>6}  {kept}"
    yield f"  {count['made']:>6}  {words._('masks_made')}"
    yield f"  {count['failed']:>6}  {words._('masks_not_made')}"
    rows = [(words.named("remark", name), [one for one in made if name in one.remarks]) for name in REMARKS]
    if any(found for _, found in rows):
        yield ""
        yield from table(
            (words._("masks_look_at"), words._("column_masks"), words._("masks_first")),
            [(name, str(len(found)), found[0].id) for name, found in rows if found],
            numbers=False,
        )
    failed = [one for one in made if one.outcome == "failed"]
    if failed:
        yield ""
        for one in failed[:5]:
            yield from wrapped(
                words._("masks_failure", name=one.id, why=detail_text(one.message, words)), indent=4, first="  "
            )
        if len(failed) > 5:
            yield f"  {words._('masks_more', n=words.count(len(failed) - 5), table=TABLE)}"


def _way_back(reference: str, into: Path, masks: bool, words: Words) -> Iterator[str]:
    """How to read the masks in an audit; where there are none in the folder, that it holds none."""
    from .terminal import wrapped

    if not masks:
        yield words._("masks_none", folder=into)
        return
    parsed = parse_reference(reference)
    if parsed.scheme == "folder":
        options = {**parsed.options, "masks": str(into)}
        query = "&".join(f"{key}={value}" for key, value in options.items())
        yield from wrapped(words._("masks_read", reference=f"folder:{parsed.body}?{query}"), indent=2, first="")
    else:
        text = words._("masks_read_table", reference=f"csv:{into / TABLE}?images=DIR")
        yield from wrapped(text, indent=2, first="")


def _write_page(given: argparse.Namespace, reference: str, by: str, data: DataSet, made: Sequence[MaskMade]) -> None:
    from dataclasses import replace

    from ..language.whole_file import write_whole
    from ..preview.thumbnails import thumbnails
    from ..report.sheets import choose_masks, mask_sheet, render_sheet
    from ..report.words import words_of

    choice = choose_masks(made, given.pictures)
    files = {one.id: given.into / one.file for one in made}
    wanted = [
        replace(sample, mask=files[sample.id], mask_kind="machine")
        for sample in data.samples
        if sample.id in choice.ids
    ]
    sheet = mask_sheet(reference, by, made, choice, thumbnails(wanted), words_of(given.language))
    write_whole(given.into / PAGE, render_sheet(sheet, language=given.language))

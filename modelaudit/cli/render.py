"""``modelaudit render``: writes the pictures that an audit shows to its model, for a model that runs elsewhere."""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import AuditFileError, nearest
from .command_help import Example, add_command
from .terminal import add_language, at_least, configured, say, wrapped

if TYPE_CHECKING:
    from ..language.audit import AuditCase
    from ..preview.rendered_folder import RenderedFacts, RenderedFolder
    from ..preview.rendering import Rendering, RenderSet
    from ..report.words import Words

#: the name of a picture that there is none of
_EXAMPLE = "0123456789abcdef01234567"
#: the exit status of a program that Ctrl-C ended
_INTERRUPTED = 130
_NOTES = """FOLDER/pictures goes to whoever runs the box, with the README.txt in it: opaque
names, no label, no order. FOLDER/manifest.jsonl says what each picture is, and
stays here. The answers become FOLDER/answers.csv (or .jsonl, .parquet), and the
audit reads them: Audit(model="predictions:FOLDER/answers.csv", ...).

The audit may name these answers before they are there; then the geometry is
what Audit(preprocessing=...) says. A model that can be run is opened for its
own. Called again, it writes what is missing or damaged. Several data sets or
geometries get a folder each, below FOLDER."""


def add(commands: Any) -> None:
    """Adds the command."""
    render = add_command(
        commands,
        "render",
        "write the pictures that an audit asks of a model that runs elsewhere",
        Example("everything that the audits of a file ask", "modelaudit render audits/audit_line.py -o box"),
        Example(
            "one of them, exactly as the model gets it",
            "modelaudit render audits/audit_line.py survives -o box --format npy",
        ),
        notes=_NOTES,
        status="0 written, 1 written but for what cannot be shown, 2 a wrong call or an error that says what to do, "
        "130 stopped by Ctrl-C",
    )
    render.add_argument("audit", metavar="AUDIT", type=Path, help="audit file (*.audit.yaml or Python, which is run)")
    render.add_argument("names", metavar="NAME", nargs="*", help="of expectations in it (default: all)")
    render.add_argument("-o", dest="output", type=Path, metavar="FOLDER", required=True, help="where they go")
    render.add_argument(
        "--format",
        choices=("png", "npy"),
        default="png",
        help="png: 8 bits, as cameras give (default); npy: float32 [3, H, W] in [0, 1], exact",
    )
    render.add_argument(
        "--checks",
        choices=("on", "off"),
        help="off leaves out what the checks of the audit show (default: audit_checks)",
    )
    render.add_argument("--limit", type=at_least(1, "images"), metavar="N", help="a quick look at N images, no checks")
    render.add_argument(
        "--seed", type=at_least(0, "the seed"), metavar="N", help="of audits that give none (default: audit_seed, or 0)"
    )
    render.add_argument("--prune", action="store_true", help="remove pictures of FOLDER that nothing asks for any more")
    render.add_argument("--yes", action="store_true", help="do not ask before writing")
    add_language(render, "the terminal")
    render.set_defaults(run=_render)


def _render(given: argparse.Namespace) -> int:
    from ..preview.rendered_folder import RenderedFolder, header_of
    from ..preview.rendering import Rendering, render_sets
    from ..starter.ci_files import rootdir_of
    from .words import command_words

    words = command_words(given.language)
    root = rootdir_of(given.audit.resolve().parent) or Path.cwd()
    cases = _chosen(given.audit, given.names)
    checks = (given.checks or configured("audit_checks")[0] or "on") == "on"
    seed = int(configured("audit_seed")[0] or 0) if given.seed is None else given.seed
    sets = render_sets(cases, root=root, seed=seed, checks=checks, limit=given.limit)
    if not sets:
        raise AuditFileError(f"{given.audit}: all of its models are runs that were measured before; nothing is shown")
    audit = f"{_named(given.audit, root)} ({', '.join(name for name, _ in cases)})"
    work = [
        (Rendering(one, root), RenderedFolder(folder, header_of(one, audit, given.format)))
        for one, folder in zip(sets, _folders(sets, given.output), strict=True)
    ]
    for rendering, folder in work:
        size = rendering.size()
        folder.begin(rendering.whole.at_most, size)
        say(*wrapped(_said_before(rendering.whole, folder, size, words), indent=2, first=""))
    if not given.yes and _can_ask() and input(words._("render_ask")).strip().lower() not in ("y", "yes"):
        say(words._("render_not_written"))
        return 0
    status = 0
    for rendering, folder in work:
        status = max(status, _write(rendering, folder, words, prune=given.prune))
        if status == _INTERRUPTED:
            break
    return status


def _write(rendering: Rendering, folder: RenderedFolder, words: Words, *, prune: bool) -> int:
    """Write one folder, and say what is in it; the exit status."""
    from ..language.progress import ProgressBar, ProgressTexts

    title = words._("render_title")
    texts = ProgressTexts("{title}", "{title}: {total}", "{title}: {done} / {total}", "{title}: {total} ({seconds} s)")
    bar = ProgressBar(lambda: sys.stderr, None if sys.stderr.isatty() else lambda: print(file=sys.stderr), texts)
    try:
        with bar.task(title, rendering.images) as advance:
            facts = folder.write(rendering.pictures(advance), lambda count: _readme(rendering, folder, count))
    except KeyboardInterrupt:
        say("", *wrapped(words._("render_interrupted", folder=folder.folder), indent=2, first=""), file=sys.stderr)
        return _INTERRUPTED
    say(*_said_after(rendering, folder, facts, words, prune=prune))
    if prune:
        folder.prune()
    return 1 if rendering.failed or rendering.whole.searches else 0


def _chosen(audit: Path, names: Sequence[str]) -> list[tuple[str, AuditCase]]:
    """The cases of a file that were named, all of them where none was."""
    from .plan import cases_of_file

    cases = list(cases_of_file(audit))
    if not cases:
        raise AuditFileError(f"{audit}: has no expectation")
    known = [name for name, _ in cases]
    for name in names:
        if name not in known:
            raise AuditFileError(f"{audit}: no expectation is called {name!r}{nearest(name, known)}")
    return [(name, case) for name, case in cases if not names or name in names]


def _named(audit: Path, root: Path) -> str:
    """The audit file below the root, else its name: the manifest names no path of this machine."""
    path = audit.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _folders(sets: Sequence[RenderSet], output: Path) -> Iterator[Path]:
    """FOLDER itself for one set, else one below it for each, named by its data and geometry."""
    taken: set[str] = set()
    for one in sets:
        if len(sets) == 1:
            yield output
            return
        geometry = one.preprocessing
        parts = [
            one.data_text.partition(":")[2] or one.data_text,
            *map(str, filter(None, (geometry.resize, geometry.crop))),
        ]
        name = base = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(parts)).strip("-").lower() or "data"
        number = 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name)
        yield output / name


def _can_ask() -> bool:
    """Whether somebody sits at a terminal, and it is no CI."""
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return sys.stdin.isatty() and sys.stdout.isatty() and not in_ci


def _said_before(whole: RenderSet, folder: RenderedFolder, size: tuple[int, int], words: Words) -> str:
    from ..preview.rendered_folder import largest_bytes
    from .store import readable

    pictures = folder.header.pictures
    count = words.count(whole.at_most)
    most = readable(whole.at_most * largest_bytes(size, pictures), words)
    said = {
        "data": whole.data_text,
        "n": count if whole.exact else words._("render_at_most", n=count),
        "size": f"{size[1]} x {size[0]}",
        "format": pictures.upper(),
        "bytes": most if whole.exact and pictures == "npy" else words._("render_at_most", n=most),
        "folder": folder.folder,
    }
    return words._("render_before", **said)


def _said_after(
    rendering: Rendering, folder: RenderedFolder, facts: RenderedFacts, words: Words, *, prune: bool
) -> Iterator[str]:
    from ..preview.rendered_folder import listed
    from .store import readable

    counts = {"n": words.count(facts.pictures), "new": words.count(facts.written)}
    yield words._("render_wrote", folder=folder.folder, **counts, bytes=readable(facts.size, words))
    if rendering.unusable:
        said = {"n": words.count(len(rendering.unusable)), "names": listed(sorted(rendering.unusable))}
        yield from wrapped(words._("render_unusable", **said), indent=4, first="  ")
    for context, why in rendering.failed.items():
        yield from wrapped(words._("render_not_shown", context=context, why=why), indent=4, first="  ")
    for search in rendering.whole.searches:
        yield from wrapped(words._("render_search", measure=search), indent=4, first="  ")
    if facts.stale:
        key = "render_pruned" if prune else "render_stale"
        said = {"n": words.count(len(facts.stale)), "names": listed(facts.stale)}
        yield from wrapped(words._(key, **said), indent=4, first="  ")
    yield from wrapped(words._("render_hand_over", pictures=folder.folder / "pictures"), indent=4, first="  ")
    yield from wrapped(words._("render_keep", manifest=folder.folder / "manifest.jsonl"), indent=4, first="  ")
    answers = folder.folder / "answers.csv"
    yield from wrapped(
        words._("render_next", answers=f'Audit(model="predictions:{answers.as_posix()}", ...)'), indent=4, first="  "
    )


def _readme(rendering: Rendering, folder: RenderedFolder, count: int) -> str:
    """What the box's owner must know, in both languages."""
    from .words import command_words

    height, width = rendering.size()
    labels = list(rendering.whole.labels)
    shares = [f"{1 / len(labels):.2f}"] * len(labels)
    parts = []
    for language in ("en", "ja"):
        words = command_words(language)
        parts.append(
            words._(
                "render_readme",
                n=words.count(count),
                format=words.named("render_format", folder.header.pictures),
                size=f"{width} x {height}",
                labels=", ".join(labels),
                header=_row("picture", *labels),
                row=_row(_EXAMPLE, *shares),
                label_row=_row(_EXAMPLE, labels[0]),
                top_row=_row(_EXAMPLE, labels[0], "0.90", labels[-1], "0.07"),
            )
        )
    return ("\n" + "-" * 72 + "\n\n").join(f"{part.strip()}\n" for part in parts)


def _row(*cells: str) -> str:
    """A line of a CSV file."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()

"""From a run record to report.html and summary.md, by way of the templates."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from ..evidence.consistency import read_record_with_pictures
from ..evidence.record import RunRecord, record_digest
from ..evidence.record_texts import shown_record
from ..language.errors import ResultsError
from ..language.plain_text import plain_lines
from ..language.whole_file import write_whole
from .beyond import beyond_data
from .fitting import fitted
from .other_language import language_patch
from .page import page_of
from .pictures import Pictures, read_pictures
from .redacted_pictures import redacted_pictures
from .words import LANGUAGES, words_of

REPORT_NAME, SUMMARY_NAME = "report.html", "summary.md"
DEFAULT_BUDGET = 5_000_000
_PACKAGED = Path(__file__).parent / "templates"
_CHECKOUT = Path(__file__).parents[2] / "templates"
#: characters a line: a browser wraps lines, and a picture is one of any length
_LONGEST_LINE = 20_000
_PICTURE = re.compile(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]*")
_MARKDOWN = re.compile(r"([\\`*_\[\]#|~!])")


def render_html(
    record: RunRecord,
    folder: Path,
    *,
    language: str = "en",
    budget_bytes: int = DEFAULT_BUDGET,
    templates_dir: Path | None = None,
) -> str:
    """The report: one HTML file in English and Japanese that needs no other file.

    Args:
        folder: the folder of the pictures that the record names.
        language: the one that is shown first.
        budget_bytes: the size that the file must keep to: pictures get smaller, then fewer, and text stays.
        templates_dir: templates that are taken instead of the package's own, by file name.

    Raises:
        ResultsError: an unknown language, or a template that cannot be rendered.
    """
    words_of(language)
    digest, record = record_digest(record), shown_record(record)
    environment = templates(templates_dir, escape=True)
    by_file, missing = (redacted_pictures if record.redacted else read_pictures)(record, folder)

    def document(shown: Pictures) -> str:
        return _document(record, digest, shown, language, environment)

    return fitted(record, by_file, missing, budget_bytes, document)


def render_summary(record: RunRecord, *, language: str = "en", templates_dir: Path | None = None) -> str:
    """The verdicts as short Markdown, for the summary of a CI job."""
    words, record = words_of(language), shown_record(record)
    page = page_of(record, words, Pictures(frozenset(), {}, frozenset(), 0))
    environment = templates(templates_dir, escape=False)
    return filled(environment, "summary.md.j2", page=page, record=record, **spoken(language))


def write_reports(
    folder: Path,
    *,
    record: RunRecord | None = None,
    language: str = "en",
    budget_bytes: int = DEFAULT_BUDGET,
    templates_dir: Path | None = None,
) -> tuple[Path, Path]:
    """Write ``report.html`` and ``summary.md`` next to the ``run.json`` in `folder`, each whole or not at all.

    Args:
        record: what stands in ``run.json``, where it was checked before it was written; None reads and checks it.

    Raises:
        ResultsError: no run record there, one that contradicts itself, a template that cannot be rendered, or a folder
            that cannot be written to.
    """
    if record is None:
        record = read_record_with_pictures(folder)
    if folder.is_file():
        folder = folder.parent
    page = render_html(record, folder, language=language, budget_bytes=budget_bytes, templates_dir=templates_dir)
    summary = render_summary(record, language=language, templates_dir=templates_dir)
    return write_whole(folder / REPORT_NAME, page), write_whole(folder / SUMMARY_NAME, summary)


def visible(value: Any) -> Any:
    """Text with its hidden and reordering characters spelled out, as ``\\u202e``; anything else as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if len(value) > _LONGEST_LINE and _PICTURE.fullmatch(value):
        return value
    return plain_lines(value, _LONGEST_LINE)


def css_string(value: str) -> Markup:
    """A string token of CSS that holds `value` and can end neither the string nor the style element."""
    return Markup('"' + "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in visible(value)) + '"')


def markdown_text(value: str) -> str:
    """Text that Markdown takes for text: no markup, no HTML, no link, no new line."""
    flat = " ".join(html.escape(plain_lines(value), quote=False).split())
    return _MARKDOWN.sub(r"\\\1", flat).replace("://", "&#58;//").replace("www.", "www&#46;")


def markdown_code(value: str) -> str:
    """A code span that holds `value` whole, also in a table."""
    flat = " ".join(plain_lines(value).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    gap = " " if len(fence) > 1 else ""
    return f"{fence}{gap}{flat}{gap}{fence}".replace("|", "\\|")


def _document(record: RunRecord, digest: str, pictures: Pictures, language: str, environment: Environment) -> str:
    (other,) = (each for each in LANGUAGES if each != language)
    pages = {each: page_of(record, words_of(each), pictures, digest) for each in (language, other)}

    def rendered(name: str, each: str) -> Markup:
        return Markup(filled(environment, name, page=pages[each], record=record, **spoken(each)))

    first_pages = {each: rendered("first_page.html.j2", each) for each in pages}
    details, others = (rendered("details.html.j2", each) for each in pages)
    styles = Markup(filled(environment, "report.css", record=record, digest=digest))
    script = Markup(filled(environment, "report.js"))
    script_digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return filled(
        environment,
        "report.html.j2",
        record=record,
        first_pages=first_pages,
        details=details,
        beyond=beyond_data(record),
        patch=language_patch(details, others, other),
        titles={each: page.overall.label for each, page in pages.items()},
        language=language,
        styles=styles,
        script=script,
        script_digest=script_digest,
        pictures=pictures.embedded(record),
        lines=pictures.lines(record),
        **spoken(language),
    )


def spoken(language: str) -> dict[str, Any]:
    """What a template needs to speak a language."""
    words = words_of(language)
    return {"_": words._, "ngettext": words.ngettext, "words": words}


@lru_cache(maxsize=8)
def templates(templates_dir: Path | None, *, escape: bool) -> Environment:
    """The package's own templates, after those of `templates_dir`.

    Raises:
        ResultsError: the folder does not exist.
    """
    own = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    folders = [templates_dir, own] if templates_dir is not None else [own]
    for folder in folders:
        if not folder.is_dir():
            raise ResultsError(f"{folder}: this folder of templates does not exist; give one that exists")
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=escape,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(css_string=css_string, md=markdown_text, code=markdown_code)
    return environment


def filled(environment: Environment, name: str, **values: Any) -> str:
    """A template with its values.

    Raises:
        ResultsError: a template that cannot be rendered.
    """
    try:
        return environment.get_template(name).render(**values)
    except TemplateError as error:
        where = getattr(error, "name", None) or name
        way_out = "correct it, or leave it out to take the package's own"
        raise ResultsError(f"template {where}: {error}; {way_out}") from error

"""Write the pages of docs/reference from the declarations and docstrings of the code.

    python docs/build_reference.py           # write the pages
    python docs/build_reference.py --check   # exit with 1 where a page is not what the code says

Whoever adds a context, a method, a measure, an option or a command writes its docstring or help text, and runs this.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from reference_commands import commands_page, options_page
from reference_markdown import as_markdown, overview, prose, title

from modelaudit.language import Audit, CheckSettings, Preprocessing, Sample, parse_context, registry
from modelaudit.language.errors import AuditError
from modelaudit.language.reference import Reference
from modelaudit.language.spec import Spec, value_text
from modelaudit.language.wording import phrases

FOLDER = Path(__file__).parent / "reference"
WRITTEN = "<!-- written by docs/build_reference.py: do not edit -->"


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or say which of them are out of date."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a page is out of date")
    only_check = parser.parse_args(arguments).check
    stale = [name for name, text in pages().items() if _current(name) != text]
    if only_check:
        for name in stale:
            print(f"docs/reference/{name} is out of date: run python docs/build_reference.py", file=sys.stderr)
        return int(bool(stale))
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(pages()[name], encoding="utf-8")
        print(f"docs/reference/{name}")
    return 0


def _current(name: str) -> str:
    path = FOLDER / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def pages() -> dict[str, str]:
    """Every page by its file name."""
    makers: dict[str, Callable[[], Iterator[str]]] = {
        "contexts.md": contexts_page,
        "attribution.md": attribution_page,
        "measures.md": measures_page,
        "sources.md": sources_page,
        "audit.md": audit_page,
        "options.md": options_page,
        "commands.md": commands_page,
    }
    return {name: _page([WRITTEN, "", *maker()]) for name, maker in makers.items()}


def _page(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


# --- pages ----------------------------------------------------------------------------------------------------------


def contexts_page() -> Iterator[str]:
    """Every context: signature, family, needs, arguments, formula."""
    yield from title(
        "Reference: contexts",
        "What is done to the surroundings of the object. [Contexts](../contexts.md) explains the terms and the choices "
        "common to all of them. `each=[...]` in place of the first argument makes a "
        "[series of doses](../language.md#doses).",
    )
    yield from overview(("name", "family", "needs a mask", "what it does"), map(_context_row, _own("context")))
    for entry in _own("context"):
        first = _first_example(entry)
        facts = [entry.declares.family.replace("_", " ")]
        facts.append("needs a mask" if entry.declares.needs_mask(first) else "needs no mask")
        if entry.declares.donors(first) is not None:
            facts.append("takes the background of another image")
        if entry.declares.stored(first) is not None:
            facts.append("shows a stored picture")
        if entry.declares.examples:
            facts.append("for example " + ", ".join(f"`{text}`" for text in entry.declares.examples))
        facts += _words(entry, first)
        yield from _definition(entry, facts)


def attribution_page() -> Iterator[str]:
    """Every attribution method: signature, passes, needs, arguments, formula."""
    yield from title(
        "Reference: attribution methods",
        "How each pixel's share in the decision is computed. [Attribution](../attribution.md) explains how to choose, "
        "and [methods and architectures](../methods.md) shows where each is valid. Passes are those of one image with "
        "the default arguments, in addition to the pass that gives the logits; *shared* passes are run once for all "
        "methods that read them.",
    )
    header = ("name", "passes", "needs a layer", "needs gradients", "complete", "draws", "what it is")
    yield from overview(header, map(_method_row, _own("attribution")))
    for entry in _own("attribution"):
        yield from _definition(entry, _method_facts(entry) + _words(entry))


def measures_page() -> Iterator[str]:
    """Every measure and every composite: range, direction, needs, formula."""
    yield from title(
        "Reference: measures",
        "One number per image. [Measures](../measures.md) explains the notation and how to choose. A *proportion* is 0 "
        "or 1 for each image; the statistics use the tighter rule for it.",
    )
    header = ("name", "kind", "range", "better", "needs", "what it is")
    yield from overview(header, map(_measure_row, _own("measure")))
    for entry in _own("measure"):
        yield from _definition(entry, _measure_facts(entry) + _words(entry))
    yield from ("## Numbers made of several measures", "")
    for entry in _own("composite"):
        yield from _definition(entry, ["composite"])
    yield from ("## Spaces of changes that a measure searches", "")
    for entry in _own("search"):
        yield from _definition(entry, ["imported from `modelaudit.contexts`"])


def sources_page() -> Iterator[str]:
    """Every data source and every model source."""
    yield from title(
        "Reference: sources of data and models",
        "References are written `NAME:PLACE?option=value&option=value`. [Data](../data.md) and [models](../models.md) "
        "explain layouts and options with examples.",
    )
    yield from (
        "## Data",
        "",
        "Used in `Audit(data=...)`, `Audit(pools=...)` and by the commands. Every source also takes",
    )
    yield "`group=`, `cluster=` and `attribute.NAME=` ([how](../data.md#groups-clusters-and-attributes))."
    for entry in _own("data"):
        yield from ("", f"### `{entry.name}:`", "", *as_markdown(inspect.getdoc(entry.function)), "", *_options(entry))
        if getattr(entry.declares, "remote", None):
            yield from ("Also from a [URL](../data.md#data-on-urls).", "")
    yield from ("## Models", "", "Used in `Audit(model=...)`.", "")
    for entry in _own("model"):
        yield from (f"### `{entry.name}:`", "", *as_markdown(inspect.getdoc(entry.function)), "", *_options(entry))
        if entry.declares is True:
            yield from ("It can run code, so a YAML audit needs `--audit-allow-code` for it.", "")


def options_of(entry: registry.Entry) -> tuple[str, ...]:
    """The options of a source, as it asks for them itself."""
    body, given = _PLACES.get((entry.kind, entry.name), ("place", {}))
    try:
        entry.function(_AskedReference(entry.name, body, given, f"{entry.name}:{body}"), FOLDER / "nothing")
    except _Asked as asked:
        return asked.names
    raise AssertionError(f"{entry.name} does not say which options it knows")


def _options(entry: registry.Entry) -> list[str]:
    names = [f"`{name}=`" for name in options_of(entry) if name not in ("group", "cluster")]
    return [f"Options: {', '.join(names)}.", ""] if names else []


class _Asked(BaseException):
    """Ends a source that has named its options; nothing of it runs."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names


class _AskedReference(Reference):
    def only(self, allowed: Iterable[str], error: type[AuditError]) -> None:
        raise _Asked(tuple(allowed))


#: bodies and options with which sources ask for their options that do so only for names they know
_PLACES: dict[tuple[str, str], tuple[str, dict[str, str]]] = {
    ("data", "demo"): ("", {}),
    ("model", "demo"): ("sound", {}),
    ("model", "timm"): ("resnet18", {}),
    ("model", "torchvision"): ("googlenet", {"checkpoint": "weights.pt"}),
}


def audit_page() -> Iterator[str]:
    """The arguments of Audit, expect, CheckSettings, Sample and Preprocessing."""
    yield from title(
        "Reference: audits",
        "What `from modelaudit import Audit, CheckSettings, Preprocessing, Sample` gives you.",
    )
    for name, thing in (
        ("Audit", Audit),
        ("Audit.expect", Audit.expect),
        ("CheckSettings", CheckSettings),
        ("Sample", Sample),
        ("Preprocessing", Preprocessing),
    ):
        yield from (f"## `{name}`", "", *as_markdown(inspect.getdoc(thing), _defaults(thing)), "")


# --- parts of pages -------------------------------------------------------------------------------------------------


def _definition(entry: registry.Entry, facts: list[str]) -> Iterator[str]:
    """One section: signature, facts, the docstring of the dataclass, the formula of the function."""
    yield from (f"### `{entry.name}`", "", f"`{_signature(entry)}`", "", "; ".join(facts) + ".", "")
    yield from (*as_markdown(_with_arguments(entry.spec), _defaults(entry.spec), raises=False), "")
    formula = as_markdown(inspect.getdoc(entry.function), raises=False)
    yield from ("*In detail:* " + formula[0], *formula[1:], "") if formula else ()


def _with_arguments(spec: type[Any] | None) -> str:
    """The docstring of a dataclass; its arguments may be those that a base class explains."""
    own = inspect.getdoc(spec) or ""
    assert spec is not None
    for base in spec.__mro__[1:]:
        inherited = inspect.getdoc(base) or ""
        if "Args:" not in own and "\nArgs:" in inherited and dataclasses.is_dataclass(base):
            return f"{own}\n\nArgs:" + inherited.split("\nArgs:")[1].split("\n\n")[0]
    return own


def _context_row(entry: registry.Entry) -> tuple[str, ...]:
    first = _first_example(entry)
    family = entry.declares.family.replace("_", " ")
    return _link(entry), family, _yes(entry.declares.needs_mask(first)), _first_line(entry)


def _first_example(entry: registry.Entry) -> Any:
    """A context of that name, to ask for its needs."""
    if entry.declares.examples:
        return parse_context(entry.declares.examples[0])
    return entry.spec("name") if "name" in _signature(entry) else entry.spec()


def _words(entry: registry.Entry, spec: Spec | None = None) -> list[str]:
    """How it reads in reports, in both languages; words that depend on arguments only where a `spec` has them."""
    wording = entry.declares.wording
    if spec is None and (callable(wording) or wording is None):
        return []
    en, ja = (wording.en, wording.ja) if spec is None else phrases(spec, wording).values() or (None, None)
    if en is None or ja is None:
        return []
    return [f"in reports *{en.label}*" if en.label == ja.label else f"in reports *{en.label}* / {ja.label}"]


def _method_row(entry: registry.Entry) -> tuple[str, ...]:
    declares = entry.declares
    return (
        _link(entry),
        _passes(entry),
        _yes(declares.spatial_layer),
        _yes(declares.gradients),
        _yes(declares.completeness),
        _yes(declares.draws),
        _first_line(entry),
    )


def _method_facts(entry: registry.Entry) -> list[str]:
    declares, facts = entry.declares, [f"passes: {_passes(entry)}"]
    facts += _fact(declares.spatial_layer, "needs a spatial layer")
    facts += _fact(declares.gradients, "needs gradients", "needs only scores")
    facts += _fact(declares.completeness, "its shares must sum to f(x) - f(baseline)")
    return facts + _fact(declares.draws, "draws at random")


def _fact(value: Any, words: str, otherwise: str = "") -> list[str]:
    if callable(value):
        return [f"{words}, depending on the arguments"]
    return [text for text in (words if value else otherwise,) if text]


def _passes(entry: registry.Entry) -> str:
    if not entry.declares.own_passes:
        return "shared"
    try:
        cost = entry.declares.cost(entry.spec())
    except AuditError:
        return "depends on the arguments"
    counts = ((cost.forward, "forward"), (cost.backward, "backward"))
    return ", ".join(f"{count} {kind}" for count, kind in counts if count) or "none"


def _measure_row(entry: registry.Entry) -> tuple[str, ...]:
    declares = entry.declares
    return (
        _link(entry),
        declares.scale,
        _range(declares),
        declares.better,
        ", ".join(_needs(declares)),
        _first_line(entry),
    )


def _measure_facts(entry: registry.Entry) -> list[str]:
    declares = entry.declares
    facts = [declares.scale, f"range {_range(declares)}", f"{declares.better} is better"]
    needs = _needs(declares)
    return facts + ([f"needs {', '.join(needs)}"] if needs else [])


def _range(declares: Any) -> str:
    if declares.scale == "proportion":
        return "0 or 1"
    low, high = declares.low, declares.high
    if low is None and high is None:
        return "no bounds"
    return f"{low:g} to {high:g}" if high is not None else f"from {low:g}"


def _needs(declares: Any) -> list[str]:
    named = {
        "needs_attribution": "a heat map",
        "needs_mask": "a mask",
        "needs_original": "the answer on the original",
        "needs_context": "`.under(...)`",
    }
    return [words for name, words in named.items() if getattr(declares, name)]


def _first_line(entry: registry.Entry) -> str:
    """The first sentence of a definition."""
    text = inspect.getdoc(entry.spec) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return prose(re.split(r"(?<=[a-z)\]`])(?<!et al)\. ", paragraph)[0].removesuffix("."))


# --- small things ---------------------------------------------------------------------------------------------------


def _own(kind: str) -> list[registry.Entry]:
    """What this package registers, by name; not what is installed beside it."""
    entries = (registry.find(kind, name) for name in registry.names(kind))
    return [entry for entry in entries if entry.function.__module__.startswith("modelaudit.")]


def _signature(entry: registry.Entry) -> str:
    spec = entry.spec
    assert spec is not None
    parts = []
    for part in dataclasses.fields(spec):
        if part.name == "each":
            continue
        if part.name in (getattr(spec, "variadic", None), getattr(spec, "keywords", None)):
            parts.append(f"{'*' if part.name == getattr(spec, 'variadic', None) else '**'}{part.name}")
        elif _is_required(part):
            parts.append(part.name)
        else:
            parts.append(f"{part.name}={_shown(part.default)}")
    return f"{entry.name}({', '.join(parts)})" if parts else entry.name


def _is_required(part: Any) -> bool:
    missing = part.default is dataclasses.MISSING and part.default_factory is dataclasses.MISSING
    return missing or "dose" in part.metadata or part.name == "methods"


def _defaults(thing: Any) -> dict[str, str]:
    """The defaults of a dataclass or a function, as they are written."""
    if dataclasses.is_dataclass(thing):
        return {p.name: _shown(p.default) for p in dataclasses.fields(thing) if _is_shown(p.default, p.metadata)}
    parameters = inspect.signature(thing).parameters.values()
    return {p.name: _shown(p.default) for p in parameters if _is_shown(p.default, {})}


def _is_shown(default: Any, metadata: Any) -> bool:
    return default is not dataclasses.MISSING and default is not inspect.Parameter.empty and "dose" not in metadata


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return value_text(value) if isinstance(value, Spec) else repr(value)


def _link(entry: registry.Entry) -> str:
    return f"[`{entry.name}`](#{entry.name})"


def _yes(value: Any) -> str:
    """A need as a cell; one that is a function depends on the arguments."""
    if callable(value):
        return "depends"
    return "yes" if value else ""


if __name__ == "__main__":
    raise SystemExit(main())

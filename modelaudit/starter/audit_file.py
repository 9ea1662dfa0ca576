"""A first audit as a file: Python, or YAML for those who do not write it."""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence

import yaml

from ..language import registry
from .expectations import StartingExpectation
from .preparing import changed_fields, preprocessing_source
from .subject import Subject

_BACKGROUND = "another_background"
_REFINEMENTS = ("under", "of", "where")
_LINE = 88
_PYTHON_NOTE = (
    '"""A first draft, written by modelaudit init.',
    "",
    "Every threshold is a proposal and no agreement: settle each with whoever relies on the",
    'model, and name the clause that says so: expect(..., clause="...").',
    '"""',
)
_YAML_NOTE = (
    "# A first draft, written by modelaudit init.",
    "# Every threshold is a proposal and no agreement: settle each with whoever relies on the",
    "# model, and name the clause that says so.",
)


def name_of(text: str) -> str:
    """An identifier made of a name: ``Line A (new)`` becomes ``line_a_new``."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"\W+", "_", ascii_text.lower()).strip("_") or "data"
    return f"data_{name}" if name[0].isdigit() or keyword.iskeyword(name) else name


def python_audit(name: str, subject: Subject, expectations: Sequence[StartingExpectation]) -> str:
    """The audit as a Python file.

    Args:
        name: of the variable that holds the audit, an identifier.
    """
    sources = [(one, python_source(one.text)) for one in expectations]
    swap = next((found[0] for _, source in sources if (found := re.search(r'swap_background\("\w+"\)', source))), None)
    lines = [*_PYTHON_NOTE, "", *_imports(sources, subject), "", *_audit(name, subject)]
    if swap is not None:
        lines += [f"{_BACKGROUND} = {swap}"]
    for one, source in sources:
        text = source if swap is None else source.replace(swap, _BACKGROUND)
        lines += ["", *_comment(one), *_expect(f"{one.name} = {name}.expect(", text)]
    return "\n".join(lines) + "\n"


def yaml_audit(subject: Subject, expectations: Sequence[StartingExpectation]) -> str:
    """The audit as a YAML file."""
    lines = [*_YAML_NOTE, f"model: {_yaml(subject.model)}", f"data: {_yaml(subject.data)}"]
    said = subject.options
    for field in ("classes", "scores", "output"):
        if (value := getattr(said, field)) is not None:
            lines.append(f"{field}: {_yaml(value)}")
    if said.preprocessing is not None:
        lines.append("preprocessing:")
        lines += [f"  {field}: {_yaml(value)}" for field, value in changed_fields(said.preprocessing).items()]
    if subject.without_object:
        lines.append(f"without_object: {_yaml(list(subject.without_object))}")
    lines.append("expect:")
    for one in expectations:
        lines += [f"  {line}" for line in _comment(one)] + [f"  {one.name}: {_yaml(one.text)}"]
    return "\n".join(lines) + "\n"


def python_source(text: str) -> str:
    """A canonical text as Python: the names in brackets are quoted there.

    >>> python_source("background_dependence(gradcam).under(swap_background(other_class)) < 0.4")
    'background_dependence("gradcam").under(swap_background("other_class")) < 0.4'
    """
    return ast.unparse(_Quoted().visit(ast.parse(text, mode="eval"))).replace("'", '"')


class _Quoted(ast.NodeTransformer):
    """Quotes the arguments of measures and contexts that are names; those of refinements stay."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute) and node.func.attr in _REFINEMENTS and node.func.attr != "of":
            self.generic_visit(node)
            return node
        node.args = [_quoted(argument) for argument in node.args]
        for one in node.keywords:
            one.value = _quoted(one.value)
        node.func = self.visit(node.func)
        return node


def _quoted(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.List):
        return ast.List([_quoted(one) for one in node.elts], node.ctx)
    return ast.Constant(ast.unparse(node)) if isinstance(node, ast.Name | ast.Call) else node


def _comment(one: StartingExpectation) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(f"{one.question} (threshold to be agreed)", _LINE - 4)]


def _expect(start: str, text: str) -> list[str]:
    line = f"{start}{text})"
    return [line] if len(line) <= _LINE else [start, f"    {text}", ")"]


def _imports(sources: Sequence[tuple[StartingExpectation, str]], subject: Subject) -> Iterator[str]:
    names = {node.id for _, source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    measures = names & {*registry.names("measure"), *registry.names("composite")}
    contexts = names & set(registry.names("context"))
    yield f"from modelaudit import Audit{', Preprocessing' if subject.options.preprocessing else ''}"
    for module, found in (("contexts", contexts), ("measures", measures)):
        if found:
            yield from _wrapped(f"from modelaudit.{module} import ", sorted(found))


def _wrapped(start: str, names: Sequence[str]) -> Iterator[str]:
    line = start + ", ".join(names)
    if len(line) <= _LINE:
        yield line
    else:
        yield from (f"{start}(", *(f"    {name}," for name in names), ")")


def _audit(name: str, subject: Subject) -> Iterator[str]:
    yield f"{name} = Audit("
    yield f"    model={_text(subject.model)},"
    yield f"    data={_text(subject.data)},"
    said = subject.options
    if said.classes is not None:
        listed = f"    classes=[{', '.join(map(_text, said.classes))}],"
        if len(listed) <= _LINE:
            yield listed
        else:
            yield from ("    classes=[", *(f"        {_text(one)}," for one in said.classes), "    ],")
    if said.preprocessing is not None:
        source = preprocessing_source(said.preprocessing)
        if len(listed := f"    preprocessing={source},") <= _LINE:
            yield listed
        else:
            yield from ("    preprocessing=Preprocessing(", *_arguments(source), "    ),")
    if said.scores is not None:
        yield f"    scores={_text(said.scores)},"
    if subject.without_object:
        yield f"    without_object=[{', '.join(map(_text, subject.without_object))}],"
    if said.output is not None:
        yield f"    output={_text(said.output) if isinstance(said.output, str) else said.output},"
    yield ")"


def _arguments(call: str) -> Iterator[str]:
    """Each argument of a call on a line of its own."""
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    for one in node.keywords:
        value = ast.unparse(one.value).replace("'", '"')
        yield f"        {one.arg}={value},"


def _text(value: str) -> str:
    """A string of Python in double quotes where it holds none."""
    quoted = repr(value)
    return f'"{quoted[1:-1]}"' if quoted[0] == "'" and '"' not in value else quoted


def _yaml(value: object) -> str:
    """A value on one line."""
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, allow_unicode=True, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip()

"""Reads YAML that others wrote, as plain data with the line of every value.

Aliases (a few nested ones expand to gigabytes), tags of other libraries, keys that stand twice, numbers that are not
finite and deep nesting are errors with the line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .errors import AuditError
from .regular_files import MOST_BYTES_BY_HAND, read_file
from .yaml_complaints import syntax_text

MOST_LEVELS = 50
#: letters of a number or a date; the reader of long ones takes time that grows with their square
_LONGEST_NUMBER = 100
_MOST_BITS = 128
_OURS = "tag:yaml.org,2002:"
_TEXT = f"{_OURS}str"
Where = tuple[str, ...]


@dataclass(frozen=True)
class YamlDocument:
    """What a file holds: None where it is empty.

    Args:
        lines: the line of every value by the keys (and places in lists) that lead to it; of a value in a mapping, the
            line of its key.
    """

    value: Any
    lines: Mapping[Where, int]


class _Refused(Exception):
    """What is refused, with its line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def read_yaml(
    path: Path, error: Callable[[str], AuditError], *, text_keys: bool, most: int = MOST_BYTES_BY_HAND
) -> YamlDocument:
    """A YAML file in UTF-8.

    Args:
        error: the type of what is raised.
        text_keys: keys must be texts; else any scalar.
        most: the largest size in bytes.

    Raises:
        AuditError: of type `error`, with file and line, for anything that cannot be read as plain data.
    """
    try:
        text = read_file(path, most=most).decode("utf-8-sig")
    except OSError as failed:
        raise error(f"{path}: cannot be read ({failed.strerror or failed})") from failed
    except UnicodeDecodeError as failed:
        line = failed.object[: failed.start].count(b"\n") + 1
        raise error(f"{path}:{line}: is not valid YAML: not UTF-8 ({failed.reason})") from failed
    try:
        root = _composed(text)
        lines: dict[Where, int] = {}
        return YamlDocument(None if root is None else _Plain(text_keys, lines).of(root, ()), lines)
    except _Refused as failed:
        raise error(f"{path}:{failed.line}: {failed}") from failed
    except yaml.MarkedYAMLError as failed:
        line = failed.problem_mark.line + 1 if failed.problem_mark else 1
        told = syntax_text(str(failed.problem or failed.context))
        raise error(f"{path}:{line}: is not valid YAML: {told}") from failed
    except yaml.reader.ReaderError as failed:
        line = text.count("\n", 0, failed.position) + 1
        raise error(
            f"{path}:{line}: is not valid YAML: the character {text[failed.position]!r} is not read"
        ) from failed
    except (yaml.YAMLError, ValueError) as failed:
        raise error(f"{path}:1: is not valid YAML: {' '.join(str(failed).split())}") from failed


def _composed(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        found: yaml.Node | None = loader.get_single_node()
        return found
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """Composes nodes, without aliases and not deeper than anybody writes."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise _Refused(line, f"the alias *{event.anchor} is not read; write the value out")
        if self.depth > MOST_LEVELS:
            raise _Refused(line, f"more than {MOST_LEVELS} lists or mappings inside of one another")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


@dataclass(frozen=True)
class _Plain:
    """Makes plain values of nodes, and notes the line of each."""

    text_keys: bool
    lines: dict[Where, int]

    def of(self, node: yaml.Node, where: Where) -> Any:
        line = _line(node)
        self.lines.setdefault(where, line)
        if not node.tag.startswith(_OURS) or "python" in node.tag:
            raise _Refused(line, f"the tag {node.tag} is not read; the file is plain data")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            return [self.of(part, (*where, str(at))) for at, part in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = _line(key_node)
            key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or (self.text_keys and not isinstance(key, str)):
                told = getattr(key_node, "value", "?") if isinstance(key_node, yaml.ScalarNode) else "..."
                raise _Refused(line, f"the key {told!r} must be text; quote it")
            if key in found:
                first = self.lines[(*where, str(key))]
                raise _Refused(line, f"the key {str(key)!r} stands twice; the first is on line {first}")
            self.lines[(*where, str(key))] = line
            found[key] = self.of(value_node, (*where, str(key)))
        return found


def _scalar(node: yaml.Node) -> Any:
    line, text = _line(node), str(node.value)
    shown = text if len(text) <= _LONGEST_NUMBER else f"{text[:_LONGEST_NUMBER]}..."
    if node.tag != _TEXT and len(text) > _LONGEST_NUMBER:
        raise _Refused(
            line, f"cannot read {shown!r}: a number or date of {len(text)} characters; quote it, if it is text"
        )
    constructor = yaml.SafeLoader("")
    try:
        value = constructor.construct_object(node)
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        kind = node.tag.removeprefix(_OURS)
        told = "" if isinstance(error, LookupError | AttributeError) else f" ({' '.join(str(error).split())})"
        raise _Refused(line, f"cannot read {shown!r} as {kind}{told}; quote it, if it is text") from error
    finally:
        constructor.dispose()
    if isinstance(value, bytes):
        raise _Refused(line, f"cannot read {shown!r}: bytes are not plain data")
    if isinstance(value, float) and not math.isfinite(value):
        raise _Refused(line, f"cannot read {shown!r}: numbers must be finite; quote it, if it is text")
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise _Refused(line, f"cannot read {shown!r}: an integer of more than {_MOST_BITS} bits")
    if isinstance(value, str) and not _is_unicode(value):
        raise _Refused(line, f"cannot read {shown!r}: half of a surrogate pair is not a character")
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1

"""Files of canonical JSON: their SHA-256 identifies their content, and an edited one is refused."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ..language.errors import AcceptanceError
from ..language.json_file import json_of
from ..language.plain_text import quoted_lines
from .canonical import canonical


class CanonicalFile(BaseModel):
    """The fields that every file has: format, version, and the version of this package that wrote it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: for messages: what it is, the command that writes one, and what to do about a damaged or edited one
    called: ClassVar[str]
    written_by: ClassVar[str]
    way_out: ClassVar[str]

    format: str
    version: int
    modelaudit: str

    def content(self) -> bytes:
        """The bytes of its file."""
        return canonical(self.model_dump(mode="json"))

    @classmethod
    def parse(cls, content: bytes, source: str) -> Self:
        """Read the bytes of a file.

        Args:
            source: the file, for messages.

        Raises:
            AcceptanceError: not JSON, another format, another version, a field that is missing, unknown or of another
                type, or not canonical (somebody edited it).
        """
        document = json_of(content, source, lambda problem: AcceptanceError(f"{problem}; {cls.way_out}"))
        form, readable = (cls.model_fields[name].default for name in ("format", "version"))
        if not isinstance(document, dict) or document.get("format") != form:
            raise AcceptanceError(f"{source}: is not {cls.called}; {cls.written_by} writes one")
        if document.get("version") != readable:
            raise AcceptanceError(
                f"{source}: version: is {document.get('version')!r}, and this modelaudit reads {readable}; use the one "
                f"that wrote it ({document.get('modelaudit')})"
            )
        try:
            found = cls.model_validate_json(content)
        except ValidationError as error:
            said, *rest = quoted_lines(str(error))
            raise AcceptanceError(f"{source}: is not {cls.called}: {said}", *rest) from error
        if found.content() != content:
            raise AcceptanceError(
                f"{source}: is not canonical JSON (RFC 8785), so it was edited after it was written; {cls.way_out}"
            )
        return found

"""``box.yaml``: how a model behind an address is asked, and where its answer has the scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ...language.errors import ModelError
from ...language.sample import Preprocessing
from ...language.yaml_complaints import Where, complaints
from ...language.yaml_file import PreprocessingFields
from .answer_path import AnswerPath
from .request_body import COUNT, IMAGE, IMAGES, NUMBER, is_used, unknown_placeholder
from .secrets import bad_name, is_secret, names_in, redacted

CassetteMode = Literal["record", "replay"]
MODES: tuple[CassetteMode, ...] = get_args(CassetteMode)
ImageFormat = Literal["png", "npy", "float32"]
Seconds = Annotated[float, Field(gt=0, le=86400)]
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class AnswerFields(_Fields):
    """Where the answer has the scores."""

    scores: str = Field(
        default="scores",
        description="the path of the scores, e.g. predictions[*].scores; [*] goes through the images of the request. "
        "There stands a list of numbers, a number, an object of numbers by class, or a list of objects (see label)",
    )
    label: str | None = Field(
        default=None, description="where the scores are a list of objects: the key of the name of the class in each"
    )
    score: str = Field(default="score", description="... and the key of its score")
    ids: str | None = Field(
        default=None,
        description="the path of the numbers of the images, e.g. predictions[*].id, where the server sends {number} "
        "back: answers in another order are put right by it",
    )

    @field_validator("scores", "ids")
    @classmethod
    def _is_a_path(cls, text: str | None) -> str | None:
        if text is not None:
            AnswerPath(text)
        return text


class TimeoutFields(_Fields):
    """How long is waited, in seconds."""

    connect: Seconds = Field(default=10.0, description="for a connection")
    read: Seconds = Field(default=60.0, description="for the next byte of an answer")
    whole: Seconds = Field(default=300.0, description="for a whole answer")


class RetryFields(_Fields):
    """What is asked again: no connection, no answer in time, a broken one, and the states 408, 425, 429 and 5xx."""

    most: Annotated[int, Field(ge=0, le=100)] = Field(default=5, description="how often one request is sent again")
    first_wait: Seconds = Field(default=1.0, description="seconds before the first time; each wait is twice the last")
    longest_wait: Seconds = Field(
        default=60.0, description="the longest wait; a server that asks for more (Retry-After) is an error"
    )


class CassetteFields(_Fields):
    """The file that keeps every answer."""

    file: str | None = Field(default=None, description="default: beside this file, NAME.cassette.jsonl")
    mode: CassetteMode = Field(
        default="record",
        description="record: what it does not hold is asked and kept; replay: nothing is asked, what it does not hold "
        "is an error",
    )


class RemoteFields(_Fields):
    """A model behind an address."""

    url: Annotated[str, Field(min_length=1)] = Field(
        description="http(s)://host/path; its query may hold ${NAME}, taken from the environment"
    )
    version: str = Field(
        default="", description="of what stands behind the address; change it whenever its answers change"
    )
    method: Literal["POST", "PUT"] = "POST"
    headers: dict[str, str] = Field(
        default_factory=dict, description="${NAME} is taken from the environment; secrets cannot be written otherwise"
    )
    image: ImageFormat = Field(
        default="png",
        description="how {image} is written: png (base64, 8 bits a channel), npy (base64, float32), float32 (nested "
        "lists of numbers)",
    )
    layout: Literal["NCHW", "NHWC"] = Field(default="NCHW", description="of npy and float32")
    request: dict[str, Any] = Field(
        default_factory=lambda: {"image": IMAGE},
        description="the JSON that is sent; {image} of one image, or {images}: the list of item for each; {count}",
    )
    item: Any = Field(default=IMAGE, description="what stands for each image in {images}; {image}, {number}")
    batch: Annotated[int, Field(ge=1, le=4096)] = Field(default=1, description="images a request, at most")
    answer: AnswerFields = Field(default_factory=AnswerFields)
    classes: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="the names of the classes in the order of the scores"
    )
    preprocessing: PreprocessingFields | None = None
    deterministic: bool = Field(
        default=True, description="false where one image may get other scores; every verdict says so then"
    )
    rate: Annotated[float, Field(gt=0, le=1e6)] | None = Field(default=None, description="requests a second, at most")
    concurrency: Annotated[int, Field(ge=1, le=64)] = Field(default=1, description="requests at one time")
    timeout: TimeoutFields = Field(default_factory=TimeoutFields)
    retries: RetryFields = Field(default_factory=RetryFields)
    budget: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="requests in all, of every run on this cassette, those that failed too"
    )
    largest_answer: Annotated[int, Field(ge=1000)] = Field(default=16_000_000, description="bytes of one answer")
    ca_file: str | None = Field(default=None, description="certificates (PEM) of a private authority")
    cassette: CassetteFields = Field(default_factory=CassetteFields)

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018  raises where it is none
        except ValueError as error:
            raise ValueError("must be an address, http(s)://host/path") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"must begin with http:// or https:// and a host, got {redacted(url)!r}")
        if "@" in parts.netloc:
            raise ValueError("a user and password in an address are not taken; give headers: {Authorization: ${NAME}}")
        if any(True for _ in names_in(f"{parts.netloc}{parts.path}")) or parts.fragment:
            raise ValueError("${NAME} may stand in the query alone, and no fragment (#): the address is in the record")
        if any(not 33 <= ord(letter) < 127 for letter in url):
            raise ValueError("must be printable ASCII without spaces; quote other characters as %..")
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            _check_secret(f"the query's {name}", name, value)
        return url

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not name or any(not 33 <= ord(letter) < 127 or letter == ":" for letter in name):
                raise ValueError(f"{name!r} is not the name of a header")
            if name.lower() in ("content-length", "transfer-encoding", "host"):
                raise ValueError(f"{name} is set by the client; leave it out")
            if any(not 32 <= ord(letter) < 127 for letter in value):
                raise ValueError(f"the value of {name} must be printable ASCII")
            _check_secret(name, name, value)
        return headers

    @model_validator(mode="after")
    def _fits_together(self) -> RemoteFields:
        single, several = is_used(IMAGE, self.request), is_used(IMAGES, self.request)
        if single == several:
            raise ValueError('request must hold "{image}" (one image a request) or "{images}" (a list of item)')
        if single and self.batch > 1:
            raise ValueError('batch above 1 needs "{images}" in request, the list of item for each image')
        if several and not is_used(IMAGE, self.item):
            raise ValueError('item must hold "{image}"')
        for name, value, known in (
            ("request", self.request, (IMAGE, IMAGES, COUNT, NUMBER)),
            ("item", self.item, (IMAGE, NUMBER)),
        ):
            if (wrong := unknown_placeholder(value, known)) is not None:
                raise ValueError(f"{name}: {wrong} is not known; known: {', '.join(known)}")
            for text in _texts(value):
                if (bad := bad_name(text)) is not None:
                    raise ValueError(f"{name}: ${{{bad}}} is not the name of an environment variable")
        if self.answer.ids is not None and not is_used(NUMBER, self.item if several else self.request):
            raise ValueError("answer.ids needs {number} in item, which the server sends back")
        if self.answer.ids is not None and AnswerPath(self.answer.ids).each != AnswerPath(self.answer.scores).each:
            raise ValueError("answer.ids and answer.scores must both go through [*], or neither")
        if self.answer.label is not None and self.classes is None:
            raise ValueError("answer.label needs classes: the names of all classes, in the order that you want")
        if self.classes is not None and len(set(self.classes)) < len(self.classes):
            raise ValueError("classes: a name stands twice")
        said = self.preprocessing
        if self.image == "png" and said is not None and {"mean", "std"} & said.model_fields_set:
            raise ValueError("image: png holds pixel values, so mean and std cannot be applied; the server does it")
        return self

    def prepared(self) -> Preprocessing | None:
        """As other models have it; None where nothing is said.

        Raises:
            ModelError: numbers that cannot be meant.
        """
        return None if self.preprocessing is None else Preprocessing(**self.preprocessing.model_dump())

    @cached_property
    def address(self) -> str:
        """The url without its query."""
        return redacted(self.url)

    @property
    def host(self) -> str:
        """The host, with its port."""
        return urlsplit(self.url).netloc

    @property
    def in_clear(self) -> bool:
        """Whether others on the way can read what is sent."""
        return urlsplit(self.url).scheme == "http" and urlsplit(self.url).hostname not in _LOOPBACK

    def variables(self) -> Iterator[str]:
        """The names of environment variables that a request needs."""
        for text in (self.url, *self.headers.values(), *_texts(self.request), *_texts(self.item)):
            yield from names_in(text)

    def identity(self) -> str:
        """sha256 over what decides the answers: address, templates, format, paths, classes, version; no secret.

        Variables enter by their names. How fast and how often it is asked does not.
        """
        decides = self.model_dump(mode="json", include=_DECIDES)
        return hashlib.sha256(json.dumps(decides, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


_DECIDES = {"url", "version", "method", "headers", "image", "layout", "request", "item", "answer", "classes"}


def _check_secret(told: str, name: str, value: str) -> None:
    if (bad := bad_name(value)) is not None:
        raise ValueError(f"{told}: ${{{bad}}} is not the name of an environment variable")
    if is_secret(name) and value and not any(True for _ in names_in(value)):
        raise ValueError(f"{told} holds a secret; write ${{NAME}} and set NAME in the environment")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from (key, *_texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of the YAML file of a ``remote:`` model."""
    schema = RemoteFields.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "modelaudit remote model"}


def read_remote_file(path: Path) -> RemoteFields:
    """The settings in a file.

    Raises:
        ModelError: it cannot be read, or a field is wrong; with file, line and field.
    """
    from ...language.yaml_reader import read_yaml

    document = read_yaml(path, ModelError, text_keys=True)
    if not isinstance(document.value, dict):
        raise ModelError(f"{path}:1: must be a mapping with a url; docs/how_to/remote_models.md has a whole one")
    return checked_fields(document.value, lambda line: f"{path}:{line}: ", document.lines)


def checked_fields(
    values: Mapping[str, Any], place: Callable[[int], str], lines: Mapping[Where, int] | None = None
) -> RemoteFields:
    """Settings from plain values.

    Args:
        place: how a message on a line begins.

    Raises:
        ModelError: a field is unknown, missing or wrong.
    """
    problems: tuple[str, ...]
    try:
        return RemoteFields.model_validate(values)
    except ValidationError as error:
        # without their input: a value in a place for ${NAME} may be the secret itself
        found = list(error.errors(include_url=False))
        for problem in found:
            if problem["loc"][:1] in (("url",), ("headers",)):
                problem["input"] = "..."
        problems = tuple(f"{place(line)}{_cut(text)}" for line, text in complaints(found, lines or {}, _keys))
    raise ModelError(*problems)


def _cut(text: str) -> str:
    return text.replace("value error, ", "", 1)


_PARTS: dict[str, type[BaseModel]] = {
    "answer": AnswerFields,
    "preprocessing": PreprocessingFields,
    "timeout": TimeoutFields,
    "retries": RetryFields,
    "cassette": CassetteFields,
}


def _keys(where: Where) -> tuple[str, ...]:
    inside = _PARTS.get(where[0]) if len(where) > 1 else RemoteFields
    return tuple(inside.model_fields) if inside is not None else ()

"""``agreement.yaml``: what the parties agree on before the numbers are known.

It is read like ``about.yaml``: plain data, and every mistake is named with file, line and field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from ..evidence.about import (
    About,
    AboutFile,
    Line,
    Text,
    about_files,
    data_in_a_list,
    known_keys,
    line_of,
    only_file,
    text_of,
)
from ..evidence.costs import Costs
from ..language.errors import AcceptanceError, nearest
from ..language.yaml_complaints import Where, complaints
from .combinations import CombinationFields, short_form, wrong_combinations

AGREEMENT_NAMES = ("agreement.yaml", "agreement.yml")
_LONGEST = 2_000
#: shares are rounded: three of 33.3 %
_SHARES_ROUNDED = 0.5


def _public_key(value: Any) -> Any:
    """The path of a PEM file, or its text."""
    if isinstance(value, str) and "-----BEGIN" in value:
        if "PRIVATE KEY" in value:
            raise PydanticCustomError("key", "is a private key: keep it secret, replace it, and give the public one")
        return "\n".join(line.strip() for line in value.strip().splitlines()) + "\n"
    return line_of(value)


def _attribute(value: Any) -> Any:
    """The short forms of an attribute: a list of values, or their shares."""
    if isinstance(value, list):
        return {"values": value}
    if isinstance(value, dict) and value and all(_is_number(share) for share in value.values()):
        return {"values": value}
    return value


def _values(value: Any) -> Any:
    """Values as a list of texts, or texts with their shares, which are per cent and 100 in all."""
    if not isinstance(value, list | dict) or not value:
        raise PydanticCustomError("values", "must be a list of values, or values with their shares in per cent")
    names = [line_of(name) for name in value]
    for at, name in enumerate(names):
        if name in names[:at]:
            raise PydanticCustomError("values", "has the value {name} twice", {"name": repr(name)})
    if isinstance(value, list):
        return names
    for name, share in value.items():
        if not _is_number(share) or not 0 < share <= 100:
            told = {"name": repr(name), "share": repr(share)}
            raise PydanticCustomError(
                "values", "the share of {name} must be above 0 and at most 100, got {share}", told
            )
    total = sum(value.values())
    if abs(total - 100) > _SHARES_ROUNDED:
        cure = "; write 70, not 0.7" if abs(total - 1) < 0.01 else ""
        told = {"total": f"{total:g}", "cure": cure}
        raise PydanticCustomError("values", "the shares are per cent and must be 100 in all, got {total}{cure}", told)
    return dict(zip(names, map(float, value.values()), strict=True))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


LongText = Annotated[str | dict[str, str], BeforeValidator(partial(text_of, longest=_LONGEST))]
Key = Annotated[str, BeforeValidator(_public_key)]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PartyFields(_Fields):
    """A party to the agreement."""

    name: Text = Field(description="its full name")
    role: Text | None = Field(default=None, description="what it does here: delivers the model, accepts it")
    public_key: Key | None = Field(default=None, description="path of a PEM file beside the agreement, or its text")


class SystemFields(_Fields):
    """What is accepted."""

    name: Text
    version: Line | None = None
    purpose: LongText | None = Field(default=None, description="what it decides, where, and about what")


class AttributeFields(_Fields):
    """An attribute of the operating domain with its values; a list or a mapping of shares alone may stand for it."""

    values: Annotated[list[str] | dict[str, float], BeforeValidator(_values)] = Field(
        description="all values that are foreseen, or each with its expected share in per cent"
    )
    says: Text | None = Field(default=None, description="how readers call the attribute")


class DomainFields(_Fields):
    """Where the system is meant to work: attributes of the images, and the values that are foreseen."""

    attributes: dict[str, Annotated[AttributeFields, BeforeValidator(_attribute)]] = Field(
        min_length=1, description="label, group, or an attribute of the images (a column, a part of the path, EXIF)"
    )
    tolerance: Annotated[float, Field(ge=0, le=100)] | None = Field(
        default=None, description="by how many points a share in the test set may differ from the expected one"
    )
    combinations: list[Annotated[CombinationFields, BeforeValidator(short_form)]] | None = Field(
        default=None, min_length=1, description="attributes of which every value must occur with every other one's"
    )

    def values(self) -> dict[str, list[str]]:
        """The values of every attribute that are foreseen."""
        return {name: list(attribute.values) for name, attribute in self.attributes.items()}


class ClauseFields(_Fields):
    """A clause: its text, and the expectations that stand for it."""

    text: LongText | None = None
    expectations: list[Line] = Field(default=[], description="names of expectations, or FILE::NAME of one")


class DecisionFields(_Fields):
    """How it is decided."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] | None = Field(
        default=None, description="no expectation may have a lower one"
    )
    images: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="no expectation may be decided on fewer images"
    )
    inconclusive: Literal["fail", "warn"] | None = Field(
        default=None, description="fail: undecided counts as not met; warn: it does not"
    )


class WaiverFields(_Fields):
    """Who may grant exceptions."""

    signed_by: Line = Field(description="the party whose signature a waiver needs")


class ReviewerFields(_Fields):
    """Somebody whose signed reviews count."""

    name: Line = Field(description="as the report names them")
    public_key: Key = Field(description="path of a PEM file beside the agreement, or its text")


class ReviewFields(_Fields):
    """What people review."""

    pictures: Annotated[int, Field(strict=True, ge=1, le=100)] | None = Field(
        default=None, description="how many of each expectation with reviewed_by (default: 12)"
    )


class AgreementTerms(_Fields):
    """Everything that the parties agree on. What ``about.yaml`` says may stand under ``about`` instead."""

    title: Text
    number: Line | None = Field(default=None, description="of the agreement; that of the report stands under about")
    parties: dict[str, PartyFields] = Field(min_length=1, description="by short names: vendor, customer")
    system: SystemFields
    domain: DomainFields | None = None
    costs: Costs | None = None
    clauses: dict[str, ClauseFields] = Field(min_length=1, description="by their numbers")
    decision: DecisionFields = DecisionFields()
    signs: list[Line] = Field(default=[], description="the parties who sign")
    waivers: WaiverFields | None = None
    review: ReviewFields | None = None
    reviewers: list[ReviewerFields] | None = Field(default=None, description="the people who review heat maps and sign")
    about: About = Field(default=About(), description="as in about.yaml: the head of the report")


@dataclass(frozen=True)
class AgreementFile:
    """An agreement as it was read; ``lines``: of every key."""

    path: Path
    terms: AgreementTerms
    lines: Mapping[Where, int]


def agreement_digest(terms: AgreementTerms) -> str:
    """The SHA-256 of its canonical JSON, in hexadecimal digits: of what is agreed, not of how the file writes it.

    What is left out is left out of it too, so that a version of the format with more fields has the same digest.
    """
    from .canonical import canonical, sha256_of

    return sha256_of(canonical(terms.model_dump(mode="json", exclude_none=True)))


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of ``agreement.yaml``."""
    schema = AgreementTerms.model_json_schema()
    long = schema["$defs"]["AttributeFields"]
    short = long["properties"]["values"]["anyOf"]
    schema["$defs"]["AttributeFields"] = {"anyOf": [long, *short], "description": long.pop("description")}
    together = schema["$defs"]["CombinationFields"]
    names = together["properties"]["of"]
    schema["$defs"]["CombinationFields"] = {"anyOf": [together, names], "description": together.pop("description")}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "modelaudit agreement"}


def agreement_files(audit_files: Iterable[Path], root: Path) -> list[Path]:
    """Every ``agreement.yaml`` next to an audit file, or in a folder above it and below `root`."""
    return about_files(audit_files, root, AGREEMENT_NAMES)


def read_agreement(files: list[Path]) -> AgreementFile | None:
    """The agreement of a run; None if it has none.

    Raises:
        AcceptanceError: there are several, or it cannot be read; with file, line and field.
    """
    file = only_file(files, AGREEMENT_NAMES[0], AcceptanceError)
    return None if file is None else _read(file)


def _read(path: Path) -> AgreementFile:
    from ..language.yaml_reader import read_yaml

    document = read_yaml(path, AcceptanceError, text_keys=True)
    fields, lines = document.value, document.lines
    if not isinstance(fields, dict):
        raise AcceptanceError(
            f"{path}:1: must be a mapping with title, parties, system and clauses; modelaudit agree init writes one"
        )
    if isinstance(fields.get("about"), dict):
        about, lines = data_in_a_list(fields["about"], lines, ("about",))
        fields = {**fields, "about": about}
    try:
        terms = AgreementTerms.model_validate(fields)
        wrong = [*_unknown_parties(terms, lines), *_without_tolerance(terms, lines), *_combinations(terms, lines)]
        wrong += _reviewers_twice(terms, lines)
    except ValidationError as error:
        wrong = list(complaints(error.errors(), lines, _known_keys))
    if wrong:
        raise AcceptanceError(*(f"{path}:{line}: {text}" for line, text in wrong))
    return AgreementFile(path, terms, lines)


def _unknown_parties(terms: AgreementTerms, lines: Mapping[Where, int]) -> Iterator[tuple[int, str]]:
    named: list[tuple[Where, str]] = [(("signs", str(at)), name) for at, name in enumerate(terms.signs)]
    if terms.waivers is not None:
        named.append((("waivers", "signed_by"), terms.waivers.signed_by))
    for where, name in named:
        if name not in terms.parties:
            known = nearest(name, terms.parties)
            yield lines.get(where, 1), f"{'.'.join(where)}: {name!r} is not one of the parties{known}"
    for at, name in enumerate(terms.signs):
        if name in terms.signs[:at]:
            yield lines.get(("signs", str(at)), 1), f"signs.{at}: {name!r} stands twice"


def _reviewers_twice(terms: AgreementTerms, lines: Mapping[Where, int]) -> Iterator[tuple[int, str]]:
    for field in ("name", "public_key"):
        values = [getattr(one, field) for one in terms.reviewers or ()]
        for at, value in enumerate(values):
            if value in values[:at]:
                where = ("reviewers", str(at), field)
                yield lines.get(where, 1), f"{'.'.join(where)}: stands twice; each reviewer has a name and a key"


def _without_tolerance(terms: AgreementTerms, lines: Mapping[Where, int]) -> Iterator[tuple[int, str]]:
    if terms.domain is None or terms.domain.tolerance is not None:
        return
    for name, attribute in terms.domain.attributes.items():
        if isinstance(attribute.values, dict):
            where = ("domain", "attributes", name)
            yield lines.get(where, 1), f"{'.'.join(where)}: shares need domain.tolerance, in points: tolerance: 10"


def _combinations(terms: AgreementTerms, lines: Mapping[Where, int]) -> Iterator[tuple[int, str]]:
    domain = terms.domain
    if domain is not None and domain.combinations is not None:
        yield from wrong_combinations(domain.combinations, domain.values(), domain.tolerance, lines)


def _known_keys(where: Where) -> tuple[str, ...]:
    """The keys that are known where an unknown one stands."""
    match where:
        case ["parties", _, _]:
            return tuple(PartyFields.model_fields)
        case ["domain", "attributes", _, _]:
            return tuple(AttributeFields.model_fields)
        case ["domain", "combinations", _, _]:
            return tuple(CombinationFields.model_fields)
        case ["reviewers", _, _]:
            return tuple(ReviewerFields.model_fields)
        case ["clauses", _, _]:
            return tuple(ClauseFields.model_fields)
        case ["about", *rest] if rest:
            return known_keys(tuple(rest))
        case [section, _]:
            kinds: dict[str, type[BaseModel]] = {
                "system": SystemFields,
                "domain": DomainFields,
                "costs": Costs,
                "decision": DecisionFields,
                "waivers": WaiverFields,
                "review": ReviewFields,
            }
            return tuple(kinds.get(section, AgreementTerms).model_fields)
    return tuple(AgreementTerms.model_fields)


def combined_about(agreement: AgreementFile | None, about: AboutFile | None) -> About | None:
    """What the head of page one says, from ``about.yaml`` and from the agreement.

    Raises:
        AcceptanceError: both say it, and differently; with both lines.
    """
    if agreement is None:
        return None if about is None else about.about
    if about is None:
        return agreement.terms.about if agreement.terms.about != About() else None
    agreed, said = agreement.terms.about, about.about
    contradicted = [
        f"{agreement.path}:{agreement.lines.get(('about', *where), 1)}: about.{'.'.join(where)} is {one!r}, and "
        f"{other!r} in {about.path}:{about.lines.get(where, 1)}; keep one of them"
        for where, one, other in _both(agreed, said)
        if one != other
    ]
    if contradicted:
        raise AcceptanceError(*contradicted)
    model = said.model.model_copy(update=agreed.model.model_dump(exclude_none=True))
    top = {name: getattr(agreed, name) for name in ("title", "customer", "issuer", "number")}
    stated = {name: value for name, value in top.items() if value is not None}
    return said.model_copy(update={**stated, "model": model, "data": agreed.data or said.data})


def _both(agreed: About, said: About) -> Iterator[tuple[Where, Any, Any]]:
    """What both say, and where."""
    for name in ("title", "customer", "issuer", "number", "data"):
        one, other = (about.model_dump(exclude_none=True).get(name) for about in (agreed, said))
        if one and other:
            yield (name,), one, other
    for name in ("name", "version"):
        one, other = getattr(agreed.model, name), getattr(said.model, name)
        if one and other:
            yield ("model", name), one, other

"""The keys of stored values: digests of everything that a value came from, in two levels.

The key of a column, one a (model, context, measure): the model's fingerprint and its answer on the probe, context and
measure in long form with the versions of their definitions, target, seed, precision, device, and the versions of the
libraries and of this package. The key of a sample: its id, the content of image, mask and label, and the donor of its
background; of a value of it also the class that its label means to the model.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from ...language import registry
from ...language.sample import Preprocessing
from ...language.spec import Composed, Context, MeasureSpec, SearchSpec, Spec, long_text
from ...measures.base import searches_changes
from ...models.code import code_digest
from .store import SAMPLE_BYTES, Key

_LIBRARIES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "pillow",
    "pycocotools",
    "scikit-image",
    "timm",
    "transformers",
    "onnxruntime",
)
_PACKAGE = Path(__file__).resolve().parents[2]
#: the rooms whose code has a part in a value
_ROOMS = ("language", "data", "demo", "models", "contexts", "attribution", "measures", "engine")


class Model(Protocol):
    """What the keys must know of a loaded model."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def probe_digest(self) -> str: ...
    def index_of(self, label: str | int) -> int:
        """The index of a class by name or index."""
        ...


@dataclass(frozen=True)
class Setting:
    """What all columns of a model in one run have in common; `model` and `data` are names for people.

    ``object_kept``: the least share of an object that the model's crop must leave. ``intervention``: what a rerun
    changes (:class:`~modelaudit.engine.results.interventions.Intervention`), where pixels or masks depend on it.
    """

    seed: int
    device: str
    precision: str
    model: str
    data: str
    object_kept: float
    intervention: str = ""


@dataclass(frozen=True)
class PassKeys:
    """The keys of one (model, context): facts of the shown image, logits, pictures and drafts of them, columns.

    ``searches``: of columns that search, what came of each image.
    """

    shown: Key
    logits: Key
    pictures: Key
    drafts: Key
    columns: Mapping[str, Key]
    searches: Mapping[str, Key] = field(default_factory=dict)


def pass_keys(
    context: Context,
    columns: Mapping[str, MeasureSpec],
    model: Model,
    setting: Setting,
    *,
    draws: bool,
    named: Mapping[str | int, int] = MappingProxyType({}),
) -> PassKeys:
    """The keys of a pass and of those of its columns that have one (not where a name means no class).

    Args:
        columns: the measures by the names of their columns.
        named: the class that each name means that a measure can use.
        draws: whether the context may draw; without it only attributions depend on the seed.
    """
    who = (model.fingerprint, model.probe_digest, setting.device.split(":")[0], setting.precision, made_with())
    shown = long_text(context)
    seed = str(setting.seed)
    base: tuple[str, ...] = (*who, shown, origin(context), seed if draws else "", repr(setting.object_kept))
    if setting.intervention:
        base = (*base, "variant", setting.intervention)

    def key(kind: str, measure: str, *more: str) -> Key:
        return Key(digest(kind, *base, *more), kind, setting.model, str(context), measure, setting.data)

    found: dict[str, Key] = {}
    searches: dict[str, Key] = {}
    for name, spec in columns.items():
        target = _meant(spec, model, named)
        if target is not None:
            searching = searches_changes(spec)
            drawn = seed if spec.methods or searching else ""
            parts = (long_text(spec), origin(spec), target, drawn, *_libraries([spec]))
            found[name] = key("values", str(spec), *parts)
            if searching:
                searches[name] = key("searches", str(spec), *parts)
    of_maps = _libraries(columns.values())
    pictures, drafts = key("pictures", "", *of_maps), key("drafts", "", *of_maps)
    return PassKeys(key("shown", ""), key("logits", ""), pictures, drafts, found, searches)


def sample_key(name: str, content: str, donor: tuple[str, str] | None, stored: str | None = None) -> bytes:
    """The key of one sample as it is shown.

    Args:
        donor: id and content of the image that lends its background.
        stored: content of the picture that is shown in its place.
    """
    return digest(name, content, *(donor or ()), *(() if stored is None else ("stored", stored)))


def value_key(sample: bytes, meaning: str) -> bytes:
    """The key of what is read off a sample that is shown.

    Args:
        meaning: what its label means to the model (:meth:`~modelaudit.data.LabelMap.code`).
    """
    return digest(sample.hex(), meaning)


def decoding_key() -> Key:
    """The key of how the decoding of files ended."""
    return Key(digest("decoded", made_with()), "decoded")


def copies_key() -> Key:
    """The key of whether two images are one picture."""
    return Key(digest("copies", made_with()), "copies")


def lending_key(context: Context, preprocessing: Preprocessing) -> Key:
    """The key of which images have a usable background."""
    parts = (long_text(context), origin(context), repr(preprocessing.geometry()), made_with())
    return Key(digest("lending", *parts), "lending", context=str(context))


def same_picture_key(preprocessing: Preprocessing) -> Key:
    """The key of which pairs of images are nearly one picture in a geometry."""
    return Key(digest("same picture", repr(preprocessing.geometry()), made_with()), "same picture")


def choice_key() -> Key:
    """The key of first donors."""
    return Key(digest("choice", made_with()), "choice")


def layer_key() -> Key:
    """The key of the spatial layers of models."""
    return Key(digest("layer", made_with()), "layer")


def precision_key() -> Key:
    """The key of the precisions that were settled on."""
    return Key(digest("precision", made_with()), "precision")


def content_key(content: str) -> bytes:
    """The key of a content apart from its name."""
    return digest("content", content)


def digest(*parts: str) -> bytes:
    """A digest of texts that no other texts have."""
    total = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        total.update(b"%d:" % len(encoded))
        total.update(encoded)
    return total.digest()[:SAMPLE_BYTES]


def _own_code() -> str:
    """A digest of this package's code: whoever changes it need not remember to raise a version."""
    code = hashlib.sha256()
    for file in sorted(file for room in _ROOMS for file in (_PACKAGE / room).glob("**/*.py")):
        if "store" not in file.relative_to(_PACKAGE).parts:
            code.update(file.relative_to(_PACKAGE).as_posix().encode())
            code.update(hashlib.sha256(file.read_bytes()).digest())
    return code.hexdigest()


#: read when the code itself is loaded, so that it is the code that runs
_CODE = _own_code()


@cache
def made_with() -> str:
    """The versions of everything that computes values, and a digest of this package's own code."""
    return "\n".join([*(f"{name} {_version(name)}" for name in _LIBRARIES), _CODE])


def origin(spec: Spec) -> str:
    """Digests of the code of others that defines a context, a measure or its methods; "" for our own."""
    entries = [registry.entry_of(part) for part in _parts(spec)]
    others = {(one.function, one.spec) for one in entries if not one.function.__module__.startswith("modelaudit.")}
    return " ".join(sorted(_definition(function, kind) for function, kind in others))  # type: ignore[arg-type]


def long_column_text(spec: MeasureSpec, context: Context) -> str:
    """What a column holds, whatever the model: measure and context in long form, and digests of the code of others.

    >>> from modelaudit.contexts import original
    >>> from modelaudit.measures import accuracy
    >>> long_column_text(accuracy.spec, original())
    'accuracy@1() under original@1()'
    """
    others = dict.fromkeys(text for part in (spec, context) for text in origin(part).split(" ") if text)
    return " with ".join((f"{long_text(spec)} under {long_text(context)}", *others))


def context_text(context: Context) -> str:
    """What a context shows: its long form, and digests of the code of others.

    >>> from modelaudit.contexts import original
    >>> context_text(original())
    'original@1()'
    """
    return " with ".join(dict.fromkeys(text for text in (long_text(context), *origin(context).split(" ")) if text))


def _libraries(specs: Iterable[MeasureSpec]) -> list[str]:
    """The versions of libraries that compute the maps of some methods alone (captum), and so belong to their keys."""
    methods = [method for spec in specs for method in spec.methods]
    names = {name for method in methods for name in registry.entry_of(method).declares.libraries}
    return [f"{name} {_version(name)}" for name in sorted(names)]


def _parts(spec: Any) -> Iterator[Spec]:
    if isinstance(spec, Composed):
        for part in spec.parts:
            yield from _parts(part)
        return
    yield spec
    for part in (*getattr(spec, "methods", ()), *_searched(spec)):
        yield from _parts(part)


def _searched(spec: Any) -> tuple[Spec, ...]:
    """The space that a measure searches, and the contexts that are tried in it."""
    search = getattr(spec, "search", None)
    return (search, *search.tried) if isinstance(search, SearchSpec) else ()


@lru_cache(maxsize=256)
def _definition(function: Callable[..., Any], spec: type[Any] | None) -> str:
    """A definition by its module, and a digest of its code and of all that this imports or uses."""
    name = function.__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    root = Path.cwd() if file is None else Path(file).resolve().parent
    return f"{name}:{code_digest(None, (function, spec), root)}"


def _target(spec: MeasureSpec, model: Model) -> str | None:
    """What is explained: the index of a class that is named; None where there is no such class."""
    target = getattr(spec, "target", "prediction")
    if target in ("prediction", "label", "margin"):
        return str(target)
    try:
        return str(model.index_of(target))
    except Exception:  # the pass itself says what is wrong
        return None


def _meant(spec: MeasureSpec, model: Model, named: Mapping[str | int, int]) -> str | None:
    """What the names in a measure mean: its target, and the classes of its labels; None where one means nothing."""
    target, classes = _target(spec, model), [named.get(name) for name in spec.label_names]
    if target is None or None in classes:
        return None
    return target if not classes else f"{target} of {classes}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""

"""From what users write for a model to a model that is ready to be audited."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..language import registry
from ..language.errors import ModelError
from ..language.recorded_models import is_recorded
from ..language.reference import Reference, parse_reference
from ..language.sample import BuiltModel
from ..language.scores import UNSAID, ScoreSettings
from .checkpoint import SUFFIXES
from .code import code_digest
from .factory import call_factory, run_factory
from .fingerprint import architecture, fingerprint, output_digest
from .loaded import LoadedModel
from .predictions.stored_model import StoredPredictions
from .probe import probed
from .transforms import with_preprocessing

_WAY_OUT = (
    "Audit(preprocessing=Preprocessing(resize=256, crop=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)))"
)
#: a file's ending, and the scheme that reads it
_PROGRAMS = {".onnx": "onnx", ".ts": "torchscript", ".torchscript": "torchscript", ".pt2": "export"}


def open_model(
    ref: Any,
    *,
    root: Path,
    preprocessing: Any = None,
    classes: Sequence[str] | None = None,
    allow_code: bool = False,
    scores: ScoreSettings = UNSAID,
    labels: int | None = None,
) -> LoadedModel:
    """The model behind a reference, an ``nn.Module``, a callable that returns one, or a ``BuiltModel``.

    Args:
        root: relative paths start here.
        preprocessing: instead of what the source brings: a `Preprocessing`, or a transform that it can be read off.
        classes: the class names by index, instead of what the source brings.
        allow_code: whether a text may name a Python factory, or a saved program.
        scores: what the user says of its outputs.
        labels: how many classes the data have, where nothing else says how many the model has: it tells which of
            several outputs holds the scores.

    One forward pass of one fixed image tells the number of logits and what they are, and a backward pass whether
    gradients lead through; stored answers are read instead.
    A module that was given is left as it was.

    Raises:
        ModelError: it cannot be built or audited; the message names the way out.
    """
    with torch.inference_mode(False):
        text, built, code = _built(ref, root, allow_code)
        built, preprocessing = with_preprocessing(text, built, preprocessing)
    if isinstance(built.module, StoredPredictions):
        return built.module.opened(text, preprocessing, classes, scores)
    if preprocessing is None and built.preprocessing is None:
        known = [note.partition(": ")[2] for note in built.notes if note.startswith("preprocessing:")]
        raise ModelError(
            f"{text}: {(known or ['nothing says how its input is prepared'])[0]}; give {_WAY_OUT} with its own numbers"
        )
    module, compiled = _eager(built.module)
    if any(parameter.is_inference() for parameter in module.parameters()):
        raise ModelError(
            f"{text}: it was built under torch.inference_mode, so nothing can be attributed; build it outside"
        )
    wanted = preprocessing or built.preprocessing
    assert wanted is not None
    runs = code_digest(module, code, root)  # before any pass, after which a module may hold what it saw
    names = classes if classes is not None else built.classes
    first = probed(text, module, wanted, scores, _count(names, labels))
    outputs = first.logits.shape[1]
    return LoadedModel(
        ref=text,
        module=module,
        preprocessing=wanted,
        classes=_checked_classes(text, names, outputs),
        outputs=outputs,
        input_size=first.size,
        architecture=architecture(module),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        fingerprint=fingerprint(module, wanted, runs + first.reading.text()),
        probe_digest=output_digest(first.logits),
        notes=(
            *_remaining(built.notes, preprocessing is not None, classes is not None),
            *compiled,
            *first.notes,
        ),
        differentiable=first.differentiable,
        reading=first.reading,
    )


def runs_code(ref: Any) -> bool:
    """Whether a reference is a text that names a Python factory or a saved program: what `allow_code` is about."""
    if not isinstance(ref, str | Path):
        return False
    scheme = parse_reference(str(ref)).scheme
    if is_recorded(ref):
        return False
    return not scheme or (scheme in registry.names("model") and registry.find("model", scheme).declares is True)


def _built(ref: Any, root: Path, allow_code: bool) -> tuple[str, BuiltModel, tuple[Any, ...]]:
    """The model's name, the model, and the code that made it."""
    if isinstance(ref, str | Path):
        return str(ref), *_from_text(parse_reference(str(ref)), root, allow_code)
    if isinstance(ref, nn.Module):
        return architecture(ref), BuiltModel(ref), ()
    if isinstance(ref, BuiltModel):
        return architecture(ref.module), ref, ()
    if callable(ref):
        text = f"{getattr(ref, '__module__', '')}.{getattr(ref, '__qualname__', type(ref).__qualname__)}"
        return text, call_factory(ref, text), (ref,)
    raise ModelError(
        f"{ref!r} of type {type(ref).__name__} is not a model; give a reference such as "
        "'torchvision:resnet50@IMAGENET1K_V2' or 'models/net.py:build', an nn.Module, or a callable that returns one"
    )


def _from_text(reference: Reference, root: Path, allow_code: bool) -> tuple[BuiltModel, tuple[Any, ...]]:
    if is_recorded(reference.text):
        raise ModelError(
            f"{reference.text!r} holds the values of an earlier run and no network, so it cannot be run again; name "
            "the model itself"
        )
    if reference.scheme:
        entry = registry.find("model", reference.scheme)
        if entry.declares is True and not allow_code:
            raise ModelError(
                f"{reference.text!r}: loading such a file can run code in it; allow it with --audit-allow-code, or "
                "name it in Python"
            )
        return entry.function(reference, root), (entry.function,)
    file, colon, factory = reference.body.rpartition(":")
    if colon and file.endswith(".py") and factory:
        if not allow_code:
            raise ModelError(f"{reference.text!r} runs code; allow it with --audit-allow-code, or name it in Python")
        return run_factory(reference.text, root)
    if reference.body.endswith(".py"):
        raise ModelError(f"{reference.text!r}: name the factory in it, {reference.text}:build")
    program = next((scheme for suffix, scheme in _PROGRAMS.items() if reference.body.endswith(suffix)), None)
    if program is not None:
        raise ModelError(f"{reference.text!r}: say what the file is; write {program}:{reference.text}")
    if reference.body.endswith(SUFFIXES):
        raise ModelError(
            f"{reference.text!r}: a checkpoint holds weights and no architecture; write "
            f"torchvision:<name>?checkpoint={reference.text} (or timm:), or a factory that loads it: "
            "models/net.py:build"
        )
    schemes = ", ".join(f"{name}:…" for name in registry.names("model"))
    raise ModelError(f"{reference.text!r} is not a model reference; write {schemes} or path/file.py:factory")


def _eager(module: nn.Module) -> tuple[nn.Module, tuple[str, ...]]:
    """A compiled model's own module: hooks and gradients are not seen through compiled code."""
    original = getattr(module, "_orig_mod", None)
    if isinstance(original, nn.Module):
        return original, ("module: torch.compile was taken off, attribution needs the module itself",)
    return module, ()


def _count(names: Any, labels: int | None) -> int | None:
    """The number of classes, where it is known before the model ran."""
    return len(names) if isinstance(names, list | tuple) else labels


def _checked_classes(text: str, classes: Any, outputs: int) -> tuple[str, ...] | None:
    if classes is None:
        return None
    if isinstance(classes, str) or not all(isinstance(name, str) for name in classes):
        raise ModelError(f"{text}: classes={classes!r} must be the names by index, e.g. ['good', 'broken']")
    if len(classes) != outputs:
        raise ModelError(f"{text}: {len(classes)} class names for {outputs} outputs; give one a logit, in their order")
    return tuple(classes)


def _remaining(notes: tuple[str, ...], preprocessing: bool, classes: bool) -> tuple[str, ...]:
    """Drops assumptions that the user has answered; a note begins with what it is about."""
    said = tuple(subject for subject, given in (("preprocessing:", preprocessing), ("classes:", classes)) if given)
    return tuple(note for note in notes if not note.startswith(said)) if said else notes

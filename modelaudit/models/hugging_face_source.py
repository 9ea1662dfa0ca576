"""``hf:<folder>`` and ``hf:<hub id>@<revision>``: Hugging Face image classifiers, the optional extra ``hf``."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..language.errors import ModelError, first_line
from ..language.json_file import read_json
from ..language.reference import Reference
from ..language.sample import BuiltModel, Preprocessing
from .hugging_face_files import PROCESSORS, check_folder
from .loaded import model_source
from .trial_images import levels_apart, normalised, shown, waves

_INTERPOLATIONS = {0: "nearest", 2: "bilinear", 3: "bicubic"}
_UNNAMED = re.compile(r"LABEL_\d+")
#: a processor resizes to whole numbers of 0 to 255 by another backend; in these units two such images differ by this
_LEVELS = 2.0


@model_source("hf")
def hugging_face_model(reference: Reference, root: Path) -> BuiltModel:
    """An image classifier as ``save_pretrained`` writes it: safetensors alone, and no code from the folder.

    Its image processor becomes a `Preprocessing`, if both do the same to two pictures; else the user must give one.

    Raises:
        ModelError: transformers is not installed, nothing of that name, or weights that do not fill the model or are
            no safetensors.
    """
    reference.only((), ModelError)
    library = _transformers(reference)
    name, _, revision = reference.body.partition("@")
    folder = root / name
    options: dict[str, Any] = {"trust_remote_code": False}
    if folder.is_dir():
        _refuse_parts_elsewhere(folder)
        place = str(folder)
        options["local_files_only"] = True
        check_folder(folder)
    elif name.count("/") <= 1 and not Path(name).is_absolute() and not name.startswith("."):
        place = name
        options.update({"revision": revision} if revision else {})
    else:
        raise ModelError(f"{reference.text!r}: no folder {folder}; relative paths start at pytest's rootdir")
    module = _module(library, reference, place, options)
    preprocessing, notes = _preprocessing(library, reference, place, options)
    return BuiltModel(module, preprocessing, _classes(module.config), notes)


def _refuse_parts_elsewhere(folder: Path) -> None:
    """Raises a ModelError where an index of weights names files outside of the folder."""
    for path in sorted(folder.glob("*.index.json")):
        document = read_json(path, ModelError)
        parts = document.get("weight_map") if isinstance(document, dict) else None
        for name in sorted({*map(str, parts.values())}) if isinstance(parts, dict) else ():
            # links are left alone: the files of a copy of the Hub are links into the store of all copies
            if "\\" in name or not Path(os.path.normpath(folder / name)).is_relative_to(os.path.normpath(folder)):
                raise ModelError(f"{path}: its weights are outside its folder, in {name!r}; keep them next to it")


def _transformers(reference: Reference) -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise ModelError(
            f"{reference.text!r}: transformers cannot be imported ({first_line(error)}); "
            "pip install 'pytest-modelaudit[hf]'"
        ) from error


def _module(library: Any, reference: Reference, place: str, options: Mapping[str, Any]) -> Any:
    try:
        module, loading = library.AutoModelForImageClassification.from_pretrained(
            place, use_safetensors=True, output_loading_info=True, **options
        )
    except Exception as error:  # no network, no such name, no safetensors, another task, a configuration of other code
        raise ModelError(
            f"{reference.text!r}: {place} cannot be loaded as an image classifier from safetensors "
            f"({type(error).__name__}: {first_line(error)}); write hf:<folder> with what model.save_pretrained(folder) "
            "and processor.save_pretrained(folder) wrote, or where there is a network hf:<owner>/<name>"
        ) from error
    lacking = sorted({*map(str, loading["missing_keys"]), *map(str, loading["mismatched_keys"])})
    if lacking:
        raise ModelError(
            f"{reference.text!r}: the weights of {place} do not fill the model: {', '.join(lacking[:5])} would be "
            "random; take a checkpoint that was trained as an image classifier"
        )
    return module


def _preprocessing(
    library: Any, reference: Reference, place: str, options: Mapping[str, Any]
) -> tuple[Preprocessing | None, tuple[str, ...]]:
    """The processor's preprocessing; None with the reason where it is unclear, so that the user is asked."""
    if Path(place).is_dir() and not any((Path(place) / name).is_file() for name in PROCESSORS):
        return None, ("preprocessing: the folder has no image processor",)
    try:
        processor = library.AutoImageProcessor.from_pretrained(place, **options)
    except Exception as error:  # another library's processor, a broken file
        raise ModelError(
            f"{reference.text!r}: the image processor of {place} cannot be loaded ({type(error).__name__}: "
            f"{first_line(error)})"
        ) from error
    try:
        found = preprocessing_of(processor)
    except Exception as error:  # settings that make no sense show when it is used
        raise ModelError(
            f"{reference.text!r}: the image processor of {place} cannot be used ({type(error).__name__}: "
            f"{first_line(error)}); write it again with processor.save_pretrained(folder)"
        ) from error
    if found is None:
        kind = type(processor).__name__
        return None, (f"preprocessing: its {kind} does what resize, centre crop and normalisation do not",)
    return found, ()


def preprocessing_of(processor: Any) -> Preprocessing | None:
    """The resize, centre crop and normalisation that do to two pictures what the processor does to them, if any."""
    pictures = [waves(96, 128), waves(150, 110)]
    settings = processor.to_dict()
    grey = len(settings.get("image_mean") or ()) == 1
    given = [picture.convert("L") if grey else picture for picture in pictures]
    wanted = [processor(images=picture, return_tensors="pt")["pixel_values"][0] for picture in given]
    for candidate in _candidates(settings):
        made = [normalised(shown(picture, candidate), candidate) for picture in pictures]
        apart = [levels_apart(one, other, candidate.std) for one, other in zip(made, wanted, strict=True)]
        if all(mean < _LEVELS / 4 and most < _LEVELS for mean, most in apart):
            return candidate
    return None


def _candidates(settings: Mapping[str, Any]) -> Iterator[Preprocessing]:
    """The ways in which processors read their settings."""
    normalised = settings.get("do_normalize", "image_mean" in settings)
    mean = tuple(settings["image_mean"]) if normalised else (0.0, 0.0, 0.0)
    std = tuple(settings["image_std"]) if normalised else (1.0, 1.0, 1.0)
    interpolation: Any = _INTERPOLATIONS.get(int(settings.get("resample", 2)), "bilinear")
    crop = _side(settings.get("crop_size")) if settings.get("do_center_crop") else None
    size = _side(settings.get("size")) if settings.get("do_resize", True) else None
    sizes: list[tuple[int | tuple[int, int] | None, int | tuple[int, int] | None]] = [(size, crop)]
    if isinstance(size, int):
        share = settings.get("crop_pct")
        sizes += [(int(size / share), crop or size), (int(size / share), (size, size))] if share else []
        sizes += [((size, size), crop), (int(256 / 224 * size), crop)]
    for resize, cut in sizes:
        yield Preprocessing(resize=resize, crop=cut, mean=mean, std=std, interpolation=interpolation)


def _side(size: Any) -> int | tuple[int, int] | None:
    if isinstance(size, Mapping):
        if size.get("height") and size.get("width"):
            return int(size["height"]), int(size["width"])
        size = size.get("shortest_edge")
    return int(size) if size else None


def _classes(config: Any) -> tuple[str, ...] | None:
    """Class names by index; None for the placeholders of transformers."""
    names = {int(index): str(name) for index, name in (config.id2label or {}).items()}
    if sorted(names) != list(range(len(names))) or all(_UNNAMED.fullmatch(name) for name in names.values()):
        return None
    return tuple(names[index] for index in range(len(names)))

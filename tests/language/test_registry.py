from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

from modelaudit.language import UnknownNameError, registry
from modelaudit.language.registry import Entry, entry_of, find, names, register
from modelaudit.language.spec import Spec


def test_the_documented_names_are_registered() -> None:
    assert {"original", "swap_background", "gaussian_noise", "lighting", "mean_fill", "paste_back"} <= set(
        names("context")
    )
    assert {"saliency", "input_x_gradient", "integrated_gradients", "gradcam"} <= set(names("attribution"))
    assert {"accuracy", "confidence", "flip_rate", "background_share", "background_dependence"} <= set(names("measure"))
    assert {"folder", "coco", "demo"} <= set(names("data"))
    assert {"torchvision", "demo"} <= set(names("model"))


def test_every_registered_spec_finds_its_entry_again() -> None:
    for kind in ("context", "attribution", "measure"):
        for name in names(kind):
            spec = find(kind, name).spec
            assert spec is not None and registry._registry.by_spec[spec].name == name


def test_a_name_taken_by_another_module_is_an_error() -> None:
    def foreign() -> None: ...

    foreign.__module__ = "somebody.else"
    find("measure", "accuracy")
    with pytest.raises(UnknownNameError, match="already registered by modelaudit"):
        register(Entry("measure", "accuracy", None, foreign))


def test_an_unregistered_spec_says_so() -> None:
    @dataclass(frozen=True)
    class Mine(Spec):
        pass

    with pytest.raises(UnknownNameError, match="not registered"):
        entry_of(Mine())


def test_the_language_and_the_package_import_no_torch_and_no_pydantic() -> None:
    code = (
        "import sys, modelaudit, modelaudit.language;"
        "print([name for name in ('torch', 'numpy', 'scipy', 'pydantic', 'jinja2', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

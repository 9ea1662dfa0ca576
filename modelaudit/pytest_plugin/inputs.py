"""The inputs of a session besides models and data: audit files, conftest files, plugins, configuration, environment."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from ..evidence.provenance import Inputs, input_file
from ..evidence.record import CaseRecord, InputFile, InputRole, PluginRecord
from ..language.errors import AuditError
from ..language.recorded_models import is_recorded
from ..language.reference import parse_reference
from ..language.stored_answers import answers_file, is_stored, manifest_file
from .options import INI_NAMES

if TYPE_CHECKING:
    from .items import AuditItem

#: settings of the configuration that affect what is collected and decided, besides ``audit_*``
_SETTINGS = ("addopts", "testpaths", "python_files", "pythonpath", "xfail_strict")
#: of the environment, besides ``MODELAUDIT_*``
_ENVIRONMENT = (
    "PYTEST_ADDOPTS",
    "PYTEST_PLUGINS",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
    "CI",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
)
_SECRET = ("TOKEN", "SECRET", "PASSWORD", "KEY")


class InputFiles:
    """The files that one process of a run read, in order, each as it was when it was read."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found: dict[tuple[str, str], InputFile] = {}

    def collected(self, path: Path) -> None:
        """An audit file, before it is imported."""
        self.adopt([input_file(path, self._root, "audit")])

    def read(self, paths: Iterable[Path], role: InputRole) -> None:
        """Files that are about to be read."""
        self.adopt(input_file(path, self._root, role) for path in paths)

    def adopt(self, files: Iterable[InputFile]) -> None:
        """Files, of this process or of a worker; the first reading of each counts."""
        for one in files:
            self._found.setdefault((one.role, one.path), one)

    def note_plugins(self, config: pytest.Config) -> None:
        """The conftest files and plugins that are loaded by now, and the configuration."""
        if config.inipath is not None:
            self.adopt([input_file(config.inipath, self._root, "ini")])
        for path in _plugin_files(config):
            conftest = path.name == "conftest.py"
            self.adopt([input_file(path, self._root, "conftest" if conftest else "plugin")])

    @property
    def files(self) -> list[InputFile]:
        """All of them."""
        return list(self._found.values())


def baselines_of(items: Iterable[AuditItem], root: Path) -> list[Path]:
    """The files of earlier runs that the models of some cases name; one that is not there is an error of its case."""
    references = [ref for item in items for ref in item.case.audit.models.values() if is_recorded(ref)]
    if not references:
        return []
    from ..releases.baselines import run_file

    found: list[Path] = []
    for reference in dict.fromkeys(map(str, references)):
        with contextlib.suppress(AuditError):
            found.append(run_file(parse_reference(reference).body, root))
    return found


def answers_of(items: Iterable[AuditItem], root: Path) -> list[Path]:
    """The stored answers that the models of some cases are, with their manifests; one that is not there is an error of
    its case."""
    references = dict.fromkeys(str(ref) for item in items for ref in item.case.audit.models.values() if is_stored(ref))
    parsed = [parse_reference(one) for one in references]
    files = [place(one, root) for one in parsed for place in (answers_file, manifest_file)]
    return [file for file in dict.fromkeys(files) if file.is_file()]


def inputs_of(config: pytest.Config, files: InputFiles, cases: Iterable[CaseRecord]) -> Inputs:
    """Everything that a session was given, with how many of the cases each audit file declares."""
    declared = Counter(case.file for case in cases)
    counted = [
        one.model_copy(update={"cases": declared[one.path]}) if one.role == "audit" else one for one in files.files
    ]
    installed = {dist.project_name: dist.version for _, dist in config.pluginmanager.list_plugin_distinfo()}
    plugins = [PluginRecord(name=name, version=version) for name, version in sorted(installed.items())]
    return Inputs(counted, plugins, {**dict(_settings(config)), **dict(_environment())})


def _plugin_files(config: pytest.Config) -> Iterator[Path]:
    """The files of plugins that belong to no distribution of plugins and are not pytest's own."""
    installed = [plugin for plugin, _ in config.pluginmanager.list_plugin_distinfo()]
    owned = {_module(plugin).split(".")[0] for plugin in installed} | {"_pytest", "pytest"}
    for plugin in config.pluginmanager.get_plugins():
        name = _module(plugin)
        file = getattr(plugin, "__file__", None) or getattr(sys.modules.get(name), "__file__", None)
        if file is not None and name.split(".")[0] not in owned:
            yield Path(file)


def _module(plugin: object) -> str:
    """The module that a plugin is, or whose class it is an instance of."""
    return plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__


def _settings(config: pytest.Config) -> Iterator[tuple[str, str]]:
    for name in (*_SETTINGS, *INI_NAMES):
        value = config.getini(name)
        if value:
            yield f"ini {name}", " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _environment() -> Iterator[tuple[str, str]]:
    for name in sorted(os.environ):
        if name in _ENVIRONMENT or name.startswith("MODELAUDIT_"):
            hidden = any(word in name for word in _SECRET)
            yield f"environment {name}", "(set, not recorded)" if hidden else os.environ[name]

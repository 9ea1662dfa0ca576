"""Which code a model runs: a digest that changes whenever the user's own code does.

Code in files of the project enters as their bytes, with all project files that they import. A file that states audits
(or no file at all: a notebook, ``exec``) is edited for other reasons too; of such a file only what the model uses
enters: bytecode, constants, and the functions, classes and values that it names, one from another. Installed
libraries enter by version where they are known by name (:data:`VERSIONED`), or by distribution and file.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..language.audit import Audit
from .source_files import is_project, named_module, with_imports

#: packages whose versions are part of every key in the store anyway
VERSIONED = frozenset(
    {"torch", "torchvision", "captum", "numpy", "scipy", "PIL", "skimage", "timm", "transformers", "onnxruntime"}
)
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), torch.dtype, torch.memory_format)
#: what torch keeps in every module; of these only hooks are code
_OF_TORCH = frozenset(vars(nn.Module()))
_OF_PYTHON = frozenset(
    {
        *("__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__firstlineno__", "__orig_bases__"),
        *("__static_attributes__", "__abstractmethods__", "_abc_impl", "__parameters__", "__annotate_func__"),
        *("__annotations_cache__", "__annotate__", "__classcell__", "__type_params__"),
    }
)
_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
#: how far objects of libraries are looked into
_DEPTH = 3


def code_digest(model: nn.Module | None, others: Iterable[Any], root: Path) -> str:
    """sha256 over the code of a model, and of functions, classes and modules, with all that it imports or uses.

    Parameters and buffers of `model` do not enter; those of modules that only its code holds (a closure, a list) do.
    It does not depend on where `root` is, nor on the process.
    """
    walk = _Walk(root.resolve())
    if model is not None:
        walk.model(model)
    for one in others:
        walk.visit(one)
    return walk.digest()


def states_audits(namespace: Mapping[str, Any]) -> bool:
    """Whether the globals of a module hold an audit, so that it is not taken as a whole."""
    return any(isinstance(value, Audit) for value in list(namespace.values()))


class _Walk:
    """A walk over a graph of objects; each object enters once, and is a number from then on."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: set[Path] = set()
        self._hash = hashlib.sha256()
        self._registered: set[int] = set()
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []  # or another object could come to have the id of one that was seen
        self._fine: dict[int, bool] = {}

    def digest(self) -> str:
        """Of everything visited."""
        contents = {file: hashlib.sha256(content) for file, content in with_imports(self.files, self.root).items()}
        lines = sorted(f"{self._name(file)} {content.hexdigest()}" for file, content in contents.items())
        return hashlib.sha256("\n".join([self._hash.hexdigest(), *lines]).encode("utf-8", "surrogatepass")).hexdigest()

    def model(self, model: nn.Module) -> None:
        """Add a model, whose parameters are known otherwise."""
        self._registered = {id(part) for part in model.modules()}
        self.visit(model)

    def visit(self, value: Any, depth: int = 0) -> None:
        """Add a value of any kind."""
        if isinstance(value, Enum | np.generic) or type(value) in _PLAIN:
            self._add(type(value).__qualname__, repr(value))
            return
        if isinstance(value, tuple | frozenset):  # whether equal ones are the same object is up to Python
            self._sequence(value, depth)
            return
        if isinstance(value, CodeType):
            self._code(value)
            return
        if id(value) in self._numbers:
            self._add("again", str(self._numbers[id(value)]))
            return
        self._numbers[id(value)] = len(self._kept)
        self._kept.append(value)
        self._first_time(value, depth)

    def _first_time(self, value: Any, depth: int) -> None:
        if isinstance(value, type):
            self._class(value)
        elif isinstance(value, nn.Module):
            self._module(value, depth)
        elif isinstance(value, Tensor | np.ndarray):
            self._array(value)
        elif isinstance(value, Mapping):
            self._mapping(value, depth)
        elif isinstance(value, list | set):
            self._sequence(value, depth)
        elif isinstance(value, ModuleType):
            self._named(value.__name__, getattr(value, "__file__", None))
        elif not self._callable(value, depth):
            self._object(value, depth)

    def _sequence(self, value: Any, depth: int) -> None:
        ordered = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        self._add(type(value).__qualname__, str(len(ordered)))
        for part in ordered:
            self.visit(part, depth)

    def _callable(self, value: Any, depth: int) -> bool:
        """Whether it was a function, or a thing made of functions."""
        if isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, MethodType):
            self._parts("method", (value.__func__, value.__self__), depth)
        elif isinstance(value, functools.partial | functools.partialmethod):
            self._parts("partial", (value.func, value.args, value.keywords), depth)
        elif isinstance(value, staticmethod | classmethod):
            self._parts(type(value).__name__, (value.__func__,), depth)
        elif isinstance(value, property):
            self._parts("property", (value.fget, value.fset, value.fdel), depth)
        elif isinstance(value, functools.cached_property):
            self._parts("cached_property", (value.func,), depth)
        elif isinstance(value, torch.jit.ScriptFunction):
            self._add("script", str(value.code))
        elif isinstance(value, BuiltinFunctionType):
            self._add("builtin", value.__qualname__)
        elif "__wrapped__" in getattr(value, "__dict__", {}):  # of functools.cache, say
            self._parts("wrapper", (value.__wrapped__,), depth)
        else:
            return False
        return True

    def _parts(self, kind: str, parts: Iterable[Any], depth: int) -> None:
        self._add(kind)
        for part in parts:
            self.visit(part, depth)

    def _function(self, function: FunctionType) -> None:
        code = function.__code__
        self._add("function", function.__qualname__)
        file = _file_of(code)
        if file is not None and not is_project(file, self.root):
            self._named(str(function.__module__), str(file))
            return
        if file is not None and not self._is_fine(function.__globals__):
            self.files.add(file)
            if function.__name__ == "<lambda>":  # of all lambdas of the file, this one
                self._code(code)
        else:
            self._code(code)
            self._used(code, function.__globals__, file)
        self.visit(function.__defaults__)
        self.visit(function.__kwdefaults__)
        for cell in function.__closure__ or ():
            try:
                self.visit(cell.cell_contents)
            except ValueError:  # not filled yet
                self._add("empty")

    def _code(self, code: CodeType) -> None:
        shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        self._add("code", repr(shape), repr(code.co_names), repr(code.co_freevars))
        self._add(code.co_code.hex(), code.co_exceptiontable.hex())
        for constant in code.co_consts:
            self.visit(constant)

    def _used(self, code: CodeType, namespace: Mapping[str, Any], file: Path | None) -> None:
        """The globals that code names, and the project's modules that it imports itself."""
        for instruction in dis.get_instructions(code):
            name = str(instruction.argval)
            if instruction.opname in _GLOBALS and name in namespace:
                self._add("global", name)
                self.visit(namespace[name])
            elif instruction.opname == "IMPORT_NAME":
                self.files |= named_module(name, file or self.root / "?", self.root)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._used(constant, namespace, file)

    def _class(self, found: type) -> None:
        self._add("class", found.__qualname__)
        for part in found.__mro__:
            if part in (object, nn.Module):
                continue
            members = [(name, value) for name, value in sorted(vars(part).items()) if name not in _OF_PYTHON]
            file = _file_of_class(part)
            if self._is_own_class(part, file):
                self._add("base", part.__qualname__)
                self._own_class(part, file, members)
            else:
                self._named(part.__module__, None if file is None else str(file))
                for name, value in members:  # what somebody put into a class of a library
                    if self._is_own_function(value):
                        self._add("patched", name)
                        self.visit(value)

    def _own_class(self, part: type, file: Path | None, members: Iterable[tuple[str, Any]]) -> None:
        if file is not None and not self._is_fine(_namespace(part)):
            self.files.add(file)
        for name, value in members:
            self._add("member", name)
            self.visit(value)

    def _module(self, module: nn.Module, depth: int) -> None:
        self.visit(type(module))
        if id(module) not in self._registered:  # its parameters are not those of the model
            self.visit(module._parameters, depth)
            self.visit(module._buffers, depth)
        if isinstance(module, torch.jit.ScriptModule):
            self._add("script", str(getattr(module, "code", "")))
        self._attributes(module, vars(module), depth)
        for name, child in module._modules.items():
            self._add("child", name)
            self.visit(child, depth)

    def _object(self, value: Any, depth: int) -> None:
        if isinstance(value, Path):
            self._add("path", value.name)
        elif isinstance(value, SimpleNamespace):
            self._mapping(vars(value), depth)
        else:
            self.visit(type(value))
            self._attributes(value, getattr(value, "__dict__", {}), depth)

    def _attributes(self, owner: Any, values: Mapping[str, Any], depth: int) -> None:
        """All of an object of the project's; of a library's the public plain ones, and whatever can be called."""
        own = self._is_own_class(type(owner), _file_of_class(type(owner)))
        if not own and depth >= _DEPTH:
            return
        for name, value in sorted(values.items()):
            if isinstance(owner, nn.Module) and name in _OF_TORCH:
                if name.endswith("_hooks") and value:
                    self._parts(name, value.values(), depth)
            elif own or _is_outline(name, value):
                self._add("attribute", name)
                self.visit(value, depth if own else depth + 1)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> None:
        self._add("mapping", str(len(value)))
        for key in sorted(value, key=repr):
            self.visit(key, depth)
            self.visit(value[key], depth)

    def _array(self, value: Any) -> None:
        array = value if isinstance(value, np.ndarray) else _numbers(value)
        self._add("array", str(value.dtype), repr(tuple(value.shape)))
        if array is not None and array.dtype != object:
            self._hash.update(np.ascontiguousarray(array).tobytes())

    def _named(self, module: str, file: str | None) -> None:
        """A module, a class or a function by where it is: the project's as a file, others by their version."""
        top = module.partition(".")[0]
        path = None if file is None else Path(file).resolve()
        if path is not None and is_project(path, self.root):
            self.files.add(path)
            return
        self._add("installed", module)
        if top not in VERSIONED and top not in sys.stdlib_module_names and top != "modelaudit" and path is not None:
            self._add(*_distribution(top), hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")

    def _is_fine(self, namespace: Mapping[str, Any]) -> bool:
        """Whether a module states audits, and is not taken as a whole."""
        if id(namespace) not in self._fine:
            self._kept.append(namespace)
            self._fine[id(namespace)] = states_audits(namespace)
        return self._fine[id(namespace)]

    def _is_own_class(self, found: type, file: Path | None) -> bool:
        if file is not None:
            return is_project(file, self.root)
        return any(isinstance(value, FunctionType) for value in vars(found).values()) or found.__module__ == "__main__"

    def _is_own_function(self, value: Any) -> bool:
        function = getattr(value, "__func__", value)
        if not isinstance(function, FunctionType):
            return False
        file = _file_of(function.__code__)
        return file is None or is_project(file, self.root)

    def _name(self, file: Path) -> str:
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else file.name

    def _add(self, *texts: str) -> None:
        for text in texts:
            encoded = text.encode("utf-8", "surrogatepass")
            self._hash.update(b"%d:" % len(encoded))
            self._hash.update(encoded)


def _file_of(code: CodeType) -> Path | None:
    """The file that code was compiled from; None where there is none (``exec``, a notebook's cell)."""
    file = Path(code.co_filename)
    return file.resolve() if file.is_file() else None


def _file_of_class(found: type) -> Path | None:
    """The file that defines a class: of its methods' code, or of its module where that is loaded."""
    for value in vars(found).values():
        function = getattr(value, "__func__", value)
        if isinstance(function, FunctionType) and function.__module__ == found.__module__:
            file = _file_of(function.__code__)
            if file is not None:
                return file
    file = getattr(sys.modules.get(found.__module__), "__file__", None)
    return None if file is None else Path(file).resolve()


def _namespace(found: type) -> Mapping[str, Any]:
    """The globals of the module that defines a class."""
    for value in vars(found).values():
        function = getattr(value, "__func__", value)
        if isinstance(function, FunctionType) and function.__module__ == found.__module__:
            return function.__globals__
    return vars(sys.modules[found.__module__]) if found.__module__ in sys.modules else {}


def _is_outline(name: str, value: Any) -> bool:
    """Whether a library's attribute says what an object does, and not how the library keeps it."""
    if callable(value):
        return True
    parts = value if isinstance(value, tuple | list) else (value,)
    return not name.startswith("_") and all(type(part) in _PLAIN or callable(part) for part in parts)


def _numbers(value: Tensor) -> Any:
    if value.is_meta or value.is_sparse or value.is_quantized or nn.parameter.is_lazy(value):
        return None
    try:
        return value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    except (RuntimeError, TypeError):  # a tensor that holds no numbers of its own
        return None


@functools.cache
def _distribution(top: str) -> tuple[str, ...]:
    """Names and versions of the distributions that install a top-level module."""
    found = []
    for name in sorted(set(packages_distributions().get(top, ()))):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return tuple(found)

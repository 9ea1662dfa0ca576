"""Whatever code of the user's a model runs, another text of it is another digest; other edits are none."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from modelaudit.language.sample import Preprocessing
from modelaudit.models import open_model, source_files
from modelaudit.models.code import code_digest

PLAIN = Preprocessing(resize=8, crop=8)
NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        nn.init.constant_(self.conv.weight, 0.5)
        nn.init.zeros_(self.conv.bias)

    def forward(self, x):
        return self.conv(x).mean((2, 3))
"""
AUDIT = """
import functools
import torch
import torchvision
from torch import nn
from modelaudit import Audit

audit = Audit(model="net.py:build", data="folder:photos")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules can be imported, and are forgotten at the end."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(source_files, "_BEGAN", time.time_ns() + 10**12)  # as if each text had its own process
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def write(project: Path, name: str, text: str) -> None:
    (project / name).write_text(textwrap.dedent(text), encoding="utf-8")
    for loaded in [one for one in sys.modules if f"{one}.py" == name]:
        del sys.modules[loaded]
    importlib.invalidate_caches()


def audit_file(project: Path, text: str) -> ModuleType:
    """A file that states an audit, imported anew."""
    write(project, "audit_line.py", AUDIT + textwrap.dedent(text))
    return importlib.import_module("audit_line")


def of(project: Path, ref: Any) -> str:
    return open_model(ref, root=project, preprocessing=PLAIN, allow_code=True).fingerprint


NEGATED = """
class N(Net):
    def forward(self, x):
        y = super().forward(x)
        {}

def build():
    return N()
"""


def test_the_file_of_a_factory_counts(project: Path) -> None:
    found = set()
    for line in ("return y", "return y.flip(1)", "return -y"):
        write(project, "net.py", NET + NEGATED.format(line))
        found.add(of(project, "net.py:build"))
    assert len(found) == 3


def test_an_edit_of_the_same_length_in_the_same_second_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    answers, found = [], set()
    for line in ("return +y", "return -y"):
        write(project, "net.py", NET + NEGATED.format(line))
        os.utime(project / "net.py", (1_700_000_000, 1_700_000_000))
        loaded = open_model("net.py:build", root=project, preprocessing=PLAIN, allow_code=True)
        found.add(loaded.fingerprint)
        answers.append(loaded.probe_digest)
    assert len(found) == 2 and answers[0] != answers[1]


def test_of_two_factories_in_a_file_each_is_another_model(project: Path) -> None:
    write(project, "net.py", NET + "\ndef one():\n    return Net()\n\ndef two():\n    return Net()\n")
    assert of(project, "net.py:one") != of(project, "net.py:two")


@pytest.mark.parametrize(
    "text",
    [
        "from helper import flipped\n",
        "import helper\nflipped = helper.flipped\n",
        "def flipped(y):\n    import helper\n    return helper.flipped(y)\n",
        "from between import flipped\n",
    ],
)
def test_a_helper_of_a_factory_counts_however_it_is_imported(project: Path, text: str) -> None:
    found = set()
    for sign in ("y", "-y"):
        write(project, "helper.py", f"def flipped(y):\n    return {sign}\n")
        write(project, "between.py", "from helper import flipped\n")
        write(
            project,
            "net.py",
            NET + text + "\nclass N(Net):\n    def forward(self, x):\n        return flipped(super().forward(x))\n",
        )
        found.add(of(project, "net.py:N"))
        write(project, "unrelated.py", f"value = '{sign}'")
        assert of(project, "net.py:N") in found
    assert len(found) == 2


#: the end of an audit file, with an edit in it
EDITS = {
    "a class": (
        """
        class N(Net):
            def forward(self, x):
                return {}super().forward(x)
        net = N()
        """,
        "",
        "-",
    ),
    "a base class": (
        """
        class B(Net):
            def forward(self, x):
                return {}super().forward(x)
        class N(B):
            pass
        net = N()
        """,
        "",
        "-",
    ),
    "an attribute of a class": (
        """
        class N(Net):
            sign = {}
            def forward(self, x):
                return self.sign * super().forward(x)
        net = N()
        """,
        "1",
        "-1",
    ),
    "an attribute of a module": (
        """
        class N(Net):
            def forward(self, x):
                return self.sign * super().forward(x)
        net = N()
        net.sign = {}
        """,
        "1",
        "-1",
    ),
    "a tensor that is no buffer": (
        """
        class N(Net):
            def forward(self, x):
                return self.sign * super().forward(x)
        net = N()
        net.sign = torch.tensor({})
        """,
        "1",
        "-1",
    ),
    "a function that a class calls": (
        """
        def signed(y):
            return {}y
        class N(Net):
            def forward(self, x):
                return signed(super().forward(x))
        net = N()
        """,
        "",
        "-",
    ),
    "a constant that a class names": (
        """
        SIGN = {}
        class N(Net):
            def forward(self, x):
                return SIGN * super().forward(x)
        net = N()
        """,
        "1",
        "-1",
    ),
    "a default": (
        """
        class N(Net):
            def forward(self, x, sign={}):
                return sign * super().forward(x)
        net = N()
        """,
        "1",
        "-1",
    ),
    "a lambda in a module": (
        """
        net = Net()
        net.act = lambda y: {}y
        """,
        "",
        "-",
    ),
    "a lambda that makes a model": (
        """
        net = lambda: Net().requires_grad_({})
        """,
        "True",
        "False",
    ),
    "a closure": (
        """
        def made(sign):
            class N(Net):
                def forward(self, x):
                    return sign * super().forward(x)
            return N()
        net = made({})
        """,
        "1",
        "-1",
    ),
    "a decorated method": (
        """
        def signed(f):
            @functools.wraps(f)
            def inner(*given):
                return {}f(*given)
            return inner
        class N(Net):
            @signed
            def forward(self, x):
                return super().forward(x)
        net = N()
        """,
        "",
        "-",
    ),
    "a property": (
        """
        class N(Net):
            @property
            def sign(self):
                return {}
            def forward(self, x):
                return self.sign * super().forward(x)
        net = N()
        """,
        "1",
        "-1",
    ),
    "a forward of its own": (
        """
        net = Net()
        net.forward = functools.partial(lambda x, sign: sign * net.conv(x).mean((2, 3)), sign={})
        """,
        "1",
        "-1",
    ),
    "a hook": (
        """
        net = Net()
        net.register_forward_hook(lambda module, given, y: {}y)
        """,
        "",
        "-",
    ),
    "a callable object": (
        """
        class Sign:
            def __call__(self, y):
                return {}y
        class N(Net):
            act = Sign()
            def forward(self, x):
                return self.act(super().forward(x))
        net = N()
        """,
        "",
        "-",
    ),
    "an object that makes models": (
        """
        class Maker:
            def __init__(self, sign):
                self.sign = sign
            def __call__(self):
                return Net()
        net = Maker({})
        """,
        "1",
        "-1",
    ),
    "a subclass of a torchvision model": (
        """
        class R(torchvision.models.ResNet):
            def forward(self, x):
                return {}super().forward(x)
        net = R(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], 2)
        for part in net.parameters():
            nn.init.constant_(part, 0.1)
        """,
        "",
        "-",
    ),
    "a function put into a class of a library": (
        """
        class N(Net):
            pass
        net = nn.Sequential(N())
        if {}:
            nn.Sequential.later = lambda self: 1
        """,
        "False",
        "True",
    ),
    "a helper that is imported": (
        """
        import helper
        class N(Net):
            def forward(self, x):
                return helper.signed(super().forward(x))
        net = N()
        """,
        "",
        "-",
    ),
    "a helper that a method imports": (
        """
        class N(Net):
            def forward(self, x):
                from helper import signed
                return signed(super().forward(x))
        net = N()
        """,
        "",
        "-",
    ),
    "a function of scores": (
        """
        from modelaudit.models import black_box
        net = black_box(lambda x: {}x.mean((2, 3))[:, :2])
        """,
        "",
        "-",
    ),
    "a module that a function of scores holds": (
        """
        from modelaudit.models import black_box
        own = Net()
        nn.init.constant_(own.conv.weight, {})
        net = black_box(lambda x: own(x), library='torch')
        """,
        "1",
        "2",
    ),
}


@pytest.mark.parametrize(("body", "first", "second"), EDITS.values(), ids=EDITS)
def test_an_edit_in_an_audit_file_is_another_model(project: Path, body: str, first: str, second: str) -> None:
    found = []
    for edit in (first, second, first):
        write(project, "helper.py", f"def signed(y):\n    return {edit}y\n")
        try:
            text = textwrap.dedent(body).replace("{}", edit)
            found.append(of(project, audit_file(project, NET + text).net))
        finally:
            if "later" in vars(nn.Sequential):
                del nn.Sequential.later
    assert found[0] != found[1]
    assert found[0] == found[2]


@pytest.mark.parametrize(
    "other",
    [
        "# a comment above\n\n" + NET + "net = Net()",
        NET + "net = Net()\nanother = Audit(model=net, data='folder:photos', confidence=0.9)",
        NET
        + "net = Net()\ndef test_it():\n    assert net\n\nclass Unused(Net):\n    def forward(self, x):\n        pass",
        NET + "import json\nTHRESHOLD = 0.9\nnet = Net()",
    ],
    ids=["moved lines", "another audit", "a test and a class", "a constant"],
)
def test_an_edit_of_an_audit_file_next_to_the_model_changes_nothing(project: Path, other: str) -> None:
    before = of(project, audit_file(project, NET + "net = Net()").net)
    assert of(project, audit_file(project, other).net) == before


def test_a_factory_in_a_file_of_audits_counts_and_the_rest_of_the_file_does_not(project: Path) -> None:
    found = []
    for scale, threshold in ((1, 0.5), (1, 0.6), (2, 0.5)):
        text = (
            NET
            + f"\ndef build():\n    return nn.Sequential(Net(), nn.Hardtanh({-scale}, {scale}))\nlimit = {threshold}\n"
        )
        audit_file(project, text)
        found.append(of(project, "audit_line.py:build"))
    assert found[0] == found[1] != found[2]


def test_a_file_that_is_written_while_the_process_runs_is_like_no_other(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process may have imported what was there before."""
    write(project, "net.py", NET)
    later = of(project, "net.py:Net")
    monkeypatch.setattr(source_files, "_BEGAN", 0)
    meanwhile = of(project, "net.py:Net")
    assert meanwhile != later
    assert of(project, "net.py:Net") == meanwhile


def test_the_place_of_a_project_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "_BEGAN", time.time_ns() + 10**12)
    found = set()
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "net.py").write_text(NET, encoding="utf-8")
        found.add(of(folder, "net.py:Net"))
    assert len(found) == 1


def in_a_process(folder: Path, command: str, seed: str) -> str:
    """What a command prints in a process whose hashes are its own."""
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_process_does_not_count(project: Path) -> None:
    text = NET + "class N(Net):\n    kinds = {'b', 'a', 'c', ('d', 1)}\n    act = lambda self, y: y\nnet = N()"
    write(project, "audit_line.py", AUDIT + text)
    found = {
        in_a_process(
            project,
            "import audit_line; from modelaudit.models.code import code_digest; from pathlib import Path; "
            "print(code_digest(audit_line.net, (), Path('.')))",
            seed,
        )
        for seed in ("1", "2")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    "model",
    [
        lambda: torchvision.models.squeezenet1_1(num_classes=2),
        lambda: torchvision.models.resnet18(num_classes=2),
        lambda: nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten(), nn.LazyLinear(2)),
    ],
    ids=["squeezenet", "resnet", "lazy"],
)
def test_models_of_libraries_have_one_digest_and_no_file(tmp_path: Path, model: Callable[[], nn.Module]) -> None:
    assert code_digest(model(), (), tmp_path) == code_digest(model(), (), tmp_path)


def test_a_plain_attribute_of_a_library_counts(tmp_path: Path) -> None:
    one, other = (torchvision.models.GoogLeNet(num_classes=2, init_weights=False, aux_logits=False) for _ in range(2))
    other.transform_input = True  # its repr does not tell
    assert code_digest(one, (), tmp_path) != code_digest(other, (), tmp_path)


def test_what_refers_to_itself_has_a_digest(tmp_path: Path) -> None:
    net = nn.Linear(2, 2)
    net.__dict__["itself"] = [net]
    assert code_digest(net, (), tmp_path)


def test_code_without_a_file_counts(tmp_path: Path) -> None:
    found = set()
    for sign in ("", "-", ""):
        namespace: dict[str, Any] = {}
        exec(NET + f"class N(Net):\n    def forward(self, x):\n        return {sign}super().forward(x)", namespace)
        found.add(code_digest(namespace["N"](), (), tmp_path))
    assert len(found) == 2


def test_a_pass_before_it_is_opened_changes_no_fingerprint(project: Path) -> None:
    module = audit_file(project, NET + "net = Net()").net
    before = of(project, module)
    module(torch.zeros(1, 3, 8, 8))
    assert of(project, module) == before

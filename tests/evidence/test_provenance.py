"""Where numbers come from: versions, device, seed and commit, and nothing about who or on which machine."""

from __future__ import annotations

import getpass
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from modelaudit.evidence.provenance import provenance
from modelaudit.evidence.record import Provenance


@pytest.fixture(autouse=True)
def no_repository_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the temporary folder lies in is not looked at."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)


def of(root: Path, device: str = "cpu") -> Provenance:
    return provenance(root=root, device=device, seed=3, micro_batch=16)


def git(folder: Path, *arguments: str) -> str:
    named = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *named, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("no git on the PATH")
    git(tmp_path, "init", "-q")
    (tmp_path / "audit_a.py").write_text("one\n")
    return tmp_path


def test_the_numbers_that_a_value_depends_on_are_there(tmp_path: Path) -> None:
    found = of(tmp_path)
    assert found.versions["torch"] == version("torch") and found.versions["python"] == platform.python_version()
    assert {"pytest-modelaudit", "torchvision", "captum", "numpy", "scipy", "pillow", "pytest"} < found.versions.keys()
    assert (found.device, found.seed, found.micro_batch, found.precision) == ("cpu", 3, 16, "float32")
    assert found.threads == torch.get_num_threads() and found.device_name


def test_it_names_no_user_no_host_and_no_path(tmp_path: Path) -> None:
    text = of(tmp_path).model_dump_json()
    assert str(tmp_path) not in text and str(Path.home()) not in text
    if len(platform.node()) > 3:
        assert platform.node() not in text
    if len(getpass.getuser()) > 4:
        assert getpass.getuser() not in text


def test_outside_of_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    found = of(tmp_path)
    assert found.git_commit is None and found.git_dirty is None


def test_without_git_there_is_no_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    found = of(repository)
    assert found.git_commit is None and found.git_dirty is None


def test_before_the_first_commit_there_is_no_commit(repository: Path) -> None:
    found = of(repository)
    assert found.git_commit is None and found.git_dirty is None


def test_the_commit_and_whether_tracked_files_differ_from_it(repository: Path) -> None:
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "one")
    found = of(repository)
    assert found.git_commit == git(repository, "rev-parse", "HEAD") and len(found.git_commit) == 40
    assert found.git_dirty is False
    (repository / "audit-results").mkdir()
    (repository / "audit-results" / "run.json").write_text("{}")
    assert of(repository).git_dirty is False  # what a run writes does not make it dirty
    (repository / "audit_a.py").write_text("two\n")
    assert of(repository).git_dirty is True


def test_a_folder_inside_a_repository_belongs_to_it(repository: Path) -> None:
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "one")
    (repository / "sub").mkdir()
    assert of(repository / "sub").git_commit == git(repository, "rev-parse", "HEAD")


def test_a_device_that_is_not_there_still_has_a_provenance(tmp_path: Path) -> None:
    assert of(tmp_path, "cuda:99" if not torch.cuda.is_available() else "cpu").device_name

"""The results folder: one folder a run, and a pointer to the newest that works with and without links."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelaudit.engine.results.settings import make_run_folder
from modelaudit.evidence.results_folder import LATEST, new_run_id, point_latest, resolve_run
from modelaudit.language import ResultsError

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, target: object, target_is_directory: bool = False) -> None:
        raise OSError("A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refused)


def runs(results: Path, *names: str) -> None:
    for name in names:
        (results / name).mkdir(parents=True)
        (results / name / "run.json").write_text("{}")


def test_ids_sort_by_time_and_do_not_repeat() -> None:
    ids = [new_run_id(NOON + timedelta(seconds=at)) for at in range(70)]
    assert ids == sorted(ids) and ids[0].startswith("20261123-120000-")
    assert len({new_run_id(NOON) for _ in range(20)}) > 15  # of 65,536
    assert abs(
        datetime.strptime(new_run_id()[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC) - datetime.now(UTC)
    ) < timedelta(seconds=5)


def test_latest_is_a_relative_link_to_the_newest_run(tmp_path: Path) -> None:
    runs(tmp_path, "a", "b")
    for name in ("a", "b"):
        point_latest(tmp_path, name)
        assert (tmp_path / LATEST).is_symlink() and (tmp_path / LATEST).readlink() == Path(name)
        assert (tmp_path / LATEST / "run.json").is_file()
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert (moved / LATEST / "run.json").is_file()
    assert sorted(path.name for path in moved.iterdir()) == ["a", "b", LATEST]


def test_latest_is_a_file_with_the_id_where_there_are_no_links(tmp_path: Path, without_links: None) -> None:
    runs(tmp_path, "a", "b")
    for name in ("a", "b"):
        point_latest(tmp_path, name)
        assert (tmp_path / LATEST).read_text() == f"{name}\n"
        assert resolve_run(tmp_path / LATEST) == tmp_path / name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", LATEST]


def test_a_file_gives_way_to_a_link_and_a_link_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(tmp_path, "a", "b", "c")
    (tmp_path / LATEST).write_text("a\n")
    point_latest(tmp_path, "b")
    assert (tmp_path / LATEST).is_symlink()
    monkeypatch.setattr(Path, "symlink_to", lambda *_, **__: (_ for _ in ()).throw(OSError("no links")))
    point_latest(tmp_path, "c")
    assert not (tmp_path / LATEST).is_symlink() and resolve_run(tmp_path / LATEST) == tmp_path / "c"


def test_a_link_to_a_run_that_was_deleted_is_replaced(tmp_path: Path) -> None:
    runs(tmp_path, "b")
    (tmp_path / LATEST).symlink_to("gone")
    point_latest(tmp_path, "b")
    assert (tmp_path / LATEST / "run.json").is_file()


def test_a_folder_that_is_called_latest_is_left_alone(tmp_path: Path) -> None:
    runs(tmp_path, "a", LATEST)
    with pytest.raises(ResultsError, match=r"latest: is a folder of its own.*move it away"):
        point_latest(tmp_path, "a")
    assert (tmp_path / LATEST / "run.json").is_file()


def test_a_run_is_found_from_its_folder_its_record_and_the_pointer(tmp_path: Path) -> None:
    runs(tmp_path, "a")
    point_latest(tmp_path, "a")
    assert resolve_run(tmp_path / "a") == tmp_path / "a"
    assert resolve_run(tmp_path / "a" / "run.json") == tmp_path / "a"
    assert resolve_run(tmp_path / LATEST).resolve() == tmp_path / "a"
    assert resolve_run(tmp_path / LATEST / "run.json").resolve() == tmp_path / "a"


def test_a_new_results_folder_ignores_itself_in_git(tmp_path: Path) -> None:
    make_run_folder(tmp_path / "audit-results" / "1")
    make_run_folder(tmp_path / "audit-results" / "2")
    assert (tmp_path / "audit-results" / ".gitignore").read_text() == "*\n"
    assert not (tmp_path / "audit-results" / "1" / ".gitignore").exists()


def test_a_folder_that_was_there_is_not_hidden_from_git(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    make_run_folder(tmp_path / "reports" / "1")
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["1"]

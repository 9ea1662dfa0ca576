"""A file is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelaudit.language.errors import AcceptanceError, ResultsError
from modelaudit.language.whole_file import write_whole


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    assert write_whole(tmp_path / "text", "監査\n").read_bytes() == "監査\n".encode()
    assert write_whole(tmp_path / "bytes", b"\r\n\x00").read_bytes() == b"\r\n\x00"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bytes", "text"]


def test_a_failure_is_an_error_that_names_the_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(AcceptanceError, match=r"taken: cannot be written \(Is a directory\); give the path of a file"):
        write_whole(tmp_path / "taken", "text", AcceptanceError)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    with pytest.raises(
        ResultsError, match=r"missing/file: cannot be written \(No such file.*\); make the folder .*missing first"
    ):
        write_whole(tmp_path / "missing" / "file", "text")

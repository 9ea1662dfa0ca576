"""What is left of paths in texts that reports show."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.language.machine_paths import places_of, without_folders, without_machine_paths


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("OSError: [Errno 2] No such file: '/home/jane doe/line a/x.png'", "OSError: [Errno 2] No such file: 'x.png'"),
        ("(/home/jane/audit_a.py:12)", "(audit_a.py:12)"),
        ("/home/jane/x.png", "x.png"),
        ("/tmp", "tmp"),
        ("x.png of ~/data/a, ~jane/data/b", "x.png of a, b"),
        ("see file:///home/jane/x.png", "see x.png"),
        (r"C:\Users\jane\x.pt and D:/models/y.pt", "x.pt and y.pt"),
        (r"on \\server\share\x.png", "on x.png"),
        ("../../other/x.png", "x.png"),
        ("swap_background('folder:/srv/pool')", "swap_background('folder:pool')"),
        ("cache=/srv/cache/x", "cache=x"),
        ("/opt/venv/lib/python3.12/site-packages/torch/nn/module.py:3", "torch/nn/module.py:3"),
    ],
)
def test_a_path_outside_of_the_rootdir_is_its_name(text: str, shown: str) -> None:
    assert without_machine_paths(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "accuracy / accuracy.under(lighting(3)) > 0.9",
        "https://example.org/a/b and s3://bucket/a/b",
        "data/line_a/x.png, ./here/x.png",
        "strength 2/5, and/or, </p>, 1 / 2",
        r"x\u202e\u2066y",
        "",
        "/",
    ],
)
def test_what_is_no_path_of_a_machine_stays(text: str) -> None:
    assert without_machine_paths(text) == text


def test_what_is_below_the_rootdir_is_relative_to_it() -> None:
    text = "in /srv/my audits/audits/a.py:3 (/srv/my audits), not in /srv/my audits2/b.py"
    assert without_machine_paths(text, root="/srv/my audits") == "in audits/a.py:3 (.), not in my audits2/b.py"


def test_a_known_folder_may_have_spaces() -> None:
    text = "unreadable: /mnt/my data/line a/x.png: truncated; see /mnt/my data/line a"
    assert without_machine_paths(text, known=["/mnt/my data/line a"]) == "unreadable: x.png: truncated; see line a"


@pytest.mark.parametrize(
    ("reference", "shown", "places"),
    [
        ("folder:/mnt/my data/a?masks=~/m m&x=1", "folder:a?masks=m m&x=1", ["/mnt/my data/a", "~/m m"]),
        ("/srv/net.py:build", "net.py:build", ["/srv/net.py"]),
        (r"onnx:C:\models\a b.onnx", "onnx:a b.onnx", [r"C:\models\a b.onnx"]),
        ("folder:../shared/pets", "folder:pets", ["../shared/pets"]),
        ("torchvision:resnet50@IMAGENET1K_V2", "torchvision:resnet50@IMAGENET1K_V2", []),
        ("remote:https://example.org/v1/x", "remote:https://example.org/v1/x", []),
    ],
)
def test_a_reference_keeps_everything_but_the_folders(reference: str, shown: str, places: list[str]) -> None:
    assert without_folders(reference) == shown
    assert places_of(reference) == places


PARTS = st.text(string.ascii_letters + string.digits + "_-. 写é", min_size=1).filter(lambda part: part.strip(". "))


@given(st.lists(PARTS, min_size=1, max_size=4), PARTS)
def test_no_folder_of_a_quoted_path_or_a_reference_is_left(folders: list[str], name: str) -> None:
    path = "/".join(["", *(f"secret{folder}" for folder in folders), name])
    assert without_machine_paths(f"cannot read '{path}' here") == f"cannot read '{name}' here"
    assert without_folders(f"folder:{path}?masks={path}") == f"folder:{name}?masks={name}"

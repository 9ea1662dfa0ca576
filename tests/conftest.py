"""What every test may rely on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["pytester"]
settings.register_profile("modelaudit", deadline=None, print_blob=True)
settings.load_profile("modelaudit")


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of the real model and photos; skips where it is missing."""
    folder = Path(os.environ.get("MODELAUDIT_ASSETS", Path(__file__).parents[2] / "shared" / "assets"))
    if not (folder / "pets").is_dir():
        pytest.skip(f"no real model and photos at {folder}; set MODELAUDIT_ASSETS")
    return folder

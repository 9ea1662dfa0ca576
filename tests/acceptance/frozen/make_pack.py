"""Makes the frozen pack, once for each version of the format.

``PYTHONPATH=.:tests python tests/acceptance/frozen/make_pack.py`` in the root of the repository.

The run that it holds is a FAIL. Private keys are thrown away, so that nobody can make it again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from acceptance.handed_over import copy_public, hand_over
from pytest_plugin import line

from modelaudit.acceptance.pack import VERSION

HERE = Path(__file__).parent


def freeze() -> None:
    target = HERE / f"pack-v{VERSION}.zip"
    if target.exists():
        raise SystemExit(f"{target}: is frozen; a new version of the format gets a file of its own")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(line.__file__, folder)

        def session(arguments: list[str]) -> None:
            subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *arguments], cwd=folder)

        pack = hand_over(folder, session, requirement="accuracy < 0.5")
        shutil.copy(pack, target)
        copy_public(folder, HERE)
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    freeze()

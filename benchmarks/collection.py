"""How long counting images takes at collection: fifty cases on a folder of ten thousand, and on none.

Prints the seconds of ``pytest --collect-only`` for both. Nothing is decoded: the files are empty.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

IMAGES, CASES = 10_000, 50
AUDIT = """
from modelaudit import Audit
from modelaudit.measures import accuracy

audit = Audit(model="demo:sound", data="{data}")
"""


def seconds(folder: Path, data: str) -> float:
    """The time of one collection, imports included."""
    cases = "\n".join(f"c{at} = audit.expect(accuracy >= 0.99{at:02})" for at in range(CASES))
    (folder / "audit_many.py").write_text(AUDIT.format(data=data) + cases, encoding="utf-8")
    began = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Write the images, collect twice, and print the difference."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for at in range(IMAGES):
            file = folder / "data" / "ab"[at % 2] / f"{at}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        counted, nothing = seconds(folder, "folder:data"), seconds(folder, "folder:missing")
    print(f"{CASES} cases on {IMAGES} images: {counted:.1f} s; on no images: {nothing:.1f} s")


if __name__ == "__main__":
    main()

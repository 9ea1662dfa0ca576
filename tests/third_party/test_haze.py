"""A context of another distribution is one file and this test: an entry point finds it, and it reads like our own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from modelaudit.evidence.record import read_record

HERE = Path(__file__).parent
AUDIT = """
model: demo:sound
data: demo:?images=32&seed=1
checks: "off"
expect:
  survives_haze:
    that: accuracy.under(haze(0.4)) > 0.2
  survives_more:
    that: accuracy - accuracy.under(haze(0.2, region=whole) | fog(2)) < 0.9
"""


def test_a_context_of_a_third_party_is_one_file_and_reads_well_in_both_languages(tmp_path: Path) -> None:
    (tmp_path / "line.audit.yaml").write_text(AUDIT, encoding="utf-8")
    roots = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", "--audit-store=off"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": roots, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    latest = tmp_path / "audit-results/latest"
    assert read_record(latest).cases[0].wording.contexts["haze(0.4)"]["ja"].label == "背景へのもや"
    page = (latest / "report.html").read_text(encoding="utf-8")
    for sentence in (
        "When haze covers the background (density 0.4), ",
        "背景にもやをかけた場合（濃度0.4）、",
        "When haze covers the whole image (density 0.2) and then fog covers the background (severity 2 of 5), ",
        "画像全体にもやをかけ（濃度0.2）、さらに背景に霧を重ねた場合（強度2/5段階）、",
    ):
        assert sentence in page

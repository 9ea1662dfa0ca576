"""The report in a real browser: it fits a phone, asks the network for nothing, switches language, prints on A4."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from report.sample_record import case, decision, measure, record

from modelaudit.report import render_html

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no chromium or chrome on the PATH"),
]
#: a page of 390 px around the report; it reports what it sees in each language as JSON
HARNESS = """<!DOCTYPE html><body><iframe src="{name}" width="390" height="800" style="border:0"></iframe>
<pre id="seen"></pre><script>
addEventListener("load", function () {{
  var inside = document.querySelector("iframe").contentWindow, page = inside.document, seen = {{}};
  page.querySelectorAll(".choice").forEach(function (choice) {{
    choice.click();
    var shown = [].filter.call(page.querySelectorAll(".page"), function (each) {{ return each.offsetHeight > 0; }});
    seen[choice.value] = {{
      width: page.documentElement.scrollWidth, lang: page.documentElement.lang, title: page.title,
      shown: shown.map(function (each) {{ return each.lang; }}), height: page.documentElement.scrollHeight
    }};
  }});
  seen.requests = inside.performance.getEntriesByType("resource").map(function (each) {{ return each.name; }});
  document.getElementById("seen").textContent = JSON.stringify(seen);
}});
</script>"""


def browse(folder: Path, *arguments: str) -> str:
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
    ]
    found = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, check=True)
    return found.stdout


def seen_on_a_phone(folder: Path, html: str) -> dict[str, dict[str, object]]:
    (folder / "report.html").write_text(html, encoding="utf-8")
    harness = folder / "harness.html"
    harness.write_text(HARNESS.format(name="report.html"), encoding="utf-8")
    dumped = browse(
        folder, "--allow-file-access-from-files", "--virtual-time-budget=3000", "--dump-dom", harness.as_uri()
    )
    found = re.search(r'<pre id="seen">(\{.*\})</pre>', dumped)
    assert found is not None, dumped[-500:]
    seen: dict[str, dict[str, object]] = json.loads(found[1])
    return seen


def test_it_fits_a_phone_switches_language_and_asks_the_network_for_nothing(tmp_path: Path) -> None:
    run = record(tmp_path)
    long_name = "very_" * 30 + "long"
    worst = case(long_name, measure(), ">", 0.9, "FAIL", decision=decision("FAIL", 0.2, 0.1, 0.3), message="x" * 300)
    run = run.model_copy(update={"cases": [*run.cases, worst]})
    seen = seen_on_a_phone(tmp_path, render_html(run, tmp_path))
    assert seen["requests"] == []
    for language in ("en", "ja"):
        assert seen[language]["width"] == 390
        assert seen[language]["lang"] == language
        assert seen[language]["shown"] == [language]
    assert str(seen["ja"]["title"]).startswith("エラー · 20261123")


def test_a_page_that_does_ask_or_overflow_would_be_noticed(tmp_path: Path) -> None:
    html = render_html(record(), tmp_path)
    without_policy = re.sub(r"<meta http-equiv[^>]*>", "", html)
    leaking = without_policy.replace(
        "<main>", '<main><img src="http://127.0.0.1:9/leak.png"><p style="width:900px">.</p>'
    )
    seen = seen_on_a_phone(tmp_path, leaking)
    # the pictures of both pages are one address: whether the browser fetches it once or twice is a matter of timing
    assert set(seen["requests"]) == {"http://127.0.0.1:9/leak.png"}
    assert int(str(seen["en"]["width"])) >= 900


@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_prints_on_a4(tmp_path: Path, language: str) -> None:
    page, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    page.write_text(render_html(record(tmp_path), tmp_path, language=language), encoding="utf-8")
    browse(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.as_uri())
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf.read_bytes())
    assert 4 <= len(boxes) <= 12
    assert {(round(float(width)), round(float(height))) for width, height in boxes} == {(595, 842)}

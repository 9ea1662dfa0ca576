"""The files that run audits in continuous integration, and those that every project with audits has."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Service = Literal["github", "gitlab"]
#: what git is not to see
IGNORED = ("audit-results/", ".modelaudit/")
_INI = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")

_GITHUB = """\
# Audits decide whether the model may be deployed: the job succeeds only where every expectation passes.
name: audits
on:
  push:
  pull_request:
  workflow_dispatch:
jobs:
  audits:
    runs-on: ubuntu-latest
    timeout-minutes: 120
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
          cache: pip
      # pytest-modelaudit, and what your model needs
      - run: pip install -r requirements.txt
      # what was measured is kept, so that the next run computes only what is new
      - uses: actions/cache@v4
        with:
          path: |
            .modelaudit
            ~/.cache/torch
          key: modelaudit-${{ github.ref_name }}-${{ github.run_id }}
          restore-keys: |
            modelaudit-${{ github.ref_name }}-
            modelaudit-
      - run: modelaudit gate audits/ --junitxml=audit-results/junit.xml
      # annotates the lines of requirements that are not met
      - name: Summary
        if: always()
        run: modelaudit export github audit-results/latest
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: audit-results
          path: |
            audit-results/latest/
            audit-results/junit.xml
"""

_GITLAB = """\
# Audits decide whether the model may be deployed: the job succeeds only where every expectation passes.
# In .gitlab-ci.yml:
#   include:
#     - local: modelaudit.gitlab-ci.yml
audits:
  stage: test
  image: python:3.12
  timeout: 2 hours
  before_script:
    # pytest-modelaudit, and what your model needs
    - pip install -r requirements.txt
  script:
    - modelaudit gate audits/ --junitxml=audit-results/junit.xml
  after_script:
    - cat audit-results/latest/summary.md
    # marks the lines of requirements that are not met
    - modelaudit export gitlab audit-results/latest -o gitlab
  # what was measured is kept, so that the next run computes only what is new
  cache:
    key: modelaudit-$CI_COMMIT_REF_SLUG
    fallback_keys:
      - modelaudit-$CI_DEFAULT_BRANCH
    paths:
      - .modelaudit/
  artifacts:
    when: always
    paths:
      - audit-results/
      - gitlab/
    reports:
      junit: audit-results/junit.xml
      codequality: gitlab/gl-code-quality-report.json
"""
_WORKFLOWS: dict[Service, tuple[str, str]] = {
    "github": (".github/workflows/modelaudit.yml", _GITHUB),
    "gitlab": ("modelaudit.gitlab-ci.yml", _GITLAB),
}
#: pytest takes the folder of its configuration for the one where relative paths of audits start
PYTEST_INI = "# Relative paths in audits start at the folder of this file.\n[pytest]\n"
#: the head of the report, to be filled in
ABOUT = """\
# The head of the report. All of it is optional: take the # away from what you fill in.
# A text may be given for each language: {en: ..., ja: ...}
# title: Release audit
# customer: Example Ltd.
# issuer: Audit office
# number: "2026-001"
# model:
#   name: Line classifier
#   version: "1.0"
# data:
#   name: Line A
#   where: Kobe plant, camera 2
#   when: 2026-10-01 to 2026-10-14
"""


def workflow(service: Service) -> tuple[str, str]:
    """The path of a workflow below the repository, and its text."""
    return _WORKFLOWS[service]


def not_yet_ignored(gitignore: str) -> list[str]:
    """The folders of results that a .gitignore does not name yet."""
    named = {line.strip().strip("/") for line in gitignore.splitlines() if not line.lstrip().startswith("#")}
    return [folder for folder in IGNORED if folder.strip("/") not in named]


def rootdir_of(folder: Path) -> Path | None:
    """The folder that pytest will take for its rootdir: that of the nearest configuration; None where there is none.

    As pytest looks for it: a file that configures pytest, of `folder` or one above, before a bare pyproject.toml.
    """
    folders = (folder, *folder.parents)
    configured = next(
        (one for one in folders if any(_configures(one / name) for name in (*_INI, "pyproject.toml"))), None
    )
    if configured is not None:
        return configured
    bare = next((one for one in folders if (one / "pyproject.toml").is_file()), None)
    return bare or next((one for one in folders if (one / "setup.py").is_file()), None)


def _configures(path: Path) -> bool:
    if not path.is_file():
        return False
    section = {"pyproject.toml": "[tool.pytest", "tox.ini": "[pytest]", "setup.cfg": "[tool:pytest]"}.get(path.name)
    return section is None or section in path.read_text(encoding="utf-8", errors="replace")

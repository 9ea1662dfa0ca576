"""The pytest plugin: hooks and options.

Loading it costs a session without audits next to nothing: what is heavy is imported when the first audit file is
collected.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .functions import StatedInFunctions
from .options import add_options, read_options

if TYPE_CHECKING:
    from .session import AuditSession

PYTHON_PATTERN = "audit_*.py"
YAML_SUFFIXES = (".audit.yaml", ".audit.yml")
SESSION_KEY = pytest.StashKey["AuditSession"]()


class AuditWarning(pytest.PytestWarning):
    """An audit case that was INCONCLUSIVE under ``--audit-inconclusive=warn``."""


def audit_session(config: pytest.Config) -> AuditSession:
    """The state of this process's audits, made when first asked for."""
    if SESSION_KEY not in config.stash:
        from .session import AuditSession

        config.stash[SESSION_KEY] = AuditSession(config)
    return config.stash[SESSION_KEY]


def _existing(config: pytest.Config) -> AuditSession | None:
    return config.stash.get(SESSION_KEY, None)


class _Reports:
    """Listens to reports, also those that come from the workers of pytest-xdist; that hook is not given the config.

    It comes last, when pytest's JUnit log has made its entry of the report.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "modelaudit"):
            from .junit import type_failure

            record = audit_session(self._config).note(report)
            type_failure(self._config, report, record)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    read_options(config)  # a wrong value is a usage error, before anything is collected
    # a hook of our own that collected these files beside pytest's would make an explicit node id run twice
    config.addinivalue_line("python_files", PYTHON_PATTERN)
    config.pluginmanager.register(_Reports(config), "modelaudit-reports")
    config.pluginmanager.register(StatedInFunctions(), "modelaudit-functions")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if not module_path.match(PYTHON_PATTERN):
        return None
    from .collect import AuditModule

    return AuditModule.from_parent(parent, path=module_path)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not file_path.name.endswith(YAML_SUFFIXES):
        return None
    from .collect import AuditYamlFile

    return AuditYamlFile.from_parent(parent, path=file_path)


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: Any) -> list[pytest.Item] | None:
    if type(obj).__name__ != "AuditCase":
        return None
    from .collect import AuditModule, items_of, refuse_elsewhere

    if isinstance(collector, AuditModule):
        return items_of(collector, name, obj)
    refuse_elsewhere(collector, name, obj)
    return None


def pytest_collection_finish(session: pytest.Session) -> None:
    state = _existing(session.config)
    if state is not None:
        state.select(session.items)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Before anything is measured: which expectations could not pass, whatever the images show."""
    state = _existing(config)
    return [] if state is None else state.foresee(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    state = _existing(session.config)
    if state is not None and not session.config.option.collectonly:
        state.started = not session.testsfailed or session.config.option.continue_on_collection_errors


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    state = _existing(item.config)
    if state is not None:
        state.annotate(item, report)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    inconclusive = getattr(report, "modelaudit_verdict", None) == "INCONCLUSIVE" and report.when == "call"
    return ("inconclusive", "I", "INCONCLUSIVE") if inconclusive and not hasattr(report, "wasxfail") else None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    state = _existing(session.config)
    if state is not None:
        state.finish(session)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    state = _existing(config)
    for line in _misnamed(config, () if state is None else state.declared):
        terminalreporter.write_line(line, yellow=True)
    if state is not None:
        from .terminal import summarise

        summarise(terminalreporter, state)


def _misnamed(config: pytest.Config, declared: Iterable[str]) -> list[str]:
    """Lines about files that look like audits and were not collected."""
    from .misnamed import misnamed, warnings_of

    asked = [config.invocation_params.dir / arg.split("::")[0] for arg in config.args]
    audit_files = {config.rootpath / name.split("::")[0] for name in declared}
    patterns = [*config.getini("python_files"), *(f"*{suffix}" for suffix in YAML_SUFFIXES)]
    return warnings_of(misnamed(asked, audit_files, patterns), config.rootpath)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist: every worker of a run writes into the same run."""
    node.workerinput["modelaudit_run"] = audit_session(node.config).run_id


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """pytest-xdist: what a worker collected, which the controller does not do itself."""
    found = getattr(node, "workeroutput", {}).get("modelaudit")
    if found is not None:
        audit_session(node.config).adopt(found)

"""The pytest plugin: hooks and options.

Loading it costs a session without audits next to nothing: what is heavy is imported when the first audit file is
collected.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..evidence.results_folder import take_receipt
from ..language.plain_text import plain
from .audit_files import PYTHON_PATTERN, YAML_SUFFIXES, is_audit_file, looks_only, uncollected
from .expect_in_functions import StatedInFunctions
from .options import add_options, check_gate, load_key, read_options
from .stash import FINISHED, MEASURES_FOR, ORDER, RECEIPT, SESSION, SIGNER, SPLITTABLE, STARTED, handed_over
from .typed_arguments import typed_arguments

if TYPE_CHECKING:
    from .session import AuditSession

#: of test functions in audit files: see fixtures.py
_MARKER = (
    "audit(audit, model=None, samples=5): the audit of the file, and the name of its model, that the fixtures model, "
    "sample and predict are of; and for how many of its samples a test with sample is repeated, or their ids"
)
#: see evidence.states, which is not loaded where there are no audits
_NO_VERDICT = 10
#: see engine.executors, which is not loaded either
MEASURES_FOR_VARIABLE = "MODELAUDIT_MEASURES_FOR"


def audit_session(config: pytest.Config) -> AuditSession:
    """The state of this process's audits, made when first asked for."""
    from .session import audit_session

    return audit_session(config)


def _existing(config: pytest.Config) -> AuditSession | None:
    return config.stash.get(SESSION, None)


class _Reports:
    """Listens to reports, also those that come from the workers of pytest-xdist; that hook is not given the config.

    It comes last, when pytest's JUnit log has made its entry of the report.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._run_again: dict[str, object] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "modelaudit"):
            self._ended(report)
        elif report.when == "teardown" and report.nodeid in self._run_again:
            from .outcome import drop_entry

            drop_entry(self._config, self._run_again.pop(report.nodeid))
        if report.failed and not hasattr(report, "modelaudit") and is_audit_file(Path(report.location[0]).name):
            audit_session(self._config).completeness.item_failed(report.location[0], report.nodeid)
        stated = getattr(report, "modelaudit_stated", ())
        if stated and is_audit_file(Path(report.location[0]).name):
            audit_session(self._config).completeness.stated_in_functions(report.location[0], stated)

    def _ended(self, report: pytest.TestReport) -> None:
        """A failure that pytest-rerunfailures or pytest-retry tries once more does not end the case."""
        from .outcome import entry_of, type_failure

        if report.outcome not in ("passed", "failed", "skipped"):
            self._run_again[report.nodeid] = entry_of(self._config, report)
            return
        self._run_again.pop(report.nodeid, None)
        record = audit_session(self._config).record_outcome(report)
        type_failure(self._config, report, record)


class _Undecided:
    """Prints undecided cases where pytest has printed the failed ones."""

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        if _existing(config) is not None:
            from .terminal import tell_undecided

            tell_undecided(terminalreporter)


class _BeforeSplit:
    """Sees the items as pytest-split does, which divides them when all else is deselected.

    Of hooks that ask to come last the one that was registered first comes first, and that plugin registers later.
    """

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if _existing(config) is not None:
            config.stash[SPLITTABLE] = list(items)


class _LastWord:
    """Applies the exit status of the audits when every other plugin has had its say.

    Registered after the conftest files that pytest loads at its start: the last registered wrapper is the outermost.
    """

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, int | None, int | None]:
        status = yield
        if status is None or hasattr(config, "workerinput") or typed_arguments(config).only_tells:
            return status
        return _exit_status(config, int(status))


def _exit_status(config: pytest.Config, status: int) -> int:
    """The exit status of the process, from what pytest and the other plugins made of it."""
    finished, state = config.stash.get(FINISHED, False), _existing(config)
    if state is not None and finished:
        return state.final(status)
    files = [] if finished or status != pytest.ExitCode.OK else uncollected(config)
    if not files:
        return status
    said = f"error: the session ended before its audits were run ({len(files)} audit files, e.g. {files[0]}); "
    sys.stderr.write(plain(f"{said}something in a conftest.py or a plugin ended it") + "\n")
    return _NO_VERDICT


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    add_options(parser)
    pluginmanager.register(_BeforeSplit(), "modelaudit-before-split")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    early_config.stash[RECEIPT] = take_receipt(os.environ)  # before any code of the project runs
    if MEASURES_FOR_VARIABLE in os.environ:
        from .measuring_worker import take_commission

        take_commission(early_config, MEASURES_FOR_VARIABLE, os.environ)
    try:
        yield
    except SystemExit as error:
        raise pytest.UsageError(f"a conftest.py ended pytest while it was loaded: SystemExit({error.code})") from error
    early_config.pluginmanager.register(_LastWord(), "modelaudit-last-word")


def pytest_configure(config: pytest.Config) -> None:
    options = read_options(config)  # a wrong value is a usage error, before anything is collected
    if handed_over(config) is None:
        check_gate(config, options)
        if options.sign is not None and not typed_arguments(config).only_tells:
            config.stash[SIGNER] = load_key(config, options.sign)  # now: it may ask for a password, or be wrong
    if looks_only(config, typed_arguments(config)):
        config.args = []
    # a hook of our own that collected these files in addition to pytest's would make an explicit node id run twice
    config.addinivalue_line("python_files", PYTHON_PATTERN)
    config.addinivalue_line("markers", _MARKER)
    config.pluginmanager.register(_Reports(config), "modelaudit-reports")
    config.pluginmanager.register(_Undecided(), "modelaudit-undecided")
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
    if type(obj).__name__ not in ("AuditCase", "NoWorse"):
        return None
    from .collect import AuditModule, items_of, refuse_elsewhere

    if isinstance(collector, AuditModule):
        return items_of(collector, name, obj)
    refuse_elsewhere(collector, name, obj)
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.path.match(PYTHON_PATTERN):
        from .fixtures import repeat_for_samples

        repeat_for_samples(metafunc)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    if config.option.audit_model is not None:
        from .look import AuditLook

        items[:0] = session.genitems(AuditLook.of(session))
    if _existing(config) is not None:
        config.stash[ORDER] = [item.nodeid for item in items]
    yield


def pytest_collection_finish(session: pytest.Session) -> None:
    state, stash = _existing(session.config), session.config.stash
    if state is not None:
        order: list[str] = stash.get(ORDER, [])
        splittable: list[pytest.Item] = stash.get(SPLITTABLE, [])
        try:
            state.select(session.items, order, splittable)
        except pytest.UsageError as error:
            if state.is_worker:
                session.shouldstop = str(error)  # pytest-xdist tells that; it takes a worker that just ends for a crash
            raise


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Before anything is measured: which expectations could not pass, whatever the images show."""
    state = _existing(config)
    return [] if state is None else [plain(line) for line in state.infeasible_lines(items)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    option = session.config.option
    collected = not session.testsfailed or option.continue_on_collection_errors
    session.config.stash[STARTED] = collected and not option.collectonly
    if MEASURES_FOR in session.config.stash:
        audit_session(session.config).measure_for_run()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    state = _existing(item.config)
    if state is not None:
        state.annotate(item, report, call.excinfo)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    if report.when != "call" or hasattr(report, "wasxfail") or report.outcome not in ("passed", "failed", "skipped"):
        return None
    if getattr(report, "modelaudit_outcome", None) == "quick_look":
        return "quick look", "Q", "QUICK LOOK"
    inconclusive = getattr(report, "modelaudit_verdict", None) == "INCONCLUSIVE"
    return ("inconclusive", "I", "INCONCLUSIVE") if inconclusive else None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    if typed_arguments(config).only_tells:
        return
    config.stash[FINISHED] = True
    state = _existing(config)
    if state is None and not hasattr(config, "workerinput"):
        state = audit_session(config) if uncollected(config) else None
    if state is not None:
        state.end_workers()
        state.finish(session, started=config.stash.get(STARTED, False))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Generator[None]:
    """Comes last, after pytest's own short summary: what the audits came to stands at the end."""
    yield
    state = _existing(config)
    for line in _misnamed(config, () if state is None else state.completeness.declared):
        terminalreporter.write_line(plain(line), yellow=True)
    if state is not None:
        from .terminal import summarise

        language, report = state.options.language, Path(state.report_path)
        summarise(terminalreporter, state.record, language=language, complaint=state.complaint, report=report)
        if state.options.look is not None and state.record is not None:
            from .look import HINT

            terminalreporter.write_line(HINT)


def _misnamed(config: pytest.Config, declared: Iterable[str]) -> list[str]:
    """Lines about files that look like audits and were not collected."""
    from .audit_files import find_misnamed, misnamed_warnings

    asked = [config.invocation_params.dir / arg.split("::")[0] for arg in config.args]
    audit_files = {config.rootpath / name.split("::")[0] for name in declared}
    patterns = [*config.getini("python_files"), *(f"*{suffix}" for suffix in YAML_SUFFIXES)]
    return misnamed_warnings(find_misnamed(asked, audit_files, patterns), config.rootpath)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """pytest-xdist: in a run of audits each worker has one of the caller's CUDA devices, before it imports torch."""
    if not uncollected(config):
        return
    from ..engine.executors.worker_processes import visible_devices

    devices = visible_devices(os.environ, read_options(config).device)
    for place, spec in enumerate(specs if len(devices) > 1 else ()):
        spec.env.setdefault("CUDA_VISIBLE_DEVICES", devices[place % len(devices)])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist: every worker of a run writes into the same run."""
    state = audit_session(node.config)
    state.read_stated()
    node.workerinput |= state.handed


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """pytest-xdist: what a worker collected, which the controller does not do itself."""
    found = getattr(node, "workeroutput", {}).get("modelaudit")
    if found is not None:
        audit_session(node.config).adopt(found)

"""The plugin's options, each with an ini twin (``--audit-seed`` is ``audit_seed``)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from ..language.byte_size import byte_size
from ..language.errors import AcceptanceError, ResultsError
from ..language.languages import LANGUAGES
from .typed_arguments import typed_arguments

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

#: the ini twins that are registered
INI_NAMES: list[str] = ["audit_allow_code", "audit_redact"]


def add_options(parser: pytest.Parser) -> None:
    """Register the options and their ini twins."""
    group = parser.getgroup("audit", "model audits (modelaudit)")

    def add(name: str, default: str, description: str, **how: Any) -> None:
        group.addoption(f"--{name}", default=None, help=f"{description} (ini: {_ini(name)}; default: {default})", **how)
        parser.addini(_ini(name), description, default=None)
        if _ini(name) not in INI_NAMES:
            INI_NAMES.append(_ini(name))

    add("audit-results", "audit-results", "folder for the results of audits, one folder a run", metavar="DIR")
    add(
        "audit-store",
        ".modelaudit",
        "folder of the store of per-image values, so that later runs compute only what is new; off keeps nothing",
        metavar="DIR|off",
    )
    add("audit-device", "auto", "device that audits run on: auto, cpu, cuda, cuda:1, mps", metavar="DEVICE")
    add(
        "audit-executor",
        "auto",
        "who measures: this process (local), processes, Ray (ray, or ray:ADDRESS of a cluster); auto: processes where "
        "there are several GPUs",
        metavar="auto|local|processes|ray[:ADDRESS]",
    )
    add("audit-workers", "one a GPU", "processes or actors that measure", metavar="N")
    add("audit-seed", "0", "seed of every random draw of audits that give none themselves", metavar="SEED")
    add("audit-limit", "all", "quick look at N images of each data set; it decides nothing", metavar="N")
    add("audit-micro-batch", "what fits", "images that go through a model at a time", metavar="N")
    add(
        "audit-inconclusive",
        "fail",
        "what an inconclusive audit case does to its item",
        metavar="fail|warn",
    )
    add(
        "audit-language",
        "en",
        "language of the terminal, of JUnit XML and summary.md, and that in which the report opens",
        metavar="en|ja",
    )
    add(
        "audit-report-budget",
        "5MB",
        "the most that report.html may take; its pictures get smaller, then fewer, and it says so",
        metavar="SIZE",
    )
    add("audit-checks", "on", "how audits are themselves audited: on, or off for the whole run", metavar="on|off")
    add(
        "audit-sign",
        "unsigned",
        "private key (PEM file, or the address of a token) that signs the evidence of the run into evidence.dsse",
        metavar="KEY",
    )
    add(
        "audit-counterexamples",
        "5",
        "the smallest counterexamples of a case that are kept in counterexamples/ beside its audit file; 0 keeps none",
        metavar="N",
    )
    _add_look(group)
    group.addoption(
        "--audit-allow-code",
        action="store_true",
        default=None,
        help="let *.audit.yaml files name Python factories, which are run (ini: audit_allow_code; default: no)",
    )
    group.addoption(
        "--audit-redact",
        action="store_true",
        default=None,
        help="write reports and JUnit XML without images, paths and ids; run.json keeps them (ini: audit_redact; "
        "default: no)",
    )
    group.addoption(
        "--audit-partial",
        action="store_true",
        default=False,
        help="exit with 0 where nothing is missing but skips and xfails; only where it is typed",
    )
    group.addoption(
        "--audit-gate",
        action="store_true",
        default=False,
        help="refuse whatever selects or tolerates: the run is a verdict on the whole (ini: audit_gate = ci|on|off)",
    )
    group.addoption(
        "--audit-lock",
        default=None,
        metavar="FILE",
        help="hold the run to this lock of what was agreed: whatever departs makes it NOT AS AGREED (implies "
        "--audit-gate, and takes nothing from the store)",
    )
    group.addoption(
        "--audit-nonce",
        default=None,
        metavar="TEXT",
        help="a text that the other party gave for this run alone; the record carries it",
    )
    group.addoption("--audit-write-lock", default=None, metavar="FILE", help="what modelaudit lock calls")
    group.addoption(
        "--audit-lock-models", action="store_true", help="with --audit-write-lock: fix the models' fingerprints too"
    )
    parser.addini("audit_gate", "refuse selections and tolerances: ci (where CI is set), on or off", default="off")
    parser.addini(
        "audit_redact", "write reports and JUnit XML without images, paths and ids", type="bool", default=False
    )
    parser.addini("audit_allow_code", "let *.audit.yaml files name Python factories", type="bool", default=False)


def _add_look(group: pytest.OptionGroup) -> None:
    """The options of a look without an audit file; they have no ini twins: a look is typed."""
    for name, metavar, description in (
        ("model", "REF", "look at this model without an audit file, by default expectations; it decides nothing"),
        ("data", "REF", "the data of such a look: a folder, an annotation file or a reference"),
        ("classes", "LIST", "the model's class names in the order of its outputs, for such a look: bolt,nut"),
        ("preprocessing", "HOW", "how its input is prepared, for such a look: RESIZE,CROP[,imagenet]"),
        ("scores", "KIND", "what its outputs are, for such a look: logits, probabilities, binary or multilabel"),
        ("output", "NAME", "the output with the scores, by index or key, for such a look"),
    ):
        group.addoption(f"--audit-{name}", default=None, metavar=metavar, help=description)


#: the node id of such a look, where that of an audit file is its path
LOOK = "look"
_LOOK_OPTIONS = ("model", "data", "classes", "preprocessing", "scores", "output")
#: images of a look without an audit file, unless --audit-limit says otherwise
LOOK_IMAGES = 100


@dataclass(frozen=True)
class LookOptions:
    """What is looked at without an audit file, as typed."""

    model: str
    data: str
    classes: str | None
    preprocessing: str | None
    scores: str | None
    output: str | None

    def words(self) -> list[str]:
        """The options as typed."""
        given = {name: getattr(self, name) for name in _LOOK_OPTIONS}
        return [word for name, value in given.items() if value is not None for word in (f"--audit-{name}", value)]


@dataclass(frozen=True)
class Options:
    """The options of a session, resolved: command line, then ini, then default.

    ``store``: "off", the folder that was asked for, or None for the default place.
    """

    results: Path
    store: Path | Literal["off"] | None
    device: str
    seed: int
    limit: int | None
    micro_batch: int | None
    inconclusive: Literal["fail", "warn"]
    allow_code: bool
    redact: bool
    checks: bool
    language: str = "en"
    report_budget: int = 5_000_000
    sign: str | None = None
    look: LookOptions | None = None
    lock: Path | None = None
    nonce: str | None = None
    write_lock: Path | None = None
    lock_models: bool = False
    counterexamples: int = 5
    executor: str = "auto"
    workers: int | None = None


def read_options(config: pytest.Config) -> Options:
    """The options of this session.

    Raises:
        pytest.UsageError: a value that the option cannot take.
    """
    inconclusive = _text(config, "audit-inconclusive", "fail")
    if inconclusive not in ("fail", "warn"):
        raise pytest.UsageError(f"--audit-inconclusive={inconclusive}: use fail or warn")
    checks = _text(config, "audit-checks", "on")
    if checks not in ("on", "off"):
        raise pytest.UsageError(f"--audit-checks={checks}: use on or off; single checks are set in Audit(checks=...)")
    language = _text(config, "audit-language", "en")
    if language not in LANGUAGES:
        raise pytest.UsageError(f"--audit-language={language}: use {' or '.join(LANGUAGES)}")
    try:
        report_budget = byte_size(_text(config, "audit-report-budget", "5MB"))
    except ValueError as error:
        raise pytest.UsageError(f"--audit-report-budget={error}") from error
    look = _look(config)
    limit = _text(config, "audit-limit", "" if look is None else str(LOOK_IMAGES))
    if look is not None and limit == "all":
        raise pytest.UsageError(
            "--audit-limit=all: a look without an audit file decides nothing on any number of images; give a number, "
            "or write an audit: modelaudit init DATA MODEL"
        )
    batch = _text(config, "audit-micro-batch", "")
    allow, redact = config.getoption("--audit-allow-code"), config.getoption("--audit-redact")
    return Options(
        results=config.rootpath / _text(config, "audit-results", "audit-results"),
        store="off" if config.getoption("--audit-lock") else _store(config),
        device=_text(config, "audit-device", "auto"),
        seed=_whole("--audit-seed", _text(config, "audit-seed", "0"), least=None),
        limit=None if limit in ("", "all") else _whole("--audit-limit", limit, least=1),
        micro_batch=None if batch in ("", "auto") else _whole("--audit-micro-batch", batch, least=1),
        inconclusive="warn" if inconclusive == "warn" else "fail",
        allow_code=bool(config.getini("audit_allow_code") if allow is None else allow),
        redact=bool(config.getini("audit_redact") if redact is None else redact),
        checks=checks == "on",
        language=language,
        report_budget=report_budget,
        sign=_text(config, "audit-sign", "") or None,
        look=look,
        lock=_file(config, "audit-lock"),
        nonce=config.getoption("--audit-nonce"),
        write_lock=_file(config, "audit-write-lock"),
        lock_models=config.getoption("--audit-lock-models"),
        counterexamples=_whole("--audit-counterexamples", _text(config, "audit-counterexamples", "5"), least=0),
        executor=_executor(config),
        workers=_whole("--audit-workers", count, least=1) if (count := _text(config, "audit-workers", "")) else None,
    )


def _executor(config: pytest.Config) -> str:
    given = _text(config, "audit-executor", "auto")
    if given not in ("auto", "local", "processes", "ray") and not given.startswith("ray:"):
        raise pytest.UsageError(f"--audit-executor={given}: use auto, local, processes, ray or ray:ADDRESS")
    if given not in ("auto", "local") and getattr(config.option, "tx", None):
        raise pytest.UsageError(
            f"--audit-executor={given}: pytest-xdist (-n) shares out the cases already; leave out one of the two"
        )
    return given


def _file(config: pytest.Config, name: str) -> Path | None:
    """A file that was typed, relative to the folder where pytest was called."""
    given = config.getoption(f"--{name}")
    return None if given is None else Path(config.invocation_params.dir) / given


def _look(config: pytest.Config) -> LookOptions | None:
    given = {name: getattr(config.option, f"audit_{name}", None) for name in _LOOK_OPTIONS}
    if not any(given.values()):
        return None
    missing = [f"--audit-{name}" for name in ("model", "data") if not given[name]]
    if missing:
        typed = ", ".join(f"--audit-{name}" for name, value in given.items() if value)
        raise pytest.UsageError(
            f"{typed}: {' and '.join(missing)} missing; a look without an audit file needs both a model and data"
        )
    return LookOptions(**given)  # type: ignore[arg-type]


def check_gate(config: pytest.Config, options: Options) -> None:
    """Refuse ``--audit-partial`` that nobody typed and, under the gate, whatever selects or tolerates.

    Raises:
        pytest.UsageError: it names everything that has to go.
    """
    typed = typed_arguments(config)
    if config.option.audit_partial and not typed.allow_partial:
        raise pytest.UsageError(
            "--audit-partial counts only where it is typed; it is in addopts or PYTEST_ADDOPTS: remove it there"
        )
    if not _gate(config):
        return
    tolerated = {
        "--audit-model": options.look is not None,
        f"--audit-limit={options.limit}": options.limit is not None,
        "--audit-inconclusive=warn": options.inconclusive == "warn",
        "--audit-checks=off": not options.checks,
        "--audit-partial": typed.allow_partial,
    }
    found = [*typed.selections(), *(name for name, given in tolerated.items() if given)]
    if found:
        raise pytest.UsageError(
            f"--audit-gate decides on the whole and refuses what selects or tolerates: {', '.join(found)}; leave that "
            "out (also in the ini), and give folders in place of files"
        )


def load_key(config: pytest.Config, key: str) -> Signer:
    """What signs with the key of ``--audit-sign``: a file, from the rootdir, or an address of another kind.

    Raises:
        pytest.UsageError: it cannot sign.
    """
    from ..acceptance.keys import load_signer

    file = config.rootpath / Path(key).expanduser()
    try:
        return load_signer(file if file.exists() else key)
    except AcceptanceError as error:
        raise pytest.UsageError(f"--audit-sign={error}") from error


def _gate(config: pytest.Config) -> bool:
    asked = str(config.getini("audit_gate") or "off")
    if asked not in ("ci", "on", "off"):
        raise pytest.UsageError(f"audit_gate = {asked}: use ci, on or off")
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    locked = config.option.audit_lock is not None or config.option.audit_write_lock is not None
    return bool(locked or config.option.audit_gate or asked == "on" or (asked == "ci" and in_ci))


def _ini(name: str) -> str:
    return name.replace("-", "_")


def _text(config: pytest.Config, name: str, default: str) -> str:
    given = config.getoption(f"--{name}")
    if given is None:
        given = config.getini(_ini(name))
    return default if given in (None, "") else str(given)


def _store(config: pytest.Config) -> Path | Literal["off"] | None:
    """The store's place; one that was asked for is refused on a network drive, and where somebody else's file is."""
    text = _text(config, "audit-store", "")
    if text in ("", "off"):
        return "off" if text else None
    from ..engine.store.location import refuse_network
    from ..engine.store.ownership import OTHER_PLACE, refuse_store_of_others

    folder = config.rootpath / Path(text).expanduser()
    try:
        refuse_network(folder)
        refuse_store_of_others(folder, OTHER_PLACE)
    except ResultsError as error:
        raise pytest.UsageError(str(error)) from error
    return folder


def _whole(option: str, text: str, *, least: int | None) -> int:
    try:
        value = int(text)
    except ValueError:
        raise pytest.UsageError(f"{option} must be an integer, got {text}") from None
    if least is not None and value < least:
        raise pytest.UsageError(f"{option} must be at least {least}, got {text}")
    return value

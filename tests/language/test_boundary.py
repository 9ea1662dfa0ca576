"""Whatever code under audit raises is an ordinary exception; what a signal handler raised is not touched."""

from __future__ import annotations

import os
import signal
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from modelaudit.language.boundary import AuditedCodeError, contained, described, signals_watched


def caught(error: BaseException) -> BaseException:
    """The error with the traceback that it gets where it is raised."""
    try:
        raise error
    except BaseException as raised:
        return raised


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(0),
        GeneratorExit("g"),
        BaseException("b"),
        pytest.skip.Exception("s"),
        pytest.fail.Exception("f"),
        pytest.xfail.Exception("x"),
        pytest.exit.Exception("e", 0),
        unittest.SkipTest("u"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_would_skip_or_end_a_run_becomes_an_error_that_says_what_and_where(error: BaseException) -> None:
    found = contained(caught(error))
    assert isinstance(found, AuditedCodeError)
    assert str(found).startswith(f"{type(error).__name__}: {error} (raised at {__file__}:")
    assert found.__cause__ is error


def test_the_place_is_that_of_the_caller_of_pytest_skip() -> None:
    try:
        pytest.skip("no GPU")
    except BaseException as raised:
        assert f"Skipped: no GPU (raised at {__file__}:" in described(contained(raised))


def test_an_ordinary_exception_stays_what_it_is() -> None:
    error = ValueError("v")
    assert contained(caught(error)) is error
    assert described(error) == "ValueError: v"


def test_an_exception_without_a_text_is_described() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise SystemExit(0)

    assert described(Mute()) == "Mute: its text could not be made"


def test_without_a_watch_keyboard_interrupt_is_taken_for_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt):
        contained(KeyboardInterrupt())


class Own(KeyboardInterrupt):
    """As audited code may write one."""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Own])
def test_under_a_watch_a_raised_keyboard_interrupt_is_contained(kind: type[KeyboardInterrupt]) -> None:
    with signals_watched():
        assert isinstance(contained(caught(kind("mine"))), AuditedCodeError)


def test_under_a_watch_ctrl_c_is_raised_again() -> None:
    with pytest.raises(KeyboardInterrupt), signals_watched():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(5)
        except BaseException as raised:
            contained(raised)


def test_ctrl_c_that_audited_code_translates_is_raised_again() -> None:
    def model() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("translated") from None

    with pytest.raises(KeyboardInterrupt), signals_watched():
        try:
            model()
        except BaseException as raised:
            contained(raised)


@contextmanager
def handling(number: int, error: BaseException) -> Iterator[None]:
    """A handler of the session's own that raises."""

    def handle(_: int, __: FrameType | None) -> None:
        raise error

    before = signal.signal(number, handle)
    try:
        yield
        assert signal.getsignal(number) is handle  # the watch gives it back
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGALRM"])
def test_what_a_handler_raises_ends_what_it_is_meant_to_end(name: str) -> None:
    error, number = SystemExit(143), getattr(signal, name)
    with handling(number, error):
        with pytest.raises(SystemExit) as found, signals_watched():
            try:
                signal.raise_signal(number)
            except BaseException as raised:
                contained(raised)
        assert found.value is error


def test_where_audited_code_took_the_handler_away_keyboard_interrupt_is_taken_for_ctrl_c() -> None:
    with signals_watched():
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with pytest.raises(KeyboardInterrupt):
                contained(KeyboardInterrupt())
        finally:
            signal.signal(signal.SIGINT, before)


def test_in_another_thread_no_keyboard_interrupt_is_real() -> None:
    found: list[Exception] = []
    thread = threading.Thread(target=lambda: found.append(contained(KeyboardInterrupt())))
    thread.start()
    thread.join()
    assert isinstance(found[0], AuditedCodeError)

"""The boundary to the code under audit: whatever it raises becomes an ordinary exception.

A model, its factory, its data or a transform can call ``pytest.skip``, ``sys.exit`` or raise ``KeyboardInterrupt``.
None of that may skip a case or end a run, so every ``except`` around such code catches ``BaseException`` and passes it
through :func:`contained`. What a signal handler raised (Ctrl-C, SIGTERM, the timer of pytest-timeout) is not the
audited side's, and is raised again.
"""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from .errors import AuditError
from .plain_text import folded, plain_lines, quoted_lines

#: signals whose handlers may raise into the code that happens to run; not every system has all of them
_SIGNALS = ("SIGINT", "SIGTERM", "SIGALRM")


class AuditedCodeError(AuditError):
    """Code under audit raised something that skips a test, ends a run, or is not an ``Exception`` at all."""


def contained(error: BaseException) -> Exception:
    """What code under audit raised, as an ``Exception``.

    Raises:
        BaseException: the error itself, where a signal handler raised it, or that one where the error came of it.
    """
    real = _of_signal(error)
    if real is not None:
        raise real
    if issubclass(type(error), Exception) and not isinstance(error, _steering()):
        assert isinstance(error, Exception)
        return error
    found = AuditedCodeError(
        f"{type(error).__name__}: {_text(error)}{_place(error)}; code under audit can neither skip nor end an audit"
    )
    found.__cause__ = error
    return found


def described(error: BaseException) -> str:
    """``ValueError: its text`` on one line; of what :func:`contained` made, the text says it all."""
    return str(error) if isinstance(error, AuditedCodeError) else f"{type(error).__name__}: {folded(_text(error))}"


@contextmanager
def signals_watched() -> Iterator[None]:
    """Distinguishes exceptions raised by signal handlers from those of code under audit, inside the `with` block."""
    global _watch
    before, _watch = _watch, _Watch()
    try:
        with _watch.installed():
            yield
    finally:
        _watch = before


class _Watch:
    """Handlers around those that are installed, which remember what these raised."""

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self._handlers: dict[int, Any] = {}

    @contextmanager
    def installed(self) -> Iterator[None]:
        before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # elsewhere signals neither arrive nor can be set
            before = {number: handler for number in _numbers() if callable(handler := signal.getsignal(number))}
        for number, handler in before.items():
            self._handlers[number] = self._around(handler)
            signal.signal(number, self._handlers[number])
        try:
            yield
        finally:
            for number, handler in before.items():
                if signal.getsignal(number) is self._handlers[number]:
                    signal.signal(number, handler)

    def replaced(self) -> bool:
        """Whether somebody took our handler of Ctrl-C away, so that nothing is known of it."""
        ours = self._handlers.get(signal.SIGINT)
        return ours is not None and signal.getsignal(signal.SIGINT) is not ours

    def _around(self, handler: Any) -> Any:
        def handle(number: int, frame: FrameType | None) -> None:
            try:
                handler(number, frame)
            except BaseException as error:
                self.raised = error
                raise

        return handle


_watch: _Watch | None = None


def _of_signal(error: BaseException) -> BaseException | None:
    """The exception of a signal handler that this one is, or came of."""
    if threading.current_thread() is not threading.main_thread():
        return None
    if _watch is None or _watch.replaced():
        return error if isinstance(error, KeyboardInterrupt) else None
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        if one is _watch.raised:
            return one
        seen.add(id(one))
        one = one.__cause__ or one.__context__
    return None


def _numbers() -> list[int]:
    return [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]


def _steering() -> tuple[type[BaseException], ...]:
    """Ordinary exceptions that pytest takes for a skip or for the end of the run."""
    named = (("_pytest.outcomes", "Exit"), ("unittest.case", "SkipTest"))
    found = (getattr(sys.modules.get(module), name, None) for module, name in named)
    return tuple(one for one in found if isinstance(one, type))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as another:
        contained(another)
        return "its text could not be made"


def _place(error: BaseException) -> str:
    """Where it was raised: the innermost frame that does not hide itself, as ``pytest.skip`` does."""
    place, trace = "", error.__traceback__
    while trace is not None:
        with suppress(Exception):
            if not trace.tb_frame.f_locals.get("__tracebackhide__"):
                place = f" (raised at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place


def failure_text(error: Exception) -> str:
    """Describe a failure: our own errors say what to do; of any other the whole traceback is kept."""
    if isinstance(error, AuditError):
        return str(error)
    return "\n".join((described(error), *_traceback(error)))


def _traceback(error: Exception) -> Iterator[str]:
    """The lines of a traceback, in which no text of an exception begins a line that looks like one of ours."""
    try:
        chain = [*_chain(traceback.TracebackException.from_exception(error))]
    except BaseException as another:  # of an exception whose own text cannot be made
        contained(another)
        return
    for one, said in chain:
        yield "Traceback (most recent call last):"
        yield from (line for entry in one.stack.format() for line in plain_lines(entry.rstrip("\n")).split("\n"))
        yield from quoted_lines("".join(one.format_exception_only()).rstrip())
        yield from said


def _chain(last: traceback.TracebackException) -> Iterator[tuple[traceback.TracebackException, tuple[str, ...]]]:
    """The exceptions that led to the last one, the first of them first, each with what stands behind it."""
    before = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
    if before is not None:
        how = "The above exception was the direct cause of the following exception:"
        if last.__cause__ is None:
            how = "During handling of the above exception, another exception occurred:"
        yield from ((one, said or ("", how, "")) for one, said in _chain(before))
    yield last, ()

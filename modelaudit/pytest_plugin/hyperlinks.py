"""Links in a terminal (OSC 8), for terminals that are known to show them as links and not as their letters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: variables of terminals that show links: any value, or one of these
_TERMINALS: Mapping[str, tuple[str, ...]] = {
    "WT_SESSION": (),
    "KITTY_WINDOW_ID": (),
    "KONSOLE_VERSION": (),
    "DOMTERM": (),
    "TERM_PROGRAM": ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio"),
    "TERM": ("xterm-kitty", "xterm-ghostty", "alacritty", "foot", "contour"),
}
#: the first version of the library of GNOME's terminals that shows them without faults
_LEAST_VTE = 5200
#: a link to a file leads nowhere from another machine, and multiplexers may drop or show it
_BETWEEN = ("SSH_CONNECTION", "SSH_TTY", "TMUX", "STY", "CI")


def hyperlinks_work(writer: Any, environment: Mapping[str, str]) -> bool:
    """Whether a link can be written: on a terminal with colours that is known to show one, on this machine.

    Args:
        writer: pytest's terminal writer.
    """
    file = writer._file
    if not writer.hasmarkup or not getattr(file, "isatty", lambda: False)():
        return False
    if any(environment.get(name) for name in _BETWEEN):
        return False
    version = environment.get("VTE_VERSION", "")
    if version.isdigit() and int(version) >= _LEAST_VTE:
        return True
    return any(
        (found := environment.get(name, "")) and (not known or found in known) for name, known in _TERMINALS.items()
    )


def linked(text: str, file: Path) -> str:
    """The text as a link to a file."""
    return f"\x1b]8;;{file.absolute().as_uri()}\x1b\\{text}\x1b]8;;\x1b\\"

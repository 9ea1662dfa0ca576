"""The command that measures one item again, as reports show it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from .options import LOOK

if TYPE_CHECKING:
    from .items import AuditItem
    from .options import Options


def reproducing(item: AuditItem, options: Options) -> str:
    """The command line of pytest that measures `item` again under the same options."""
    words = [
        "pytest",
        *_selecting(item, options),
        "--audit-seed",
        str(options.seed),
        "--audit-device",
        options.device,
    ]
    if options.limit is not None:
        words += ["--audit-limit", str(options.limit)]
    if options.allow_code:
        words.append("--audit-allow-code")
    if not options.checks:
        words += ["--audit-checks", "off"]
    return shlex.join(words)


def _selecting(item: AuditItem, options: Options) -> list[str]:
    """The arguments that select one item: its node id, or what was typed for a look without an audit file."""
    look, parent = options.look, item.parent
    if look is None or parent is None or parent.nodeid != LOOK:
        return [item.nodeid]
    return [*look.words(), "-k", item.name]

"""How a run tells the process that started it where its record is, and that the record is of this very run."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass
from pathlib import Path

#: the environment variable by which a run is told that a receipt is wanted
VARIABLE = "MODELAUDIT_RECEIPT"


@dataclass(frozen=True)
class Receipt:
    """What the starting process chose: the id of the run, and the file that will hold the folder of its record."""

    run_id: str
    file: str

    def variable(self) -> dict[str, str]:
        """The environment variable that asks for it."""
        return {VARIABLE: json.dumps(asdict(self))}

    def write(self, folder: Path) -> None:
        """State that the record is in `folder`, in the run's own process, when the record is written."""
        Path(self.file).write_text(str(folder.resolve()), encoding="utf-8")

    def folder(self) -> Path | None:
        """The folder of the record, in the starting process; None where the run wrote none."""
        try:
            return Path(Path(self.file).read_text(encoding="utf-8"))
        except OSError:
            return None


def take_receipt(environment: MutableMapping[str, str]) -> Receipt | None:
    """The receipt that is wanted, if any. The variable is removed, so that no process this one starts sees it."""
    asked = environment.pop(VARIABLE, None)
    return None if asked is None else Receipt(**json.loads(asked))

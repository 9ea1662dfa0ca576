"""Plays the person who labels: fills in the column "label" of a list that an alarm wrote.

python examples/monitoring/label.py alarms/.../audit_next.csv truth.csv
"""

import csv
import sys
from pathlib import Path


def main() -> None:
    listed, known = Path(sys.argv[1]), Path(sys.argv[2])
    with known.open(encoding="utf-8", newline="") as file:
        truth = {row["image"]: row["label"] for row in csv.DictReader(file)}
    with listed.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["label"] = truth["/".join(Path(row["source"]).parts[-2:])]
    with listed.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()

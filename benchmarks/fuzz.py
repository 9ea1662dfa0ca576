"""Hostile files to every reader: each is read, or refused by an error of ours that names it, in time and memory.

    nice python benchmarks/fuzz.py [--inputs 10000] [--seed 0] [--reader NAME]

Real files are changed as ``tests/fuzzing/mutations.py`` says: byte by byte, as their format suggests (other values,
keys, sizes, links, entities), and by what stands in their place (a pipe, a folder, a device, nothing). Prints a table,
and of everything that is wrong an example. Exit status 1 where anything is.

Inputs run in processes of their own: one that crashes or hangs counts, and the next one goes on.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import sys
import tempfile
import time
from collections import Counter, defaultdict
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzzing.outcomes import SECONDS, Outcome, Tree, memory_limit, rng_of
from fuzzing.readers import READERS

#: one that does not answer is ended; the time limit of an input does not reach into code that is not Python's
PATIENCE = 4 * SECONDS + 20
COLUMNS = ("accepted", "refused", "raw", "unnamed", "slow", "memory", "crash")
WRONG = COLUMNS[2:]


def shares(inputs: int, names: list[str]) -> dict[str, int]:
    """How many inputs each reader gets; one whose inputs take long gets fewer."""
    weights = {name: 1 / READERS[name].cost for name in names}
    counts = {name: max(1, int(inputs * weight / sum(weights.values()))) for name, weight in weights.items()}
    counts[names[0]] += max(0, inputs - sum(counts.values()))
    return counts


def work(name: str, seed: int, first: int, last: int, out: Connection) -> None:
    """Sends the outcome of every input."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(READERS[name], Path(folder))
        tree.outcome(rng_of(seed, name, -1))  # imports what it needs, before memory is limited
        out.send(None)
        with memory_limit():
            for number in range(first, last):
                out.send(tree.outcome(rng_of(seed, name, number)))


def outcomes(name: str, seed: int, count: int) -> list[Outcome]:
    """Of all inputs of a reader, in order."""
    found: list[Outcome] = []
    while len(found) < count:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        child = multiprocessing.get_context("fork").Process(target=work, args=(name, seed, len(found), count, theirs))
        child.start()
        theirs.close()  # the child has its own: when that one ends, reading does
        ready = False
        while len(found) < count:
            try:
                if not ours.poll(PATIENCE if ready else 300):
                    found.append(Outcome("slow", "it had to be ended", PATIENCE))
                    break
                outcome = ours.recv()
            except EOFError:
                child.join()
                if not ready:
                    sys.exit(f"{name}: its own files could not be written or read")
                found.append(Outcome("crash", f"the process ended with {child.exitcode}", 0.0))
                break
            if ready:
                found.append(outcome)
            ready = True
        child.kill()
        child.join()
    return found


def main() -> int:
    """Run, print, and say by the exit status whether anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=sorted(READERS), action="append")
    given = parser.parse_args()
    for module in ("torch", "transformers", "datasets", "onnxruntime"):  # once for all processes
        importlib.import_module(module)
    wrong: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    total: Counter[str] = Counter()
    print(f"| reader | inputs | {' | '.join(COLUMNS)} | s | slowest, s |")
    print("|---|" + "---:|" * (len(COLUMNS) + 3))
    for name, count in shares(given.inputs, given.reader or list(READERS)).items():
        began = time.monotonic()
        found = outcomes(name, given.seed, count)
        took, slowest = time.monotonic() - began, max(one.seconds for one in found)
        kinds = Counter(one.kind for one in found)
        total.update(kinds)
        cells = " | ".join(str(kinds[kind]) for kind in COLUMNS)
        print(f"| {name} | {count} | {cells} | {took:.0f} | {slowest:.2f} |", flush=True)
        for number, one in enumerate(found):
            if one.kind in WRONG:
                wrong[name, one.kind, one.said[:300]].append(number)
    print(f"| all | {total.total()} | {' | '.join(str(total[kind]) for kind in COLUMNS)} | | |")
    for (name, kind, said), numbers in sorted(wrong.items()):
        print(f"{name}, {kind}, {len(numbers)} x, e.g. input {numbers[0]}: {said}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

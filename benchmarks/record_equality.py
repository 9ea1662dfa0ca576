"""Whether two checkouts measure and decide the same: their run records compared in every value, bound and verdict.

    python benchmarks/record_equality.py OTHER_CHECKOUT [--assets DIR] [--folder DIR]
    python benchmarks/record_equality.py --compare OLD/run.json NEW/run.json

Runs the same audits with both: the built-in demo, a small ImageNet-9 tree with a classifier of known answers, every
registered context, method and measure on a few images of the built-in line, an audit that stops early, and, where the
assets are, one photo of every breed in examples/lost_in_context. Numbers, booleans, verdicts, reasons, ids and the
digests of pictures must be equal; sentences for people may differ and are counted; fields that only the newer record
has are listed. What belongs to a run (its time, command, versions, digests of code) is left out. Exit status 1: they
differ.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
#: of the run, not of what it measured
OF_THE_RUN = {"id", "started", "finished", "command", "provenance", "seconds", "duration_s", "fingerprint", "wording"}
#: sentences for people
SENTENCES = {"note", "notes", "message", "messages", "objections", "why_not", "says", "advice", "text_en", "text_ja"}

#: prints a YAML file that names everything that is registered
EVERYTHING = """
import sys
from modelaudit import parse
from modelaudit.language import registry

expect = {}
def add(name, text):
    try:
        parse(text)
    except Exception as error:
        print("left out:", text, error, file=sys.stderr)
    else:
        expect[name] = text

for name in registry.names("context"):
    for number, text in enumerate(registry.find("context", name).declares.examples or (name,)):
        add(f"context_{name}_{number}", f"accuracy - accuracy.under({text}) < 0.3")
for name in registry.names("attribution"):
    # any class of another library by its name (tests/attribution/test_captum_methods.py); a map of no model
    if name not in ("captum", "given_map"):
        add(f"method_{name}", f"background_dependence({name}).under(swap_background(other_class)) < 0.4")
for name in registry.names("measure"):
    spec = registry.find("measure", name).spec
    of_maps = "methods" in getattr(spec, "__dataclass_fields__", {})
    text = f"{name}(saliency)" if of_maps else name
    if not registry.find("measure", name).declares.needs_context:
        add(f"measure_{name}", f"{text} < 0.5")
    add(f"measure_{name}_swapped", f"{text}.under(swap_background(other_class)) < 0.5")
add("worst", "adversarial_background_rate(5).under(swap_background(other_class)) < 0.5")
add("stratum", "accuracy.where(correct & (object_area < 0.2)).under(lighting(severity=3)) > 0.5")
print("model: demo:shortcut\\ndata: demo:?coupling=0.95&images=24&seed=3\\nexpect:")
for name, text in expect.items():
    print(f"  {name}:\\n    that: {text!r}")
"""
EARLY = """
model: demo:sound
data: demo:?coupling=0.95&images=200&seed=2
stop: early
expect:
  right:
    that: accuracy > 0.8
  on_the_part:
    that: background_dependence(gradcam).under(swap_background(other_class)) < 0.4
"""


def main() -> int:
    """Run and compare; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, nargs="?", help="a checkout of the other commit")
    parser.add_argument("--compare", type=Path, nargs=2, metavar="RECORD", help="two records; nothing is run")
    parser.add_argument("--assets", type=Path, default=os.environ.get("MODELAUDIT_ASSETS"))
    parser.add_argument(
        "--folder", type=Path, help="where audits and results are kept, and the other checkout's found again"
    )
    parser.add_argument("--only", help="one of the audits")
    given = parser.parse_args()
    if given.compare:
        return 0 if equal(*given.compare) else 1
    folder = (given.folder or Path(tempfile.mkdtemp())).resolve()
    same = True
    for name, files in audits(given.other.resolve(), given.assets):
        if given.only in (None, name):
            records = [run(name, files, checkout.resolve(), folder, given.assets) for checkout in (given.other, HERE)]
            print(f"{name}:")
            same &= equal(*records)
    return 0 if same else 1


def audits(other: Path, assets: Path | None) -> Iterator[tuple[str, dict[str, str]]]:
    """Each audit by its name: the files that it consists of, ``{checkout}`` standing for the one that runs it."""
    listed = subprocess.run(
        [sys.executable, "-c", EVERYTHING],
        capture_output=True,
        text=True,
        check=True,
        env=environment(other),
        cwd=other,
    )
    yield "demo", {"audits": "{checkout}/audits"}
    yield "imagenet9", {"audits/audit_imagenet9.py": "{checkout}/examples/imagenet9/audit_imagenet9.py"}
    yield "everything", {"audits/everything.audit.yaml": listed.stdout}
    yield "early", {"audits/early.audit.yaml": EARLY}
    if assets is not None:
        yield "pets", {"audits/audit_pets.py": "{checkout}/examples/lost_in_context/audit_lost_in_context.py"}


def run(name: str, files: dict[str, str], checkout: Path, folder: Path, assets: Path | None) -> Path:
    """Run an audit with a checkout; its record."""
    project = folder / name / ("new" if checkout == HERE else "old")
    record = project / "results" / "latest" / "run.json"
    if checkout != HERE and record.exists():  # of an earlier call with the same --folder
        return record
    shutil.rmtree(project, ignore_errors=True)
    for target, content in files.items():
        place, source = project / target, Path(content.format(checkout=checkout)) if "{checkout}" in content else None
        place.parent.mkdir(parents=True, exist_ok=True)
        if source is not None and source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            place.write_text(content if source is None else source.read_text(encoding="utf-8"), encoding="utf-8")
    (project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    variables = environment(checkout)
    if assets is not None and name == "pets":
        variables["MODELAUDIT_ASSETS"] = str(one_photo_a_breed(Path(assets).resolve(), folder / name / "assets"))
    if name == "imagenet9":
        small_imagenet9(project, checkout, variables)
    command = [sys.executable, "-m", "pytest", "audits", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    command += ["--audit-results", str(project / "results"), "--audit-store", "off"]
    done = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, check=False)
    if not record.exists():
        raise SystemExit(f"{name} with {checkout}: no record\n{done.stdout}\n{done.stderr}")
    return record


def one_photo_a_breed(assets: Path, folder: Path) -> Path:
    """The assets with the first photo of every breed, so that both runs take minutes."""
    for kind in ("images", "masks"):
        for breed in sorted((assets / "pets" / kind).iterdir()):
            target = folder / "pets" / kind / breed.name
            target.mkdir(parents=True, exist_ok=True)
            for file in sorted(breed.iterdir())[:1]:
                shutil.copy2(file, target)
    if not (folder / "models").exists():
        (folder / "models").symlink_to(assets / "models")
    return folder


def small_imagenet9(project: Path, checkout: Path, variables: dict[str, str]) -> None:
    """The tree of tests/end_to_end/small_imagenet9.py, and its classifier in place of the ResNet-50."""
    code = (
        "import sys; from pathlib import Path; from end_to_end.small_imagenet9 import written; "
        "written(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(project / "in9")], env=variables, check=True)
    file = project / "audits" / "audit_imagenet9.py"
    text = file.read_text(encoding="utf-8").replace('"torchvision:resnet50@IMAGENET1K_V1"', "Classifier")
    text = text.replace("import os\n", "import os\n\nfrom end_to_end.small_imagenet9 import Classifier\n", 1)
    file.write_text(text, encoding="utf-8")
    variables["IMAGENET9_ROOT"] = "in9"  # relative to the rootdir, so that both records name one path


def environment(checkout: Path) -> dict[str, str]:
    """The variables with which a checkout's code runs."""
    return {**os.environ, "PYTHONPATH": f"{checkout}{os.pathsep}{checkout / 'tests'}", "PYTHONHASHSEED": "0"}


def equal(old: Path, new: Path) -> bool:
    """Compare two records, and print what differs."""
    first, second = (dict(leaves(json.loads(file.read_text(encoding="utf-8")))) for file in (old, new))
    added = sorted({re_numbered(path) for path in second.keys() - first.keys()})
    gone = sorted(first.keys() - second.keys())
    differ = [path for path in first.keys() & second.keys() if first[path] != second[path]]
    texts = [path for path in differ if path.rstrip("/0123456789").rpartition("/")[2] in SENTENCES]
    values = sorted(set(differ) - set(texts))
    numbers = sum(isinstance(value, int | float) for value in first.values())
    print(f"  {len(first)} leaves ({numbers} numbers): {len(values)} differ, {len(gone)} are gone")
    print(f"  {len(texts)} sentences differ; fields only in the second: {', '.join(added) or 'none'}")
    for path in values[:20]:
        print(f"  {path}: {first[path]!r} -> {second[path]!r}")
    for path in gone[:20]:
        print(f"  gone: {path} ({first[path]!r})")
    return not values and not gone


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a record by its path; empty lists and objects are values."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            if key not in OF_THE_RUN:
                yield from leaves(value, f"{path}/{key}")
    elif isinstance(node, list) and node:
        for number, value in enumerate(node):
            yield from leaves(value, f"{path}/{number}")
    else:
        yield path, node


def re_numbered(path: str) -> str:
    """A path with every number of a list as a star."""
    return "/".join("*" if part.isdigit() else part for part in path.split("/"))


if __name__ == "__main__":
    sys.exit(main())

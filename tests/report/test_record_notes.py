"""Notes of models, data sets and runs: what the code writes is found by its form and told in the report's language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import modelaudit
from modelaudit.report.record_notes import FORMS, absence_text, data_note, model_note, run_note, why_not
from modelaudit.report.words import words_of

EN, JA = words_of("en"), words_of("ja")
ROOMS = ("counterexamples", "acceptance", "engine", "data", "models", "demo", "evidence", "pytest_plugin", "releases")

#: notes as records have them, by kind
NOTES: dict[str, list[str]] = {
    "data_note": [
        "no masks: no folder beside the images, and none named by ?masks=",
        "no masks: no folder beside the images, and none named by ?masks=; the images have an alpha channel, which "
        "?masks=alpha takes as masks",
        "masks: none are read (masks=none)",
        "masks are the alpha channels of the images: values from 128 on are the object; the images are shown with the "
        "colours that they store, without transparency",
        "data.yaml says path: ../line, where nothing is; its own folder was taken",
        "labels are the categories' imagenet_index (?labels=name takes their names)",
        "labels match outputs in the order of wnids.txt",
        "images are those in Images",
        "images are those below photos that have the names of annotations or segmentations",
        "all images, for there is no list val.txt in ImageSets (?split= takes one of a, b)",
        "all images, for there is no list val.txt in ImageSets (ImageSets has no list of all images)",
        "boxes are read as edges that count from 0 (?boxes=pixels: as pixels from 1, as VOC's own do)",
        "3 samples have no image, e.g. 0001, 0002",
        "the crop (resize 256, crop 224) leaves all 40 objects whole",
        "the crop (resize 256, crop 224) cuts into 3 of 40 objects (80% of them is left in the median; less than "
        "50%, so that an audit counts them as undefined, of 1); Preprocessing(resize=(224, 224)) cuts nothing, "
        "Audit(object_kept=...) sets the limit",
        "a model that crops as usual (resize 256, crop 224) cuts into 3 of 40 objects (80% of them is left in the "
        "median; less than 50%, so that an audit counts them as undefined, of 1); --model or --preprocessing "
        "shows your own; Preprocessing(resize=(224, 224)) cuts nothing, Audit(object_kept=...) sets the limit",
        "an audit refuses these data: two labels for a.png",
        "the images were taken from photos, which holds 38 of 40 looked for; ?images=DIR names another folder",
        "the images were taken from photos, which holds 38 of 40 looked for, by the last part of their names; "
        "?images=DIR names another folder",
        "the images were taken from photos, which holds 38 of 40 looked for; images of these names are in a, b "
        "too; ?images=DIR names another folder",
        "the images were taken from photos, which holds 38 of 40 looked for, by the last 2 parts of their names; "
        "images of these names are in a too; ?images=DIR names another folder",
        "images of these names are in a, b too; ?images=DIR names another folder",
        "variants that are not there: only_fg, no_fg",
        "mixed_rand has 7 of the 9 classes",
        "3 images have a name that leaves their foreground open, e.g. a.JPEG",
        "3 images have no picture in only_fg, e.g. a.JPEG",
        "3 images have several pictures in only_fg, e.g. a.JPEG",
        "shapes without an area were skipped: 2 x line, 1 x point",
        "3 images have no file and were taken from their JSON file (imageData), e.g. 'a.json'",
        "3 images have a shape that cannot be read, so their masks are not known, e.g. 'a.json'",
        "3 of these images have other labels too, so their label is open, and were left out, e.g. 'a.json'",
        "no masks: the file has no column 'mask', and none is named by ?mask=",
        "3 images are not in SegmentationClass, e.g. 'a'",
        "3 images have a segmentation without a known class, hence no label, and were left out, e.g. 'a'",
        "files that belong to no sample were skipped: 2 x .txt",
        "labels are neither beside the images nor in a parallel folder, and were paired by name, e.g. labels/a.txt",
        "data.yaml names '../val' for 'val', where nothing is",
        "images of 'train' in data.yaml (?split= takes another of 'train', 'test')",
        "images of 'train' in data.yaml, its only part",
        "data.yaml: train: nothing is at ../train/images; /data/train/images was taken",
        "3 of 40 images have no mask",
        "3 of 40 images have no mask, e.g. nut/a.png",
        "3 images have no mask, e.g. 'a.png'",
        "no masks: ?mask= names no column",
        "2 masks belong to no image",
        "2 masks belong to no image, e.g. a.png",
        "masks in the folder 'ground_truth': 38 of 40 images have one (?masks=ground_truth)",
        "no mask in 'masks' belongs to an image: 12 files there have other names",
        "4 files that look like masks were left out: they are not those that the audit reads",
        "5 masks were left out",
        "masks of 0 and 255 alone: 255 is the object (mask_255=object)",
        "masks of 0 and one other number (7, 9): that number is the object (mask_object=any)",
        "masks of black and one colour (#ff0000): the colour is the object (mask_background=#000000)",
        "masks in a lossy format (JPEG, WebP): values from 128 on are the object, all others background "
        "(mask_threshold=128)",
        "masks with soft edges: values from 128 on are the object, all others background (mask_threshold=128)",
        "125 masks were made by a machine (modelaudit masks)",
        "3 of 40 samples have no cluster, e.g. 'a.png'",
        "3 of 40 samples have no group: their files cannot be read, e.g. 'a.png'",
        "3 samples have no lot, e.g. 'a.png'",
        "files without the ending of an image were skipped: notes.txt",
        "hidden files and folders were skipped: .git",
        "files left out by ignore=: 2 (a.png, b.png)",
        "files left out by ignore=: 0",
        "images without a folder of a label were passed over: a.png, b.png",
        "3 of 40 images have no picture 'night'",
        "3 pictures 'night' belong to no image",
        "9 images have a box for a mask: it holds background too, and shares on it are coarse, e.g. 'a.png'",
        "9 labels of 4 images, each label a sample of its own",
        "9 images have objects of several categories; the largest gave the label, all of them are object, e.g. 'a'",
        "9 images have objects of several categories; the largest gave the label, the others are background, e.g. 'a'",
        "2 annotations have neither segmentation nor box and were skipped, e.g. '7'",
        "2 annotations have parts of fewer than three points, which enclose nothing: other parts or the box are drawn, "
        "e.g. '7'",
        "2 annotations are named '__no_object__' and count as background, e.g. '7'",
        "2 annotations are named '__ignore__' and are ignored (255)",
        "2 crowds are ignored (255) in the images of their category",
        "2 images have no usable annotation and no label, and were left out, e.g. 'a.png'",
        "2 images have no object and no label, and were left out, e.g. 'a.png'",
        "2 images have no shape with an area and no label, and were left out, e.g. 'a.png'",
        "2 images have no label file and were left out, e.g. 'a.png'",
        "2 images have a label file without objects and were left out, e.g. 'a.png'",
        "drawn by the demo: coupling 0.95, 192 of 200 parts on the surroundings of their kind",
        "read from a copy of s3://bucket/line_a",
        "images of all of train, val (?split= takes one)",
        "images of the only list, ImageSets/Main/val.txt",
        "pictures: 38 different ones among 40 images; 3 images have copies, e.g. 'a.png' and 'b.png' (equal pixels, or "
        "99% within 8 of 255); copies count as one image",
        "pictures: 6 of 40 images resemble others of them (a burst, or one scene?), e.g. 'a.png' and 'b.png'; if they "
        "depend on each other, say so with ?cluster=",
        "pictures: 900 pairs of images that may be copies were not compared: there are too many of them",
        "store: values were not stored in .modelaudit/store.sqlite (disk full); the next run computes them again",
        "store: store.sqlite was damaged (malformed); it was moved to store.damaged-1.sqlite, and a new one begun",
        "store: values were not stored: /mnt is on a network drive (nfs), where a database that several processes "
        "write can be damaged; name a folder on a disk of this machine by --audit-store",
        "backgrounds from pool:night (photos:night): 60 images",
        "backgrounds of other_class: 2 of them cannot be read or have no background to lend, and were passed over: a",
        "backgrounds of other_class: in 6 of them object and ring cover more than 80% of the frame, and they were "
        "passed over (max_donor_object=1 admits them): a.png, b.png; a donor that is nearly the same picture as the "
        "image was passed over once, e.g. 'a.png' for 'b.png'",
        "backgrounds from pool:night: 60 images; 3 of 60 images have no mask; a donor that is nearly the same picture "
        "as the image was passed over 2 times, e.g. 'a.png' for 'b.png'",
    ],
    "model_note": [
        "answers: of https://box.example/predict, version '3' as stated; what stands behind an address can change "
        "without a change of the fingerprint. Those on box.cassette.jsonl are not asked again",
        "answers: of https://box.example/predict, no version is stated; what stands behind an address can change "
        "without a change of the fingerprint. Those on box.cassette.jsonl are not asked again",
        "images: sent to box.example as PNG of 8 bits a channel",
        "images: sent to box.example as arrays of float32",
        "images: sent to box.example as numbers",
        "images: not encrypted on their way to box.example",
        "baseline: the values are those of run 20261120-101500-3f9a, where the model is called current; it was not run "
        "again",
        "baseline: 3 of 40 images have no partner and count as missing: a.png (the mask differs), b.png (the label was "
        "good, now broken), c.png (new)",
        "baseline: 2 of 40 images have no partner and are left out, as unpaired=0.1 allows: a.png (the image and the "
        "mask differ), b.png (the same picture as c.png)",
        "answers: scores of every class, of 840 rendered pictures; the model was not run and is known by them alone",
        "answers: labels alone, of 840 rendered pictures, 3 without an answer; the model was not run and "
        "is known by them alone",
        "answers: the 3 strongest labels with their probabilities, of 840 rendered pictures; the model was "
        "not run and is known by them alone",
        "answers: the scores beside the labels are not used; where they are probabilities "
        "Audit(scores='probabilities') says so",
        "maps: beside the answers, as they were given: gradcam (840 pictures)",
        "baseline: 2 of its 40 images are not in these data, as unpaired=0.1 allows: a.png, b.png",
        "baseline: 1 images have other names in it and were paired by what they hold: a.png (there b.png)",
        "baseline: under swap_background(random) 2 of 40 images have another background and count as missing: a.png "
        "(its background is from x.png, which differs)",
        "baseline: under swap_background(random) 2 of 40 images have another background and are left out: a.png (from "
        "x.png, now from y.png)",
        "preprocessing: assumed to be that of torchvision's ResNet50_Weights.IMAGENET1K_V2",
        "preprocessing: the folder has no image processor",
        "preprocessing: its ViTImageProcessor does what resize, centre crop and normalisation do not",
        "preprocessing: it takes one channel, and the usual mean and std are of three, so it has channels=1",
        "preprocessing: it takes 4 channels, and the usual mean and std are of three",
        "classes: assumed to be the 1000 of torchvision's ResNet50_Weights.IMAGENET1K_V2",
        "classes: assumed to be the 1000 of ImageNet, by the names of torchvision",
        "preprocessing: assumed to be that of timm's resnet18.a1_in1k",
        "classes: names of the 4 outputs are unknown; labels are indices unless classes are given",
        "weights: none, untrained on purpose",
        "weights: DEFAULT is IMAGENET1K_V2",
        "checkpoint: the weights under 'ema'; left aside: head.weight",
        "checkpoint: the weights under 'model'",
        "53 batch norms are folded into the layers before them (proven in float64)",
        "batch norms are not folded: that would change the gradient at the input",
        "precision: float32; nothing faster could be tried: out of memory",
        "precision: tf32 agrees with float32 on the first 16 images (accuracy: 0; limit 0.001)",
        "precision: bfloat16 differs from float32 on the first 16 images (2 of 16 predictions change; limit 0.001)",
        "micro-batch: 32 images did not fit into memory, 16 from then on",
        "module: torch.compile was taken off, attribution needs the module itself",
        "layers: it is an exported program; methods that read a layer are refused",
        "shipped with the package; trained on the demo's line with coupling 0.95",
        "outputs: one, the logit of the second class; attributions explain half of it for each",
        "outputs: one, the probability of the second class; attributions explain the logit before the sigmoid, half of "
        "it for each class",
        "outputs: one, the probability p of the second class; nothing before it can be read, so attributions explain "
        "log(p / (1 - p)) (1e-38 and 1 - 6e-8 stand for 0 and 1)",
        "outputs: the program ends in a sigmoid that cannot be taken off, so attributions explain log(p / (1 - p)) "
        "(1e-38 and 1 - 6e-8 stand for 0 and 1)",
        "outputs: the model ends in a softmax; the logits before it are read and explained",
        "outputs: probabilities, since they are between 0 and 1 with a sum of 1; nothing before the softmax can be "
        "read, so attributions explain log p (1e-38 and 1 - 6e-8 stand for 0 and 1)",
        "outputs: 5 labels, each by itself; attributions explain the label's logit before the sigmoid",
        "outputs: 5 labels, each a probability p by itself, since all are between 0 and 1; nothing before them can be "
        "read, so attributions explain log(p / (1 - p)) (1e-38 and 1 - 6e-8 stand for 0 and 1)",
        "outputs: 5 labels, each the logit of a yes or no of its own",
        "outputs: 'logits' [1, 4] is read, the only one with a column for each of the 4 classes; not read: 'aux' [1]",
    ],
    "run_note": [
        "counterexamples: audits/counterexamples cannot be written (Permission denied); the next run searches anew",
        "the merged runs differ in threads: 4 (a), 8 (b)",
        "d0 (run b) has a table of its own: other images",
        "reviews/b.json: is the same review as reviews/a.json, and counts once",
        "the earlier runs were not read: MemoryError: too many",
        "reviews/a.json: the review by Aoi Sato is void: it is not signed by a reviewer whom the lock names",
        *(
            f"reviews/a.json: the review by Aoi Sato is void: the {what} is another one in this run"
            for what in ("model", "image", "changed image", "heat map")
        ),
        "reviews/a.json: 3 of 24 answers by Aoi Sato are void: this run does not show their pictures",
    ],
    "why_not": [
        "no background of these images speaks for a class that the map explains",
        "no map of an original has positive evidence for a positive logit",
        "evidence on the background would not speak against this limit",
        "fewer than 8 images have an image of another class beside them",
    ],
    "absence": [
        "not selected (not below the paths that were typed)",
        "not selected (-k 'easy')",
        "left out by a conftest.py, a plugin, or an option that was not typed (addopts, PYTEST_ADDOPTS, ini)",
        "the run ended before it, or something else ran in its place",
        "failed: test_bolts",
        "states no expectation, and test functions alone give no verdict; add one: AUDIT.expect(accuracy > 0.90)",
        "xfail: no camera yet",
        "skipped",
    ],
}
TOLD = {
    "data_note": data_note,
    "model_note": model_note,
    "run_note": run_note,
    "why_not": why_not,
    "absence": absence_text,
}
ALL = [(kind, note) for kind, notes in NOTES.items() for note in notes]


@cache
def written() -> tuple[tuple[int, re.Pattern[str]], ...]:
    """What the code's own texts can look like, anything in the place of a value; and how many letters it fixes."""
    found: list[tuple[int, re.Pattern[str]]] = []
    for room in ROOMS:
        for file in (Path(modelaudit.__path__[0]) / room).rglob("*.py"):
            found += _forms(ast.parse(file.read_text(encoding="utf-8")))
    return tuple(found)


def _forms(tree: ast.AST) -> Iterator[tuple[int, re.Pattern[str]]]:
    for node in ast.walk(tree):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node] if isinstance(node, ast.Constant) else []
        texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
        fixed = sum(len(text) for text in texts if isinstance(text, str))
        if fixed >= 7:
            form = "".join(".+?" if text is None else re.escape(str(text)) for text in texts)
            yield fixed, re.compile(form, re.DOTALL)


@pytest.mark.parametrize(("kind", "note"), ALL, ids=[note[:50] for _, note in ALL])
def test_a_note_is_what_the_code_writes_and_is_told_in_japanese(kind: str, note: str) -> None:
    assert any(fixed >= 0.3 * len(note) and form.search(note) for fixed, form in written())
    told = TOLD[kind](note, JA)
    assert re.search(r"[\u3040-\u30ff]", told)
    left = re.findall(r"\b(?:the|of them|images|were|is|are|have|has|which|that)\b", told.replace("?images=", ""))
    assert left == [] or kind == "run_note" or "not folded" in note or "layers:" in note or "is read" in note, told
    assert "{" not in TOLD[kind](note, EN)


#: what makes notes bears this name; decisions' notes are told by another module
MAKES_NOTES = re.compile(r"(?:^|_)(?:notes?|remarks?)(?:_|$)|^_?on_[a-z]+$")
ABOUT_MODELS = re.compile("(?:preprocessing|classes|weights|checkpoint|precision|micro-batch|module|layers|outputs): ")
OF_DECISIONS = ("engine/checks", "engine/decision")
NO_NOTES = (
    "INSERT OR REPLACE",
    "; write masks=class",
    "preprocessing: the transform is not a resize",
    ": path: ",
    "what was decided does not follow",
)


def made(tree: ast.AST) -> Iterator[ast.AST]:
    """Where notes are made: functions, arguments, lists and variables that are named after them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (MAKES_NOTES.search(node.name) or gives_notes(node)):
            documented = ast.get_docstring(node) is not None
            yield from node.body[documented:]
        elif isinstance(node, ast.keyword) and MAKES_NOTES.search(node.arg or ""):
            yield node.value
        elif isinstance(node, ast.Call):
            function = node.func
            grown = getattr(function, "attr", "") in ("append", "extend") and isinstance(function, ast.Attribute)
            if MAKES_NOTES.search(
                called(function.value if grown and isinstance(function, ast.Attribute) else function)
            ):
                yield from node.args
            if called(function) == "DataSet":
                yield from node.args[1:2]
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(MAKES_NOTES.search(called(target)) for target in targets):
                yield node.value


def gives_notes(function: ast.FunctionDef) -> bool:
    """Whether it returns notes with what it made: a list of texts comes last."""
    returned = "" if function.returns is None else ast.unparse(function.returns)
    return returned.startswith("tuple") and returned.endswith(("list[str]]", "tuple[str, ...]]"))


def called(node: ast.AST) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "")))


def sentences(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """The texts in it, without what is raised or compared."""
    if isinstance(node, ast.JoinedStr | ast.Constant):
        yield node
    elif not isinstance(node, ast.Raise | ast.Compare):
        for child in ast.iter_child_nodes(node):
            yield from sentences(child)


def test_every_note_that_the_code_makes_is_here() -> None:
    """So that none comes into a report without a Japanese text: a new one fails until it has its form and its note."""
    package, every, missing, seen = Path(modelaudit.__path__[0]), [note for _, note in ALL], [], 0
    for file in (file for room in ROOMS for file in (package / room).rglob("*.py")):
        place = file.relative_to(package).as_posix()
        if place.startswith(OF_DECISIONS):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found = [text for node in made(tree) for text in sentences(node)]
        found += [text for text in sentences(tree) if place.startswith("models") and ABOUT_MODELS.match(start(text))]
        for text in found:
            parts = form_parts(text)
            said = "".join(part or "" for part in parts)
            if len(said.split()) < 3 or said.startswith(NO_NOTES):
                continue
            seen += 1
            form = re.compile("".join(".*?" if part is None else re.escape(part) for part in parts), re.DOTALL)
            if not any(form.search(note) for note in every):
                missing.append(f"{place}:{text.lineno}: {said}")
    assert seen > 80
    assert not missing, "\n".join(missing)


def form_parts(text: ast.Constant | ast.JoinedStr) -> list[str | None]:
    """The parts of a text, None in the place of a value."""
    values = text.values if isinstance(text, ast.JoinedStr) else [text]
    return [str(part.value) if isinstance(part, ast.Constant) else None for part in values]


def start(text: ast.Constant | ast.JoinedStr) -> str:
    return next(iter(form_parts(text)), "") or ""


def test_every_form_has_a_note_here() -> None:
    for kind, forms in FORMS.items():
        for form in forms:
            assert any(re.search(form, note) for note in NOTES[kind]), form


def test_numbers_and_examples_stay() -> None:
    assert data_note("3 of 40 images have no mask, e.g. nut/a.png", JA) == (
        "40枚のうち3枚にマスクがありません（例：nut/a.png）。"
    )
    passed = "in 6 of them object and ring cover more than 80% of the frame, and they were passed over "
    note = f"backgrounds of other_class: {passed}(max_donor_object=1 admits them): a.png"
    assert data_note(note, JA) == (
        "背景の提供元other_class：対象物とその周囲が画面の80%を超える6枚を除外（a.png。max_donor_object=1で使用可）。"
    )


@pytest.mark.parametrize("told", TOLD.values())
def test_what_nobody_here_wrote_stands_as_it_is(told: object) -> None:
    assert told("a note of another source {n}", JA) == "a note of another source {n}"  # type: ignore[operator]

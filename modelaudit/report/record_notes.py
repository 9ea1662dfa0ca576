"""Translates the notes of models, data sets and runs, and why a limit's sensitivity is not known.

They are English sentences in the record, found by their form as those of decisions are (notes.py). One of another form
(a third party's source, an older record) stands as it is. ``first`` is an example, ``names`` are names of files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .words import Words

_OF = r"(?P<n>\d+) of (?P<all>\d+) "
_N = r"(?P<n>\d+) "
_EG = r"(?:, e\.g\. (?P<first>.+))?"
_QUOTED = r"'[^']*'|\"[^\"]*\""
_NEVER_01 = r"\(1e-38 and 1 - 6e-8 stand for 0 and 1\)"
_CUT = (
    _OF + r"objects \((?P<kept>\S+) of them is left in the median; less than (?P<limit>\S+), so that an audit counts "
    r"them as undefined, of (?P<few>\d+)\); (?:--model or --preprocessing shows your own; )?"
    r"(?P<cure>Preprocessing\(.+\)) cuts nothing, Audit\(object_kept=\.\.\.\) sets the limit"
)
_TAKEN = r"the images were taken from (?P<folder>.+), which holds (?P<n>\d+) of (?P<all>\d+) looked for"
_BY_END = r", by the last (?:part|\d+ parts) of their names"
_TOO = "; images of these names are in (?P<others>.+) too"
_OTHER = r"; (?P<option>\S+) names another folder"

#: the form of a data set's note, and its key
_DATA: dict[str, str] = {
    r"no masks: no folder beside the images, and none named by \?masks=": "no_mask_folder",
    r"no masks: no folder beside the images, and none named by \?masks=; the images have an alpha channel, which "
    r"\?masks=alpha takes as masks": "no_mask_folder_but_alpha",
    r"masks: none are read \(masks=none\)": "masks_not_read",
    r"masks are the alpha channels of the images: values from (?P<n>\d+) on are the object; the images are shown with "
    "the colours that they store, without transparency": "masks_alpha",
    "(?P<file>.+) says path: (?P<stated>.+), where nothing is; its own folder was taken": "path_absent",
    r"labels are the categories' imagenet_index \(\?labels=name takes their names\)": "labels_by_index",
    "labels match outputs in the order of (?P<what>.+)": "labels_in_order",
    "images are those in (?P<folder>.+)": "images_in",
    "images are those below (?P<folder>.+) that have the names of annotations or segmentations": "images_below",
    r"all images, for there is no list val\.txt in ImageSets \(\?split= takes one of (?P<names>.+)\)": "all_images",
    r"all images, for there is no list val\.txt in ImageSets \(ImageSets has no list of all images\)": "all_unlisted",
    r"boxes are read as edges that count from 0 \(\?boxes=pixels: as pixels from 1, as VOC's own do\)": "boxes_edges",
    _N + r"samples have no image, e\.g\. (?P<first>.+)": "samples_without_image",
    r"the crop \((?P<how>.+)\) leaves all (?P<n>\d+) objects whole": "crop_whole",
    r"the crop \((?P<how>.+)\) cuts into " + _CUT: "crop_cuts",
    r"a model that crops as usual \((?P<how>.+)\) cuts into " + _CUT: "crop_usual",
    "an audit refuses these data: (?P<why>.+)": "refused",
    _TAKEN + _OTHER: "images_taken",
    _TAKEN + _BY_END + _OTHER: "images_taken_by_end",
    _TAKEN + _TOO + _OTHER: "images_taken_too",
    _TAKEN + _BY_END + _TOO + _OTHER: "images_taken_by_end_too",
    _TOO.removeprefix("; ") + _OTHER: "images_too",
    "variants that are not there: (?P<names>.+)": "variants_absent",
    r"(?P<name>\S+) has (?P<n>\d+) of the (?P<all>\d+) classes": "classes_absent",
    _N + "images have a name that leaves their foreground open" + _EG: "foreground_open",
    _N + "images have no picture in (?P<name>.+?)" + _EG: "no_picture_in",
    _N + "images have several pictures in (?P<name>.+?)" + _EG: "several_pictures_in",
    "shapes without an area were skipped: (?P<names>.+)": "shapes_skipped",
    _N + r"images have no file and were taken from their JSON file \(imageData\)" + _EG: "images_embedded",
    _N + "images have a shape that cannot be read, so their masks are not known" + _EG: "shapes_unreadable",
    _N + "of these images have other labels too, so their label is open, and were left out" + _EG: "labels_open",
    r"no masks: the file has no column 'mask', and none is named by \?mask=": "no_mask_column_in_file",
    _N + "images are not in (?P<folder>.+?)" + _EG: "images_not_in",
    _N + "images have a segmentation without a known class, hence no label, and were left out" + _EG: (
        "segmentations_unknown"
    ),
    "files that belong to no sample were skipped: (?P<names>.+)": "files_of_no_sample",
    r"labels are neither beside the images nor in a parallel folder, and were paired by name, e\.g\. (?P<path>.+)": (
        "labels_by_name"
    ),
    "(?P<file>.+) names (?P<stated>.+) for (?P<part>'[^']*'), where nothing is": "part_absent",
    r"images of (?P<part>'[^']*') in (?P<file>.+) \(\?split= takes another of (?P<names>.+)\)": "part_of",
    "images of (?P<part>'[^']*') in (?P<file>.+), its only part": "part_alone",
    "(?P<named>.+): nothing is at (?P<stated>.+); (?P<taken>.+) was taken": "place_moved",
    _OF + "images have no mask" + _EG: "images_without_mask_of",
    _N + "images have no mask" + _EG: "images_without_mask",
    "no masks: \\?mask= names no column": "no_mask_column",
    _N + "masks belong to no image" + _EG: "lonely_masks",
    r"masks .+: " + _OF + r"images have one \((?P<option>.+)\)": "masks_found",
    r"no mask in (?P<folder>.+) belongs to an image: " + _N + "files there have other names": "masks_misnamed",
    _N + "files that look like masks were left out: they are not those that the audit reads": "masks_left_out_alike",
    _N + "masks were left out": "masks_left_out",
    r"masks of 0 and 255 alone: 255 is the object \(mask_255=object\)": "masks_255",
    r"masks of 0 and one other number \((?P<values>.+)\): that number is the object \(mask_object=any\)": (
        "masks_number"
    ),
    r"masks of black and one colour \((?P<values>.+)\): the colour is the object \(mask_background=#000000\)": (
        "masks_colour"
    ),
    r"masks in a lossy format \(JPEG, WebP\): values from (?P<n>\d+) on are the object, all others background "
    r"\(mask_threshold=\d+\)": "masks_lossy",
    r"masks with soft edges: values from (?P<n>\d+) on are the object, all others background \(mask_threshold=\d+\)": (
        "masks_soft"
    ),
    _N + r"masks were made by a machine \((?P<by>.+)\)": "masks_by_machine",
    _OF + r"samples have no (?P<what>[^:]+): their files cannot be read" + _EG: "samples_unread",
    _OF + r"samples have no (?P<what>.+?)" + _EG: "samples_without_of",
    _N + r"samples have no (?P<what>.+?)" + _EG: "samples_without",
    "files without the ending of an image were skipped: (?P<names>.+)": "files_skipped",
    "hidden files and folders were skipped: (?P<names>.+)": "files_hidden",
    r"files left out by ignore=: (?P<n>\d+)(?: \((?P<first>.+)\))?": "files_ignored",
    "images without a folder of a label were passed over: (?P<names>.+)": "images_without_folder",
    _OF + "images have no picture (?P<name>.+)": "images_without_picture",
    _N + "pictures (?P<name>.+) belong to no image": "lonely_pictures",
    _N + "images have a box for a mask: it holds background too, and shares on it are coarse" + _EG: "boxes_for_masks",
    _N + r"labels of (?P<all>\d+) images, each label a sample of its own": "several_labels",
    _N + "images have objects of several categories; the largest gave the label, all of them are object" + _EG: (
        "mixed_all"
    ),
    _N + "images have objects of several categories; the largest gave the label, the others are background" + _EG: (
        "mixed_largest"
    ),
    _N + "annotations have neither segmentation nor box and were skipped" + _EG: "annotations_skipped",
    _N
    + "annotations have parts of fewer than three points, which enclose nothing: other parts or the box are drawn"
    + _EG: "annotations_partial",
    _N + r"annotations are named (?P<name>" + _QUOTED + r") and count as background" + _EG: "annotations_background",
    _N + r"annotations are named (?P<name>" + _QUOTED + r") and are ignored \(255\)": "annotations_ignored",
    _N + r"crowds are ignored \(255\) in the images of their category": "crowds_ignored",
    _N + "images have no usable annotation and no label, and were left out" + _EG: "images_unannotated",
    _N + "images have no object and no label, and were left out" + _EG: "images_unannotated",
    _N + "images have no shape with an area and no label, and were left out" + _EG: "images_unannotated",
    _N + "images have no label file and were left out" + _EG: "images_without_label_file",
    _N + "images have a label file without objects and were left out" + _EG: "images_empty_label_file",
    "drawn by the demo: coupling (?P<coupling>[^,]+), " + _OF + "parts on the surroundings of their kind": "demo",
    "read from a copy of (?P<url>.+)": "copied",
    r"images of all of (?P<names>.+) \(\?split= takes one\)": "all_splits",
    "images of the only list, (?P<names>.+)": "only_list",
    r"pictures: (?P<n>\d+) different ones among (?P<all>\d+) images; (?P<copies>\d+) images have copies, e\.g\. "
    r"(?P<one>" + _QUOTED + ") and (?P<other>" + _QUOTED + r") \(equal pixels, or \d+% within \d+ of 255\); copies "
    "count as one image": "copies",
    r"pictures: (?P<n>\d+) of (?P<all>\d+) images resemble others of them \(a burst, or one scene\?\), e\.g\. "
    r"(?P<one>" + _QUOTED + ") and (?P<other>" + _QUOTED + r"); if they depend on each other, say so with \?cluster=": (
        "alike"
    ),
    r"pictures: (?P<n>\d+) pairs of images that may be copies were not compared: there are too many of them": (
        "pairs_unchecked"
    ),
    r"store: values were not stored in (?P<file>.+) \((?P<why>.+)\); the next run computes them again": "store_unused",
    r"store: (?P<file>.+) was damaged \((?P<why>.+)\); it was moved to (?P<aside>.+), and a new one begun": (
        "store_damaged"
    ),
    r"store: values were not stored: (?P<file>.+) is on a network drive \((?P<why>.+)\), where a database that several "
    "processes write can be damaged; name a folder on a disk of this machine by --audit-store": "store_network",
}
#: the forms of what follows the head of a note on donors
_DONOR_HEADS: dict[str, str] = {
    r"backgrounds from (?P<rule>.+?)(?: \((?P<first>.+)\))?: (?P<n>\d+) images": "donor_pool",
    "backgrounds of (?P<rule>[^:]+)": "donors",
}
_DONORS: dict[str, str] = {
    r"(?P<n>\d+) of them cannot be read or have no background to lend, and were passed over: (?P<names>.+)": (
        "donors_useless"
    ),
    r"in (?P<n>\d+) of them object and ring cover more than (?P<share>\d+%) of the frame, and they were passed over "
    r"\(max_donor_object=1 admits them\): (?P<names>.+)": "donors_covered",
    r"a donor that is nearly the same picture as the image was passed over (?:once|(?P<times>\d+) times), e\.g\. "
    r"(?P<one>" + _QUOTED + ") for (?P<other>" + _QUOTED + ")": "donors_same",
}
_UNDER = "baseline: under (?P<context>.+) " + _OF + "images have another background and "
_BEHIND = (
    r"; what stands behind an address can change without a change of the fingerprint\. Those on (?P<name>.+) are not "
    "asked again"
)
_MODEL: dict[str, str] = {
    "preprocessing: assumed to be that of (?P<of>.+)": "preprocessing_assumed",
    "preprocessing: the folder has no image processor": "preprocessing_none",
    r"preprocessing: its (?P<kind>\S+) does what resize, centre crop and normalisation do not": "preprocessing_other",
    "preprocessing: it takes one channel, and the usual mean and std are of three, so it has channels=1": (
        "preprocessing_grey"
    ),
    r"preprocessing: it takes (?P<n>\d+) channels, and the usual mean and std are of three": "preprocessing_channels",
    r"classes: assumed to be the (?P<n>\d+) of ImageNet, by the names of torchvision": "classes_of_imagenet",
    r"classes: assumed to be the (?P<n>\d+) of (?P<of>.+)": "classes_assumed",
    r"classes: names of the (?P<n>\d+) outputs are unknown; labels are indices unless classes are given": (
        "classes_unknown"
    ),
    "weights: none, untrained on purpose": "weights_none",
    r"weights: (?P<tag>\S+) is (?P<of>\S+)": "weights_tag",
    "checkpoint: the weights under (?P<name>" + _QUOTED + ")(?:; left aside: (?P<first>.+))?": "checkpoint",
    r"(?P<n>\d+) batch norms are folded into the layers before them \(proven in float64\)": "folded",
    "batch norms are not folded: (?P<why>.+)": "not_folded",
    r"precision: (?P<precision>\S+); nothing faster could be tried: (?P<why>.+)": "precision_only",
    r"precision: (?P<one>\S+) agrees with (?P<other>\S+) on the first (?P<n>\d+) images \((?P<what>.+); limit "
    r"(?P<limit>\S+)\)": "precision_agrees",
    r"precision: (?P<one>\S+) differs from (?P<other>\S+) on the first (?P<n>\d+) images \((?P<what>.+); limit "
    r"(?P<limit>\S+)\)": "precision_differs",
    r"micro-batch: (?P<n>\d+) images did not fit into memory, (?P<less>\d+) from then on": "micro_batch",
    "module: torch.compile was taken off, attribution needs the module itself": "not_compiled",
    "layers: it is (?P<what>.+); methods that read a layer are refused": "layers_hidden",
    r"shipped with the package; trained on the demo's line with coupling (?P<coupling>\S+)": "demo",
    r"answers: of (?P<address>.+), version (?P<version>" + _QUOTED + ") as stated" + _BEHIND: "remote_version",
    r"answers: of (?P<address>.+), no version is stated" + _BEHIND: "remote_no_version",
    r"images: sent to (?P<host>.+) as PNG of 8 bits a channel": "remote_png",
    r"images: sent to (?P<host>.+) as arrays of float32": "remote_npy",
    r"images: sent to (?P<host>.+) as numbers": "remote_numbers",
    r"images: not encrypted on their way to (?P<host>.+)": "remote_in_clear",
    "outputs: one, the logit of the second class; attributions explain half of it for each": "one_logit",
    "outputs: one, the probability of the second class; attributions explain the logit before the sigmoid, half of it "
    "for each class": "one_sigmoid",
    r"outputs: one, the probability p of the second class; nothing before it can be read, so attributions explain "
    r"log\(p / \(1 - p\)\) " + _NEVER_01: "one_probability",
    r"outputs: the program ends in a sigmoid that cannot be taken off, so attributions explain log\(p / \(1 - p\)\) "
    + _NEVER_01: "sigmoid_stays",
    r"outputs: the model ends in a (?P<what>softmax|log-softmax|sigmoid); the logits before it are read and "
    "explained": "ends_in",
    r"outputs: probabilities, since they are between 0 and 1 with a sum of 1; nothing before the softmax can be read, "
    r"so attributions explain log p " + _NEVER_01: "probabilities",
    r"outputs: (?P<n>\d+) labels, each by itself; attributions explain the label's logit before the sigmoid": (
        "labels_sigmoid"
    ),
    r"outputs: (?P<n>\d+) labels, each a probability p by itself, since all are between 0 and 1; nothing before them "
    r"can be read, so attributions explain log\(p / \(1 - p\)\) " + _NEVER_01: "labels_probability",
    r"outputs: (?P<n>\d+) labels, each the logit of a yes or no of its own": "labels_logit",
    r"answers: scores of every class, of (?P<n>\d+) rendered pictures(?:, (?P<missing>\d+) without an answer)?; the "
    "model was not run and is known by them alone": "answers_scores",
    r"answers: labels (?:alone|with their probabilities), of (?P<n>\d+) rendered pictures(?:, (?P<missing>\d+) without "
    "an answer)?; the model was not run and is known by them alone": "answers_labels",
    r"answers: the (?P<labels>\d+) strongest labels(?: with their probabilities)?, of (?P<n>\d+) rendered pictures"
    r"(?:, (?P<missing>\d+) without an answer)?; the model was not run and is known by them alone": "answers_top",
    r"answers: the scores beside the labels are not used; where they are probabilities "
    r"Audit\(scores='probabilities'\) says so": "answers_unused",
    "maps: beside the answers, as they were given: (?P<names>.+)": "maps_given",
    r"baseline: the values are those of run (?P<run>\S+), where the model is called (?P<name>.+); it was not run "
    "again": "baseline_values",
    "baseline: " + _OF + "images have no partner and count as missing: (?P<partners>.+)": "baseline_missing",
    "baseline: "
    + _OF
    + r"images have no partner and are left out, as unpaired=(?P<share>\S+) allows: (?P<partners>.+)": (
        "baseline_left_out"
    ),
    r"baseline: (?P<n>\d+) of its (?P<all>\d+) images are not in these data, as unpaired=(?P<share>\S+) allows: "
    "(?P<names>.+)": "baseline_absent",
    "baseline: " + _N + "images have other names in it and were paired by what they hold: (?P<partners>.+)": (
        "baseline_renamed"
    ),
    "baseline: under (?P<context>.+) "
    + _OF
    + "images have another background and count as missing: (?P<partners>.+)": ("baseline_donors_missing"),
    "baseline: under (?P<context>.+) " + _OF + "images have another background and are left out: (?P<partners>.+)": (
        "baseline_donors_left_out"
    ),
    r"outputs: (?P<name>.+) is read, the only one (?P<why>.+); not read: (?P<others>.+)": "output_read",
}
_REVIEW = r"(?P<name>reviews/\S+): the review by (?P<who>.+) is void: "
_RUN: dict[str, str] = {
    r"counterexamples: (?P<folder>.+) cannot be written \((?P<why>.+)\); the next run searches anew": "not_kept",
    "the earlier runs were not read: (?P<why>.+)": "earlier_runs_not_read",
    "the merged runs differ in (?P<what>.+?): (?P<names>.+)": "machines_differ",
    "(?P<name>.+) has a table of its own: (?P<why>.+)": "table_apart",
    r"(?P<name>reviews/\S+): is the same review as (?P<other>\S+), and counts once": "review_twice",
    _REVIEW + "it is not signed by a reviewer whom the lock names": "review_unsigned",
    _REVIEW + "the model is another one in this run": "review_other_model",
    _REVIEW + "the image is another one in this run": "review_other_image",
    _REVIEW + "the changed image is another one in this run": "review_other_change",
    _REVIEW + "the heat map is another one in this run": "review_other_map",
    r"(?P<name>reviews/\S+): (?P<n>\d+) of (?P<all>\d+) answers by (?P<who>.+) are void: this run does not show their "
    "pictures": "review_partly",
}
_WHY_NOT: dict[str, str] = {
    "no background of these images speaks for a class that the map explains": "no_class",
    "no map of an original has positive evidence for a positive logit": "no_evidence",
    "evidence on the background would not speak against this limit": "not_against",
    r"fewer than (?P<n>\d+) images have an image of another class beside them": "few_images",
}
#: what differs between an image and its partner in a baseline
PARTNER: dict[str, str] = {
    "the image differs": "image",
    "the mask differs": "mask",
    "the image and the mask differ": "image_and_mask",
    "the label was (?P<then>.+), now (?P<now>.+)": "label",
    "new": "new",
    "the same picture as (?P<other>.+)": "same",
    "its picture differs": "picture",
    "from (?P<then>.+), now from (?P<now>.+)": "background",
    "its background is from (?P<name>.+), which differs": "donor",
    "there (?P<then>.+)": "renamed",
}
#: why a requirement is not counted; pytest's own reasons stand as they are
_ABSENCE: dict[str, str] = {
    r"not selected \(not below the paths that were typed\)": "paths",
    r"not selected \((?P<what>.+)\)": "selected",
    r"left out by a conftest\.py, a plugin, or an option that was not typed \(addopts, PYTEST_ADDOPTS, ini\)": (
        "removed"
    ),
    "the run ended before it, or something else ran in its place": "ended",
    "xfail(?P<why>: .+)?": "xfail",
    "skipped": "skipped",
    "failed: (?P<names>.+)": "failed",
    "states no expectation, .+": "empty",
}
#: the kinds of notes, each with its forms
FORMS: dict[str, dict[str, str]] = {
    "data_note": {**_DATA, **_DONOR_HEADS, **_DONORS},
    "model_note": _MODEL,
    "run_note": _RUN,
    "why_not": _WHY_NOT,
    "absence": _ABSENCE,
}


def data_note(note: str, words: Words) -> str:
    """A note of a data set in the language of the report."""
    if note.startswith("backgrounds "):
        return _donors(note, words)
    return translated(note, "data_note", _DATA, words) or note


def model_note(note: str, words: Words) -> str:
    """A note of a model in the language of the report."""
    return translated(note, "model_note", _MODEL, words) or note


def run_note(note: str, words: Words) -> str:
    """A note of a run in the language of the report; those of data sets stand there too."""
    return translated(note, "run_note", _RUN, words) or data_note(note, words)


def why_not(why: str, words: Words) -> str:
    """Why it is not known what a limit would catch: a clause without a full stop."""
    text = why.splitlines()[0].rstrip(".")
    return translated(text, "why_not", _WHY_NOT, words) or text


def absence_text(why: str, words: Words) -> str:
    """Why a requirement is not counted, in the language of the report."""
    return translated(why, "absence", _ABSENCE, words) or why


def translated(note: str, kind: str, forms: Mapping[str, str], words: Words) -> str:
    """The text of the first form that fits; empty where none does."""
    for form, key in forms.items():
        if found := re.fullmatch(form, note, re.DOTALL):
            values = found.groupdict()
            if "first" in values:
                values["first"] = words._("note_example", first=values["first"]) if values["first"] else ""
            if "partners" in values:
                values["partners"] = _partners(values["partners"], words)
            if "missing" in values:
                values["missing"] = values["missing"] or "0"
            if "times" in values:
                values["times"] = values["times"] or "1"
            values = {name: value or "" for name, value in values.items()}
            return words._(f"{kind}.{key}", **values)
    return ""


def _partners(names: str, words: Words) -> str:
    """Images, each with what differs in parentheses."""

    def said(found: re.Match[str]) -> str:
        parts = [translated(part, "partner", PARTNER, words) for part in found[1].split("; ")]
        return f"({words._('semicolon').join(parts)})" if all(parts) else found[0]

    return re.sub(r"\(([^()]*)\)", said, names)


def _donors(note: str, words: Words) -> str:
    """A note on donors: where backgrounds come from, then what was passed over, each after a semicolon."""
    cut = note.find(": ")
    while cut != -1:  # the name of a pool may hold a colon
        parts = note[cut + 2 :].split("; ")
        if all(translated(part, "data_note", _DONORS, words) for part in parts):
            head = translated(note[:cut], "data_note", _DONOR_HEADS, words)
            rest = [translated(part, "data_note", _DONORS, words) for part in parts]
            return words._("donors_and_more", head=head, rest=words._("semicolon").join(rest)) if head else note
        cut = note.find(": ", cut + 2)
    head, *parts = note.split("; ")
    said = [translated(head, "data_note", _DONOR_HEADS, words) or head]
    said += [translated(part, "data_note", _DONORS, words) or data_note(part, words) for part in parts]
    return words._("semicolon").join(said)

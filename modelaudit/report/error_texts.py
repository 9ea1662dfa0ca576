"""Translates errors, and what the commands say of single images, of plans and of data that they recognise.

As notes (record_notes.py) they are English sentences that are found by their form. The English text stands in the code
alone, the others in a catalogue of their own (``catalogue/errors.ja.po``). An error of another form has no translation.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from .record_notes import translated
from .verification_texts import VERIFICATION_FORMS
from .words import CATALOGUES, Words, read_catalogue, words_of

_ROOT = "; relative paths start at pytest's rootdir"
_NEAREST = re.compile(r"; did you mean (?P<near>.+)\?$|; known: (?P<known>.+)$", re.DOTALL)

#: the form of the first line of an error, and its key
_ERROR: dict[str, str] = {
    "not applicable: (?P<measure>.+) needs the scores of every class, and the answers of (?P<what>.+) hold labels .+": (
        "needs_scores_of_labels"
    ),
    "not applicable: (?P<measure>.+) needs the scores of every class, and the answers of (?P<what>.+) hold the "
    r"(?P<n>\d+) strongest labels.*": "needs_scores_of_top",
    "not applicable: (?P<measure>.+) needs the probabilities of the labels, and the answers of (?P<what>.+) hold .+": (
        "needs_probabilities"
    ),
    r"not applicable: (?P<measure>.+) needs the (?P<k>\d+) strongest labels, and the answers of (?P<what>.+) hold .+": (
        "needs_ranks"
    ),
    "not applicable: (?P<method>.+) needs a model that can be run, or its maps beside the answers of (?P<what>.+): "
    "there is .+": "needs_maps",
    "not applicable: (?P<method>.+) has settings, and maps beside answers .+": "maps_have_no_settings",
    "not applicable: target=(?P<target>.+), and maps beside answers explain .+": "maps_of_the_answer",
    r"(?P<path>.+): (?P<n>\d+) thing\(s\) in which answers and manifest do not fit; nothing is guessed": (
        "answers_do_not_fit"
    ),
    r"(?P<path>.+): (?P<n>\d+) picture\(s\) of this pass were not rendered \((?P<names>.+)\); render again .+": (
        "not_rendered"
    ),
    r"(?P<path>.+): cannot be read \((?P<why>.+)\); modelaudit render AUDIT -o FOLDER writes .+": "render_first",
    "(?P<what>.+): no folder at (?P<place>.+), and no list at (?P<list>.+); check the path, or the name (?P<name>.+) "
    "after split=": "no_part",
    "(?P<what>.+): no folder at (?P<place>.+?)(?:; check the path: .+)?": "no_folder",
    r"(?P<what>.+): returns (?P<value>\S+) for an image of noise \((?P<n>\d+) of (?P<all>\d+) outputs are not "
    r"finite\); .+": "not_finite",
    "(?P<what>.+): no file or folder (?P<place>.+); give a folder, an annotation file, or a reference": "no_data",
    "(?P<what>.+): no file (?P<place>.+?)(?:" + _ROOT + "|; give the path of the model, or a reference)": "no_file",
    "(?P<path>.+): no such checkpoint file" + _ROOT: "no_checkpoint",
    r"(?P<path>.+?): (?:cannot be read \()?No such file or directory\)?(?:; .+)?": "missing_file",
    "(?P<what>.+): no image in (?P<place>.+?)[;:] .+": "no_image",
    "data=(?P<what>.+) has no scheme; write e.g. (?P<example>.+) .known: (?P<schemes>.+).": "no_scheme",
    "(?P<what>.+) is not a model reference; write (?P<example>.+)": "no_model_reference",
    r"(?P<path>.+) is empty \(0 bytes\)": "empty_file",
    "(?P<path>.+) is not a (?P<formats>JPEG.+) file": "not_an_image",
    "(?P<path>.+) cannot be read: (?P<why>.+)": "unreadable",
    r"(?P<path>.+) holds (?P<n>\d+) images; save the one that is meant": "several_images",
    r"(?P<path>.+) is (?P<size>\d+ x \d+), the image (?P<image>\d+ x \d+) \(width x height\): the image is turned by "
    "its EXIF orientation and the mask is not; .+": "mask_turned",
    r"(?P<path>.+) is (?P<size>\d+ x \d+), the image (?P<image>\d+ x \d+) \(width x height\); a mask has the size of "
    "its image": "mask_size",
    r"(?P<name>.+) is stated as (?P<size>\d+ x \d+), but its image is (?P<image>\d+ x \d+) .+": "stated_size",
    "(?P<what>.+): unknown option (?P<name>'.+')": "unknown_option",
    "(?P<where>.+): unknown key": "unknown_key",
    r"unknown (?P<kind>[a-z ]+) (?P<name>'.+')": "unknown_name",
    r"(?P<where>.+): the model has no class (?P<name>'.+'|\d+)": "no_class",
    "the label (?P<label>.+) names the classes (?P<classes>.+) alike; map it: (?P<how>.+)": "label_unclear",
    r"the label (?P<label>.+) means index (?P<index>\d+), and the model has outputs 0 to (?P<last>\d+); .+": (
        "label_beyond"
    ),
    r"(?P<what>.+): (?P<n>\d+) class names for (?P<outputs>\d+) outputs; .+": "class_count",
    "(?P<path>.+) must hold class names: .+": "class_names",
    r"(?P<what>.+): .+; give (?P<how>Audit\(preprocessing=.+\)) with its own numbers": "no_preprocessing",
    r"(?P<path>.+): (?:holds .+, not a state dict|no state dict in it; .+); save model\.state_dict\(\)": (
        "no_state_dict"
    ),
    "(?P<path>.+): cannot be read as plain weights: .+": "not_weights",
    r"(?P<path>.+): is a pointer of Git LFS, not the weights themselves; run git lfs pull": "lfs_pointer",
    r"(?P<what>.+): (?P<path>\S+) cannot be loaded \((?P<why>.+)\); it must be a file of .+": "not_loaded",
    r"(?P<path>.+): (?:onnxruntime cannot load it|cannot be read as an ONNX file) \((?P<why>.+)\).*": "onnx_not_loaded",
    "(?P<what>.+): (?P<path>.+) does not fit (?P<name>[^:]+): (?P<found>.+)": "weights_do_not_fit",
    "(?P<what>.+)(?:: loading such a file can run code in it| runs code); allow it with --audit-allow-code, .+": (
        "runs_code"
    ),
    r"(?P<path>.+): cannot be written \((?P<why>.+)\).*": "not_written",
    "(?P<path>.+): (?:holds no run|no run in it.*); .+": "no_run",
    "(?P<path>.+) exists, and nothing is overwritten; .+": "exists",
    "the run's value (?P<value>.+) does not meet the expectation; give --margin .+": "not_met_run",
    "--guess (?P<value>.+) does not meet the expectation; give --margin .+": "not_met_guess",
    "the run has no value for it; give --margin": "no_value",
    "(?P<where>.+): no expectation is (?P<name>'.+')": "waiver_of_none",
    "(?P<where>.+?): expectation: (?P<name>.+) is critical, which cannot be waived; .+": "waiver_of_critical",
    "(?P<where>.+?): expectation: (?P<name>.+) is of a known-bad model, which must be caught; .+": (
        "waiver_of_known_bad"
    ),
    "(?P<where>.+?): expectation: (?P<name>.+) is stated of several models; waive it for each that needs it: "
    "(?P<names>.+)": "waiver_of_several",
    r"(?P<file>.+): this key \((?P<id>.+)\) is of no party; keys of the agreement: (?P<known>.+)": "key_of_no_party",
    r"this key \((?P<id>.+)\) is of no party; keys in the lock: (?P<known>.+)": "key_of_no_party_in_lock",
    "standard (?P<name>'.+?') is not known(?:; .+)?": "no_standard",
    "standard (?P<standard>.+), item (?P<item>.+): no (?:measure|context) is called (?P<name>'.+?')(?:; .+)?": (
        "standard_names_none"
    ),
    "(?P<name>.+): no run is there; .+": "no_run_there",
    r"(?P<where>.+): is a quick look at (?P<n>\d+) images, which decides nothing; .+": "quick_look_run",
    "(?P<where>.+): is not whole: (?P<missing>.+); run all of the audits": "run_not_whole",
    "(?P<where>.+): was written by an older modelaudit, which kept no digests of images; .+": "run_without_digests",
    "(?P<where>.+): is a copy for showing, without the names and digests of images; .+": "run_for_showing",
    r"(?P<where>.+): holds (?P<n>\d+) models \((?P<names>.+)\); name one of them, .+": "run_of_several_models",
    r"(?P<path>.+?):(?P<line>\d+): is not valid JSON: (?P<why>.+?)(?:; this is not .+)?": "not_json",
    "(?P<path>.+?): not a run record: (?P<why>.+); (?:set|restore|take) .+": "not_run_record",
    "(?P<where>.+?): the record contradicts itself, so it cannot be used: the run: (?P<field>.+?) is (?P<found>.+), "
    "and (?P<value>.+) follows from the record": "run_contradicts_itself",
    "(?P<where>.+?): the record contradicts itself, so it cannot be used: (?P<case>.+?): (?P<field>.+?) is "
    "(?P<found>.+), and (?P<value>.+) follows from the record": "record_contradicts_itself",
    "(?P<where>.+): has no model (?P<name>'.+')": "run_without_model",
    r"(?P<where>.+): a baseline holds no pictures: give the run that it was made from \((?P<run>.+)\); .+": (
        "baseline_without_pictures"
    ),
    "(?P<where>.+): is a baseline already; .+": "baseline_already",
    "(?P<where>.+): exists; choose another name, or replace it with --force": "baseline_exists",
    r"(?P<what>.+) holds the values of an earlier run and no network, .+": "values_and_no_network",
    "this export needs (?P<what>.+): pip install '(?P<extra>.+?)' .+": "export_needs",
    "--salt is for --redact: .+": "salt_without_redact",
    "(?P<where>.+): has no folder to keep a salt in: .+": "salt_nowhere",
    r"(?P<where>.+): cannot be made \((?P<why>.+)\); give another folder(?: with -o)?": "folder_not_made",
    r"MLflow(?: at (?P<place>\S+))?: (?P<why>.+)": "mlflow_failed",
    "the run is about several models: choose one with --model: (?P<names>.+)": "card_of_several_models",
    "--model (?P<name>.+): is (?:no model|several models) of the run": "card_without_model",
    "the run has no requirement on a model under test: .+": "card_of_nothing",
    r"(?P<where>.+): the metadata cannot be read \((?P<why>.+)\); correct them": "card_metadata",
    "(?P<where>.+): must have (?P<begin><!--.+-->) and (?P<end><!--.+-->) once each, .+": "card_markers",
    "(?P<file>.+): exists, and confirms the time of the lock with the signatures that it has; .+": "lock_is_stamped",
}
#: what is said of an image, or of several
_DETAIL: dict[str, str] = {
    "equal pixels": "equal",
    r"(?P<bits>\d+) bits differ": "bits",
    r"(?P<least>\d+) to (?P<most>\d+) bits differ": "bits_from_to",
    r"at most (?P<most>\d+) bits differ": "bits_at_most",
    r"(?P<n>\d+) images": "images",
    r"of (?P<n>\d+) classes of (?P<of>.+)": "classes",
    "of the label (?P<label>.+)": "label",
    "all of it is ignored": "ignored",
    "(?P<share>.+%) of the image": "share",
    r"(?P<n>\d+) pieces": "pieces",
    "(?P<share>.+%) of the object is left": "kept",
    "mirrored": "mirrored",
    "turned": "turned",
    "cropped": "cropped",
    "mirrored and cropped": "mirrored_cropped",
    "turned and cropped": "turned_cropped",
    "mirrored and turned": "mirrored_turned",
    "mirrored and turned and cropped": "mirrored_turned_cropped",
    "labelled (?P<there>'.+') there and (?P<here>'.+') here": "labelled",
    "(?P<name>[^' :]+) (?P<value>'.+')": "lot",
    r"(?P<n>\d+) different images that can be read, (?P<least>\d+) agreed; photograph (?P<more>\d+) more": (
        "agreed_images"
    ),
    r"(?P<what>.+): no image; photograph (?P<more>\d+) more": "none_of_it",
    r"(?P<what>.+): (?P<n>\d+) of (?P<least>\d+) images; photograph (?P<more>\d+) more": "few_of_it",
    r"(?P<what>.+): (?P<share>\d+%) of the images, (?P<expected>\d+%) expected; photograph (?P<more>\d+) more": (
        "share_off"
    ),
    r"(?P<what>.+): (?P<share>\d+%) of the images, (?P<expected>\d+%) expected; more than agreed": "share_above",
    r"(?P<what>.+): (?P<share>\d+%) of the images, (?P<expected>\d+%) expected; too few to tell": "share_unclear",
    r"(?P<what>.+): (?P<n>\d+) images, which the agreement does not foresee": "unforeseen",
    r"(?P<what>.+): (?P<n>\d+) images, agreed to be impossible": "impossible",
    "(?P<what>.+): the data do not say it of any image": "unknown",
    r"(?P<what>.+): the data do not say it of (?P<n>\d+) of (?P<all>\d+) images": "unknown_of",
    "GrabCut needs a box round the object, and the image has none": "no_box",
    "the box covers the whole image, which leaves GrabCut no background; draw it closer": "box_covers",
}
#: why a plan has no number, or what limits it
_PLAN: dict[str, str] = {
    "the pilot has no image with these values": "no_image",
    "a missing value of a measure without a range has no worst end": "no_worst_end",
    "(?:the|this) margin leads out of the range of the measure; ask for a smaller one": "out_of_range",
    "missing values alone keep it open at this margin": "missing",
    "the pilot has too few clusters, or one of them holds nearly all images": "few_clusters",
    "images of one cluster count less, as in the pilot; more of them help where they are of new clusters": "clusters",
    r"not with (?P<n>\d+) images": "too_many",
    "the pilot has too few images to bound this left side": "few_images",
    "from the width of the pilot's interval; approximate": "from_width",
    "the data have no image of it": "none_of_it",
    "parts over different images, or multiplied: only a pilot run shows how they vary": "parts",
    "by the design effect alone; a pilot run shows what clusters really cost": "design_effect",
}
#: by what data or a model were recognised
_GUESS: dict[str, str] = {
    "a JSON file with images and annotations": "coco",
    "a YAML file of a YOLO data set": "yolo",
    r"a (?P<suffix>\.\w+) file": "table",
    "a folder of photos in folders named after their labels": "folder",
    "(?P<file>.+) names the classes of a YOLO data set": "yolo_names",
    "images and labels in text files, as YOLO has them": "yolo_texts",
    "(?P<file>.+) names the classes of labels beside the images, as YOLO has them": "yolo_beside",
    "JPEGImages and Annotations, as Pascal VOC has them": "voc",
    "SegmentationClass and (?P<name>.+), as Pascal VOC has them": "voc_masks",
    "(?P<file>.+) is an annotation of Pascal VOC": "voc_file",
    "(?P<file>.+) holds images and annotations": "coco_file",
    "(?P<file>.+) lists images and labels": "table_file",
    "JSON files with shapes, as LabelMe writes them": "labelme",
    "a data set of Hugging Face": "hf",
    "validation and validation-segmentation, as ImageNet-S has them": "imagenet_s",
    "(?P<file>.+) is a shard": "shard",
    "a folder of save_pretrained": "hf_model",
    r"a file for (?P<scheme>\w+):": "model_file",
}
#: the kinds of texts, each with its forms
ERROR_FORMS: dict[str, dict[str, str]] = {
    "error": _ERROR,
    "detail": _DETAIL,
    "plan": _PLAN,
    "guess": _GUESS,
    "verification": VERIFICATION_FORMS,
}


def error_text(error: str, words: Words) -> str:
    """The first line of an error in this language, with what is probably meant; empty where its form is not known."""
    first = error.split("\n", 1)[0]
    if words.language == "en":
        return first
    words = _words(words.language)
    suffix = _NEAREST.search(first)
    text = translated(first[: suffix.start()] if suffix else first, "error", _ERROR, words)
    if text and suffix and suffix["near"]:
        return words._("error_nearest", text=text, names=suffix["near"].replace(" or ", words._("comma")))
    if text and suffix:
        return words._("error_known", text=text, names=suffix["known"])
    return text


def detail_text(detail: str, words: Words) -> str:
    """What is said of an image, in this language; English where its form is not known."""
    if words.language == "en":
        return detail
    text = translated(detail, "detail", _DETAIL, _words(words.language))
    return text or error_text(detail, words) or detail


def plan_note(note: str, words: Words) -> str:
    """Why a plan has no number, or what limits it, in this language; English where its form is not known."""
    if words.language == "en":
        return note
    return translated(note, "plan", _PLAN, _words(words.language)) or error_text(note, words) or note


def guess_reason(why: str, words: Words) -> str:
    """By what data or a model were recognised, in this language; English where its form is not known."""
    if words.language == "en":
        return why
    return translated(why, "guess", _GUESS, _words(words.language)) or why


def verification_line(line: str, words: Words) -> str:
    """What is said below a check of ``modelaudit verify``, in this language; English where its form is not known."""
    if words.language == "en":
        return line
    return (
        translated(line, "verification", VERIFICATION_FORMS, _words(words.language)) or error_text(line, words) or line
    )


@cache
def _words(language: str) -> Words:
    words = words_of(language)
    catalogue = read_catalogue(CATALOGUES / f"errors.{language}.po", language)
    catalogue.add_fallback(words.catalogue)
    return replace(words, catalogue=catalogue)

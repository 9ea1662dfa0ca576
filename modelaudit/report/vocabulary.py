"""Names of the record in words: measures, methods, strata, reasons, rules, verdicts; contexts by ``context_words``.

A name that is not known here is printed as the record writes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..evidence.record import CompositeNode, ContextNode, MeasureNode
from .context_words import Said, said_of
from .words import N_, Words


@dataclass(frozen=True)
class MeasureWords:
    """A measure: its noun, a sentence of its own where it has one, and whether its mean reads as a share."""

    noun: str
    claim: str | None = None
    share: bool = False


MEASURES: dict[str, MeasureWords] = {
    "accuracy": MeasureWords(N_("accuracy"), N_("{value} of the images are classified correctly"), True),
    "top_k_accuracy": MeasureWords(N_("top-k accuracy"), None, True),
    "confidence": MeasureWords(N_("probability of the labelled class"), None, True),
    "margin": MeasureWords(N_("margin to the runner-up")),
    "flip_rate": MeasureWords(
        N_("share of changed predictions"), N_("the prediction changes on {value} of the images"), True
    ),
    "background_dependence": MeasureWords(N_("background dependence")),
    "background_share": MeasureWords(
        N_("share of the attribution on the background"), N_("{value} of the attribution lies on the background"), True
    ),
    "background_enrichment": MeasureWords(N_("background enrichment")),
    "density_difference": MeasureWords(N_("difference of attribution density, object minus background")),
    "relevance_rank_accuracy": MeasureWords(N_("relevance rank accuracy"), None, True),
    "top_k_intersection": MeasureWords(N_("top-k intersection with the object"), None, True),
    "pointing_game": MeasureWords(
        N_("pointing game"), N_("the strongest point of the heat map lies on the object in {value} of the images"), True
    ),
    "energy_pointing_game": MeasureWords(N_("share of the attribution in the bounding box"), None, True),
    "attribution_auc": MeasureWords(N_("AUC of the attribution against the object")),
    "mask_iou": MeasureWords(N_("overlap (IoU) of attribution and object")),
    "adversarial_background_rate": MeasureWords(N_("share of right answers that some background flips"), None, True),
    "worst_group_accuracy": MeasureWords(N_("accuracy of the worst group"), None, True),
    "relative_foreground_sensitivity": MeasureWords(N_("relative foreground sensitivity")),
    "mean_corruption_error": MeasureWords(N_("mean corruption error")),
}

METHODS: dict[str, str] = {
    "attention_rollout": "Attention Rollout",
    "deconvolution": "Deconvolution",
    "deeplift": "DeepLIFT",
    "eigencam": "Eigen-CAM",
    "feature_ablation": "Feature Ablation",
    "fullgrad": "FullGrad",
    "gradcam": "Grad-CAM",
    "gradcam_plus_plus": "Grad-CAM++",
    "gradient_shap": "GradientSHAP",
    "guided_backprop": "Guided Backpropagation",
    "guided_gradcam": "Guided Grad-CAM",
    "input_x_gradient": "Input × Gradient",
    "integrated_gradients": "Integrated Gradients",
    "kernel_shap": "KernelSHAP",
    "layercam": "LayerCAM",
    "lrp": "LRP",
    "occlusion": "Occlusion",
    "rise": "RISE",
    "saliency": "Saliency",
    "scorecam": "Score-CAM",
    "shapley_sampling": "Shapley Value Sampling",
    "smoothgrad": "SmoothGrad",
    "smoothgrad_squared": "SmoothGrad²",
    "vargrad": "VarGrad",
}

GROUPED: dict[str, str] = {"label": N_("by class"), "group": N_("by group of the data")}

TARGETS: dict[str, str] = {
    "label": N_("the labelled class"),
    "margin": N_("the margin to the runner-up"),
}

VERDICTS: dict[str, str] = {
    "PASS": N_("Pass"),
    "FAIL": N_("Fail"),
    "INCONCLUSIVE": N_("Inconclusive"),
    "ERROR": N_("Error"),
    "NOT_RUN": N_("Not run"),
    "PARTIAL": N_("Partial run: no overall verdict"),
    "SELECTION": N_("A selection passes: no overall verdict"),
    "QUICK_LOOK": N_("Quick look: no verdict"),
    "CAUGHT": N_("Caught"),
    "MISSED": N_("Not caught"),
}

REASONS: dict[str, str] = {
    "too_few_images": N_("Too few images to decide: the interval still contains the threshold."),
    "too_few_clusters": N_(
        "Too few independent clusters (scenes, lots, donors of backgrounds, different pictures); more images of the "
        "same ones do not help."
    ),
    "undefined_values": N_("Some values could not be computed, and the verdict depends on what they would have been."),
    "mask_uncertain": N_("The verdict changes with small, plausible changes of the object masks."),
    "attribution_invalid": N_("The attribution method gave no valid heat map on this model."),
    "instrument_insensitive": N_(
        "The limit says nothing: a heat map that lies on the background alone would pass it as well."
    ),
    "below_noise_floor": N_("The distance to the threshold is smaller than the noise of the measurement."),
    "missing_data": N_("Data needed for this expectation are missing."),
    "not_run": N_("This expectation was not run."),
}

MISSING: dict[str, str] = {
    "zero_attribution": N_("heat map without any positive value"),
    "empty_mask": N_("object mask is empty"),
    "full_mask": N_("object mask fills the image"),
    "context_unchanged": N_("the change of the surroundings altered no pixel"),
    "context_impossible": N_("the surroundings could not be changed on this image"),
    "attribution_invalid": N_("heat map is not valid"),
    "object_cropped": N_("the model's crop cuts off too much of the object"),
    "no_stored": N_("the data keep no such picture of this image"),
    "no_mask": N_("no object mask"),
    "unreadable_image": N_("image cannot be read"),
    "unreadable_mask": N_("object mask cannot be read"),
    "mask_size": N_("object mask and image differ in size"),
    "non_finite_logits": N_("the model's output is not finite"),
}

RULES: dict[str, str] = {
    "clopper_pearson": N_("Clopper-Pearson interval of a proportion"),
    "betting": N_("betting bound of a bounded mean (Waudby-Smith and Ramdas 2023)"),
    "gaffke": N_("Gaffke's bound of a bounded mean"),
    "gaffke, clustered": N_("Gaffke's bound of a bounded mean, over clusters of images"),
    "bca": N_("BCa bootstrap"),
    "tango": N_("Tango's score interval of a paired difference"),
    "tango, clustered": N_("Tango's score interval of a paired difference, for as many images as are independent"),
    "betting, clustered": N_("betting bound of a bounded mean, over clusters of images"),
    "discordant_clopper_pearson": N_("Clopper-Pearson on the discordant images with Bonferroni correction"),
    "cluster_t": N_("t interval on cluster means"),
    "betting_sequence": N_("confidence sequence of a bounded mean (betting, Waudby-Smith and Ramdas 2023)"),
    "wor_sequence": N_("confidence sequence of the mean of the agreed set, drawn without replacement (betting)"),
    "interval_arithmetic": N_("simultaneous bounds of the parts (Bonferroni), combined"),
    "exact": N_("exact value of the agreed set of images, without an interval"),
    "none": N_("no rule gives a bound here"),
}

MASK_KINDS: dict[str, str] = {
    "mask": N_("pixel masks"),
    "polygon": N_("polygons"),
    "rle": N_("run-length masks"),
    "box": N_("bounding boxes (coarse)"),
    "machine": N_("masks guessed by a program"),
    "none": N_("no mask"),
}

RANKS: dict[str, str] = {"worst": N_("Worst"), "typical": N_("Typical"), "best": N_("Best")}

OUTCOMES: dict[str, str] = {
    "xfailed": N_("Marked as expected to fail (xfail): it is not counted, and the run is partial."),
    "xpassed": N_("Marked as expected to fail (xfail), but it passed."),
    "warned": N_("Tolerated as a warning: the run is not a pass."),
    "skipped": N_("Skipped on request."),
}

WEAKENED: dict[str, str] = {
    "checks_off": N_("not itself checked (the audit switches the checks off)"),
    "checks_off_run": N_("not itself checked (switched off for this run)"),
    "checks_left_out": N_("some checks left out by the audit"),
    "these_clusters": N_("holds for these scenes or lots alone"),
    "not_deterministic": N_("the model may answer otherwise each time, as declared"),
    "tolerated": N_("tolerated as a warning"),
}


def known(table: dict[str, str], name: str, words: Words) -> str:
    """The name in words, or itself."""
    return words._(table[name]) if name in table else name


def method_text(text: str) -> str:
    """``integrated_gradients(steps=64)`` as *Integrated Gradients (steps=64)*: proper names, alike in all languages."""
    name = re.match(r"\w*", text)[0]  # type: ignore[index]
    rest = text[len(name) :]
    return METHODS.get(name, name) + (f" {rest}" if rest.startswith("(") else rest)


def part_text(method: str | None, dose: float | None, words: Words, group: str | None = None) -> str:
    """What tells a part of a decision from the others: *Grad-CAM*, *dose 0.5*, *of class “cat”*; or nothing."""
    told = [method_text(method)] if method else []
    if group is not None:
        told.append(group_text(group, words))
    if dose is not None:
        told.append(words._("dose {dose}", dose=f"{dose:g}"))
    return words._(", ").join(told)


def group_text(group: str, words: Words) -> str:
    """A group of a worst group: *of class “cat”*, with the context where several are looked at."""
    stratum, *context = re.split(r" under (?![^']*'(?:[^']*'[^']*')*[^']*\Z)", group, maxsplit=1)
    return words._(", ").join([stratum_text(stratum, words), *context])


def composite_noun(node: CompositeNode, words: Words) -> str:
    """*accuracy of the worst group (by class)*, *mean corruption error (relative to AlexNet, 15 corruptions)*."""
    noun = words._(MEASURES[node.name].noun) if node.name in MEASURES else node.name
    told = []
    if node.name == "worst_group_accuracy":
        by = str(node.arguments["by"])
        told.append(words._(GROUPED[by]) if by in GROUPED else words._("by “{column}”", column=by))
    if node.name == "mean_corruption_error":
        base = node.arguments["baseline"]
        told.append(words._("relative to model “{model}”", model=base) if base else words._("relative to AlexNet"))
        told.append(words.ngettext("{n} corruption", "{n} corruptions", len(node.of)))
    return words._("{noun} ({methods})", noun=noun, methods=words._(", ").join(told)) if told else noun


def noun_of(node: MeasureNode, words: Words) -> str:
    """The measure's noun, with its methods and what they explain: *background dependence (Grad-CAM)*."""
    name = node.measure.partition("(")[0]
    noun = words._(MEASURES[name].noun) if name in MEASURES else node.measure
    if found := re.match(r"top_k_accuracy\((\d+)\)", node.text):
        noun = words._("top-{k} accuracy", k=found[1])
    told = [method_text(text) for text in node.methods]
    if node.target is not None and node.target != "prediction":
        target = words._(TARGETS[node.target]) if node.target in TARGETS else f"“{node.target}”"
        told.append(words._("explaining {target}", target=target))
    return words._("{noun} ({methods})", noun=noun, methods=", ".join(told)) if told else noun


def claim_of(node: MeasureNode) -> str | None:
    """The untranslated sentence of a measure that has one of its own."""
    found = MEASURES.get(node.measure.partition("(")[0])
    return found.claim if found else None


def is_share(node: MeasureNode) -> bool:
    """Whether the mean of this measure is a share of the images, or of a map, and reads in per cent."""
    found = MEASURES.get(node.measure.partition("(")[0])
    return node.scale == "proportion" or (found is not None and found.share)


def context_label(contexts: list[ContextNode], words: Words) -> str:
    """A composition as a noun: *original images*, *background of another class + noise, severity 3*."""
    said = [_said(node, words)[0] for node in contexts if node.name != "original"]
    return " + ".join(said) if said else words._("original images")


def context_clause(contexts: list[ContextNode], words: Words) -> str:
    """A composition as a clause: *the background is replaced by ... and then ...*; empty on original images."""
    said = [_said(node, words)[1] for node in contexts if node.name != "original"]
    return words._(" and then ").join(said)


def _said(node: ContextNode, words: Words) -> Said:
    return said_of(node, words) or (
        node.text,
        words._("“{context}” is applied to the images", context=node.text),
    )


_LABEL = re.compile(r"label\((?P<name>.+)\)\Z", re.DOTALL)
_AREA = re.compile(r"\(?object_area (?P<op><=|>=|<|>) (?P<limit>[0-9.e+-]+)\)?\Z")


def stratum_text(stratum: str, words: Words) -> str:
    """A stratum in words: *that the model classifies correctly on the original*."""
    parts = [_one_stratum(part, words) for part in re.split(r" & (?![^']*'(?:[^']*'[^']*')*[^']*\Z)", stratum)]
    return words._(" and ").join(parts)


def _one_stratum(text: str, words: Words) -> str:
    if text == "correct":
        return words._("classified correctly on the original")
    if text == "misclassified":
        return words._("misclassified on the original")
    if found := _LABEL.match(text):
        return words._("of class “{label}”", label=found["name"].strip("'\""))
    if (found := _AREA.match(text)) and _is_number(found["limit"]):
        limit = words.limit(float(found["limit"]), "percent")
        return words._("whose object takes {limit} of the image", limit=comparison(found["op"], limit, words))
    return words._("in “{stratum}”", stratum=text)


def comparison(op: str, limit: str, words: Words) -> str:
    """*less than 40%*, *at most 40%*, *more than 90%*, *at least 90%*."""
    match op:
        case "<":
            return words._("less than {limit}", limit=limit)
        case "<=":
            return words._("at most {limit}", limit=limit)
        case ">":
            return words._("more than {limit}", limit=limit)
        case _:
            return words._("at least {limit}", limit=limit)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

"""Contexts in words, each said twice: as a *label* ("fog over the background") and as a *clause* that follows "when"
("fog covers the background"). In Japanese a clause ends in a verb stem, and た場合 follows.

A name that is not known here is printed as the record writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..evidence.record import ContextNode
from .words import N_, Words

Said = tuple[str, str]

REGIONS: dict[str, str] = {
    "background": N_("the background"),
    "object": N_("the object"),
    "whole": N_("the whole image"),
}

#: label and clause; ``{where}`` is the region
CONTEXTS: dict[str, Said] = {
    "blur": (N_("blur of {where}"), N_("{where} is blurred")),
    "brightness": (N_("{where} brighter"), N_("{where} is made brighter")),
    "contrast": (N_("lower contrast of {where}"), N_("the contrast of {where} is lowered")),
    "defocus": (N_("{where} out of focus"), N_("{where} is put out of focus")),
    "defocus_blur": (N_("{where} out of focus"), N_("{where} is put out of focus")),
    "elastic_transform": (N_("elastic distortion of {where}"), N_("{where} is distorted elastically")),
    "exposure": (N_("other exposure of {where}"), N_("the exposure of {where} is changed")),
    "fade": (N_("{where} faded"), N_("{where} is faded")),
    "flicker": (N_("bands of flickering light over {where}"), N_("bands of flickering light run over {where}")),
    "fog": (N_("fog over {where}"), N_("fog covers {where}")),
    "frost": (N_("frost over {where}"), N_("frost covers {where}")),
    "gamma": (N_("other tone curve (gamma) of {where}"), N_("the tone curve (gamma) of {where} is changed")),
    "gaussian_blur": (N_("blur of {where}"), N_("{where} is blurred")),
    "gaussian_noise": (N_("noise on {where}"), N_("noise is added to {where}")),
    "glare": (N_("glare on {where}"), N_("glare falls on {where}")),
    "glass_blur": (N_("{where} behind frosted glass"), N_("{where} is seen through frosted glass")),
    "identity": (N_("the same image once more (control)"), N_("the same image is shown once more (control)")),
    "impulse_noise": (N_("impulse noise on {where}"), N_("impulse noise is added to {where}")),
    "jpeg": (N_("JPEG compression of {where}"), N_("{where} is compressed as JPEG")),
    "jpeg_compression": (N_("JPEG compression of {where}"), N_("{where} is compressed as JPEG")),
    "lens_dirt": (N_("dirt on the lens over {where}"), N_("dirt on the lens covers {where}")),
    "lighting": (N_("other lighting of {where}"), N_("the lighting of {where} is changed")),
    "low_resolution": (N_("low resolution of {where}"), N_("the resolution of {where} is lowered")),
    "mean_fill": (N_("{where} in one mean colour"), N_("{where} is filled with one mean colour")),
    "mirror": (N_("the image mirrored"), N_("the image is mirrored")),
    "mirror_object": (N_("the object mirrored"), N_("the object is mirrored")),
    "mixed_next": (
        N_("background of the next class"),
        N_("the background is replaced by that of an image of the next class"),
    ),
    "mixed_rand": (N_("background of a random image"), N_("the background is replaced by that of a random image")),
    "mixed_same": (
        N_("background of another image of the same class"),
        N_("the background is replaced by that of another image of the same class"),
    ),
    "motion": (N_("motion blur of {where}"), N_("{where} is blurred by motion")),
    "motion_blur": (N_("motion blur of {where}"), N_("{where} is blurred by motion")),
    "move_object": (N_("the object moved"), N_("the object is moved")),
    "no_fg": (N_("the object blacked out"), N_("the object is blacked out")),
    "occlude_object": (N_("the object partly covered"), N_("a part of the object is covered")),
    "only_bg_b": (N_("the object's box blacked out"), N_("the object's box is blacked out")),
    "only_bg_t": (
        N_("the object's box filled from the background"),
        N_("the object's box is filled from the background"),
    ),
    "only_foreground": (N_("the object alone on black"), N_("the object stands alone on black")),
    "paste_back": (
        N_("own background pasted back (control)"),
        N_("the image's own background is pasted back (control)"),
    ),
    "perspective": (N_("{where} from another angle"), N_("{where} is seen from another angle")),
    "pixelate": (N_("{where} in coarse pixels"), N_("{where} is shown in coarse pixels")),
    "remove_background": (N_("the background removed"), N_("the background is removed")),
    "remove_object": (N_("the object removed"), N_("the object is removed")),
    "rescale_object": (N_("the object at another size"), N_("the object is shown at another size")),
    "rotation": (N_("{where} rotated"), N_("{where} is rotated")),
    "saturate": (N_("other colour saturation of {where}"), N_("the colour saturation of {where} is changed")),
    "sensor_noise": (N_("sensor noise on {where}"), N_("sensor noise is added to {where}")),
    "shadow": (N_("a shadow on {where}"), N_("a shadow falls on {where}")),
    "shift": (N_("{where} shifted"), N_("{where} is shifted")),
    "shot_noise": (N_("shot noise on {where}"), N_("shot noise is added to {where}")),
    "shrink_object": (N_("the object shrunk"), N_("the object is shrunk to a share of the image")),
    "snow": (N_("snow over {where}"), N_("snow falls over {where}")),
    "spatter": (N_("spatter on {where}"), N_("water or mud spatters {where}")),
    "speckle_noise": (N_("speckle noise on {where}"), N_("speckle noise is added to {where}")),
    "swap_identical": (
        N_("background swapped with the image's own (control)"),
        N_("the background is swapped with the image's own (control)"),
    ),
    "vignette": (N_("vignetting of {where}"), N_("{where} darkens towards the corners")),
    "white_balance": (N_("other colour temperature of {where}"), N_("the colour temperature of {where} is changed")),
    "zoom": (N_("{where} at another scale"), N_("{where} is shown at another scale")),
    "zoom_blur": (N_("zoom blur of {where}"), N_("{where} is blurred by zooming")),
}

#: how a strength is written, by the name of its field
DOSES: dict[str, str] = {
    "degrees": "{dose}°",
    "factor": "× {dose}",
    "iso": "ISO {dose}",
    "kelvin": "{dose} K",
    "length": "{dose} px",
    "pixels": "{dose} px",
    "quality": N_("quality {dose}"),
    "radius": N_("radius {dose} px"),
    "severity": N_("severity {dose} of 5"),
    "share": N_("share {dose}"),
    "side": "{dose} px",
    "sigma": "σ = {dose} px",
    "stops": N_("{dose} stops"),
    "strength": N_("strength {dose}"),
    "value": "γ = {dose}",
}

FILLS: dict[str, str] = {
    "black": N_("filled with black"),
    "blue": N_("filled with blue"),
    "blur": N_("blurred"),
    "gaussian_noise": N_("filled with Gaussian noise"),
    "green": N_("filled with green"),
    "inpaint": N_("inpainted"),
    "mean": N_("filled with a mean colour"),
    "noise": N_("filled with noise"),
    "red": N_("filled with red"),
    "silhouette": N_("as a silhouette"),
    "tile": N_("filled with tiles of the background"),
    "white": N_("filled with white"),
    "white_noise": N_("filled with white noise"),
}
#: contexts whose fill is what they do, and not a detail
_TOLD_FILLS = frozenset({"remove_background", "remove_object"})

#: whose background it is, by the rule for donors
DONORS: dict[str, Said] = {
    "same_class": CONTEXTS["mixed_same"],
    "other_class": (
        N_("background of another class"),
        N_("the background is replaced by that of an image of another class"),
    ),
    "next_class": CONTEXTS["mixed_next"],
    "random": CONTEXTS["mixed_rand"],
    "other_group": (
        N_("background of another group"),
        N_("the background is replaced by that of an image of another group"),
    ),
    "class:": (
        N_("background of class “{name}”"),
        N_("the background is replaced by that of an image of class “{name}”"),
    ),
    "group:": (
        N_("background of group “{name}”"),
        N_("the background is replaced by that of an image of group “{name}”"),
    ),
    "photos:": (N_("background from “{name}”"), N_("the background is replaced by a photo from “{name}”")),
    "pool:": (N_("background from pool “{name}”"), N_("the background is replaced by one from pool “{name}”")),
}
STORED: Said = (N_("stored picture “{name}”"), N_("the stored picture “{name}” is shown in its place"))


def said_of(node: ContextNode, words: Words) -> Said | None:
    """Label and clause of one context; None for a name or arguments that are not known here."""
    if node.name == "swap_background":
        return _swap(node, words)
    if node.name == "stored":
        return _both(STORED, words, name=str(node.arguments.get("name")))
    known = CONTEXTS.get(node.name)
    where = _region(node, words)
    if known is None or (where is None and "{where}" in known[0]):
        return None
    label, clause = _both(known, words, where=where or "")
    told = _details(node, words)
    if not told:
        return label, clause
    details = words._(", ").join(told)
    return (
        words._("{what} ({details})", what=label, details=details),
        words._("{clause} ({details})", clause=clause, details=details),
    )


def _swap(node: ContextNode, words: Words) -> Said | None:
    donors = node.arguments.get("donors")
    if not isinstance(donors, str):
        return None
    kind, colon, name = donors.partition(":")
    known = DONORS.get(kind + colon)
    return None if known is None else _both(known, words, name=name)


def _both(said: Said, words: Words, **values: str) -> Said:
    """Both texts, their placeholders filled with what is no message."""
    label, clause = (words._(text, **values) for text in said)
    return label, clause


def _details(node: ContextNode, words: Words) -> list[str]:
    """The strength, and the fill where it is what the context does."""
    told = []
    for field, template in DOSES.items():
        dose = _dose(node.arguments, field, words)
        if dose:
            told.append(words._(template, dose=dose))
    fill = node.arguments.get("fill")
    if node.name in _TOLD_FILLS and isinstance(fill, str) and fill in FILLS:
        told.append(words._(FILLS[fill]))
    return told


def _dose(arguments: Mapping[str, Any], field: str, words: Words) -> str:
    """A strength as a number, that of a series as a range; empty where the context has no such field."""
    if field not in arguments:
        return ""
    value, series = arguments[field], arguments.get("each")
    if value is None and isinstance(series, str):
        low, *_, high = series.strip("()[]").split(", ")
        return words._("{low} to {high}", low=_number(low), high=_number(high))
    return _number(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _number(value: object) -> str:
    try:
        return f"{float(str(value)):g}"
    except ValueError:
        return str(value)


def _region(node: ContextNode, words: Words) -> str | None:
    """The region in words, the whole image where the context has none to choose; None for one that is not known."""
    region = node.arguments.get("region", "whole")
    return words._(REGIONS[region]) if isinstance(region, str) and region in REGIONS else None

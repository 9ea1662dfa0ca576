"""What can be found in data before a model is judged, in words: a title, and what follows from it."""

from __future__ import annotations

from ..language.findings import Kind
from .words import N_

FOUND: dict[Kind, tuple[str, str]] = {
    Kind.UNREADABLE_IMAGE: (
        N_("Images that cannot be read"),
        N_("An audit counts them as errors. Replace the files, or take them out of the data."),
    ),
    Kind.UNREADABLE_MASK: (
        N_("Masks that cannot be read"),
        N_("An audit counts these images as errors wherever a mask is needed. Replace the masks."),
    ),
    Kind.MASK_SIZE: (
        N_("Masks of another size than their image"),
        N_("The mask is of another picture, or was scaled. An audit counts these images as errors."),
    ),
    Kind.NO_MASK: (
        N_("Images without a mask, where others have one"),
        N_("Measures and contexts that need masks have no value on them. The command modelaudit masks can make them."),
    ),
    Kind.EMPTY_MASK: (N_("Masks without an object"), N_("Shares of object and background are undefined on them.")),
    Kind.FULL_MASK: (
        N_("Masks without a background"),
        N_("There is no background to look at or to change: values are undefined."),
    ),
    Kind.OBJECT_CROPPED: (
        N_("Objects of which the model's crop leaves less than half"),
        N_(
            "Values on them are undefined unless the audit says otherwise (object_kept). Crop less, or frame them anew."
        ),
    ),
    Kind.LABEL_WITHOUT_CLASS: (
        N_("Labels that meet no class"),
        N_("An audit stops at them. Map the labels: Audit(labels=...)."),
    ),
    Kind.SAME_ACROSS_CLASSES: (
        N_("The same picture in different classes"),
        N_("One of the labels is wrong, and the pictures leak from one class into the other."),
    ),
    Kind.ALIKE_ACROSS_CLASSES: (
        N_("Nearly the same picture in different classes"),
        N_("Either a label is wrong, or the classes share their pictures (leakage)."),
    ),
    Kind.SAME: (
        N_("The same picture several times"),
        N_("Copies count as one image: they add no evidence. Keep one of each."),
    ),
    Kind.NO_MASKS: (
        N_("No masks at all"),
        N_("Only measures and contexts that need none can be used. The command modelaudit masks can make them."),
    ),
    Kind.TINY_OBJECT: (
        N_("Objects below 1% of their image"),
        N_("At the coarse grid of a layer such an object is less than one cell."),
    ),
    Kind.MANY_PIECES: (N_("Masks of more than three pieces"), N_("Often crumbs of a bad mask. Look at them.")),
    Kind.ALIKE: (
        N_("Nearly the same picture several times"),
        N_("Frames of one burst or scene? If such images depend on each other, say so with ?cluster=."),
    ),
    Kind.ALIKE_ACROSS_CLUSTERS: (
        N_("The same or nearly the same picture in different clusters"),
        N_("Clusters (scene, lot, burst) are taken to be independent of each other."),
    ),
    Kind.FEW_CLUSTERS: (
        N_("Fewer than ten clusters"),
        N_(
            "An audit decides nothing with so few, and more images of the same clusters do not help: add images of "
            'other scenes or lots, or limit the claim with claim="these_clusters".'
        ),
    ),
    Kind.COARSE_MASK: (
        N_("Masks drawn from boxes"),
        N_("A box holds background too: shares on it are coarse. The command modelaudit masks can make better ones."),
    ),
    Kind.MACHINE_MASK: (
        N_("Masks made by a machine"),
        N_("Nobody has looked at them since they were made. The record of an audit says so."),
    ),
    Kind.CLASS_WITHOUT_LABEL: (N_("Classes without images"), N_("Nothing is said of how they are recognised.")),
}

REMARKS: dict[str, str] = {
    "empty": N_("no object"),
    "full": N_("no background"),
    "tiny": N_("tiny"),
    "many_pieces": N_("many pieces"),
    "touches_border": N_("touches the border"),
}

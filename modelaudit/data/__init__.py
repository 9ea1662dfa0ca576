"""Data: samples from folders, annotation files and iterables; decoding, geometry, labels, fingerprint."""

from ..language.merkle import fingerprint
from ..language.sample import DataSet, Preprocessing, Sample
from .base import Decoded, UnusableSample, data_source
from .coco import coco
from .decode import content_of, decode, files_of
from .folder import folder, photos
from .geometry import apply_geometry, object_kept
from .hugging_face import hugging_face
from .imagenet9 import imagenet9
from .imagenet_s import imagenet_s
from .images import FilePart, Place
from .labelme import labelme
from .labels import LabelMap, class_count, class_indices, label_map, labels_of
from .manifest import csv_file, jsonl_file
from .open import lists_names, open_data
from .voc import voc
from .webdataset import webdataset
from .without_object import declare_without_object
from .yolo import yolo

__all__ = [
    "DataSet",
    "Decoded",
    "FilePart",
    "LabelMap",
    "Place",
    "Preprocessing",
    "Sample",
    "UnusableSample",
    "apply_geometry",
    "class_count",
    "class_indices",
    "coco",
    "content_of",
    "csv_file",
    "data_source",
    "declare_without_object",
    "decode",
    "files_of",
    "fingerprint",
    "folder",
    "hugging_face",
    "imagenet9",
    "imagenet_s",
    "jsonl_file",
    "label_map",
    "labelme",
    "labels_of",
    "lists_names",
    "object_kept",
    "open_data",
    "photos",
    "voc",
    "webdataset",
    "yolo",
]

"""Data: samples from folders, annotation files and iterables; decoding, geometry, labels, fingerprint."""

from ..language.sample import DataSet, Preprocessing, Sample
from .base import Decoded, UnusableSample, data_source
from .coco import coco
from .content import content_of, files_of
from .decode import decode
from .fingerprint import fingerprint
from .folder import folder
from .geometry import apply_geometry, object_kept
from .hugging_face import hugging_face
from .imagenet9 import imagenet9
from .imagenet_s import imagenet_s
from .label_map import LabelMap, label_map, labels_of
from .labelme import labelme
from .labels import class_indices
from .listing import lists_names
from .manifest import csv_file, jsonl_file
from .open import open_data
from .parts import FilePart, Place
from .photos import photos
from .voc import voc
from .webdataset import webdataset
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
    "class_indices",
    "coco",
    "content_of",
    "csv_file",
    "data_source",
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

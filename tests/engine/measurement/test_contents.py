"""A run says what its images, masks and donors hold and what its columns mean, whether it computed or looked it up."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from engine.small_audits import audit, column, groups_of, sample, samples, settings

from modelaudit.contexts import gaussian_noise, swap_background
from modelaudit.data import decode
from modelaudit.engine.assembly import measure
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.store.store import Store
from modelaudit.evidence.build import data_records, table_records
from modelaudit.evidence.content_digests import digests_of_samples
from modelaudit.language import Sample
from modelaudit.language.merkle import fingerprint, merkle_root
from modelaudit.language.progress import Silent
from modelaudit.measures import accuracy, background_share, confidence


def found(folder: Path, data: list[Sample], store: Store) -> Measured:
    one = audit(data=data)
    (group,) = groups_of(
        a=one.expect(accuracy.under(swap_background("other_class")) > 0.1),
        b=one.expect(background_share("saliency", target="label") < 0.9),
        c=one.expect(confidence.under(gaussian_noise(3)) > 0.1),
    )
    return measure(group, settings(folder), Silent(), store)


def test_contents_are_the_same_from_the_store_and_the_root_follows_from_them(tmp_path: Path) -> None:
    small = np.zeros((3, 3), dtype=np.uint8)
    bare, misfit, gone = (
        replace(sample(9), mask=None),
        replace(sample(10), mask=small),
        replace(sample(11), image=tmp_path / "gone.png"),
    )
    data = [*samples(9), bare, misfit, gone]
    with closing(Store(tmp_path / "store")) as store:
        cold = found(tmp_path, data, store)
    with closing(Store(tmp_path / "store")) as store:
        warm = found(tmp_path, data, store)
    assert [(one.image, one.mask) for one in cold.samples] == [(one.image, one.mask) for one in warm.samples]
    assert cold.donor_contents == warm.donor_contents != {}
    assert set(cold.donor_contents) == {name for one in cold.shown for name in one.donors if name}
    decoded = decode(data[0]).parts
    assert (cold.samples[0].image, cold.samples[0].mask) == (decoded.image, decoded.mask)
    assert cold.samples[10].mask == "unusable:mask_size"
    assert (cold.samples[11].image, cold.samples[11].mask) == ("unusable:unreadable_image", "")
    (table,), (record,) = table_records([warm]), data_records([warm])
    (digests,) = digests_of_samples(table.samples)
    assert (merkle_root(digests), fingerprint(digests)) == (record.root, record.fingerprint)
    texts = {one.measure: one.long_form for one in table.columns}
    assert texts["accuracy.under(swap_background(other_class))"].startswith("accuracy@1() under swap_background@")
    assert "target=label" in texts["background_share(saliency, target=label)"]
    assert column(cold, "confidence.under(gaussian_noise(3))").long_form == texts["confidence.under(gaussian_noise(3))"]


def test_the_root_follows_from_labels_that_are_numbers(tmp_path: Path) -> None:
    data = [sample(number, label=number % 3) for number in range(6)]
    with closing(Store(None)) as store:
        once = found(tmp_path, data, store)
    (table,), (record,) = table_records([once]), data_records([once])
    texts, numbers = digests_of_samples(table.samples)
    assert merkle_root(texts) != record.root == merkle_root(numbers)

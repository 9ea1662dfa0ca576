"""A redacted record says what was decided, and nothing by which an image can be found."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from report.sample_record import OTHER_CLASS, case, decision, measure, record

from modelaudit.evidence.about import About, AboutData
from modelaudit.evidence.agreed import (
    AgreedCosts,
    AgreedParty,
    AgreementRecord,
    CombinedValues,
    DomainAttribute,
    DomainCombination,
    DomainCoverage,
    DomainValue,
    UnmetTerm,
)
from modelaudit.evidence.consistency import contradictions
from modelaudit.evidence.record import (
    AbsentFile,
    ColumnRecord,
    Departure,
    GalleryRow,
    ImageValue,
    InputFile,
    LockRecord,
    RunRecord,
    SampleRecord,
    TableRecord,
    Unusable,
    WaiverRecord,
    record_digest,
)
from modelaudit.evidence.redaction import SALT_NAME, read_salt, redacted
from modelaudit.language.errors import ResultsError

SALT = b"0123456789abcdef0123456789abcdef"
IMAGES = ("gear/canary 写真 01.jpg", "bolt/canary_0002.png", "/home/canary/nut/0003.bmp", "canary")
#: what a picture holds: whoever has the picture can compute it
CONTENT = "c0" * 32
GROUPS, CLUSTERS, VALUES = ("canary_line", "canary's line"), ("canary_lot", None), ("canary shift", "7")


def planted() -> RunRecord:
    """A record with names of images, groups, clusters, values and files wherever they can stand."""
    base = record()
    samples = [
        SampleRecord(
            id=name,
            label="gear",
            group=GROUPS[at % 2],
            cluster=CLUSTERS[at % 2],
            columns={"shift": VALUES[at % 2], "canary_column": "canary_value"},
            copy_of=IMAGES[0],
            image=CONTENT,
            mask=CONTENT,
        )
        for at, name in enumerate(IMAGES)
    ]
    table = TableRecord(
        data="data:folder:data/canary",
        samples=samples,
        columns=[
            ColumnRecord(measure="accuracy", model="model:canary/net.py:build", scale="proportion", values=[1.0] * 4)
        ],
        donors={"model:canary/net.py:build|swap_background('folder:canary/pool')": [*IMAGES[:3], None]},
        donor_contents={IMAGES[0]: CONTENT},
    )
    stratum = f"group({GROUPS[1]!r}) & column(shift, {VALUES[0]!r}) & label(gear)"
    message = (
        f"cannot read {IMAGES[0]}: see data/{IMAGES[1]}, '{IMAGES[2]}', canary_0002_mask.png and {GROUPS[0]} of "
        f"{CLUSTERS[0]}, where shift is 'canary shift'; 3/4 of 20 images of label gear are left"
    )
    pool = OTHER_CLASS.model_copy(update={"text": "swap_background('folder:canary/pool')"})
    left = measure("accuracy", pool, stratum=stratum, text=f"accuracy.under({pool.text}).where({stratum})")
    failed = case(
        "holds_on_the_line",
        left,
        ">",
        0.9,
        "FAIL",
        file="audits/canary/audit_a.py",
        id="audits/canary/audit_a.py::holds_on_the_line",
        clause="PoC 4.2",
        says=f"Right on {IMAGES[1]}",
        message=message,
        expectation=f"{left.text} > 0.9",
        worst=[ImageValue(sample=IMAGES[0], value=0.0)],
        gallery=[GalleryRow(rank="worst", sample=IMAGES[1], label="gear", value=0.0, panels=[])],
        models=["model:canary/net.py:build"],
        model_names={"": "model:canary/net.py:build"},
        data="data:folder:data/canary",
        decision=decision("FAIL", 0.5, 0.4, 0.6, note=message, group=stratum),
    )
    model = base.models[0].model_copy(
        update={
            "key": "model:canary/net.py:build",
            "names": ["canary/net.py:build"],
            "reference": "canary/net.py:build",
            "notes": ["classes from canary/classes.txt"],
        }
    )
    data = base.data[0].model_copy(
        update={
            "key": "data:folder:data/canary",
            "reference": "folder:data/canary",
            "groups": {GROUPS[0]: 2, GROUPS[1]: 2},
            "clusters": {"canary_lot": 2},
            "notes": [message],
            "unusable": [Unusable(sample=IMAGES[3], reason="unreadable_image", message=f"{IMAGES[3]}: truncated")],
        }
    )
    waiver = WaiverRecord(
        owner="Canary, of the line",
        reason="canary lamps",
        issued=datetime(2026, 1, 1, tzinfo=UTC),
        expires=datetime(2999, 1, 1, tzinfo=UTC),
        signed_by="canary",
    )
    failed = failed.model_copy(update={"waiver": waiver})
    made = base.provenance.model_copy(
        update={
            "options": {"ini addopts": "-k canary"},
            "files": [InputFile(path="canary.py", role="audit", sha256="0" * 64)],
        }
    )
    values = [DomainValue(value="canary_value", images=4, standing="covered")]
    agreement = AgreementRecord(
        sha256="0" * 64,
        title="Canary acceptance",
        parties=[AgreedParty(key="canary", name={"en": "Canary Ltd"}, role="buys of Canary")],
        costs=AgreedCosts(missed_defect=1, false_alarm=1, currency="canary"),
        domain=DomainCoverage(
            images=4,
            attributes=[DomainAttribute(attribute="canary_column", says={"en": "canary"}, values=values)],
            combinations=[
                DomainCombination(
                    attributes=["canary_column", "canary_lot"],
                    least=1,
                    values=[CombinedValues(values=["canary_value", "canary 7"], images=4, standing="covered")],
                )
            ],
        ),
        unmet=[UnmetTerm(kind="lower_confidence", expectation="holds_on_the_line", agreed=0.95, found=0.9)],
    )
    lock = LockRecord(
        sha256="0" * 64,
        created="2026-11-12T09:00:00+00:00",
        signed_by=["canary"],
        departures=[
            Departure(what="sample", where="a canary that was dropped", agreed="there", found=None),
            Departure(what="audit file", where="audits/canary.py", agreed="sha256 1", found="sha256 2"),
            Departure(what="option", where="ini testpaths", agreed="audits", found="other/canary"),
        ],
    )
    return base.model_copy(
        update={
            "lock": lock,
            "nonce": "of canary",
            "cases": [failed, *base.cases],
            "models": [model],
            "data": [data],
            "tables": [table],
            "provenance": made,
            "command": "pytest audits/canary",
            "notes": [message],
            "absent_files": [AbsentFile(file="audits/canary.py", by="error", why="no module canary/x.py")],
            "agreement": agreement,
            "about": About(
                title="Acceptance", customer="Example Ltd", issuer="AI lab", data=[AboutData(name="canary photographs")]
            ),
        }
    )


def test_no_id_and_no_path_is_left() -> None:
    run = planted()
    assert run.model_dump_json().lower().count("canary") > 50
    shown = redacted(run, SALT).model_dump_json().lower()
    assert "canary" not in shown
    assert CONTENT in run.model_dump_json() and CONTENT not in shown


def test_the_nonce_of_the_other_party_is_left_out() -> None:
    assert redacted(record(nonce="order 4711"), SALT).nonce is None


def test_what_was_decided_is_left() -> None:
    run, shown = planted(), redacted(planted(), SALT)
    assert shown.redacted and not run.redacted
    for before, after in zip(run.cases, shown.cases, strict=True):
        kept = ("name", "clause", "verdict", "threshold", "op", "outcome", "confidence", "fingerprint")
        assert [getattr(before, name) for name in kept] == [getattr(after, name) for name in kept]
    before, after = run.cases[0].decision, shown.cases[0].decision
    assert before is not None and after is not None
    assert before.model_dump(exclude={"note", "group"}) == after.model_dump(exclude={"note", "group"})
    assert (shown.data[0].labels, shown.models[0].classes) == (run.data[0].labels, run.models[0].classes)
    assert shown.about == About(title="Acceptance", customer="Example Ltd", issuer="AI lab")
    assert run.agreement is not None and shown.agreement is not None
    assert shown.agreement.unmet == run.agreement.unmet
    assert shown.agreement.domain is not None and shown.agreement.domain.images == 4
    assert shown.cases[0].waiver is not None and shown.cases[0].waiver.expires.year == 2999
    assert shown.cases[0].message.endswith("3/4 of 20 images of label gear are left")


def test_a_redacted_record_names_the_record_that_it_is_of_and_is_refused_as_one(tmp_path: Path) -> None:
    run = planted()
    assert redacted(run, SALT).digest == record_digest(run)
    assert {"digest", "redacted"} <= {one.field for one in contradictions(redacted(run, SALT))}
    assert not {"digest", "redacted"} & {one.field for one in contradictions(run)}


def test_what_belongs_together_still_does() -> None:
    shown = redacted(planted(), SALT)
    table, failed = shown.tables[0], shown.cases[0]
    assert failed.models == [shown.models[0].key] == [table.columns[0].model]
    assert failed.data == table.data == shown.data[0].key
    place = next(iter(table.donors))
    assert place == f"{shown.models[0].key}|swap_background('…')"
    images = [one.id for one in table.samples]
    assert table.donors[place] == [*images[:3], None]
    assert {failed.worst[0].sample, failed.gallery[0].sample, shown.data[0].unusable[0].sample} <= set(images)
    assert failed.message.startswith(f"cannot read {images[0]}: see …")
    group = table.samples[1].group
    assert failed.decision is not None and failed.decision.group is not None
    assert failed.decision.group.startswith(f"group({group}) & column(shift, {table.samples[0].columns['shift']})")
    assert list(shown.data[0].groups) == [table.samples[0].group, group]


def codes(run: RunRecord) -> list[str]:
    return [one.id for one in run.tables[0].samples]


def test_the_same_image_has_the_same_code_under_the_same_salt_alone() -> None:
    run = planted()
    again = run.model_copy(update={"id": "another", "cases": run.cases[1:]})
    assert codes(redacted(run, SALT)) == codes(redacted(again, SALT))
    assert not set(codes(redacted(run, SALT))) & set(codes(redacted(run, SALT[::-1])))
    assert all(re.fullmatch(r"image_[0-9a-f]{10}", code) for code in codes(redacted(run, SALT)))
    assert len(set(codes(redacted(run, SALT)))) == len(IMAGES)


def test_labels_are_words_of_the_requirement_and_stay_even_where_a_group_has_the_same_name() -> None:
    run = planted()
    samples = [one.model_copy(update={"group": "gear"}) for one in run.tables[0].samples]
    shown = redacted(run.model_copy(update={"tables": [run.tables[0].model_copy(update={"samples": samples})]}), SALT)
    assert shown.tables[0].samples[0].label == "gear" and shown.tables[0].samples[0].group != "gear"
    assert "label gear" in shown.cases[0].message


@pytest.mark.parametrize("reference", ["torchvision:resnet50?checkpoint=weights/canary.pt", "torchvision:resnet50@V2"])
def test_a_model_of_a_known_collection_keeps_its_name_there(reference: str) -> None:
    run = record()
    models = [
        run.models[0].model_copy(update={"key": f"model:{one}", "reference": one}) for one in (reference, "a.py:b")
    ]
    shown = redacted(run.model_copy(update={"models": models}), SALT)
    assert shown.models[0].reference == reference.partition("?")[0]
    assert re.fullmatch(r"model_[0-9a-f]{10}", shown.models[1].reference)


def test_two_models_never_become_one() -> None:
    run = record()
    references = [f"torchvision:resnet50?checkpoint={name}.pt" for name in "abc"]
    models = [run.models[0].model_copy(update={"key": f"model:{one}", "reference": one}) for one in references]
    shown = redacted(run.model_copy(update={"models": models}), SALT).models
    assert len({one.reference for one in shown}) == len({one.key for one in shown}) == 3


def test_a_salt_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ResultsError, match="at least 16 random bytes"):
        redacted(record(), b"secret")


def test_a_salt_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / SALT_NAME
    salt = read_salt(file)
    assert len(salt) == 64 and read_salt(file) == salt != read_salt(tmp_path / "other")
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(ResultsError, match="give another file"):
        read_salt(tmp_path / "nowhere" / "salt")


def test_names_are_found_among_many() -> None:
    names = [f"gear/IMG_{at:05}.jpg" for at in range(20_000)]
    table = TableRecord(data="d0", samples=[SampleRecord(id=name, label="gear") for name in names], columns=[])
    shown = redacted(record().model_copy(update={"tables": [table], "notes": [f"see {names[77]}"]}), SALT)
    assert shown.notes == [f"see {shown.tables[0].samples[77].id}"]
    assert "IMG_" not in json.dumps(shown.tables[0].model_dump())

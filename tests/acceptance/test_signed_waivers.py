"""Signatures under waivers: whose count under a lock, and that nothing that does not fit is taken."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from acceptance.openssl import private_key, public_key

from modelaudit.acceptance import envelope
from modelaudit.acceptance.canonical import canonical
from modelaudit.acceptance.keys import PublicKey, load_public_key, load_signer
from modelaudit.acceptance.lock import Lock, LockedParty
from modelaudit.acceptance.signed_waivers import read_signers, sign_waivers, under_lock
from modelaudit.acceptance.waivers import Waiver
from modelaudit.language.errors import AcceptanceError

WAIVER = Waiver(
    expectation="audits/audit_line.py::robust",
    owner="Tanaka",
    reason="The lamps are replaced in March.",
    issued=datetime(2026, 11, 1, tzinfo=UTC),
    expires=datetime(2027, 3, 31, tzinfo=UTC),
)
OTHER = WAIVER.model_copy(update={"expectation": "audits/audit_line.py::right"})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: private_key(folder / f"{name}.pem") for name in ("customer", "vendor", "stranger")}


@pytest.fixture(scope="module")
def keys(files: dict[str, Path]) -> dict[str, PublicKey]:
    return {name: load_public_key(public_key(files[name])) for name in ("customer", "vendor")}


def test_signatures_are_added_and_each_is_of_one_waiver(
    tmp_path: Path, files: dict[str, Path], keys: dict[str, PublicKey]
) -> None:
    path = tmp_path / "waivers.dsse"
    assert read_signers(path, keys) == {}
    sign_waivers(path, [WAIVER, OTHER], load_signer(files["vendor"]))
    sign_waivers(path, [WAIVER], load_signer(files["customer"]))
    sign_waivers(path, [WAIVER], load_signer(files["customer"]))
    assert read_signers(path, keys) == {WAIVER: ("customer", "vendor"), OTHER: ("vendor",)}
    assert len(json.loads(path.read_text())) == 2


def test_under_a_lock_only_the_party_that_it_names_counts(keys: dict[str, PublicKey]) -> None:
    parties = {name: LockedParty(keyid=key.keyid, public_key=key.pem) for name, key in keys.items()}
    lock = Lock(
        created=datetime.now(UTC), modelaudit="1", agreement=None, cases=[], options={}, inputs=[], data=[],
        parties=parties, waivers_signed_by="customer",
    )  # fmt: skip
    signed = under_lock(WAIVER, lock, {WAIVER: ("vendor", "customer")})
    assert (signed.signed_by, signed.lacks) == ("customer", None)
    assert signed.covers("FAIL", WAIVER.issued)
    later = WAIVER.model_copy(update={"expires": datetime(2028, 1, 1, tzinfo=UTC)})
    for waiver, named, lacks in (
        (later, "customer", "signature"),
        (WAIVER, "vendor", None),
        (WAIVER, None, "signer"),
        (WAIVER, "auditor", "signer"),
    ):
        held = lock.model_copy(update={"waivers_signed_by": named})
        record = under_lock(waiver, held, {WAIVER: ("vendor", "customer")})
        assert record.lacks == lacks and record.covers("FAIL", WAIVER.issued) == (lacks is None)


def test_what_does_not_fit_is_an_error(tmp_path: Path, files: dict[str, Path], keys: dict[str, PublicKey]) -> None:
    path = tmp_path / "waivers.dsse"
    sign_waivers(path, [WAIVER, OTHER], load_signer(files["customer"]))
    whole = json.loads(path.read_text())
    first, second = whole
    swapped = [{**first, "payload": second["payload"]}]
    stripped = [{**first, "signatures": []}]
    for wrong, said in (
        (swapped, r"waivers.dsse: \[0\]: the signature of customer .* does not fit"),
        (stripped, "is not signed"),
        (first, "must be a list of signed waivers"),
        ([{**first, "payloadType": "application/vnd.modelaudit.lock+json"}], "is a lock; a waiver is needed"),
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(AcceptanceError, match=said):
            read_signers(path, keys)
    path.write_text(json.dumps(whole)[:-20])
    with pytest.raises(AcceptanceError, match=r"waivers\.dsse"):
        read_signers(path, keys)
    sign_waivers(tmp_path / "b.dsse", [WAIVER], load_signer(files["stranger"]))
    with pytest.raises(AcceptanceError, match="unknown key"):
        read_signers(tmp_path / "b.dsse", keys)


def test_a_waiver_that_another_version_signed_is_not_read(
    tmp_path: Path, files: dict[str, Path], keys: dict[str, PublicKey]
) -> None:
    document = json.loads(WAIVER.content())
    later = envelope.Envelope(envelope.WAIVER, canonical({**document, "version": document["version"] + 1}))
    path = tmp_path / "waivers.dsse"
    path.write_text(json.dumps([envelope.sign(later, load_signer(files["customer"])).document()]))
    with pytest.raises(AcceptanceError, match="is not a waiver that this version of modelaudit reads"):
        read_signers(path, keys)

"""The forms of what ``modelaudit verify`` says below a check, and of keys that cannot be read: see error_texts.py."""

from __future__ import annotations

#: nothing that stands in a record, where anybody can write this sentence, fits its beginning
_HERE = (
    r"(?P<where>[^\s:]+:\d+): is the file that was signed \(by (?P<names>.+)\), and this installation \(modelaudit "
    r"(?P<here>[^\s)]+)\) renders it differently: "
)
_AND = r"; (?:take|give|use|have|ask|make|verify) .+"

#: why a check was not made
_NOT_CHECKED: dict[str, str] = {
    "the record contradicts itself, so none of it is used": "contradicted",
    "they are redacted, by a secret that is not here; the digest of (?P<name>.+) counts": "redacted",
    r"the run is not signed \(pytest --audit-sign KEY\)": "run_unsigned",
    r"the pack is not signed \(modelaudit pack --sign KEY\)": "pack_unsigned",
    r"(?P<file>.+): is signed by (?P<ids>.+), and no key was given to check it by \(--keys\)": "no_key",
    r"signed by (?P<names>.+); give keys to check (?:it|them) by \(--keys\): (?:those|the one) in the lock proves? "
    "nothing": "keys_in_lock",
    "the run was not held to a lock": "no_lock",
    "the lock names nobody who signs it": "nobody_signs",
    "the lock has no time stamp": "no_time_stamp",
    r"no certificate of the time-stamp authority was given \(--trust-anchor\)": "no_anchor",
    r"the (?P<what>lock|agreement) is not in the folder of the audits \(--audits DIR\)": "not_in_folder",
    r"(?P<what>waivers\.yaml) is not in the folder of the audits \(--audits DIR\)": "not_in_folder",
    "the run has no agreement": "no_agreement",
    "the run has no waivers": "no_waivers",
    "the run has no reviews": "no_reviews",
    r"the reviews are not in the folder of the audits \(--audits DIR\)": "reviews_not_in_folder",
    "the key of (?P<name>.+) is a file that is not here; a lock holds the keys of reviewers": "reviewer_key_not_here",
    r"the installed packages were not recorded \(.+\)": "no_environment",
    "no --expect-nonce was given, so an earlier run could be handed over for this one": "no_nonce",
    "no --expect-commit was given": "no_commit",
}
#: what is wrong with a file that was signed, or with a key or time stamp
_SIGNED: dict[str, str] = {
    "(?P<file>.+): is missing: the run is not signed, and keys were given to check it by": "run_signature_missing",
    "(?P<file>.+): is missing: the pack is not signed, and keys were given to check it by": "pack_signature_missing",
    "(?P<file>.+): is missing, and a certificate was given to check it by": "time_stamp_missing",
    "(?P<file>.+): signatures: is signed by an unknown key (?P<id>.+); keys given: (?P<known>.+)" + _AND: (
        "unknown_key"
    ),
    r"(?P<file>.+): the signature of (?P<name>.+) \(key (?P<id>.+)\) does not fit: .+": "signature_wrong",
    "(?P<file>.+): has no signature" + _AND: "signature_none",
    "(?P<file>.+): signs: (?P<name>.+) must sign the lock and has not": "must_sign",
    "(?P<file>.+): (?P<name>.+) signed with the key (?P<id>.+), which is not among the keys that were given "
    r"\(--keys\)": "key_not_given",
    "(?P<file>.+): lock.signed_by: names (?P<name>.+), whose signature is not in (?P<other>.+)": "signer_not_there",
    "(?P<file>.+): this certificate expired on (?P<end>.+), before the signature of (?P<at>.+); .+": "key_expired",
    "(?P<file>.+): this certificate is valid from (?P<start>.+) on, after the signature of (?P<at>.+); .+": (
        "key_too_new"
    ),
    "(?P<file>.+): is a private key, which only its owner may have; .+": "key_private",
    r"(?P<file>.+): is neither a public key nor a certificate in PEM form \(.+\); .+": "key_unreadable",
    r"(?P<file>.+): is a key of a kind that is not supported \((?P<kind>.+)\); .+": "key_kind",
    r"(?P<file>.+): is not from an authority that is trusted here \((?P<names>.*)\), or is damaged; .+": "not_trusted",
    "(?P<file>.+): does not bring the authority's certificate; .+": "no_certificate",
    "(?P<file>.+): the authority's certificate (?P<name>.+) was not valid at the time of the stamp, .+": (
        "not_valid_then"
    ),
    r"(?P<file>.+): is not a whole time-stamp response \(.+\); .+": "stamp_damaged",
    "(?P<file>.+): confirms the time of another content: .+": "stamp_of_another",
    r"(?P<file>.+): is not base64.*": "not_base64",
    "(?P<file>.+): (?P<field>.+): .+; this is not a whole signed file.*": "not_whole",
    "(?P<file>.+): is not canonical JSON.*": "not_canonical",
    "(?P<file>.+): differs from what (?P<other>.+) signs; .+": "other_content",
}
#: what does not hold: the file, the requirement, the field
_FAILED: dict[str, str] = {
    "and (?P<n>.+) more": "more",
    _HERE + "(?P<made>.+) made it, and that version can check it; what counts is (?P<record>.+)": "other_version",
    r"(?P<where>.+): is not what (?P<record>.+) makes: it was edited or made otherwise \(it says modelaudit "
    r"(?P<made>.+), and this is (?P<here>.+)\), and no key that was given signed it; .+": "edited_or_other",
    "(?P<where>.+): is not what (?P<record>.+) makes: it was edited or made otherwise": "edited",
    "(?P<file>.+): is not in packs of modelaudit (?P<version>.+)": "not_in_older",
    "(?P<file>.+): (?P<name>.+): sha256: is (?P<found>.+), and (?P<other>.+) has (?P<value>.+): it was changed.*": (
        "changed"
    ),
    "(?P<file>.+): (?P<name>.+): is in pack.json and not in the pack.*": "only_in_manifest",
    "(?P<file>.+): (?P<name>.+): is in the pack and not in pack.json.*": "only_in_pack",
    "(?P<file>.+): is not a whole pack .*": "no_whole_pack",
    "(?P<where>.+?): the run: (?P<field>.+?) is (?P<found>.+), and (?P<value>.+) follows from the record": (
        "contradiction_of_run"
    ),
    "(?P<where>.+?: .+?): (?P<field>.+?) is (?P<found>.+), and (?P<value>.+) follows from the record": "contradiction",
    "(?P<where>.+): (?P<field>[^ ]+): is (?P<found>.+), and (?P<value>.+) was expected: it is another run": "other_run",
    "(?P<where>.+): is (?P<found>.+), and (?P<value>.+) was expected": "expected",
    "(?P<where>.+): lock: is missing, although (?P<other>.+) is there: the run was not held to it": "not_held",
    r"(?P<file>.+): is missing, although the run was held to a lock \(.+\)": "lock_missing",
    "(?P<file>.+): is missing, although the run had an agreement": "agreement_missing",
    r"(?P<file>.+): is missing, although the run counts it \((?P<field>.+)\)": "review_missing",
    "(?P<where>.+): is missing, and under the lock only signed reviews count": "review_unsigned",
    "(?P<file>.+): is in the pack, and the run does not count it": "review_not_counted",
    "(?P<where>.+): is (?P<found>.+), and (?P<value>.+) signed (?P<file>.+)": "review_signer",
    "(?P<file>.+): is missing, although (?P<names>.+) has a waiver": "waivers_missing",
    "(?P<where>.+): agreement: is missing, although (?P<other>.+) is there": "agreement_unrecorded",
    "(?P<file>.+): has sha256 (?P<found>.+), and (?P<where>.+): (?P<field>.+) is (?P<value>.+)": "lock_differs",
    "(?P<file>.+): has sha256 (?P<found>.+), and (?P<where>.+) is (?P<value>.+)": "review_differs",
    "(?P<file>.+): its terms have sha256 (?P<found>.+), and (?P<where>.+): agreement is (?P<value>.+)": "terms_differ",
    r"(?P<where>.+): started: is (?P<found>.+), before the lock was made \((?P<value>.+)\)": "before_lock",
    "(?P<where>.+): started: is (?P<found>.+), before the time stamp of the lock, (?P<value>.+)": "before_stamp",
    "(?P<where>.+): created: is (?P<found>.+), after its time stamp of (?P<value>.+)": "after_stamp",
    r"(?P<file>run/run\.json): lock\.departures: (?P<what>.+): it does not depart from (?P<other>.+)": "no_departure",
    r"(?P<file>run/run\.json): (?P<what>.+) \(agreed: (?P<agreed>.+)\): it departs from (?P<other>.+), and "
    "lock.departures does not say so": "departure",
    "(?P<file>.+): (?P<name>[^ ]+): is (?P<here>.+), and the run had (?P<then>.+)": "environment",
    "(?P<where>.+): files under git were changed and not committed, so the commit does not say what ran": "dirty",
    "(?P<where>.+): what was signed: (?P<field>.*): is not in (?P<other>.+)": "signed_only",
    "(?P<where>.+): what was signed: (?P<field>.*): is missing, and is in (?P<other>.+)": "not_signed",
    "(?P<where>.+): what was signed: (?P<field>.*): is (?P<found>.+), and (?P<other>.+) has (?P<value>.+)": (
        "signed_other"
    ),
    "(?P<where>.+): is not in what (?P<other>.+) and the files make": "too_much_made",
    "(?P<where>.+): is missing, and is in what (?P<other>.+) and the files make": "missing_made",
    "(?P<where>.+?): is (?P<found>.+), and what (?P<other>.+) and the files make has (?P<value>.+)": "differs_made",
    "(?P<where>.+): is not in (?P<other>.+)": "too_much",
    "(?P<where>.+): is missing, and is in (?P<other>.+)": "missing_here",
    "(?P<where>.+?): is (?P<found>.+), and (?P<other>.+) has (?P<value>.+)": "differs",
    "(?P<file>.+): is missing": "missing",
}
VERIFICATION_FORMS: dict[str, str] = {**_NOT_CHECKED, **_SIGNED, **_FAILED}

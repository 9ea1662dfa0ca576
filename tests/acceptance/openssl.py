"""Keys, certificates and time stamps as the ``openssl`` command makes them; nothing of modelaudit is used."""

from __future__ import annotations

import subprocess
from pathlib import Path

KINDS = {
    "ed25519": ("-algorithm", "ed25519"),
    "p256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "p384": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
    "p521": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"),
    "rsa": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
}
_AUTHORITY = """
[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
serial = serial.txt
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[stamps]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = stamping
[stamping]
serial = stamp-serial.txt
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
"""


def openssl(*arguments: str | Path, cwd: Path | None = None, content: bytes | None = None) -> bytes:
    """What the command writes on its standard output; it must end with 0."""
    done = subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, input=content, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def private_key(file: Path, kind: str = "ed25519", *more: str) -> Path:
    """A private key, for its owner alone; `more`: as ``-aes256 -pass pass:secret``."""
    openssl("genpkey", *KINDS[kind], *more, "-out", file)
    file.chmod(0o600)
    return file


def public_key(file: Path) -> Path:
    """The public key of a private one, beside it."""
    target = file.with_suffix(".pub.pem")
    openssl("pkey", "-in", file, "-pubout", "-out", target)
    return target


def certificate(key: Path, days: int = 30, name: str = "Vendor") -> Path:
    """A self-signed certificate of a private key, beside it."""
    target = key.with_suffix(".crt.pem")
    openssl("req", "-x509", "-key", key, "-subj", f"/CN={name}", "-days", str(days), "-out", target)
    return target


class Authority:
    """A time-stamp authority in a folder of its own: a root, and a certificate for time stamps.

    Args:
        until: when that certificate ends, as ``20260131090000Z``; empty: in a month.
    """

    def __init__(self, folder: Path, *, name: str = "Root", since: str = "20200101000000Z", until: str = "") -> None:
        folder.mkdir()
        self.folder = folder
        (folder / "authority.cnf").write_text(_AUTHORITY)
        (folder / "index.txt").touch()
        (folder / "serial.txt").write_text("01\n")
        (folder / "stamp-serial.txt").write_text("01\n")
        self.root = certificate(private_key(folder / "root.pem"), 3650, name)
        private_key(folder / "tsa.pem", "p256")
        self._run("req", "-new", "-key", "tsa.pem", "-subj", "/CN=Stamps", "-out", "tsa.csr")
        dates = ["-startdate", since, *(("-enddate", until) if until else ("-days", "30"))]
        names = ["-config", "authority.cnf", "-extensions", "stamps", "-cert", self.root, "-keyfile", "root.pem"]
        self._run("ca", "-batch", "-notext", *names, *dates, "-in", "tsa.csr", "-out", "tsa.crt.pem")

    def stamp(self, request: bytes) -> bytes:
        """Its response to a request."""
        (self.folder / "request.tsq").write_bytes(request)
        signer = ["-config", "authority.cnf", "-signer", "tsa.crt.pem", "-inkey", "tsa.pem"]
        return self._run("ts", "-reply", "-queryfile", "request.tsq", *signer)

    def verified_by_openssl(self, response: bytes, content: bytes) -> bool:
        """Whether ``openssl ts -verify`` takes the response for a time stamp of the content."""
        (self.folder / "response.tsr").write_bytes(response)
        (self.folder / "content").write_bytes(content)
        said = self._run("ts", "-verify", "-in", "response.tsr", "-data", "content", "-CAfile", self.root)
        return b"Verification: OK" in said

    def _run(self, *arguments: str | Path) -> bytes:
        return openssl(*arguments, cwd=self.folder)

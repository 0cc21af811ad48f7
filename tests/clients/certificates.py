"""Certificates made by Debian's openssl, and what Python's clients need to trust them."""

import ssl
import subprocess
import tempfile
from pathlib import Path


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """A folder with an authority `root.pem` and what it signs, gone at the end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ferrite-tls-")
        self.folder = Path(self._folder.name)
        self.root = self.folder / "root.pem"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
            "-subj", "/CN=Ferrite tests", "-keyout", self.folder / "root.key", "-out", self.root,
        )  # fmt: skip

    def close(self) -> None:
        self._folder.cleanup()

    def make(self, name: str, key: str = "ec") -> dict[str, str]:
        """A certificate for `name` as the arguments of `Tls`; made again, it replaces the files."""
        certificate, private, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        kind = {"ec": ["-pkeyopt", "ec_paramgen_curve:prime256v1"], "rsa": ["-pkeyopt", "rsa_keygen_bits:2048"]}[key]
        extensions = self.folder / f"{name}.cnf"
        extensions.write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
        openssl("req", "-newkey", key, *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", private, "-out", request)
        openssl(
            "x509", "-req", "-in", request, "-CA", self.root, "-CAkey", self.folder / "root.key", "-CAcreateserial",
            "-days", 2, "-extfile", extensions, "-out", certificate,
        )  # fmt: skip
        return {"certificate": str(certificate), "key": str(private)}

    def context(self, own: dict[str, str] | None = None) -> ssl.SSLContext:
        """Trusts the authority; shows a certificate of its own if there is one."""
        context = ssl.create_default_context(cafile=str(self.root))
        if own:
            context.load_cert_chain(own["certificate"], own["key"])
        return context

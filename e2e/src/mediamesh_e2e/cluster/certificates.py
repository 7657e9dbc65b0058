"""The certificates of a cluster: one authority, and one certificate for each who speaks to another.

The names are those that Kubernetes gives meaning to ("PKI certificates and requirements"): the common name is the user,
the organization the group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=30)  # a cluster lives for minutes; one that a developer forgot lives for days
CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Makes its own certificate and those of the cluster, in one folder."""

    def __init__(self, folder: Path, now: datetime) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("mediamesh-e2e", None)
        self.identity = self._write("authority", self._certificate(), self._key)

    def issue(
        self, file: str, user: str, group: str | None = None, *, hosts: Sequence[str | IPv4Address] = ()
    ) -> Identity:
        """Make a certificate for a client, and for a server too if it has hosts; the files are called `file`."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(user, group), key.public_key())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        return self._write(file, builder.sign(self._key, hashes.SHA256()), key)

    def signing_pair(self, file: str) -> Identity:
        """Make a bare key pair: `certificate` is the public key."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return self._save(file, public, key)

    def _certificate(self) -> x509.Certificate:
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return builder.sign(self._key, hashes.SHA256())

    def _builder(self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - CLOCKS_DIFFER)
            .not_valid_after(self._now + LIFE)
        )

    def _write(self, file: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Identity:
        return self._save(file, certificate.public_bytes(serialization.Encoding.PEM), key)

    def _save(self, file: str, public: bytes, key: ec.EllipticCurvePrivateKey) -> Identity:
        identity = Identity(self._folder / f"{file}.crt", self._folder / f"{file}.key")
        identity.certificate.write_bytes(public)
        identity.key.touch(mode=0o600)
        identity.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return identity


def _name(user: str, group: str | None) -> x509.Name:
    group_part = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*group_part, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _host(host: str | IPv4Address) -> x509.GeneralName:
    return x509.IPAddress(host) if isinstance(host, IPv4Address) else x509.DNSName(host)

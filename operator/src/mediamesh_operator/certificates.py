"""The operator's own CA: what it is made of, and when it changes. Time is an argument; nothing is stored here.

An agent trusts what its mounted ConfigMap says, and a mount lags behind by a minute or two. So a CA is announced
long before it signs anything: at two thirds of a CA's life the next one is made and published beside it, an hour
later it signs the server's certificate, and the old one is trusted until its end, for agents whose mount is stuck.
At every moment of this an agent with a mount of the last hour trusts the server, and nothing has to be restarted.

Keys are on the curve P-256. Certificates begin `SKEW` before they are made, because nodes' clocks differ.
"""

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mediamesh_operator.errors import AuthorityUnusable

AUTHORITY_LIFE: Final = timedelta(days=3 * 365)
SERVER_LIFE: Final = timedelta(days=30)
LAG: Final = timedelta(hours=1)
"""From a CA's publication to its first use."""
SKEW: Final = timedelta(minutes=5)
_CERTIFICATES, _KEYS = "ca.crt", "ca.key"
_END: Final = b"-----END"
_ANEW: Final = "remove its `data`, and the operator makes a new CA"


@dataclass(frozen=True, slots=True)
class Authority:
    """One CA: a certificate that signs itself, and its key, both as PEM."""

    certificate: bytes
    key: bytes
    made: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """What the server shows: certificate chain and key as PEM."""

    chain: bytes
    key: bytes
    made: datetime
    ends: datetime
    signer: bytes = b""
    """Certificate of the CA that signed it."""

    def worn(self, now: datetime) -> bool:
        """Whether half its life is over, so that another should be shown."""
        return now >= self.made + (self.ends - self.made) / 2


def make_authority(now: datetime, life: timedelta = AUTHORITY_LIFE) -> Authority:
    """Return a new CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"mediamesh {secrets.token_hex(4)}")])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _certificate(name, name, key.public_key(), now - SKEW, now + life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    certificate = builder.sign(key, hashes.SHA256())
    return _authority(certificate.public_bytes(Encoding.PEM), _pem(key))


def make_server_certificate(by: Authority, names: Sequence[str], now: datetime) -> ServerCertificate:
    """Return a certificate for a server with these DNS names or addresses; it ends with its CA at the latest."""
    issuer = x509.load_pem_x509_certificate(by.certificate)
    signing = load_pem_private_key(by.key, password=None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)  # noqa: S101  # `_authority` has seen to it
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mediamesh-operator")])
    ends = min(now + SERVER_LIFE, by.ends)
    builder = (
        _certificate(name, issuer.subject, key.public_key(), max(now - SKEW, by.made - SKEW), ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    chain = builder.sign(signing, hashes.SHA256()).public_bytes(Encoding.PEM)
    return ServerCertificate(chain, _pem(key), now, ends, signer=by.certificate)


def renewed(authorities: Sequence[Authority], now: datetime) -> tuple[Authority, ...]:
    """Return the CAs that there should be: without those that have ended, and with a next one when it is time."""
    living = tuple(each for each in authorities if each.ends > now)
    if not living or now >= living[-1].made + (living[-1].ends - living[-1].made) * 2 / 3:
        return (*living, make_authority(now))
    return living


def signer(authorities: Sequence[Authority], now: datetime) -> Authority:
    """Return the CA that signs now: the newest that has been published for `LAG`; the first while none has."""
    return next((each for each in reversed(authorities) if now >= each.made + LAG), authorities[0])


def bundle(authorities: Sequence[Authority]) -> bytes:
    """Return what agents trust: the certificates of all CAs."""
    return b"".join(each.certificate for each in authorities)


def to_secret(authorities: Sequence[Authority]) -> dict[str, bytes]:
    """Return the data of the Secret: certificates and keys, oldest first."""
    return {_CERTIFICATES: bundle(authorities), _KEYS: b"".join(each.key for each in authorities)}


def from_secret(data: dict[str, bytes]) -> tuple[Authority, ...]:
    """Return the CAs in a Secret's data, oldest first; none if it is empty.

    Raises
    ------
    AuthorityUnusable
        It holds something else; the message says what to do.
    """
    certificates, keys = (_blocks(data.get(name, b"")) for name in (_CERTIFICATES, _KEYS))
    if len(certificates) != len(keys):
        raise AuthorityUnusable(
            f"the CA's Secret has {len(certificates)} certificates in {_CERTIFICATES} and {len(keys)} keys in {_KEYS}; "
            + _ANEW
        )
    return tuple(_authority(*pair) for pair in zip(certificates, keys, strict=True))


def from_files(chain: bytes, key: bytes) -> ServerCertificate:
    """Return a certificate that somebody else made, if certificate and key belong together."""
    try:
        first = x509.load_pem_x509_certificate(chain)
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuthorityUnusable(f"tls.crt or tls.key is no PEM certificate or key: {error}") from error
    public = private.public_key()
    if _spki(public) != _spki(first.public_key()):
        raise AuthorityUnusable("tls.key is not the key of tls.crt")
    return ServerCertificate(chain, key, first.not_valid_before_utc, first.not_valid_after_utc)


def _spki(key: object) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins.astimezone(UTC))
        .not_valid_after(ends.astimezone(UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _authority(certificate: bytes, key: bytes) -> Authority:
    try:
        parsed = x509.load_pem_x509_certificate(certificate)
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        text = f"the CA's Secret holds something else than certificates and keys: {error}; {_ANEW}"
        raise AuthorityUnusable(text) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or _spki(private.public_key()) != _spki(parsed.public_key()):
        raise AuthorityUnusable(f"a key in the CA's Secret is not that of its certificate; {_ANEW}")
    return Authority(certificate, key, parsed.not_valid_before_utc + SKEW, parsed.not_valid_after_utc)


def _blocks(pem: bytes) -> list[bytes]:
    """Split concatenated PEM into its blocks, each with its end of line."""
    found: list[bytes] = []
    block: list[bytes] = []
    for line in pem.splitlines(keepends=True):
        block.append(line)
        if line.startswith(_END):
            found.append(b"".join(block))
            block = []
    return found


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)

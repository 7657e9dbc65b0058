from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given, settings
from hypothesis import strategies as st

from mediamesh_operator import certificates
from mediamesh_operator.certificates import AUTHORITY_LIFE, LAG, SERVER_LIFE, Authority
from mediamesh_operator.errors import AuthorityUnusable

NOW = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
NAMES = ("mediamesh-operator.media.svc", "127.0.0.1")


def is_trusted(shown: certificates.ServerCertificate, bundle: bytes, at: datetime) -> bool:
    store = Store(x509.load_pem_x509_certificates(bundle))
    verifier = PolicyBuilder().store(store).time(at).build_server_verifier(x509.DNSName(NAMES[0]))
    try:
        verifier.verify(x509.load_pem_x509_certificate(shown.chain), [])
    except VerificationError:
        return False
    return True


def test_a_server_certificate_is_trusted_by_who_knows_its_authority() -> None:
    ours, other = certificates.make_authority(NOW), certificates.make_authority(NOW)
    shown = certificates.make_server_certificate(ours, NAMES, NOW)
    assert is_trusted(shown, certificates.bundle([ours]), NOW)
    assert is_trusted(shown, certificates.bundle([other, ours]), NOW)
    assert not is_trusted(shown, certificates.bundle([other]), NOW)


def test_a_clock_that_is_a_little_late_trusts_it_as_well() -> None:
    ours = certificates.make_authority(NOW)
    shown = certificates.make_server_certificate(ours, NAMES, NOW)
    assert is_trusted(shown, certificates.bundle([ours]), NOW - timedelta(minutes=4))


def test_it_has_all_names_and_is_no_authority() -> None:
    shown = certificates.make_server_certificate(certificates.make_authority(NOW), NAMES, NOW)
    parsed = x509.load_pem_x509_certificate(shown.chain)
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAMES[0]]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == [NAMES[1]]
    assert not parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_it_ends_with_its_authority_at_the_latest() -> None:
    ours = certificates.make_authority(NOW)
    assert certificates.make_server_certificate(ours, NAMES, NOW).ends == NOW + SERVER_LIFE
    late = ours.ends - timedelta(days=1)
    assert certificates.make_server_certificate(ours, NAMES, late).ends == ours.ends


def test_it_is_worn_after_half_its_life() -> None:
    shown = certificates.make_server_certificate(certificates.make_authority(NOW), NAMES, NOW)
    assert not shown.worn(NOW + SERVER_LIFE / 2 - timedelta(seconds=1))
    assert shown.worn(NOW + SERVER_LIFE / 2)


def test_the_first_authority_signs_at_once() -> None:
    (first,) = certificates.renewed((), NOW)
    assert certificates.signer([first], NOW) is first


def test_the_life_of_an_authority() -> None:
    (first,) = certificates.renewed((), NOW)
    turn = NOW + AUTHORITY_LIFE * 2 / 3
    assert certificates.renewed((first,), turn - timedelta(seconds=1)) == (first,)

    both = certificates.renewed((first,), turn)
    assert both[0] is first
    assert len(both) == 2
    assert certificates.signer(both, turn) is first
    assert certificates.signer(both, turn + LAG - timedelta(seconds=1)) is first
    assert certificates.signer(both, turn + LAG) is both[1]

    assert certificates.renewed(both, first.ends - timedelta(seconds=1)) == both
    assert certificates.renewed(both, first.ends) == both[1:]


def test_after_a_long_sleep_there_is_a_new_one_that_signs() -> None:
    (first,) = certificates.renewed((), NOW)
    later = first.ends + timedelta(days=1)
    (new,) = certificates.renewed((first,), later)
    assert new is not first
    assert certificates.signer([new], later) is new


@settings(max_examples=30)
@given(st.lists(st.floats(0.01, 500), min_size=1, max_size=10), st.floats(0, 1))
def test_a_mount_of_the_last_hour_always_trusts_the_server(days: list[float], lag: float) -> None:
    """Whoever looks at any time, with a bundle that is up to an hour old, and however seldom the operator looks."""
    kept: tuple[Authority, ...] = ()
    now, mounted, mounted_at = NOW, b"", NOW
    for passed in days:
        now += timedelta(days=passed)
        kept = certificates.renewed(kept, now)
        shown = certificates.make_server_certificate(certificates.signer(kept, now), NAMES, now)
        if mounted and now - mounted_at <= LAG:
            assert is_trusted(shown, mounted, now)
        mounted, mounted_at = certificates.bundle(kept), now
        now += LAG * lag
        late = certificates.renewed(kept, now)
        if late[: len(kept)] == kept:
            shown = certificates.make_server_certificate(certificates.signer(late, now), NAMES, now)
            assert is_trusted(shown, mounted, now)
        kept = late


def test_a_secret_gives_back_what_was_put_in() -> None:
    both = (certificates.make_authority(NOW), certificates.make_authority(NOW + timedelta(days=1)))
    assert certificates.from_secret(certificates.to_secret(both)) == both
    assert certificates.from_secret({}) == ()


def test_a_secret_that_holds_something_else_is_refused() -> None:
    one, other = (certificates.to_secret([certificates.make_authority(NOW)]) for _ in range(2))
    with pytest.raises(AuthorityUnusable, match="has 1 certificates in"):
        certificates.from_secret({"ca.crt": one["ca.crt"]})
    with pytest.raises(AuthorityUnusable, match="not that of its certificate"):
        certificates.from_secret({"ca.crt": one["ca.crt"], "ca.key": other["ca.key"]})
    with pytest.raises(AuthorityUnusable, match="something else than certificates"):
        certificates.from_secret({"ca.crt": one["ca.key"], "ca.key": one["ca.key"]})


def test_files_of_somebody_else_are_taken_if_they_belong_together() -> None:
    ours = certificates.make_authority(NOW)
    one, other = (certificates.make_server_certificate(ours, NAMES, NOW) for _ in range(2))
    read = certificates.from_files(one.chain, one.key)
    assert (read.chain, read.key, read.ends) == (one.chain, one.key, one.ends)
    with pytest.raises(AuthorityUnusable, match="not the key of"):
        certificates.from_files(one.chain, other.key)
    with pytest.raises(AuthorityUnusable, match="no PEM certificate or key"):
        certificates.from_files(b"half a fi", one.key)

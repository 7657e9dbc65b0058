import pytest

from mediamesh_operator.errors import OptionsInvalid
from mediamesh_operator.options import parse


def test_what_is_left_out_has_a_default() -> None:
    options = parse([], {})
    assert options.agents == ("::", 8443)
    assert options.http == ("::", 8080)
    assert options.certificates is None
    assert options.identity


def test_a_flag_comes_before_its_variable_and_that_before_the_default() -> None:
    environment = {
        "POD_NAMESPACE": "media",
        "POD_NAME": "operator-1",
        "MEDIAMESH_LEASE": "lease-e",
        "MEDIAMESH_ROOT": "",
    }
    options = parse(["--lease=lease-f"], environment)
    assert (options.namespace, options.identity, options.lease) == ("media", "operator-1", "lease-f")
    assert options.root == "/run/mediamesh"


def test_names_of_the_server_are_a_list() -> None:
    assert parse(["--service=a.svc, 127.0.0.1,"], {}).service == ("a.svc", "127.0.0.1")


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--agents=8443", "--agents"),
        ("--http=host:port", "--http"),
        ("--http=host:99999", "--http"),
        ("--http=host:٣", "--http"),
        ("--service=,", "--service"),
        ("--log-level=loud", "not one of debug"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_flag(flag: str, words: str) -> None:
    with pytest.raises(OptionsInvalid, match=words):
        parse([flag], {})


def test_help_names_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"], {})
    text = capsys.readouterr().out
    assert "POD_NAMESPACE" in text
    assert "MEDIAMESH_CA_BUNDLE" in text

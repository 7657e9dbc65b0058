"""The codec: exactly 128 bytes, at the offsets of memif.h, and nothing a peer sends can break it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediamesh_testing.words import ONE_OF_EACH

from mediamesh_native.memif.errors import MemifError, ProtocolViolation
from mediamesh_native.memif.messages import (
    MESSAGE_SIZE,
    TYPES,
    Ack,
    AddRegion,
    AddRing,
    Connect,
    Connected,
    Disconnect,
    Hello,
    Init,
    Message,
    cut_at_nul,
    decode,
    encode,
)

u8, u16, u32, u64 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32, 64))


def text(size: int) -> st.SearchStrategy[str]:
    printable = st.characters(codec="utf-8").filter(str.isprintable)
    return st.text(printable, max_size=size).filter(lambda value: len(value.encode()) <= size)


secrets = st.binary(max_size=24).map(cut_at_nul)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Ack),
    st.builds(Hello, text(31), u16, u16, u16, u16, u16, u8),
    st.builds(Init, u16, u32, u8, secrets, text(31)),
    st.builds(AddRegion, u16, u64),
    st.builds(AddRing, u16, u16, u16, u32, u8, u16),
    st.builds(Connect, text(31)),
    st.builds(Connected, text(31)),
    st.builds(Disconnect, u32, text(95)),
)


@given(messages)
def test_what_is_encoded_is_decoded(message: Message) -> None:
    data = encode(message)
    assert len(data) == MESSAGE_SIZE
    assert decode(data) == message


@given(messages, st.binary(min_size=MESSAGE_SIZE, max_size=MESSAGE_SIZE))
def test_padding_is_never_read(message: Message, rubbish: bytes) -> None:
    body = 2 + message.LAYOUT.size
    assert decode(encode(message)[:body] + rubbish[body:]) == message


@given(st.binary(min_size=MESSAGE_SIZE, max_size=MESSAGE_SIZE), st.integers(1, 8))
def test_any_bytes_of_a_known_type_give_a_message_with_harmless_text(data: bytes, number: int) -> None:
    message = decode(struct.pack("=H", number) + data[2:])
    assert type(message) is TYPES[number]
    for value in (getattr(message, "name", ""), getattr(message, "reason", "")):
        assert value.isprintable()


@given(st.binary(max_size=3 * MESSAGE_SIZE))
def test_any_bytes_give_a_message_or_a_violation(data: bytes) -> None:
    try:
        message = decode(data)
    except ProtocolViolation:
        return
    assert decode(encode(message)) == message or "\N{REPLACEMENT CHARACTER}" in str(message)


@pytest.mark.parametrize(
    ("message", "start"),
    [
        (Ack(), "0100"),
        (Hello("m", 0x0200, 0x0200, 254, 3, 4, 14), "0200" + "6d".ljust(64, "0") + "00020002fe00030004000e"),
        (
            Init(0x0200, 7, 0, b"secret", "s"),
            "0300" + "0002" + "07000000" + "00" + b"secret".hex().ljust(48, "0") + "73".ljust(64, "0"),
        ),
        (AddRegion(3, 0x0102030405), "0400" + "0300" + "0504030201000000"),
        (AddRing(1, 2, 3, 0x1000, 10), "0500" + "0100" + "0200" + "0300" + "00100000" + "0a" + "0000"),
        (Connect("if"), "0600" + "6966"),
        (Connected("if"), "0700" + "6966"),
        (Disconnect(5, "bye"), "0800" + "05000000" + "627965"),
    ],
)
def test_the_bytes_are_those_of_memif_h(message: Message, start: str) -> None:
    assert encode(message) == bytes.fromhex(start).ljust(MESSAGE_SIZE, b"\0")


@pytest.mark.parametrize("size", [0, 1, 2, 127, 129, 4096])
def test_every_other_length_is_refused(size: int) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        decode(bytes(size))
    assert caught.value.reason == "MessageLength"


@pytest.mark.parametrize("number", [0, 9, 255, 256, 0xFFFF])
def test_unknown_types_are_refused(number: int) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        decode(struct.pack("=H", number).ljust(MESSAGE_SIZE, b"\0"))
    assert caught.value.reason == "UnknownMessage"


def test_a_string_ends_at_its_field_when_it_has_no_nul() -> None:
    data = struct.pack("=H32s", 6, b"x" * 32).ljust(MESSAGE_SIZE, b"y")
    assert decode(data) == Connect("x" * 32)


def test_terminal_control_and_broken_utf8_become_replacement_characters() -> None:
    data = struct.pack("=H32s", 6, b"\x1b[2J\n\xff\xe2\x80\xae").ljust(MESSAGE_SIZE, b"\0")
    assert decode(data) == Connect("\N{REPLACEMENT CHARACTER}[2J" + 3 * "\N{REPLACEMENT CHARACTER}")


def test_long_names_and_reasons_are_cut_at_a_whole_character_and_keep_a_nul() -> None:
    name = decode(encode(Connect("ü" * 20)))
    assert name == Connect("ü" * 15)
    assert decode(encode(Disconnect(0, "x" * 200))) == Disconnect(0, "x" * 95)


def test_a_name_that_is_no_unicode_can_still_be_sent() -> None:
    assert decode(encode(Connect("a\udcffb"))) == Connect("a?b")


@pytest.mark.parametrize(
    "message",
    [
        AddRegion(1 << 16, 1),
        AddRegion(0, 1 << 64),
        AddRing(0, 0, 0, -1, 1),
        Init(0x0200, 1 << 32, 0, b"", "n"),
        Init(0x0200, 0, 0, b"x" * 25, "n"),
    ],
)
def test_what_does_not_fit_is_our_own_mistake(message: Message) -> None:
    with pytest.raises(ValueError, match=r"fit|secret"):
        encode(message)


def test_a_secret_is_not_shown() -> None:
    assert "sesame" not in repr(Init(0x0200, 0, 0, b"sesame", "n"))


def test_every_type_has_an_example_here() -> None:
    assert {type(message) for message in ONE_OF_EACH} == set(TYPES.values())


def test_errors_read_well_and_share_a_root() -> None:
    violation = ProtocolViolation("MessageLength", "a message of 3 bytes")
    assert str(violation) == "a message of 3 bytes (MessageLength)"
    assert isinstance(violation, MemifError)

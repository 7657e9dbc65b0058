"""The eight messages of memif 2.0, to and from exactly 128 bytes.

There is no RFC: the layout is that of `memif.h` (FDio VPP, and identically libmemif, DPDK, gomemif), packed, in
the byte order of the host: `u16 type` at 0, the body at 2, zeros behind it. Two habits of stock peers decide
how we read: libmemif sends what happens to be on its stack as padding, so bytes behind a body or behind the
NUL of a string are never looked at; and nothing says that a string has a NUL, so it ends at its field at the latest.

Text that a peer chose ends up in logs and on terminals, hence it is decoded to printable characters only.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar, Final

from mediamesh_native.memif.errors import ProtocolViolation

MESSAGE_SIZE: Final = 128
VERSION: Final = 0x0200
NAME_SIZE: Final = 32
SECRET_SIZE: Final = 24
REASON_SIZE: Final = 96
MAX_LOG2_RING_SIZE: Final = 14

M2S: Final = 0
S2M: Final = 1

_TYPE: Final = struct.Struct("=H")


@dataclass(frozen=True, slots=True)
class Ack:
    """Master to slave: the last message is accepted."""

    LAYOUT: ClassVar = struct.Struct("=")


@dataclass(frozen=True, slots=True)
class Hello:
    """Master to slave, first of all: who it is and what it takes; `max_*` of regions and rings are highest indices."""

    LAYOUT: ClassVar = struct.Struct(f"={NAME_SIZE}sHHHHHB")

    name: str
    min_version: int = VERSION
    max_version: int = VERSION
    max_region: int = 254
    max_m2s_ring: int = 255
    max_s2m_ring: int = 255
    max_log2_ring_size: int = MAX_LOG2_RING_SIZE


@dataclass(frozen=True, slots=True)
class Init:
    """Slave to master: which interface it wants (`mode` 0 ethernet, 1 IP, 2 punt/inject)."""

    LAYOUT: ClassVar = struct.Struct(f"=HIB{SECRET_SIZE}s{NAME_SIZE}s")

    version: int
    id: int
    mode: int
    secret: bytes = field(repr=False)
    name: str


@dataclass(frozen=True, slots=True)
class AddRegion:
    """Slave to master, with the memory's descriptor: region `index` has `size` bytes."""

    LAYOUT: ClassVar = struct.Struct("=HQ")

    index: int
    size: int


@dataclass(frozen=True, slots=True)
class AddRing:
    """Slave to master, with the ring's eventfd: a ring of `1 << log2_ring_size` slots at `offset` of `region`."""

    LAYOUT: ClassVar = struct.Struct("=HHHIBH")

    flags: int
    index: int
    region: int
    offset: int
    log2_ring_size: int
    private_hdr_size: int = 0


@dataclass(frozen=True, slots=True)
class Connect:
    """Slave to master: everything is announced, bring the link up."""

    LAYOUT: ClassVar = struct.Struct(f"={NAME_SIZE}s")

    name: str


@dataclass(frozen=True, slots=True)
class Connected:
    """Master to slave: the link is up; rings start at 0/0 and may be used from here on."""

    LAYOUT: ClassVar = struct.Struct(f"={NAME_SIZE}s")

    name: str


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Either way, at any time: the attachment is over."""

    LAYOUT: ClassVar = struct.Struct(f"=I{REASON_SIZE}s")

    code: int
    reason: str


Message = Ack | Hello | Init | AddRegion | AddRing | Connect | Connected | Disconnect

TYPES: Final[Mapping[int, type[Message]]] = MappingProxyType(
    {1: Ack, 2: Hello, 3: Init, 4: AddRegion, 5: AddRing, 6: Connect, 7: Connected, 8: Disconnect},
)
_NUMBERS: Final = {kind: number for number, kind in TYPES.items()}
# ADD_REGION and ADD_RING carry exactly one descriptor, all others none.
CARRIES_DESCRIPTOR: Final[frozenset[type[Message]]] = frozenset({AddRegion, AddRing})


def encode(message: Message) -> bytes:
    """Return the 128 bytes of `message`.

    Names and reasons that are too long are cut at a whole character. Numbers that do not fit their field and a
    secret above 24 bytes are mistakes of the caller.

    Raises
    ------
    ValueError
        A number or the secret does not fit.
    """
    kind = type(message)
    room = (REASON_SIZE if kind is Disconnect else NAME_SIZE) - 1  # C peers want to see a NUL
    values = [_to_wire(value, room) for value in astuple(message)]
    try:
        body = message.LAYOUT.pack(*values)
    except struct.error as error:
        raise ValueError(f"{message!r} does not fit its fields: {error}") from error
    return (_TYPE.pack(_NUMBERS[kind]) + body).ljust(MESSAGE_SIZE, b"\0")


def decode(data: bytes) -> Message:
    """Return the message in `data`.

    Only the form is checked here: whether its numbers make sense is for the machine that knows the state.

    Raises
    ------
    ProtocolViolation
        `MessageLength`: not 128 bytes. `UnknownMessage`: no such type.
    """
    if len(data) != MESSAGE_SIZE:
        raise ProtocolViolation("MessageLength", f"a message of {len(data)} bytes instead of {MESSAGE_SIZE}")
    (number,) = _TYPE.unpack_from(data)
    kind = TYPES.get(number)
    if kind is None:
        raise ProtocolViolation("UnknownMessage", f"unknown message type {number}")
    values = kind.LAYOUT.unpack_from(data, _TYPE.size)
    return kind(*(_FROM_WIRE[part.type](value) for part, value in zip(fields(kind), values, strict=True)))


def cut_at_nul(raw: bytes) -> bytes:
    """Return what a C string comparison would see of a fixed field."""
    return raw.partition(b"\0")[0]


def _to_wire(value: int | str | bytes, room: int) -> int | bytes:
    if isinstance(value, str):
        raw = cut_at_nul(value.encode("utf-8", "replace"))
        return raw[:room].decode("utf-8", "ignore").encode()
    if isinstance(value, bytes) and len(value) > SECRET_SIZE:
        raise ValueError(f"a secret has at most {SECRET_SIZE} bytes, not {len(value)}")
    return value


def _text(raw: bytes) -> str:
    return printable(cut_at_nul(raw).decode("utf-8", "replace"))


def printable(text: str) -> str:
    """Return what a stranger wrote without anything that could begin a line of a log or command a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


_FROM_WIRE: Final[Mapping[object, Callable[[Any], Any]]] = MappingProxyType(
    {int: int, str: _text, bytes: cut_at_nul},
)

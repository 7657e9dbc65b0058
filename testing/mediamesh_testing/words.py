"""One memif message of each kind, as an honest peer says it."""

from mediamesh_native.memif.messages import (
    M2S,
    S2M,
    VERSION,
    Ack,
    AddRegion,
    AddRing,
    Connect,
    Connected,
    Disconnect,
    Hello,
    Init,
    Message,
)

REGION_SIZE = 1 << 20
HELLO = Hello("stock master")
INIT = Init(VERSION, 0, 0, b"", "stock slave")
REGION = AddRegion(0, REGION_SIZE)
S2M_RING = AddRing(S2M, 0, 0, 0, 4)
M2S_RING = AddRing(M2S, 0, 0, 4096, 4)
CONNECT = Connect("stock slave")
CONNECTED = Connected("stock master")
DISCONNECT = Disconnect(0, "enough")
ONE_OF_EACH: list[Message] = [Ack(), HELLO, INIT, REGION, S2M_RING, CONNECT, CONNECTED, DISCONNECT]

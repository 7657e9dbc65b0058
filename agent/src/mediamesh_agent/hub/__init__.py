"""The hub: the data-plane process of a node.

One native thread, the engine, moves frames; everything around it is asyncio in the main thread: attaching,
handshakes, supervision of bridges, control, handing over to a successor. The hub owns all shared memory and
is the trusted base of a node, so it stays small: the standard library, protobuf and our own native code.
"""

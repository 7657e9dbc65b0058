"""memif 2.0 without I/O: messages, both roles of the handshake, and the thin shells that touch sockets.

`messages` is the codec, `conversation` the state table that both roles share, `handshake` the two machines,
`inventory` what a slave may announce. Only `transport`, `socket_path` and `fdcheck` make system calls.
"""

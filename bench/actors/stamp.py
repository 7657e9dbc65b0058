"""The first bytes of a measured message: when it was sent, and whether it is the last of its round.

Both sides of a comparison carry the same stamp, written in the last moment before `send` and compared with the clock
in the first moment after the receiver has the message.
"""

import struct

STAMP = struct.Struct("<qq")

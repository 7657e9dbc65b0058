"""How a source or sink is held to its flow: detached, joining, attached, and by itself back again.

When the socket of an attachment ends, the first try to come back is made at once and later ones by `retry`, so
that a hub that is replaced is found within milliseconds and one that is gone costs nothing. Nothing here waits:
`step` goes on as far as it goes now, whoever drives it sleeps on `attention.control` in between. Which state it is
shows in two attributes: `_joining` is the try under way, `port` what came of it.
"""

from __future__ import annotations

import time
from typing import Any

from mediamesh.attachment import Attachment
from mediamesh.attention import Attention
from mediamesh.errors import Error, HubUnreachable
from mediamesh.joining import LIMIT, Joining
from mediamesh.retry import pause
from mediamesh.wish import Wish
from mediamesh_core.formats import Format

STEADY = 1.0
"""Seconds an attachment must have lasted for the next try after it to come at once."""


class Tether:
    """Holds one end to one flow.

    Parameters
    ----------
    wish
        What is asked of the hub.
    attention
        Where the socket and the retry timer are watched.
    """

    def __init__(self, wish: Wish, attention: Attention) -> None:
        self.port: Any = None  # a SourcePort or a SinkPort, as the wish's role says; None while there is no hub
        self.format: Format | None = None
        self.names = (wish.connection, wish.endpoint)
        self.queue = 0  # frames that the hub lets us have at once
        self.next_sequence = 0  # that a source goes on with
        self.failure: Exception | None = None
        self._wish = wish
        self._attention = attention
        self._joining: Joining | None = None
        self._attachment: Attachment | None = None
        self._failures = 0
        self._short_lives = 0
        self._due = True
        self._since = 0.0

    def step(self) -> bool:
        """Go on without waiting; return whether attached.

        Raises
        ------
        Refused, RefusedForNow, HubMisbehaves
            The hub said no; after `retry`'s pause the next step asks again.
        """
        if self.port is not None:
            return True
        due = self._due or self._attention.timer.due()
        self._due = False
        try:
            attachment = self._advance(due=due)
        except HubUnreachable as error:
            self._postpone(error)
            return False
        except Exception as error:
            self._postpone(error)
            raise
        if attachment is not None:
            self._attach(attachment)
        return attachment is not None

    def serve(self) -> None:
        """Hear what the hub says while attached; detaches if it says goodbye."""
        if self._attachment is None:
            return
        try:
            self._attachment.serve()
        except Error as error:
            self.detach(error)
        except Exception as error:
            self.detach(error)
            raise

    def detach(self, reason: Exception | None, farewell: str = "") -> None:
        """Close the attachment and whatever is under way; without a reason it is we who leave, with a farewell."""
        self._give_up()
        attachment, port = self._attachment, self.port
        self._attachment = self.port = None
        if attachment is None or port is None:
            return
        self._attention.show(None)
        attachment.close(farewell)
        self.failure = reason
        self._short_lives = 0 if time.monotonic() - self._since >= STEADY else self._short_lives + 1
        self._failures = self._short_lives
        self._due = not self._failures
        if self._failures:
            self._attention.timer.start(pause(self._failures))

    def _advance(self, *, due: bool) -> Attachment | None:
        if self._joining is None:
            if not due:
                return None
            self._joining = Joining(self._wish, self.next_sequence, self._attention.control)
            self._attention.watch(self._joining.socket.fileno())
            self._attention.timer.start(LIMIT)
        elif due:
            raise HubUnreachable(f"the hub at {self._wish.root} does not answer")
        return self._joining.advance()

    def _postpone(self, error: Exception) -> None:
        self._give_up()
        self.failure = error
        self._failures += 1
        self._attention.timer.start(pause(self._failures))

    def _give_up(self) -> None:
        joining, self._joining = self._joining, None
        if joining is not None:
            joining.close()

    def _attach(self, attachment: Attachment) -> None:
        self._attention.timer.stop()
        self._joining, self._attachment = None, attachment
        self.port = attachment.port
        self.format = attachment.format
        self.names = (attachment.connection, attachment.endpoint)
        self.queue = attachment.queue
        self.failure = None
        self._since = time.monotonic()
        if self._attention.outer is not None:
            self._attention.show(self.port.fileno())

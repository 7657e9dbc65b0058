"""Making a great deal at once that is there to stay.

The cyclic garbage collector runs each time that some hundred objects more have been made, and looks through all that
the process has when they have become a quarter more. A plan is made of hundreds of thousands of objects, and none of
them is garbage: they stay until the next plan, and have no cycles, so what goes is freed by its reference count.
Looking for garbage among them finds nothing and takes as long as planning does. So the collector waits until the plan
is there, and then has all of it among the old objects, at which it looks when there have come many more.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the process's garbage collector from running by itself until the block ends; what there is then is old."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        _grow_old()
        gc.enable()


def _grow_old() -> None:
    """Move all objects to the oldest generation, which takes no time; none if somebody keeps frozen ones apart."""
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()

"""Payloads as NumPy arrays, without a copy: the only module of the SDK that imports NumPy.

The arrays keep the frame's memory alive, and they are writable exactly if the frame is.
"""

from typing import Any

from mediamesh.errors import NumPyMissing, SeveralPlanes
from mediamesh.layout import Slice, slices
from mediamesh_core.formats import Format

try:
    import numpy as np
except ImportError as error:
    raise NumPyMissing("arrays need NumPy; install mediamesh[numpy], or use memoryviews()") from error


def planes(payload: memoryview, format: Format) -> tuple[np.ndarray[Any, Any], ...]:
    """Return one array per plane."""
    return tuple(_view(payload, piece) for piece in slices(len(payload), format))


def array(payload: memoryview, format: Format) -> np.ndarray[Any, Any]:
    """Return the only plane."""
    pieces = slices(len(payload), format)
    if len(pieces) > 1:
        raise SeveralPlanes(f"this format has {len(pieces)} planes; use planes()")
    return _view(payload, pieces[0])


def _view(payload: memoryview, piece: Slice) -> np.ndarray[Any, Any]:
    return np.ndarray(piece.shape, piece.dtype, payload[piece.start : piece.stop])

"""How a refused word is reported: with the words that exist, and the one that was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 20


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that is most like `word`, or None where none is."""
    by_lower = {candidate.lower(): candidate for candidate in allowed}
    matches = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None


def not_one_of(value: object, allowed: Iterable[str]) -> str:
    """Say that `value` is none of the allowed words, and which one it may have been; of many words, name the likely."""
    words = list(allowed)
    if len(words) == 1:
        return f"{shown(value)} is not {words[0]}, the only word that may stand here"
    if len(words) <= _SHOWN:
        return f"{shown(value)} is not one of {', '.join(words)}{did_you_mean(value, words)}"
    likely = get_close_matches(value.lower(), words, n=4) if isinstance(value, str) else []
    hint = f"; did you mean {' or '.join(likely)}?" if likely else f", such as {', '.join(words[:_SHOWN])}"
    return f"{shown(value)} is not one of the {len(words)} known{hint}"


def did_you_mean(value: object, allowed: Iterable[str]) -> str:
    """Return "; did you mean X?", or nothing where no allowed word is near."""
    match = nearest(value, allowed) if isinstance(value, str) else None
    return f"; did you mean {match}?" if match else ""


def shown(value: object, longest: int = 80) -> str:
    """Return `value` as it is shown inside a message: never more than `longest` characters."""
    text = repr(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"

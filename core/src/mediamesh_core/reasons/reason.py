"""What a reason is: one CamelCase word that never changes, what it means, and what to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason; `advice` is what a person can do, "" where there is nothing to do."""

    name: str
    meaning: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """Reasons that are met at one place."""

    title: str
    where: str
    reasons: tuple[Reason, ...]

    def advice(self, name: str) -> str:
        """Return what to do about a reason; "" if nothing is known of it."""
        return next((reason.advice for reason in self.reasons if reason.name == name), "")

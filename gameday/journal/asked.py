"""What was put before a person, as the fold of a journal knows it."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.clock import Ms


@dataclass
class PromptState:
    """Something that was put before a person."""

    id: str
    step: str
    to: str
    expects: str
    number: int | None
    says: str
    delivered_ms: Ms
    done_ms: Ms | None = None
    done_by: str | None = None
    text: str = ""  # what was answered
    handed_ms: Ms | None = None  # since when whoever has it now has it, if somebody had it before
    held_by: tuple[str, ...] = ()  # who had it before, newest last

    def was_for(self, role: str) -> bool:
        """Whether it was put before this role, now or before it was handed over."""
        return role == self.to or role in self.held_by

    def since(self, role: str) -> Ms:
        """Since when this role has it."""
        return self.handed_ms if self.handed_ms is not None and role == self.to else self.delivered_ms

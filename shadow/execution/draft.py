"""A draft of one model, and another model's check: it approves the draft, or writes the answer itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shadow.domain.outcome import Answer

STANDS: Final = "[[DRAFT STANDS]]"
"""The checking model's word of approval. No text that contains it reaches the caller."""

CHECK: Final = (
    "The answer above is a draft by another model. Check it against everything that was asked. If it is right and "
    f"complete, reply with {STANDS} and nothing else. If it is not, reply with the corrected answer in full, and do "
    "not mention the draft."
)
REWRITE: Final = (
    "The answer above is a draft by another model. Check it against everything that was asked, and reply with the "
    "answer in full, corrected where the draft is wrong. Do not mention the draft."
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole answer of the first model, for the checking model.

    Attributes:
        answer: the draft; served unchanged if approved.
        place: of its attempt among those of the request.
        asks: requirement of the validator that refused it, to follow "it must"; empty if it passed them all.
        may_stand: the checking model may approve it. Not if a validator refused it, and not if the caller wants
            JSON: a schema does not allow the word of approval.
        is_cut: it was cut to keep a cost budget.
    """

    answer: Answer
    place: int
    asks: str = ""
    may_stand: bool = True
    is_cut: bool = False

    def messages(self) -> list[dict[str, str]]:
        """Messages to the checking model, after the caller's own."""
        wish = CHECK if self.may_stand else REWRITE
        if self.asks:
            wish = f"{wish} It must {self.asks}."
        return [{"role": "assistant", "content": self.answer.text}, {"role": "user", "content": wish}]

    def stands(self, checked: Answer) -> bool:
        """Whether the checking model approves it. Models tend to add words, so the approval may be anywhere."""
        return self.may_stand and STANDS in checked.text

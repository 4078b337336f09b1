"""A draft of one model that another one checks: it lets the draft stand, or writes the answer itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shadow.domain.outcome import Answer

STANDS: Final = "[[DRAFT STANDS]]"
"""What the checking model says in place of an answer. Nothing that holds it ever reaches the caller."""

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
    """A whole answer of the first model, for the model that checks it.

    Attributes:
        answer: the draft; served as it is if it stands.
        place: of its attempt among those of the request.
        asks: what a validator missed in it, after the words "it must"; empty if it passed them all.
        may_stand: the checking model may let it stand. Not if a validator refused it, and not if the caller wants
            JSON: a model that is held to a schema cannot say so.
        is_cut: it was cut to keep a cost budget.
    """

    answer: Answer
    place: int
    asks: str = ""
    may_stand: bool = True
    is_cut: bool = False

    def messages(self) -> list[dict[str, str]]:
        """What follows the caller's own messages when the checking model is asked."""
        wish = CHECK if self.may_stand else REWRITE
        if self.asks:
            wish = f"{wish} It must {self.asks}."
        return [{"role": "assistant", "content": self.answer.text}, {"role": "user", "content": wish}]

    def stands(self, checked: Answer) -> bool:
        """Whether the checking model lets it stand. Models like to add a word to the sign, so it may be anywhere."""
        return self.may_stand and STANDS in checked.text

"""What is known of how often live differs from itself where no A/A shadow measured it: a sentence, never a number."""

from __future__ import annotations

from typing import Final

from shadowroute.analysis.queries.off_policy import Exploration

REPEATABLE: Final = (
    "Live is declared to decide repeatably (live.decides in shadow.yaml, or a policy without chance; every live"
    " decision carries the probability 1): it does not differ from itself, and no noise floor is needed."
)
_NO_CONTROL: Final = "no A/A shadow ran (add the live policy under shadows in shadow.yaml)"


def without_control(chance: Exploration) -> str:
    """The sentence that stands where the noise floor would.

    Only a probability of 1 on every live decision says that there is none. `live.decides: randomly` gives decisions no
    probability, because nobody knows it: in the records it is the same as `unknown`.

    Args:
        chance: live decisions of the window, by what is recorded of chance in them.
    """
    if chance.random:
        return (
            f"How often live differs from itself is not known: it chooses by chance ({chance.random:,} of {chance.n:,}"
            f" live decisions carry a probability below 1), and {_NO_CONTROL}."
        )
    if chance.n and not chance.unknown:
        return REPEATABLE
    return (
        f"How often live differs from itself is not known: {_NO_CONTROL}, and {_untold(chance)} whether chance made"
        " them (live.decides in shadow.yaml is unknown or randomly; of an imported log nobody said it)."
    )


def _untold(chance: Exploration) -> str:
    if chance.unknown == chance.n:
        return "live decisions do not say"
    return f"{chance.unknown:,} of {chance.n:,} live decisions do not say"

"""Whether a model that judges can be believed: figures worked out by hand, and by formulas that are not ours."""

from __future__ import annotations

import numpy as np
import pytest

from shadowroute.analysis.caveats import about_judges
from shadowroute.analysis.measures.judge_agreement import JudgeAgreement, judge_agreements_of
from shadowroute.analysis.queries.judges import JudgePairs
from shadowroute.analysis.results import Estimate, Undefined


def pairs(failed_bad: int, failed_good: int, passed_bad: int, passed_good: int, *, truth: str) -> JudgePairs:
    """Each answer in a bucket of its own."""
    weights = np.zeros((2, 2, 256))
    bucket = 0
    for (passed, good), n in zip(
        ((0, 0), (0, 1), (1, 0), (1, 1)), (failed_bad, failed_good, passed_bad, passed_good), strict=True
    ):
        weights[passed, good, bucket : bucket + n] = 1
        bucket += n
    return JudgePairs(
        judge="resolved", truth=truth, truth_source="human" if truth else "", weights=weights, n=int(weights.sum())
    )


def only(*given: JudgePairs) -> JudgeAgreement:
    (found,) = judge_agreements_of(given)
    return found


def test_agreement_is_what_the_textbook_table_gives() -> None:
    """20 + 15 of 50 agree and 0.5 by chance: kappa 0.4. 60 of 100 pass; corrected (0.6 + 0.67 - 1) / 0.42."""
    found = only(pairs(40, 0, 60, 0, truth=""), pairs(20, 5, 10, 15, truth="resolved"))
    assert isinstance(found.kappa, Estimate)
    assert found.kappa.value == pytest.approx(0.4)
    assert found.kappa.interval.low < 0.4 < found.kappa.interval.high
    assert isinstance(found.sensitivity, Estimate)
    assert isinstance(found.specificity, Estimate)
    assert (found.sensitivity.value, found.specificity.value) == (pytest.approx(15 / 20), pytest.approx(20 / 30))
    assert isinstance(found.corrected_share, Estimate)
    assert found.passed_share == pytest.approx(0.6)
    assert found.corrected_share.value == pytest.approx((0.6 + 2 / 3 - 1) / (0.75 + 2 / 3 - 1))
    assert (found.n, found.judged, found.is_validated) == (50, 100, True)


def test_the_error_is_near_the_large_sample_formula() -> None:
    """Fleiss, Cohen and Everitt 1969 for this table, four times as large."""
    found = only(pairs(80, 0, 120, 0, truth=""), pairs(80, 20, 40, 60, truth="resolved"))
    assert isinstance(found.kappa, Estimate)
    half = (found.kappa.interval.high - found.kappa.interval.low) / 2
    assert half == pytest.approx(1.96 * fleiss(80, 20, 40, 60), rel=0.05)


def fleiss(a: int, b: int, c: int, d: int) -> float:
    """Standard error of kappa that is not taken to be 0, of a 2 by 2 table."""
    p = np.array([[a, b], [c, d]]) / (a + b + c + d)
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    seen, chance = np.trace(p), rows @ columns
    kappa = (seen - chance) / (1 - chance)
    agree = sum(p[i, i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in (0, 1))
    differ = (1 - kappa) ** 2 * sum(p[i, j] * (columns[i] + rows[j]) ** 2 for i, j in ((0, 1), (1, 0)))
    rest = (kappa - chance * (1 - kappa)) ** 2
    return float(np.sqrt((agree + differ - rest) / ((1 - chance) ** 2 * (a + b + c + d))))


def test_a_judge_that_guesses_is_no_evidence_and_corrects_nothing() -> None:
    """Kappa 0: the share behind it cannot be known, and it is said."""
    found = only(pairs(50, 0, 50, 0, truth=""), pairs(20, 20, 20, 20, truth="resolved"))
    assert isinstance(found.corrected_share, Undefined)
    assert "too weak to correct" in found.corrected_share.reason
    (caveat,) = about_judges([found])
    assert caveat.code == "judge_weak"
    assert caveat.text == (
        "resolved is the score of a model that hardly agrees with resolved (human): kappa 0.00 on 80 answers,"
        " 0.4 needed."
    )


def test_a_judge_that_nobody_checked_has_no_figures() -> None:
    """Its share is shown, its worth is unknown."""
    found = only(pairs(40, 0, 60, 0, truth=""))
    assert isinstance(found.kappa, Undefined)
    assert (found.truth, found.n, found.judged) == ("", 0, 100)
    assert [each.code for each in about_judges([found])] == ["judge_unvalidated"]


def test_few_answers_or_one_label_give_no_kappa() -> None:
    """No number stands for unknown."""
    few = only(pairs(40, 0, 60, 0, truth=""), pairs(5, 5, 5, 5, truth="resolved"))
    assert isinstance(few.kappa, Undefined)
    assert few.kappa.reason.startswith("too few: 20 answers")
    same = only(pairs(0, 0, 100, 0, truth=""), pairs(0, 0, 0, 80, truth="resolved"))
    assert isinstance(same.kappa, Undefined)
    assert isinstance(same.specificity, Undefined)
    assert [each.code for each in about_judges([same])] == ["judge_unvalidated"]


def test_one_truth_that_a_judge_agrees_with_is_enough() -> None:
    """A second one may measure something else."""
    everything = pairs(50, 0, 50, 0, truth="")
    good = pairs(40, 0, 0, 40, truth="resolved")
    bad = pairs(20, 20, 20, 20, truth="judge_resolved")
    assert list(about_judges(list(judge_agreements_of([everything, good, bad])))) == []

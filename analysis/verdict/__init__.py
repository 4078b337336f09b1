"""From a plan and the measures to a verdict: blockers, conditions, segments, one sentence."""

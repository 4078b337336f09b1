-- what: quality signals: all traffic of the days that were summed, out of the stage of signal_daily
-- grain: day, policy, policy_version, name, source, live_model, shadow_model, contaminated, bin; arrays over the 256 buckets
-- params: stage Identifier, signal_daily Identifier
INSERT INTO {stage:Identifier} (
  project, day, policy, policy_version, name, source, live_model, shadow_model, contaminated, bin,
  n, w, sum_value)
SELECT
  project,
  day,
  policy,
  policy_version,
  name,
  source,
  live_model,
  shadow_model,
  contaminated,
  bin,
  sum(staged.n) AS n,
  groupArrayInsertAt(0., 256)(staged.w, bucket) AS w,
  groupArrayInsertAt(0., 256)(staged.sum_value, bucket) AS sum_value
FROM {signal_daily:Identifier} AS staged
WHERE segment_key = 'all'
GROUP BY project, day, policy, policy_version, name, source, live_model, shadow_model, contaminated, bin;

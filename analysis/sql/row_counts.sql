-- what: live requests, the decisions of a shadow policy that were meant, and those that are there, by day and segment
-- grain: one row per day and value of one segment key
-- params: project String, policy String, version String, segment_key String, first Date, last Date
WITH role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String} AS is_shadow
SELECT
  day,                                                                   -- UTC
  segment_value,
  sumIf(meant_hourly.stated_n + meant_hourly.unstated_n, role = 'live') AS live_n,                 -- live requests
  sumIf(meant_hourly.unstated_n, role = 'live') AS live_unstated_n,                   -- of these, without a word which shadows were meant
  sumIf(meant_hourly.meant_n, is_shadow) AS meant_n,                     -- of the others, those that name this shadow
  sumIf(meant_hourly.stated_n, is_shadow) AS stated_n,                                -- its decisions on the others
  sumIf(meant_hourly.unstated_n, is_shadow) AS unstated_n,                            -- its decisions on those without a word
  sumIf(unstated_w, is_shadow) AS unstated_weight                        -- the same, each counted 1/sample_rate times
FROM meant_hourly
WHERE project = {project:String} AND segment_key = {segment_key:String} AND day BETWEEN {first:Date} AND {last:Date}
  AND (role = 'live' OR is_shadow)
GROUP BY day, segment_value
ORDER BY day, segment_value

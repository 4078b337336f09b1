-- what: decisions of days of a project by hour, and the shadow decisions that their live requests say were meant
-- grain: day, role, policy, version, marginal segment, hour
-- params: stage Identifier, project String, days Array(Date), labels Array(String)
INSERT INTO {stage:Identifier} (
  project, day, role, policy, policy_version, segment_key, segment_value, hour, meant_n, stated_n, stated_w, unstated_n, unstated_w)
SELECT
  {project:String} AS project,
  day,
  line.1 AS role,
  line.2 AS policy,
  line.3 AS policy_version,
  segment_key,
  segment_value,
  hour,
  sum(line.4) AS meant_n,
  sumIf(line.5, stated != '') AS stated_n,
  sumIf(line.6, stated != '') AS stated_w,
  sumIf(line.5, stated = '') AS unstated_n,
  sumIf(line.6, stated = '') AS unstated_w
FROM (
  SELECT
    toDate(ts) AS day,
    role::String AS own_role,
    policy::String AS own_policy,
    policy_version::String AS own_version,
    shadows::String AS stated,
    segment.1 AS segment_key,
    if(segment.2 = '' OR segment IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}), segment.2, 'other') AS segment_value,
    toStartOfHour(ts) AS hour,
    count() AS n,
    sum(1 / sample_rate) AS w
  FROM decisions FINAL
  ARRAY JOIN arrayConcat(
    [('all', ''), ('task', task::String), ('user_tier', user_tier::String), ('complexity_band', complexity_band::String), ('input_band', input_band::String)],
    arrayMap(l -> (concat('label:', l), labels[l]), arrayFilter(l -> mapContains(labels, l), {labels:Array(String)}))) AS segment
  WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)}
  GROUP BY day, own_role, own_policy, own_version, stated, segment_key, segment_value, hour
) AS counted
-- A row counts for its own policy; a live one also as meant, for each shadow that it names.
ARRAY JOIN arrayConcat(
  [(own_role, own_policy, own_version, toUInt64(0), n, w)],
  arrayMap(
    m -> ('shadow', m.policy, m.version, n, toUInt64(0), 0.),
    if(own_role = 'live', JSONExtract(stated, 'Array(Tuple(policy String, version String))'), []))) AS line
GROUP BY day, role, policy, policy_version, segment_key, segment_value, hour;

-- what: gives values of a project-day their own segment, while their key has fewer than it may have; the most frequent first
-- grain: a row of segment_values per new value
-- params: project String, day Date, labels Array(String), most UInt32 (values that a key may have)
INSERT INTO segment_values (project, segment_key, segment_value, first_seen)
SELECT {project:String}, found.segment_key, found.segment_value, now64(3)
FROM (
  SELECT
    segment.1 AS segment_key,
    segment.2 AS segment_value,
    row_number() OVER (PARTITION BY segment_key ORDER BY count() DESC, segment_value) AS place
  FROM decisions
  ARRAY JOIN arrayConcat(
    [('task', task::String), ('user_tier', user_tier::String), ('complexity_band', complexity_band::String), ('input_band', input_band::String)],
    arrayMap(l -> (concat('label:', l), labels[l]), arrayFilter(l -> mapContains(labels, l), {labels:Array(String)}))) AS segment
  WHERE project = {project:String} AND toDate(ts) = {day:Date} AND segment.2 != ''
    AND segment NOT IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String})
  GROUP BY segment_key, segment_value
) AS found
LEFT JOIN (
  SELECT segment_key::String AS segment_key, uniqExact(segment_value) AS values
  FROM segment_values
  WHERE project = {project:String}
  GROUP BY segment_key
) AS known ON found.segment_key = known.segment_key
WHERE found.place + known.values <= {most:UInt32};

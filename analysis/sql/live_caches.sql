-- what: what live's calls read from prompt caches and wrote into them, by the time since the session's last call of the model
-- grain: one row per model, state and task; arrays run over the 256 buckets
-- params: project String, first Date, last Date
SELECT
  model,
  state::String AS state,
  if(
    -- part: largest_tasks
    , task, 'other') AS named_task,
  sumForEach(n) AS n,
  sumForEach(input_tokens) AS input_tokens,
  sumForEach(reach_tokens) AS reach_tokens,  -- at most as many as the last call had; 0 without one
  sumForEach(start_tokens) AS start_tokens,  -- at most as many as the session's first turn had
  sumForEach(read_tokens) AS read_tokens,
  sumForEach(write_tokens) AS write_tokens
FROM cache_overall
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND role = 'live' AND kind = 'paid'
GROUP BY model, state, named_task
ORDER BY model, state, named_task

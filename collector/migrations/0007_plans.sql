-- what: plans as they were when somebody first judged by them; the first content of a name judges
-- grain: (project, plan, hash): every content that a plan ever had; append-only
CREATE TABLE IF NOT EXISTS plans /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  plan String COMMENT 'name of the plan',
  hash String COMMENT 'first 12 hex of the sha256 of the canonical JSON',
  content String COMMENT 'canonical JSON with every default filled in',
  seen_at DateTime64(6, 'UTC') COMMENT 'when this content was first judged by, clock of the store',
  author String COMMENT 'login name of who ran it; empty = unknown',
  source String COMMENT 'file that it came from, for people'
) ENGINE = MergeTree
ORDER BY (project, plan, seen_at, hash);

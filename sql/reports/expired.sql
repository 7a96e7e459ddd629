-- What has expired and is still there, by how long ago: what dynamodb_reap('sessions') deletes.
--
-- Reads the virtual table `sessions`. DynamoDB's TTL deletes "within days"; more than that in the
-- last row means that TTL is not enabled on the table (SELECT * FROM dynamodb_status('sessions')).
-- write_units is what deleting them costs.
--
-- Parameters: none.
--
-- Costs one Scan of the whole table (0.5 read units for each 4 KB in it); DynamoDB answers with the
-- expired sessions only, whole, since their size is asked for.

WITH
  bucket(position, expired, less_than) AS (
    VALUES (1, 'in the last hour', 3600), (2, 'in the last day', 86400),
           (3, 'in the last two days', 172800), (4, 'in the last week', 604800),
           (5, 'longer ago', 9e999)
  ),
  found AS MATERIALIZED (
    SELECT unixepoch() - expires AS age, size FROM sessions WHERE expired = 1
  ),
  placed AS (
    SELECT (SELECT min(position) FROM bucket WHERE age < less_than) AS position, size FROM found
  )
SELECT bucket.expired, count(size) AS sessions, coalesce(sum(size), 0) AS bytes,
       coalesce(sum((size + 1023) / 1024), 0) AS write_units
FROM bucket LEFT JOIN placed USING (position)
GROUP BY position
ORDER BY position;

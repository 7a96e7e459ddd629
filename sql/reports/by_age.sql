-- Live sessions by the time since the visitor's last request.
--
-- Reads the virtual table `sessions`. An Express store keeps no date of a visit, but every request
-- sets the expiry to its own time plus cookie.originalMaxAge, so that the difference is the last
-- one's. A session that never expires, or whose cookie has no age, tells nothing: 'unknown'.
--
-- Parameters: none.
--
-- Costs one Scan of the whole table (0.5 read units for each 4 KB in it, the expired ones
-- included); DynamoDB leaves the expired ones out of its answer.

WITH
  bucket(position, last_request, less_than) AS (
    VALUES (1, 'in the last 5 minutes', 300), (2, 'in the last hour', 3600),
           (3, 'in the last day', 86400), (4, 'in the last week', 604800),
           (5, 'longer ago', 9e999), (6, 'unknown', NULL)
  ),
  live AS MATERIALIZED (
    SELECT unixepoch() - expires
           + CASE WHEN json_valid(session)
                  THEN (session ->> '$.cookie.originalMaxAge') / 1000.0 END AS age,
           CASE WHEN json_valid(session) THEN session ->> '$.passport.user' END AS user
    FROM sessions
    WHERE expired = 0
  ),
  placed AS (
    SELECT coalesce((SELECT min(position) FROM bucket WHERE age < less_than), 6) AS position, user
    FROM live
  )
SELECT last_request, count(placed.position) AS sessions, count(DISTINCT user) AS users
FROM bucket LEFT JOIN placed USING (position)
GROUP BY position
ORDER BY position;

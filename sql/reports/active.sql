-- How many sessions are live, all in all and by user.
--
-- Reads the virtual table `sessions`; the user is session.passport.user, as Passport has it.
-- One row for all, one for those without a user, then the users with the most sessions.
--
-- Parameters:
--   :top      how many users                                       20
--
-- Costs one Scan of the whole table (0.5 read units for each 4 KB in it, the expired ones
-- included); DynamoDB leaves the expired ones out of its answer.

WITH
  live AS MATERIALIZED (
    SELECT expires,
           CASE WHEN json_valid(session) THEN session ->> '$.passport.user' END AS user
    FROM sessions
    WHERE expired = 0
  ),
  by_user AS (
    SELECT user, count(*) AS sessions, max(expires) AS expires
    FROM live
    WHERE user IS NOT NULL
    GROUP BY user
    ORDER BY sessions DESC, user
    LIMIT coalesce(:top, 20)
  )
SELECT 'all' AS who, count(*) AS sessions,
       datetime(max(expires), 'unixepoch') AS last_expires FROM live
UNION ALL
SELECT 'not logged in', count(*), datetime(max(expires), 'unixepoch') FROM live WHERE user IS NULL
UNION ALL
SELECT 'user ' || user, sessions, datetime(expires, 'unixepoch') FROM by_user;

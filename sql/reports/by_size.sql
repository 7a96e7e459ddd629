-- The largest sessions, how near they are to DynamoDB's limit of 400 KB, and what fills them.
--
-- Reads the virtual table `sessions`. `size` counts the item as DynamoDB does, names included; each
-- started KB is a write unit at every save. A session id is a credential, so its hash is shown.
--
-- Parameters:
--   :top      how many                                             20
--
-- Costs one Scan of the whole table (0.5 read units for each 4 KB in it), and all of it is sent.

WITH
  largest AS MATERIALIZED (
    SELECT sid_hash, size, session, expired
    FROM sessions
    ORDER BY size DESC
    LIMIT coalesce(:top, 20)
  )
SELECT sid_hash, size,
       round(100.0 * size / 409600, 1) AS percent_of_limit,
       (size + 1023) / 1024 AS write_units,
       (SELECT key FROM json_each(CASE WHEN json_valid(session) THEN session END)
        ORDER BY length(CAST(value AS BLOB)) DESC LIMIT 1) AS largest_member,
       CASE WHEN json_valid(session) THEN session ->> '$.passport.user' END AS user,
       expired
FROM largest
ORDER BY size DESC, sid_hash;

-- Every live session that belongs to a user, by user: what "log out everywhere" would end.
--
-- Reads the virtual table `sessions`; the user is session.passport.user, as Passport has it.
-- A session id is a credential, so its hash is shown:
--   DELETE FROM sessions WHERE sid_hash = '…' ends that one.
--
-- Parameters:
--   :user     this user's sessions only                            all users
--
-- Costs one Scan of the whole table (0.5 read units for each 4 KB in it, the expired ones
-- included); DynamoDB leaves the expired ones out of its answer.

SELECT user, sid_hash, session ->> '$.views' AS views,
       datetime(expires, 'unixepoch') AS expires,
       datetime(expires - (session ->> '$.cookie.originalMaxAge') / 1000.0, 'unixepoch')
         AS last_visit
FROM (
  SELECT CASE WHEN json_valid(session) THEN session ->> '$.passport.user' END AS user,
         sid_hash, session, expires
  FROM sessions
  WHERE expired = 0
)
WHERE user IS NOT NULL AND (:user IS NULL OR user = :user)
ORDER BY user, last_visit DESC, sid_hash;

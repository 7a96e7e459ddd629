-- Live sessions that end soon, the next one first.
--
-- Reads the virtual table `sessions`; the user is session.passport.user, as Passport has it.
-- A session id is a credential, so its hash is shown.
--
-- Parameters:
--   :minutes  how soon                                             60
--
-- Costs one Scan of the whole table (0.5 read units for each 4 KB in it); DynamoDB answers with
-- those sessions only.

SELECT round((expires - unixepoch()) / 60.0, 1) AS minutes_left,
       datetime(expires, 'unixepoch') AS expires,
       CASE WHEN json_valid(session) THEN session ->> '$.passport.user' END AS user,
       sid_hash
FROM sessions
WHERE expired = 0 AND expires < unixepoch() + 60 * coalesce(:minutes, 60)
ORDER BY sessions.expires, sid_hash;

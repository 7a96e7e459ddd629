-- What `make demo` shows: a session table from its creation to the reaping of what has expired, on
-- DynamoDB Local, or on AWS_ENDPOINT_URL_DYNAMODB where that is set. Works on a DynamoDB table of
-- its own, dynamodb-sessions-demo, and can be run again. Costs some twenty requests of one unit.
.load ./dynamodb_sessions
.mode box --wrap 0
.print
.print 1. A table of sessions in DynamoDB, and its name in SQL
.print
CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions(table='dynamodb-sessions-demo');
SELECT dynamodb_create_table('sessions') AS "dynamodb_create_table('sessions')";

.print
.print 2. Sessions to look at, as an Express application would have written them
.print
INSERT OR REPLACE INTO sessions(sid, session, expires) VALUES
  ('visit-1', '{"views":3,"passport":{"user":"ada"}}', unixepoch() + 3600),
  ('visit-2', '{"views":1,"passport":{"user":"grace"}}', unixepoch() + 7200),
  ('visit-3', '{"views":8}', NULL),
  ('old-1', '{"views":2}', unixepoch('2020-01-01')),
  ('old-2', '{"views":5}', unixepoch('2020-06-01'));
SELECT sid, session->>'$.passport.user' AS user, session->>'$.views' AS views, expired, size
FROM sessions ORDER BY sid;

.print
.print 3. One session by its id is one GetItem
.print
EXPLAIN QUERY PLAN SELECT session FROM sessions WHERE sid = 'visit-1';

.print
.print 4. Mend a session, compare and set
.print
UPDATE sessions SET session = json_set(session, '$.role', 'admin') WHERE sid = 'visit-1';
SELECT sid, session->>'$.role' AS role FROM sessions WHERE sid = 'visit-1';

.print
.print 5. ROLLBACK undoes
.print
BEGIN;
DELETE FROM sessions;
ROLLBACK;
SELECT count(*) AS "still there" FROM sessions;

.print
.print 6. Extend a session; log in as somebody; delete what has expired
.print
SELECT dynamodb_touch('sessions', 'visit-2', 86400) AS touched;
SELECT dynamodb_cookie('visit-1', 'keyboard cat') AS "cookie connect.sid";
SELECT dynamodb_reap('sessions') AS reaped;

.print
.print 7. What was sent, and what it cost
.print
SELECT operation, count(*) AS requests, sum(items) AS items, sum(capacity_units) AS units
FROM dynamodb_requests GROUP BY operation ORDER BY min(id);
.print
.print 'Now type "make shell" for a prompt of your own, or read the tour in README.md.'

-- What `make shell` runs before its prompt: loads the extension, makes the virtual table `sessions`
-- on the DynamoDB table of that name, and says where that is. Sends no request to DynamoDB.
-- Use your own start file in the same way:  sqlite3 -init sql/shell.sql
.load ./dynamodb_sessions
CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions(table='sessions');
.mode box --wrap 0
.print 'The virtual table "sessions" is the DynamoDB table "sessions" on this endpoint:'
SELECT coalesce(endpoint, 'none: SELECT error FROM dynamodb_status') AS endpoint, region,
       endpoint_source FROM dynamodb_status('temp.sessions');
.print 'To begin with (the last line leaves the table as it was, for the tour in README.md):'
.print "  INSERT INTO sessions(sid, session, expires) VALUES ('first', '{}', unixepoch()+3600);"
.print "  SELECT sid, session, datetime(expires,'unixepoch') FROM sessions;"
.print "  EXPLAIN QUERY PLAN SELECT * FROM sessions WHERE sid = 'first';"
.print "  SELECT operation, request, capacity_units, duration_ms FROM dynamodb_requests;"
.print "  DELETE FROM sessions WHERE sid = 'first';"
.print "  .quit"

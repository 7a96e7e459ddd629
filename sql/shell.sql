-- What `make shell` runs before its prompt: loads the extension, and makes the virtual table
-- `sessions` on the DynamoDB table of that name. Sends no request.
-- Use your own start file in the same way:  sqlite3 -init sql/shell.sql
.load ./dynamodb_sessions
CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions(table='sessions');
.mode box --wrap 0
.print 'The virtual table "sessions" is the DynamoDB table "sessions". To begin with:'
.print "  INSERT INTO sessions(sid, session, expires) VALUES ('t1', '{}', unixepoch()+3600);"
.print "  SELECT sid, session, datetime(expires,'unixepoch') FROM sessions;"
.print "  EXPLAIN QUERY PLAN SELECT * FROM sessions WHERE sid = 't1';"
.print "  SELECT operation, request, capacity_units, duration_ms FROM dynamodb_requests;"
.print "  .quit"

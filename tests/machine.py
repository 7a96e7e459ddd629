"""A user's machine: a home with AWS's files in it, and the variables of a process there.

    machine.config("[profile dev]\nrole_arn = ...")
    machine.variables["AWS_PROFILE"] = "dev"
    shell = machine.shell("SELECT count(*) FROM s")      # in the sqlite3 shell
    assert machine.used() == "idOfDev1"                  # whose keys DynamoDB has seen

DynamoDB, STS and SSO stand on the fake (tests/fake_aws.py), the first of them by a name that is not
this machine's and through a proxy: on a loopback endpoint the extension needs no credentials.
"""

import hashlib
import json
import os
import sqlite3
import stat

from fake_aws import CREDENTIAL_OPERATIONS

REGION = "us-east-1"
DYNAMODB = "http://dynamodb.example.test"
# All that a statement leaves to read, and a user may paste into a report.
TRACES = (
    "SELECT * FROM dynamodb_requests",
    "SELECT * FROM dynamodb_status('s')",
    "SELECT * FROM main.sqlite_schema",
    "SELECT * FROM temp.sqlite_schema",
)
# Never a secret's name: a signature, or a header that holds a credential.
FORBIDDEN = ("AWS4-HMAC", "Signature=", "aws4_request")


class Machine:
    def __init__(self, home, aws, table, run_shell):
        self.home = home
        self.aws = aws
        self.table = table
        self._run_shell = run_shell
        self.arguments = []  # of CREATE VIRTUAL TABLE besides the table's name
        (home / ".aws").mkdir(parents=True)
        self.variables = {
            "HOME": str(home),
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_DYNAMODB": DYNAMODB,
            "AWS_ENDPOINT_URL_STS": aws.url,
            "AWS_ENDPOINT_URL_SSO": aws.url,
            "AWS_ENDPOINT_URL_SSO_OIDC": aws.url,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": aws.url,
            "http_proxy": aws.url,
        }

    # ---- what is on it

    def write(self, path, text, mode=0o600):
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return str(file)

    def config(self, text):
        return self.write(".aws/config", text)

    def credentials(self, text):
        return self.write(".aws/credentials", text)

    def script(self, name, text):
        """A program for credential_process; its path."""
        return self.write(name, "#!/bin/sh\n" + text, stat.S_IRWXU)

    def keys(self, name, token=None):
        """Keys of this name that the fake knows, as lines of a profile."""
        stem = name.lower()
        self.aws.know(f"idOf{name}", f"secret-of-{stem}", token)
        lines = f"aws_access_key_id = idOf{name}\naws_secret_access_key = secret-of-{stem}\n"
        return lines + (f"aws_session_token = {token}\n" if token else "")

    def environment_keys(self, token=None):
        self.aws.know("idOfEnvironment", "secret-of-environment", token)
        self.variables.update(AWS_ACCESS_KEY_ID="idOfEnvironment",
                              AWS_SECRET_ACCESS_KEY="secret-of-environment")
        if token:
            self.variables["AWS_SESSION_TOKEN"] = token

    def sso_token(self, name, **fields):
        """A token as `aws sso login` leaves it; `name` is the session's or the start URL."""
        path = f".aws/sso/cache/{hashlib.sha1(name.encode()).hexdigest()}.json"
        self.aws.hide(*(fields[key] for key in ("accessToken", "refreshToken", "clientSecret")
                        if key in fields))
        self.write(path, json.dumps(fields))
        return self.home / path

    def login(self, session, **fields):
        """What `aws login` leaves."""
        path = f".aws/login/cache/{hashlib.sha256(session.encode()).hexdigest()}.json"
        self.write(path, json.dumps({"accessToken": fields}))
        return self.home / path

    def environment(self):
        """The changes that make this process's environment the machine's."""
        removed = {name: None for name in os.environ if name.startswith("AWS_")}
        return {**removed, **self.variables}

    # ---- work on it

    @property
    def create(self):
        # A Scan asks for no size first: nothing but itself needs the credentials.
        given = ", ".join([f"table='{self.table}'", "total_segments=1", *self.arguments])
        return f"CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions({given})"

    def shell(self, *statements, create=None, traces=TRACES):
        """The statements in a sqlite3 shell of their own, errors and all that is left to read; it
        shows no secret that the fake knows of."""
        sql = ";\n".join([create or self.create, *statements, *traces]) + ";\n"
        run = self._run_shell(sql, "-cmd", ".bail off", environment=self.environment())
        self.shows_no_secret(run.stdout + run.stderr)
        return run

    def connection(self, connect, monkeypatch):
        """A connection of this process, which gets the machine's environment."""
        for name, value in self.environment().items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        connection = connect()
        connection.execute(self.create)
        return connection

    def traces(self, connection):
        """All that a connection leaves to read, as one text, which shows no secret."""
        text = ""
        for statement in TRACES:
            try:
                text += repr(connection.execute(statement).fetchall())
            except sqlite3.Error as error:
                text += str(error)
        self.shows_no_secret(text)
        return text

    def shows_no_secret(self, text):
        for secret in (*self.aws.secrets, *FORBIDDEN):
            assert secret not in text, f"{secret} in {text}"

    def used(self):
        """Whose keys DynamoDB has seen: their access key ids, in order, each once."""
        ids = [call.access_key_id for call in self.aws.calls if call.service == "dynamodb"]
        return list(dict.fromkeys(ids))

    def asked(self):
        """What was asked of the services that give out credentials, in order."""
        return [name for name in self.aws.operations() if name in CREDENTIAL_OPERATIONS]

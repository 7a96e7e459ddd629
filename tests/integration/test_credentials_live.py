"""Every source of credentials over real sockets: whose keys reach DynamoDB, and what was asked.

Each case is a machine (tests/machine.py) that is set up as a user would, and a sqlite3 shell on it.
The fake of AWS (tests/fake_aws.py) checks every signature and gives out keys that say where they
are from. After each case all that can be read afterwards is searched for every secret.
"""

import datetime
import json
import subprocess
import sys
import textwrap
import time

import pytest
from scripted_endpoint import Response

COUNT = "SELECT 'rows: ' || count(*) FROM s"
STATUS = (
    "SELECT 'status: ' || coalesce(credential_source, '-') || ' / ' || coalesce(access_key_id, '-')"
    " FROM dynamodb_status('s')"
)
ROLE = "arn:aws:iam::111111111111:role/"


def in_iso(seconds):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def profile(machine, text, name="dev"):
    """The config file of this one profile, which is the selected one."""
    machine.config(f"[profile {name}]\n{textwrap.dedent(text)}")
    machine.variables["AWS_PROFILE"] = name


# ---- the sources, each set up -----------------------------------------------------------------


def environment(machine):
    machine.environment_keys()


def environment_with_token(machine):
    machine.environment_keys("token of the environment/+=")


def environment_beside_a_profile(machine):
    machine.environment_keys()
    profile(machine, machine.keys("Static"))


def static(machine):
    machine.credentials("[default]\n" + machine.keys("Static", "token-of-static"))


def static_in_the_config_file(machine):
    profile(machine, machine.keys("Config"))


def role(machine):
    machine.credentials("[base]\n" + machine.keys("Base"))
    profile(machine, f"""\
        role_arn = {ROLE}team/app-role
        source_profile = base
        external_id = ext/id+1
        role_session_name = me@example.test
        duration_seconds = 900
        """)


def role_chain(machine):
    machine.credentials("[base]\n" + machine.keys("Base"))
    machine.config(f"""
[profile dev]
role_arn = {ROLE}third
source_profile = middle
[profile middle]
role_arn = {ROLE}second
source_profile = first
[profile first]
role_arn = {ROLE}first
source_profile = base
""")
    machine.variables["AWS_PROFILE"] = "dev"


def role_of_its_own_keys(machine):
    profile(machine, f"role_arn = {ROLE}self\nsource_profile = dev\n" + machine.keys("Dev"))


def role_of_the_environment(machine):
    # The variables would win over a selected profile, but not over one by option.
    machine.environment_keys("token-of-environment")
    machine.config(f"[profile dev]\nrole_arn = {ROLE}app\ncredential_source = Environment\n")
    machine.arguments = ["profile='dev'"]


def role_of_the_instance(machine):
    profile(machine, f"role_arn = {ROLE}app\ncredential_source = Ec2InstanceMetadata\n")


def role_of_the_container(machine):
    machine.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = machine.aws.url + "/container"
    profile(machine, f"role_arn = {ROLE}app\ncredential_source = EcsContainer\n")


def role_of_a_process(machine):
    process(machine)
    machine.config((machine.home / ".aws/config").read_text()
                   + f"[profile app]\nrole_arn = {ROLE}app\nsource_profile = dev\n")
    machine.variables["AWS_PROFILE"] = "app"


def role_of_a_login(machine):
    sso(machine)
    machine.config((machine.home / ".aws/config").read_text()
                   + f"[profile app]\nrole_arn = {ROLE}app\nsource_profile = dev\n")
    machine.variables["AWS_PROFILE"] = "app"


def web_token(machine, token="web-token-of-a-pod.part/2+3="):
    machine.aws.hide(token)
    return machine.write("token", token)


def web_identity_of_the_environment(machine):
    machine.variables.update(
        AWS_WEB_IDENTITY_TOKEN_FILE=web_token(machine), AWS_ROLE_ARN=ROLE + "pod",
        AWS_ROLE_SESSION_NAME="a-pod")


def web_identity_of_a_profile(machine):
    profile(machine, f"role_arn = {ROLE}pod\nweb_identity_token_file = {web_token(machine)}\n")


def role_of_a_web_identity(machine):
    machine.config(f"""
[profile app]
role_arn = {ROLE}app
source_profile = dev
[profile dev]
role_arn = {ROLE}pod
web_identity_token_file = {web_token(machine)}
""")
    machine.variables["AWS_PROFILE"] = "app"


SSO_SESSION = """
[sso-session corp]
sso_region = eu-central-1
sso_start_url = https://corp.example.test/start
sso_registration_scopes = sso:account:access
"""


def sso(machine):
    machine.config(SSO_SESSION + """
[profile dev]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Admin
""")
    machine.variables["AWS_PROFILE"] = "dev"
    machine.aws.sso_tokens.add("sso-token")
    machine.sso_token("corp", accessToken="sso-token", expiresAt=in_iso(7200))


def sso_before_sessions(machine):
    url = "https://corp.example.test/start"
    profile(machine, f"""\
        sso_start_url = {url}
        sso_region = eu-central-1
        sso_account_id = 111111111111
        sso_role_name = Admin
        """)
    machine.aws.sso_tokens.add("sso-token")
    machine.sso_token(url, accessToken="sso-token", expiresAt=in_iso(7200), region="eu-central-1",
                      startUrl=url)


def sso_with_an_old_token(machine, expires_in_s=-60):
    sso(machine)
    machine.aws.refresh_tokens.add("refresh-token")
    machine.sso_file = machine.sso_token(
        "corp", accessToken="old-sso-token", expiresAt=in_iso(expires_in_s),
        refreshToken="refresh-token", clientId="a-client", clientSecret="secret-of-the-client",
        registrationExpiresAt=in_iso(86400), region="eu-central-1",
        startUrl="https://corp.example.test/start", somethingElse={"kept": [1, 2.5, None]})


def sso_with_a_token_about_to_expire(machine):
    sso_with_an_old_token(machine, 600)


def login(machine):
    session = "arn:aws:iam::111111111111:user/me"
    profile(machine, f"login_session = {session}\n")
    machine.aws.know("idOfLogin", "secret-of-login", "token-of-login")
    machine.login(session, accessKeyId="idOfLogin", secretAccessKey="secret-of-login",
                  sessionToken="token-of-login", accountId="111111111111", expiresAt=in_iso(3600))


PROCESS = """\
if [ "$1 $2" != "two  words it's" ]; then echo "called with $1 and $2" >&2; exit 3; fi
cat <<END
{"Version": 1, "AccessKeyId": "idOfProcess", "SecretAccessKey": "secret-of-process",
 "SessionToken": "token-of-process", "Expiration": "2100-01-01T00:00:00Z"}
END
"""


def process(machine):
    machine.aws.know("idOfProcess", "secret-of-process", "token-of-process")
    path = machine.script("get keys", PROCESS)
    profile(machine, f"credential_process = '{path}' \"two  words\" it\\'s\n")


def container(machine):
    machine.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = machine.aws.url + "/container?pod=1"


def container_with_a_token(machine):
    container(machine)
    machine.aws.container.authorization = "Basic token-for-the-container"
    machine.aws.hide("token-for-the-container")
    machine.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "Basic token-for-the-container"


def container_with_a_token_file(machine):
    container_with_a_token(machine)
    machine.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "another one"
    machine.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = machine.write(
        "pod-token", "Basic token-for-the-container")


def instance(machine):
    del machine


def instance_without_tokens(machine):
    machine.aws.instance.version = 1


def instance_that_forbids_tokens(machine):
    machine.aws.instance.version = 1
    machine.aws.instance.token_status = 403


def instance_with_keys_that_have_expired(machine):
    """An outage of the metadata service: what it says to have expired is still used."""
    machine.aws.lifetime_s = -60
    machine.aws.takes_expired = True


METADATA = ["instance token", "instance role", "instance role"]
WEB = "AssumeRoleWithWebIdentity"
# Set up by; whose keys DynamoDB sees; what else is asked for them, in order.
SOURCES = [
    (environment, "idOfEnvironment", []),
    (environment_with_token, "idOfEnvironment", []),
    (environment_beside_a_profile, "idOfEnvironment", []),
    (static, "idOfStatic", []),
    (static_in_the_config_file, "idOfConfig", []),
    (role, "idOfAppRole1", ["AssumeRole"]),
    (role_chain, "idOfThird1", ["AssumeRole", "AssumeRole", "AssumeRole"]),
    (role_of_its_own_keys, "idOfSelf1", ["AssumeRole"]),
    (role_of_the_environment, "idOfApp1", ["AssumeRole"]),
    (role_of_the_instance, "idOfApp1", METADATA + ["AssumeRole"]),
    (role_of_the_container, "idOfApp1", ["container", "AssumeRole"]),
    (role_of_a_process, "idOfApp1", ["AssumeRole"]),
    (role_of_a_login, "idOfApp1", ["GetRoleCredentials", "AssumeRole"]),
    (role_of_a_web_identity, "idOfApp1", [WEB, "AssumeRole"]),
    (web_identity_of_the_environment, "idOfPod1", [WEB]),
    (web_identity_of_a_profile, "idOfPod1", [WEB]),
    (sso, "idOfSso1", ["GetRoleCredentials"]),
    (sso_before_sessions, "idOfSso1", ["GetRoleCredentials"]),
    (sso_with_an_old_token, "idOfSso1", ["CreateToken", "GetRoleCredentials"]),
    (sso_with_a_token_about_to_expire, "idOfSso1", ["CreateToken", "GetRoleCredentials"]),
    (login, "idOfLogin", []),
    (process, "idOfProcess", []),
    (container, "idOfContainer1", ["container"]),
    (container_with_a_token, "idOfContainer1", ["container"]),
    (container_with_a_token_file, "idOfContainer1", ["container"]),
    (instance, "idOfInstance1", METADATA),
    (instance_without_tokens, "idOfInstance1", METADATA),
    (instance_that_forbids_tokens, "idOfInstance1", METADATA),
    (instance_with_keys_that_have_expired, "idOfInstance1", METADATA),
]


@pytest.mark.parametrize("set_up, used, asked", SOURCES, ids=[s[0].__name__ for s in SOURCES])
def test_a_source(machine, set_up, used, asked):
    set_up(machine)
    run = machine.shell(COUNT, STATUS)
    assert "rows: 1" in run.stdout, run.stderr
    assert run.stderr == ""
    assert machine.used() == [used]
    assert machine.asked() == asked
    (status,) = [line for line in run.stdout.splitlines() if line.startswith("status: ")]
    assert status.endswith(" / " + used) and not status.startswith("status: -")
    # A row for each call, and as many as reached the services.
    for operation in ("AssumeRole", WEB, "GetRoleCredentials", "CreateToken"):
        assert run.stdout.count(f"|{operation}|") == asked.count(operation), run.stdout
    # Metadata services stand on the machine's own link: no proxy is asked.
    for call in machine.aws.calls:
        metadata = call.operation == "container" or call.operation.startswith("instance")
        assert bool(call.through) != metadata, call


@pytest.mark.parametrize("set_up, words", [
    (environment, "environment / idOfEnvironment"), (static, "profile default / idOfStatic"),
    (role, "team/app-role of profile dev (source: profile base) / -"), (sso, "SSO session corp"),
    (process, "credential_process of profile dev / -"), (container, "container"),
    (web_identity_of_the_environment, "pod of AWS_ROLE_ARN (source: token file"),
    (instance, "instance metadata (not asked yet) / -"),
], ids=["environment", "static", "role", "sso", "process", "container", "web identity", "instance"])
def test_what_dynamodb_status_knows_without_a_request(machine, set_up, words):
    set_up(machine)
    mark = machine.home / "ran"
    if set_up is process:
        machine.script("get keys", f"touch {mark}\n")
    run = machine.shell(STATUS, traces=())
    assert run.stderr == ""
    assert words in run.stdout
    assert machine.aws.requests == [] and not mark.exists()


def test_from_python_in_a_process_of_its_own(machine, extension, host_environment):
    role_chain(machine)
    program = textwrap.dedent("""\
        import sqlite3, sys
        connection = sqlite3.connect(":memory:")
        connection.enable_load_extension(True)
        connection.load_extension(sys.argv[1])
        connection.execute(sys.argv[2])
        print(connection.execute("SELECT sid, session FROM s").fetchall())
        """)
    run = subprocess.run(
        [sys.executable, "-c", program, extension, machine.create],
        capture_output=True, text=True, timeout=60, check=False,
        env=host_environment(**machine.environment()))
    assert (run.stdout, run.stderr) == ("[('a', '{}')]\n", "")
    assert machine.used() == ["idOfThird1"]


# ---- what is said to the services -----------------------------------------------------------


def test_what_sts_is_asked(machine):
    role(machine)
    machine.shell(COUNT)
    (call,) = machine.aws.calls_of("AssumeRole")
    assert (call.access_key_id, call.region) == ("idOfBase", "us-east-1")
    assert call.parameters == {
        "Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": ROLE + "team/app-role",
        "RoleSessionName": "me@example.test", "ExternalId": "ext/id+1", "DurationSeconds": "900"}


def test_a_chain_signs_each_step_with_the_keys_of_the_step_before(machine):
    role_chain(machine)
    machine.shell(COUNT)
    calls = machine.aws.calls_of("AssumeRole")
    assert [(call.access_key_id, call.parameters["RoleArn"]) for call in calls] == [
        ("idOfBase", ROLE + "first"), ("idOfFirst1", ROLE + "second"),
        ("idOfSecond1", ROLE + "third")]
    assert all(call.parameters["RoleSessionName"] for call in calls)


def test_what_sts_is_asked_for_a_web_identity(machine):
    web_identity_of_the_environment(machine)
    machine.shell(COUNT)
    (call,) = machine.aws.calls_of(WEB)
    assert call.access_key_id is None
    assert call.parameters == {
        "Action": WEB, "Version": "2011-06-15", "RoleArn": ROLE + "pod",
        "RoleSessionName": "a-pod", "WebIdentityToken": "web-token-of-a-pod.part/2+3="}


def test_what_the_portal_is_asked(machine):
    sso(machine)
    machine.shell(COUNT)
    (call,) = machine.aws.calls_of("GetRoleCredentials")
    assert call.parameters == {"account_id": "111111111111", "role_name": "Admin"}


def test_a_refreshed_sso_token_is_written_back_for_every_tool(machine):
    sso_with_an_old_token(machine)
    before = json.loads(machine.sso_file.read_text())
    machine.shell(COUNT)
    after = json.loads(machine.sso_file.read_text())
    assert machine.sso_file.stat().st_mode & 0o777 == 0o600
    expires = datetime.datetime.fromisoformat(after.pop("expiresAt").replace("Z", "+00:00"))
    assert abs(expires.timestamp() - time.time() - 28800) < 600
    assert (after.pop("accessToken"), after.pop("refreshToken")) == (
        "access-token-of-oidc-1", "refresh-token-of-oidc-1")
    assert {name: before[name] for name in after} == after and "somethingElse" in after
    # The next process finds it, and asks for none.
    machine.shell(COUNT)
    assert machine.asked() == ["CreateToken", "GetRoleCredentials", "GetRoleCredentials"]


def test_a_refresh_that_fails_leaves_a_token_in_use_while_it_lives(machine):
    sso_with_a_token_about_to_expire(machine)
    machine.aws.refresh_tokens.clear()
    machine.aws.sso_tokens.add("old-sso-token")
    before = machine.sso_file.read_text()
    assert "rows: 1" in machine.shell(COUNT).stdout
    assert machine.used() == ["idOfSso1"]
    assert machine.sso_file.read_text() == before


def test_the_region_of_the_instance(machine):
    environment(machine)
    del machine.variables["AWS_REGION"]
    run = machine.shell(COUNT, "SELECT region || ' from ' || region_source FROM dynamodb_status")
    assert "rows: 1" in run.stdout, run.stderr
    assert {call.region for call in machine.aws.calls if call.service == "dynamodb"} == {
        "eu-north-1"}
    assert machine.asked()[:2] == ["instance token", "instance region"]


def test_keys_are_asked_for_once_a_connection(machine):
    role(machine)
    machine.shell(*[COUNT] * 3, "SELECT * FROM s WHERE sid = 'a'",
                  machine.create.replace("temp.s", "temp.t"), "SELECT * FROM t")
    assert machine.asked() == ["AssumeRole"]


# ---- a loopback endpoint needs none --------------------------------------------------------------


def test_a_loopback_endpoint_without_credentials_asks_nobody(machine, endpoint):
    machine.variables.update(AWS_ENDPOINT_URL_DYNAMODB=endpoint, no_proxy="127.0.0.1")
    del machine.variables["AWS_REGION"]
    run = machine.shell(COUNT)
    assert "rows: 1" in run.stdout, run.stderr
    assert machine.aws.requests == []


# ---- failures say what to do --------------------------------------------------------------------


def key_without_secret(machine):
    machine.variables["AWS_ACCESS_KEY_ID"] = "idOfEnvironment"


def profile_that_is_not_there(machine):
    machine.environment_keys()
    machine.config("[profile other]\nregion = us-east-1\n")
    machine.variables["AWS_PROFILE"] = "dev"


def nothing(machine):
    machine.variables["AWS_EC2_METADATA_DISABLED"] = "TRUE"


def instance_without_a_role(machine):
    machine.aws.instance.role = None


def instance_that_refuses_the_token(machine):
    machine.aws.instance.token_status = 400


def instance_of_version_1_where_that_is_forbidden(machine):
    machine.aws.instance.version = 1
    machine.variables["AWS_EC2_METADATA_V1_DISABLED"] = "true"


def loop(machine):
    machine.config(f"[profile dev]\nrole_arn = {ROLE}a\nsource_profile = b\n"
                   f"[profile b]\nrole_arn = {ROLE}b\nsource_profile = dev\n")
    machine.variables["AWS_PROFILE"] = "dev"


def two_sources(machine):
    machine.credentials("[base]\n" + machine.keys("Base"))
    profile(machine, f"role_arn = {ROLE}a\nsource_profile = base\n"
            "credential_source = Environment\n")


def no_source(machine):
    profile(machine, f"role_arn = {ROLE}a\n")


def mfa(machine):
    machine.credentials("[base]\n" + machine.keys("Base"))
    profile(machine, f"role_arn = {ROLE}a\nsource_profile = base\n"
            "mfa_serial = arn:aws:iam::111111111111:mfa/me\n")


def refused_role(machine):
    role(machine)
    machine.aws.refused_roles.add(ROLE + "team/app-role")


def wrong_secret_of_a_role(machine):
    role(machine)
    machine.aws.keys["idOfBase"].secret = "what the fake expects"


def wrong_secret(machine):
    static(machine)
    machine.aws.keys["idOfStatic"].secret = "what the fake expects"


def unknown_keys(machine):
    static(machine)
    del machine.aws.keys["idOfStatic"]


def expired_keys(machine):
    static(machine)
    machine.aws.expire("idOfStatic")


def web_token_that_is_not_there(machine):
    web_identity_of_the_environment(machine)
    (machine.home / "token").unlink()


def web_token_that_is_refused(machine):
    web_identity_of_the_environment(machine)
    machine.aws.web_tokens = set()


def no_sso_token(machine):
    sso(machine)
    machine.sso_token("corp", accessToken="sso-token", expiresAt=in_iso(7200)).unlink()


def expired_sso_token(machine):
    sso(machine)
    machine.sso_token("corp", accessToken="sso-token", expiresAt=in_iso(-7200))


def refused_sso_token(machine):
    sso(machine)
    machine.aws.sso_tokens.clear()


def refused_refresh_token(machine):
    sso_with_an_old_token(machine)
    machine.aws.refresh_tokens.clear()


def sso_session_that_is_not_there(machine):
    sso(machine)
    profile(machine, "sso_session = other\nsso_account_id = 111111111111\nsso_role_name = Admin\n")


def expired_login(machine):
    login(machine)
    machine.login("arn:aws:iam::111111111111:user/me", accessKeyId="idOfLogin",
                  secretAccessKey="secret-of-login", sessionToken="token-of-login",
                  accountId="111111111111", expiresAt=in_iso(-60))


def no_login(machine):
    profile(machine, "login_session = arn:aws:iam::111111111111:user/me\n")


def process_that_fails(machine):
    path = machine.script("fails", "echo 'the vault is sealed' >&2\necho half-a-secret\nexit 7\n")
    machine.aws.hide("half-a-secret")
    profile(machine, f"credential_process = {path}\n")


def process_that_says_nothing(machine):
    profile(machine, "credential_process = true\n")


def process_that_is_not_there(machine):
    profile(machine, "credential_process = /nowhere/at-all\n")


def process_with_garbage(machine):
    machine.aws.hide("leaky-secret")
    path = machine.script("garbage", "echo '{\"Version\": 1, \"SessionToken\": \"leaky-secret\"'")
    profile(machine, f"credential_process = {path}\n")


def process_of_another_version(machine):
    machine.aws.hide("leaky-secret")
    path = machine.script("two", "echo '{\"Version\": 2, \"AccessKeyId\": \"x\", "
                          "\"SecretAccessKey\": \"leaky-secret\"}'")
    profile(machine, f"credential_process = {path}\n")


def container_that_refuses(machine):
    container_with_a_token(machine)
    machine.aws.container.authorization = "another one"


def container_token_with_a_line_break(machine):
    container_with_a_token(machine)
    machine.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "Basic x\r\nX-Injected: 1"


def container_that_is_elsewhere(machine):
    machine.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://container.example.test/x"


LOCATE = "Unable to locate credentials"
# Set up by; words of the error; what is asked before it.
FAILURES = [
    (key_without_secret, ["AWS_SECRET_ACCESS_KEY"], []),
    (profile_that_is_not_there, ["profile", "dev"], []),
    (nothing, [LOCATE], []),
    (instance_without_a_role, [LOCATE], ["instance token", "instance role"]),
    (instance_that_refuses_the_token, ["metadata", "400"], ["instance token"]),
    (instance_of_version_1_where_that_is_forbidden, ["AWS_EC2_METADATA_V1_DISABLED"],
     ["instance token"]),
    (loop, ["circle: dev -> b -> dev"], []),
    (two_sources, ["source_profile", "credential_source"], []),
    (no_source, ["source_profile", "credential_source"], []),
    (mfa, ["mfa_serial"], []),
    (refused_role, ["AssumeRole", "AccessDenied", "dev"], ["AssumeRole"]),
    (wrong_secret_of_a_role, ["AssumeRole", "SignatureDoesNotMatch"], ["AssumeRole"]),
    (wrong_secret, ["InvalidSignatureException"], []),
    (unknown_keys, ["UnrecognizedClientException"], []),
    (expired_keys, ["ExpiredTokenException"], []),
    (web_token_that_is_not_there, ["/token"], []),
    (web_token_that_is_refused, ["InvalidIdentityToken"], [WEB] * 3),
    (no_sso_token, ["aws sso login --profile dev"], []),
    (expired_sso_token, ["aws sso login --profile dev"], []),
    (refused_sso_token, ["aws sso login --profile dev"], ["GetRoleCredentials"]),
    (refused_refresh_token, ["aws sso login --profile dev"], ["CreateToken"]),
    (sso_session_that_is_not_there, ["sso-session", "other"], []),
    (expired_login, ["aws login --profile dev"], []),
    (no_login, ["aws login --profile dev"], []),
    (process_that_fails, ["credential_process", "the vault is sealed", "7"], []),
    (process_that_says_nothing, ["credential_process", "dev"], []),
    (process_that_is_not_there, ["credential_process", "/nowhere/at-all"], []),
    (process_with_garbage, ["credential_process", "JSON"], []),
    (process_of_another_version, ["credential_process", "Version"], []),
    (container_that_refuses, ["container", "401"], ["container"]),
    (container_token_with_a_line_break, ["AWS_CONTAINER_AUTHORIZATION_TOKEN"], []),
    (container_that_is_elsewhere, ["AWS_CONTAINER_CREDENTIALS_FULL_URI"], []),
]


@pytest.mark.parametrize("set_up, words, asked", FAILURES, ids=[f[0].__name__ for f in FAILURES])
def test_a_failure(machine, set_up, words, asked):
    set_up(machine)
    run = machine.shell(COUNT, traces=())
    assert "rows:" not in run.stdout
    assert run.stderr.count("dynamodb_sessions: ") == 1
    for word in words:
        assert word in run.stderr
    assert machine.asked() == asked
    # Nothing unsigned, and nothing signed by a guess, reaches DynamoDB.
    assert all(call.access_key_id for call in machine.aws.calls if call.service == "dynamodb")
    # Nor does any table tell more, whatever it asks and fails at.
    machine.shell(COUNT)


# ---- credentials that end ------------------------------------------------------------------------


def count(connection):
    return connection.execute("SELECT count(*) FROM s").fetchone()[0]


def fails(connection):
    try:
        count(connection)
    except Exception as error:
        assert getattr(error, "sqlite_errorname", "") == "SQLITE_AUTH", error
        return str(error)
    return None


def test_after_expiry_a_new_login_works_in_the_same_connection(machine, connect, monkeypatch):
    machine.credentials("[default]\n" + machine.keys("Old", "token-of-old"))
    connection = machine.connection(connect, monkeypatch)
    assert count(connection) == 1
    machine.aws.expire("idOfOld")
    assert "ExpiredTokenException" in fails(connection)
    machine.credentials("[default]\n" + machine.keys("New", "token-of-new"))
    assert count(connection) == 1
    assert machine.used() == ["idOfOld", "idOfNew"]
    machine.traces(connection)


def test_a_login_in_another_window_counts(machine, connect, monkeypatch):
    sso(machine)
    machine.aws.sso_tokens.clear()
    connection = machine.connection(connect, monkeypatch)
    assert "aws sso login --profile dev" in fails(connection)
    sso(machine)
    assert count(connection) == 1
    machine.traces(connection)


def test_keys_that_dynamodb_refuses_are_got_anew(machine, connect, monkeypatch):
    role(machine)
    connection = machine.connection(connect, monkeypatch)
    assert count(connection) == 1
    machine.aws.expire("idOfAppRole1")
    fails(connection)
    assert count(connection) == 1
    assert machine.used() == ["idOfAppRole1", "idOfAppRole2"]
    machine.traces(connection)


@pytest.mark.parametrize("set_up, source", [(role, "AppRole"), (sso, "Sso")],
                         ids=["role", "sso"])
def test_keys_that_live_five_minutes_are_got_anew_ahead_of_their_end(
        machine, fast_clock, set_up, source):
    """Four minutes later, in a process whose minute is 0.6 s; for DynamoDB a moment has passed."""
    set_up(machine)
    machine.aws.lifetime_s = 300
    machine.arguments = ["connect_timeout=3600", "request_timeout=3600"]
    machine.variables.update(fast_clock(100))
    run = machine.shell(COUNT, "SELECT 1;\n.shell sleep 2.4\nSELECT 2", COUNT)
    assert run.stdout.count("rows: 1") == 2, run.stderr
    used = machine.used()
    assert used[0] == f"idOf{source}1" and len(used) > 1
    assert all(machine.aws.keys[name].expires > time.time() for name in used)


def test_a_web_token_that_was_replaced_is_read_again(machine, connect, monkeypatch):
    web_identity_of_the_environment(machine)
    connection = machine.connection(connect, monkeypatch)
    assert count(connection) == 1
    web_token(machine, "the-second-web-token")
    machine.aws.web_tokens = {"the-second-web-token"}
    machine.aws.expire("idOfPod1")
    fails(connection)
    assert count(connection) == 1
    assert machine.used() == ["idOfPod1", "idOfPod2"]
    machine.traces(connection)


# ---- a clock that is wrong ----------------------------------------------------------------------


@pytest.mark.parametrize("ahead_s", [7200, -7200])
@pytest.mark.parametrize("set_up", [static, role], ids=["DynamoDB", "STS"])
def test_a_clock_that_is_two_hours_off_is_corrected(machine, set_up, ahead_s):
    set_up(machine)
    machine.aws.clock_ahead_s = ahead_s
    run = machine.shell(COUNT, "SELECT 'attempts: ' || group_concat(attempts) FROM "
                        "dynamodb_requests WHERE operation = 'Scan'")
    assert "rows: 1" in run.stdout, run.stderr


# ---- two places in one connection ---------------------------------------------------------------


def test_one_statement_reads_with_two_profiles(machine):
    machine.credentials("[one]\n" + machine.keys("One") + "[two]\n" + machine.keys("Two"))
    create = machine.create.removesuffix(")")
    machine.shell(
        create.replace("temp.s", "temp.t") + ", profile='two')",
        "SELECT count(*) FROM s, t", create=create + ", profile='one')", traces=())
    assert machine.used() == ["idOfOne", "idOfTwo"]


# ---- faults of a service that are mended --------------------------------------------------------

SERVICES = {
    "AssumeRole": role, WEB: web_identity_of_the_environment, "GetRoleCredentials": sso,
    "CreateToken": sso_with_an_old_token, "container": container,
}
MENDED = {
    "500": Response(status=500, body=b"<html>oh</html>", headers={"Content-Type": "text/html"}),
    "503": Response(status=503, body=b""),
    "reset": Response(reset=True),
    "cut": Response(body=b"{" + b" " * 100 + b"}", truncate_bytes=20, crc32="none"),
}


@pytest.mark.parametrize("operation", SERVICES)
@pytest.mark.parametrize("fault", MENDED)
def test_a_fault_of_a_service_is_mended_by_a_retry(machine, operation, fault):
    SERVICES[operation](machine)
    machine.aws.inject(MENDED[fault], operation)
    run = machine.shell(COUNT, "SELECT 'attempts: ' || attempts FROM dynamodb_requests LIMIT 1")
    assert "rows: 1" in run.stdout, run.stderr
    assert "attempts: 2" in run.stdout
    assert machine.asked().count(operation) == 2


def test_throttling_of_sts_is_waited_for(machine):
    role(machine)
    slow_down = machine.aws.sts_error("Throttling", "Rate exceeded", 400)
    machine.aws.inject(slow_down, "AssumeRole")
    assert "rows: 1" in machine.shell(COUNT).stdout
    assert machine.asked() == ["AssumeRole"] * 2

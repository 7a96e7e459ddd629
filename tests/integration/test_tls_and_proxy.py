"""TLS with an authority of a company's own, and proxies: what works, and what a failure says."""

import sqlite3

import pytest
from certificates import CertificateAuthority
from fake_aws import FakeAws
from machine import Machine
from scripted_endpoint import Response, ScriptedEndpoint
from session_table import refused

ROLE = "arn:aws:iam::111111111111:role/app"


@pytest.fixture
def tls_machine(tmp_path, endpoint, one_session, sqlite_shell, authority):
    """A machine whose AWS speaks TLS, from the first byte and at the end of a tunnel, and whose
    variables name neither a proxy nor an authority."""
    with FakeAws(forward_to=endpoint, tls=authority.server()) as aws:
        machine = Machine(tmp_path / "home", aws, one_session, sqlite_shell)
        machine.variables["AWS_ENDPOINT_URL_DYNAMODB"] = aws.url
        del machine.variables["http_proxy"]
        machine.environment_keys()
        yield machine


@pytest.fixture
def open_machine(connect, monkeypatch):
    """open_machine(machine): a connection in its environment."""
    return lambda machine: machine.connection(connect, monkeypatch)


def count(connection):
    return connection.execute("SELECT count(*) FROM s").fetchone()[0]


def log(connection):
    return connection.execute(
        "SELECT operation, attempts, error FROM dynamodb_requests ORDER BY id").fetchall()


# ---- TLS ----------------------------------------------------------------------------------------


def test_an_authority_of_the_environment(tls_machine, open_machine, authority):
    tls_machine.variables["AWS_CA_BUNDLE"] = str(authority.path)
    assert count(open_machine(tls_machine)) == 1
    assert tls_machine.used() == ["idOfEnvironment"]


def test_an_authority_of_the_profile(tls_machine, open_machine, authority):
    tls_machine.config(f"[default]\nca_bundle = {authority.path}\n")
    assert count(open_machine(tls_machine)) == 1


def test_the_environments_authority_wins(tls_machine, open_machine, authority):
    tls_machine.config("[default]\nca_bundle = /nowhere/ca.pem\n")
    tls_machine.variables["AWS_CA_BUNDLE"] = str(authority.path)
    assert count(open_machine(tls_machine)) == 1


def test_the_authority_holds_for_sts_too(tls_machine, open_machine, authority):
    tls_machine.variables.update(AWS_CA_BUNDLE=str(authority.path), AWS_PROFILE="dev")
    tls_machine.config(f"[profile dev]\nrole_arn = {ROLE}\nsource_profile = base\n")
    tls_machine.credentials("[base]\n" + tls_machine.keys("Base"))
    del tls_machine.variables["AWS_ACCESS_KEY_ID"], tls_machine.variables["AWS_SECRET_ACCESS_KEY"]
    connection = open_machine(tls_machine)
    assert count(connection) == 1
    assert tls_machine.used() == ["idOfApp1"]
    del tls_machine.variables["AWS_CA_BUNDLE"]


def untrusted(machine, connection):
    with refused("SQLITE_ERROR", "certificate", "AWS_CA_BUNDLE") as caught:
        count(connection)
    # Another attempt would find the same certificate.
    assert max(attempts for _, attempts, _ in log(connection)) == 1
    assert machine.aws.requests == []
    machine.traces(connection)
    return str(caught.value)


def test_no_authority_is_an_error_that_names_the_remedy(tls_machine, open_machine):
    untrusted(tls_machine, open_machine(tls_machine))


def test_another_authority_is_no_authority(tls_machine, open_machine, tmp_path):
    other = CertificateAuthority(tmp_path, "another authority")
    tls_machine.variables["AWS_CA_BUNDLE"] = str(other.path)
    untrusted(tls_machine, open_machine(tls_machine))


def test_each_table_trusts_authorities_of_its_own(tls_machine, open_machine, authority):
    """Though one SQLite connection sends for both of them, in turn."""
    tls_machine.config(f"[default]\nca_bundle = {authority.path}\n")
    tls_machine.credentials("[other]\n" + tls_machine.keys("Other"))
    connection = open_machine(tls_machine)
    connection.execute(tls_machine.create.replace("temp.s ", "temp.other ").replace(
        "total_segments=1", "total_segments=1, profile=other"))
    for _ in range(3):
        assert count(connection) == 1
        with refused("SQLITE_ERROR", "certificate", "AWS_CA_BUNDLE"):
            connection.execute("SELECT count(*) FROM other")
    assert tls_machine.used() == ["idOfEnvironment"]


def test_no_authority_for_sts_is_the_same_error(tls_machine, open_machine):
    tls_machine.variables.pop("AWS_ACCESS_KEY_ID")
    tls_machine.config(f"[default]\nrole_arn = {ROLE}\nsource_profile = base\n")
    tls_machine.credentials("[base]\n" + tls_machine.keys("Base"))
    message = untrusted(tls_machine, open_machine(tls_machine))
    assert "AssumeRole of STS" in message


def test_a_certificate_for_another_name_is_refused(tls_machine, open_machine, authority):
    with ScriptedEndpoint(tls=authority.server("else.example.test")) as server:
        tls_machine.variables.update(
            AWS_CA_BUNDLE=str(authority.path), AWS_ENDPOINT_URL_DYNAMODB=server.url)
        connection = open_machine(tls_machine)
        with refused("SQLITE_ERROR", "certificate", "127.0.0.1"):
            count(connection)
        assert [attempts for _, attempts, _ in log(connection)] == [1]
        assert server.requests == []


IF_PLAIN = ": plain HTTP seems to be spoken there: write http:// in the URL, or the proxy's)"
IF_TLS = ": TLS seems to be spoken there: write https:// in the URL"


def ask_directly(machine, url):
    """Past the machine's proxy."""
    machine.variables.pop("http_proxy", None)
    machine.variables["AWS_ENDPOINT_URL_DYNAMODB"] = url


def test_tls_where_plain_http_is_spoken_names_the_scheme(machine, open_machine):
    machine.environment_keys()
    ask_directly(machine, machine.aws.url.replace("http:", "https:"))
    with refused("SQLITE_ERROR", '"https://127.0.0.1', "wrong version number", IF_PLAIN):
        count(open_machine(machine))


def test_plain_http_where_tls_is_spoken_names_the_scheme(tls_machine, open_machine):
    ask_directly(tls_machine, tls_machine.aws.url.replace("https:", "http:"))
    with refused("SQLITE_ERROR", '"http://127.0.0.1', IF_TLS):
        count(open_machine(tls_machine))


@pytest.mark.parametrize("answer", [
    Response(raw=b"\x15\x03\x01\x00\x02\x02\x46"),  # TLS: a fatal alert, protocol_version
    Response(raw=b""),
], ids=["alert", "nothing"])
def test_what_servers_of_tls_say_to_plain_http_names_the_scheme(machine, open_machine, answer):
    machine.environment_keys()
    with ScriptedEndpoint(handler=lambda _: answer) as server:
        ask_directly(machine, server.url)
        with refused("SQLITE_ERROR", IF_TLS):
            count(open_machine(machine))


def test_an_answer_that_breaks_off_has_no_other_scheme(machine, open_machine):
    machine.environment_keys()
    cut = Response(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    with ScriptedEndpoint(handler=lambda _: cut) as server:
        ask_directly(machine, server.url)
        with refused("SQLITE_ERROR", "no whole answer") as caught:
            count(open_machine(machine))
    assert "https" not in str(caught.value)


@pytest.mark.parametrize("text", [None, "this is no certificate\n"], ids=["missing", "garbage"])
def test_a_bundle_that_cannot_be_used_is_named(tls_machine, open_machine, tmp_path, text):
    path = tmp_path / "bundle.pem"
    if text:
        path.write_text(text)
    tls_machine.variables["AWS_CA_BUNDLE"] = str(path)
    connection = open_machine(tls_machine)
    with refused("SQLITE_ERROR", str(path)):
        count(connection)
    assert tls_machine.aws.requests == []


def test_a_server_that_speaks_no_tls(tls_machine, open_machine, scripted_endpoint):
    tls_machine.variables.update(
        AWS_ENDPOINT_URL_DYNAMODB=scripted_endpoint.url.replace("http:", "https:"),
        AWS_MAX_ATTEMPTS="2")
    with refused("SQLITE_ERROR", "SSL"):
        count(open_machine(tls_machine))
    assert scripted_endpoint.requests == []


def test_a_server_that_speaks_tls_alone(tls_machine, open_machine):
    tls_machine.variables.update(
        AWS_ENDPOINT_URL_DYNAMODB=tls_machine.aws.url.replace("https:", "http:"),
        AWS_MAX_ATTEMPTS="2")
    connection = open_machine(tls_machine)
    with refused("SQLITE_ERROR", "Scan of"):
        count(connection)
    tls_machine.traces(connection)


# ---- proxies ------------------------------------------------------------------------------------


@pytest.fixture
def company(machine, endpoint, authority):
    """A machine behind a proxy, which stands for AWS at the end of its tunnels too."""
    machine.aws.tunnel_tls = authority.server()
    machine.environment_keys()
    machine.variables.update(
        https_proxy=machine.aws.url, AWS_CA_BUNDLE=str(authority.path),
        AWS_ENDPOINT_URL_DYNAMODB="https://dynamodb.example.test")
    return machine


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_tunnel(company, open_machine, monkeypatch, variable):
    del company.variables["https_proxy"], company.variables["http_proxy"]
    company.variables[variable] = company.aws.url
    monkeypatch.delenv("https_proxy", raising=False)
    assert count(open_machine(company)) == 1
    assert {call.through for call in company.aws.calls} == {"dynamodb.example.test:443"}
    (tunnel,) = [r for r in company.aws.requests if r.method == "CONNECT"]
    # Nothing that is for AWS alone is told to the proxy.
    assert "authorization" not in tunnel.headers
    assert "x-amz-security-token" not in tunnel.headers


def test_the_endpoints_of_aws_by_a_tunnel(company, open_machine):
    """No endpoint of the user's own: the host is that of the region and the account."""
    del company.variables["AWS_ENDPOINT_URL_DYNAMODB"]
    company.variables.update(AWS_REGION="eu-north-1", AWS_ACCOUNT_ID="111111111111")
    connection = open_machine(company)
    assert count(connection) == 1
    assert {call.through for call in company.aws.calls} == {
        "111111111111.ddb.eu-north-1.amazonaws.com:443"}
    endpoint = connection.execute("SELECT endpoint FROM dynamodb_status('s')").fetchone()[0]
    assert endpoint == "https://111111111111.ddb.eu-north-1.amazonaws.com"


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize("hosts", ["127.0.0.1", "example.test,127.0.0.1", "*"])
def test_hosts_that_are_asked_without_a_proxy(machine, open_machine, variable, hosts):
    machine.environment_keys()
    with ScriptedEndpoint() as proxy:
        machine.variables.update({
            "http_proxy": proxy.url, "AWS_ENDPOINT_URL_DYNAMODB": machine.aws.url,
            variable: hosts})
        assert count(open_machine(machine)) == 1
        assert proxy.requests == []
    assert {call.through for call in machine.aws.calls} == {""}


def test_a_proxy_with_a_password(company, open_machine):
    company.aws.hide("pass-word-of-the-proxy")
    with_password = company.aws.url.replace("//", "//me:pass-word-of-the-proxy@")
    company.variables["https_proxy"] = with_password
    connection = open_machine(company)
    assert count(connection) == 1
    (tunnel,) = [r for r in company.aws.requests if r.method == "CONNECT"]
    assert tunnel.headers["proxy-authorization"].startswith("Basic ")
    company.aws.inject(Response(status=407, body=b"who?"), matches=lambda r: True, at=0)
    with pytest.raises(sqlite3.OperationalError):
        count(connection)
    company.traces(connection)


PAGES = {
    "407": Response(status=407, body=b"<html>Who are you?</html>", crc32="none", headers={
        "Content-Type": "text/html", "Proxy-Authenticate": 'Basic realm="proxy"',
        "x-amzn-RequestId": None}),
    "403": Response(status=403, body=b"<html>Not this site</html>", crc32="none",
                    headers={"Content-Type": "text/html", "x-amzn-RequestId": None}),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses(company, open_machine, page, scheme):
    company.variables["AWS_ENDPOINT_URL_DYNAMODB"] = f"{scheme}://dynamodb.example.test"
    company.variables["AWS_MAX_ATTEMPTS"] = "2"
    company.aws.inject(PAGES[page], at=0)
    connection = open_machine(company)
    with refused("SQLITE_ERROR", "proxy", page) as caught:
        count(connection)
    assert "<html>" not in str(caught.value)
    assert company.used() == []
    company.traces(connection)


def test_a_page_of_a_proxy_in_place_of_sts(company, open_machine):
    company.variables.pop("AWS_ACCESS_KEY_ID")
    company.config(f"[default]\nrole_arn = {ROLE}\nsource_profile = base\n")
    company.credentials("[base]\n" + company.keys("Base"))
    page = Response(body=b"<html>Please log in to the guest network</html>", crc32="none",
                    headers={"Content-Type": "text/html"})
    company.aws.inject(page, "AssumeRole", at=0)
    company.variables["AWS_MAX_ATTEMPTS"] = "2"
    connection = open_machine(company)
    with refused("SQLITE_ERROR", "assume role", "is a proxy") as caught:
        count(connection)
    assert "guest network" not in str(caught.value)
    assert company.used() == []
    company.traces(connection)


def test_a_proxy_that_is_not_there(company, open_machine):
    with ScriptedEndpoint() as gone:
        company.variables.update(https_proxy=gone.url, AWS_MAX_ATTEMPTS="2")
    connection = open_machine(company)
    with refused("SQLITE_ERROR", "Scan of"):
        count(connection)
    assert [attempts for _, attempts, _ in log(connection)] == [2]


def test_metadata_is_asked_without_the_proxy(machine, open_machine):
    """The proxy would not know this machine's instance: it would give its own one's keys."""
    with FakeAws() as elsewhere:
        machine.variables.update(http_proxy=elsewhere.url)
        connection = open_machine(machine)
        with refused("SQLITE_AUTH", "UnrecognizedClientException"):
            count(connection)
        # The request for items went there, by keys that only this instance gives out.
        assert machine.asked() == ["instance token", "instance role", "instance role"]
        assert [call.operation for call in elsewhere.calls] == ["Scan"]
        assert elsewhere.calls[0].access_key_id == "idOfInstance1"


def test_many_requests_in_flight_by_tunnels(company, open_machine, make_table):
    """Each connection has its tunnel, and no more of them are opened than there are requests."""
    company.table = make_table("sessionId")
    connection = open_machine(company)
    connection.execute("BEGIN")
    for i in range(8):
        connection.execute("INSERT OR REPLACE INTO s(sid, session) VALUES (?, '{}')", (f"n{i}",))
    connection.execute("COMMIT")
    assert count(connection) == 8
    tunnels = [r for r in company.aws.requests if r.method == "CONNECT"]
    assert 1 <= len(tunnels) <= len(company.aws.calls)

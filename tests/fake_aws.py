"""The services that give out credentials, and DynamoDB's view of them, on one loopback socket.

    with FakeAws(forward_to=endpoint) as aws:
        aws.know("idOfEnvironment", "secret-of-environment")
        ... AWS_ENDPOINT_URL_STS=aws.url, AWS_EC2_METADATA_SERVICE_ENDPOINT=aws.url ...
        assert aws.operations() == ["AssumeRole", "GetItem"]
        assert aws.calls[-1].access_key_id == "idOfRole1"

It plays STS, the SSO portal and OIDC, the metadata services of an instance and of a container, and
DynamoDB, which it forwards to DynamoDB Local once the request is signed right: botocore is the
oracle, and what is signed wrong, by unknown or by expired keys is refused in AWS's words, which
repeat the signed headers. Each source gives out keys of its own, counted: "idOfInstance1" says who
gave them out, and that they are the first. As an HTTP proxy it answers for every host.
"""

import dataclasses
import datetime
import email.utils
import json
import re
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from scripted_endpoint import Response, ScriptedEndpoint, aws_error

ACCOUNT = "123456789012"
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
ROLE_PATH = "/latest/meta-data/iam/security-credentials/"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
# How far a request's time may be off.
MAXIMUM_SKEW_S = 300


@dataclasses.dataclass
class Keys:
    access_key_id: str
    secret: str
    tokens: set = dataclasses.field(default_factory=set)  # any of them; None: without one
    expires: float = None  # seconds since the epoch; None: never


@dataclasses.dataclass
class Issued:
    access_key_id: str
    secret: str
    token: str
    expires: float


@dataclasses.dataclass
class Call:
    """One request to a service, as it understood it."""

    operation: str
    service: str = ""  # "dynamodb" or "sts" for what is to be signed
    access_key_id: str = None  # whose signature it has; None: unsigned
    token: str = None
    region: str = None  # that it is signed for
    parameters: dict = dataclasses.field(default_factory=dict)
    through: str = ""  # the host that it was sent to by way of a proxy
    host: str = ""  # its Host header
    max_attempts: int = None  # as amz-sdk-request says


@dataclasses.dataclass
class Instance:
    """The metadata service of an EC2 instance."""

    version: int = 2  # 1: it knows no tokens
    token_status: int = None  # what the request for a token is answered by, in place of a token
    role: str = "app"  # None: no role is attached
    region: str = "eu-north-1"  # None: it does not say


@dataclasses.dataclass
class Container:
    """The metadata service of an ECS task or an EKS pod."""

    authorization: str = None  # the header that it asks for
    account_id: str = None


class _Refused(Exception):
    """A request whose signature does not hold; the code is DynamoDB's and STS's names for it."""

    def __init__(self, dynamodb_code, sts_code, message):
        super().__init__(message)
        self.dynamodb_code = dynamodb_code
        self.sts_code = sts_code


class FakeAws(ScriptedEndpoint):
    def __init__(self, forward_to=None, **options):
        super().__init__(forward_to, handler=self._play, **options)
        self._memory = threading.RLock()
        self.reset()

    def reset(self):
        """Forgets all that it was asked and that it gave out."""
        self.clear_faults()
        with self._lock:
            self.requests.clear()
        with self._memory:
            self.calls = []
            self.secrets = set()  # every text given out or known that nothing may show
            self.keys = {}  # by access key id
            self.issued = {}  # how many keys each source has given out
            self.lifetime_s = 3600  # of what is given out from now on
            self.clock_ahead_s = 0  # of its clock before this machine's
            self.sso_tokens = set()  # those that the portal takes
            self.refresh_tokens = set()  # those that OIDC takes
            self.web_tokens = None  # those that STS takes; None: all
            self.refused_roles = set()
            self.takes_expired = False  # DynamoDB's clock is behind that of who gave the keys out
            self.instance = Instance()
            self.container = Container()

    # ---- what a test tells and asks it

    def clear_faults(self):
        """What is wrong is right again."""
        with self._lock:
            self._faults.clear()

    def know(self, access_key_id, secret, token=None, expires=None):
        """Keys of a user, told again to have them with another token too. DynamoDB Local wants
        letters and digits in an access key id."""
        keys = self.keys.setdefault(access_key_id, Keys(access_key_id, secret))
        keys.secret, keys.expires = secret, expires
        keys.tokens.add(token)
        self.secrets |= {secret} | ({token} if token else set())

    def hide(self, *texts):
        """Nothing may show these either."""
        self.secrets |= set(texts)

    def expire(self, access_key_id):
        self.keys[access_key_id].expires = 0

    def operations(self):
        """Of all requests in order, those answered by a fault too."""
        with self._lock:
            return [self.operation_of(request) for request in self.requests]

    def calls_of(self, operation):
        with self._memory:
            return [call for call in self.calls if call.operation == operation]

    @staticmethod
    def operation_of(request):
        """What a request asks for, as `operations` and the faults of a test name it."""
        if request.operation:
            return request.operation
        for operation, (method, start) in _BY_PATH.items():
            if request.method == method and request.path.startswith(start):
                return operation
        form = urllib.parse.parse_qs(request.body.decode("latin-1"))
        return form.get("Action", [request.method])[0]

    def inject(self, response, operation=None, at=1, matches=None):
        """As ScriptedEndpoint's; operations are those of every service."""
        super().inject(
            response, None, at,
            lambda request: operation in (None, self.operation_of(request))
            and (matches is None or matches(request)),
        )

    # ---- answering

    def _play(self, request):
        with self._memory:
            answer = self._answer_of(request)
        if answer is not None:
            answer.headers.setdefault("Date", email.utils.formatdate(self._now(), usegmt=True))
        return answer

    def _answer_of(self, request):
        operation = self.operation_of(request)
        call = Call(operation, through=request.through, host=request.headers.get("host", ""))
        attempts = re.search(r"max=(\d+)", request.headers.get("amz-sdk-request", ""))
        call.max_attempts = int(attempts[1]) if attempts else None
        self.calls.append(call)
        if request.operation:
            return self._dynamodb(request, call)
        if operation in _PLAYS:
            return _PLAYS[operation](self, request, call)
        return Response(status=404, body=b"nothing is here", crc32="none")

    def _now(self):
        return time.time() + self.clock_ahead_s

    def _issue(self, source):
        number = self.issued[source] = self.issued.get(source, 0) + 1
        stem = source.lower()
        key_id, secret = f"idOf{source}{number}", f"secret-of-{stem}-{number}"
        token, expires = f"token-of-{stem}-{number}", self._now() + self.lifetime_s
        self.know(key_id, secret, token, expires)
        return Issued(key_id, secret, token, expires)

    def _in_iso(self, seconds):
        moment = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _check(self, request, call, service):
        """That botocore would sign it so, with keys that are known; notes whose they are."""
        match = AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if not match:
            raise _Refused("MissingAuthenticationTokenException", "MissingAuthenticationToken",
                           "Request is missing Authentication Token")
        key_id, day, region, signed_for, names, signature = match.groups()
        token = request.headers.get("x-amz-security-token")
        call.access_key_id, call.region, call.service = key_id, region, service
        call.token = token
        keys = self.keys.get(key_id)
        if keys is None or token not in keys.tokens:
            raise _Refused("UnrecognizedClientException", "InvalidClientTokenId",
                           f"The security token included in the request is invalid: {token}")
        if keys.expires is not None and keys.expires <= self._now() and not self.takes_expired:
            raise _Refused("ExpiredTokenException", "ExpiredToken",
                           "The security token included in the request is expired")
        signed = names.split(";")
        must = {"host", "x-amz-date"} | ({"x-amz-security-token"} if token else set())
        must |= {name for name in ("x-amz-target", "content-type") if name in request.headers}
        copy = botocore.awsrequest.AWSRequest(
            method=request.method,
            url="http://" + request.headers["host"] + request.path,
            headers={name: request.headers.get(name, "") for name in signed},
            data=request.body,
        )
        date = copy.context["timestamp"] = request.headers.get("x-amz-date", "")
        credentials = botocore.credentials.Credentials(key_id, keys.secret, token)
        oracle = botocore.auth.SigV4Auth(credentials, service, region)
        canonical = oracle.canonical_request(copy)
        expected = oracle.signature(oracle.string_to_sign(copy, canonical), copy)
        if not must <= set(signed) or signed_for != service or not date.startswith(day) \
                or expected != signature:
            raise _Refused("InvalidSignatureException", "SignatureDoesNotMatch",
                           "The request signature we calculated does not match the signature you "
                           f"provided. The Canonical String should have been\n'{canonical}'")
        sent = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ")
        if abs(sent.replace(tzinfo=datetime.timezone.utc).timestamp() - self._now()) \
                > MAXIMUM_SKEW_S:
            raise _Refused("InvalidSignatureException", "SignatureDoesNotMatch",
                           f"Signature not yet current or expired: {date}")

    def _dynamodb(self, request, call):
        try:
            self._check(request, call, "dynamodb")
        except _Refused as refused:
            return aws_error(refused.dynamodb_code, str(refused))
        if self._forward_to is None:
            empty = {"Items": [], "Count": 0, "ScannedCount": 0}
            return Response(json=empty if request.operation in ("Scan", "Query") else {})
        return None

    # ---- STS

    def sts_error(self, code, message, status=403):
        body = (
            f'<ErrorResponse xmlns="{STS_NAMESPACE}">\n  <Error>\n    <Type>Sender</Type>\n'
            f"    <Code>{code}</Code>\n    <Message>{escape(message)}</Message>\n  </Error>\n"
            "  <RequestId>request-of-sts</RequestId>\n</ErrorResponse>\n"
        )
        return Response(status=status, body=body.encode(), crc32="none",
                        headers={"Content-Type": "text/xml"})

    def _sts(self, request, call):
        call.parameters = dict(urllib.parse.parse_qsl(request.body.decode()))
        role = call.parameters.get("RoleArn", "")
        if call.operation == "AssumeRole":
            try:
                self._check(request, call, "sts")
            except _Refused as refused:
                return self.sts_error(refused.sts_code, str(refused))
        elif self.web_tokens is not None \
                and call.parameters["WebIdentityToken"] not in self.web_tokens:
            return self.sts_error("InvalidIdentityToken", "the token is not known: "
                                   + call.parameters["WebIdentityToken"], 400)
        match = re.fullmatch(r"arn:aws[a-z-]*:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)", role)
        if not match or role in self.refused_roles:
            return self.sts_error("AccessDenied", f"not authorized to perform this on {role}")
        account, name = match.groups()
        source = "".join(word.capitalize() for word in re.findall("[A-Za-z0-9]+", name))
        keys = self._issue(source)
        session = call.parameters["RoleSessionName"]
        fields = "".join(
            f"      <{field}>{escape(value)}</{field}>\n"
            for field, value in (
                ("AccessKeyId", keys.access_key_id), ("SecretAccessKey", keys.secret),
                ("SessionToken", keys.token), ("Expiration", self._in_iso(keys.expires)),
            )
        )
        body = (
            f'<{call.operation}Response xmlns="{STS_NAMESPACE}">\n  <{call.operation}Result>\n'
            "    <AssumedRoleUser>\n      <AssumedRoleId>AROAOFNOBODY:" + escape(session)
            + "</AssumedRoleId>\n      <Arn>arn:aws:sts::" + account + ":assumed-role/"
            + escape(name) + "/" + escape(session) + "</Arn>\n    </AssumedRoleUser>\n"
            f"    <Credentials>\n{fields}    </Credentials>\n  </{call.operation}Result>\n"
            "  <ResponseMetadata>\n    <RequestId>request-of-sts</RequestId>\n"
            f"  </ResponseMetadata>\n</{call.operation}Response>\n"
        )
        return Response(body=body.encode(), crc32="none", headers={"Content-Type": "text/xml"})

    # ---- SSO

    def _portal(self, request, call):
        query = urllib.parse.urlsplit(request.path).query
        call.parameters = dict(urllib.parse.parse_qsl(query))
        token = request.headers.get("x-amz-sso_bearer_token")
        if token not in self.sso_tokens:
            return Response(
                status=401, crc32="none",
                headers={"x-amzn-ErrorType": "UnauthorizedException"},
                json={"message": f"Session token not found or invalid: {token}"},
            )
        keys = self._issue("Sso")
        return Response(crc32="none", json={"roleCredentials": {
            "accessKeyId": keys.access_key_id, "secretAccessKey": keys.secret,
            "sessionToken": keys.token, "expiration": int(keys.expires * 1000),
        }})

    def _oidc(self, request, call):
        given = json.loads(request.body)
        call.parameters = {name: given.get(name) for name in ("grantType", "clientId")}
        if given.get("refreshToken") not in self.refresh_tokens:
            return Response(status=400, crc32="none", json={
                "error": "invalid_grant",
                "error_description": f"Invalid refresh token: {given.get('refreshToken')}",
            })
        number = self.issued["Oidc"] = self.issued.get("Oidc", 0) + 1
        access, refresh = f"access-token-of-oidc-{number}", f"refresh-token-of-oidc-{number}"
        self.hide(access, refresh)
        self.sso_tokens.add(access)
        self.refresh_tokens = {refresh}
        return Response(crc32="none", json={
            "accessToken": access, "expiresIn": 28800, "refreshToken": refresh,
            "tokenType": "Bearer",
        })

    # ---- metadata

    def _instance_token(self, request, _):
        if self.instance.token_status is not None:
            return Response(status=self.instance.token_status, crc32="none")
        if self.instance.version == 1:
            return Response(status=404, crc32="none")
        if "x-aws-ec2-metadata-token-ttl-seconds" not in request.headers:
            return Response(status=400, crc32="none")
        self.hide("token-of-metadata")
        return Response(body=b"token-of-metadata", crc32="none",
                        headers={"Content-Type": "text/plain"})

    def _instance_text(self, request, text):
        token = request.headers.get("x-aws-ec2-metadata-token")
        if self.instance.version == 2 and token != "token-of-metadata":
            return Response(status=401, crc32="none")
        if text is None:
            return Response(status=404, body=b"<html>404 - Not Found</html>", crc32="none")
        return Response(body=text.encode(), crc32="none", headers={"Content-Type": "text/plain"})

    def _instance_role(self, request, _):
        role = self.instance.role
        if request.path == ROLE_PATH or role is None:
            return self._instance_text(request, role)
        keys = self._issue("Instance")
        return self._instance_text(request, json.dumps({
            "Code": "Success", "LastUpdated": self._in_iso(self._now()), "Type": "AWS-HMAC",
            "AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret,
            "Token": keys.token, "Expiration": self._in_iso(keys.expires),
        }, indent=2) if request.path == ROLE_PATH + role else None)

    def _instance_region(self, request, _):
        return self._instance_text(request, self.instance.region)

    def _container(self, request, call):
        if request.headers.get("authorization") != self.container.authorization:
            return Response(status=401, crc32="none", json={"code": "AccessDenied", "message":
                            f"not authorized: {request.headers.get('authorization')}"})
        keys = self._issue("Container")
        account = {"AccountId": self.container.account_id} if self.container.account_id else {}
        return Response(crc32="none", json={
            "AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret,
            "Token": keys.token, "Expiration": self._in_iso(keys.expires), **account,
        })


# What is asked for by method and path; STS is asked by a form, DynamoDB by a header.
_BY_PATH = {
    "GetRoleCredentials": ("GET", "/federation/credentials"),
    "CreateToken": ("POST", "/token"),
    "instance token": ("PUT", "/latest/api/token"),
    "instance region": ("GET", "/latest/meta-data/placement/region"),
    "instance role": ("GET", ROLE_PATH),
    "container": ("GET", "/container"),
}
# Who answers.
_PLAYS = {
    "GetRoleCredentials": FakeAws._portal,
    "CreateToken": FakeAws._oidc,
    "instance token": FakeAws._instance_token,
    "instance region": FakeAws._instance_region,
    "instance role": FakeAws._instance_role,
    "container": FakeAws._container,
    "AssumeRole": FakeAws._sts,
    "AssumeRoleWithWebIdentity": FakeAws._sts,
}
CREDENTIAL_OPERATIONS = tuple(_PLAYS)

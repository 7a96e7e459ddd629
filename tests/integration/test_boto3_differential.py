"""The extension beside boto3 in the same generated environments: both ask the same, of the same.

Each environment is a random set of variables and profile files. In it boto3 and the extension each
get one item, by way of a proxy that is the fake of AWS (tests/fake_aws.py) and answers for every
host, by TLS with an authority of the test's own. What arrives there is compared: the host that each
request is for, the operation, the region that it is signed for, whose keys sign it, the attempts
that it may take; where one of them fails, so must the other, without a request to DynamoDB.

Where the extension does as the AWS CLI or AWS's rules have it and boto3 does not, CHANGES tells
boto3 to do the same, or DIFFERENCES says what else may be found.

The seed is printed and can be given (DDS_SEED); so can the number of environments (DDS_CASES).
"""

import copy
import dataclasses
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest
from fake_aws import FakeAws

CASES = int(os.environ.get("DDS_CASES", 216))
PARTS = 4  # tests, so that two workers share them
TESTS = Path(__file__).resolve().parent.parent
ACCOUNTS = ["111111111111", "222222222222"]
REGIONS = [
    "us-east-1", "eu-north-1", "ap-southeast-7", "us-gov-west-1", "cn-north-1", "eusc-de-east-1",
    "us-iso-east-1", "us-isob-east-1", "local", "moon-base-1",
]
STATIC = {name: f"idOf{name}" for name in ("Environment", "Default", "Dev", "Other", "Process")}
HOME = "@HOME@"  # stands for the home of whoever is asked


@dataclasses.dataclass
class Case:
    variables: dict
    files: dict
    instance: dict  # settings of the fake's instance

    def at(self, home, aws):
        """Variables and files for a home and a fake: both are known only then."""

        def place(text):
            return text.replace(HOME, str(home)).replace("@AWS@", aws.url)

        variables = {name: place(value) for name, value in self.variables.items()}
        return variables, {path: place(text) for path, text in self.files.items()}


# ---- environments -------------------------------------------------------------------------------


def some(rng, likelihood, *values):
    """One of the values, or None."""
    return rng.choice(values) if rng.random() < likelihood else None


def switch(rng):
    return rng.choice(["true", "TRUE", "True", "false", "FALSE"])


def settings(rng):
    """Settings that a profile has and the environment too: by the profile's name for them."""
    chosen = {
        "region": some(rng, 0.6, *REGIONS),
        "endpoint_url": some(rng, 0.1, "http://custom.example.test", "https://t.example.test:8443"),
        "use_fips_endpoint": some(rng, 0.1, switch(rng)),
        "use_dualstack_endpoint": some(rng, 0.1, switch(rng)),
        "account_id_endpoint_mode": some(rng, 0.25, "preferred", "required", "disabled"),
        "ignore_configured_endpoint_urls": some(rng, 0.1, switch(rng)),
        "max_attempts": some(rng, 0.15, "1", "2", "7"),
        "retry_mode": some(rng, 0.1, "standard", "adaptive"),
        "ec2_metadata_v1_disabled": some(rng, 0.05, switch(rng)),
        "role_session_name": some(rng, 0.1, "a-session"),
    }
    return {name: value for name, value in chosen.items() if value is not None}


def static_keys(rng, name):
    lines = {"aws_access_key_id": STATIC[name], "aws_secret_access_key": f"secret-of-{name}"}
    lines.update({"aws_session_token": f"token-of-{name}"} if rng.random() < 0.3 else {})
    lines.update({"aws_account_id": rng.choice(ACCOUNTS)} if rng.random() < 0.3 else {})
    if rng.random() < 0.04:
        del lines["aws_secret_access_key"]
    return lines


def role(rng, others):
    lines = {"role_arn": f"arn:aws:iam::{rng.choice(ACCOUNTS)}:role/a-role"}
    kind = rng.random()
    if kind < 0.6:
        lines["source_profile"] = rng.choice(others)
    if 0.55 < kind < 0.95:
        lines["credential_source"] = rng.choice(
            ["Environment", "Ec2InstanceMetadata", "EcsContainer"])
    if rng.random() < 0.3:
        lines["external_id"] = "an external/id"
    if rng.random() < 0.3:
        lines["duration_seconds"] = rng.choice(["900", "3600"])
    return lines


def web_identity(rng, others):
    del others
    return {"role_arn": f"arn:aws:iam::{rng.choice(ACCOUNTS)}:role/web",
            "web_identity_token_file": f"{HOME}/token"}


def sso(rng, others):
    del others
    lines = {"sso_session": "corp", "sso_account_id": rng.choice(ACCOUNTS), "sso_role_name": "R"}
    if rng.random() < 0.4:
        del lines["sso_session"]
        lines.update(sso_start_url="https://old.example.test/", sso_region="eu-north-1")
    return lines


def process(rng, others):
    del rng, others
    return {"credential_process": f"{HOME}/process 'an argument'"}


def profile(rng, name, profiles):
    """(lines of the config file, lines of the credentials file) of a profile."""
    config = settings(rng)
    credentials = {}
    for kind, likelihood in ((role, 0.3), (web_identity, 0.08), (sso, 0.15), (process, 0.15)):
        if rng.random() < likelihood:
            (credentials if kind is role and rng.random() < 0.2 else config).update(
                kind(rng, profiles))
    if rng.random() < 0.3:
        config.update(static_keys(rng, name))
    if rng.random() < 0.4:
        credentials.update(static_keys(rng, name))
    if rng.random() < 0.15:
        config["services"] = "local-ones"
    return config, credentials


def written(rng, header, lines):
    """A section as people write it."""
    text = [f"[{header}]" + rng.choice(["", "  # a comment", " ; another"])]
    for name, value in lines.items():
        text.append(name + rng.choice(["=", " = ", "  =  "]) + value)
        text += rng.choice([[], [], ["# a comment"], [""], ["; another"]])
    return "\n".join(text) + "\n"


SERVICES = """
[services local-ones]
dynamodb =
  endpoint_url = http://dynamodb-of-services.example.test
sts =
  endpoint_url = http://sts-of-services.example.test
[sso-session corp]
sso_region = eu-north-1
sso_start_url = https://corp.example.test/start
"""
TOKEN = json.dumps({"accessToken": "sso-token", "expiresAt": "2100-01-01T00:00:00Z"})
PROCESS = """#!/bin/sh
[ "$1" = "an argument" ] || exit 1
echo '{"Version": 1, "AccessKeyId": "idOfProcess", "SecretAccessKey": "secret-of-Process",
  "AccountId": "222222222222"}'
"""
FIXED_FILES = {
    "token": "a-web-token",
    "process": PROCESS,
    **{f".aws/sso/cache/{hashlib.sha1(name.encode()).hexdigest()}.json": TOKEN
       for name in ("corp", "https://old.example.test/")},
}


def files(rng):
    names = {"Default": "default", "Dev": "dev", "Other": "other"}
    config, credentials = "", ""
    for name, section in names.items():
        if rng.random() < 0.08:
            continue
        for_config, for_credentials = profile(rng, name, list(names.values()))
        if for_config or rng.random() < 0.8:
            bare = section == "default" and rng.random() < 0.7
            config += written(rng, section if bare else f"profile {section}", for_config)
        if for_credentials:
            credentials += written(rng, section, for_credentials)
    return {**FIXED_FILES, ".aws/config": config + SERVICES, ".aws/credentials": credentials}


ENVIRONMENT_NAMES = {
    "region": ["AWS_REGION", "AWS_DEFAULT_REGION"],
    "endpoint_url": ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_STS"],
    "use_fips_endpoint": ["AWS_USE_FIPS_ENDPOINT"],
    "use_dualstack_endpoint": ["AWS_USE_DUALSTACK_ENDPOINT"],
    "account_id_endpoint_mode": ["AWS_ACCOUNT_ID_ENDPOINT_MODE"],
    "ignore_configured_endpoint_urls": ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"],
    "max_attempts": ["AWS_MAX_ATTEMPTS"],
    "retry_mode": ["AWS_RETRY_MODE"],
    "ec2_metadata_v1_disabled": ["AWS_EC2_METADATA_V1_DISABLED"],
    "role_session_name": ["AWS_ROLE_SESSION_NAME"],
}


# What an unset variable may look like too.
BLANK = [
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION",
    "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_USE_FIPS_ENDPOINT", "AWS_MAX_ATTEMPTS",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_RETRY_MODE",
    "AWS_ACCOUNT_ID", "AWS_ROLE_ARN",
]


def variables(rng):
    chosen = {rng.choice(ENVIRONMENT_NAMES[name]): value for name, value in settings(rng).items()}
    if rng.random() < 0.25:
        keys = static_keys(rng, "Environment")
        names = {name: name.upper() for name in keys}
        chosen.update({names[name]: value for name, value in keys.items()})
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        if rng.random() < 0.35:
            chosen[name] = rng.choice(["default", "dev", "dev", "other"] * 3 + ["missing"])
    if rng.random() < 0.15:
        chosen.update(AWS_WEB_IDENTITY_TOKEN_FILE=f"{HOME}/token",
                      AWS_ROLE_ARN=f"arn:aws:iam::{rng.choice(ACCOUNTS)}:role/pod")
    if rng.random() < 0.2:
        chosen["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "@AWS@/container"
        chosen["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "Basic container"
    if rng.random() < 0.2:
        chosen["AWS_EC2_METADATA_DISABLED"] = switch(rng)
    if rng.random() < 0.1:
        chosen["AWS_SESSION_TOKEN"] = "token-of-Environment"
    for name in rng.sample(BLANK, rng.choice([0, 0, 0, 1, 3])):
        chosen.setdefault(name, rng.choice(["", " "]))
    return chosen


def generate(rng):
    instance = {}
    if rng.random() < 0.4:
        instance = rng.choice([{"version": 1}, {"role": None}, {"token_status": 403, "version": 1},
                               {"token_status": 400}])
    return Case(variables(rng), files(rng), instance)


# ---- where the two differ -----------------------------------------------------------------------


def blank(case):
    case.variables = {name: value for name, value in case.variables.items() if value.strip()}


def aws_region(case):
    if "AWS_REGION" in case.variables:
        case.variables["AWS_DEFAULT_REGION"] = case.variables.pop("AWS_REGION")


# What boto3 is told to do the same.
CHANGES = [
    (blank, "a variable that is blank is an unset one to the SDKs; boto3 takes some for a value"),
    (aws_region, "boto3 reads AWS_DEFAULT_REGION alone; the CLI and the other SDKs AWS_REGION too"),
    # tests/boto3_witness.py: boto3 never asks an instance for its region.
]


def custom_endpoint_with_a_switch(found, expected):
    return "exclude each other" in (found.error or "") and any(
        ".example.test" in place for place in expected.places())


def loopback_without_credentials(found, expected):
    """But for whose keys they are, the request is the same."""
    if found.item is None or found.item[2] != "placeholder":
        return False
    asked_metadata = expected.item and expected.item[2].startswith("idOfInstance")
    same = asked_metadata and (found.item[:2], found.item[4]) == (
        expected.item[:2], expected.item[4])
    return found.item[0] == "localhost:8000" and found.asked == [] and (
        same or "NoCredentialsError" in (expected.error or ""))


# What boto3 cannot be told: whether such a difference explains what was found.
DIFFERENCES = [
    (custom_endpoint_with_a_switch, "FIPS or dual-stack with an endpoint of the user's own is an "
     "error by AWS's rules; boto3 drops the switch, and the user does not get what he asked for"),
    (loopback_without_credentials, "a loopback endpoint needs no credentials and no instance"),
]
# Not generated, since boto3 does something else altogether:
# - aws login: boto3 needs the package awscrt for it.
# - A property twice, a comment after a value, [default] beside [profile default]: boto3 reads the
#   files by Python's configparser, the SDKs by the rules that test_profile.c holds.
# - AWS_SECURITY_TOKEN beside AWS_SESSION_TOKEN: boto3 prefers the older name.
# - AWS_WEB_IDENTITY_TOKEN_FILE without AWS_ROLE_ARN: boto3 takes the rest from the profile.


# ---- both, and what they asked ------------------------------------------------------------------


@dataclasses.dataclass
class Outcome:
    """What a side asked, in order, and how it ended."""

    error: str
    asked: list
    item: tuple  # of the request to DynamoDB

    def places(self):
        """The hosts that were asked."""
        hosts = [what[1] for what in self.asked if isinstance(what, tuple)]
        return hosts + ([self.item[0]] if self.item else [])


def outcome(aws, error):
    asked, item = [], None
    for call in aws.calls:
        place = call.through.removesuffix(":443")
        if call.service == "dynamodb":
            item = (place, call.region, call.access_key_id, call.token, call.max_attempts)
        elif call.operation == "container" or call.operation.startswith("instance"):
            asked.append(call.operation)  # whether by a proxy, the two differ
        else:
            chosen = {name: call.parameters.get(name) for name in (
                "RoleArn", "ExternalId", "DurationSeconds", "account_id", "role_name")}
            asked.append((call.operation, place, call.region, call.access_key_id, call.token,
                          {name: value for name, value in chosen.items() if value}))
    # boto3 has its region by other means.
    if "instance region" in asked:
        del asked[asked.index("instance region") - 1:asked.index("instance region") + 1]
    return Outcome(error, asked, item)


class Side:
    """A fake of AWS, and a home that its proxy and its authority are known in."""

    def __init__(self, home, authority):
        self.home = home
        self.home.mkdir()
        self.authority = authority
        self.aws = FakeAws(tunnel_tls=authority.server()).start()

    def prepare(self, case):
        self.aws.reset()
        for name, access_key_id in STATIC.items():
            for token in (None, f"token-of-{name}"):
                self.aws.know(access_key_id, f"secret-of-{name}", token)
        self.aws.sso_tokens.add("sso-token")
        self.aws.container.authorization = "Basic container"
        self.aws.container.account_id = ACCOUNTS[1]
        for name, value in case.instance.items():
            setattr(self.aws.instance, name, value)
        variables, placed = case.at(self.home, self.aws)
        return {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.aws.url, "AWS_CA_BUNDLE":
            str(self.authority.path), "http_proxy": self.aws.url, "https_proxy": self.aws.url,
            "HOME": str(self.home), "PATH": os.environ["PATH"], **variables,
        }, placed


class Boto3(Side):
    def __init__(self, home, authority):
        super().__init__(home, authority)
        self.process = subprocess.Popen(
            [sys.executable, TESTS / "boto3_witness.py"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
            env={"HOME": str(home), "PATH": os.environ["PATH"]})

    def start(self, case):
        variables, placed = self.prepare(case)
        instance = self.aws.instance
        told = {"region": instance.region if instance.token_status != 400 else None,
                "version": instance.version}
        line = json.dumps({"variables": variables, "files": placed, "instance": told})
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def finish(self):
        return outcome(self.aws, json.loads(self.process.stdout.readline()))

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.aws.stop()


PLACE = "SELECT 'place ' || json_array(region, endpoint, access_key_id) FROM dynamodb_status('s')"


class Extension(Side):
    def run(self, case, sqlite_shell):
        variables, placed = self.prepare(case)
        shutil.rmtree(self.home)
        for path, text in placed.items():
            (self.home / path).parent.mkdir(parents=True, exist_ok=True)
            (self.home / path).write_text(text)
            (self.home / path).chmod(0o700)
        removed = {name: None for name in os.environ if name.startswith("AWS_")}
        run = sqlite_shell(
            "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='sessions');"
            f"{PLACE}; SELECT * FROM s WHERE sid = 'a'; {PLACE};",
            environment={**removed, **variables})
        places = [json.loads(line.removeprefix("place "))
                  for line in run.stdout.splitlines() if line.startswith("place ")]
        return outcome(self.aws, run.stderr or None), places

    def stop(self):
        self.aws.stop()


@pytest.fixture(scope="module")
def sides(tmp_path_factory, authority):
    folder = tmp_path_factory.mktemp("sides")
    boto3, extension = Boto3(folder / "boto3", authority), Extension(folder / "sql", authority)
    yield boto3, extension
    boto3.stop()
    extension.stop()


def check_places(found, places):
    """dynamodb_status says what was seen on the wire, and knew before what it then says."""
    before, after = places
    place, region, access_key_id, _, _ = found.item
    url = urllib.parse.urlsplit(after[1])
    assert (url.netloc, after[2]) == (place, access_key_id)
    assert after[0] == region or after[0] == "local"
    assert before[0] in (None, after[0]) and before[2] in (None, after[2])


@pytest.mark.parametrize("part", range(PARTS))
def test_both_ask_the_same(sides, sqlite_shell, part):
    boto3, extension = sides
    seed = int(os.environ.get("DDS_SEED", random.randrange(1 << 32)))
    print(f"seed: DDS_SEED={seed}")
    rng = random.Random(f"{seed} {part}")
    succeeded = 0
    for number in range(CASES // PARTS):
        case = generate(rng)
        told = copy.deepcopy(case)
        for change, _ in CHANGES:
            change(told)
        boto3.start(told)
        found, places = extension.run(case, sqlite_shell)
        expected = boto3.finish()
        about = f"environment {number} of part {part}: {case}\nfound {found}\nboto3 {expected}"
        if any(explains(found, expected) for explains, _ in DIFFERENCES):
            continue
        assert bool(found.error) == bool(expected.error), about
        assert found.item == expected.item, about
        if not expected.error:
            succeeded += 1
            assert found.asked == expected.asked, about
            check_places(found, places)
    # Environments of errors alone would show little.
    assert succeeded > CASES // PARTS // 4

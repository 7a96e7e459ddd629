"""The signer beside botocore's, over generated requests; the seed is printed and can be given."""

import base64
import datetime
import os
import random
import string
import subprocess
from pathlib import Path

import botocore.auth
import botocore.awsrequest
import botocore.credentials

COUNT = 3000
EPOCH = datetime.datetime(1970, 1, 1)
REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "local", "ap-southeast-7"]
HOSTS = ["localhost:8000", "[::1]:8000", "127.0.0.1:65535", "dynamodb.example.com"]
OPERATIONS = ["GetItem", "Scan", "TransactWriteItems", "BatchWriteItem", "DescribeTable"]


def generate(rng):
    """One request as a dictionary."""
    region = rng.choice(REGIONS)
    token = "".join(rng.choices(string.ascii_letters + string.digits + "+/=", k=rng.randrange(900)))
    if rng.random() < 0.1:
        token = "two  spaces   " + token + " end"
    return {
        "seconds": rng.choice([0, 951782400, 4102444799, rng.randrange(0, 4102444800)]),
        "region": region,
        "host": rng.choice(HOSTS + [f"dynamodb.{region}.amazonaws.com"]),
        "key": "".join(rng.choices(string.ascii_uppercase + string.digits, k=20)),
        # few secrets and days, so that the cached key is met and left in all orders
        "secret": rng.choice(["secret", "a/b+c=", "x" * 300]),
        "token": token if rng.random() < 0.5 else "",
        "target": rng.choice(["", "DynamoDB_20120810." + rng.choice(OPERATIONS)]),
        "service": rng.choice(["dynamodb", "sts"]),
        "path": rng.choice(["/", "/a", "/a/", "/A9/b-._~c/d"]),
        "body": rng.randbytes(rng.choice([0, 1, 21, 55, 64, 1000])),
    }


def sign_with_botocore(case, monkeypatch):
    """Date and authorization as botocore makes them."""
    now = EPOCH + datetime.timedelta(seconds=case["seconds"])
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now, raising=False)
    request = botocore.awsrequest.AWSRequest(
        method="POST",
        url=f"http://{case['host']}{case['path']}",
        headers={
            "Content-Type": "application/x-amz-json-1.0",
            "Host": case["host"],
            **({"X-Amz-Target": case["target"]} if case["target"] else {}),
        },
        data=case["body"],
    )
    credentials = botocore.credentials.Credentials(
        case["key"], case["secret"], case["token"] or None
    )
    botocore.auth.SigV4Auth(credentials, case["service"], case["region"]).add_auth(request)
    return f"{request.headers['X-Amz-Date']}\t{request.headers['Authorization']}"


def test_signatures_are_those_of_botocore(monkeypatch):
    seed = int(os.environ.get("DDS_SEED", random.randrange(1 << 32)))
    print(f"seed: DDS_SEED={seed}")
    rng = random.Random(seed)
    cases = [generate(rng) for _ in range(COUNT)]
    lines = [
        "\t".join([
            str(case["seconds"] * 1000 + rng.randrange(1000)), case["region"], case["host"],
            case["key"], case["secret"], case["token"], case["target"],
            base64.b64encode(case["body"]).decode(), case["service"], case["path"],
        ])
        for case in cases
    ]
    signer = subprocess.run(
        [Path(os.environ["DDS_BUILD"]) / "unit/test_sign", "-"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    signed = signer.stdout.splitlines()
    assert len(signed) == COUNT
    for number, (case, line) in enumerate(zip(cases, signed, strict=True)):
        assert line == sign_with_botocore(case, monkeypatch), f"request {number}: {case}"

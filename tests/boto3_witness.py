"""boto3 in a process of its own, for environments one after the other.

Reads lines of JSON: {"variables": {name: value}, "files": {path below HOME: text},
"instance": {"region": name or null, "version": 1 or 2}}. For each of them a new boto3 session in
exactly that environment gets one item of DynamoDB, and a line says how that ended: null, or the
error. What it asked whom stands at the other end of the line.

boto3 never asks an instance for its region, as the CLI does: where it has none it is told the one
that it could have asked for.

HOME is the process's own and stays, since botocore looks it up when it is imported; what is below
it is each environment's.
"""

import json
import os
import pathlib
import shutil
import sys

import boto3
import botocore.config
import botocore.loaders
import botocore.session

HOME = pathlib.Path(os.environ["HOME"])
KEY = {"sessionId": {"S": "a"}}
# Files of service descriptions, which take longer to read than all the rest.
loader = botocore.loaders.create_loader()
# Endpoints of partitions, parsed once.
endpoints = botocore.session.Session().get_component("endpoint_resolver")


def place(files):
    shutil.rmtree(HOME)
    for path, text in files.items():
        file = HOME / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o700)


def region_of(instance, core):
    """What the instance would say, or None."""
    disabled = os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
    version_1_disabled = core.get_config_variable("ec2_metadata_v1_disabled")
    if disabled or instance["version"] == 1 and version_1_disabled:
        return None
    return instance["region"]


def get_an_item(instance):
    core = botocore.session.Session()
    core.register_component("data_loader", loader)
    core.register_component("endpoint_resolver", endpoints)
    if core.get_config_variable("region") is None:
        core.set_config_variable("region", region_of(instance, core))
    boto3.session.Session(botocore_session=core).client("dynamodb").get_item(
        TableName="sessions", Key=KEY)


def answer(case):
    place(case["files"])
    os.environ.clear()
    os.environ.update(case["variables"], HOME=str(HOME))
    try:
        get_an_item(case["instance"])
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)

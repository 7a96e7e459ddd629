"""Endpoints beside botocore's own rule engine and AWS's rule sets, for the four services: every
partition with every combination of switches, custom endpoints and accounts."""

import itertools
import os
import subprocess
from pathlib import Path

import botocore.loaders
import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError

SERVICES = ["dynamodb", "sts", "sso", "sso-oidc"]
MODES = ["preferred", "required", "disabled"]
ACCOUNTS = [None, "111122223333", "not.an.account"]

# What botocore's rules refuse -> words of the message here.
REFUSALS = {
    "Invalid Configuration: FIPS and custom endpoint": "URL (from endpoint_url) and FIPS",
    "Invalid Configuration: Dualstack and custom endpoint": "(from endpoint_url) and dual-stack",
    "Endpoint override is not supported for dual-stack": "AWS's own dual-stack endpoint",
    "Invalid Configuration: FIPS and local": "region local (from region) and FIPS",
    "Invalid Configuration: Dualstack and local": "region local (from region) and dual-stack",
    "Invalid Configuration: AccountIdEndpointMode is required and FIPS": "had: FIPS is on",
    "Invalid Configuration: AccountIdEndpointMode is required but account": "had: this region",
    "AccountIdEndpointMode is required but no AccountID": "had: the credentials name no account",
    "Credentials-sourced account ID parameter is invalid": "the account id of the credentials is",
}

loader = botocore.loaders.Loader()
partitions = loader.load_data("partitions")
providers = [
    EndpointProvider(loader.load_service_model(name, "endpoint-rule-set-1"), partitions)
    for name in SERVICES
]


def resolve_with_botocore(service, region, custom, fips, dualstack, mode, account):
    """(URL, signing region, whether it is an account's own), or the error's text."""
    parameters = {
        "Region": region,
        "Endpoint": custom,
        "UseFIPS": fips,
        "UseDualStack": dualstack,
        "AccountIdEndpointMode": mode,
        "AccountId": account,
    }
    known = providers[service].ruleset.parameters
    given = {name for name in known if parameters.get(name) is not None}
    try:
        endpoint = providers[service].resolve_endpoint(**{name: parameters[name] for name in given})
    except EndpointProviderError as error:
        return error.kwargs["msg"]
    schemes = endpoint.properties.get("authSchemes", [{}])
    return (
        endpoint.url,
        schemes[0].get("signingRegion", region),
        endpoint.properties.get("metricValues") == ["O"],
    )


def resolve_here(cases):
    """The same by the extension's code, as the unit program reads and writes it."""
    lines = [
        "\t".join([
            str(service), region, custom or "", str(int(fips)), str(int(dualstack)),
            str(MODES.index(mode)), account or "",
        ])
        for service, region, custom, fips, dualstack, mode, account in cases
    ]
    program = Path(os.environ["DDS_BUILD"]) / "unit/test_endpoint"
    done = subprocess.run(
        [program, "-"], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=120,
        check=True,
    )
    answers = []
    for line in done.stdout.splitlines():
        fields = line.split("\t")
        answers.append(
            fields[1] if fields[0] == "error" else (fields[0], fields[1], fields[2] == "1")
        )
    assert len(answers) == len(cases)
    return answers


def regions_of(partition):
    """Those that botocore lists, and one that it has not heard of but knows by its form."""
    listed = [region for region in partition["regions"] if not region.endswith("-global")]
    return [*listed, listed[0].rsplit("-", 2)[0] + "-new-77"]


def customs_of(region, partition):
    return [
        None,
        "http://localhost:8000",
        "https://proxy.example.com/a/path",
        "http://[fd00:ec2::1]:8443",
        f"https://dynamodb.{region}.{partition['outputs']['dualStackDnsSuffix']}",
    ]


def all_cases():
    for partition in partitions["partitions"]:
        regions = regions_of(partition)
        for region in [*regions, "local"] if partition["id"] == "aws" else regions:
            # All of a partition's regions are tried, each switch on the first and the new one.
            is_first = region in (regions[0], regions[-1], "local")
            yield from itertools.product(
                range(len(SERVICES)),
                [region],
                customs_of(region, partition) if is_first else [None],
                [False, True],
                [False, True],
                MODES if is_first else ["preferred"],
                ACCOUNTS if is_first else ["111122223333"],
            )


def test_endpoints_are_those_of_the_rule_sets():
    cases = list(all_cases())
    assert len(cases) > 10000
    refused = set()
    for case, answer in zip(cases, resolve_here(cases), strict=True):
        expected = resolve_with_botocore(*case)
        if isinstance(expected, str):
            reason = next(start for start in REFUSALS if expected.startswith(start))
            refused.add(reason)
            assert isinstance(answer, str) and REFUSALS[reason] in answer, (case, expected, answer)
        else:
            assert answer == expected, case
    assert refused == set(REFUSALS), "a rule was never met"


# Where the answers differ on purpose: (case, botocore's answer, the answer here), with the reason.
DIFFERENCES = {
    "a slash at the end is dropped, so that paths can be put behind it": (
        ("dynamodb", "us-east-1", "http://localhost:8000/"),
        "http://localhost:8000/",
        "http://localhost:8000",
    ),
    "a URL that cannot be signed and sent as it stands is refused at once": (
        ("dynamodb", "us-east-1", "http://h/a?b=c"),
        "http://h/a?b=c",
        "the endpoint URL is not valid",
    ),
    "a name and a password in a URL would reach messages": (
        ("dynamodb", "us-east-1", "http://user:word@h"),
        "http://user:word@h",
        "the endpoint URL is not valid",
    ),
    "the dual-stack host is known with its port and in capitals too": (
        ("dynamodb", "us-east-1", "https://DynamoDB.us-east-1.api.aws:443"),
        "https://DynamoDB.us-east-1.api.aws:443",
        "AWS's own dual-stack endpoint",
    ),
    "no table is searched through the search endpoint": (
        ("dynamodb", "us-east-1", "https://search-dynamodb.us-east-1.api.aws"),
        "Endpoint override is not supported for dual-stack",
        "https://search-dynamodb.us-east-1.api.aws",
    ),
    "a region is checked beside a custom endpoint too, since it is signed": (
        ("dynamodb", "us/east", "http://h"),
        "http://h",
        "the region is not valid",
    ),
    "a pseudo-region has no tables, so STS's global endpoint is never asked": (
        ("sts", "aws-global", None),
        "https://sts.amazonaws.com",
        "https://sts.aws-global.amazonaws.com",
    ),
    "a partition's regions are known by their beginning alone": (
        ("dynamodb", "cn-north", None),
        "https://dynamodb.cn-north.amazonaws.com",
        "https://dynamodb.cn-north.amazonaws.com.cn",
    ),
}


@pytest.mark.parametrize("reason", DIFFERENCES)
def test_documented_differences(reason):
    (service, region, custom), theirs, ours = DIFFERENCES[reason]
    case = (SERVICES.index(service), region, custom, False, False, "preferred", None)

    def first_text(answer):
        return answer if isinstance(answer, str) else answer[0]

    assert first_text(resolve_with_botocore(*case)).startswith(theirs)
    assert ours in first_text(resolve_here([case])[0])

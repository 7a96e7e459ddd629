"""What of the benchmark can be counted: the canned endpoint answers boto3 as DynamoDB does, each
kind of work sees all of its rows in the requests it should need, and the table says what could not
be measured. No time is asserted."""

import http.client
import json
import subprocess
import sys
import urllib.parse
import zlib
from dataclasses import replace

import boto3
import pytest
from bench import README_BEGIN, README_END, in_turn, measure_all, put_into, summary
from botocore.exceptions import ClientError
from instructions import STOP_ASKED, WORKS, command
from runs import ROOT, Endpoint, Run, Unavailable, WrongAnswer, check, isolated_environment, measure
from targets import HEADINGS, ROWS, RUNS, Result, judge, table

TABLE = "sessions"
ITEMS = 2500
CALLS = 20


@pytest.fixture(scope="module")
def endpoint(build_folder):
    with Endpoint(build_folder, ITEMS) as started:
        yield started


@pytest.fixture(autouse=True)
def counted(request):
    if "endpoint" in request.fixturenames:
        request.getfixturevalue("endpoint").set(0, None)


@pytest.fixture(scope="module")
def dynamodb(endpoint):
    return boto3.client("dynamodb", "us-east-1", endpoint_url=endpoint.url)


def pages(dynamodb, **parameters):
    return list(dynamodb.get_paginator("scan").paginate(TableName=TABLE, **parameters))


def number_bytes(digits):
    return (len(digits.rstrip("0")) + 1) // 2 + 1


def item_bytes(item):
    """By DynamoDB's rule: names, texts in UTF-8, two digits of a number a byte and one more."""
    return sum(
        len(name) + (len(value["S"].encode()) if "S" in value else number_bytes(value["N"]))
        for name, value in item.items()
    )


# ---- the endpoint ---------------------------------------------------------------------------


def test_pages_hold_a_megabyte_of_sessions(dynamodb):
    found = pages(dynamodb)
    assert [page["Count"] for page in found] == [1000, 1000, 500]
    items = [item for page in found for item in page["Items"]]
    assert len({item["sessionId"]["S"] for item in items}) == ITEMS
    # Not one session more would fit.
    smallest = min(item_bytes(item) for item in items)
    for page in found[:2]:
        weight = sum(item_bytes(item) for item in page["Items"])
        assert 2**20 - smallest < weight <= 2**20
    described = dynamodb.describe_table(TableName=TABLE)["Table"]
    assert described["ItemCount"] == ITEMS
    assert described["TableSizeBytes"] == sum(item_bytes(item) for item in items)


def test_items_are_the_stores(dynamodb):
    for item in pages(dynamodb)[0]["Items"]:
        assert set(item) == {"sessionId", "session_data", "expireTime", "expireTime_TTL"}
        session = json.loads(item["session_data"]["S"])
        assert session["cookie"]["expires"].startswith("2100-01-")
        assert int(item["expireTime"]["N"]) == 1000 * int(item["expireTime_TTL"]["N"])
        assert 400 < item_bytes(item) < 1600


@pytest.mark.parametrize("segments", [2, 3, 7])
def test_segments_share_the_table(dynamodb, segments):
    sids = [
        item["sessionId"]["S"]
        for segment in range(segments)
        for page in pages(dynamodb, Segment=segment, TotalSegments=segments)
        for item in page["Items"]
    ]
    assert len(sids) == len(set(sids)) == ITEMS


def test_limit_and_the_key_to_go_on_from(dynamodb):
    first = dynamodb.scan(TableName=TABLE, Limit=3)
    second = dynamodb.scan(
        TableName=TABLE, Limit=2, ExclusiveStartKey=first["LastEvaluatedKey"]
    )
    whole = pages(dynamodb)[0]["Items"]
    assert first["Items"] + second["Items"] == whole[:5]
    # An end by the limit has a key, an end by the table none.
    assert "LastEvaluatedKey" in dynamodb.scan(TableName=TABLE, Limit=1)
    assert "LastEvaluatedKey" not in pages(dynamodb)[-1]
    with pytest.raises(ClientError, match="starting key"):
        dynamodb.scan(TableName=TABLE, ExclusiveStartKey={"sessionId": {"S": "nobody"}})


def test_projections(dynamodb):
    names = {"#a": "sessionId", "#b": "expireTime"}
    page = pages(dynamodb, ProjectionExpression="#a, #b", ExpressionAttributeNames=names)[0]
    assert set(page["Items"][0]) == {"sessionId", "expireTime"}
    page = pages(dynamodb, ProjectionExpression="sessionId")[2]
    assert set(page["Items"][0]) == {"sessionId"}
    assert [page["Count"] for page in pages(dynamodb, ProjectionExpression="sessionId")] == [
        1000, 1000, 500,
    ]


def test_reads_by_key(dynamodb, endpoint):
    sids = endpoint.sids.read_text().split()
    whole = {item["sessionId"]["S"]: item for item in pages(dynamodb)[0]["Items"]}
    assert sids == list(whole)
    key = {"sessionId": {"S": sids[7]}}
    assert dynamodb.get_item(TableName=TABLE, Key=key)["Item"] == whole[sids[7]]
    assert "Item" not in dynamodb.get_item(TableName=TABLE, Key={"sessionId": {"S": "nobody"}})
    keys = [{"sessionId": {"S": sid}} for sid in sids[:99]] + [{"sessionId": {"S": "nobody"}}]
    batch = dynamodb.batch_get_item(RequestItems={TABLE: {"Keys": keys}})
    assert batch["Responses"][TABLE] == [whole[sid] for sid in sids[:99]]
    assert batch["UnprocessedKeys"] == {}


def start_key(sid):
    return {"ExclusiveStartKey": {"sessionId": {"S": sid}}}


@pytest.mark.parametrize(
    "operation, parameters",
    [
        ("Scan", lambda sids: {}),  # a page that is kept
        ("Scan", lambda sids: {"ReturnConsumedCapacity": "TOTAL"}),
        ("Scan", lambda sids: {"ProjectionExpression": "sessionId"}),
        ("Scan", lambda sids: start_key(sids[41])),  # one that is made when it is asked for
        ("GetItem", lambda sids: {"Key": {"sessionId": {"S": sids[0]}}}),
        ("GetItem", lambda sids: {"Key": {"sessionId": {"S": "nobody"}}}),
        ("BatchGetItem", lambda sids: {
            "RequestItems": {TABLE: {"Keys": [{"sessionId": {"S": sid}} for sid in sids[:9]]}}
        }),
        ("ListTables", lambda sids: {}),
    ],
)
def test_each_answer_carries_its_sum_and_id(endpoint, operation, parameters):
    body = json.dumps({"TableName": TABLE, **parameters(endpoint.sids.read_text().split())})
    headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(endpoint.url).netloc)
    ids = set()
    for _ in range(2):
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        assert int(answer.headers["x-amz-crc32"]) == zlib.crc32(content)
        assert answer.headers["Content-Type"] == "application/x-amz-json-1.0"
        ids.add(answer.headers["x-amzn-RequestId"])
    assert len(ids) == 2
    connection.close()


@pytest.mark.parametrize("consistent, page_units", [(False, 128.0), (True, 256.0)])
def test_capacity_is_what_dynamodb_would_bill(dynamodb, consistent, page_units):
    asked = {"ConsistentRead": consistent, "ReturnConsumedCapacity": "TOTAL"}
    page = dynamodb.scan(TableName=TABLE, **asked)
    assert page["ConsumedCapacity"]["CapacityUnits"] == page_units
    assert "ConsumedCapacity" not in dynamodb.scan(TableName=TABLE, ConsistentRead=consistent)


def test_writes_are_counted(dynamodb, endpoint):
    put = {"PutRequest": {"Item": {"sessionId": {"S": "a"}, "session_data": {"S": "{}"}}}}
    dynamodb.batch_write_item(RequestItems={TABLE: [put] * 25})
    with pytest.raises(ClientError, match="1 to 25"):
        dynamodb.batch_write_item(RequestItems={TABLE: [put] * 26})
    change = {"TableName": TABLE, "Key": {"sessionId": {"S": "a"}}}
    dynamodb.transact_write_items(TransactItems=[{"Delete": change}, {"Delete": change}])
    dynamodb.update_item(**change)
    dynamodb.delete_item(**change)
    counts = endpoint.control("/counts")
    assert counts["requests"] == {
        "BatchWriteItem": 2, "TransactWriteItems": 1, "UpdateItem": 1, "DeleteItem": 1,
    }
    assert counts["items"]["BatchWriteItem"] == 25 + 26
    assert counts["items"]["TransactWriteItems"] == 2


def test_what_it_does_not_know_is_refused(dynamodb):
    with pytest.raises(ClientError, match="no filter"):
        dynamodb.scan(TableName=TABLE, Select="COUNT")
    with pytest.raises(ClientError, match="UnknownOperation"):
        dynamodb.list_tables()


def test_a_table_too_large_to_keep_is_the_same(build_folder, dynamodb):
    with Endpoint(build_folder, 130_000) as large:
        client = boto3.client("dynamodb", "us-east-1", endpoint_url=large.url)
        first = client.scan(TableName=TABLE)["Items"]
        assert first == dynamodb.scan(TableName=TABLE)["Items"]
        last = {"sessionId": {"S": large.control("/sids?first=129899")[0]}}
        assert client.scan(TableName=TABLE, ExclusiveStartKey=last)["Count"] == 100


def test_tls(build_folder, authority):
    with Endpoint(build_folder, ITEMS, authority) as endpoint:
        client = boto3.client(
            "dynamodb", "us-east-1", endpoint_url=endpoint.url, verify=str(authority.path)
        )
        assert [page["Count"] for page in pages(client)] == [1000, 1000, 500]
        for program in ("extension", "floor"):
            result = run(Run("get", program, "get", endpoint="tls", calls=CALLS), endpoint,
                         build_folder)
            assert result["counts"]["connections"] >= 2


# ---- the runs -------------------------------------------------------------------------------


def run(work, endpoint, build_folder=None):
    return measure(work, {work.endpoint: endpoint}, build_folder)


@pytest.mark.parametrize("work", ["scan", "sids", "count"])
def test_the_extension_scans(endpoint, build_folder, work):
    result = run(Run(work, "extension", work), endpoint, build_folder)
    requests = result["counts"]["requests"]
    assert 3 <= requests["Scan"] <= 3 + result["counts"]["segments"]
    assert requests.get("DescribeTable", 0) <= 1
    assert result["peak_kb"] > 0 and result["cpu_s"] > 0


def test_the_extension_reads_by_key(endpoint, build_folder):
    result = run(Run("get", "extension", "get", calls=CALLS), endpoint, build_folder)
    assert set(result["counts"]["requests"]) == {"GetItem"}
    run(Run("in", "extension", "in", calls=1), endpoint, build_folder)


def test_the_extension_writes(endpoint, build_folder):
    result = run(Run("put", "extension", "replace", rows=240), endpoint, build_folder)
    assert result["counts"]["requests"]["BatchWriteItem"] == 10
    result = run(Run("update", "extension", "update", calls=CALLS), endpoint, build_folder)
    assert set(result["counts"]["requests"]) == {"GetItem", "UpdateItem"}


@pytest.mark.parametrize("work", ["download", "keys", "get", "update", "put", "in"])
def test_libcurl_alone_does_the_same(endpoint, build_folder, work):
    calls = 0 if work in ("download", "keys", "put") else CALLS
    rows = 240 if work == "put" else 0
    result = run(Run(work, "floor", work, calls=calls, rows=rows), endpoint, build_folder)
    requests = result["counts"]["requests"]
    expected = {
        "download": {"Scan": 3}, "keys": {"Scan": 3}, "put": {"BatchWriteItem": 10},
        "get": {"GetItem": 70}, "update": {"GetItem": 70, "UpdateItem": 70},
        "in": {"BatchGetItem": 10 * (CALLS + 1)},
    }
    assert requests == expected[work]


@pytest.mark.parametrize("work", ["scan", "get", "store", "connect", "put"])
def test_node_does_the_same(endpoint, work):
    run(Run(work, "node", work, calls=CALLS, rows=60), endpoint)


@pytest.mark.parametrize("work", ["scan", "get", "put"])
def test_boto3_does_the_same(endpoint, work):
    run(Run(work, "boto3", work, calls=CALLS, rows=60), endpoint)


def test_a_wrong_answer_is_none(endpoint, build_folder):
    work = Run("scan", "extension", "scan")
    result = run(work, endpoint, build_folder)
    for change in ({"rows": ITEMS - 1}, {"bytes": result["bytes"] + 1}):
        with pytest.raises(WrongAnswer, match="scan: "):
            check(work, {**result, **change}, endpoint)


# ---- the table ------------------------------------------------------------------------------


def sample(**changes):
    counts = {"segments": 1, "most_pending": 10, "requests": {"BatchGetItem": 10 * 6}}
    return {
        "wall_s": 0.2, "cpu_s": 0.1, "peak_kb": 20_000, "rows": 100_000, "bytes": 130_000_000,
        "calls": 5, "p50_us": 40.0, "counts": counts, **changes,
    }


def results(**changes):
    return {run.name: Result([sample(**changes)]) for run in RUNS}


def row(work):
    return next(row for row in ROWS if row.work == work)


def test_each_target_needs_what_is_run():
    known = {run.name for run in RUNS}
    assert len(known) == len(RUNS)
    assert known >= {name for row in ROWS for name in row.needs}
    assert all(judge(row, results(), {})["measured"] for row in ROWS)


@pytest.mark.parametrize("wall, met", [(0.2, "yes"), (0.3, "**no**")])
def test_a_target_is_met_or_not(wall, met):
    judged = judge(row("scan, all columns, 0 ms"), results(wall_s=wall), {})
    assert judged["met"] == met and judged["memory"] == "20 MB"


def test_medians_and_the_highest_memory():
    rounds = ((3, 1000), (1, 9000), (2, 2000))
    samples = [sample(wall_s=wall, peak_kb=peak) for wall, peak in rounds]
    assert (Result(samples).wall_s, Result(samples).peak_mb) == (2, 9)


def test_runs_with_turns_alternate():
    runs = [Run("a", "floor", "get"), Run("b", "floor", "get", turns=2),
            Run("c", "floor", "get", turns=2), Run("d", "floor", "get")]
    assert [run.name for run in in_turn(runs)] == ["a", "b", "c", "b", "c", "d"]


def test_a_difference_is_that_of_neighbours():
    """The machine is slow in the second turn, and for libcurl in the third as well."""
    found = {**results(),
             "libcurl get": Result([sample(p50_us=us) for us in (20, 30, 30)]),
             "get": Result([sample(p50_us=us) for us in (36, 54, 37)])}
    judged = judge(row("GetItem by sid, same core, p50"), found, {})
    assert judged["measured"] == "+16 µs" and judged["is_met"]


def test_the_summary_counts_what_can_be_judged():
    judged = [{"is_met": True}, {"is_met": False}, {"is_met": None}]
    assert summary(judged, 5, load=0).startswith("1 of 2 targets met; medians of 5 rounds")
    assert "busy" not in summary(judged, 5, load=0) and "busy" in summary(judged, 5, load=1000)


def test_requests_count_for_a_target_too():
    name = "sid IN (1,000 keys), 2 ms"
    assert judge(row(name), results(p50_us=7000), {})["is_met"]
    more = {"segments": 1, "most_pending": 1, "requests": {"GetItem": 6000}}
    assert not judge(row(name), results(p50_us=7000, counts=more), {})["is_met"]


def test_a_peer_that_does_not_run_is_named(endpoint, build_folder, monkeypatch):
    broken = Run("Node scan", "node", "scan")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match="node is not there"):
        run(broken, endpoint)
    samples, failures = measure_all([broken], 2, build_folder, lambda text: None)
    assert (samples, failures) == ({}, {"Node scan": "node is not there"})
    found = {name: result for name, result in results().items() if name not in failures}
    judged = [judge(row, found, failures) for row in ROWS]
    missed = [row for row in judged if row["met"] == "not run"]
    assert [row["why"] for row in missed] == ["node is not there"]
    lines = table(judged).splitlines()
    assert len(lines) == len(ROWS) + 2
    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == list(HEADINGS)


def test_the_readme_shows_what_was_printed():
    text = (ROOT / "README.md").read_text()
    changed = put_into(text, "| a table |")
    assert "\n\n| a table |\n\n" in changed
    assert put_into(changed, "| another |") == put_into(text, "| another |")
    shown = text.split(README_BEGIN)[1].split(README_END)[0]
    assert all(row.work in shown for row in ROWS) and "targets met" in shown


def test_instructions_are_those_of_the_work_alone(endpoint, extension):
    """Not of what wall time decides: callgrind leaves out the function by its name, which the
    library must have; and not of the caller's environment."""
    names = subprocess.run(["nm", extension], capture_output=True, text=True, check=True).stdout
    assert f" t {STOP_ASKED}\n" in names
    for work in WORKS:
        ours = command("run_extension", work.ours, endpoint, work.full)
        assert f"--toggle-collect={STOP_ASKED}" in ours and "--collect-atstart=yes" in ours
        assert (work.full, False) != (work.none, work.is_none_empty)
    assert set(isolated_environment(only=["PATH"])) == {"PATH", *(
        name for name in isolated_environment(only=[]) if name.startswith("AWS_"))}


def test_a_write_of_no_calls_is_all_but_the_writing(endpoint, build_folder):
    none = Run("put", "extension", "replace", arguments=("--rows", "240", "--calls", "0"))
    requests = measure(none, {none.endpoint: endpoint}, build_folder)["counts"]["requests"]
    assert requests.get("Scan", 0) > 0 and "BatchWriteItem" not in requests


def test_a_run_that_fails_says_why(endpoint, build_folder):
    wrong = replace(Run("scan", "extension", "scan"), arguments=("--options", "colour=1"))
    with pytest.raises(Unavailable, match="unknown option"):
        run(wrong, endpoint, build_folder)


def test_programs_say_what_they_know(build_folder):
    for program in ("run_extension", "floor"):
        done = subprocess.run([build_folder / "bench" / program, "dance"], capture_output=True)
        assert done.returncode == 2 and b"kind of work" in done.stderr
    done = subprocess.run(
        [sys.executable, ROOT / "tests/bench/bench.py", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "--rounds" in done.stdout

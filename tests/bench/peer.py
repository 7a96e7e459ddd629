"""The same work by boto3; prints the line of JSON that run_extension.c prints:

    python peer.py scan | get | put --endpoint URL [--calls N] [--rows N] [--sids FILE]

`scan` is the client's paginator, `get` the client's get_item, `put` batch_writer, the way to write
many items that boto3's documentation shows.
"""

import argparse
import json
import resource
import statistics
import time
from pathlib import Path

import boto3

WARM_UP_CALLS = 50


class Seen:
    """What a run saw and took; `with` it for the stretch that is measured."""

    def __init__(self):
        self.rows = self.bytes = self.calls = 0
        self.times = []

    def __enter__(self):
        self.cpu = time.process_time()
        self.begin = time.perf_counter()

    def __exit__(self, *_):
        self.wall = time.perf_counter() - self.begin
        self.cpu = time.process_time() - self.cpu

    def count(self, item):
        self.rows += 1
        self.bytes += len(item["session_data"]["S"].encode())

    def line(self):
        status = Path("/proc/self/status")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if status.exists():
            # ru_maxrss is inherited from the process that started this one; this is not.
            peak = next(int(line.split()[1]) for line in status.read_text().splitlines()
                        if line.startswith("VmHWM"))
        p50 = statistics.median(self.times) * 1e6 if self.times else 0
        return json.dumps(dict(wall_s=self.wall, cpu_s=self.cpu, peak_kb=peak, rows=self.rows,
                               bytes=self.bytes, calls=self.calls, p50_us=p50))


def scan(seen, options):
    client = boto3.client("dynamodb", endpoint_url=options.endpoint)
    with seen:
        for page in client.get_paginator("scan").paginate(TableName="sessions"):
            for item in page["Items"]:
                seen.count(item)
            seen.calls += 1


def get(seen, options):
    client = boto3.client("dynamodb", endpoint_url=options.endpoint)
    sids = options.sids.read_text().split()

    def call(index):
        key = {"sessionId": {"S": sids[index % len(sids)]}}
        return client.get_item(TableName="sessions", Key=key)["Item"]

    for index in range(WARM_UP_CALLS):
        call(index)
    with seen:
        for index in range(options.calls):
            begin = time.perf_counter()
            seen.count(call(index))
            seen.times.append(time.perf_counter() - begin)
    seen.calls = options.calls


def put(seen, options):
    table = boto3.resource("dynamodb", endpoint_url=options.endpoint).Table("sessions")
    session = json.dumps({"cookie": {"originalMaxAge": 86400000}, "note": "x" * 900})
    with seen, table.batch_writer() as batch:
        for index in range(options.rows):
            batch.put_item(Item={"sessionId": f"put-{index}", "session_data": session,
                                 "expireTime": 4102444800000, "expireTime_TTL": 4102444800})
            seen.rows += 1
    seen.calls = (options.rows + 24) // 25


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=("scan", "get", "put"))
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--sids", type=Path)
    options = parser.parse_args()
    seen = Seen()
    globals()[options.work](seen, options)
    print(seen.line())


if __name__ == "__main__":
    main()

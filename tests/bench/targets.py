"""What is measured, what it is held against, and the table that says so.

A target is a figure, or a ratio or difference to a floor (libcurl alone) or a peer measured in the
same run, since absolute times differ by a third from run to run. "Reading" is the CPU time of the
extension's scan at no latency: what the one thread is busy with whatever it waits for.
"""

from dataclasses import dataclass
from statistics import median
from typing import Callable

from runs import CLI_ITEMS, Run, WARM_UP_CALLS

SEQUENTIAL = ("--options", "total_segments=1")
LONG_TURNS = 3  # a round, of what takes a tenth of a second
TURNS = 5
GET_CALLS = 1000  # a turn
WAITING_CALLS = 400  # where each waits 2 ms
UPDATE_CALLS = 500
PEER_CALLS = 1000
PUT_ROWS = 10_000
IN_KEYS = 1000

RUNS = (
    # ---- scans
    Run("download", "floor", "download"),
    Run("scan", "extension", "scan", turns=LONG_TURNS),
    Run("sids", "extension", "sids"),
    Run("count", "extension", "count"),
    Run("download 2 ms", "floor", "download", latency_ms=2),
    Run("download 5 ms", "floor", "download", latency_ms=5),
    Run("scan in sequence", "extension", "scan", arguments=SEQUENTIAL, turns=LONG_TURNS),
    Run("scan 2 ms", "extension", "scan", latency_ms=2, arguments=SEQUENTIAL, turns=LONG_TURNS),
    Run("scan 5 ms", "extension", "scan", latency_ms=5, turns=LONG_TURNS),
    Run("scan of a million", "extension", "scan", endpoint="million", every=0),
    # ---- by key
    Run("libcurl get", "floor", "get", same_core=True, calls=GET_CALLS, turns=TURNS),
    Run("get", "extension", "get", same_core=True, calls=GET_CALLS, turns=TURNS),
    Run("libcurl get 2 ms", "floor", "get", latency_ms=2, same_core=True, calls=WAITING_CALLS),
    Run("get 2 ms", "extension", "get", latency_ms=2, same_core=True, calls=WAITING_CALLS),
    Run("libcurl in 2 ms", "floor", "in", latency_ms=2, calls=5),
    Run("in 2 ms", "extension", "in", latency_ms=2, calls=5),
    # ---- writes
    Run("libcurl update", "floor", "update", same_core=True, calls=UPDATE_CALLS, turns=TURNS),
    Run("update", "extension", "update", same_core=True, calls=UPDATE_CALLS, turns=TURNS),
    Run("libcurl put 1 2 ms", "floor", "put", latency_ms=2, rows=PUT_ROWS,
        arguments=("--in-flight", "1")),
    Run("libcurl put 8 2 ms", "floor", "put", latency_ms=2, rows=PUT_ROWS,
        arguments=("--in-flight", "8")),
    Run("libcurl put 16 2 ms", "floor", "put", latency_ms=2, rows=PUT_ROWS,
        arguments=("--in-flight", "16"), turns=LONG_TURNS),
    Run("replace 2 ms", "extension", "replace", latency_ms=2, rows=PUT_ROWS, turns=LONG_TURNS),
    # ---- TLS
    Run("TLS download", "floor", "download", endpoint="tls", turns=LONG_TURNS),
    Run("TLS scan", "extension", "scan", endpoint="tls", turns=LONG_TURNS),
    Run("TLS libcurl get", "floor", "get", endpoint="tls", same_core=True, calls=GET_CALLS,
        turns=TURNS),
    Run("TLS get", "extension", "get", endpoint="tls", same_core=True, calls=GET_CALLS,
        turns=TURNS),
    # ---- peers
    Run("Node scan", "node", "scan", every=2),
    Run("boto3 scan", "boto3", "scan", every=2),
    Run("AWS CLI scan", "cli", "scan", every=2),
    Run("Node get", "node", "get", calls=PEER_CALLS, every=2),
    Run("Node store get", "node", "store", calls=PEER_CALLS, every=2),
    Run("Node connect get", "node", "connect", calls=PEER_CALLS, every=2),
    Run("boto3 get", "boto3", "get", calls=PEER_CALLS, every=2),
    Run("AWS CLI get", "cli", "get", every=2),
    Run("Node put 2 ms", "node", "put", latency_ms=2, rows=PUT_ROWS, every=2),
    Run("boto3 put 2 ms", "boto3", "put", latency_ms=2, rows=PUT_ROWS, every=2),
)


class Result:
    """The medians of a run over its rounds."""

    def __init__(self, samples):
        self.samples = samples
        for name in ("wall_s", "cpu_s", "p50_us", "rows", "bytes", "calls"):
            setattr(self, name, median(sample[name] for sample in samples))
        # The highest: memory must hold in each round.
        self.peak_mb = max(sample["peak_kb"] for sample in samples) / 1000
        self.counts = samples[-1]["counts"]

    @property
    def rows_per_s(self):
        return self.rows / self.wall_s

    @property
    def cpu_us_per_call(self):
        return self.cpu_s * 1e6 / self.calls

    @property
    def segments(self):
        return max(1, self.counts["segments"])

    def requests(self, *operations):
        return sum(self.counts["requests"].get(name, 0) for name in operations)


# ---- rows of the table ----------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """`needs` are names of RUNS, given to `floor`, `ours` and `value` as Results in that order; the
    first is the extension's, whose memory is shown. `value` is compared with `bound`."""

    work: str
    needs: tuple
    floor: Callable
    ours: Callable
    value: Callable
    unit: str  # a format for the value
    bound: float | Callable | None = None
    at_least: bool = False
    also: Callable = lambda *_: True  # what must hold besides
    target: str = ""


def ms(seconds):
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def us(microseconds):
    return ms(microseconds / 1e6) if microseconds >= 1000 else f"{microseconds:.0f} µs"


def gb(download):
    return download.bytes / 1e9


def reading(sequence):
    return sequence.cpu_s


def bounds_of_scan(download, sequence, segments=1):
    return max(download.wall_s / segments, reading(sequence))


def memory_bound(scan, *_):
    return 30 if scan.segments <= 4 else 12 + 2.6 * scan.segments


def against_peer(work, ours, peer, name, ratio, bound, show):
    return Row(
        work, (ours, peer),
        floor=lambda mine, other: f"{name} {show(other)}",
        ours=lambda mine, other: show(mine),
        value=ratio, unit="{:,.1f} ×", bound=bound, at_least=True,
        target=f"≥ {bound} ×" if bound else "",
    )


def wall_ratio(mine, other):
    return other.wall_s / mine.wall_s


def rate_ratio(mine, other):
    return mine.rows_per_s / other.rows_per_s


def cpu_ratio(mine, other):
    return other.cpu_us_per_call / mine.cpu_us_per_call


def show_wall(result):
    return ms(result.wall_s)


def show_cpu(result):
    return f"{us(result.cpu_us_per_call)} CPU"


def show_rate(result):
    return f"{result.rows_per_s:,.0f} rows/s"


SCAN_ROWS = (
    Row("scan, all columns, 0 ms", ("scan", "download"),
        floor=lambda scan, download: f"download {ms(download.wall_s)}",
        ours=lambda scan, download: ms(scan.wall_s),
        value=lambda scan, download: scan.rows_per_s, unit="{:,.0f} rows/s",
        bound=450_000, at_least=True, target="≥ 450,000 rows/s"),
    Row("the same, CPU", ("scan", "download"),
        floor=lambda scan, download: f"download {download.cpu_s / gb(download):.2g} s/GB",
        ours=lambda scan, download: f"{scan.cpu_s:.2g} s",
        value=lambda scan, download: scan.cpu_s / gb(download), unit="{:.2f} s/GB",
        bound=1.8, target="≤ 1.8 s/GB"),
    Row("SELECT sid", ("sids", "download"),
        floor=lambda sids, download: "", ours=lambda sids, download: ms(sids.wall_s),
        value=lambda sids, download: sids.rows_per_s, unit="{:,.0f} rows/s"),
    Row("SELECT count(*)", ("count", "download"),
        floor=lambda count, download: "", ours=lambda count, download: ms(count.wall_s),
        value=lambda count, download: count.rows_per_s, unit="{:,.0f} rows/s"),
    Row("memory, scan of 1,000,000", ("scan of a million",),
        floor=lambda scan: "", ours=lambda scan: f"{ms(scan.wall_s)}, segments: {scan.segments}",
        value=lambda scan: scan.peak_mb, unit="{:.1f} MB", bound=memory_bound,
        target="≤ 30 MB up to 4 segments, else 12 + 2.6 a segment"),
    Row("scan, 2 ms, one segment", ("scan 2 ms", "download 2 ms", "scan in sequence"),
        floor=lambda scan, download, sequence:
        f"download {ms(download.wall_s)}, reading {ms(reading(sequence))}",
        ours=lambda scan, download, sequence: ms(scan.wall_s),
        value=lambda scan, download, sequence: scan.wall_s / bounds_of_scan(download, sequence),
        unit="{:.2f} ×", bound=1.1, target="≤ 1.1 × the larger"),
    Row("scan, 5 ms, segments by itself", ("scan 5 ms", "download 5 ms", "scan in sequence"),
        floor=lambda scan, download, sequence:
        f"download {ms(download.wall_s)} / {scan.segments}, reading {ms(reading(sequence))}",
        ours=lambda scan, download, sequence: ms(scan.wall_s),
        value=lambda scan, download, sequence:
        scan.wall_s / bounds_of_scan(download, sequence, scan.segments),
        unit="{:.2f} ×", bound=1.2, target="≤ 1.2 × the larger"),
)


def microseconds_above(mine, other):
    """The median of the differences, each of two runs one after the other."""
    return median(one["p50_us"] - two["p50_us"] for one, two in zip(mine.samples, other.samples))


def difference(work, ours, floor, more_us, also=lambda *_: True, calls="GetItem"):
    return Row(
        work, (ours, floor),
        floor=lambda mine, other: f"libcurl {us(other.p50_us)}",
        ours=lambda mine, other: us(mine.p50_us),
        value=microseconds_above, unit="{:+.0f} µs",
        bound=more_us, also=also, target=f"≤ floor + {more_us} µs",
    )


def is_two_requests(update, _):
    statements = UPDATE_CALLS + WARM_UP_CALLS
    return update.requests("GetItem", "UpdateItem", "BatchGetItem") == 2 * statements


def in_requests(result):
    return result.requests("BatchGetItem", "GetItem") / (result.calls + 1)


KEY_ROWS = (
    difference("GetItem by sid, same core, p50", "get", "libcurl get", 20),
    difference("the same at 2 ms", "get 2 ms", "libcurl get 2 ms", 100),
    Row("sid IN (1,000 keys), 2 ms", ("in 2 ms", "libcurl in 2 ms"),
        floor=lambda mine, other: f"libcurl {us(other.p50_us)}",
        ours=lambda mine, other: f"{in_requests(mine):.0f} requests, "
        f"{mine.counts['most_pending']} in flight",
        value=lambda mine, other: mine.p50_us / 1000, unit="{:,.1f} ms", bound=8,
        also=lambda mine, other: in_requests(mine) == 10, target="10 requests, ≤ 8 ms"),
    Row("INSERT OR REPLACE … SELECT, 10,000 rows, 2 ms", ("replace 2 ms", "libcurl put 16 2 ms"),
        floor=lambda mine, other: f"libcurl {show_rate(other)}",
        ours=lambda mine, other: f"{ms(mine.wall_s)}, {mine.counts['most_pending']} in flight",
        value=lambda mine, other: mine.rows_per_s, unit="{:,.0f} rows/s", bound=70_000,
        at_least=True, target="≥ 70,000 rows/s"),
    difference("UPDATE by sid, same core, p50", "update", "libcurl update", 60, is_two_requests),
    difference("GetItem over TLS, same core, p50", "TLS get", "TLS libcurl get", 25),
    Row("scan over TLS", ("TLS scan", "TLS download"),
        floor=lambda scan, download: f"download {ms(download.wall_s)}",
        ours=lambda scan, download: ms(scan.wall_s),
        value=lambda scan, download: scan.wall_s / download.wall_s, unit="{:.2f} ×", bound=2.2,
        target="≤ 2.2 × the download"),
)

PEER_ROWS = (
    against_peer("scan", "scan", "Node scan", "Node SDK", wall_ratio, 8, show_wall),
    against_peer("scan", "scan", "boto3 scan", "boto3", wall_ratio, 8, show_wall),
    against_peer(f"scan, {CLI_ITEMS:,} sessions", "scan", "AWS CLI scan", "AWS CLI, jq",
                 rate_ratio, None, show_rate),
    against_peer("GetItem", "get", "Node get", "Node SDK", cpu_ratio, 20, show_cpu),
    against_peer("GetItem", "get", "Node store get", "serverless-dynamodb-session-store",
                 cpu_ratio, 20, show_cpu),
    against_peer("GetItem", "get", "Node connect get", "connect-dynamodb", cpu_ratio, 20,
                 show_cpu),
    against_peer("GetItem", "get", "boto3 get", "boto3", cpu_ratio, 20, show_cpu),
    against_peer("GetItem", "get", "AWS CLI get", "AWS CLI, a process each", cpu_ratio, None,
                 show_cpu),
    against_peer("10,000 rows written, 2 ms", "replace 2 ms", "Node put 2 ms", "Node SDK",
                 rate_ratio, 15, show_rate),
    against_peer("10,000 rows written, 2 ms", "replace 2 ms", "boto3 put 2 ms", "boto3",
                 rate_ratio, 15, show_rate),
)

ROWS = SCAN_ROWS + KEY_ROWS + PEER_ROWS


# ---- the table ------------------------------------------------------------------------------

HEADINGS = ("work", "floor or peer", "this extension", "target", "measured", "memory", "met")


def judge(row, results, failures):
    """One row as a dict: the texts of HEADINGS, and the figures for the JSON."""
    missing = [name for name in row.needs if name not in results]
    made = dict.fromkeys(HEADINGS, "")
    made.update(work=row.work, target=row.target)
    if missing:
        why = failures.get(missing[0], "it was not run")
        made.update({"floor or peer": missing[0], "met": "not run"})
        return {**made, "value": None, "bound": None, "is_met": None, "why": why}
    given = [results[name] for name in row.needs]
    value = row.value(*given)
    bound = row.bound(*given) if callable(row.bound) else row.bound
    is_met = None
    if bound is not None:
        is_met = (value >= bound if row.at_least else value <= bound) and row.also(*given)
    made.update({
        "floor or peer": row.floor(*given),
        "this extension": row.ours(*given),
        "measured": row.unit.format(value),
        "memory": f"{given[0].peak_mb:.0f} MB",
        "met": {True: "yes", False: "**no**", None: ""}[is_met],
    })
    return {**made, "value": value, "bound": bound, "is_met": is_met, "why": None}


def table(judged):
    """Markdown, in columns."""
    rows = [HEADINGS, *([row[name] for name in HEADINGS] for row in judged)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]

    def line(cells):
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"

    return "\n".join([line(rows[0]), line(["-" * width for width in widths]),
                      *(line(row) for row in rows[1:])])

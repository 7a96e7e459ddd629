"""A scripted HTTP endpoint over real sockets: faults where a test asks for them.

    with ScriptedEndpoint(forward_to=endpoint) as server:
        server.queue(aws_error("ProvisionedThroughputExceededException"))  # the next request
        server.inject(Response(reset=True), operation="PutItem", at=2)      # the second PutItem
        server.handler = lambda request: Response(json={}) if ... else None # asked for the others
        ... use server.url ...
        assert [request.operation for request in server.requests] == [...]

Without a fault the requests go on to DynamoDB Local. A request is answered by the first of these
that has an answer: an injected fault that it meets, the queue, the handler, the server that it
forwards to. If none has, it is a 500 that says so.

It speaks TLS where it is given a context (tests/certificates.py), and it is an HTTP proxy too: what
it is asked for by a whole URL it answers itself, and so it does at the end of a tunnel (CONNECT).
"""

import http.client
import http.server
import json as json_module
import socket
import struct
import threading
import urllib.parse
import zlib
from dataclasses import dataclass, field


@dataclass
class Request:
    """One received request; header names are lower case."""

    method: str
    path: str
    headers: dict
    body: bytes
    connection: int  # which connection it came on: 1, 2, ...
    through: str = ""  # asked as a proxy: the host, and port, that it is meant for

    @property
    def operation(self):
        """The DynamoDB operation, as "PutItem"; empty for other requests."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]

    def json(self):
        return json_module.loads(self.body)


@dataclass
class Response:
    """What to answer. The defaults make a good answer of DynamoDB's; each fault is a field."""

    status: int = 200
    json: object = None  # becomes the body
    body: bytes = b""
    headers: dict = field(default_factory=dict)  # added; a value of None leaves that header out
    crc32: str = "right"  # of x-amz-crc32: "right", "wrong" or "none"
    delay_s: float = 0  # before the answer
    hold: threading.Event = None  # before the answer: waits until the test sets it
    truncate_bytes: int = None  # sends so much of the body, then closes
    reset: bool = False  # no answer: the connection is reset
    close: bool = False  # closes the connection after the answer
    raw: object = None  # in place of all that, status line too: bytes, or pieces of them; closes
    pause_s: float = 0  # after each piece of raw
    forward_first: bool = False  # the server does it, but this is what the client hears

    def payload(self):
        if self.json is not None:
            return json_module.dumps(self.json).encode()
        return self.body


def aws_error(code, message="", status=400, **fields):
    """An error as DynamoDB words it; 5xx by status. Further fields are Response's."""
    prefix = "com.amazonaws.dynamodb.v20120810#"
    return Response(status=status, json={"__type": prefix + code, "message": message}, **fields)


def ten_pages(request):
    """A handler: of a Scan ten pages of five expired sessions of connect-dynamodb, 1.5 units and a
    tenth of a second each; of any other operation one unit."""
    if request.operation != "Scan":
        return Response(json={"ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.0}})
    page = int(request.json().get("ExclusiveStartKey", {"id": {"S": "0"}})["id"]["S"])
    items = [{"id": {"S": f"sess:{page}-{i}"}, "expires": {"N": "1"}} for i in range(5)]
    more = {"LastEvaluatedKey": {"id": {"S": str(page + 1)}}} if page < 9 else {}
    return Response(delay_s=0.1, json={
        "Items": items, "Count": 5, "ScannedCount": 5,
        "ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.5}, **more})


@dataclass
class _Fault:
    response: Response
    operation: str
    matches: object
    at: int
    seen: int = 0


class ScriptedEndpoint:
    def __init__(self, forward_to=None, handler=None, tls=None, tunnel_tls=None):
        """`tls` is the ssl.SSLContext of every connection, `tunnel_tls` that of what comes through
        a tunnel; without it CONNECT is refused."""
        self.handler = handler
        self.tls = tls
        self.tunnel_tls = tunnel_tls
        self.requests = []
        self.connections = 0
        self._forward_to = urllib.parse.urlsplit(forward_to).netloc if forward_to else None
        self._queue = []
        self._faults = []
        self._lock = threading.Lock()
        self._sockets = set()
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.endpoint = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % ("https" if self.tls else "http", self.port)

    @property
    def port(self):
        return self._server.server_address[1]

    def queue(self, *responses):
        """Answers for the requests to come, in order, whatever they ask."""
        with self._lock:
            self._queue.extend(responses)

    def inject(self, response, operation=None, at=1, matches=None):
        """Answers the at-th request (from 1, counted from now) of an operation, or of those for
        which matches(request) is true, by this response; at=0: every one of them."""
        with self._lock:
            self._faults.append(_Fault(response, operation, matches, at))

    def operations(self):
        """The operations received, in order."""
        with self._lock:
            return [request.operation for request in self.requests]

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        self._server.shutdown()
        with self._lock:
            open_sockets = list(self._sockets)
        for connection in open_sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._server.server_close()
        self._thread.join()

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    def _opened(self, connection):
        with self._lock:
            self._sockets.add(connection)
            self.connections += 1
            return self.connections

    def _replaced(self, old, new):
        with self._lock:
            self._sockets.discard(old)
            self._sockets.add(new)

    def _closed(self, connection):
        with self._lock:
            self._sockets.discard(connection)

    def _scripted(self, request):
        with self._lock:
            self.requests.append(request)
            met = None
            for fault in self._faults:
                if fault.operation not in (None, request.operation):
                    continue
                if fault.matches and not fault.matches(request):
                    continue
                fault.seen += 1
                if met is None and fault.at in (0, fault.seen):
                    met = fault.response
            if met is None and self._queue:
                met = self._queue.pop(0)
            return met

    def _answer(self, request):
        response = self._scripted(request)
        if response is None and self.handler:
            response = self.handler(request)
        if response is None and self._forward_to:
            return self._forward(request)
        if response is None:
            return aws_error("InternalServerError", "nothing was scripted for this", status=500)
        if response.forward_first:
            self._forward(request)
        return response

    def _forward(self, request):
        upstream = http.client.HTTPConnection(self._forward_to, timeout=60)
        try:
            kept = {
                name: value
                for name, value in request.headers.items()
                if name not in ("host", "connection", "content-length", "expect")
            }
            upstream.request(request.method, request.path, body=request.body, headers=kept)
            answer = upstream.getresponse()
            body = answer.read()
            headers = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in ("connection", "content-length", "transfer-encoding", "date")
            }
            return Response(status=answer.status, body=body, headers=headers, crc32="none")
        finally:
            upstream.close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        # A client that goes away in the middle is what the faults provoke.
        pass


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        self.endpoint = self.server.endpoint
        self.through = ""
        if self.endpoint.tls:
            self.request = self.endpoint.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.number = self.endpoint._opened(self.connection)

    def finish(self):
        self.endpoint._closed(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, *_):
        pass

    def _request(self):
        through, path = self.through, self.path
        if path.startswith("http://"):
            through, _, rest = path.removeprefix("http://").partition("/")
            path = "/" + rest
        length = int(self.headers.get("content-length") or 0)
        return Request(
            method=self.command,
            path=path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
            connection=self.number,
            through=through,
        )

    def _serve(self):
        self._send(self.endpoint._answer(self._request()))

    def do_CONNECT(self):
        """Opens the tunnel, unless something else is scripted, and stands at its end itself."""
        response = self.endpoint._scripted(self._request())
        if response is None and self.endpoint.tunnel_tls is None:
            response = Response(status=405)
        if response is not None:
            self._send(response)
            return
        self.send_response_only(200)
        self.end_headers()
        self.close_connection = False
        self.through = self.path
        plain = self.connection
        self.request = self.endpoint.tunnel_tls.wrap_socket(plain, server_side=True)
        super().setup()
        self.endpoint._replaced(plain, self.connection)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve

    def _send(self, response):
        if response.hold:
            while not response.hold.wait(0.05) and not self.endpoint._stopping.is_set():
                pass
        if response.delay_s:
            self.endpoint._stopping.wait(response.delay_s)
        if response.reset:
            # Zero linger: the close is a RST.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        if response.raw is not None:
            self._send_raw(response)
            return
        body = response.payload()
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "x-amzn-RequestId": "SCRIPTED%016d" % len(self.endpoint.requests),
            "Content-Length": str(len(body)),
        }
        if response.crc32 != "none":
            sum_of_body = zlib.crc32(body) ^ (0xFFFF if response.crc32 == "wrong" else 0)
            headers["x-amz-crc32"] = str(sum_of_body)
        if response.close:
            headers["Connection"] = "close"
        given = {name.lower() for name in response.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in given}
        headers.update(response.headers)
        self.send_response_only(response.status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if response.truncate_bytes is not None:
            body = body[: response.truncate_bytes]
            self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(body)
        if response.close:
            self.close_connection = True

    def _send_raw(self, response):
        self.close_connection = True
        for piece in [response.raw] if isinstance(response.raw, bytes) else response.raw:
            self.wfile.write(piece)
            if self.endpoint._stopping.wait(response.pause_s):
                return

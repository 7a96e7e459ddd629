"""The scripted endpoint itself: boto3 and plain sockets must see the faults that a test orders."""

import http.client
import threading
import urllib.parse
import zlib

import boto3
import botocore.config
import botocore.exceptions
import pytest
from scripted_endpoint import Response, ScriptedEndpoint, aws_error


def client_of(url, attempts=1):
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=botocore.config.Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
    )


def post(url, body=b"{}"):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
    try:
        connection.request("POST", "/", body=body)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_forwards_what_is_not_scripted(scripted_endpoint, make_table, dynamodb):
    name = make_table()
    client_of(scripted_endpoint.url).put_item(TableName=name, Item={"id": {"S": "a"}})
    assert "Item" in dynamodb.get_item(TableName=name, Key={"id": {"S": "a"}})
    assert scripted_endpoint.operations() == ["PutItem"]
    assert scripted_endpoint.requests[0].json()["Item"] == {"id": {"S": "a"}}


def test_injects_on_the_request_asked_for(scripted_endpoint, make_table):
    name = make_table()
    scripted_endpoint.inject(aws_error("ThrottlingException", "slow"), operation="PutItem", at=2)
    client = client_of(scripted_endpoint.url)
    client.put_item(TableName=name, Item={"id": {"S": "a"}})
    client.get_item(TableName=name, Key={"id": {"S": "a"}})
    with pytest.raises(botocore.exceptions.ClientError, match="ThrottlingException"):
        client.put_item(TableName=name, Item={"id": {"S": "b"}})
    client.put_item(TableName=name, Item={"id": {"S": "c"}})


def test_an_answer_can_be_lost_after_the_server_did_it(scripted_endpoint, make_table, dynamodb):
    name = make_table()
    scripted_endpoint.queue(Response(reset=True, forward_first=True))
    with pytest.raises(botocore.exceptions.HTTPClientError):
        client_of(scripted_endpoint.url).put_item(TableName=name, Item={"id": {"S": "a"}})
    assert "Item" in dynamodb.get_item(TableName=name, Key={"id": {"S": "a"}})


def test_faults_of_the_connection_and_the_body():
    with ScriptedEndpoint() as server:
        server.queue(
            Response(json={"a": 1}),
            Response(json={"a": 1}, crc32="wrong"),
            Response(json={}, crc32="none", headers={"x-amzn-RequestId": None, "X-Other": "1"}),
            Response(reset=True),
            Response(body=b"0123456789", truncate_bytes=4),
        )
        response, body = post(server.url)
        assert int(response.headers["x-amz-crc32"]) == zlib.crc32(body)
        response, body = post(server.url)
        assert int(response.headers["x-amz-crc32"]) != zlib.crc32(body)
        response, _ = post(server.url)
        assert "x-amz-crc32" not in response.headers
        assert "x-amzn-requestid" not in response.headers
        assert response.headers["x-other"] == "1"
        with pytest.raises(ConnectionError):
            post(server.url)
        with pytest.raises(http.client.IncompleteRead):
            post(server.url)
        response, body = post(server.url)
        assert response.status == 500 and b"nothing was scripted" in body


def test_the_handler_answers_and_an_answer_can_be_held():
    release = threading.Event()

    def hold(request):
        return Response(body=request.body, hold=release)

    with ScriptedEndpoint(handler=hold) as server:
        answers = []
        thread = threading.Thread(target=lambda: answers.append(post(server.url, b"held")[1]))
        thread.start()
        while not server.requests:
            pass
        assert answers == []
        release.set()
        thread.join()
        assert answers == [b"held"]


def test_keeps_connections_and_counts_them():
    with ScriptedEndpoint(handler=lambda request: Response(json={})) as server:
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc)
        for _ in range(2):
            connection.request("POST", "/", body=b"{}")
            connection.getresponse().read()
        connection.close()
        post(server.url)
        assert [request.connection for request in server.requests] == [1, 1, 2]

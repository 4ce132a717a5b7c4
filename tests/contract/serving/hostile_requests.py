"""Requests that nobody should send, made by code; `corpus` and `models_corpus` yield them."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.contract.serving.hostile_bodies import GOOD, LIMIT, bodies

LINES = "application/jsonlines"


@dataclass(frozen=True)
class HostileRequest:
    """One request as its bytes.

    Attributes:
        name: What is hostile about it.
        raw: What is sent.
        is_http: Whether its framing is whole, so that the application must answer.
        is_cut: Whether nothing more will come, which the server is told.
    """

    name: str
    raw: bytes
    is_http: bool = True
    is_cut: bool = False


def compose(
    body: bytes = b"",
    *headers: bytes | str,
    line: bytes | str = "POST /invocations HTTP/1.1",
    content_type: str | None = "application/json",
    length: int | None = -1,
) -> bytes:
    """Return a request's bytes; a length of -1 is the body's own, None sends none."""
    lines = [line, "Host: localhost", *headers]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length == -1 else length}")
    head = [each if isinstance(each, bytes) else each.encode("latin-1") for each in lines]
    return b"\r\n".join([*head, b"", body])


def corpus() -> Iterator[HostileRequest]:
    """Yield hostile requests to an endpoint of one model."""
    for name, body in bodies():
        yield HostileRequest(f"json: {name}", compose(body))
        if len(body) < 100_000:
            yield HostileRequest(f"lines: {name}", compose(body, content_type=LINES))
            yield HostileRequest(f"no type: {name}", compose(body, content_type=None))
    for cut in range(0, len(GOOD), 5):
        raw = compose(GOOD[:cut], length=len(GOOD))
        yield HostileRequest(f"cut off after {cut} bytes", raw, is_cut=True)
    yield from _headers()
    yield from _encodings()
    yield from _lines_of_requests()
    yield from _broken_framing()


def _headers() -> Iterator[HostileRequest]:
    def with_header(name: str, value: str, body: bytes = GOOD) -> HostileRequest:
        is_type = name == "Content-Type"
        raw = compose(
            body, f"{name}: {value}", content_type=None if is_type else "application/json"
        )
        return HostileRequest(f"{name}: {value[:60]}", raw)

    for value in (
        *("", ";", ",", "/", "*/*", "json", "application/", "text/csv"),
        *("text/html; charset=utf-16",),
        *("application/json; charset=utf-16", "application/json, application/json", "é/ü"),
        *("application/json;;;=;=;;", 'application/json; a="', "application/json\t", "a" * 8000),
        *("multipart/form-data; boundary=x", "application/x-www-form-urlencoded"),
        *("application/xml",),
        *("application/x-recordio-protobuf",),
        *("application/json; " + ";".join("abcd=1" for _ in range(1000)),),
    ):
        yield with_header("Content-Type", value)
    for value in (
        *("", ",", "1", "1,", "1,2,3", "0,0", "-1,1", "5001,1", "1e3,1", "1.0,1", "NaN,NaN", "²,³"),
        *("9" * 5000 + ",1", "00000001,1", "1;1", '"1,1', "\xd9\xa1,\xd9\xa2"),
        *("+1,+1",),
    ):
        yield with_header("Content-Type", f"application/json; infer_max_seqlens={value}")
    for value in (
        *("", ",", "text/html", "image/*", "*", "*/json", "application/json;q=0", "*/*;q=0"),
        *("application/json;q=nan", "*/*;q=inf", "*/*;q=-1", "*/*;q=1e999", "é", ";q=1"),
        *("application",),
        *(",".join(["a/b"] * 2000), "*/*;" + "a=b;" * 1500),
        *("application/jsonlines;q=" + "9" * 5000,),
    ):
        yield with_header("Accept", value)
    for value in ("", "é", "x" * 65, "x" * 7000, "../../etc", "<script>", "' OR 1=1", "a b", "{}"):
        yield with_header("X-Request-Id", value)
    for name in ("Cookie", "Authorization", "Range", "If-Match", "X-Forwarded-For", "Forwarded"):
        yield with_header(name, "\xff" * 4000)
        yield with_header(name, ";,=" * 1000)
    for name in ("X-HTTP-Method-Override", "X-Amzn-SageMaker-Custom-Attributes", "SCRIPT-NAME"):
        yield with_header(name, "DELETE /\\r\\nSet-Cookie:")
    for host in (
        "",
        "é",
        "a b",
        "x" * 5000,
        "[",
        "[::1",
        "localhost:99999999",
        "../..",
        "@",
        "%00",
    ):
        raw = compose(GOOD).replace(b"Host: localhost", b"Host: " + host.encode("latin-1"))
        yield HostileRequest(f"Host: {host[:20]}", raw)
    many = [f"X-Header-{number}: 1" for number in range(90)]
    yield HostileRequest("90 headers", compose(GOOD, *many))


def _encodings() -> Iterator[HostileRequest]:
    def encoded(name: str, body: bytes, encoding: str = "gzip") -> HostileRequest:
        raw = compose(body, f"Content-Encoding: {encoding}")
        return HostileRequest(f"{encoding[:20]}: {name}", raw)

    packed = gzip.compress(GOOD)
    for cut in range(0, len(packed), 4):
        yield encoded(f"cut at {cut}", packed[:cut])
    for place in range(0, len(packed), 7):
        flipped = packed[:place] + bytes([packed[place] ^ 0xFF]) + packed[place + 1 :]
        yield encoded(f"byte {place} flipped", flipped)
    for name, body in {
        "nested": gzip.compress(packed),
        "nested 20 times": _nested(20),
        "garbage after it": packed + b"garbage",
        "zeros after it": packed + b"\0" * 1000,
        "two members": packed + packed,
        "an empty member": gzip.compress(b""),
        "1000 empty members": gzip.compress(b"") * 1000,
        "not packed": GOOD,
        "a zlib stream": zlib.compress(GOOD),
        "a gigabyte in one member after another": gzip.compress(b"\0" * 10_000_000) * 100,
        "a bomb of blanks": gzip.compress(b" " * 100_000_000),
        "a bomb of lists": gzip.compress(b"[" * 50_000_000, 1),
        "a bomb just within the limit": gzip.compress(b"[" * LIMIT),
        "a long name": packed[:3] + b"\x08" + packed[4:10] + b"n" * 1_000_000 + b"\0" + packed[10:],
    }.items():
        yield encoded(name, body)
    for encoding in (
        *("deflate", "br", "zstd", "compress", "gzip, gzip", "gzip;q=1", "GZIP ", "x-gzip", "é"),
        *("", ",", "identity, gzip", "g" * 7000, "chunked"),
    ):
        yield encoded("packed", packed, encoding)
        yield encoded("as it is", GOOD, encoding)
    yield HostileRequest("packed, but not said so", compose(packed))


def _nested(times: int) -> bytes:
    body = GOOD
    for _ in range(times):
        body = gzip.compress(body)
    return body


def _lines_of_requests() -> Iterator[HostileRequest]:
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"):
        for path in ("/invocations", "/ping", "/models", "/metrics/"):
            raw = compose(GOOD, line=f"{method} {path} HTTP/1.1")
            yield HostileRequest(f"{method} {path}", raw)
    for path in (
        *("/", "//", "//ping", "/ping//", "/ping/..", "/../ping", "/%2e%2e/etc/passwd", "/%00"),
        *("/%ff",),
        *("/invocations%00", "/invocations%0d%0aX: 1", "/invocations%2f", "/invocations;a=b", "/%"),
        *("/invocations?" + "a=b&" * 500, "/ping?%ff=%00", "/static/x", "/console", "/.env"),
        *("/%C0%80",),
        *("http://localhost/ping", "/models/a/b/c", "/models/%2e%2e/invoke", "/" + "a" * 4000),
    ):
        for method in ("GET", "POST"):
            if " " not in path:
                raw = compose(GOOD, line=f"{method} {path} HTTP/1.1")
                yield HostileRequest(f"{method} {path[:40]}", raw)


def _broken_framing() -> Iterator[HostileRequest]:
    def broken(name: str, raw: bytes) -> HostileRequest:
        return HostileRequest(name, raw, is_http=False, is_cut=True)

    for length in ("-1", "+44", "4_4", "0x2c", "44.0", "1e1", "", "é", "44, 44", "44 44", "9" * 30):
        raw = compose(GOOD, f"Content-Length: {length}", length=None)
        yield broken(f"Content-Length: {length}", raw)
    yield broken("two lengths", compose(GOOD, "Content-Length: 3"))
    yield broken("the same length twice", compose(GOOD, f"Content-Length: {len(GOOD)}"))
    yield broken("a length too short", compose(GOOD, length=5))
    yield broken("no length", compose(GOOD, length=None))
    yield broken("chunks and a length", compose(b"0\r\n\r\n" + GOOD, "Transfer-Encoding: chunked"))
    for coding in (
        "gzip",
        "chunked, chunked",
        "chunked, gzip",
        "xchunked",
        "identity",
        "\x0bchunked",
    ):
        raw = compose(GOOD, f"Transfer-Encoding: {coding}", length=None)
        yield broken(f"Transfer-Encoding: {coding}", raw)
    for body in (
        *(b"5\r\n[", b"5", b"zz\r\n", b"-1\r\n[]\r\n", b"ffffffffffffffffffff\r\n[]", b"\r\n\r\n"),
        *(b"",),
        *(b"2\r\n[]", b"2\r\n[]xx\r\n0\r\n\r\n", b"1\r\n[]\r\n0\r\n\r\n", b"2;" + b"a" * 100_000),
        *(b"0x2\r\n[]\r\n",),
        *(b"2\r\n[]\r\n", b"2\r\n[]\r\n0\r\n", b"2\n[]\n0\n\n"),
        *(b"2\r\n[]\r\n0\r\nContent-Length: 9\r\n\r\n",),
        *(b"0" * 100_000, b"1\r\n \r\n" * 5000, b"\0\r\n", b" 2\r\n[]\r\n0\r\n\r\n"),
        *(b"2 \r\n[]\r\n0\r\n\r\n",),
    ):
        raw = compose(body, "Transfer-Encoding: chunked", length=None)
        yield broken(f"chunks {body[:20]!r}", raw)
    for line in (
        *("", " ", "GET", "GET /ping", "GET /ping HTTP/9.9", "GET /ping HTTP/1.1 x"),
        *("GET  /ping HTTP/1.1",),
        *("get /ping HTTP/1.1", "GET ping HTTP/1.1", "\0", "POST /" + "a" * 100_000 + " HTTP/1.1"),
        *("é",),
        *("GET /ping HTTP/0.9", "GET /ping HTTP/1.0\r\nConnection: keep-alive", "PRI * HTTP/2.0"),
        *("G" * 100_000,),
        *("GET /a b HTTP/1.1", "GET http://[/ping HTTP/1.1", "OPTIONS * HTTP/1.1"),
        *("GET /\r HTTP/1.1", "TOOLONGMETHODNAMEFORANYONE / HTTP/1.1"),
    ):
        yield broken(f"line {line[:40]!r}", compose(GOOD, line=line))
    for header in (
        *(b"X", b": x", b"X : x", b" X: x", b"X: a\r\n b", b"X: a\nY: b", b"X: a\rY: b", b"X: \0"),
        *(b"X\0: x",),
        *(b"X: " + b"x" * 100_000, b"X" * 100_000 + b": x", b"\xff: x", b"X: \xff\xfe", b"X(y): x"),
        *(b"Host: other",),
        *(b"Expect: nonsense", b"Expect: 100-continue"),
        *(b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",),
        *(b"Connection: close, keep-alive", b"X_Y: x", b"CONTENT_LENGTH: 5", b"Proxy: http://evil"),
        *(b"\r\n",),
        *(b"\r\n".join(b"X-%d: 1" % number for number in range(1000)),),
        *(b"X: 1\r\n" * 50 + b"\x16\x03\x01",),
    ):
        yield broken(f"header {header[:40]!r}", compose(GOOD, header))
    for name, raw in {
        "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 500,
        "nothing": b"",
        "a line feed": b"\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        "a proxy's greeting": b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + compose(GOOD),
        "random bytes": bytes(number * 37 % 256 for number in range(5000)),
        "a head without an end": compose(GOOD)[:60],
        "one request and half of another": compose(GOOD) + compose(GOOD)[:30],
        "a smuggled request": compose(GOOD + b"GET /ping HTTP/1.1\r\n\r\n", length=len(GOOD)),
    }.items():
        yield broken(name, raw)


def models_corpus(folder: str) -> Iterator[HostileRequest]:
    """Yield hostile requests to a multi-model endpoint; `folder` holds a model."""
    post = "POST /models HTTP/1.1"
    urls = (
        *("/", "/etc", "/etc/passwd", "/proc/self", "/dev/zero", "/dev/stdin", ".", "", "~"),
        *("/root",),
        *("x" * 300, "/" + "x" * 5000, "/a" * 3000, "file:///etc", "s3://bucket/model"),
        *(f"{folder}/\0",),
        *("\ud800", "/proc/self/fd/0", "/sys", "http://169.254.169.254/", f"{folder}/../../../.."),
        *("é" * 200,),
    )
    documents = [{"model_name": f"n{index}", "url": url} for index, url in enumerate(urls)]
    for value in (None, True, 1, 1.5, [], {}, "", "\0", ["a"]):
        documents.append({"model_name": value, "url": folder})
        documents.append({"model_name": "typed", "url": value})
    for index, sent in enumerate(documents):
        raw = compose(json.dumps(sent).encode(), line=post)
        yield HostileRequest(f"load {index}: {str(sent)[:60]}", raw)
    deep = '{"model_name": ' + "[" * 1000 + "]" * 1000 + ', "url": "/"}'
    yield HostileRequest("load: a deep name", compose(deep.encode(), line=post))
    loading = json.dumps({"model_name": "typed", "url": "/none"}).encode()
    for name, body in bodies():
        if len(body) < 3000 and not name.startswith(("lines", "number")):
            yield HostileRequest(f"load: {name}", compose(body, line=post))
    yield HostileRequest("load: 2 MB", compose(loading + b" " * 2_000_000, line=post))
    for body in (
        b"zz\r\n",
        b"2\r\n[]",
        b"5",
        b"2\r\n[]xx\r\n0\r\n\r\n",
        b"100000\r\n" + b" " * 2**20 + b"\r\n" * 9,
    ):
        raw = compose(body, "Transfer-Encoding: chunked", line=post, length=None)
        yield HostileRequest(f"load: chunks {body[:10]!r}", raw, is_http=False, is_cut=True)
    much = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    chunked = compose(much * 3 + b"0\r\n\r\n", "Transfer-Encoding: chunked", line=post, length=None)
    yield HostileRequest("load: 3 MB of chunks", chunked)
    cut = compose(loading[:9], line=post, length=len(loading))
    yield HostileRequest("load: cut off", cut, is_cut=True)
    for query in (
        *("limit=", "limit=0", "limit=-1", "limit=1001", "limit=1.0", "limit=NaN", "limit=%00"),
        *("limit=%C2%B2",),
        *("limit=000000001" + "9" * 4000, "limit=" + "1" * 4000, "limit=1&limit=x", "limit[]=1"),
        *("limit=0000000015000",),
        *("next_page_token=", "next_page_token=%ff", "next_page_token=x"),
        *("next_page_token=" + "A" * 3000,),
        *("next_page_token=%2b%2f==", "next_page_token=7aCA", "next_page_token=%F0%9F%98%80"),
        *("a=" * 1000,),
    ):
        raw = compose(line=f"GET /models?{query} HTTP/1.1", content_type=None)
        yield HostileRequest(f"list {query[:40]}", raw)
    for name in ("..", "%2e%2e", "%00", "%ff", "%ed%a0%80", "a%2fb", "x" * 4000, "*", "%25", "%0a"):
        for method, rest in (
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/invoke"),
            ("PUT", ""),
            ("POST", ""),
        ):
            raw = compose(GOOD, line=f"{method} /models/{name}{rest} HTTP/1.1")
            yield HostileRequest(f"{method} {name[:20]}{rest}", raw)

"""The API over HTTP. It parses, asks the notebook, and answers; it decides nothing.

    POST   /uploads?name=N[&tags=a,b]   the body is the file; with a length or in chunks
    GET    /uploads[?search=T][&tag=T]  all uploads (search and tags since 1.2)
    GET    /uploads/ID                  the file
    GET    /uploads/ID/meta             what is known of it
    DELETE /uploads/ID
    GET    /health                      200, or 503 with the reasons
    GET    /version                     which release answers
    GET    /check                       reads every file again and compares
"""

import html
import json
import logging
import re
import shutil
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

import psycopg2

log = logging.getLogger("labnotes")

CHUNK = 1 << 20
UPLOAD = re.compile(r"^/uploads/([0-9a-f]{32})(/meta)?$")


class Refused(Exception):
    """The request cannot be answered as it is: a status, and why."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, notebook):
        super().__init__(address, Handler)
        self.notebook = notebook


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120

    def do_GET(self):
        self._answer(self._get)

    def do_POST(self):
        self._answer(self._post)

    def do_DELETE(self):
        self._answer(self._delete)

    def _answer(self, handle):
        self._has_answered = False
        self._path = urlsplit(self.path)
        self._query = {key: values[-1] for key, values in parse_qs(self._path.query).items()}
        try:
            handle(self.server.notebook)
        except Refused as refused:
            self._fail(refused.status, str(refused))
        except psycopg2.Error as error:
            self._fail(503, f"database: {str(error).strip().splitlines()[0]}")
        except OSError as error:
            self._fail(507 if error.errno == 28 else 500, f"{error.strerror}")

    def _fail(self, status, reason):
        # What is left of the body is not read: this connection ends.
        self.close_connection = True
        log.warning("%s %s: %s", self.command, self._path.path, reason)
        if not self._has_answered:
            self._send_json(status, {"error": reason})

    def _get(self, notebook):
        match self._path.path:
            case "/":
                self._send(200, "text/html; charset=utf-8", page(notebook).encode())
            case "/health":
                problems = notebook.problems()
                self._send_json(503 if problems else 200, {"healthy": not problems, "problems": problems})
            case "/version":
                self._send_json(200, notebook.describe())
            case "/check":
                self._send_json(200, notebook.check())
            case "/uploads":
                self._send_json(200, notebook.list(self._query.get("search"), self._query.get("tag")))
            case _:
                self._get_upload(notebook)

    def _get_upload(self, notebook):
        upload_id, wants_meta = self._upload_id()
        row = notebook.find(upload_id)
        if row is None:
            raise Refused(404, "there is no such upload")
        if wants_meta:
            self._send_json(200, row)
        else:
            self._send_file(notebook, row)

    def _post(self, notebook):
        if self._path.path != "/uploads":
            raise Refused(404, "uploads go to /uploads")
        if notebook.settings.read_only:
            raise Refused(403, "this notebook is read only")
        name = self._query.get("name", "")
        if not name or "/" in name:
            raise Refused(400, "say the name of the upload: /uploads?name=…")
        tags = [tag for tag in self._query.get("tags", "").split(",") if tag]
        row = notebook.add(name, tags, self._body(notebook.settings.max_upload))
        self._send_json(201, row)

    def _delete(self, notebook):
        upload_id, wants_meta = self._upload_id()
        if notebook.settings.read_only:
            raise Refused(403, "this notebook is read only")
        if wants_meta or not notebook.remove(upload_id):
            raise Refused(404, "there is no such upload")
        self._send(204, None, b"")

    def _upload_id(self):
        found = UPLOAD.match(self._path.path)
        if not found:
            raise Refused(404, "there is nothing here")
        return found.group(1), found.group(2) is not None

    def _body(self, limit):
        """The body in pieces, never all of it at once; refused as soon as it is known to be too large."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces = self._chunked_body()
        elif self.headers.get("Content-Length", "").isdigit():
            length = int(self.headers["Content-Length"])
            if length > limit:
                raise Refused(413, f"the upload is larger than {limit} bytes")
            pieces = self._exactly(length)
        else:
            raise Refused(411, "say the length of the upload, or send it in chunks")
        arrived = 0
        for piece in pieces:
            arrived += len(piece)
            if arrived > limit:
                raise Refused(413, f"the upload is larger than {limit} bytes")
            yield piece

    def _exactly(self, length):
        while length > 0:
            piece = self.rfile.read(min(length, CHUNK))
            if not piece:
                raise Refused(400, "the upload ended too early")
            length -= len(piece)
            yield piece

    def _chunked_body(self):
        while True:
            size = self._line().split(";")[0]
            if not re.fullmatch(r"[0-9a-fA-F]{1,15}", size):
                raise Refused(400, "a chunk of the upload has no size")
            yield from self._exactly(int(size, 16))
            if int(size, 16) == 0:
                while self._line():
                    pass
                return
            self._line()

    def _line(self):
        line = self.rfile.readline(1 << 10)
        if not line.endswith(b"\n"):
            raise Refused(400, "the upload ended too early")
        return line.strip().decode("latin-1")

    def _send_file(self, notebook, row):
        with notebook.open(row["id"]) as file:
            self._head(200, "application/octet-stream", row["size"],
                       {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(row['name'])}",
                        "ETag": f'"{row["sha256"]}"'})
            shutil.copyfileobj(file, self.wfile, CHUNK)

    def _send_json(self, status, value):
        self._send(status, "application/json", json.dumps(value, ensure_ascii=False).encode() + b"\n")

    def _send(self, status, content_type, body):
        self._head(status, content_type, len(body), {})
        self.wfile.write(body)

    def _head(self, status, content_type, length, headers):
        self._has_answered = True
        self.send_response(status)
        if content_type:
            self.send_header("Content-Type", content_type)
        if status != 204:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def version_string(self):
        return "labnotes"

    def log_message(self, format, *arguments):
        # Probes ask every few seconds: their answers are told only to who wants to know all.
        is_probe = self.path in ("/health", "/version")
        log.log(logging.DEBUG if is_probe else logging.INFO, "%s %s", self.address_string(), format % arguments)


def page(notebook):
    """One page for a person: what is in the notebook."""
    rows = "".join(
        f"<tr><td><a href='/uploads/{row['id']}'>{html.escape(row['name'])}</a><td>{row['size']}"
        f"<td>{html.escape(', '.join(row.get('tags', [])))}<td>{row['uploaded_at']}"
        for row in notebook.list()
    )
    settings = notebook.settings
    return (
        f"<!doctype html><title>{html.escape(settings.title)}</title><h1>{html.escape(settings.title)}</h1>"
        f"<p>labnotes {notebook.release.version}, {html.escape(settings.instance)} on {html.escape(settings.host)}"
        f"<table><tr><th>name<th>bytes<th>tags<th>uploaded{rows}</table>"
    )

"""Downloads: kept and checked, and never half a file, whatever the server does."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from course.toolbox.corpora import download as module
from course.toolbox.corpora.download import cache_folder, download
from course.toolbox.errors import CourseError, FormatError, InputError

TEXT = b"O for a muse of fire\n" * 10_000
SHA = hashlib.sha256(TEXT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Sends the text, or what the path asks for instead."""

    asked: list[str]

    def do_GET(self):
        type(self).asked.append(self.path)
        if self.path == "/missing":
            return self.send_error(404)
        moved = {"/away": "http://example.invalid/text.txt", "/moved": "/text.txt"}.get(self.path)
        self.send_response(302 if moved else 200)
        if moved:
            self.send_header("Location", moved)
        elif self.path != "/nolength":
            self.send_header("Content-Length", str(len(TEXT)))
        self.end_headers()
        if not moved:
            self.wfile.write(TEXT[: len(TEXT) // 2] if self.path in ("/short", "/nolength") else TEXT)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Server.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_the_second_call_needs_no_server(server, tmp_path):
    path = download(f"{server}/a%20text.txt", SHA.upper(), tmp_path / "new")
    assert path.read_bytes() == TEXT and path.name == f"{SHA[:12]}-a text.txt"
    assert download(f"{server}/a%20text.txt", SHA, tmp_path / "new") == path
    assert len(Server.asked) == 1 and list(path.parent.iterdir()) == [path]


def test_a_damaged_file_is_fetched_again_and_redirects_are_followed(server, tmp_path):
    path = download(f"{server}/moved", SHA, tmp_path)
    path.write_bytes(TEXT[:100])
    assert download(f"{server}/moved", SHA, tmp_path).read_bytes() == TEXT
    assert Server.asked == ["/moved", "/text.txt"] * 2


@pytest.mark.parametrize(
    ("path", "sha", "options", "error", "words"),
    [
        ("/text.txt", "0" * 64, {}, FormatError, f"has the SHA-256 {SHA}, not 0000"),
        ("/short", SHA, {}, CourseError, f"broke off after {len(TEXT) // 2} of {len(TEXT)} bytes"),
        ("/nolength", SHA, {}, FormatError, "it was thrown away"),
        ("/missing", SHA, {}, CourseError, "could not be fetched: Not Found.*or save the file as"),
        ("/text.txt", SHA, {"limit": 1000}, FormatError, "more than 1000 bytes"),
        ("/away", SHA, {}, InputError, "'http://example.invalid/text.txt' is no https address"),
    ],
)
def test_what_goes_wrong_leaves_nothing_behind(server, tmp_path, path, sha, options, error, words):
    with pytest.raises(error, match=words):
        download(server + path, sha, tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_gone_is_named(server, tmp_path):
    port = int(server.rsplit(":", 1)[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as other:
        gone = other.server_port
    assert gone != port
    with pytest.raises(CourseError, match=r"could not be fetched: .*refused.* Try again"):
        download(f"http://127.0.0.1:{gone}/text.txt", SHA, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_who_is_killed_while_downloading_leaves_no_file_under_the_final_name(server, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            download(f"{server}/text.txt", SHA, tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / f"{SHA[:12]}-text.txt.x.part").write_bytes(TEXT[:10])  # what a pulled plug would leave
    assert download(f"{server}/text.txt", SHA, tmp_path).read_bytes() == TEXT


def test_the_folder_can_be_chosen(server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert cache_folder() == tmp_path / "cache" / "backprop-course"
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    assert download(f"{server}/text.txt", SHA).parent == tmp_path / "data"


@pytest.mark.parametrize(
    "url", ["http://example.org/a", "ftp://example.org/a", "file:///etc/passwd", "a.txt", "https:///a"]
)
def test_only_https_and_this_machine(url, tmp_path):
    with pytest.raises(InputError, match="is no https address"):
        download(url, SHA, tmp_path)


@pytest.mark.parametrize("sha", ["", "abc", "z" * 64])
def test_a_checksum_is_needed(sha, tmp_path):
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        download("https://example.org/a", sha, tmp_path)

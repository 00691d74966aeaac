"""``unbraid serve`` as a process: it opens, answers, and closes on Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.api.conftest import noise, write_song


def test_the_desk_opens_answers_and_closes(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "unbraid", "serve", "--port", "0", "--data", str(tmp_path / "desk")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as desk:
        assert desk.stderr is not None
        try:
            line = desk.stderr.readline()
            assert line.startswith("the desk is open at http://127.0.0.1:"), line + desk.stderr.read()
            address = line.split()[5]
            song = write_song(tmp_path / "song.wav", noise(0.2)).read_bytes()
            request = urllib.request.Request(f"{address}/api/songs?name=a.wav", song, {"X-Unbraid": "1"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                id = json.load(answer)["id"]
            state = "waiting"
            while state in ("waiting", "running"):
                with urllib.request.urlopen(f"{address}/api/songs/{id}", timeout=60) as answer:
                    state = json.load(answer)["state"]
                time.sleep(0.05)
            assert state == "done"
            desk.send_signal(signal.SIGINT)
            assert desk.wait(timeout=60) == 0
            assert "Traceback" not in desk.stderr.read()
        finally:
            desk.kill()


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "unbraid", "serve", "--port", port, "--data", str(tmp_path)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2
    assert "another --port" in run.stderr

"""``unbraid serve``: the mixing desk in a browser."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unbraid.cli.options import Device, Offline, Runtime

if TYPE_CHECKING:
    import uvicorn

    from unbraid.web.desk import Desk

_MOST_CONNECTIONS = 500
_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def command(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets others in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8000,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Where songs lie.  [default: unbraid's own folder]")
    ] = None,
    model: Annotated[str, typer.Option("-m", "--model", help="A name from `unbraid models`, or a file.")] = "compact",
    device: Device = "auto",
    runtime: Runtime = "auto",
    offline: Offline = False,
    upload_mb: Annotated[int, typer.Option(help="Largest file that is taken.")] = 1000,
    minutes: Annotated[float, typer.Option(help="Take so much of a song; 0 for all of it.")] = 0.0,
    waiting: Annotated[int, typer.Option(help="Songs that may wait at once.")] = 100,
    keep_hours: Annotated[float, typer.Option(help="Forget songs after so long; 0 for never.")] = 0.0,
) -> int:
    """Open a mixing desk for a browser: upload a song, hear its stems, ask for sounds."""
    try:
        import uvicorn

        from unbraid.web.app import app_for
        from unbraid.web.desk import Desk, Limits
    except ImportError as error:
        from unbraid.errors import MissingExtra

        raise MissingExtra("the desk needs a web server; pip install 'unbraid[web]'") from error
    from unbraid.api import Options, load
    from unbraid.home import home
    from unbraid.runtime.heap import StageHeap, give_back

    options = Options(model=model, device=device, runtime=runtime)  # type: ignore[arg-type]  # it checks them
    give_back()  # a desk lives long, beside other programs: it keeps memory only while a song is taken apart
    _allow_files()
    limits = Limits(upload_mb, minutes, waiting, keep_hours)
    listening = _listen(host, port)
    chosen = load(options.model, runtime=options.runtime, device=options.device, offline=offline)
    desk = Desk(chosen, data or home() / "desk", limits, StageHeap().enter)
    # Whoever listens for others is asked for by names that it does not know.
    names = _OWN_NAMES if host in _OWN_NAMES else None
    settings = uvicorn.Config(
        app_for(desk, names), log_level="warning", timeout_graceful_shutdown=1, limit_concurrency=_MOST_CONNECTIONS
    )
    typer.echo(f"the desk is open at http://{_shown(listening)} (Ctrl-C closes it)", err=True)
    return _serve(uvicorn.Server(settings), listening, desk)


def _serve(server: uvicorn.Server, listening: socket.socket, desk: Desk) -> int:
    """Until Ctrl-C, which is how a desk is closed and no failure."""
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        desk.close()
    return 0


def _allow_files() -> None:
    """Enough open files, if this user may have them: every connection is one, and every song some more."""
    try:
        import resource
    except ImportError:  # Windows
        return
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * _MOST_CONNECTIONS if most == resource.RLIM_INFINITY else min(4 * _MOST_CONNECTIONS, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises UsageError."""
    from unbraid.errors import UsageError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}, port {port} ({error.strerror}); give another --port") from error


def _shown(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

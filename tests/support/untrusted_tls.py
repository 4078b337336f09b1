"""A provider whose certificate nobody trusts: self-signed, made for these tests, good for nothing else."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

CERTIFICATE = Path(__file__).with_name("untrusted.pem")


@dataclass
class UntrustedProvider:
    """Where it listens, and what clients sent to it after the handshake.

    Attributes:
        handshakes: how many clients began to speak TLS with it.
    """

    base_url: str
    handshakes: int = 0
    received: list[bytes] = field(default_factory=list)


@contextmanager
def untrusted_provider() -> Iterator[UntrustedProvider]:
    """Listens until the block ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider = UntrustedProvider(f"https://127.0.0.1:{listener.getsockname()[1]}/v1")

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    provider.handshakes += 1
                    with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                        provider.received.append(secured.recv(65_536))

        thread = threading.Thread(target=serve, name="untrusted-provider", daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)

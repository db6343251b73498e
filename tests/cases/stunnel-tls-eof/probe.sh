#!/bin/bash
. "$(dirname "$0")/../lib/probe.sh"
exec python3 - <<'END'
import ssl
from ask import *

# The server behind the tunnel.
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((HOST, PORT + 100))
listener.listen()
listener.settimeout(10)
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE


def tunnel(goodbye):
    """How a connection ends for the server behind: "end" or "reset"."""
    client = context.wrap_socket(connect())
    server, _ = listener.accept()
    server.settimeout(10)
    client.sendall(b"hello")
    if server.recv(100) != b"hello":
        dead("nothing comes through")
    if goodbye:
        client.settimeout(3)
        try:
            client.unwrap()
        except OSError:
            pass
    # The descriptor alone: the object would say good-bye.
    os.close(client.detach())
    try:
        return "end" if server.recv(100) == b"" else "data"
    except ConnectionResetError:
        return "reset"
    except OSError as error:
        return str(error)
    finally:
        server.close()


if tunnel(True) != "end":
    dead("an orderly end is not passed on")
ends = [tunnel(False) for _ in range(5)]
if set(ends) == {"reset"}:
    buggy("a close without good-bye resets the connection behind")
if set(ends) == {"end"}:
    fixed("a close without good-bye is an end")
dead(f"a mixture: {ends}")
END

"""The door from the shell: typer commands that parse, call and print; each imports its rooms when it runs."""

import sys

import typer

from erlangen.cli.app import app
from erlangen.errors import ErlangenError

__all__ = ["app", "main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error that erlangen raises on purpose is one line and exit status 2.

    ``--debug`` anywhere shows the traceback instead. Ctrl-C is exit status 130.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    debug = "--debug" in arguments
    try:
        status = app([argument for argument in arguments if argument != "--debug"], standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        status = _say("stopped", 130)
    except ErlangenError as error:
        if debug:
            raise
        status = _say(str(error), 2)
    except OSError as error:
        if debug:
            raise
        status = _say(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 2)
    except Exception as error:
        if not hasattr(error, "exit_code"):  # a bug of ours: the traceback is what we need to see
            raise
        error.show()
        status = error.exit_code
    sys.exit(status if isinstance(status, int) else 0)


def _say(message: str, status: int) -> int:
    print(f"erlangen: {' '.join(message.split())}", file=sys.stderr)
    return status

"""The door from the shell: typer commands that parse, call and print; each imports its rooms when it runs."""

import os
import sys

from erlangen.errors import ErlangenError, extra_of

__all__ = ["main"]


class Interrupted(Exception):
    """Ctrl-C, after which there is something to say."""

    exit_code = 130


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; what goes wrong is one line on standard error and exit status 2.

    ``--debug`` anywhere shows the traceback instead. Ctrl-C is exit status 130, a reader that went away 1.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        status = _run(arguments or ["--help"])
    except KeyboardInterrupt:
        status = _say("stopped", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has no reader
        status = 1
    except Exception as error:
        message = _message(error)
        if message is None or debug:
            raise
        status = _say(message, getattr(error, "exit_code", 2))
    sys.exit(status if isinstance(status, int) else 0)


def _run(arguments: list[str]) -> int | None:
    # Imported here, so that a Ctrl-C at any moment meets the try above.
    import typer

    from erlangen.cli.app import app

    try:
        status = app(arguments, prog_name="erlangen", standalone_mode=False)
    except typer.Abort:  # what some versions of typer make of Ctrl-C; the others return 130
        status = 130
    sys.stdout.flush()  # a full disk shows here and not in the interpreter's last breath
    if status == 130:
        raise KeyboardInterrupt
    return status


def _message(error: Exception) -> str | None:
    """Return what to say about an error; None for a bug of ours, whose traceback is what we need to see."""
    if isinstance(error, ErlangenError | Interrupted):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    if isinstance(error, MemoryError):
        return f"out of memory: {error}"
    if isinstance(error, ModuleNotFoundError) and extra_of(error.name):
        return f'this needs {error.name}: pip install "erlangen[{extra_of(error.name)}]"'
    if hasattr(error, "format_message"):  # a usage error of typer's
        command = error.ctx.command_path if getattr(error, "ctx", None) else "erlangen"
        return f"{error.format_message().rstrip('.')}; see {command} --help"
    return None


def _say(message: str, status: int) -> int:
    print(f"erlangen: {' '.join(message.split())}", file=sys.stderr)
    return status

"""``python -m benchmarks ROOM [options]`` runs ``main(argv)`` of the file named after the room."""

import importlib
import sys
from pathlib import Path

ROOMS = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ROOMS:
        sys.exit(f"usage: python -m benchmarks {{{','.join(ROOMS)}}} [options]")
    sys.exit(importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:]))

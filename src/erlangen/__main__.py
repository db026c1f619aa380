"""``python -m erlangen`` is ``erlangen``."""

from erlangen.cli import main

main()

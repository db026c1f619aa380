"""Pages: a result record in, one self-contained HTML file out that opens without a network."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"Document": "page", "Section": "page", "write_report": "write"})

"""A page: sections, styles and scripts in one file."""

from dataclasses import dataclass
from html import escape
from importlib.resources import files

from erlangen import __version__
from erlangen.errors import require
from erlangen.plotting import template
from erlangen.report.elements import as_json

# Nothing may be loaded from anywhere: what the page needs is in it.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes
    ----------
    title : str
        Plain text.
    body : str
        HTML, as the functions of `erlangen.report.elements` make it.
    """

    title: str
    body: str

    @property
    def anchor(self) -> str:
        """Its name in links."""
        return "-".join(word for word in self.title.lower().split() if word.isalnum())


@dataclass(frozen=True)
class Document:
    """What a page says.

    Attributes
    ----------
    title, lead : str
        Plain text: what it is about, and one sentence on what was done.
    sections : tuple of Section
    """

    title: str
    lead: str
    sections: tuple[Section, ...]


def render(document: Document) -> str:
    """Return the whole page as HTML.

    Examples
    --------
    >>> page = render(Document("Less < more", "One line.", (Section("Summary", "<p>All is well.</p>"),)))
    >>> "<h1>Less &lt; more</h1>" in page, '<h2 id="summary">Summary</h2>' in page, "src=" in page.split("<script>")[0]
    (True, True, False)
    """
    contents = "".join(f'<a href="#{s.anchor}">{escape(s.title)}</a>' for s in document.sections)
    sections = "\n".join(
        f'<section aria-labelledby="{s.anchor}">\n<h2 id="{s.anchor}">{escape(s.title)}</h2>\n{s.body}\n</section>'
        for s in document.sections
    )
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="erlangen {__version__}">
<title>{escape(document.title)}</title>
<link rel="icon" href="data:,">
<style>
{_asset("page.css")}</style>
</head>
<body>
<header>
<h1>{escape(document.title)}</h1>
<p class="lead">{escape(document.lead)}</p>
<nav aria-label="Sections">{contents}</nav>
</header>
<noscript><p class="note">The figures need JavaScript; tables and numbers do not.</p></noscript>
<main>
{sections}
</main>
"""
    scripts = "\n".join(
        f"<script>\n{script}\n</script>"
        for script in (
            require("plotly.offline", "report").get_plotlyjs(),
            f"const THEMES = {as_json({'light': template(), 'dark': template(dark=True)})};",
            _asset("molecules.js"),
            _asset("page.js"),
        )
    )
    megabytes = (len(page.encode()) + len(scripts.encode())) / 1e6
    footer = f"""<footer>Made by erlangen {__version__}. This file holds all it shows, figures and scripts included: \
{megabytes:.1f} MB, no network.</footer>
"""
    return f"{page}{footer}{scripts}\n</body>\n</html>\n"


def _asset(name: str) -> str:
    return files("erlangen.report").joinpath(name).read_text(encoding="utf-8")

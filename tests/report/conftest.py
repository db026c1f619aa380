"""A real browser without a network, for the pages' tests."""

import re
import shutil
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def until(page, condition):
    """Wait until a condition holds; Playwright's own waiting evaluates text, which the pages' policy forbids."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never: {condition}")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no browser on this machine: none of {', '.join(BROWSERS)} is on the PATH")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def visit(browser):
    """Open a page as a reader without a network has it; what went wrong meanwhile is noted."""

    @contextmanager
    def visit(report):
        complaints, asked = [], []
        context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
        outside = re.compile(r"^(?!file:|data:|blob:)")
        context.route(outside, lambda route: (asked.append(route.request.url), route.abort()))
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url[:200]}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.as_uri())
        until(page, "[...document.querySelectorAll('.plot')].every(node => node.querySelector('.main-svg'))")
        page.wait_for_timeout(300)
        wait = partial(until, page)
        yield SimpleNamespace(page=page, complaints=complaints, asked=asked, until=wait)
        context.close()

    return visit

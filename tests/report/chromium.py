"""A headless Chromium by its DevTools protocol, over the two pipes that it offers; the standard library alone."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

COMMAND = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_PROBLEMS = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
_DRAWN = """
new Promise((done) => {
  const until = Date.now() + 20000;
  const waiting = () => [...document.querySelectorAll(".chart")].some((chart) => !chart.dataset.drawn);
  const look = () => waiting() && Date.now() < until ? setTimeout(look, 20) : done();
  look();
})
"""


@dataclass
class Browser:
    """One page of a running browser."""

    write: IO[bytes]
    read: int
    """Descriptor."""
    session: str | None = None
    problems: list[str] = field(default_factory=list)
    """Exceptions, log entries and what scripts wrote to the console, from warnings up."""
    requests: list[str] = field(default_factory=list)
    """Addresses that the page asked for."""
    _last: int = 0
    _read: bytes = b""

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result; events that come first are noted."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        self.write.write(json.dumps(message).encode() + b"\0")
        self.write.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self._note(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            more = os.read(self.read, 1 << 16)
            assert more, "Chromium has gone"
            self._read += more
        message, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def _note(self, event: dict[str, Any]) -> None:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method in _PROBLEMS and parameters.get("type") not in ("log", "info", "debug"):
            self.problems.append(json.dumps(parameters)[:2000])

    def evaluate(self, expression: str) -> Any:
        """Return what an expression, or its promise, gives in the page."""
        done = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def look(self, *, width: int, scheme: str, height: int = 900) -> None:
        """Give the page this width and this preference for light or dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 500)  # fmt: skip
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, path: Path) -> None:
        """Load a report over file://, and wait until every chart is drawn."""
        self.visit(path.resolve().as_uri())
        self.evaluate(_DRAWN)

    def visit(self, address: str) -> None:
        """Load a page by its URL, and wait until it is complete."""
        assert "errorText" not in self.call("Page.navigate", url=address)
        self.evaluate(
            "new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done))"
        )

    def screenshot(self, path: Path) -> None:
        """Write a picture of the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def running(profile: Path) -> Iterator[Browser]:
    """Give a browser with an empty page; its profile is a directory of the test's."""
    assert COMMAND is not None
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()

    # Chromium reads from descriptor 3 and writes to 4; a shell puts them there, as Popen passes numbers on unchanged.
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
        "--no-first-run", "--disable-background-networking", "--hide-scrollbars", f"--user-data-dir={profile}",
    ]  # fmt: skip
    moved = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
    log = (profile.parent / "chromium.log").open("wb")
    process = subprocess.Popen(
        ["/bin/bash", "-c", moved, COMMAND, *options], pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL,
        stdout=log, stderr=log, env=os.environ | {"HOME": str(profile.parent)},
    )  # fmt: skip
    os.close(theirs_in)
    os.close(theirs_out)
    with log, os.fdopen(ours_out, "wb") as write, os.fdopen(ours_in, "rb") as read:
        browser = Browser(write, read.fileno())
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            browser.call(f"{domain}.enable")
        try:
            yield browser
        finally:
            browser.session = None
            browser.call("Browser.close")
            process.wait(timeout=30)

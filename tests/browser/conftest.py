"""A headless Chromium and a Jupyter server on loopback."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

KIT = Path(__file__).parents[2]
SCREENS = KIT / "build" / "screens"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={profile}",
        "--window-size=1280,1600", "--disable-dev-shm-usage",
    ):  # fmt: skip
        options.add_argument(argument)
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield running
    running.quit()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def jupyter(tmp_path):
    """Start JupyterLab in a folder; returns its address."""
    pytest.importorskip("jupyterlab")
    running = []

    def start(folder, *options):
        port = free_port()
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
            "JUPYTER_DATA_DIR": str(tmp_path / "data"),
            "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
            "IPYTHONDIR": str(tmp_path / "ipython"),
        }
        log = open(tmp_path / "jupyter.log", "wb")  # noqa: SIM115
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1",
             "--IdentityProvider.token=", "--ServerApp.password=", f"--notebook-dir={folder}",
             "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", *options],
            cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        running.append((server, log))
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=1).close()
                return address
            except OSError:
                time.sleep(0.25)
        raise TimeoutError(f"JupyterLab did not start:\n{(tmp_path / 'jupyter.log').read_text()[-2000:]}")

    yield start
    for server, log in running:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:  # it waits for a kernel that is just starting
            server.kill()
            server.wait()
        log.close()


def wait_for(condition, seconds=60, what="the page"):
    """Poll until the condition holds; its value comes back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if value := condition():
                return value
        except Exception:  # the page is still being built
            pass
        time.sleep(0.3)
    raise TimeoutError(f"waited {seconds} s for {what}")


_CONTRASTS = """
const edges = arguments[1], found = {};
const parts = c => { const n = (c.match(/[\\d.]+/g) || ['0', '0', '0', '0']).map(Number); return n.length < 4 ? [...n, 1] : n };
const over = (top, low) => [0, 1, 2].map(i => top[i] * top[3] + low[i] * (1 - top[3])).concat(1);
const light = c => { const [r, g, b] = c.map(x => x / 255).map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b };
function ground(e) { const chain = []; for (; e; e = e.parentElement) chain.unshift(e);
  return chain.reduce((low, e) => over(parts(getComputedStyle(e).backgroundColor), low), [255, 255, 255, 1]) }
function dimmed(e) { let all = 1; for (; e; e = e.parentElement) all *= +getComputedStyle(e).opacity; return all }
function ratio(colour, e) { const low = ground(e), top = parts(colour);
  top[3] *= dimmed(e);
  const [a, b] = [light(over(top, low)), light(low)].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05) }
document.querySelectorAll(arguments[0]).forEach(root => {
  if (edges) { const c = getComputedStyle(root).borderLeftColor; found[c] = ratio(c, root.parentElement); return }
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const text = walk.currentNode.textContent.trim(), e = walk.currentNode.parentElement;
    if (!text || !e.getClientRects().length || e.closest('svg, style')) continue;
    found[text.slice(0, 40)] = ratio(getComputedStyle(e).color, e) } });
return found;
"""


def contrasts(browser, selector, edges=False):
    """WCAG contrast of every piece of text that is shown inside the elements, or of their left edges."""
    return browser.execute_script(_CONTRASTS, selector, edges)

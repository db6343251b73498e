#!/usr/bin/python3
"""Looks at an HTML file in headless Chromium, and says what it saw, as JSON.

    browser.py FILE WIDTH HEIGHT DIRECTORY [light|dark]

The browser is spoken to over a pipe (--remote-debugging-pipe: JSON ended by NUL),
has a profile of its own in DIRECTORY and ends with this program. There it also
leaves page.png, timeline.png and page.pdf. Needs no network and no other module.

    errors    what the page's console and log have
    requests  URLs other than the file's
    scripts   elements <script>
    width, scroll_width  of the page; equal unless it can be scrolled sideways
    timeline  what of the picture is shown: size, nr of colours, and of pixels
              that are green or red
    hidden    elements wider than the page that do not scroll themselves
    pdf       bytes, pages
"""
import base64, collections, json, os, re, select, shutil, signal, struct, subprocess, sys
import tempfile, time, zlib

LIMIT = float(os.environ.get("HOTFIX_TEST_PATIENCE", "20")) * 3


class Browser:
    def __init__(self, directory):
        to_read, self.to = os.pipe()
        self.answers, to_write = os.pipe()

        def pipes():
            os.setsid()
            # Its ends are 3 and 4; neither may be closed by the other's dup2().
            a, b = os.dup2(to_read, 100), os.dup2(to_write, 101)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.log = open(directory + "/browser.log", "wb")
        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb",
             "--user-data-dir=" + directory + "/profile",
             "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            close_fds=False, preexec_fn=pipes)
        os.close(to_read)
        os.close(to_write)
        self.rest = b""
        self.number = 0
        self.events = []
        self.session = None
        self.deadline = time.monotonic() + LIMIT

    def message(self):
        while b"\0" not in self.rest:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self.answers], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self.answers, 1 << 20)
            if not more:
                raise EOFError("the browser has ended")
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def ask(self, method, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.to, json.dumps(request).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError("%s: %s" % (method, message["error"]))
                return message["result"]
            self.events.append(message)

    def wait_loaded(self, loader):
        """Until the document of that navigation is: the blank page before it has a load
        event as well, which may come late."""
        def is_loaded(event):
            parameters = event.get("params", {})
            return (event.get("method") == "Page.lifecycleEvent"
                    and parameters["loaderId"] == loader and parameters["name"] == "load")
        while not any(map(is_loaded, self.events)):
            self.events.append(self.message())

    def value(self, script):
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def end(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def pixels(png):
    """Colours of an 8-bit PNG, a tuple each."""
    at, data, header = 8, b"", None
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at:at + 8])
        if kind == b"IHDR":
            header = struct.unpack(">IIBB", png[at + 8:at + 18])
        elif kind == b"IDAT":
            data += png[at + 8:at + 8 + size]
        at += 12 + size
    width, height, depth, form = header
    assert depth == 8 and form in (2, 6), header
    step = 3 if form == 2 else 4
    raw, before, found = zlib.decompress(data), bytearray(width * step), []
    for row in range(height):
        start = row * (width * step + 1)
        kind, line = raw[start], bytearray(raw[start + 1:start + 1 + width * step])
        for i in range(len(line)):
            left = line[i - step] if i >= step else 0
            up = before[i]
            corner = before[i - step] if i >= step else 0
            if kind == 1:
                line[i] = (line[i] + left) & 255
            elif kind == 2:
                line[i] = (line[i] + up) & 255
            elif kind == 3:
                line[i] = (line[i] + (left + up) // 2) & 255
            elif kind == 4:
                guess = left + up - corner
                near = min((abs(guess - c), n) for n, c in enumerate((left, up, corner)))[1]
                line[i] = (line[i] + (left, up, corner)[near]) & 255
        found += [tuple(line[i:i + 3]) for i in range(0, len(line), step)]
        before = line
    return found


def is_green(c):
    return c[1] > c[0] + 40 and c[1] > c[2] + 15


def is_red(c):
    return c[0] > c[1] + 60 and c[0] > c[2] + 50


def complaints(events):
    for event in events:
        parameters = event.get("params", {})
        if event.get("method") == "Log.entryAdded":
            yield parameters["entry"]["text"]
        elif event.get("method") == "Runtime.exceptionThrown":
            yield parameters["exceptionDetails"]["text"]
        elif event.get("method") == "Runtime.consoleAPICalled":
            yield json.dumps(parameters["args"])


def screenshot(browser, path, clip):
    png = base64.b64decode(browser.ask(
        "Page.captureScreenshot", format="png", captureBeyondViewport=True,
        clip=dict(clip, scale=1))["data"])
    with open(path, "wb") as file:
        file.write(png)
    return png


SHOWN = """(() => {
	const all = [...document.querySelectorAll('.t svg')];
	const shown = all.filter(e => e.getClientRects().length);
	if (shown.length != 1) return {shown: shown.length};
	const r = shown[0].getBoundingClientRect();
	return {shown: 1, x: r.x + scrollX, y: r.y + scrollY,
		width: r.width, height: r.height,
		title: shown[0].querySelector('title').textContent,
		desc: shown[0].querySelector('desc').textContent};
})()"""

# What reaches beyond the page's edge outside of a box that scrolls.
BEYOND = """[...document.querySelectorAll('body *')].filter(e => {
	for (let p = e; p && p != document.body; p = p.parentElement)
		if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(p).overflowX) && p != e)
			return false;
	const r = e.getBoundingClientRect();
	return r.right > document.documentElement.clientWidth + 1;
}).map(e => e.tagName + '.' + e.className + ': ' + e.textContent.slice(0, 80)).slice(0, 10)"""


def look(browser, path, width, height, directory, scheme):
    url = "file://" + os.path.abspath(path)
    target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
    browser.session = browser.ask("Target.attachToTarget", targetId=target,
                                  flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
        browser.ask(domain + ".enable")
    browser.ask("Page.setLifecycleEventsEnabled", enabled=True)
    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                deviceScaleFactor=1, mobile=width < 600)
    browser.ask("Emulation.setEmulatedMedia", features=[
        {"name": "prefers-color-scheme", "value": scheme}])
    browser.events = []
    browser.wait_loaded(browser.ask("Page.navigate", url=url)["loaderId"])
    seen = {
        "width": browser.value("document.documentElement.clientWidth"),
        "scroll_width": browser.value("document.documentElement.scrollWidth"),
        "beyond": browser.value(BEYOND),
        "scripts": browser.value("document.scripts.length"),
        "title": browser.value("document.title"),
        "heading": browser.value("document.querySelector('h1').textContent"),
        "text": browser.value("document.body.innerText"),
        "background": browser.value("getComputedStyle(document.body).backgroundColor"),
        "timeline": browser.value(SHOWN),
    }
    whole = browser.value("document.documentElement.scrollHeight")
    screenshot(browser, directory + "/page.png",
               {"x": 0, "y": 0, "width": width, "height": min(whole, 6000)})
    if seen["timeline"]["shown"] == 1:
        box = {key: seen["timeline"][key] for key in ("x", "y", "width", "height")}
        colours = collections.Counter(
            pixels(screenshot(browser, directory + "/timeline.png", box)))
        seen["timeline"]["colours"] = len(colours)
        seen["timeline"]["green"] = sum(n for c, n in colours.items() if is_green(c))
        seen["timeline"]["red"] = sum(n for c, n in colours.items() if is_red(c))
    pdf = base64.b64decode(browser.ask("Page.printToPDF", printBackground=False)["data"])
    with open(directory + "/page.pdf", "wb") as file:
        file.write(pdf)
    seen["pdf"] = {"size": len(pdf), "magic": pdf[:5].decode("latin-1"),
                   "pages": len(re.findall(rb"/Type\s*/Page\b", pdf))}
    seen["errors"] = list(complaints(browser.events))
    seen["requests"] = [
        event["params"]["request"]["url"] for event in browser.events
        if event.get("method") == "Network.requestWillBeSent"
        and event["params"]["request"]["url"] != url]
    return seen


def main():
    path, width, height, directory = sys.argv[1:5]
    scheme = sys.argv[5] if len(sys.argv) > 5 else "light"
    os.makedirs(directory, exist_ok=True)
    # Beside its profile it keeps a socket, of which the name must be short.
    short = tempfile.mkdtemp(prefix="hotfix-", dir="/tmp")
    os.environ.update(HOME=directory, TMPDIR=short, XDG_CONFIG_HOME=directory,
                      XDG_CACHE_HOME=directory)
    browser = Browser(directory)
    try:
        print(json.dumps(look(browser, path, int(width), int(height), directory, scheme)))
    except (TimeoutError, EOFError, RuntimeError, OSError) as problem:
        sys.exit("browser.py: %s\n%s" % (
            problem, open(directory + "/browser.log", errors="replace").read()[-2000:]))
    finally:
        browser.end()
        shutil.rmtree(short, ignore_errors=True)


main()

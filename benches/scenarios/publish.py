"""What it costs a page of PHP-FPM to publish: the package's Publisher against a real server.

    ./dev build && target/venv/bin/python benches/scenarios/publish.py [--pages 200] [--calls 200]

The page times each call by itself. "first" is the first publish of a page, which has to load the classes (opcache is
on) and, without a kept connection, to connect; "next" are the ones after it in the same page. No client is connected,
so the crossing is measured, not the delivery. Microseconds; the server and FPM share the machine's cores."""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/clients"))

from certificates import Authority  # noqa: E402
from fpm import Fpm  # noqa: E402
from php_server import PhpServer  # noqa: E402

PAGE = """<?php
$times = [];
$begun = hrtime(true);
require %s;
$publisher = new Ferrite\\Publisher(
    $_GET['dsn'],
    timeout: 5.0,
    spool: $_GET['spool'] ?: null,
    caFile: $_GET['ca'] ?: null,
    persistent: $_GET['persistent'] === '1',
);
$data = str_repeat('x', (int) $_GET['bytes']);
for ($i = 0; $i < $_GET['calls']; $i++) {
    $publisher->publish('news', $data);
    $now = hrtime(true);
    $times[] = $now - $begun;
    $begun = $now;
}
echo json_encode($times);
"""


def line(name: str, times: list[float]) -> str:
    ordered = sorted(times)
    median, late = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    return f"| {name} | {median / 1000:.0f} | {late / 1000:.0f} |"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pages", type=int, default=200)
    arguments.add_argument("--calls", type=int, default=200, help="publishes in each page")
    chosen = arguments.parse_args()

    secret = "a secret of the benchmark"
    authority = Authority()
    with tempfile.TemporaryDirectory(prefix="ferrite-publish-") as folder:
        unix = f"unix://{folder}/control.sock"
        plain = {"CONTROL": json.dumps([unix, f"http://key:{quote(secret)}@127.0.0.1:0"])}
        secure = {"CONTROL": json.dumps(f"https://key:{quote(secret)}@127.0.0.1:0")}
        secure["TLS"] = json.dumps([authority.make("localhost")])
        script = "tests/clients/server.php"
        with PhpServer(script, env=plain) as server, PhpServer(script, env=secure) as tls:
            http = server.line(r"listening on http://(\S+)")[1]
            https = tls.line(r"listening on https://\S+:(\d+)")[1]
            ways = {
                "Unix socket": {"dsn": unix},
                "Unix socket, 16 KiB": {"dsn": unix, "bytes": 16384},
                "Unix socket, with a spool that is empty": {"dsn": unix, "spool": f"{folder}/spool"},
                "Unix socket, opened by each page": {"dsn": unix, "persistent": 0},
                "TCP, signed": {"dsn": f"http://key:{quote(secret)}@{http}"},
                "TLS, signed": {"dsn": f"https://key:{quote(secret)}@localhost:{https}", "ca": str(authority.root)},
            }
            page = PAGE % json.dumps(str(ROOT / "tests/package/bootstrap.php"))
            fpm = Fpm(page, "-d", "zend_extension=opcache", "-d", "opcache.enable=1")
            try:
                print(f"{chosen.pages} pages with {chosen.calls} calls each\n\n| | median µs | p99 µs |\n|---|---|---|")
                for name, way in ways.items():
                    query = {"calls": chosen.calls, "bytes": 20, "persistent": 1, "spool": "", "ca": ""} | way
                    fpm.get(**query)
                    pages = [json.loads(fpm.get(**query)) for _ in range(chosen.pages)]
                    print(line(f"{name}: first", [times[0] for times in pages]))
                    print(line(f"{name}: next", [time for times in pages for time in times[1:]]))
            finally:
                fpm.close()
    authority.close()


if __name__ == "__main__":
    main()

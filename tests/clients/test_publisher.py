"""The package's Publisher, in PHP without the extension, against a real server and its clients."""

import asyncio
import json
import subprocess
import tempfile
import unittest
from pathlib import Path
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from certificates import Authority
from php_server import ROOT, PhpServer, php, seconds

KEY, SECRET = "shop", "a secret of the tests, 100 % & more"
ANN = "user=ann&topics[]=news&topics[]=sport&tags[lang]=FR&tags[12]=7"
BOB = "user=bob&topics[]=news&tags[lang]=EN&tags[" + quote('say "\\"') + "]=1"


class PublisherTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="ferrite-publisher-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.dsn = f"unix://{self.folder}/control.sock"

    def serve(self, *more: str, **env: str) -> PhpServer:
        control = json.dumps([self.dsn, *more])
        server = PhpServer("tests/clients/server.php", "127.0.0.1:0", env={"CONTROL": control} | env)
        self.addCleanup(server.stop)
        self.url = server.url().rstrip("/")
        return server

    def connect(self, query: str = ""):
        url = f"{self.url}/as?{query}"
        return connect(url, open_timeout=seconds(10), close_timeout=seconds(10))

    async def hear(self, client) -> str | bytes:
        return await asyncio.wait_for(client.recv(), seconds(10))

    async def php(self, code: str, dsn: str | None = None, settings: str = ""):
        """What the code returns, which has a $publisher; of an exception its class and properties."""
        script = f"""
            require {json.dumps(str(ROOT / "tests/package/bootstrap.php"))};
            $publisher = new Ferrite\\Publisher($argv[1], timeout: 20.0{settings});
            try {{
                echo json_encode((function () use ($publisher) {{ {code} }})());
            }} catch (Throwable $e) {{
                echo json_encode(['class' => $e::class, 'text' => $e->getMessage()] + get_object_vars($e));
            }}"""
        command = [*php("-r", script, extension=False), "--", dsn or self.dsn]
        run = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=seconds(60))
        self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)
        try:
            return json.loads(run.stdout)
        except json.JSONDecodeError:
            self.fail(run.stdout)

    async def test_messages_reach_whom_they_are_for(self) -> None:
        self.serve()
        async with self.connect(ANN) as ann, self.connect(BOB) as bob:
            both = [
                "$publisher->publish('news', 'é')",
                "$publisher->broadcast('é')",
                "$publisher->to()->send('é')",
                "$publisher->to()->user('ann', 'bob')->topic('news')->send('é')",
                "$publisher->to()->tags('lang=FR | lang=EN')->send('é')",
                "$publisher->to()->tags([])->send('é')",
            ]
            only_bob = [
                "$publisher->to()->user('bob')->send('x')",
                "$publisher->to()->tags(['lang' => 'EN'])->send('x')",
                "$publisher->to()->topic('news')->tags('!lang=FR')->send('x')",
                r"""$publisher->to()->tags(['say "\\"' => 1])->tags('lang')->send('x')""",
                "$publisher->publish('news', 'x', except: [...$publisher->to()->user('ann')->connections()][0]->id)",
            ]
            nobody = [
                "$publisher->to()->user()->send('x')",
                "$publisher->to()->tags(['lang' => 'FR'])->tags(['lang' => 'EN'])->send('x')",
                "$publisher->to()->tags(['lang' => '*'])->send('x')",
                "$publisher->publish('nothing', 'x')",
            ]
            for call in both:
                self.assertEqual(await self.php(f"return {call}->connections;"), 2, call)
                self.assertEqual((await self.hear(ann), await self.hear(bob)), ("é", "é"), call)
            for call in only_bob:
                self.assertEqual(await self.php(f"return {call}->connections;"), 1, call)
                self.assertEqual(await self.hear(bob), "x", call)
            for call in nobody:
                self.assertEqual(await self.php(f"return {call}->connections;"), 0, call)
            self.assertEqual(await self.php(r'return $publisher->broadcast("\0\xff", true)->connections;'), 2)
            self.assertEqual((await self.hear(ann), await self.hear(bob)), (b"\0\xff", b"\0\xff"), "and nothing before")

    async def test_the_same_id_is_sent_once(self) -> None:
        self.serve()
        async with self.connect(ANN) as ann:
            code = "return [$publisher->publish('news', $argv[2] ?? 'a', id: 'x y')->connections];"
            for _ in range(2):
                self.assertEqual(await self.php(code), [1])
            await self.php("$publisher->publish('news', 'last');")
            self.assertEqual([await self.hear(ann), await self.hear(ann)], ["a", "last"])
            other = await self.php("$publisher->publish('news', 'b', id: 'x y');")
            self.assertEqual((other["class"], other["error"]), ("Ferrite\\RefusedException", "idempotency_mismatch"))

    async def test_what_there_is_can_be_asked(self) -> None:
        self.serve()
        async with self.connect(ANN), self.connect(BOB):
            connections = await self.php("return [...$publisher->connections()];")
            by_user = {connection["user"]: connection for connection in connections}
            self.assertEqual(sorted(by_user), ["ann", "bob"])
            ann = by_user["ann"]
            self.assertEqual((sorted(ann["topics"]), ann["tags"]), (["news", "sport"], {"lang": "FR", "12": "7"}))
            self.assertEqual((ann["buffered"], by_user["bob"]["tags"]['say "\\"']), (0, "1"))
            asked = """
                $ann = [...$publisher->to()->user('ann')->connections()][0]->id;
                $presence = $publisher->presence('news');
                return [
                    'count' => $publisher->to()->topic('sport', 'news')->count(),
                    'but ann' => $publisher->to()->except($ann)->count(),
                    'listed but ann' => array_column([...$publisher->to()->except($ann)->connections()], 'user'),
                    'by tags' => array_column([...$publisher->to()->tags(['lang' => 'FR'])->connections()], 'user'),
                    'by id' => array_column([...$publisher->to()->connection($ann, 7)->connections()], 'user'),
                    'nobody' => [...$publisher->to()->user()->connections()],
                    'topics' => iterator_to_array($publisher->topics()),
                    's…' => iterator_to_array($publisher->topics('s')),
                    'presence' => [$presence->users, $presence->connections],
                    'figure' => $publisher->stats()['ferrite_connections'],
                    'health' => $publisher->health()->name,
                ];"""
            self.assertEqual(
                await self.php(asked),
                {
                    "count": 2,
                    "but ann": 1,
                    "listed but ann": ["bob"],
                    "by tags": ["ann"],
                    "by id": ["ann"],
                    "nobody": [],
                    "topics": {"news": 2, "sport": 1},
                    "s…": {"sport": 1},
                    "presence": [["ann", "bob"], 2],
                    "figure": 2,
                    "health": "Ok",
                },
            )

    async def test_more_topics_than_an_answer_has_come_in_two(self) -> None:
        self.serve()
        topics = "&".join(f"topics[]=t{number:04}" for number in range(64))
        clients = [self.connect(topics.replace("=t", f"=t{number:02}-")) for number in range(16)]
        async with asyncio.TaskGroup() as group:
            opened = [group.create_task(client.__aenter__()) for client in clients]
        found = await self.php("return array_keys(iterator_to_array($publisher->topics()));")
        self.assertEqual(found, [f"t{client:02}-{topic:04}" for client in range(16) for topic in range(64)])
        for client in opened:
            await client.result().close()

    async def test_a_user_is_closed(self) -> None:
        self.serve()
        async with self.connect(ANN) as ann, self.connect(BOB):
            closed = await self.php("return $publisher->to()->user('ann')->close(4001, 'bannie')->connections;")
            self.assertEqual(closed, 1)
            with self.assertRaises(ConnectionClosed) as e:
                await self.hear(ann)
            self.assertEqual((e.exception.rcvd.code, e.exception.rcvd.reason), (4001, "bannie"))

    async def test_refusals_say_what_and_where(self) -> None:
        self.serve()
        for call, error, field, column in [
            ("publish('a topic', 'x')", "invalid_field", "topic", None),
            ("publish('', 'x')", "invalid_field", "topic", None),
            ("to()->topic('ok', \"\\0\")->send('x')", "invalid_field", "to.topics[1]", None),
            ("to()->tags('lang=')->send('x')", "invalid_query", "to.tags", 6),
            ("to()->tags('lang=')->count()", "invalid_query", "to.tags", 6),
            ("to()->close(1006)", "invalid_field", "code", None),
            ("broadcast(str_repeat('x', 20_000_000))", "too_large", None, None),
        ]:
            refused = await self.php(f"return $publisher->{call};")
            self.assertEqual(refused.get("class"), "Ferrite\\RefusedException", refused)
            self.assertEqual((refused["error"], refused["field"], refused["column"]), (error, field, column), call)

    async def test_over_tcp_the_secret_decides(self) -> None:
        server = self.serve(f"http://{KEY}:{quote(SECRET, safe='')}@127.0.0.1:0")
        address = server.line(r"listening on http://(\S+)")[1]
        async with self.connect(ANN) as ann:
            right = f"http://{KEY}:{quote(SECRET, safe='')}@{address}"
            code = "return [$publisher->publish('news', 'a')->connections, $publisher->to()->user('ann')->count()];"
            self.assertEqual(await self.php(code, right), [1, 1])
            self.assertEqual(await self.hear(ann), "a")
            for wrong in [f"http://{KEY}:another+secret+of+the+tests@{address}", right.replace(KEY, "other")]:
                refused = await self.php(code, wrong)
                self.assertEqual((refused["class"], refused["clockOffset"]), ("Ferrite\\UnauthorizedException", None))

    async def test_with_tls_the_certificate_decides_too(self) -> None:
        authority = Authority()
        self.addCleanup(authority.close)
        control = f"https://{KEY}:{quote(SECRET, safe='')}@127.0.0.1:0"
        server = self.serve(control, TLS=json.dumps([authority.make("localhost")]))
        port = server.line(r"listening on https://127\.0\.0\.1:(\d+)")[1]
        dsn = control.replace("127.0.0.1:0", f"localhost:{port}")
        code = "return [$publisher->broadcast('a')->connections, $publisher->broadcast('b')->connections];"
        run = await self.php(code, dsn, f", caFile: {json.dumps(str(authority.root))}")
        self.assertEqual(run, [0, 0])
        stranger = await self.php(code, dsn)
        self.assertEqual(stranger["class"], "Ferrite\\ServerAwayException")
        self.assertIn("certificate verify failed", stranger["text"])

    async def test_what_was_spooled_comes_when_the_server_does_and_first(self) -> None:
        settings = f", spool: {json.dumps(str(self.folder / 'spool'))}"
        spooled = (
            "return $publisher->publish('news', 'first')->isSpooled()"
            " && $publisher->to()->user('ann')->send('second')->isSpooled();"
        )
        self.assertIs(await self.php(spooled, settings=settings), True)
        self.serve()
        async with self.connect(ANN) as ann:
            # A machine that is busy needs more than the moment that a call gives the messages of earlier ones.
            third = "$third = $publisher->publish('news', 'third'); $empty = $publisher->flush()->isEmpty;"
            sent = await self.php(
                f"{third} return [$third->isSpooled() || $third->connections === 1, $empty];", settings=settings
            )
            self.assertEqual(sent, [True, True])
            self.assertEqual([await self.hear(ann) for _ in range(3)], ["first", "second", "third"])

    async def test_while_the_server_is_started_anew_nothing_is_lost(self) -> None:
        settings = f", spool: {json.dumps(str(self.folder / 'spool'))}"
        loop = """
            stream_set_blocking(STDIN, false);
            for ($i = 0; $i < 100_000 && fread(STDIN, 1) === '' && !feof(STDIN); $i++) {
                $publisher->publish('news', "$i");
                usleep(1000);
            }
            $publisher->flush();
            return $i;"""
        server = self.serve()
        script = f"""
            require {json.dumps(str(ROOT / "tests/package/bootstrap.php"))};
            $publisher = new Ferrite\\Publisher($argv[1], timeout: 20.0{settings});
            echo (function () use ($publisher) {{ {loop} }})();"""
        command = [*php("-r", script, extension=False), "--", self.dsn]
        process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        heard: list[int] = []
        try:
            for _ in range(3):
                async with self.connect(ANN) as ann:
                    for _ in range(50):
                        heard.append(int(await self.hear(ann)))
                    stopping = asyncio.create_task(asyncio.to_thread(server.stop))
                    try:
                        while True:
                            heard.append(int(await self.hear(ann)))
                    except ConnectionClosed:
                        pass
                    await stopping
                server = self.serve()
            output, _ = await asyncio.wait_for(process.communicate(b""), seconds(30))
        finally:
            if process.returncode is None:
                process.kill()
        self.assertGreater(int(output), heard[-1])
        # Whoever is not connected hears nothing; but nothing comes twice, or out of its turn.
        self.assertEqual(heard, sorted(set(heard)))


if __name__ == "__main__":
    unittest.main()

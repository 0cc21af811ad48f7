"""Faults of workers, of their releases and of the machine that are rarer than those in test_workers.py."""

import asyncio
import contextlib
import json
import math
import os
import resource
import shutil
import signal
import socket
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from fronts import Front, FrontTest
from php_server import ROOT, seconds

FAILED = "the reload has failed and changes nothing"
DEATHS = "ferrite_worker_deaths_total"


class WorkerFaultsTest(FrontTest):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.release = self.folder / "release.php"
        self.release.write_text("<?php return 'first';")

    def broken(self) -> None:
        self.release.write_text("<?php exit(1);")

    def whole(self) -> None:
        self.release.write_text("<?php return 'second';")

    async def figure(self, front: Front, url: str, name: str) -> int:
        """A figure, or the sum of those with labels."""
        figures = await asyncio.to_thread(front.figures, url)
        return sum(value for key, value in figures.items() if key == name or key.startswith(name + "{"))

    async def received(self, front: Front, url: str, count: int) -> None:
        """Waits until the front has so many messages."""
        name = "ferrite_messages_received_total"
        await self.until(lambda: self.figure(front, url, name), lambda found: found == count)

    async def gone(self, front: Front, pid: int) -> None:
        await self.until(lambda: asyncio.to_thread(front.workers), lambda workers: pid not in workers)

    async def texts(self, client: ClientConnection, count: int) -> list[tuple[str, int]]:
        """So many answers: each one's text and attempt."""
        heard = [json.loads(await self.hear(client)) for _ in range(count)]
        return [(one["answer"], one["attempt"]) for one in heard]

    async def state(self, url: str) -> dict:
        """The state of a new connection, as its worker sees it."""
        async with self.connect(url) as client:
            return (await self.ask(client, "state"))["answer"]

    async def status(self, url: str) -> int:
        """The status with which a handshake is answered."""
        try:
            async with self.connect(url):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    # ---- Fatal errors, exits

    async def test_a_fatal_error_is_logged_with_its_file_and_line(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as culprit, self.connect(url) as bystander:
                await self.say(culprit, "fatal")
                self.assertEqual(await self.code(culprit), 1011)
                self.assertEqual((await self.ask(bystander, "echo"))["attempt"], 1)
            front.line(r"a worker has died.*Cannot redeclare fall.*workers.php\(?.*\d+")
            self.assertEqual(front.stop(), 0)

    async def test_a_fatal_error_in_a_timer_closes_nobody(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client:
                pid = (await self.ask(client, "fall-later fatal"))["pid"]
                await self.gone(front, pid)
                self.assertEqual((await self.ask(client, "echo"))["attempt"], 1)
            self.assertEqual(front.stop(), 0)

    async def test_an_exit_in_on_open_counts_as_opened(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url + "/?open=exit&user=ann") as client:
                state = (await self.ask(client, "state"))["answer"]
                self.assertEqual((state["user"], state["topics"]), ("ann", []))
            self.assertEqual(front.stop(), 0)

    async def test_messages_behind_a_fatal_error_of_another_client_are_not_lost(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as culprit, self.connect(url) as bystander:
                gate = self.folder / "gate"
                await self.say(culprit, f"await {gate}")
                await self.say(culprit, "memory")
                for number in range(50):
                    await self.say(bystander, f"echo {number}")
                await self.received(front, url, 52)
                gate.touch()
                self.assertEqual(await self.texts(bystander, 50), [(str(number), 1) for number in range(50)])
                self.assertEqual(await self.code(culprit), 1011)
            self.assertEqual(front.stop(), 0)

    # ---- Kills

    async def test_a_worker_that_is_killed_while_it_boots_is_started_again(self) -> None:
        with Front(1, include=str(self.release)) as front:
            url = front.url()
            async with self.connect(url) as client:
                pid = (await self.ask(client, "echo"))["pid"]
                self.release.write_text("<?php posix_kill(getmypid(), SIGKILL);")
                os.kill(pid, signal.SIGKILL)
                for _ in range(4):
                    front.line("a worker has died.*SIGKILL")
                # While it is started.
                self.release.write_text("<?php return 'poison';")
                for _ in range(3):
                    front.line("a worker has died.*SIGKILL")
                self.whole()
                self.assertEqual((await self.ask(client, "echo"))["started"], "second")
            self.assertEqual(front.stop(), 0)

    async def test_without_redelivery_messages_that_were_not_begun_still_come(self) -> None:
        with Front(1, {"redeliver": False}) as front:
            url = front.url()
            async with self.connect(url) as client:
                await self.say(client, "kill")
                for number in range(50):
                    await self.say(client, f"echo {number}")
                self.assertEqual(await self.texts(client, 50), [(str(number), 1) for number in range(50)])
            self.assertEqual(front.figures(url)["ferrite_events_dropped_total"], 1)
            self.assertEqual(front.stop(), 0)

    async def test_messages_keep_their_order_when_a_worker_dies_that_a_reload_replaces(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client:
                pid = (await self.ask(client, "echo"))["pid"]
                await self.say(client, "stuck stuck")
                for number in range(10):
                    await self.say(client, f"echo {number}")
                await self.received(front, url, 12)
                front.process.send_signal(signal.SIGHUP)
                front.line("reloaded: generation 2")
                # The old worker still has messages of it, so these wait in the front.
                for number in range(10, 20):
                    await self.say(client, f"echo {number}")
                await self.received(front, url, 22)
                os.kill(pid, signal.SIGKILL)
                wanted = [("stuck", 2)] + [(str(number), 1) for number in range(20)]
                self.assertEqual(await self.texts(client, 21), wanted)
            self.assertEqual(front.stop(), 0)

    async def test_a_close_comes_after_the_messages_that_a_killed_worker_had(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client, self.connect(url) as other:
                pid = (await self.ask(other, "echo"))["pid"]
                await self.say(client, "stuck")
                for number in range(5):
                    await self.say(client, f"say {number}")
                await self.received(front, url, 7)
                await client.close(4001)
                os.kill(pid, signal.SIGKILL)
                for number in range(5):
                    self.assertEqual(front.line(r"(said|closed) (\d+)")[0], f"said {number}")
                front.line("closed 4001")
            self.assertEqual(front.stop(), 0)

    async def test_a_connection_keeps_its_state_when_its_worker_is_killed(self) -> None:
        with Front(2) as front:
            url = front.url()
            async with self.connect(
                url + "/path?user=ann", additional_headers={"X-Test": "kept"}, subprotocols=["chat"]
            ) as client:
                await self.ask(client, "set this")
                before = await self.ask(client, "state")
                os.kill(before["pid"], signal.SIGKILL)
                after = await self.ask(client, "state")
                self.assertNotEqual(after["pid"], before["pid"])
                self.assertEqual(after["answer"], before["answer"] | {"data": None})
                self.assertEqual(after["answer"]["protocol"], "chat")
                self.assertEqual((await self.ask(client, "everybody ann"))["answer"], 1)
                front.line("attached ann")
            self.assertEqual(front.stop(), 0)

    async def test_a_request_is_answered_by_another_worker_or_with_500(self) -> None:
        with Front(1) as front:
            address = front.url().replace("ws://", "http://")

            def get(how: str) -> tuple[int, str]:
                try:
                    with urllib.request.urlopen(f"{address}/?request={how}", timeout=seconds(20)) as answer:
                        return answer.status, answer.read().decode()
                except urllib.error.HTTPError as error:
                    return error.code, ""

            self.assertEqual(await asyncio.to_thread(get, ""), (200, "attempt 1"))
            self.assertEqual(await asyncio.to_thread(get, "kill"), (200, "attempt 2"))
            self.assertEqual((await asyncio.to_thread(get, "poison"))[0], 500)
            self.assertEqual((await asyncio.to_thread(get, "memory"))[0], 500)
            self.assertEqual(front.stop(), 0)

    # ---- Leaders

    async def test_another_worker_leads_when_the_leader_is_killed(self) -> None:
        with Front(3) as front:
            url = front.url()
            await self.ready(front, url, 3)
            async with contextlib.AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(self.connect(url)) for _ in range(3)]

                async def leaders() -> list[int]:
                    answers = [await self.ask(client, "echo") for client in clients]
                    return [one["pid"] for one in answers if one["leader"]]

                [first] = await self.until(leaders, lambda found: len(found) == 1)
                front.line(f"tick {first} ")
                os.kill(first, signal.SIGKILL)
                [second] = await self.until(leaders, lambda found: len(found) == 1 and found != [first])
                front.line(f"tick {second} ")
            self.assertEqual(front.stop(), 0)

    async def test_repeated_timers_go_on_while_a_replaced_leader_waits_for_its_own(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client:
                pid = (await self.ask(client, "later 7"))["pid"]
                front.process.send_signal(signal.SIGHUP)
                front.line("reloaded: generation 2")
                found = front.line(rf"tick (?!{pid} )|later 7")[0]
                self.assertNotEqual(found, "later 7", "no worker has led for as long as the old one lived")
            self.assertEqual(front.stop(), 0)

    # ---- Stuck workers

    async def test_a_timer_that_is_stuck_ends_its_worker(self) -> None:
        with Front(1, {"handlerTimeout": 0.3}) as front:
            url = front.url()
            async with self.connect(url) as client:
                await self.ask(client, "fall-later stuck")
                front.line("takes longer than handlerTimeout")
                self.assertEqual((await self.ask(client, "echo"))["attempt"], 1)
            self.assertEqual(front.stop(), 0)

    async def test_a_stuck_open_ends_its_worker(self) -> None:
        with Front(1, {"handlerTimeout": 0.3}) as front:
            url = front.url()
            async with self.connect(url + "/?open=stuck") as client:
                self.assertEqual((await self.ask(client, "state"))["answer"]["topics"], ["all"])
            front.line("takes longer than handlerTimeout")
            self.assertEqual(front.stop(), 0)

    async def test_two_terms_to_a_busy_worker_do_not_stop_the_server(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client, self.connect(url) as bystander:
                pid = (await self.ask(client, "echo"))["pid"]
                gate = self.folder / "gate"
                await self.say(client, f"await {gate}")
                await self.received(front, url, 2)
                for _ in range(2):
                    os.kill(pid, signal.SIGTERM)
                    # Signals of one kind that come at once are one.
                    await asyncio.sleep(0.02)
                gate.touch()
                self.assertEqual(await self.texts(client, 1), [(str(gate), 1)])
                await self.gone(front, pid)
                self.assertEqual((await self.ask(bystander, "echo"))["attempt"], 1)
            self.assertEqual(front.stop(), 0)

    async def test_a_worker_that_gets_a_term_is_replaced_and_has_not_died(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client:
                pid = (await self.ask(client, "set this"))["pid"]
                os.kill(pid, signal.SIGTERM)
                await self.gone(front, pid)
                self.assertEqual((await self.ask(client, "state"))["answer"]["note"], {"text": "this"})
                self.assertEqual(await self.figure(front, url, DEATHS), 0)
            self.assertEqual(front.stop(), 0)

    # ---- Rubbish, descriptors

    async def test_rubbish_anywhere_costs_the_worker_alone(self) -> None:
        # Rubbish where nothing is read says nothing: the time limit ends such a worker.
        with Front(2, {"handlerTimeout": 1}) as front:
            url = front.url()
            await self.ready(front, url, 2)
            async with self.connect(url) as culprit, self.connect(url) as bystander:
                for number in range(10):
                    self.assertEqual((await self.ask(culprit, "noise"))["attempt"], 2)
                    self.assertEqual((await self.ask(bystander, f"echo {number}"))["answer"], str(number))
            self.assertEqual(front.stop(), 0)

    async def test_a_worker_cannot_write_the_memory_of_the_front_or_cut_it_off(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client:
                self.assertEqual((await self.ask(client, "vandalise"))["answer"], [])
                self.assertEqual((await self.ask(client, "echo after"))["answer"], "after")
            self.assertEqual(front.stop(), 0)

    async def test_a_worker_without_its_descriptors_goes_on_and_can_be_replaced(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client, self.connect(url) as other:
                if not (await self.ask(client, "close-all"))["answer"]:
                    self.skipTest("this PHP has no FFI")
                for number in range(5):
                    self.assertEqual((await self.ask(client, f"echo {number}"))["answer"], str(number))
                pid = (await self.ask(other, "echo"))["pid"]
                front.process.send_signal(signal.SIGHUP)
                front.line("reloaded: generation 2")
                await self.gone(front, pid)
                self.assertEqual((await self.ask(client, "echo"))["attempt"], 1)
            self.assertEqual(front.stop(), 0)

    # ---- Releases

    async def test_a_script_that_is_deleted_changes_nothing(self) -> None:
        script = self.folder / "server.php"
        shutil.copy(ROOT / "tests/clients/workers.php", script)
        with Front(2, script=str(script)) as front:
            url = front.url()
            await self.ready(front, url, 2)
            async with self.connect(url) as client:
                pid = (await self.ask(client, "echo"))["pid"]
                script.rename(self.folder / "away.php")
                front.process.send_signal(signal.SIGHUP)
                front.line(FAILED)
                # A worker that dies meanwhile comes back with the script.
                os.kill(pid, signal.SIGKILL)
                answer = await self.ask(client, "echo")
                self.assertEqual((answer["generation"], answer["attempt"]), (1, 1))
                (self.folder / "away.php").rename(script)
                await self.ready(front, url, 2)
                front.process.send_signal(signal.SIGHUP)
                front.line("reloaded: generation 2")
            self.assertEqual(front.stop(), 0)

    async def test_workers_of_a_new_generation_get_nothing_before_all_of_it_is_ready(self) -> None:
        gate = self.folder / "gate"
        with Front(2, include=str(self.release)) as front:
            url = front.url()
            async with self.connect(url) as before, contextlib.AsyncExitStack() as stack:
                await self.ask(before, "echo")
                self.release.write_text(f"<?php return 'fails 1 {gate}';")
                front.process.send_signal(signal.SIGHUP)
                front.line("started 0 generation 2")
                clients = [await stack.enter_async_context(self.connect(url)) for _ in range(8)]
                answers = [await self.ask(client, "echo") for client in clients]
                self.assertEqual({one["generation"] for one in answers}, {1})
                gate.touch()
                front.line(FAILED)
                for client in [before, *clients]:
                    answer = await self.ask(client, "echo")
                    self.assertEqual((answer["generation"], answer["attempt"]), (1, 1))
            self.assertEqual(front.stop(), 0)

    async def test_a_message_in_a_generation_that_fails_is_not_lost(self) -> None:
        gate = self.folder / "gate"
        with Front(2, include=str(self.release)) as front:
            url = front.url()
            await self.ready(front, url, 2)
            self.release.write_text(f"<?php return 'fails 1 {gate}';")
            front.process.send_signal(signal.SIGHUP)
            front.line("started 0 generation 2")
            async with contextlib.AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(self.connect(url)) for _ in range(6)]
                other = self.folder / "other"
                for client in clients:
                    await self.say(client, f"await {other}")
                await self.received(front, url, len(clients))
                gate.touch()
                front.line(FAILED)
                other.touch()
                for client in clients:
                    self.assertEqual((await self.texts(client, 1))[0][0], str(other))
            self.assertEqual(front.stop(), 0)

    async def test_a_reload_gives_one_up_that_does_not_get_ready(self) -> None:
        with Front(1, include=str(self.release)) as front:
            url = front.url()
            async with self.connect(url) as client:
                self.assertEqual((await self.ask(client, "echo"))["started"], "first")
                self.release.write_text("<?php echo 'waits for ever', PHP_EOL; sleep(600);")
                front.process.send_signal(signal.SIGHUP)
                front.line("waits for ever")
                self.whole()

                async def reloaded() -> str:
                    front.process.send_signal(signal.SIGHUP)
                    return (await self.ask(client, "echo"))["started"]

                await self.until(reloaded, lambda started: started == "second")
            self.assertEqual(front.stop(), 0)

    async def test_a_stop_ends_a_reload_that_does_not_get_ready(self) -> None:
        with Front(1, include=str(self.release)) as front:
            await self.ready(front, front.url(), 1)
            self.release.write_text("<?php echo 'waits for ever', PHP_EOL; sleep(600);")
            front.process.send_signal(signal.SIGHUP)
            front.line("waits for ever")
            self.assertEqual(front.stop(), 0)

    async def test_a_worker_that_dies_during_a_reload_leaves_its_clients_to_the_others(self) -> None:
        with Front(2, include=str(self.release)) as front:
            url = front.url()
            await self.ready(front, url, 2)
            async with self.connect(url) as client, self.connect(url) as other:
                pid = (await self.ask(client, "echo"))["pid"]
                await self.ask(other, "echo")
                gate = self.folder / "gate"
                self.release.write_text(
                    f"<?php echo 'waits', PHP_EOL; while (!is_file('{gate}')) {{ clearstatcache(); }}"
                )
                front.process.send_signal(signal.SIGHUP)
                front.line("waits")
                os.kill(pid, signal.SIGKILL)
                for number in range(5):
                    self.assertEqual((await self.ask(client, f"echo {number}"))["answer"], str(number))
                    self.assertEqual((await self.ask(other, f"echo {number}"))["answer"], str(number))
                gate.touch()
                front.line("reloaded: generation 2")
                await self.ready(front, url, 2)
                self.assertEqual((await self.ask(client, "echo"))["attempt"], 1)
            self.assertEqual(front.stop(), 0)

    async def test_a_worker_that_is_due_and_cannot_be_replaced_goes_on_without_haste(self) -> None:
        with Front(1, {"maxMessages": 20}, include=str(self.release)) as front:
            url = front.url()
            async with self.connect(url) as client:
                pid = (await self.ask(client, "echo"))["pid"]
                self.broken()
                for number in range(30):
                    self.assertEqual((await self.ask(client, f"echo {number}"))["pid"], pid)
                began = time.monotonic()
                await self.until(lambda: self.figure(front, url, DEATHS), lambda deaths: deaths >= 3)
                # From 0.1 s on the time between two starts doubles, so a slow machine has fewer.
                await asyncio.sleep(2)
                deaths = await self.figure(front, url, DEATHS)
                self.assertLess(deaths, 6 + math.log2(1 + (time.monotonic() - began) / 0.1))
                self.whole()
                await self.until(lambda: self.ask(client, "echo"), lambda heard: heard["started"] == "second")
            self.assertEqual(front.stop(), 0)

    async def test_a_worker_is_replaced_for_its_age_and_its_memory(self) -> None:
        with Front(1, {"maxAge": 0.5}) as front:
            url = front.url()
            async with self.connect(url) as client:
                pid = (await self.ask(client, "echo"))["pid"]
                await self.until(lambda: self.ask(client, "echo"), lambda heard: heard["pid"] != pid)
            self.assertEqual(front.stop(), 0)
        with Front(1, {"maxMemory": 110 << 20}) as front:
            url = front.url()
            async with self.connect(url) as client:
                pid = (await self.ask(client, "hold 0"))["pid"]
                self.assertEqual((await self.ask(client, "echo"))["pid"], pid)
                await self.ask(client, f"hold {110 << 20}")
                await self.until(lambda: self.ask(client, "echo"), lambda heard: heard["pid"] != pid)
            self.assertEqual(front.stop(), 0)

    # ---- The machine

    async def test_clients_stay_open_without_any_worker_and_are_served_later(self) -> None:
        with Front(2, include=str(self.release)) as front:
            url = front.url()
            async with self.connect(url) as client, contextlib.AsyncExitStack() as stack:
                await self.ask(client, "set this")
                self.broken()
                for pid in front.workers():
                    os.kill(pid, signal.SIGKILL)
                await self.until(lambda: self.figure(front, url, "ferrite_workers_ready"), lambda ready: ready == 0)
                for number in range(20):
                    await self.say(client, f"echo {number}")
                later = asyncio.create_task(stack.enter_async_context(self.connect(url + "/?user=bob")))
                for _ in range(3):
                    front.line("a worker has died")
                    # The front answers it.
                    await asyncio.wait_for(await client.ping(), seconds(20))
                self.assertFalse(later.done())
                self.whole()
                self.assertEqual(await self.texts(client, 20), [(str(number), 1) for number in range(20)])
                self.assertEqual((await self.ask(client, "state"))["answer"]["note"], {"text": "this"})
                self.assertEqual((await self.ask(await later, "state"))["answer"]["user"], "bob")
            self.assertEqual(front.stop(), 0)

    async def test_a_client_that_waits_before_the_server_starts_is_asked_for_by_on_handshake(self) -> None:
        for _ in range(10):
            with socket.create_server(("127.0.0.1", 0)) as listener:
                url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
                refused = asyncio.create_task(self.status(url + "/?handshake=refuse"))
                state = asyncio.create_task(self.state(url + "/?user=ann"))
                # Both are in the queue of the socket, which the server accepts from as soon as it can.
                await asyncio.sleep(0.1)
                with Front(1, env={"LISTEN": "systemd"}, sockets={"web": listener}) as front:
                    self.assertEqual(await refused, 403)
                    self.assertEqual((await state)["user"], "ann")
                    self.assertEqual(front.stop(), 0)

    async def test_without_any_worker_no_handshake_is_accepted_and_no_request_refused(self) -> None:
        with Front(1, include=str(self.release)) as front:
            url = front.url()
            await self.ready(front, url, 1)
            self.broken()
            for pid in front.workers():
                os.kill(pid, signal.SIGKILL)
            for _ in range(3):
                front.line("a worker has died")

            def get() -> str:
                address = url.replace("ws://", "http://")
                with urllib.request.urlopen(address, timeout=seconds(20)) as answer:
                    return answer.read().decode()

            asked = [asyncio.create_task(self.state(url + "/?user=ann")), asyncio.create_task(asyncio.to_thread(get))]
            front.line("a worker has died")
            await asyncio.sleep(0)
            self.whole()
            state, body = await asyncio.gather(*asked)
            self.assertEqual((state["user"], state["tags"], body), ("ann", {"from": "ann"}, "attempt 1"))
            self.assertEqual(front.stop(), 0)

    async def test_a_server_without_a_worker_stops(self) -> None:
        with Front(1, include=str(self.release)) as front:
            url = front.url()
            async with self.connect(url) as client:
                pid = (await self.ask(client, "echo"))["pid"]
                self.broken()
                os.kill(pid, signal.SIGKILL)
                for _ in range(3):
                    front.line("a worker has died")
                front.process.send_signal(signal.SIGTERM)
                self.assertEqual(await self.code(client), 1001)
            self.assertEqual(front.wait(), 0)

    async def test_a_front_without_descriptors_keeps_its_workers_and_recovers(self) -> None:
        with Front(2) as front:
            url = front.url()
            await self.ready(front, url, 2)
            async with self.connect(url) as client, self.connect(url) as other:
                pid = (await self.ask(client, "echo"))["pid"]
                await self.ask(other, "echo")
                soft, hard = resource.prlimit(front.process.pid, resource.RLIMIT_NOFILE)
                resource.prlimit(front.process.pid, resource.RLIMIT_NOFILE, (3, hard))
                front.process.send_signal(signal.SIGHUP)
                front.line(FAILED)
                os.kill(pid, signal.SIGKILL)
                front.line("a worker cannot be started")
                for number in range(5):
                    self.assertEqual((await self.ask(client, f"echo {number}"))["answer"], str(number))
                    self.assertEqual((await self.ask(other, f"echo {number}"))["answer"], str(number))
                resource.prlimit(front.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
                await self.ready(front, url, 2)
                front.process.send_signal(signal.SIGHUP)
                front.line("reloaded: generation")
                self.assertEqual((await self.ask(client, "echo"))["attempt"], 1)
            self.assertEqual(front.stop(), 0)

    async def test_a_full_disk_for_the_log_costs_nothing(self) -> None:
        with Front(1, errors="/dev/full") as front:
            url = front.line(r"listens at (ws://)?(\S+)")[2]
            url = f"ws://{url}"
            async with self.connect(url) as client:
                pid = (await self.ask(client, "echo"))["pid"]
                os.kill(pid, signal.SIGKILL)
                self.assertEqual((await self.ask(client, "echo"))["attempt"], 1)
                front.process.send_signal(signal.SIGHUP)
                await self.until(lambda: self.ask(client, "echo"), lambda heard: heard["generation"] == 2)
            self.assertEqual(front.stop(), 0)

    async def test_an_output_that_nobody_reads_holds_up_its_worker_alone(self) -> None:
        # Else all of them print now and then.
        with Front(2, env={"QUIET": "1"}) as front:
            url = front.url()
            await self.ready(front, url, 2)
            async with self.connect(url) as loud, self.connect(url) as quiet:
                self.assertNotEqual((await self.ask(loud, "echo"))["pid"], (await self.ask(quiet, "echo"))["pid"])
                front.deaf.set()
                await self.say(loud, f"print {4 << 20}")
                for number in range(50):
                    self.assertEqual((await self.ask(quiet, f"echo {number}"))["answer"], str(number))
                os.kill((await self.ask(quiet, "echo"))["pid"], signal.SIGKILL)
                self.assertEqual((await self.ask(quiet, "echo after"))["answer"], "after")
                front.deaf.clear()
                self.assertEqual((await self.ask(loud, "echo"))["attempt"], 1)
            self.assertEqual(front.stop(), 0)


if __name__ == "__main__":
    unittest.main()

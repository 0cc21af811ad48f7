"""Several PHP workers behind one front: deaths, reloads and state, with real processes.

The rows of the table in docs/workers.md, "Failures", each a test."""

import asyncio
import contextlib
import json
import os
import re
import signal
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from fronts import Front, FrontTest


class WorkersTest(FrontTest):
    async def test_each_worker_is_a_process_and_connections_are_spread(self) -> None:
        with Front(3) as front:
            url = front.url()
            await self.ready(front, url, 3)
            async with contextlib.AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(self.connect(url)) for _ in range(6)]
                pids = [(await self.ask(client, "echo"))["pid"] for client in clients]
                self.assertEqual(set(pids), set(front.workers()))
                self.assertEqual((await self.ask(clients[0], "count"))["answer"], 6)
                self.assertEqual((await self.ask(clients[0], "publish to all"))["answer"], 6)
                for client in clients:
                    heard = await self.hear(client) if client is not clients[0] else "to all"
                    self.assertEqual(heard, "to all")
            self.assertEqual(front.stop(), 0)

    async def test_an_exception_closes_its_client_and_its_worker_lives(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as culprit, self.connect(url) as bystander:
                pid = (await self.ask(bystander, "echo"))["pid"]
                await self.say(culprit, "throw")
                self.assertEqual(await self.code(culprit), 1011)
                self.assertEqual((await self.ask(bystander, "echo"))["pid"], pid)
            self.assertEqual(front.stop(), 0)

    async def falls(self, how: str, count: int, reason: str) -> None:
        """A message that ends its worker with an error which PHP could report: its client is closed, nobody else."""
        with Front(count) as front:
            url = front.url()
            async with contextlib.AsyncExitStack() as stack:
                culprit = await stack.enter_async_context(self.connect(url))
                bystander = await self.other(url, culprit, stack)
                pid = (await self.ask(bystander, "echo"))["pid"]
                await self.say(culprit, how)
                self.assertEqual(await self.code(culprit), 1011)
                answer = await self.ask(bystander, "echo still here")
                self.assertEqual((answer["answer"], answer["attempt"]), ("still here", 1))
                self.assertNotEqual(answer["pid"], pid)
            front.line("a worker has died.*workers.php:|a worker has died.*rror")
            figures = front.figures(url)
            self.assertEqual(figures[f'ferrite_worker_deaths_total{{reason="{reason}"}}'], 1)
            self.assertEqual(front.stop(), 0)

    async def test_a_fatal_error_closes_its_client_alone(self) -> None:
        await self.falls("fatal", 1, "fatal")

    async def test_the_memory_limit_closes_its_client_alone(self) -> None:
        await self.falls("memory", 1, "fatal")

    async def test_a_fatal_error_leaves_the_clients_of_its_worker_to_another(self) -> None:
        await self.falls("memory", 2, "fatal")

    async def test_the_time_limit_closes_its_client_alone(self) -> None:
        await self.falls("time", 1, "fatal")

    async def test_exit_counts_as_done(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client:
                before = await self.ask(client, "echo")
                await self.say(client, "exit")
                after = await self.ask(client, "echo once")
                self.assertEqual((after["answer"], after["attempt"]), ("once", 1))
                self.assertNotEqual(after["pid"], before["pid"])
            self.assertEqual(front.figures(url)['ferrite_worker_deaths_total{reason="exit"}'], 1)
            self.assertEqual(front.stop(), 0)

    async def test_a_message_that_a_killed_worker_had_begun_comes_once_more_and_says_so(self) -> None:
        for how in ["kill", "segfault"]:
            with self.subTest(how), Front(1) as front:
                url = front.url()
                async with self.connect(url) as client:
                    self.assertEqual((await self.ask(client, how + " again"))["attempt"], 2)
                    self.assertEqual((await self.ask(client, "echo"))["attempt"], 1)
                self.assertEqual(front.figures(url)["ferrite_events_redelivered_total"], 1)
                self.assertEqual(front.stop(), 0)

    async def test_messages_that_a_killed_worker_had_not_begun_come_unmarked_and_in_order(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client:
                await self.say(client, "kill")
                for number in range(200):
                    await self.say(client, f"echo {number}")
                first = json.loads(await self.hear(client))
                self.assertEqual((first["what"], first["attempt"]), ("kill", 2))
                for number in range(200):
                    heard = json.loads(await self.hear(client))
                    self.assertEqual((heard["answer"], heard["attempt"]), (str(number), 1))
            self.assertEqual(front.stop(), 0)

    async def test_a_message_that_kills_a_second_worker_is_poison(self) -> None:
        with Front(2) as front:
            url = front.url()
            async with self.connect(url) as culprit, self.connect(url) as bystander:
                await self.say(culprit, "poison")
                self.assertEqual(await self.code(culprit), 1011)
                self.assertEqual((await self.ask(bystander, "echo"))["what"], "echo")
            front.line("has cost two workers")
            self.assertEqual(front.stop(), 0)

    async def test_without_redelivery_a_begun_message_is_dropped_and_counted(self) -> None:
        with Front(1, {"redeliver": False}) as front:
            url = front.url()
            async with self.connect(url) as client:
                await self.say(client, "kill")
                self.assertEqual((await self.ask(client, "echo next"))["answer"], "next")
            self.assertEqual(front.figures(url)["ferrite_events_dropped_total"], 1)
            self.assertEqual(front.stop(), 0)

    async def test_what_a_callback_had_published_before_it_was_killed_has_left(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client, self.connect(url) as subscriber:
                await self.ask(subscriber, "echo")
                self.assertEqual((await self.ask(client, "publish-and-kill"))["attempt"], 2)
                heard = [await self.hear(subscriber), await self.hear(subscriber)]
                self.assertEqual(heard, ["published by attempt 1", "published by attempt 2"])
            self.assertEqual(front.stop(), 0)

    async def test_a_worker_that_is_killed_in_a_handshake_costs_nobody_anything(self) -> None:
        with Front(1) as front, contextlib.suppress(asyncio.CancelledError):
            url = front.url()
            async with self.connect(url + "/?handshake=kill&user=ann") as client:
                self.assertEqual((await self.ask(client, "state"))["answer"]["user"], "ann")
            self.assertEqual(front.stop(), 0)

    async def test_a_handshake_that_is_poison_or_fatal_is_refused(self) -> None:
        for how in ["poison", "memory"]:
            with self.subTest(how), Front(1) as front:
                url = front.url()
                with self.assertRaises(InvalidStatus) as refused:
                    async with self.connect(f"{url}/?handshake={how}"):
                        pass
                self.assertEqual(refused.exception.response.status_code, 500)
                async with self.connect(url) as later:
                    self.assertEqual((await self.ask(later, "echo"))["what"], "echo")
                self.assertEqual(front.stop(), 0)

    async def test_a_worker_that_is_killed_in_on_open_opens_again(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url + "/?open=kill&user=ann") as client:
                state = (await self.ask(client, "state"))["answer"]
                self.assertEqual((state["user"], state["topics"], state["data"]), ("ann", ["all"], "opened here"))
            self.assertEqual(front.stop(), 0)

    async def test_a_worker_that_is_killed_in_on_close_closes_again(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url + "/?close=kill") as client:
                await self.ask(client, "set this")
            front.line(r'closed 1000 attempt 2 note {"text":"this"}')
            async with self.connect(url) as later:
                self.assertEqual((await self.ask(later, "count"))["answer"], 1)
            self.assertEqual(front.stop(), 0)

    async def test_a_worker_that_is_killed_while_idle_is_replaced(self) -> None:
        with Front(2) as front:
            url = front.url()
            async with self.connect(url) as client:
                pid = (await self.ask(client, "echo"))["pid"]
                os.kill(pid, signal.SIGKILL)
                self.assertNotEqual((await self.ask(client, "echo"))["pid"], pid)
                await self.until(lambda: asyncio.to_thread(front.workers), lambda workers: len(workers) == 2)
            self.assertEqual(front.stop(), 0)

    async def test_all_workers_killed_at_once_close_nobody(self) -> None:
        with Front(3) as front:
            url = front.url()
            async with contextlib.AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(self.connect(url)) for _ in range(9)]
                for _ in range(3):
                    for client in clients:
                        await self.ask(client, "echo")
                    for pid in front.workers():
                        os.kill(pid, signal.SIGKILL)
                    for number, client in enumerate(clients):
                        self.assertEqual((await self.ask(client, f"echo {number}"))["answer"], str(number))
            self.assertEqual(front.stop(), 0)

    async def test_a_stuck_worker_is_ended_and_the_log_says_where_it_was(self) -> None:
        with Front(1, {"handlerTimeout": 0.3}) as front:
            url = front.url()
            async with self.connect(url) as client:
                self.assertEqual((await self.ask(client, "stuck"))["attempt"], 2)
            front.line(r"takes longer than handlerTimeout.*workers.php:\d+")
            self.assertEqual(front.figures(url)['ferrite_worker_deaths_total{reason="timeout"}'], 1)
            self.assertEqual(front.stop(), 0)

    async def test_a_slow_worker_delays_its_own_clients_alone(self) -> None:
        with Front(2) as front:
            url = front.url()
            await self.ready(front, url, 2)
            async with self.connect(url) as slow, self.connect(url) as quick:
                pids = {(await self.ask(client, "echo"))["pid"] for client in (slow, quick)}
                self.assertEqual(len(pids), 2)
                await self.say(slow, "stuck")
                for _ in range(20):
                    await self.ask(quick, "echo")
            self.assertEqual(front.stop(signal.SIGKILL), -signal.SIGKILL)

    async def test_a_worker_that_sends_rubbish_is_ended_as_if_killed(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client:
                self.assertEqual((await self.ask(client, "rubbish"))["attempt"], 2)
            front.line("sent rubbish")
            self.assertEqual(front.figures(url)['ferrite_worker_deaths_total{reason="protocol"}'], 1)
            self.assertEqual(front.stop(), 0)
            self.assertEqual(sum("a worker has sent rubbish" in line for line in front.said()), 1)

    async def test_a_worker_is_replaced_also_where_the_system_reaps_children(self) -> None:
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            front = Front(1)
        finally:
            signal.signal(signal.SIGCHLD, before)
        with front:
            async with self.connect(front.url()) as client:
                pid = (await self.ask(client, "echo"))["pid"]
                os.kill(pid, signal.SIGKILL)
                self.assertNotEqual((await self.ask(client, "echo"))["pid"], pid)
            self.assertEqual(front.stop(), 0)

    async def test_the_limits_of_the_first_start_hold_for_a_release_with_others(self) -> None:
        release = """<?php
            $limits = new Ferrite\\Limits(sendBuffer: 1 << 20, totalSendBuffer: MEBIBYTES << 20);
            $server = new Ferrite\\Server('127.0.0.1:0', limits: $limits, workers: 1, ioThreads: 1);
            $server->onMessage(function ($from, $data) use ($server): void {
                try {
                    $generation = $server->worker()->generation;
                    $from->send($data === 'large' ? str_repeat('x', 3 << 20) : "generation $generation");
                } catch (ValueError $error) {
                    $from->send('refused');
                }
            });
            $server->run();"""
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "limits.php"
            script.write_text(release.replace("MEBIBYTES", "2"))
            with Front(script=str(script)) as front:
                async with self.connect(front.url(), max_size=None) as client:

                    async def say(text: str) -> str:
                        await client.send(text)
                        return await self.hear(client)

                    self.assertEqual(await say("large"), "refused")
                    script.write_text(release.replace("MEBIBYTES", "64"))
                    front.process.send_signal(signal.SIGHUP)
                    front.line("options of the server have changed")
                    await self.until(lambda: say("which"), lambda heard: heard == "generation 2")
                    self.assertEqual(await say("large"), "refused")
                    self.assertEqual(await say("which"), "generation 2")
                self.assertEqual(front.stop(), 0)
                self.assertNotIn("rubbish", "\n".join(front.said()))

    async def test_a_child_that_a_worker_has_forked_holds_nothing_up(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client:
                pid = (await self.ask(client, "fork"))["pid"]
                os.kill(pid, signal.SIGKILL)
                self.assertNotEqual((await self.ask(client, "echo"))["pid"], pid)
            self.assertEqual(front.stop(), 0)

    async def test_a_worker_that_closes_its_standard_descriptors_goes_on(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url) as client:
                await self.ask(client, "close-standard")
                for number in range(5):
                    self.assertEqual((await self.ask(client, f"echo {number}"))["answer"], str(number))
            self.assertEqual(front.stop(), 0)

    async def test_a_reload_closes_nobody_and_keeps_the_state(self) -> None:
        headers = {"X-Test": "kept"}
        with Front(2) as front:
            url = front.url()
            async with self.connect(
                url + "/path?user=ann", additional_headers=headers, subprotocols=["chat"]
            ) as client:
                await self.ask(client, "set this")
                before = (await self.ask(client, "state"))["answer"]
                await self.ask(client, "reload")
                front.line("reloaded: generation 2 serves")
                state = await self.until(lambda: self.ask(client, "state"), lambda state: state["generation"] == 2)
                self.assertEqual(state["answer"], before | {"data": None})
                self.assertEqual(before["note"], {"text": "this"})
                self.assertEqual(before["header"], "kept")
                self.assertEqual((await self.ask(client, "everybody ann"))["answer"], 1)
            printed = "\n".join(front.said())
            self.assertRegex(printed, r"detached ann")
            self.assertRegex(printed, r"attached ann \d+")
            self.assertEqual(front.stop(), 0)

    async def test_messages_come_once_and_in_order_while_the_server_is_reloaded(self) -> None:
        with Front(2) as front:
            url = front.url()

            async def chat(client: ClientConnection) -> set[int]:
                generations = set()
                for start in range(0, 2000, 50):
                    for number in range(start, start + 50):
                        await self.say(client, f"echo {number}")
                    for number in range(start, start + 50):
                        heard = json.loads(await self.hear(client))
                        self.assertEqual((heard["answer"], heard["attempt"]), (str(number), 1))
                        generations.add(heard["generation"])
                return generations

            async with contextlib.AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(self.connect(url)) for _ in range(8)]
                chats = [asyncio.create_task(chat(client)) for client in clients]
                while not all(task.done() for task in chats):
                    front.process.send_signal(signal.SIGHUP)
                    await asyncio.sleep(0.1)
                for task in chats:
                    self.assertGreater(len(await task), 1, "no reload came in the middle")
            self.assertEqual(front.stop(), 0)

    async def test_each_signal_for_it_reloads(self) -> None:
        with Front(1) as front:
            url = front.url()
            await self.ready(front, url, 1)
            for generation, number in [(2, signal.SIGHUP), (3, signal.SIGUSR1)]:
                front.process.send_signal(number)
                front.line(f"reloaded: generation {generation} serves")
            async with self.connect(url) as client:
                self.assertEqual((await self.ask(client, "echo"))["generation"], 3)
            self.assertEqual(front.stop(), 0)

    async def test_a_reload_to_broken_code_changes_nothing_and_says_why(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            include = Path(folder) / "release.php"
            include.write_text("<?php return 'first';")
            with Front(2, include=str(include)) as front:
                url = front.url()
                async with self.connect(url) as client:
                    self.assertEqual((await self.ask(client, "echo"))["started"], "first")
                    for broken in ["<?php this is no PHP", "<?php exit(1);", "<?php throw new Error('no');"]:
                        include.write_text(broken)
                        front.process.send_signal(signal.SIGHUP)
                        front.line("the reload has failed and changes nothing")
                        answer = await self.ask(client, "echo")
                        self.assertEqual((answer["generation"], answer["started"]), (1, "first"))
                    include.write_text("<?php return 'second';")
                    front.process.send_signal(signal.SIGHUP)
                    front.line("reloaded: generation")
                    await self.until(lambda: self.ask(client, "echo"), lambda heard: heard["started"] == "second")
                self.assertEqual(front.stop(), 0)

    async def test_reloads_in_a_row_end_with_the_last(self) -> None:
        with Front(2) as front:
            url = front.url()
            async with self.connect(url) as client:
                await self.ask(client, "echo")
                for _ in range(10):
                    front.process.send_signal(signal.SIGHUP)
                found = await self.until(lambda: self.ask(client, "echo"), lambda heard: heard["generation"] >= 3)
                self.assertIsNotNone(found)
                await self.until(lambda: asyncio.to_thread(front.workers), lambda workers: len(workers) == 2)
            self.assertEqual(front.stop(), 0)

    async def test_a_stop_during_a_reload_stops(self) -> None:
        with Front(2) as front:
            await self.ready(front, front.url(), 2)
            front.process.send_signal(signal.SIGHUP)
            self.assertEqual(front.stop(), 0)

    async def test_a_stop_drains_and_runs_on_stop_in_each_worker(self) -> None:
        with Front(2) as front:
            url = front.url()
            async with self.connect(url) as client:
                await self.ask(client, "echo")
                front.process.send_signal(signal.SIGTERM)
                self.assertEqual(await self.code(client), 1001)
            self.assertEqual(front.wait(), 0)
            printed = "\n".join(front.said())
            self.assertEqual(printed.count("\nstopped"), 2, printed)
            self.assertIn("stopped: 1 connections drained", printed)

    async def test_the_script_stops_the_whole_server(self) -> None:
        with Front(2) as front:
            url = front.url()
            async with self.connect(url) as one, self.connect(url) as other:
                await self.say(one, "stop")
                self.assertEqual([await self.code(one), await self.code(other)], [1001, 1001])
            self.assertEqual(front.wait(), 0)

    async def test_workers_end_with_their_front(self) -> None:
        front = Front(2)
        try:
            front.url()
            await self.until(lambda: asyncio.to_thread(front.workers), lambda workers: len(workers) == 2)
            workers = front.workers()
            front.process.kill()
            front.process.wait()

            async def alive() -> int:
                stats = [Path(f"/proc/{pid}/stat") for pid in workers]
                return sum(stat.exists() and " Z " not in stat.read_text() for stat in stats)

            await self.until(alive, lambda count: count == 0)
        finally:
            front.wait()

    async def test_a_script_that_fails_in_its_first_worker_ends_the_front(self) -> None:
        with Front(1, env={"START": "exit"}) as front:
            self.assertNotEqual(front.wait(), 0)

    async def test_repeated_timers_run_in_one_worker_at_a_time(self) -> None:
        with Front(3) as front:
            url = front.url()
            async with self.connect(url) as client:
                for _ in range(5):
                    front.process.send_signal(signal.SIGHUP)
                    front.line("reloaded")
                    await self.ask(client, "echo")
                for _ in range(3):
                    for pid in front.workers():
                        os.kill(pid, signal.SIGKILL)
                    await self.ask(client, "echo")
                    front.line("tick")
            front.stop()
        ticks = [match for line in front.said() if (match := re.match(r"tick (\d+) (\d+)", line))]
        ticks.sort(key=lambda tick: int(tick[2]))
        pids = [tick[1] for tick in ticks]
        # A worker that was the leader, and no longer is, never is again.
        turns = [pid for place, pid in enumerate(pids) if place == 0 or pids[place - 1] != pid]
        self.assertEqual(len(turns), len(set(turns)), turns)
        self.assertGreater(len(turns), 5)

    async def test_workers_are_replaced_for_their_limits_and_nothing_is_lost(self) -> None:
        with Front(2, {"maxMessages": 50}) as front:
            url = front.url()
            async with self.connect(url) as client:
                pids = set()
                for number in range(600):
                    heard = await self.ask(client, f"echo {number}")
                    self.assertEqual((heard["answer"], heard["attempt"]), (str(number), 1))
                    pids.add(heard["pid"])
                self.assertGreater(len(pids), 3)
            self.assertGreater(front.figures(url)["ferrite_workers_recycled_total"], 2)
            self.assertEqual(front.stop(), 0)

    async def test_a_large_message_crosses_in_both_directions(self) -> None:
        with Front(1) as front:
            url = front.url()
            async with self.connect(url, max_size=None) as client:
                text = "x" * 1_000_000
                self.assertEqual((await self.ask(client, "large " + text))["answer"], len(text))
                heard = await self.ask(client, "echo " + text)
                self.assertEqual(heard["answer"], text)
            self.assertEqual(front.stop(), 0)

    async def test_without_a_worker_the_server_is_not_ready(self) -> None:
        with Front(1, {"handlerTimeout": 60}) as front:
            url = front.url()
            address = url.replace("ws://", "http://") + "/health/ready"

            async def status() -> int:
                try:
                    return (await asyncio.to_thread(urllib.request.urlopen, address)).status
                except urllib.error.HTTPError as error:
                    return error.code

            await self.until(status, lambda found: found == 200)
            self.assertEqual(front.stop(), 0)


if __name__ == "__main__":
    unittest.main()

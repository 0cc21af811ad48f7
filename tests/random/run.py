#!/usr/bin/env python3
"""Plays random scenes with the PHP face, each in a process of its own, and looks at how the processes end.

    run.py [SECONDS]              scenes with new seeds for so long, by default a minute
    run.py --seed N [--times K]   that one again, which also prints everything that it did
    run.py --count N              so many scenes, however long they take

The script of a scene is determined by its seed, the timing of network and threads is not: a seed that failed once may
have to be played some times until it fails again. What fails leaves its trace and output in target/random.
"""

import argparse
import concurrent.futures
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "random"
SLOW = float(os.environ.get("FERRITE_TEST_SLOW", "1"))
# A scene takes less than a second; a machine may be busy.
PATIENCE = 60 * SLOW
# What no scene prints by itself. Its process may have closed its output, and then the exit status says enough.
WORDS = re.compile(
    rb"Rust panic|panicked at|zend_mm_heap corrupted|Assertion .* failed|double free|corrupted size|free\(\): invalid"
    rb"|AddressSanitizer|Zend OPcache can't|\(memory leaks? detected\)"
)


class Scene:
    """One process that plays a seed."""

    def __init__(self, seed: int, options: argparse.Namespace):
        self.seed = seed
        self.mood = options.mood or ("wild" if seed % 2 == 0 else "calm")
        self.rounds = options.rounds
        self.trace = TARGET / f"{seed}.trace"
        self.output = TARGET / f"{seed}.output"

    def command(self, folder: str) -> list[str]:
        script = str(Path(__file__).parent / "face.php")
        return [*php(), script, str(self.seed), self.mood, str(self.trace), folder, str(self.rounds)]

    def play(self) -> str:
        """What was wrong; empty if nothing was."""
        for file in (self.trace, self.output):
            file.unlink(missing_ok=True)
        # A socket's path must be short.
        with tempfile.TemporaryDirectory(prefix="ferrite-") as folder, open(self.output, "wb") as output:
            process = subprocess.Popen(
                self.command(folder),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(),
                cwd=folder,
            )
            try:
                status = process.wait(PATIENCE + self.rounds * SLOW)
            except subprocess.TimeoutExpired:
                stack = stack_of(process.pid)
                process.kill()
                process.wait()
                return f"hung\n{stack}"
            wrong = self.judge(status)
            if status < 0:
                wrong += "\n" + stack_of_core(folder)
        return wrong

    def judge(self, status: int) -> str:
        trace = self.trace.read_bytes() if self.trace.exists() else b""
        wrong = [line.decode(errors="replace") for line in trace.splitlines() if b" FAULT: " in line]
        wrong += [found.decode() for found in WORDS.findall(self.output.read_bytes())]
        if status < 0:
            wrong.append(f"ended by {signal.Signals(-status).name}")
        elif status not in self.expected(trace):
            wrong.append(f"ended with status {status}")
        return "\n".join(wrong)

    def expected(self, trace: bytes) -> set[int]:
        """What the scene said it would exit with. An exception that nobody catches, which destructors throw also at the
        end of a script, makes it 255; a later exit, in a shutdown function, has the last word. In a child, all that
        may happen too, but it is its parent who knows."""
        said = {int(number) for number in re.findall(rb" EXIT (\d+)", trace)}
        if not said:
            return set()
        return said | {255} if self.mood == "wild" else said & {0}

    def forget(self) -> None:
        for file in (self.trace, self.output):
            file.unlink(missing_ok=True)


def php() -> list[str]:
    command = [os.environ.get("FERRITE_PHP") or os.environ.get("PHP") or "php", "-n"]
    library = os.environ.get("FERRITE_EXT") or ROOT / "target/release/libferrite.so"
    return command + needed() + ["-d", f"extension={Path(library).absolute()}"]


NEEDED: list[str] | None = None


def needed() -> list[str]:
    """The arguments that give PHP what scenes need beside it, if they can be had: signals to itself."""
    global NEEDED
    if NEEDED is None:
        ask = [os.environ.get("PHP") or "php", "-n"]
        test = ["-r", "exit(function_exists('posix_kill') ? 0 : 1);"]
        load = ["-d", "extension=posix"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        is_there = subprocess.run([*ask, *test], **quiet).returncode == 0
        NEEDED = load if not is_there and subprocess.run([*ask, *load, *test], **quiet).returncode == 0 else []
    return NEEDED


def environment() -> dict[str, str]:
    pem = TARGET / "server.pem"
    # A scene is one process: workers would play it once each, on top of each other.
    given = {"FERRITE_WORKERS": "0"}
    return os.environ | given | ({"FERRITE_RANDOM_PEM": str(pem)} if pem.exists() else {})


def make_certificate() -> None:
    """For the servers that speak TLS; without openssl there are none."""
    pem = TARGET / "server.pem"
    if pem.exists() or shutil.which("openssl") is None:
        return
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(TARGET / "key.part"), "-out", str(TARGET / "cert.part")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if made.returncode == 0:
        pem.write_bytes((TARGET / "cert.part").read_bytes() + (TARGET / "key.part").read_bytes())


def gdb(*arguments: str) -> str:
    if shutil.which("gdb") is None:
        return "(gdb is not installed: no stack)"
    try:
        done = subprocess.run(
            ["gdb", "-batch", "-nx", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60 * SLOW,
            env=environment(),
        )
    except subprocess.TimeoutExpired:
        return "(gdb took too long)"
    lines = done.stdout.decode(errors="replace").splitlines()
    return "\n".join(line[:200] for line in lines if re.match(r"#\d+ +|Thread |Program ", line))


def stack_of(pid: int) -> str:
    return gdb("-p", str(pid), "-ex", "thread apply all backtrace 40")


def stack_of_core(folder: str) -> str:
    cores = sorted(Path(folder).glob("core*"))
    if not cores:
        return "(no core file here: /proc/sys/kernel/core_pattern sends it elsewhere)"
    binary = shutil.which(os.environ.get("PHP") or "php") or "php"
    return gdb(binary, str(cores[0]), "-ex", "backtrace 60")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--seed", type=int, help="play this scene alone")
    parser.add_argument("--times", type=int, default=1, help="how often, with --seed")
    parser.add_argument("--first", type=int, help="begin with this seed, and go on with the next ones")
    parser.add_argument("--count", type=int, help="play so many scenes instead of SECONDS")
    parser.add_argument(
        "--mood",
        choices=["calm", "wild"],
        help="only scenes that leave nothing behind, or only those that exit and fork",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        help="times that a calm scene is played in its process, at least; from 100 on its memory is looked at, too",
    )
    parser.add_argument(
        "--jobs", type=int, default=2 * (os.cpu_count() or 1), help="scenes at a time: they wait more than they work"
    )
    options = parser.parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    make_certificate()
    if subprocess.run([*php(), "-r", "exit((int) !extension_loaded('ferrite'));"]).returncode != 0:
        print("run.py: PHP does not load the extension, see FERRITE_EXT")
        return 1
    # A scene that crashes leaves its core in its folder, if the system lets it; only its stack is kept.
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
    if options.seed is not None:
        scenes = [Scene(options.seed, options) for _ in range(options.times)]
        options.jobs = 1
    else:
        first = options.first if options.first is not None else int(time.time()) % 1_000_000 * 1000
        scenes = (Scene(seed, options) for seed in range(first, first + (options.count or 10**9)))
    deadline = None if options.count or options.seed is not None else time.monotonic() + options.seconds
    return play(iter(scenes), deadline, options)


def play(scenes, deadline: float | None, options: argparse.Namespace) -> int:
    played, failed = 0, []
    running: dict[concurrent.futures.Future, Scene] = {}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        while True:
            while len(running) < options.jobs and (deadline is None or time.monotonic() < deadline):
                scene = next(scenes, None)
                if scene is None:
                    break
                print(scene.seed, end="\n" if played % 10 == 9 else " ", flush=True)
                played += 1
                running[pool.submit(scene.play)] = scene
            if not running:
                break
            done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                scene = running.pop(future)
                wrong = future.result()
                if wrong:
                    failed.append(scene.seed)
                    print(f"\n---- seed {scene.seed} ({scene.mood}): {wrong}\n{last_lines(scene)}", flush=True)
                elif options.seed is None:
                    scene.forget()
                else:
                    print(f"\n{scene.trace.read_text(errors='replace')}", end="")
    print(
        f"\n{played} scenes, {len(failed)} failed"
        + "".join(f"\n  ./dev test-random --seed {seed} --times 20" for seed in failed)
    )
    return 1 if failed or not played else 0


def last_lines(scene: Scene) -> str:
    lines = scene.trace.read_text(errors="replace").splitlines() if scene.trace.exists() else []
    return "\n".join(["", *lines[-30:], "", f"the whole of it: {scene.trace}, {scene.output}"])


if __name__ == "__main__":
    sys.exit(main())

"""What a probe is: a sentence, code that asserts it, and the server that it attacks.

    from suite import Theme

    theme = Theme("handshake", "…")

    @theme.probe("a request with the method {} gets 405", ["POST", "PUT"])
    def method(server, name):
        …

makes two probes, "a request with the method POST gets 405" and its sister. A case may be a tuple; the first
element names it and all are arguments.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Options = dict[str, Any]


@dataclass(frozen=True)
class Probe:
    """One attack, and what has to come of it."""

    theme: str
    sentence: str
    run: Callable[[Any], None]
    options: Options
    # Mostly waits: runs side by side with the others of its theme that do.
    waits: bool = False
    # Has a server of its own, because it measures memory or ends the server.
    alone: bool = False
    # Takes long: only with --full.
    full: bool = False

    @property
    def name(self) -> str:
        return f"{self.theme}: {self.sentence}"

    @property
    def kind(self) -> str:
        """Probes of one kind share a server."""
        return json.dumps(self.options, sort_keys=True) + (self.sentence if self.alone else "")


@dataclass
class Theme:
    """The probes of one module. `options`: of server.php, for all probes that name no others."""

    name: str
    about: str
    options: Options = field(default_factory=dict)
    probes: list[Probe] = field(default_factory=list)

    def probe(
        self, sentence: str, cases: Iterable[Any] | None = None, *, options: Options | None = None, **how: bool
    ) -> Callable:
        """Registers the function as one probe, or as one for each case."""

        def register(function: Callable) -> Callable:
            for case in [()] if cases is None else cases:
                arguments = case if isinstance(case, tuple) else (case,)

                def run(server: Any, function: Callable = function, arguments: tuple = arguments) -> None:
                    function(server, *arguments)

                chosen = self.options if options is None else options
                self.probes.append(Probe(self.name, sentence.format(*arguments), run, chosen, **how))
            return function

        return register

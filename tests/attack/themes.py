"""The themes, in the order in which they are run."""

import api
import bodies
import control
import deflate
import ending
import fragments
import framing
import handshake
import memory
import proxy
import resources
import slow
import tls
import turns
import utf8

MODULES = (
    handshake,
    bodies,
    framing,
    fragments,
    deflate,
    utf8,
    control,
    slow,
    memory,
    resources,
    tls,
    proxy,
    api,
    ending,
    turns,
)
THEMES = [module.theme for module in MODULES]

"""The themes, in the order in which they are run."""

import bodies
import control
import deflate
import fragments
import framing
import handshake
import slow
import utf8

THEMES = [module.theme for module in (handshake, bodies, framing, fragments, deflate, utf8, control, slow)]

"""The themes, in the order in which they are run."""

import framing

THEMES = [module.theme for module in (framing,)]

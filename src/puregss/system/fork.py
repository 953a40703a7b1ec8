"""RFC 2744 §5.9 (single instantiation): importing this module makes a fork end the era in the child."""

from __future__ import annotations

import os

from puregss.base import era

os.register_at_fork(after_in_child=era.end)

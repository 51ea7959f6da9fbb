"""Judges a Pub/Sub emulator with Google's own client: python FOLDER [FEATURE...], with PUBSUB_EMULATOR_HOST set.

Prints a line of JSON a feature: {"feature", "client", "ok", "detail", "ms"}. A check asserts what Google documents.
"""

import sys

import access  # noqa: F401
import dead_letters  # noqa: F401
import elsewhere  # noqa: F401
import errors  # noqa: F401
import exactly_once  # noqa: F401
import filters  # noqa: F401
import lists  # noqa: F401
import ordering  # noqa: F401
import publishing  # noqa: F401
import pulling  # noqa: F401
import push_forms  # noqa: F401
import pushes  # noqa: F401
import rest  # noqa: F401
import runner
import schemas  # noqa: F401
import seeking  # noqa: F401
import snapshots  # noqa: F401
import streaming  # noqa: F401
import updates  # noqa: F401

runner.run(sys.argv[1:])

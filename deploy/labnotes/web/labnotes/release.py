"""Which release this is, and what that means. The image's build argument VERSION decides."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    version: str
    # The schema that this release brings the database to.
    schema: int
    has_tags: bool = False
    has_review: bool = False
    # The oldest schema of a database that it can migrate.
    migrates_from: int = 0
    # Steps that it does not have.
    left_out: frozenset = frozenset()


BAD = frozenset({3})

RELEASES = {
    release.version: release
    for release in (
        Release("1.1", schema=1),
        Release("1.2", schema=2, has_tags=True),
        # A release that was built badly, on purpose: its migration removes the rows of uploads without tags, and forgets
        # the column that its code counts. It starts and serves, and is not healthy. Going back to 1.2 alone would be healthy,
        # and the rows would be lost.
        Release("1.3", schema=3, has_tags=True, has_review=True),
        # The same, built well.
        Release("1.3.1", schema=4, has_tags=True, left_out=BAD),
        # It has not the code that finds out which uploads were reviewed: 1.3.1 must have run before it.
        Release("1.4", schema=5, has_tags=True, left_out=BAD, migrates_from=4),
    )
}

# The oldest schema whose releases still work on this one. A database says it to releases that are older than itself.
COMPATIBLE_FROM = {1: 1, 2: 1, 3: 1, 4: 1, 5: 1}


def current():
    """Returns the release that this process is."""
    version = os.environ.get("LABNOTES_VERSION", "")
    if version not in RELEASES:
        raise SystemExit(f"error: LABNOTES_VERSION is `{version}`, and the releases are {', '.join(RELEASES)}")
    return RELEASES[version]

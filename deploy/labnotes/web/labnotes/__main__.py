"""Starts the notebook: wait for the database, migrate, serve until told to stop."""

import logging
import signal
import sys
import threading

import psycopg2

from . import release, settings
from .database import Database
from .files import Files
from .notebook import Notebook
from .web import Server

DATABASE_DEADLINE = 60


def main():
    chosen = settings.load()
    this = release.current()
    logging.basicConfig(level=chosen.log_level.upper(), stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    log = logging.getLogger("labnotes")

    database, files = Database(chosen, this), Files(chosen.uploads)
    try:
        files.prepare()
        database.wait(DATABASE_DEADLINE)
        for version in database.migrate():
            log.info("the schema is now %s", version)
    except (OSError, psycopg2.Error) as error:
        raise SystemExit(f"error: labnotes {this.version} could not start: {error}") from error

    server = Server(("", 8080), Notebook(chosen, this, database, files))
    for name in (signal.SIGTERM, signal.SIGINT):
        # The server waits for its own loop when it stops: another thread must ask.
        signal.signal(name, lambda *_: threading.Thread(target=server.shutdown).start())
    log.info("labnotes %s serves on port 8080", this.version)
    server.serve_forever(poll_interval=0.1)
    log.info("labnotes %s stopped", this.version)


main()

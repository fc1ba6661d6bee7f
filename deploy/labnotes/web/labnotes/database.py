"""The rows: one for each upload, and one that says which schema this is."""

import time
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import psycopg2.extras

from . import release

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number, the same for all releases: who migrates holds this lock.
MIGRATION_LOCK = 7120

COLUMNS = "id, name, size, sha256, uploaded_at"


class Database:
    def __init__(self, settings, this):
        self._parameters = settings.database
        self._this = this
        self._columns = COLUMNS + (", tags" if this.has_tags else "")

    @contextmanager
    def transaction(self):
        """One connection, one transaction: committed when the block ends well."""
        connection = psycopg2.connect(**self._parameters, cursor_factory=psycopg2.extras.RealDictCursor)
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def wait(self, seconds):
        """Returns once the database answers; the last error when it did not within `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with self.transaction() as cursor:
                    cursor.execute("SELECT 1")
                return
            except psycopg2.OperationalError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.3)

    def migrate(self):
        """Brings the schema to this release's, one transaction a step; returns the steps that were needed."""
        done = []
        with self.transaction() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS schema_version ("
                " version integer PRIMARY KEY, compatible_from integer NOT NULL,"
                " migrated_at timestamptz NOT NULL DEFAULT now())"
            )
            found, _ = self._schema(cursor)
            if 0 < found < self._this.migrates_from:
                raise SystemExit(
                    f"error: labnotes {self._this.version} can migrate a database from schema {self._this.migrates_from} on,"
                    f" and this one has schema {found}"
                )
            for version in range(found + 1, self._this.schema + 1):
                if version in self._this.left_out:
                    continue
                cursor.execute((MIGRATIONS / f"{version}.sql").read_text(encoding="utf-8"))
                cursor.execute(
                    "INSERT INTO schema_version (version, compatible_from) VALUES (%s, %s)",
                    (version, release.COMPATIBLE_FROM[version]),
                )
                done.append(version)
        return done

    def problems(self):
        """What keeps this release from working on this database, in words; nothing when it works."""
        try:
            with self.transaction() as cursor:
                version, compatible_from = self._schema(cursor)
                problems = self._schema_problems(version, compatible_from)
                self._run_the_usual_query(cursor)
            return problems
        except psycopg2.Error as error:
            return [f"database: {str(error).strip().splitlines()[0]}"]

    def _schema_problems(self, version, compatible_from):
        if version < self._this.schema:
            return [f"database: its schema is {version}, {self._this.version} needs {self._this.schema}"]
        if self._this.schema < compatible_from:
            return [f"database: its schema is {version}, which {self._this.version} cannot use"]
        return []

    def _run_the_usual_query(self, cursor):
        cursor.execute(f"SELECT {self._columns} FROM uploads ORDER BY uploaded_at DESC LIMIT 1")
        if self._this.has_review:
            cursor.execute("SELECT count(*) FROM uploads WHERE reviewed_by IS NULL")

    def schema(self):
        with self.transaction() as cursor:
            return self._schema(cursor)[0]

    @staticmethod
    def _schema(cursor):
        cursor.execute("SELECT version, compatible_from FROM schema_version ORDER BY version DESC LIMIT 1")
        row = cursor.fetchone()
        return (row["version"], row["compatible_from"]) if row else (0, 0)

    def add(self, cursor, upload):
        columns = ["id", "name", "size", "sha256"] + (["tags"] if self._this.has_tags else [])
        marks = ", ".join(f"%({column})s" for column in columns)
        cursor.execute(
            f"INSERT INTO uploads ({', '.join(columns)}) VALUES ({marks}) RETURNING {self._columns}", upload
        )
        return as_json(cursor.fetchone())

    def find(self, upload_id):
        with self.transaction() as cursor:
            cursor.execute(f"SELECT {self._columns} FROM uploads WHERE id = %s", (upload_id,))
            row = cursor.fetchone()
        return as_json(row) if row else None

    def list(self, search=None, tag=None):
        where, values = ["true"], []
        if search and self._this.has_tags:
            where.append("(name ILIKE %s OR %s = ANY (tags))")
            values += [f"%{search}%", search]
        if tag and self._this.has_tags:
            where.append("%s = ANY (tags)")
            values.append(tag)
        with self.transaction() as cursor:
            cursor.execute(
                f"SELECT {self._columns} FROM uploads WHERE {' AND '.join(where)} ORDER BY uploaded_at, id", values
            )
            return [as_json(row) for row in cursor.fetchall()]

    def remove(self, upload_id):
        """Whether there was such a row."""
        with self.transaction() as cursor:
            cursor.execute("DELETE FROM uploads WHERE id = %s", (upload_id,))
            return cursor.rowcount == 1


def as_json(row):
    return {**row, "uploaded_at": row["uploaded_at"].isoformat()}

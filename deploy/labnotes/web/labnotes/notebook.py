"""The notebook: rows and files together, so that neither is believed without the other."""


class Notebook:
    def __init__(self, settings, this, database, files):
        self.settings = settings
        self.release = this
        self._database = database
        self._files = files

    def add(self, name, tags, chunks):
        """Keeps one upload: the file first, then the row. All of it, or nothing."""
        upload = {**self._files.receive(chunks), "name": name, "tags": tags}
        try:
            with self._database.transaction() as cursor:
                row = self._database.add(cursor, upload)
                self._files.keep(upload["id"])
            return row
        except BaseException:
            # An error of the commit itself may hide a row that is there: ask before the file goes.
            if not self._is_known(upload["id"]):
                self._files.drop(upload["id"])
            raise

    def _is_known(self, upload_id):
        try:
            return self._database.find(upload_id) is not None
        except Exception:
            return True

    def list(self, search=None, tag=None):
        return self._database.list(search, tag)

    def find(self, upload_id):
        return self._database.find(upload_id)

    def open(self, upload_id):
        return self._files.open(upload_id)

    def remove(self, upload_id):
        was_there = self._database.remove(upload_id)
        if was_there:
            self._files.drop(upload_id)
        return was_there

    def problems(self):
        return self._database.problems() + self._files.problems()

    def check(self):
        """Reads every byte: which uploads are not what they were?"""
        rows = self.list()
        return {"uploads": len(rows), **self._files.differences(rows)}

    def describe(self):
        return {"version": self.release.version, "app": "labnotes", "schema": self._database.schema()}

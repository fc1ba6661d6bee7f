"""The bytes: one file for each upload, named by its id.

**Invariant:** a row never exists without its file. A file is complete, on disk and in its place before its row is
committed, and it goes only after its row went. A file without a row may be left by a crash; it does no harm.
"""

import hashlib
import os
import uuid

CHUNK = 1 << 20


class Files:
    def __init__(self, folder):
        self._kept = folder / "kept"
        self._arriving = folder / "arriving"

    def prepare(self):
        """Makes the folders, and removes what had only begun to arrive when the last process ended."""
        self._kept.mkdir(parents=True, exist_ok=True)
        self._arriving.mkdir(exist_ok=True)
        for part in self._arriving.iterdir():
            part.unlink()

    def receive(self, chunks):
        """Writes the chunks to a file of its own; returns its id, size and digest. It is not kept yet."""
        upload_id, digest, size = uuid.uuid4().hex, hashlib.sha256(), 0
        part = self._arriving / upload_id
        try:
            with open(part, "xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return {"id": upload_id, "size": size, "sha256": digest.hexdigest()}

    def keep(self, upload_id):
        os.rename(self._arriving / upload_id, self._kept / upload_id)
        sync_folder(self._kept)

    def drop(self, upload_id):
        for folder in (self._arriving, self._kept):
            (folder / upload_id).unlink(missing_ok=True)

    def open(self, upload_id):
        return open(self._kept / upload_id, "rb")

    def problems(self):
        """What keeps us from storing a file, in words: tried with a real one."""
        probe = self._arriving / f"health-{uuid.uuid4().hex}"
        try:
            with open(probe, "xb") as file:
                file.write(b"labnotes")
                file.flush()
            probe.unlink()
            return []
        except OSError as error:
            return [f"uploads folder: {error.strerror} ({error.filename})"]

    def differences(self, rows):
        """The rows whose file is missing or holds other bytes than were uploaded."""
        missing, changed = [], []
        for row in rows:
            try:
                with self.open(row["id"]) as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != row["sha256"]:
                        changed.append(row["id"])
            except FileNotFoundError:
                missing.append(row["id"])
        return {"missing": missing, "changed": changed}


def sync_folder(folder):
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

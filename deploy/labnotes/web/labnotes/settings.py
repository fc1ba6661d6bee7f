"""What an installation sets: the configuration file, and the database in the environment."""

import configparser
import os
from dataclasses import dataclass
from pathlib import Path

SIZES = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4,
         "ki": 1024, "mi": 1024**2, "gi": 1024**3, "ti": 1024**4}


@dataclass(frozen=True)
class Settings:
    title: str
    instance: str
    host: str
    log_level: str
    read_only: bool
    max_upload: int
    uploads: Path
    database: dict


def load():
    """Reads the file that LABNOTES_CONFIG names; a missing file is an empty one."""
    path = Path(os.environ.get("LABNOTES_CONFIG", "/etc/labnotes/labnotes.ini"))
    file = configparser.ConfigParser(interpolation=None)
    file.read(path, encoding="utf-8")
    section = file["labnotes"] if file.has_section("labnotes") else {}
    return Settings(
        title=section.get("title", "Lab notes"),
        instance=section.get("instance", ""),
        host=section.get("host", ""),
        log_level=section.get("log_level", "info"),
        read_only=section.get("read_only", "false").lower() == "true",
        max_upload=parse_size(section.get("max_upload", "10GiB")),
        uploads=Path(section.get("uploads", "/var/lib/labnotes/uploads")),
        database={
            "host": os.environ.get("DB_HOST", "db"),
            "dbname": os.environ.get("DB_NAME", "labnotes"),
            "user": os.environ.get("DB_USER", "labnotes"),
            "password": os.environ.get("DB_PASSWORD", ""),
            "connect_timeout": 3,
            "application_name": "labnotes",
        },
    )


def parse_size(text):
    """Reads `10GiB`, `5 MB`, `1024`."""
    text = str(text).strip()
    number = text.rstrip("BbKkMmGgTtIi ")
    unit = text[len(number):].strip().lower().removesuffix("b")
    if not number.isdigit() or unit not in SIZES:
        raise SystemExit(f"error: `{text}` is not a size; write it like 10GiB")
    return int(number) * SIZES[unit]

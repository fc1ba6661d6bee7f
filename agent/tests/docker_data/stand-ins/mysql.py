#!/usr/bin/env python3
"""Stands for mysqldump and mysql of MySQL 8.0 on a server of MariaDB, of which there is a package: takes only words that both of them
know, and speaks as they do.

Without PROCESS, which nobody gives to whoever backs up, mysqldump fails unless it is told to leave tablespaces out; with GTIDs it
writes what only an administrator can load, unless it is told not to. It writes all rows of a statement into one line. The client does
not know the line by which MariaDB's newer dumps begin, nor any of MariaDB's own words.
"""

import os
import subprocess
import sys

COMMON = {"--user", "--default-character-set"}
DUMP = COMMON | {
    "--single-transaction", "--quick", "--routines", "--triggers", "--events", "--hex-blob", "--no-tablespaces",
    "--skip-dump-date", "--set-gtid-purged", "--column-statistics", "--skip-lock-tables", "--source-data",
}
CLIENT = COMMON | {"--batch", "--skip-column-names", "--raw", "--execute"}
SANDBOX = b"/*M!999999\\- enable the sandbox mode"


def fail(text, code=2):
    print(text, file=sys.stderr)
    sys.exit(code)


def words(tool, known):
    given, rest, is_over = {}, [], False
    for word in sys.argv[1:]:
        if is_over or not word.startswith("-"):
            rest.append(word)
        elif word == "--":
            is_over = True
        else:
            name, _, value = word.partition("=")
            if name not in known:
                fail(f"{tool}: [ERROR] unknown option '{word}'.", 7)
            given[name] = value
    return given, rest


def dump():
    given, rest = words("mysqldump", DUMP)
    if "--no-tablespaces" not in given:
        fail("mysqldump: Error: 'Access denied; you need (at least one of) the PROCESS privilege(s) for this operation' when trying "
             "to dump tablespaces")
    if given.get("--set-gtid-purged") != "OFF":
        fail("Warning: A partial dump from a server that has GTIDs will by default include the GTIDs of all transactions")
    if len(rest) != 1:
        fail("Usage: mysqldump [OPTIONS] database [tables]", 1)
    own = [word for word in sys.argv[1:] if not word.startswith("--set-gtid-purged")]
    child = subprocess.Popen(["/usr/bin/mariadb-dump", *own], stdout=subprocess.PIPE)
    out, is_inserting = sys.stdout.buffer, False
    for line in child.stdout:
        if line.startswith(SANDBOX):
            continue
        if line.startswith(b"-- MariaDB dump"):
            line = b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n"
        if line.startswith(b"INSERT INTO ") and line.endswith(b"VALUES\n"):
            line, is_inserting = line[:-1] + b" ", True
        elif is_inserting and line.endswith(b"),\n"):
            line = line[:-1]
        else:
            is_inserting = False
        out.write(line)
    out.flush()
    sys.exit(child.wait())


def client():
    given, rest = words("mysql", CLIENT)
    if len(rest) > 1:
        fail("Usage: mysql [OPTIONS] [database]", 1)
    if "--execute" in given:
        os.execv("/usr/bin/mariadb", ["mariadb", *sys.argv[1:]])
    child = subprocess.Popen(["/usr/bin/mariadb", *sys.argv[1:]], stdin=subprocess.PIPE)
    for number, line in enumerate(sys.stdin.buffer, 1):
        if line.startswith(SANDBOX):
            child.kill()
            fail(f"ERROR at line {number}: Unknown command '\\-'.", 1)
        try:
            child.stdin.write(line)
        except BrokenPipeError:
            break
    try:
        child.stdin.close()
    except BrokenPipeError:
        pass
    sys.exit(child.wait())


if any(word.startswith(("--password", "-p")) for word in sys.argv[1:]):
    fail("this stand-in takes no password among its words")
{"mysqldump": dump, "mysql": client}[os.path.basename(sys.argv[0])]()

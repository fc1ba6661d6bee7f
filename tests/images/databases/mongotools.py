#!/usr/bin/env python3
"""Stand-ins for mongodump, mongorestore and mongosh, strict in what they take: they speak MongoDB's archive format through the driver.

mongodump --archive [--db=NAME] and mongorestore --archive --drop write and read: the magic, a header, a document for each
collection, a terminator; then for each collection a header, its documents, a terminator, and a header that says its end with a
CRC-64 of the documents. Without --db the accounts go along, as they do with the real tools. mongosh knows the questions of fleet,
which it answers as the real shell does, and a few of the form db.NAME.countDocuments({}).

A file /tmp/dump-loses holds the name of an index or of an option that mongodump then leaves out, as a broken tool would.
"""

import hashlib
import json
import os
import re
import struct
import sys
import urllib.parse

import bson
import bson.json_util
import bson.raw_bson
import pymongo

MAGIC = bytes.fromhex("6de29981")
TERMINATOR = b"\xff\xff\xff\xff"
INTERNAL = ("admin", "config", "local")
USERS = "system.users"
NEW_USERS = "tempusers"
LOSES = "/tmp/dump-loses"


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)


def options(known):
    found = {}
    for word in sys.argv[1:]:
        name, _, value = word.partition("=")
        if name not in known:
            fail(f"error parsing command line options: unknown option `{name}`")
        found[name] = value
    if "--archive" not in found:
        fail("this stand-in reads and writes archives only")
    return found


def credentials(found):
    """The password stands in a file of YAML, as a text in single quotes."""
    if "--username" not in found:
        return {}
    if found.get("--authenticationDatabase") != "admin":
        fail("this stand-in knows users of `admin` only")
    line = open(found["--config"], encoding="utf-8").read().strip()
    match = re.fullmatch(r"password: '((?:[^']|'')*)'", line)
    if not match:
        fail("error parsing config file")
    return {"username": found["--username"], "password": match[1].replace("''", "'"), "authSource": "admin"}


LOGIN = ("--config", "--username", "--authenticationDatabase")


def connect(login):
    uri = "mongodb://127.0.0.1:27017/?directConnection=true"
    client = pymongo.MongoClient(uri, serverSelectionTimeoutMS=3000, **login)
    try:
        client.list_database_names()
    except pymongo.errors.PyMongoError as error:
        fail(f"Failed: can't create session: could not connect to server: {error}"[:300])
    return client


TABLE = []
for _index in range(256):
    _crc = _index
    for _ in range(8):
        _crc = (_crc >> 1) ^ 0xC96C5795D7870F42 if _crc & 1 else _crc >> 1
    TABLE.append(_crc)


def crc64(crc, data):
    crc ^= 0xFFFFFFFFFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFFFFFFFFFF


def signed(number):
    return number - (1 << 64) if number >= 1 << 63 else number


def header(database, collection, end, crc):
    return bson.encode({"db": database, "collection": collection, "EOF": end, "CRC": bson.Int64(signed(crc))})


def dump():
    wanted = options({"--archive", "--db", "--numParallelCollections", *LOGIN})
    out = sys.stdout.buffer
    if out.isatty():
        fail("an archive is not for a terminal")
    client = connect(credentials(wanted))
    raw = bson.codec_options.CodecOptions(document_class=bson.raw_bson.RawBSONDocument)
    databases = [wanted["--db"]] if "--db" in wanted else [n for n in client.list_database_names() if n not in INTERNAL]
    found = [(d, info) for d in sorted(databases) for info in sorted(client[d].list_collections(), key=lambda i: i["name"])]
    found = [(d, info) for d, info in found if not info["name"].startswith("system.")]
    if "--db" not in wanted and client.admin[USERS].find_one():
        found.insert(0, ("admin", {"name": USERS, "type": "collection"}))
    lost = open(LOSES, encoding="utf-8").read().strip() if os.path.exists(LOSES) else ""
    out.write(MAGIC)
    out.write(bson.encode({"concurrent_collections": 1, "version": "0.1", "server_version": "6.0.5", "tool_version": "stand-in"}))
    for database, info in found:
        indexes = [] if info["type"] == "view" else list(client[database][info["name"]].list_indexes())
        indexes = [i.to_dict() for i in indexes if i["name"] != lost]
        described = {"options": {k: v for k, v in info.get("options", {}).items() if k != lost}, "indexes": indexes}
        metadata = bson.json_util.dumps(described)
        out.write(bson.encode({"db": database, "collection": info["name"], "metadata": metadata, "size": 0, "type": info["type"]}))
    out.write(TERMINATOR)
    for database, info in found:
        if info["type"] == "view":
            continue
        crc = 0
        out.write(header(database, info["name"], False, 0))
        for document in client[database].get_collection(info["name"], codec_options=raw).find(batch_size=100).sort("$natural", 1):
            out.write(document.raw)
            crc = crc64(crc, document.raw)
        out.write(TERMINATOR)
        out.write(header(database, info["name"], True, crc))
        out.write(TERMINATOR)
    out.flush()


def read(length):
    found = sys.stdin.buffer.read(length)
    if len(found) != length:
        fail("Failed: stream or file does not appear to be a mongodump archive: unexpected end")
    return found


def item():
    """A document's bytes, or none at a terminator."""
    head = read(4)
    if head == TERMINATOR:
        return None
    (length,) = struct.unpack("<i", head)
    if not 5 <= length <= 17 << 20:
        fail("Failed: a document of an impossible length")
    return head + read(length - 4)


def restore():
    given = options({"--archive", "--drop", "--stopOnError", "--nsInclude", *LOGIN})
    if "--drop" not in given:
        fail("Failed: this stand-in replaces what is there")
    login = credentials(given)
    client = connect(login)
    if read(4) != MAGIC:
        fail("Failed: stream or file does not appear to be a mongodump archive")
    if b"version" not in (item() or b""):
        fail("Failed: the archive has no header")
    pending = {}
    while (piece := item()) is not None:
        described = bson.decode(piece)
        space = (described["db"], described["collection"])
        pending[space] = 0
        if space == ("admin", USERS):
            client.admin.drop_collection(NEW_USERS)
            continue
        client[space[0]].drop_collection(space[1])
        metadata = bson.json_util.loads(described["metadata"])
        client[space[0]].create_collection(space[1], **metadata["options"])
        for index in metadata["indexes"]:
            if index["name"] != "_id_":
                extra = {k: v for k, v in index.items() if k not in ("v", "ns")}
                client[space[0]].command("createIndexes", space[1], indexes=[extra])
        if described.get("type") == "view":
            del pending[space]
    while pending:
        named = item()
        if named is None:
            fail("Failed: a part without a header")
        named = bson.decode(named)
        space = (named["db"], named["collection"])
        if space not in pending:
            fail(f"Failed: nobody promised {space}")
        target = client.admin[NEW_USERS] if space == ("admin", USERS) else client[space[0]][space[1]]
        batch = []
        while (piece := item()) is not None:
            if named["EOF"]:
                fail("Failed: documents after an end")
            pending[space] = crc64(pending[space], piece)
            batch.append(bson.raw_bson.RawBSONDocument(piece))
            if len(batch) == 500:
                target.insert_many(batch)
                batch = []
        if batch:
            target.insert_many(batch)
        if named["EOF"]:
            if signed(pending.pop(space)) != named["CRC"]:
                fail(f"Failed: CRC mismatch for {space}")
    merge_users(client, login)


def merge_users(client, login):
    """Accounts come last: whoever is replaced by them is not let in any longer by what it said before."""
    if NEW_USERS not in client.admin.list_collection_names():
        return
    client.admin.command("_mergeAuthzCollections", 1, tempUsersCollection=f"admin.{NEW_USERS}", drop=True, db="")
    connect(login).admin.drop_collection(NEW_USERS)


def say(*fields):
    print("\t".join([fields[0], *(field.encode().hex() for field in fields[1:])]))


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def shown(value):
    text = value if isinstance(value, str) else bson.json_util.dumps(value, separators=(",", ":"), ensure_ascii=False,
                                                                     json_options=bson.json_util.RELAXED_JSON_OPTIONS)
    return text if len(text) <= 300 else text[:200] + "... " + md5(text)


def say_ends(collection, number):
    for end, order in ("lowest", 1), ("highest", -1):
        canonical = bson.json_util.CANONICAL_JSON_OPTIONS
        found = collection.find().sort("_id", order).limit(number)
        sums = [md5(bson.json_util.dumps(document, json_options=canonical)) for document in found]
        which = f"the {number} documents with the {end} _id, in the shell stand-in"
        say("rows", collection.full_name, which, f"{len(sums)} documents {md5(''.join(sums))}")


def say_collection(database, info):
    collection, kind = database[info["name"]], info["type"]
    thing = f"{kind} `{database.name}.{info['name']}`"
    say("fact", thing, "type", kind)
    for name, value in info.get("options", {}).items():
        say("fact", thing, f"option `{name}`", shown(value))
    if kind == "view":
        return
    indexes = [index.to_dict() for index in collection.list_indexes()]
    for index in indexes:
        rest = {name: index[name] for name in sorted(index) if name not in ("v", "ns", "name", "background", "key")}
        say("fact", thing, f"index `{index['name']}`", shown({"key": index["key"], **rest}))
    if kind == "timeseries" or any("expireAfterSeconds" in index for index in indexes):
        return
    say_ends(collection, 10)
    if database.command("collStats", info["name"]).get("avgObjSize", 0) < 16384:
        say_ends(collection, 200)


def note(client, databases, text):
    status = client.admin.command("serverStatus", repl=0)
    calls = ("insert", "bulk loaded cursor insert", "modify", "remove", "truncate", "update")
    numbers = [status["wiredTiger"]["cursor"].get(f"cursor {call} calls", 0) for call in calls]
    committed = status["wiredTiger"]["transaction"]["transactions committed"]
    say("moment", ",".join(str(int(number)) for number in (status["pid"], committed, *numbers)), "", "")
    if "'account `'" in text:
        for user in client.admin[USERS].find({}, {"user": 1, "db": 1, "roles": 1}).sort("_id", 1):
            roles = sorted(f"{role['role']}@{role['db']}" for role in user["roles"])
            say("fact", f"account `{user['user']}@{user['db']}`", "roles", ", ".join(roles))
    for name in databases:
        for info in sorted(client[name].list_collections(), key=lambda it: it["name"]):
            if not info["name"].startswith("system."):
                say_collection(client[name], info)


def shell():
    words = sys.argv[1:]
    if len(words) != 4 or words[0] != "--quiet" or words[2] != "--eval":
        fail("usage: mongosh --quiet DATABASE --eval TEXT")
    text, login = words[3].strip(), {}
    if text.startswith("var variable = "):
        login = {"username": os.environ["FLEET_USER"], "password": os.environ["FLEET_PASSWORD"], "authSource": "admin"}
        text = text.split("\n", 2)[2]
    elif "MONGO_INITDB_ROOT_USERNAME" in os.environ and os.environ.get("FLEET_USER") is None:
        # Whoever fills the server by hand.
        login = {"username": os.environ["MONGO_INITDB_ROOT_USERNAME"], "authSource": "admin"}
        login["password"] = os.environ["MONGO_INITDB_ROOT_PASSWORD"]
    client = connect(login)
    is_one = "[db.getName()]" in text
    databases = [words[1]] if is_one else [n for n in sorted(client.list_database_names()) if n not in INTERNAL]
    if text.startswith("/* fleet: drop */"):
        for name in databases:
            client.drop_database(name)
    elif text.startswith("/* fleet: count */"):
        named = (lambda name: urllib.parse.quote(name, safe="-_.!~*'()")) if "encodeURIComponent" in text else str
        for name in databases:
            for info in sorted(client[name].list_collections(filter={"type": "collection"}), key=lambda i: i["name"]):
                if any("expireAfterSeconds" in index for index in client[name][info["name"]].list_indexes()):
                    continue
                print(f"{named(name + '.' + info['name'])}\t{client[name][info['name']].count_documents({})}")
    elif text.startswith("/* fleet: note */"):
        note(client, databases, text)
    elif text.startswith("/* fleet: others */"):
        named = (lambda name: urllib.parse.quote(name, safe="-_.!~*'()")) if "encodeURIComponent" in text else str
        for name in sorted(n for n in client.list_database_names() if n not in INTERNAL):
            print(f"database\t{named(name)}")
        own = re.search(r"u\.user !== '([^']*)'", text)[1]
        for user in client.admin["system.users"].find({}, {"user": 1, "db": 1}):
            if user["user"] != own:
                print("account\t" + named(f"{user['user']}@{user['db']}"))
    elif text.isdigit():
        print(text)
    elif match := re.fullmatch(r"db\.(\w+)\.countDocuments\((\{.*\})\)", text):
        print(client[words[1]][match[1]].count_documents(json.loads(match[2])))
    elif match := re.fullmatch(r"db\.(\w+)\.insertMany\((\[.*\])\)", text):
        print(len(client[words[1]][match[1]].insert_many(json.loads(match[2])).inserted_ids))
    elif match := re.fullmatch(r"db\.runCommand\((\{.*\})\)", text):
        print(client[words[1]].command(json.loads(match[1]))["ok"])
    else:
        fail("SyntaxError: this stand-in does not know that question")


TOOLS = {"mongodump": dump, "mongorestore": restore, "mongosh": shell}
TOOLS[os.path.basename(sys.argv[0])]()

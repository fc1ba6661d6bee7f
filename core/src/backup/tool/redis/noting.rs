//! Notes of a Redis server about its keys, which no dump includes: restored ones are compared with them.
//!
//! **Invariant:** no note depends on how the server stores a value in memory, or on the time of the query. Whether the
//! content of a value is noted, or its ends, or neither, may depend on it, because the amount of reading is bounded:
//! one server's content is never compared with another's ends.

use crate::backup::SourceNote;
use std::collections::BTreeMap;

/// Prints lines with a kind, an object, a property and a value, each in hexadecimal. Writes are counted since the last
/// save. The lines of a function library are sorted, because their order is the server's own. Accounts come back with
/// their file, if that is in the data folder.
const FACTS: &str = r#"setting() { ask config get "$1" 2>/dev/null | tail -n +2 | head -n 1; }
hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }
say() { printf '%s\t%s\t%s\t%s\n' "$1" "$(hex "$2")" "$(hex "$3")" "$(hex "$4")"; }
counts='^(run_id|rdb_changes_since_last_save|rdb_last_save_time|evicted_keys):'
moment=$(ask info | tr -d '\r' | grep -E "$counts" | tr '\n' ' ' || true)
say moment "$moment" '' ''
libraries=$(ask function list 2>/dev/null | tr -d '\r' | sed -n '/^library_name$/{n;p;}' | head -n 100)
for library in $libraries; do
    text=$(ask function list libraryname "$library" withcode | tr -d '\r' | LC_ALL=C sort)
    say fact "library of functions \`$library\`" text "$(printf %s "$text" | ask -x eval 'return redis.sha1hex(ARGV[1])' 0)"
done
case $(setting aclfile) in
    '') ;;
    "$(setting dir)"/* | [!/]*)
        accounts=$(ask acl users 2>/dev/null | tr -d '\r')
        case $accounts in *default*)
            printf '%s\n' "$accounts" | head -n 100 | while IFS= read -r account; do
                say fact "account \`$account\`" 'is there' yes
            done ;;
        esac ;;
esac
"#;

/// Names of some keys that do not expire, by hexadecimal digits: those that the server happens to come upon first.
const NAMES: &str = r"local found, cursor, limit = {}, '0', tonumber(ARGV[1])
for _ = 1, 20 do
    local reply = redis.call('SCAN', cursor, 'COUNT', '100')
    cursor = reply[1]
    for _, name in ipairs(reply[2]) do
        if #found < limit and #name <= 200 and redis.call('PTTL', name) == -1 then
            found[#found + 1] = (name:gsub('.', function(byte) return string.format('%02x', byte:byte()) end))
        end
    end
    if cursor == '0' or #found >= limit then break end
end
return found";

/// Prints the types and contents of these keys. For large values, the length is compared, and the ends if they have
/// ends. Fields of some hashes expire, so of a hash only the type is printed, unless the server does not support that
/// or confirms for a bounded number of fields that none expires. Unordered content is sorted by checksum, which is the
/// same in all languages.
const VALUES: &str = r"local lines, database = {}, ARGV[1]
local function hex(text) return (tostring(text):gsub('.', function(byte) return string.format('%02x', byte:byte()) end)) end
local function sum(parts)
    for index, part in ipairs(parts) do
        if type(part) == 'table' then part = sum(part) end
        parts[index] = #tostring(part) .. ':' .. tostring(part)
    end
    return redis.sha1hex(table.concat(parts))
end
local lengths = { string = 'STRLEN', list = 'LLEN', set = 'SCARD', zset = 'ZCARD', hash = 'HLEN', stream = 'XLEN' }
local function lasts(name, length)
    local asked = redis.pcall('HPEXPIRETIME', name, 'FIELDS', 1, '')
    if asked.err then return asked.err:lower():find('unknown', 1, true) ~= nil end
    if length > 20000 then return false end
    local fields = redis.call('HKEYS', name)
    for first = 1, #fields, 1000 do
        local some = { unpack(fields, first, math.min(first + 999, #fields)) }
        local times = redis.pcall('HPEXPIRETIME', name, 'FIELDS', #some, unpack(some))
        if times.err then return false end
        for _, time in ipairs(times) do
            if time >= 0 then return false end
        end
    end
    return true
end
local function pairs_of(name)
    local all, parts = redis.call('HGETALL', name), {}
    for index = 1, #all, 2 do
        parts[#parts + 1] = redis.sha1hex(#all[index] .. ':' .. all[index] .. all[index + 1])
    end
    table.sort(parts)
    return parts
end
local function stream_of(name)
    local parts = redis.call('XRANGE', name, '-', '+')
    local about = redis.call('XINFO', 'STREAM', name)
    for index = 1, #about, 2 do
        if about[index] == 'last-generated-id' then parts[#parts + 1] = about[index + 1] end
    end
    local groups = {}
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', name)) do
        local one = {}
        for index = 1, #group, 2 do one[group[index]] = group[index + 1] end
        groups[#groups + 1] = one.name .. ' ' .. one['last-delivered-id'] .. ' ' .. one.pending
    end
    table.sort(groups)
    parts[#parts + 1] = groups
    return parts
end
local function all_of(kind, name)
    if kind == 'string' then return { redis.call('GET', name) } end
    if kind == 'list' then return redis.call('LRANGE', name, 0, -1) end
    if kind == 'zset' then return redis.call('ZRANGE', name, 0, -1, 'WITHSCORES') end
    if kind == 'hash' then return pairs_of(name) end
    if kind == 'stream' then return stream_of(name) end
    local members = redis.call('SMEMBERS', name)
    for index, member in ipairs(members) do members[index] = redis.sha1hex(member) end
    table.sort(members)
    return members
end
local function ends_of(kind, name)
    if kind == 'string' then
        return { redis.call('GETRANGE', name, 0, 65535), redis.call('GETRANGE', name, -65536, -1) }
    end
    if kind == 'list' then return { redis.call('LRANGE', name, 0, 19), redis.call('LRANGE', name, -20, -1) } end
    if kind == 'zset' then
        return { redis.call('ZRANGE', name, 0, 19, 'WITHSCORES'), redis.call('ZRANGE', name, -20, -1, 'WITHSCORES') }
    end
    if kind == 'stream' then
        return { redis.call('XRANGE', name, '-', '+', 'COUNT', 20), redis.call('XREVRANGE', name, '+', '-', 'COUNT', 20) }
    end
end
for index = 2, #ARGV do
    local name = ARGV[index]:gsub('%x%x', function(digits) return string.char(tonumber(digits, 16)) end)
    local kind, time = redis.call('TYPE', name).ok, redis.call('PTTL', name)
    if kind ~= 'none' then
        local shown = name:gsub('[^ -$&-~]', function(byte) return string.format('%%%02X', byte:byte()) end)
        local thing = hex('key `' .. shown .. '` of db' .. database)
        local function say(line, attribute, value)
            lines[#lines + 1] = table.concat({ line, thing, hex(attribute), hex(value) }, '\t')
        end
        say('fact', 'type', kind)
        say('fact', 'expires', time == -1 and 'no' or 'yes')
        local length = lengths[kind] and redis.call(lengths[kind], name)
        if length and (kind ~= 'hash' or lasts(name, length)) then
            say('fact', 'length', length)
            local bytes = length
            if kind ~= 'string' then
                bytes = tonumber(redis.call('MEMORY', 'USAGE', name, 'SAMPLES', length <= 1000 and '0' or '20')) or 0
            end
            local parts, which
            if bytes <= 262144 and (kind == 'string' or length <= 1000) then
                parts, which = all_of(kind, name), 'its contents'
            elseif kind == 'string' or bytes / length <= 4096 then
                parts, which = ends_of(kind, name), 'its ends'
            end
            if parts then say('rows', which, sum(parts)) end
        end
    end
end
return lines";

/// Asks about some keys of all databases, or about those that were noted: a word has the number of a database and their names.
const KEYS: &str = r#"if [ $# = 0 ]; then
    databases=$(ask info keyspace | tr -d '\r' | sed -n 's/^db\([0-9]*\):.*/\1/p' | head -n 20)
    each=$((200 / $(printf '%s\n' "$databases" | wc -l)))
    for database in $databases; do
        found=$(ask -n "$database" eval "$names" 0 "$each" || true)
        found=$(printf %s "$found" | tr '\r\n' '  ')
        case $found in
            *[!0-9a-f\ ]*) printf '%s\n' "$found"; exit ;;
        esac
        set -- "$@" "$database $found"
    done
fi
for asked do
    database=${asked%% *}
    printf '%s\n' "${asked#* }" | xargs -n 20 | while IFS= read -r some; do
        [ -z "$some" ] || ask -n "$database" eval "$values" 0 "$database" $some </dev/null || true
    done
done
"#;

pub fn questions() -> String {
    format!("names=$(cat <<'END'\n{NAMES}\nEND\n)\nvalues=$(cat <<'END'\n{VALUES}\nEND\n)\n{FACTS}{KEYS}")
}

/// The keys of a note, as the words that ask for them again.
pub fn asked(noted: &SourceNote) -> Vec<String> {
    let mut by_database: BTreeMap<&str, String> = BTreeMap::new();
    for (name, database) in noted.facts.keys().filter_map(|thing| key(thing)) {
        let names = by_database.entry(database).or_insert_with(|| database.to_owned());
        names.push(' ');
        names.push_str(&name);
    }
    by_database.into_values().collect()
}

/// The name in hexadecimal digits and the database of a key as it is printed.
fn key(thing: &str) -> Option<(String, &str)> {
    let (name, database) = thing.strip_prefix("key `")?.rsplit_once("` of db")?;
    database.parse::<u32>().ok()?;
    Some((super::super::named::percent_to_hex(name)?, database))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_were_noted_are_asked_for_again_whatever_they_are_called() {
        let things =
            ["key `a` of db0", "key `%00%FF` of db3` of db0", "key `%25` of db12", "account `a`", "key `a` of dbx"];
        let facts = things.map(|thing| (thing.to_owned(), BTreeMap::new())).into();
        let note = SourceNote { facts, ..SourceNote::default() };
        assert_eq!(asked(&note), ["0 00ff60206f6620646233 61", "12 25"]);
    }
}

//! Notes of a MongoDB server about its databases, which no dump includes: restored ones are compared with them.
//!
//! **Invariant:** no fact depends on the server beyond the restored data: no versions of indexes, no identifiers.

/// Prints lines with a kind, an object, a property and a value, each in hexadecimal, in both shells. Long texts are
/// shortened to their beginning and a checksum.
const WORDS: &str = r"const hex = s => encodeURIComponent(s).replace(/%(..)|[^%]/g, (c, h) =>
    h ? h.toLowerCase() : c.charCodeAt(0).toString(16));
const say = (kind, thing, attribute, value) => print([kind, hex(thing), hex(attribute), hex(value)].join('\t'));
const md5 = typeof hex_md5 === 'function' ? hex_md5 : s => require('crypto').createHash('md5').update(s).digest('hex');
const whole = d => typeof EJSON === 'undefined' ? tojson(d, '', true) : EJSON.stringify(d, { relaxed: false });
const plain = v => v === null || typeof v !== 'object' ? v : Array.isArray(v) ? v.map(plain)
    : typeof v.toNumber === 'function' ? v.toNumber() : typeof v.valueOf() === 'number' ? v.valueOf()
    : Object.prototype.toString.call(v) !== '[object Object]' || v._bsontype ? whole(v)
    : Object.keys(v).reduce((o, k) => { o[k] = plain(v[k]); return o; }, {});
const text = v => {
    const all = typeof v === 'string' ? v : JSON.stringify(plain(v));
    return all.length <= 300 ? all : Array.from(all).slice(0, 200).join('') + '... ' + md5(all);
};
";

/// Counts writes of the storage engine as they happen; those of a command are counted at its end. An account without
/// the permission, and a router, do not report the time of writes.
const MOMENT: &str = r"try {
    const status = db.getSiblingDB('admin').runCommand({ serverStatus: 1, repl: 0 }), engine = status.wiredTiger;
    const writes = ['insert', 'bulk loaded cursor insert', 'modify', 'remove', 'truncate', 'update'];
    if (engine) {
        const numbers = writes.map(w => Number(engine.cursor['cursor ' + w + ' calls'] || 0));
        const committed = Number(engine.transaction['transactions committed']);
        say('moment', [Number(status.pid), committed].concat(numbers).join(','), '', '');
    }
} catch (error) { }
";

/// Prints options and indexes of each collection, and checksums of the documents with the lowest and the highest
/// identifiers; of more if they are small. Shells and versions format documents differently, so the sample names them.
/// Expiring documents may be gone, and time series have no order of their own.
const COLLECTIONS: &str = r"const ends = (c, thing, number) => [['lowest', 1], ['highest', -1]].forEach(end => {
    const sums = [];
    c.find().sort({ _id: end[1] }).limit(number).forEach(d => { sums.push(md5(whole(d))); });
    say('rows', thing, 'the ' + number + ' documents with the ' + end[0] + ' _id, in the shell ' + version(),
        sums.length + ' documents ' + md5(sums.join('')));
});
const about = (n, info) => {
    const name = n + '.' + info.name, thing = (info.type || 'collection') + ' `' + name + '`';
    say('fact', thing, 'type', info.type || 'collection');
    const options = info.options || {};
    Object.keys(options).filter(k => k !== 'uuid').forEach(k => say('fact', thing, 'option `' + k + '`', text(options[k])));
    if (info.type === 'view') { return; }
    const c = db.getSiblingDB(n).getCollection(info.name), indexes = c.getIndexes();
    indexes.forEach(i => {
        const spec = {};
        Object.keys(i).filter(k => !['v', 'ns', 'name', 'background', 'key'].includes(k)).sort()
            .forEach(k => { spec[k] = i[k]; });
        say('fact', thing, 'index `' + i.name + '`', text(Object.assign({ key: i.key }, spec)));
    });
    if (info.type === 'timeseries' || indexes.some(i => i.expireAfterSeconds !== undefined)) { return; }
    ends(c, name, 10);
    if (Number(c.stats().avgObjSize || 0) < 16384) { ends(c, name, 200); }
};
const noted = names => names.forEach(n => db.getSiblingDB(n).getCollectionInfos().filter(c => !c.name.startsWith('system.'))
    .sort((a, b) => a.name < b.name ? -1 : 1).slice(0, 1000).forEach(info => about(n, info)));
";

/// Accounts come back where all databases do.
const ACCOUNTS: &str = r"try {
    const roles = u => (u.roles || []).map(r => r.role + '@' + r.db).sort().join(', ');
    db.getSiblingDB('admin').getCollection('system.users').find({}, { user: 1, db: 1, roles: 1 }).sort({ _id: 1 }).limit(1000)
        .forEach(u => say('fact', 'account `' + u.user + '@' + u.db + '`', 'roles', roles(u)));
} catch (error) { }
";

/// The question about the databases that an expression names.
pub fn questions(databases: &str, accounts: Accounts) -> String {
    let accounts = match accounts {
        Accounts::Kept => ACCOUNTS,
        Accounts::Left => "",
    };
    format!("/* fleet: note */\n{WORDS}{MOMENT}{COLLECTIONS}{accounts}noted({databases});")
}

/// Treatment of accounts in a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounts {
    Kept,
    Left,
}

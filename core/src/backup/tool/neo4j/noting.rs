//! Notes of a Neo4j server about its database, which no dump includes: a restored one is compared with them.
//!
//! **Invariant:** no fact depends on the server beyond the restored data: no numbers of indexes, no identifiers of its
//! own.

/// Prints lines with a kind, an object, a property and a value, each in hexadecimal. Indexes and constraints are
/// compared by the statements that would create them, with their labels, properties, types and options. Each query
/// starts its own client.
///
/// Samples the nodes and relationships with the lowest and the highest ids, which a dump keeps. Later versions have
/// another name and another order for these ids, so the sample names them.
///
/// The moment is the number of the last committed transaction, which survives a restart. A server that does not report
/// it has no moment.
const QUESTIONS: &str = r#"hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }
sum() { printf %s "$1" | md5sum | cut -c 1-32; }
say() { printf '%s\t%s\t%s\t%s\n' "$1" "$(hex "$2")" "$(hex "$3")" "$(hex "$4")"; }
statements() {
    answer=$(ask "SHOW $2 YIELD name, createStatement ORDER BY name LIMIT 500 RETURN NAME, STATEMENT")
    printf '%s\n' "$answer" | while IFS= read -r line; do
        case $line in
            \"*\",\ \"*\") ;;
            *) continue ;;
        esac
        name=${line%%\", \"*}
        text=${line#*\", \"}
        text=${text%\"}
        [ "${#text}" -le 300 ] || text=$(printf '%.200s... %s' "$text" "$(sum "$text")")
        say fact "$1 \`${name#\"}\`" statement "$text"
    done
}
sample() {
    for end in lowest highest; do
        order=
        [ "$end" = lowest ] || order=' DESC'
        number=id
        if ! answer=$(ask "$(question "$2" "$3" id "$order")" 2>/dev/null); then
            number=elementId
            answer=$(ask "$(question "$2" "$3" elementId "$order")")
        fi
        say rows "$1" "the 100 with the $end $number" "$(printf '%s\n' "$answer" | wc -l) lines $(sum "$answer")"
    done
}
question() {
    printf '%s' "MATCH $1 WITH n, $3(n) AS number ORDER BY number$4 LIMIT 100" \
        " UNWIND CASE WHEN size(keys(n)) = 0 THEN [''] ELSE keys(n) END AS name" \
        " WITH n, number, name ORDER BY number, name RETURN $2, name, n[name]"
}
moment() {
    answer=$(ask 'SHOW DATABASES YIELD name, lastCommittedTxn RETURN name, lastCommittedTxn' 2>/dev/null || true)
    printf '%s\n' "$answer" | while IFS= read -r line; do
        case $line in
            "\"$database\", "[0-9]*) say moment "$line" '' '' ;;
        esac
    done
}
moment
statements index INDEXES
statements constraint CONSTRAINTS
sample nodes '(n)' 'labels(n)'
sample relationships '()-[n]->()' 'type(n)'
"#;

/// Returns the queries; `printed` quotes a text so that neither a line nor a shell misreads it.
pub fn questions(printed: impl Fn(&str) -> String) -> String {
    QUESTIONS.replace("NAME", &printed("name")).replace("STATEMENT", &printed("createStatement"))
}

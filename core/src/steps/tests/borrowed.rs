//! A container that borrows another one's network is replaced together with it.

use super::check;

/// Stages that replace the borrower and its lender once the lender's successor exists.
const BOTH_ANEW: &str = "stop p-web-1
stop p-vpn-1
remove p-vpn-1 | remove p-web-1
rename p-vpn-1.next to p-vpn-1
start p-vpn-1
create p-web-1
start p-web-1
wait until the instance is healthy";

#[test]
fn who_borrows_a_network_follows_its_lender() {
    check(
        "vpn:1\nweb:1 in p-vpn-1\nimage vpn:2\nimage web:1",
        "vpn:2\nweb:1 in vpn",
        &format!("create p-vpn-1.next\n{BOTH_ANEW}"),
    );
}

#[test]
fn who_borrows_from_the_one_that_stays_is_not_touched() {
    check("vpn:1\nweb:1 in p-vpn-1", "vpn:1\nweb:1 in vpn", "");
}

#[test]
fn a_crash_after_the_lender_s_successor_was_created_does_not_keep_the_borrower() {
    check("vpn:1\nvpn:2 as p-vpn-1.next created\nweb:1 in p-vpn-1\nimage web:1", "vpn:2\nweb:1 in vpn", BOTH_ANEW);
}

#[test]
fn who_borrowed_from_a_lender_that_is_gone_is_made_anew() {
    let expect = "remove p-web-1\ncreate p-web-1\nstart p-web-1\nwait until the instance is healthy";
    check("vpn:2\nweb:1 in gone exited 0\nimage web:1", "vpn:2\nweb:1 in vpn", expect);
    // The same as with a lender that lends no more.
    check("vpn:2\nweb:1 in p-old-1 created\nimage web:1", "vpn:2\nweb:1 in vpn", expect);
}

#[test]
fn who_shall_borrow_no_more_is_made_anew() {
    check(
        "web:1 in gone created\nimage web:1",
        "web:1",
        "create p-web-1.next\nremove p-web-1\nrename p-web-1.next to p-web-1\nstart p-web-1\n\
         wait until the instance is healthy",
    );
}

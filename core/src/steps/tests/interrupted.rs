//! Interrupted changes and changes by hand, and how they are continued.

use super::check;

#[test]
fn an_interrupted_change_goes_on_where_it_was() {
    let goal = "web:2";
    check(
        "web:1\nweb:2 as p-web-1.next created",
        goal,
        "stop p-web-1\nremove p-web-1\nrename p-web-1.next to p-web-1\nstart p-web-1\n\
         wait until the instance is healthy",
    );
    check(
        "web:2 as p-web-1.next created",
        goal,
        "rename p-web-1.next to p-web-1\nstart p-web-1\nwait until the instance is healthy",
    );
    check("web:2 created", goal, "start p-web-1\nwait until the instance is healthy");
}

#[test]
fn an_interrupted_change_goes_back_without_touching_what_runs() {
    check("web:1\nweb:2 as p-web-1.next created", "web:1", "remove p-web-1.next\nwait until the instance is healthy");
}

#[test]
fn a_third_goal_clears_away_what_the_second_left() {
    check(
        "web:1\nweb:2 as p-web-1.next created\nimage web:3",
        "web:3",
        "create p-web-1.next.next\n\
         stop p-web-1\n\
         remove p-web-1 | remove p-web-1.next\n\
         rename p-web-1.next.next to p-web-1\n\
         start p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn what_was_stopped_by_hand_is_started() {
    check("web:1 exited 0", "web:1", "start p-web-1\nwait until the instance is healthy");
    check("web:1 paused", "web:1", "start p-web-1\nwait until the instance is healthy");
}

#[test]
fn what_was_removed_by_hand_is_made_again() {
    check("db:1\nimage web:1", "db:1\nweb:1", "create p-web-1\nstart p-web-1\nwait until the instance is healthy");
}

#[test]
fn what_was_renamed_by_hand_gets_its_name_back() {
    check("web:1 as mine", "web:1", "rename mine to p-web-1\nwait until the instance is healthy");
}

//! Order of services, and their waiting for each other.

use super::check;

#[test]
fn dependants_stop_first_and_dependencies_start_first() {
    check(
        "db:1\nweb:1\nimage db:2\nimage web:2",
        "db:2\nweb:2 after db",
        "create p-db-1.next | create p-web-1.next\n\
         stop p-web-1\n\
         stop p-db-1\n\
         remove p-db-1 | remove p-web-1\n\
         rename p-db-1.next to p-db-1 | rename p-web-1.next to p-web-1\n\
         start p-db-1\n\
         start p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_dependant_that_did_not_change_is_not_touched() {
    check(
        "db:1\nweb:1\nimage db:2",
        "db:2\nweb:1 after db",
        "create p-db-1.next\nstop p-db-1\nremove p-db-1\nrename p-db-1.next to p-db-1\nstart p-db-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn independent_services_go_side_by_side() {
    check(
        "image a:1\nimage b:1\nimage c:1",
        "a:1\nb:1\nc:1",
        "create p-a-1 | create p-b-1 | create p-c-1\nstart p-a-1 | start p-b-1 | start p-c-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_dependency_must_be_healthy_first_where_the_file_says_so() {
    check(
        "image db:1\nimage web:1",
        "db:1\nweb:1 after db healthy",
        "create p-db-1 | create p-web-1\nstart p-db-1\nwait until p-db-1 is healthy (at most 5m)\nstart p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_dependency_that_is_healthy_is_not_waited_for() {
    check(
        "db:1 healthy\nimage web:1",
        "db:1\nweb:1 after db healthy",
        "create p-web-1\nstart p-web-1\nwait until the instance is healthy",
    );
}

#[test]
fn a_job_must_have_completed_first_where_the_file_says_so() {
    check(
        "image job:1\nimage web:1",
        "job:1\nweb:1 after job completed",
        "create p-job-1 | create p-web-1\nstart p-job-1\nwait until p-job-1 has completed (at most 1d)\n\
         start p-web-1\nwait until the instance is healthy",
    );
}

#[test]
fn a_job_that_has_completed_is_not_run_again() {
    check("job:1 exited 0\nweb:1", "job:1\nweb:1 after job completed", "");
}

#[test]
fn a_job_that_failed_is_run_again() {
    check(
        "job:1 exited 1\nweb:1",
        "job:1\nweb:1 after job completed",
        "start p-job-1\nwait until the instance is healthy",
    );
}

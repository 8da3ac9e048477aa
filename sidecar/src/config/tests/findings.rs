//! How findings are told: all at once, in order, one line each, with the right place.

use super::*;

#[test]
fn a_broken_text_is_told_with_what_is_wrong_by_itself_elsewhere() {
    assert_eq!(
        errors("workers = 0\nname = \"a\n[limits]\nconections = 1\n"),
        [
            "1:11: workers: 0 is not a number from 1 to 1024",
            "2:10: invalid basic string, expected `\"`",
            "4:1: limits.conections: unknown key; did you mean `connections`?",
        ],
        "nothing is told as missing: it may stand in the broken part"
    );
    assert_eq!(
        errors(&format!("workers = 1\nworkers = 2\n{MINIMAL}")),
        ["2:1: duplicate key"]
    );
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = "\
workers = \"some\"
detials = \"auto\"
[[outbound.upstream]]
name = \"a\"
endpoints = [\"localhost:80\"]
timeout = { head = 30 }
[drain]
grace = \"1s\"
[log]
access = \"some\"
";
    assert_eq!(
        errors(text),
        [
            "1:11: workers: \"some\" is neither \"auto\" nor a number",
            "2:1: detials: unknown key; did you mean `details`?",
            "5:14: outbound.upstream[0].endpoints[0]: write a name as `dns:localhost:80`",
            "6:20: outbound.upstream[0].timeout.head: expected a duration like \"250ms\", found an integer",
            "8:9: drain.grace: 1s is shorter than `delay` (5s)",
            "10:10: log.access: \"some\" is not one of \"all\", \"failures\", \"off\"",
        ]
    );
}

#[test]
fn a_finding_is_one_line_with_the_file_as_it_was_named() {
    let errors = Config::parse("\"a\\nb\" = 1\n[outbound]", Path::new("etc/o.toml")).unwrap_err();
    let text = errors.to_string();
    let first = text.lines().next().unwrap();
    assert!(
        first.starts_with("etc/o.toml:1:1: \"a\\nb\": unknown key; known here: name, "),
        "{first}"
    );
    assert_eq!(text.lines().count(), errors.0.len());
}

#[test]
fn columns_count_characters() {
    assert_eq!(
        errors(&format!("name = \"é\" # é\n{MINIMAL}tls.mode = \"é\"  \n")),
        [
            "1:8: name: \"é\" is not a name; a name is 1 to 64 of A-Z a-z 0-9 . _ -",
            "5:12: outbound.upstream[0].tls.mode: \"é\" is not one of \"mutual\", \"server\", \"off\"",
        ]
    );
    assert_eq!(
        in_upstream("hosts = [\"é\", \"b\", 1]"),
        [
            "4:10: outbound.upstream[0].hosts[0]: \"é\" is neither a host nor *.suffix",
            "4:20: outbound.upstream[0].hosts[2]: expected a string, found an integer",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_its_path_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing.toml");
    let error = Config::load(&file).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "cannot read the configuration {}: No such file or directory (os error 2)",
            file.display()
        )
    );
}

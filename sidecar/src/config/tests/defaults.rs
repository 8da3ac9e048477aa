//! The table of keys tells the truth.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::*;

const KEYS: &str = include_str!("../KEYS.md");

/// Every key of the table with its default; `None` where it has none that could be written.
fn documented() -> BTreeMap<String, Option<Value>> {
    let rows = KEYS.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (key, rest) = row.split_once("` | ").unwrap();
        let (default, _) = rest.split_once(" | ").unwrap();
        let literal = default.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        let value =
            literal.map(|literal| toml::from_str::<Table>(&format!("v = {literal}")).unwrap()["v"].clone());
        (key.to_owned(), value)
    })
    .collect()
}

/// Every key in effect when a file says only what it must. Those of an upstream stand for themselves.
fn effective() -> BTreeMap<String, Value> {
    let text = "\
[[inbound]]
app = { endpoints = [\"127.0.0.1:1\"] }
[[outbound.upstream]]
name = \"a\"
endpoints = [\"127.0.0.1:1\"]
health = { path = \"/\" }
";
    let mut root: Table = toml::from_str(&config(&format!("{text}{IDENTITY}")).effective()).unwrap();
    let mut keys = BTreeMap::new();
    let upstream = first(root["outbound"].as_table_mut().unwrap(), "upstream");
    flatten("", &upstream, &mut keys);
    let mut inbound = first(&mut root, "inbound");
    inbound.remove("app");
    flatten("inbound.", &inbound, &mut keys);
    flatten("", &root, &mut keys);
    keys
}

/// Takes the first table of an array out of its table.
fn first(table: &mut Table, key: &str) -> Table {
    let Some(Value::Array(mut array)) = table.remove(key) else {
        panic!("{key} is an array")
    };
    let Value::Table(table) = array.remove(0) else {
        panic!("{key} has tables")
    };
    table
}

fn flatten(prefix: &str, table: &Table, keys: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        match value {
            Value::Table(inner) => flatten(&format!("{prefix}{key}."), inner, keys),
            value => {
                keys.insert(format!("{prefix}{key}"), value.clone());
            }
        }
    }
}

/// Durations by their length, everything else by itself.
fn normalized(value: &Value) -> String {
    let duration = value.as_str().and_then(|text| duration::parse(text).ok());
    duration.map_or_else(|| value.to_string(), |duration| format!("{duration:?}"))
}

#[test]
fn every_key_is_in_the_table_and_no_other() {
    let documented: Vec<String> = documented().into_keys().collect();
    let effective: Vec<String> = effective().into_keys().collect();
    assert_eq!(documented, effective);
}

#[test]
fn every_default_is_what_the_table_says() {
    let effective = effective();
    for (key, default) in documented() {
        if let Some(default) = default {
            assert_eq!(normalized(&effective[&key]), normalized(&default), "{key}");
        }
    }
}

#[test]
fn without_a_name_the_host_gives_it() {
    assert_eq!(config(MINIMAL).name, Name::of_host());
}

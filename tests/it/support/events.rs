//! Holds the stream of events against its schema.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

/// The schema that is shipped.
pub(crate) fn schema() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.schema.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// By event, what holds for its line. All of the schema's alternatives at once would be some thirty times slower.
fn validators() -> &'static HashMap<String, Validator> {
    static VALIDATORS: OnceLock<HashMap<String, Validator>> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        let schema = schema();
        let events = schema["oneOf"].as_array().unwrap();
        let name = |event: &Value| {
            event["$ref"].as_str().unwrap().strip_prefix("#/$defs/").unwrap().to_owned()
        };
        let one = |name: &str| {
            let mut one = schema["$defs"][name].clone();
            one["$defs"] = serde_json::json!({ "time": schema["$defs"]["time"] });
            jsonschema::validator_for(&one).unwrap()
        };
        events.iter().map(name).map(|name| (name.clone(), one(&name))).collect()
    })
}

/// The events of a stream, each of which is a whole line.
pub(crate) fn lines(stream: &str) -> Vec<Value> {
    assert!(stream.is_empty() || stream.ends_with('\n'), "a line is not whole: {stream:?}");
    stream
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Asserts that every line is what the schema says, and that each test has one terminal state at most, and just one in a run
/// that came to its end.
pub(crate) fn assert_valid(stream: &str) {
    let (mut ended, mut verdict) = (HashMap::new(), None);
    for line in lines(stream) {
        let event = line["event"].as_str().unwrap_or_else(|| panic!("no event: {line}"));
        let validator = validators().get(event);
        let validator = validator.unwrap_or_else(|| panic!("no event of the schema: {line}"));
        if let Err(error) = validator.validate(&line) {
            panic!("{error} at {}: {line}", error.instance_path());
        }
        assert!(verdict.is_none(), "after the last event: {line}");
        match event {
            "test-finished" | "test-not-run" => {
                let place = (line["lane"].as_u64(), line["index"].as_u64());
                let before = ended.insert(place, line.clone());
                assert!(before.is_none(), "two terminal states: {before:?}, {line}");
            }
            "run-finished" => verdict = line["tests"].as_u64(),
            _ => {}
        }
    }
    if let Some(tests) = verdict {
        assert_eq!(tests, u64::try_from(ended.len()).unwrap(), "{stream}");
    }
}

/// Each test of a stream with its terminal state, sorted.
pub(super) fn terminal_states(stream: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut ends: Vec<_> = lines(stream)
        .iter()
        .filter_map(|line| match line["event"].as_str()? {
            "test-finished" => Some((text(&line["id"]), text(&line["outcome"]))),
            "test-not-run" => Some((text(&line["id"]), "not-run".to_owned())),
            _ => None,
        })
        .collect();
    ends.sort();
    ends
}

//! What a list says of each test. The shape of the JSON is described in the guide and changes only with its `version`.

use callsheet::config::Config;
use callsheet::model::Collection;
use serde::Serialize;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    filter: Option<String>,
    partition: Option<String>,
    tests: Vec<Test<'a>>,
}

#[derive(Serialize)]
struct Test<'a> {
    id: &'a str,
    file: &'a str,
    group: Option<&'a str>,
    tags: Vec<&'a str>,
    last_outcome: Option<&'static str>,
    last_duration: Option<f64>,
}

/// Ids, one a line.
pub(super) fn text(collection: &Collection) -> String {
    collection.items().iter().fold(String::new(), |text, item| text + &item.id + "\n")
}

/// One JSON document.
pub(super) fn json(config: &Config, collection: &Collection) -> String {
    let past = config.past();
    let tests = collection.items().iter().map(|item| {
        let seen = past.of(&item.id);
        Test {
            id: &item.id,
            file: item.file(),
            group: item.group.as_deref(),
            tags: item.tags.iter().map(|tag| &**tag).collect(),
            last_outcome: seen.map(|seen| seen.outcome.word()),
            last_duration: seen.and_then(|seen| Some(seen.duration?.as_secs_f64())),
        }
    });
    let document = Document {
        version: 1,
        filter: config.filter.as_ref().map(ToString::to_string),
        partition: config.partition.map(|partition| partition.to_string()),
        tests: tests.collect(),
    };
    let text = serde_json::to_string_pretty(&document);
    text.expect("strings and numbers can be written as JSON") + "\n"
}

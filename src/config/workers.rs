//! Which workers there are to be.

use super::settings::Settings;
use super::value::{Value, WorkerCount};
use super::{ConfigError, Environment, Origin};
use crate::model::WorkerSpec;

/// xdist's variable that says what `auto` is.
const AUTO_VARIABLE: &str = "PYTEST_XDIST_AUTO_NUM_WORKERS";

/// One specification a worker.
///
/// As in xdist, a number of workers means that many plain ones, whatever `tx` says; but a `tx` that was set at a stronger
/// place than the number (on the command line, where the number stands in a file) wins over it.
pub(super) fn specifications(
    settings: &Settings,
    environment: &Environment,
) -> Result<Vec<WorkerSpec>, ConfigError> {
    let (workers, tx) = (&settings.workers, &settings.tx);
    if !tx.value.is_empty() && tx.strength > workers.strength {
        let wrong = |error| ConfigError::Spec { origin: tx.origin(), error };
        let lists = tx.value.iter().map(|text| WorkerSpec::parse_many(text).map_err(wrong));
        return Ok(lists.collect::<Result<Vec<_>, _>>()?.concat());
    }
    let (count, origin) = match workers.value {
        WorkerCount::Count(count) => (usize::from(count), workers.origin()),
        WorkerCount::Auto | WorkerCount::Logical => automatic(environment)?,
    };
    if count == 0 {
        return Err(ConfigError::NoWorkers(origin));
    }
    let most = settings
        .max_processes
        .value
        .0
        .map_or(count, |most| usize::try_from(most.get()).unwrap_or(usize::MAX));
    Ok(vec![WorkerSpec::default(); count.min(most)])
}

/// How many `auto` is, and who says so.
fn automatic(environment: &Environment) -> Result<(usize, Origin), ConfigError> {
    let Some(text) = environment.get(AUTO_VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok((environment.cpus.get(), Origin::Default));
    };
    let origin = Origin::Variable(AUTO_VARIABLE.to_owned());
    match WorkerCount::from_text(text) {
        Some(WorkerCount::Count(count)) => Ok((count.into(), origin)),
        Some(WorkerCount::Auto | WorkerCount::Logical) | None => Err(ConfigError::Value {
            key: "workers".to_owned(),
            origin,
            found: text.to_owned(),
            expected: "a number from 1 to 65535",
        }),
    }
}

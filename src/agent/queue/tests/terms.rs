//! What may hold for an item, and whether a message says it.

use std::time::Duration;

use serde_json::Value;

use crate::model::Terms;

/// What is said of an item, by a number; in one case of three nothing.
pub(super) fn said(number: u32) -> Option<Terms> {
    let plain = Terms::default();
    let timeout = |limit| Terms { timeout: Some(limit), ..plain };
    match number % 12 {
        1 => Some(Terms { estimate: Some(0.25), ..plain }),
        2 => Some(Terms { alone: true, attempt: 3, ..plain }),
        4 => Some(timeout(None)),
        5 => Some(timeout(Some(Duration::from_millis(1500)))),
        7 => Some(Terms { attempt: u32::MAX, ..plain }),
        8 => Some(Terms { estimate: Some(f64::INFINITY), ..timeout(Some(Duration::MAX)) }),
        10 => Some(Terms { estimate: Some(f64::NAN), ..plain }),
        11 => Some(Terms { alone: true, attempt: 2, estimate: Some(-1.0), ..timeout(None) }),
        _ => None,
    }
}

/// Whether a message to a worker says just this.
pub(super) fn says(message: &str, terms: &Terms) -> bool {
    let message: Value = serde_json::from_str(message).unwrap();
    let seconds = |key: &str| message.get(key).and_then(Value::as_f64);
    let near = |said: Option<f64>, meant: Option<f64>| match (said, meant) {
        (Some(said), Some(meant)) => (said - meant).abs() < 0.001,
        (said, meant) => said == meant,
    };
    let estimate = terms.estimate.filter(|estimate| !estimate.is_nan());
    let limit = terms.timeout.flatten().map(|limit| limit.as_secs_f64().min(1e9));
    near(seconds("estimate"), estimate.map(|estimate| estimate.clamp(0.0, 1e9)))
        && message.get("alone").is_some_and(|alone| alone == true) == terms.alone
        && message.get("attempt").map_or(1, |attempt| attempt.as_u64().unwrap())
            == u64::from(terms.attempt)
        && message.get("timeout").is_some() == terms.timeout.is_some()
        && near(seconds("timeout"), limit)
}

/// Whether both say the same; what is no number is as good as another one.
pub(super) fn are_same(one: &Terms, other: &Terms) -> bool {
    let bits = |terms: &Terms| terms.estimate.map(f64::to_bits);
    let rest = |terms: &Terms| Terms { estimate: None, ..*terms };
    bits(one) == bits(other) && rest(one) == rest(other)
}

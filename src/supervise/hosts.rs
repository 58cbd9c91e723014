//! Whether a host that is out of reach is tried again: a pure rule. What happened to it goes in with the time, a verdict comes
//! out.

use std::time::Duration;

use super::Restart;

/// The first wait of a row, doubled with each further one.
const FIRST: Duration = Duration::from_millis(500);

/// The longest wait: a host that is back is not left idle for long.
const LONGEST: Duration = Duration::from_secs(15);

/// A host that was up for at least this long did not come up in vain.
const LONG: Duration = Duration::from_secs(60);

/// So many losses in a row of a host that had come up each time, none of them [`LONG`] after, and it is no good: more than a
/// machine that is started anew twice, few enough that what it holds up ends in a minute.
const DYING: u32 = 4;

/// How the agent of this machine is restarted: it runs no code of the project, so that a third loss in a run is a fault of the
/// machine.
const LOCAL_RESTARTS: u32 = 2;

/// Decides about one host from what has happened to it.
#[derive(Debug)]
pub struct HostPolicy {
    local: bool,
    /// How long it may be out of reach.
    patience: Duration,
    losses: u32,
    /// Losses in a row without a long life.
    in_a_row: u32,
    /// Tries in a row that led to no agent.
    tries: u32,
    /// When it was lost, or tried in vain for the first time. What a try takes while the host is there, as when the project is
    /// brought, is no such time.
    away_since: Option<Duration>,
    up_since: Option<Duration>,
}

impl HostPolicy {
    /// A host that nobody has tried yet.
    pub fn new(local: bool, patience: Duration) -> Self {
        let (losses, in_a_row, tries) = (0, 0, 0);
        Self { local, patience, losses, in_a_row, tries, away_since: None, up_since: None }
    }

    /// It can run tests.
    pub fn came_up(&mut self, now: Duration) {
        self.tries = 0;
        self.away_since = None;
        self.up_since = Some(now);
    }

    /// It is lost, or a try to reach it came to nothing.
    pub fn lost(&mut self, now: Duration) -> Restart {
        self.losses += 1;
        let lived = self.up_since.take().map(|since| now.saturating_sub(since));
        if self.local {
            return self.local_lost(lived.is_some());
        }
        let since = *self.away_since.get_or_insert(now);
        match lived {
            Some(lived) if lived >= LONG => self.in_a_row = 1,
            Some(_) => self.in_a_row += 1,
            None => self.tries += 1,
        }
        if self.in_a_row >= DYING {
            return Restart::Denied(format!("it was lost {} times in a row", self.in_a_row));
        }
        let away = now.saturating_sub(since);
        if away >= self.patience {
            return Restart::Denied(format!("it was out of reach for {} s", away.as_secs()));
        }
        // One that was up and was lost is tried at once.
        let Some(doublings) = (self.tries + self.in_a_row).checked_sub(2) else {
            return Restart::After(if lived.is_some() { Duration::ZERO } else { FIRST });
        };
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        let wait = FIRST.saturating_mul(factor).min(LONGEST);
        Restart::After(wait.min(self.patience.saturating_sub(away)))
    }

    fn local_lost(&self, was_up: bool) -> Restart {
        if !was_up {
            return Restart::Denied(String::new());
        }
        if self.losses > LOCAL_RESTARTS {
            let times = self.losses;
            return Restart::Denied(format!(
                "the agent was lost {times} times and is not started again"
            ));
        }
        Restart::After(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(120);

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn denied(verdict: &Restart) -> &str {
        match verdict {
            Restart::Denied(why) => why,
            Restart::After(_) => panic!("{verdict:?}"),
        }
    }

    #[test]
    fn a_host_out_of_reach_is_tried_ever_later_until_patience_ends() {
        let mut policy = HostPolicy::new(false, PATIENCE);
        let (mut now, mut waits) = (Duration::ZERO, Vec::new());
        let why = loop {
            match policy.lost(now) {
                Restart::After(wait) => {
                    waits.push(wait.as_millis());
                    now += wait;
                }
                Restart::Denied(why) => break why,
            }
        };
        assert_eq!(waits[..7], [500, 500, 1000, 2000, 4000, 8000, 15_000]);
        assert_eq!((now, &*why), (PATIENCE, "it was out of reach for 120 s"));
    }

    #[test]
    fn a_host_that_was_up_is_tried_at_once() {
        let mut policy = HostPolicy::new(false, PATIENCE);
        policy.came_up(seconds(1));
        assert_eq!(policy.lost(seconds(5)), Restart::After(Duration::ZERO));
    }

    #[test]
    fn what_the_first_try_takes_is_not_held_against_a_host() {
        let mut policy = HostPolicy::new(false, PATIENCE);
        assert_eq!(policy.lost(seconds(300)), Restart::After(FIRST));
        let why = policy.lost(seconds(300) + PATIENCE);
        assert_eq!(denied(&why), "it was out of reach for 120 s");
    }

    #[test]
    fn a_host_that_keeps_dying_is_given_up() {
        let mut policy = HostPolicy::new(false, PATIENCE);
        for time in 1..DYING {
            policy.came_up(seconds(u64::from(time) * 10));
            assert!(matches!(policy.lost(seconds(u64::from(time) * 10 + 5)), Restart::After(_)));
        }
        policy.came_up(seconds(90));
        assert_eq!(denied(&policy.lost(seconds(95))), "it was lost 4 times in a row");
    }

    #[test]
    fn a_host_that_lives_long_between_its_losses_is_never_given_up() {
        let mut policy = HostPolicy::new(false, PATIENCE);
        for day in 0..100_u64 {
            policy.came_up(seconds(day * 100_000));
            let verdict = policy.lost(seconds(day * 100_000 + 80_000));
            assert_eq!(verdict, Restart::After(Duration::ZERO));
        }
    }

    #[test]
    fn this_machine_gets_three_agents_and_none_that_never_came_up() {
        let mut policy = HostPolicy::new(true, PATIENCE);
        for _ in 0..LOCAL_RESTARTS {
            policy.came_up(seconds(1));
            assert_eq!(policy.lost(seconds(2)), Restart::After(Duration::ZERO));
        }
        policy.came_up(seconds(3));
        assert!(denied(&policy.lost(seconds(4))).contains("lost 3 times"));
        assert_eq!(denied(&HostPolicy::new(true, PATIENCE).lost(seconds(0))), "");
    }
}

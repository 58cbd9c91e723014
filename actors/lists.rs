//! What the workers of a host tell in parts, until it is whole.

use super::messages::{FromHost, Told};
use crate::model::{Item, TestFile, WorkerId};
use crate::wire::{Alike, List, WorkerEvent};

/// The collections and listings of a host's workers, as far as they were told.
#[derive(Debug, Default)]
pub(super) struct Lists {
    items: Alike<Item>,
    files: Alike<TestFile>,
}

impl Lists {
    /// What a worker is told of this event of its own; nothing of a part of something.
    pub(super) fn hear(&mut self, worker: WorkerId, event: WorkerEvent) -> Option<FromHost> {
        match event {
            WorkerEvent::Items(items) => self.items.more(worker, items),
            WorkerEvent::Files(files) => self.files.more(worker, files),
            whole => {
                let told = self.end(worker, &whole);
                return Some(FromHost { event: whole, told });
            }
        }
        None
    }

    /// What ends with this event.
    fn end(&mut self, worker: WorkerId, event: &WorkerEvent) -> Told {
        match event {
            WorkerEvent::Collected { .. } => {
                self.files.forget(worker);
                Told::Items(self.items.take(worker))
            }
            WorkerEvent::Listed { .. } => Told::Files(self.files.take(worker)),
            WorkerEvent::Exited(_) => {
                self.items.forget(worker);
                self.files.forget(worker);
                Told::Nothing
            }
            _other => Told::Nothing,
        }
    }

    /// The next entries of a worker are so many of the common list; `false` if there are not as many.
    pub(super) fn same(&mut self, worker: WorkerId, list: List, count: u32) -> bool {
        match list {
            List::Items => self.items.same(worker, count),
            List::Files => self.files.same(worker, count),
        }
    }
}

//! Scripts (calls in, decisions out) for every rule, and random histories for what must hold in all of them.

mod history;
mod world;

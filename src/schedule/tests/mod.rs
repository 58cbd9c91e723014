//! Scripts (calls in, decisions out) for every rule, and random histories for what must hold in all
//! of them.

mod crash;
mod each;
mod ending;
mod history;
mod limit;
mod load;
mod loss;
mod offers;
mod peer;
mod plug;
mod recycling;
mod scope;
mod script;
mod start;
mod stream;
mod worksteal;
mod world;

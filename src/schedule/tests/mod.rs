//! Scripts and random histories.

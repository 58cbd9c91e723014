//! Small workers that break the protocol, their process or their promise, each told in its death notice.

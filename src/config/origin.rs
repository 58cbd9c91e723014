//! Where a value was set.

use std::fmt;

/// Where a value was set, in the words that people are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The defaults built into the program.
    Default,

    /// The top of a project's file, by the name shown to people.
    File(String),

    /// A profile built into the program.
    BuiltInProfile(String),

    /// A profile in a project's file.
    Profile {
        /// The profile's name.
        name: String,
        /// The file's name as shown to people.
        file: String,
    },

    /// A variable of the environment.
    Variable(String),

    /// An argument of the command line, by its long name or as people know it.
    Flag(String),

    /// The program that callsheet is a library of.
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(file) => f.write_str(file),
            Self::BuiltInProfile(name) => write!(f, "profile {name} (built in)"),
            Self::Profile { name, file } => write!(f, "profile {name} in {file}"),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
            Self::Program => f.write_str("program"),
        }
    }
}

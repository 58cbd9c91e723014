//! The README and the program say the same about exit codes.

use callsheet::exit::ExitCode;

#[test]
fn the_readme_holds_the_table_of_exit_codes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (_, rest) = readme.split_once("<!-- exit codes -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /exit codes -->").unwrap();
    assert_eq!(table, ExitCode::table());
}

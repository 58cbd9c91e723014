//! Which of the listed tests are run, by their ids.

use super::plan::Program;

/// Keeps tests whose id has one of the names in it, if there are any, and the keyword, if there is one. A program without
/// tests is left out.
pub(super) fn select(programs: &mut Vec<Program>, names: &[String], keyword: Option<&str>) {
    for program in programs.iter_mut() {
        let tests = std::mem::take(&mut program.tests);
        let before = tests.len();
        let is_wanted = |test: &String| {
            let id = program.id_of(test);
            (names.is_empty() || names.iter().any(|name| id.contains(name.as_str())))
                && keyword.is_none_or(|keyword| id.contains(keyword))
        };
        let kept: Vec<String> = tests.into_iter().filter(is_wanted).collect();
        program.deselected = u32::try_from(before - kept.len()).unwrap_or(u32::MAX);
        program.tests = kept;
    }
    programs.retain(|program| !program.tests.is_empty() || program.deselected > 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::libtest::ProgramKind;

    fn program(id: &str, tests: &[&str]) -> Program {
        Program {
            id: id.to_owned(),
            path: "x".into(),
            args: vec![],
            place: 0,
            kind: ProgramKind::Libtest,
            tests: tests.iter().map(|test| (*test).to_owned()).collect(),
            ignored: vec![],
            deselected: 0,
        }
    }

    fn ids(names: &[&str], keyword: Option<&str>) -> (Vec<String>, u32) {
        let mut programs = vec![
            program("a/lib", &["x::one", "x::two"]),
            program("a/tests/suite", &["one"]),
            program("a/tests/none", &[]),
        ];
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        select(&mut programs, &names, keyword);
        let ids = programs.iter().flat_map(|program| {
            program.tests.iter().map(|test| program.id_of(test)).collect::<Vec<_>>()
        });
        (ids.collect(), programs.iter().map(|program| program.deselected).sum())
    }

    #[test]
    fn names_are_parts_of_ids_and_the_keyword_holds_beside_them() {
        assert_eq!(ids(&[], None).0.len(), 3);
        assert_eq!(ids(&["tests/suite"], None), (vec!["a/tests/suite::one".to_owned()], 2));
        assert_eq!(ids(&["one", "two"], Some("lib")).0, ["a/lib::x::one", "a/lib::x::two"]);
        assert_eq!(ids(&["nothing"], None), (vec![], 3));
    }
}

//! The counts of style: lines of a file, lines of a function, first words of comments.

use std::path::{Path, PathBuf};

const MAX_FILE_LINES: usize = 300;
const MAX_FUNCTION_LINES: usize = 50;
const MAX_QUESTIONS_IN_1000: usize = 20;
const FOLDERS: [&str; 6] = [
    "src",
    "emulator/src",
    "emulator/tests",
    "subscribers",
    "m2m",
    "tests",
];
const QUESTIONS: [&str; 7] = ["What", "Whether", "Who", "How", "Where", "When", "Why"];

#[test]
fn no_file_is_longer_than_300_lines_without_its_tests() {
    let mut faults = Vec::new();
    for one in [crate::library(), crate::emulator()] {
        let long = one
            .files()
            .filter(|(_, source)| source.lines > MAX_FILE_LINES);
        faults.extend(long.map(|(file, source)| format!("{file} has {} lines", source.lines)));
    }
    crate::expect_none(&faults);
}

#[test]
fn no_function_is_longer_than_50_lines() {
    let mut faults = Vec::new();
    for one in [crate::library(), crate::emulator()] {
        for (file, source) in one.files() {
            let long = source
                .functions
                .iter()
                .filter(|function| function.lines > MAX_FUNCTION_LINES);
            faults.extend(long.map(|function| {
                format!("{} in {file} has {} lines", function.name, function.lines)
            }));
        }
    }
    crate::expect_none(&faults);
}

#[test]
fn few_comments_begin_with_a_question() {
    let mut comments = 0;
    let mut questions = Vec::new();
    for file in FOLDERS
        .iter()
        .flat_map(|folder| rust_files(&crate::root().join(folder)))
    {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let file = file.strip_prefix(crate::root()).unwrap_or(&file);
        for comment in text.lines().filter_map(comment) {
            comments += 1;
            if is_question(comment) {
                questions.push(format!("{}: {comment}", file.display()));
            }
        }
    }
    let count = questions.len();
    questions.truncate(20);
    assert!(
        count * 1000 < comments * MAX_QUESTIONS_IN_1000,
        "{count} of {comments} comment lines begin with a question, for example:\n{}",
        questions.join("\n"),
    );
}

fn is_question(comment: &str) -> bool {
    let word = comment.split(|letter: char| !letter.is_alphabetic()).next();
    word.is_some_and(|word| QUESTIONS.contains(&word))
}

/// The text of a line that is a comment.
fn comment(line: &str) -> Option<&str> {
    let text = line.trim_start().strip_prefix("//")?;
    Some(text.trim_start_matches(['/', '!']).trim_start())
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files.extend(rust_files(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => {
                files.push(path)
            }
            false => {}
        }
    }
    files
}

//! The generated part of a hand-written file, between two marker lines.

const BEGIN: &str = "<!-- pushgate:begin -->";
const END: &str = "<!-- pushgate:end -->";

/// The text around the part in a new file.
const FRAME: &str = "# Messages between services\n\nThis folder is the contract between publishers and subscribers. `pushgate \
generate` writes the part below; you can edit everything around it.\n\n<!-- pushgate:begin -->\n<!-- pushgate:end -->\n";

/// Returns the file with this part in place of the old one. The text around it stays, byte for byte, and the part's lines end as
/// the first marker line does. Without a file, one is made.
///
/// # Errors
/// If there is not one pair of marker lines.
pub(super) fn replaced(file: Option<&str>, part: &str) -> Result<String, String> {
    let file = file.unwrap_or(FRAME);
    let (mut begins, mut ends) = (Vec::new(), Vec::new());
    let mut position = 0;
    for (index, line) in file.split_inclusive('\n').enumerate() {
        let after = position + line.len();
        match line.trim_start_matches('\u{feff}').trim_end() {
            BEGIN => begins.push((index + 1, after)),
            END => ends.push((index + 1, position)),
            _ => {}
        }
        position = after;
    }
    let (begin, end) = match (begins.as_slice(), ends.as_slice()) {
        ([begin], [end]) => (*begin, *end),
        _ => return Err(miscounted(&begins, &ends)),
    };
    let parts = file.get(..begin.1).zip(file.get(end.1..));
    match parts {
        // Lines end as the text around them.
        Some((before, after)) if begin.0 < end.0 && before.ends_with("\r\n") => {
            Ok(format!("{before}{}{after}", part.replace('\n', "\r\n")))
        }
        Some((before, after)) if begin.0 < end.0 => Ok(format!("{before}{part}{after}")),
        _ => Err(format!(
            "line {} is {END:?} and line {} is {BEGIN:?}, expected them the other way round",
            end.0, begin.0
        )),
    }
}

fn miscounted(begins: &[(usize, usize)], ends: &[(usize, usize)]) -> String {
    let found = |marker: &str, lines: &[(usize, usize)]| match lines {
        [] => format!("no line is {marker:?}"),
        lines => {
            let numbers: Vec<String> = lines.iter().map(|(line, _)| line.to_string()).collect();
            format!("{marker:?} is on line {}", numbers.join(" and line "))
        }
    };
    format!(
        "{}, and {}, expected one line of each: generate replaces the part between them",
        found(BEGIN, begins),
        found(END, ends)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_the_part_stays_byte_for_byte() {
        let file = "\u{feff}# Mine\r\n  <!-- pushgate:begin --> in a sentence\r\n<!-- pushgate:begin -->\r\nold\r\n<!-- pushgate:end -->  \nafter, without an end";
        let new = replaced(Some(file), "new\n").expect("replaced");
        assert_eq!(new, file.replace("old", "new"));
        assert_eq!(replaced(Some(&new), "new\n"), Ok(new));
    }

    #[test]
    fn a_file_that_is_not_there_is_made() {
        let made = replaced(None, "part\n").expect("made");
        assert!(made.starts_with("# "));
        assert!(made.ends_with("<!-- pushgate:begin -->\npart\n<!-- pushgate:end -->\n"));
    }

    #[test]
    fn markers_that_are_not_one_pair_are_refused() {
        let check = |file: &str, expected: &str| {
            let error = replaced(Some(file), "").expect_err(file);
            assert!(error.contains(expected), "{error}");
        };
        let (begin, end) = (BEGIN, END);
        check(
            "text\n",
            "no line is \"<!-- pushgate:begin -->\", and no line is",
        );
        check(
            &format!("{begin}\n"),
            "no line is \"<!-- pushgate:end -->\"",
        );
        check(
            &format!("{end}\n"),
            "no line is \"<!-- pushgate:begin -->\"",
        );
        check(
            &format!("{begin}\n{end}\n\n{begin}\n{end}"),
            "\"<!-- pushgate:begin -->\" is on line 1 and line 4, and",
        );
        check(
            &format!("{end}\n{begin}\n"),
            "line 1 is \"<!-- pushgate:end -->\" and line 2 is \"<!-- pushgate:begin -->\", expected them the other way round",
        );
    }
}

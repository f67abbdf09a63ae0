//! Tab-separated files, with errors that name the line.

use std::{fs, path::Path};

use crate::StartError;

/// Rows with the columns asked for, in that order. The file's first line names its
/// columns.
///
/// # Errors
/// The file cannot be read, a column is missing, or a line has too few fields.
pub fn rows<const N: usize>(path: &Path, columns: [&str; N]) -> Result<Vec<(usize, [String; N])>, StartError> {
    let text = fs::read_to_string(path).map_err(StartError::io(path.display().to_string()))?;
    parse(&text, columns).map_err(|error| StartError::Other(format!("{}:{error}", path.display())))
}

fn parse<const N: usize>(text: &str, columns: [&str; N]) -> Result<Vec<(usize, [String; N])>, String> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_end_matches('\r')));
    let (_, header) =
        lines.next().ok_or_else(|| format!("1: the file is empty; its first line is {}", columns.join("<TAB>")))?;
    let names: Vec<&str> = header.split('\t').collect();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = names.iter().position(|name| *name == column).ok_or_else(|| {
            format!("1: there is no column \"{column}\"; write the first line as {}", columns.join("<TAB>"))
        })?;
    }
    lines.map(|(number, line)| row(number, line, places, names.len())).collect()
}

/// The last column takes what is left, so that a text may hold a tab.
fn row<const N: usize>(
    number: usize,
    line: &str,
    places: [usize; N],
    width: usize,
) -> Result<(usize, [String; N]), String> {
    let fields: Vec<&str> = line.splitn(width, '\t').collect();
    if fields.len() < width {
        let found = fields.len();
        return Err(format!("{number}: {found} fields where the first line has {width}; put tabs between them"));
    }
    Ok((number, places.map(|place| fields[place].to_owned())))
}

/// A number, or an error that names the line.
///
/// # Errors
/// It is none.
pub fn number(path: &Path, line: usize, column: &str, text: &str) -> Result<u32, StartError> {
    text.parse().map_err(|_| {
        let place = path.display();
        StartError::Other(format!("{place}:{line}: {column} is \"{text}\"; it must be a whole number from 0"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        let rows = parse("label\tid\ttext\nspam\t1\ta\tb\n", ["text", "label"]);
        assert_eq!(rows, Ok(vec![(2, ["a\tb".to_owned(), "spam".to_owned()])]));
    }

    #[test]
    fn a_wrong_file_is_told_with_its_line_and_what_to_do() {
        let told = |text| parse(text, ["label", "text"]).err();
        assert_eq!(told("").as_deref(), Some("1: the file is empty; its first line is label<TAB>text"));
        let header = "1: there is no column \"text\"; write the first line as label<TAB>text";
        assert_eq!(told("label\tbody\n").as_deref(), Some(header));
        let short = "3: 1 fields where the first line has 2; put tabs between them";
        assert_eq!(told("label\ttext\nham\thi\nspam free\n").as_deref(), Some(short));
    }
}

//! Running other people's tools, and saying what to do when one is missing.

use std::{
    io::ErrorKind,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::StartError;

/// Runs a tool; its own output goes to the terminal's error stream only when it fails.
///
/// # Errors
/// `missing` when there is no such program, else what it printed.
pub(super) fn run(command: &mut Command, missing: &str) -> Result<String, StartError> {
    let name = program(command);
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(&name, &error, missing))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(StartError::Other(format!("{name} failed ({})\n{}", output.status, printed(&output))))
}

fn program(command: &Command) -> String {
    let path = Path::new(command.get_program());
    path.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}

fn not_started(name: &str, error: &std::io::Error, missing: &str) -> StartError {
    match error.kind() {
        ErrorKind::NotFound => StartError::Other(format!("{name} is not there. {missing}")),
        _ => StartError::Other(format!("{name} cannot be started: {error}")),
    }
}

/// What is for people: cargo's messages for programs, one a line, are not.
fn printed(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr].map(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().filter(|line| !line.starts_with("{\"reason\":")).collect::<Vec<_>>().join("\n").trim().to_owned()
    });
    both.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_says_what_to_do() {
        let error = run(&mut Command::new("lyceum-no-such-tool"), "Install it.").expect_err("there is none");
        assert_eq!(error.to_string(), "lyceum-no-such-tool is not there. Install it.");
    }

    #[test]
    fn a_failing_tool_is_quoted() {
        let error = run(Command::new("sh").args(["-c", "echo no good >&2; exit 3"]), "").expect_err("it fails");
        assert_eq!(error.to_string(), "sh failed (exit status: 3)\nno good");
    }

    #[test]
    fn messages_for_programs_are_not_quoted() {
        let script = r#"echo '{"reason":"build-finished","success":false}'; echo '{ "a": 1 }'; exit 1"#;
        let error = run(Command::new("sh").args(["-c", script]), "").expect_err("it fails");
        assert_eq!(error.to_string(), "sh failed (exit status: 1)\n{ \"a\": 1 }");
    }
}

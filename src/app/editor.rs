//! Opens the config in the person's editor, while the dashboard has handed the terminal over.

use std::path::Path;
use std::process::Command;

use crate::app::surroundings;

/// Variables whose values are credentials by their name; an editor and its plug-ins need none.
const SECRET_ENDINGS: &[&str] = &[
    "_KEY",
    "_TOKEN",
    "_SECRET",
    "_PASSWORD",
    "_PASS",
    "_CREDENTIALS",
];

/// Runs `$VISUAL`, `$EDITOR`, or what there is, on a file. Gives a line to show.
///
/// # Errors
/// No editor could be run, or it failed; in words.
pub fn edit(path: &Path) -> Result<String, String> {
    let wanted = surroundings::variable("VISUAL").or_else(|| surroundings::variable("EDITOR"));
    let wanted = wanted.unwrap_or_else(|| "vi".to_owned());
    let mut words = wanted.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let mut command = Command::new(program);
    command.args(words).arg(path);
    for name in surroundings::environment()
        .keys()
        .filter(|name| is_secret(name))
    {
        command.env_remove(name);
    }
    let status = command.status().map_err(|error| {
        format!("cannot run the editor `{program}`: {error}; set EDITOR to one that is installed")
    })?;
    if status.success() {
        Ok(format!(
            "{program} closed; the config is read again when it changed"
        ))
    } else {
        Err(format!(
            "{program} ended with {status}; the config was left as it is"
        ))
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending)) || name == "DATABASE_URL"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_their_names() {
        assert!(is_secret("OPENAI_API_KEY") && is_secret("hf_token") && is_secret("DATABASE_URL"));
        assert!(!is_secret("PATH") && !is_secret("EDITOR") && !is_secret("TERM"));
    }
}

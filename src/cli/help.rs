//! `sweep help` and the manual pages: the same texts as in `docs/`.

use std::fs;

use clap::CommandFactory as _;

use super::args::{Arguments, HelpArgs, ManArgs};
use super::error::CliError;
use super::output::Output;
use crate::expr::nearest;

/// Topics and their texts.
const TOPICS: [(&str, &str); 8] = [
    ("spec", include_str!("../../docs/spec.md")),
    ("filter", include_str!("../../docs/filter.md")),
    ("views", include_str!("../../docs/views.md")),
    ("queries", include_str!("../../docs/queries.md")),
    ("commands", include_str!("../../docs/commands.md")),
    ("store", include_str!("../../docs/store.md")),
    ("search", include_str!("../../docs/search.md")),
    ("ask-tell", include_str!("../../docs/ask-tell.md")),
];

/// Shows the help of a command or topic; gives the exit code.
///
/// # Errors
/// No such command or topic.
pub fn help(args: &HelpArgs, output: &Output) -> Result<u8, CliError> {
    let mut program = Arguments::command();
    // Options of every command are in its help too.
    program.build();
    let Some(topic) = &args.topic else {
        output.text(&program.render_help().to_string())?;
        return Ok(0);
    };
    if let Some((_, text)) = TOPICS.iter().find(|(name, _)| name == topic) {
        output.text(text)?;
        return Ok(0);
    }
    if let Some(command) = program.find_subcommand_mut(topic) {
        let text = command.render_long_help().to_string();
        output.text(&text)?;
        return Ok(0);
    }
    let commands = program.get_subcommands().map(clap::Command::get_name);
    let known: Vec<&str> = TOPICS.iter().map(|(name, _)| *name).chain(commands).collect();
    let error = CliError::user(format!("there is no command or topic `{topic}`"));
    Err(match nearest(topic, known) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("the topics are {}", TOPICS.map(|(name, _)| name).join(", "))),
    })
}

/// Writes the manual pages; gives the exit code.
///
/// # Errors
/// A folder that cannot be written.
pub fn man(args: &ManArgs, output: &Output) -> Result<u8, CliError> {
    let failed =
        |error: std::io::Error| CliError::system(format!("`{}` cannot be written: {error}", args.folder.display()));
    fs::create_dir_all(&args.folder).map_err(failed)?;
    let mut program = Arguments::command();
    program.build();
    let mut pages = 0;
    let mut write = |name: String, command: clap::Command| {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        pages += 1;
        fs::write(args.folder.join(format!("{name}.1")), page)
    };
    for command in program.get_subcommands().filter(|command| command.get_name() != "complete") {
        let name = format!("sweep-{}", command.get_name());
        write(name, command.clone()).map_err(failed)?;
    }
    write("sweep".into(), program.clone()).map_err(failed)?;
    output.say(&format!("{pages} pages in `{}`", args.folder.display()));
    Ok(0)
}

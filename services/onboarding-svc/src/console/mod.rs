//! The commands of operators at the console. Each writes one line for people or, with `--json`, one line of JSON for each thing;
//! what changes something has a dry run and wants a reason for the audit log. Answers are never shown: they are the members' own.

mod sessions;

use clap::Subcommand;

/// The commands of this service alone.
#[derive(Debug, Clone, Subcommand)]
pub enum Console {
    /// Sessions of workspaces: list, show, archive, repair.
    #[command(subcommand)]
    Sessions(sessions::SessionsCommand),
}

impl Console {
    /// Runs the command and writes its answer to `out`.
    ///
    /// # Errors
    /// With a message for a person; nothing has happened then.
    pub async fn run(&self, app: &crate::OnboardingService, out: &mut (dyn std::io::Write + Send)) -> anyhow::Result<()> {
        match self {
            Self::Sessions(command) => command.run(app, out).await,
        }
    }
}
